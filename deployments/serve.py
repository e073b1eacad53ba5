"""`make serve`: the results, a Prefect server with its UI, MLflow, and every flow of flows/ with its schedule.

The schedules come from deployments/prefect.yaml, as those of the work pool do; both give the same deployment its name,
so that a flow that is served and deployed is still one deployment and runs once a night.
"""

import argparse
import contextlib
import http.server
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tasks.platform import keys  # noqa: E402 - the path comes first
from tasks.platform.errors import CasebookError, UsageError  # noqa: E402
from tasks.platform.faults import told  # noqa: E402
from tasks.platform.flow_runs import conclude_killed  # noqa: E402
from tasks.platform.guard import Gate, GuardedHandler  # noqa: E402
from tasks.platform.server import Child, is_ours, note_file, read_note  # noqa: E402
from tasks.platform.settings import apply_prefect_settings, settings  # noqa: E402
from tasks.publishing.home import keep_home  # noqa: E402
from tasks.publishing.registry import embedded_file, prepare_tracking  # noqa: E402

MLFLOW_PORT = 4290


@contextlib.contextmanager
def reports_server(port: int, boot: str) -> Iterator[str]:
    """Serve the reports on the loopback address, so that links in the Prefect UI open; yield the base URL."""
    settings().output.mkdir(parents=True, exist_ok=True)
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), GuardedHandler)
    except OSError as error:
        raise UsageError(
            f"Port {port} for the reports is taken ({error.strerror}); name another with --reports-port."
        ) from None
    gate = Gate(server.server_port, boot)
    server.RequestHandlerClass = type("Reports", (GuardedHandler,), {"gate": gate, "folder": str(settings().output)})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{gate.own}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def prefect_server(port: int, boot: str) -> Iterator[str]:
    """Run a Prefect server with its UI; yield its base URL.

    Raises:
        UsageError: the port is taken.
        CasebookError: the server does not start.
    """
    os.environ.pop("PREFECT_API_URL", None)
    try:
        server = Child("prefect", settings().home / "prefect-serve.log", port, boot)
    except OSError as error:
        raise UsageError(_who_has(port, error)) from None
    try:
        server.wait()
        yield server.url
    finally:
        server.stop()


def _who_has(port: int, error: OSError) -> str:
    """Say what to do about a port that is taken."""
    process = read_note(note_file()).get("pid")
    if is_ours(f"http://127.0.0.1:{port}") and process:
        return f"`make serve` runs already on port {port} (process {process}); stop it with `kill {process}`."
    hint = f"; an earlier `make serve` was process {process}: when it still runs, `kill {process}`" if process else ""
    return f"Port {port} is taken ({error.strerror}){hint}. Or name another port with --port."


@contextlib.contextmanager
def mlflow_server(port: int | None, boot: str) -> Iterator[str]:
    """Start MLflow's UI beside the rest, which does not wait for it; yield its base URL.

    Where a tracking server is set, that is shown. Without a port, 4290 is taken, or a free one.
    """
    if embedded_file() is None:
        yield settings().mlflow_tracking_uri
        return
    prepare_tracking()
    log = settings().home / "mlflow-serve.log"
    try:
        server = Child("mlflow", log, MLFLOW_PORT if port is None else port, boot)
    except OSError as error:
        if port is not None:
            raise UsageError(
                f"Port {port} for MLflow is taken ({error.strerror}); name another with --mlflow-port."
            ) from None
        server = Child("mlflow", log, 0, boot)
    threading.Thread(target=_report_failure, args=[server], daemon=True).start()
    try:
        yield server.url
    finally:
        server.stop()


def _report_failure(server: Child) -> None:
    try:
        server.wait()
    except CasebookError as error:
        print(f"casebook: {error} The rest runs on without it.", file=sys.stderr, flush=True)


@contextlib.contextmanager
def noted(note: dict[str, Any]) -> Iterator[None]:
    """Note where the servers are, for the commands that run meanwhile on this machine."""
    keys.write_private(note_file(), json.dumps(note))
    try:
        yield
    finally:
        if read_note(note_file()).get("pid") == note["pid"]:
            note_file().unlink(missing_ok=True)


def links(note: dict[str, Any]) -> str:
    """Return the addresses to open, each with a key that logs one browser in, once."""
    lines = []
    for name, key in (("Results", "reports_url"), ("Prefect UI", "url"), ("MLflow", "mlflow_url")):
        url = str(note[key])
        port = urlsplit(url).port
        ours = url.startswith("http://127.0.0.1:") and port and (key != "mlflow_url" or embedded_file())
        lines.append(
            f"{name:<11} {url}/?key={keys.key().link(port, note['boot'])}" if ours and port else f"{name:<11} {url}"
        )
    return "\n".join(lines)


def read_deployments(file: Path = ROOT / "deployments" / "prefect.yaml") -> list[dict[str, Any]]:
    """Read the deployments of prefect.yaml.

    Raises:
        UsageError: a flow of flows/ has no deployment there.
    """
    import yaml

    entries = list(yaml.safe_load(file.read_text("utf-8"))["deployments"])
    deployed = {entry["entrypoint"].partition(":")[0] for entry in entries}
    missing = {f"flows/{path.name}" for path in (ROOT / "flows").glob("[!_]*.py")} - deployed
    if missing:
        raise UsageError(f"{file} has no deployment for {', '.join(sorted(missing))}; add one.")
    return entries


def build(entry: dict[str, Any]) -> Any:
    """Build the served deployment of one entry of prefect.yaml."""
    from prefect import Flow
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.schedules import Cron

    flow: Any = Flow.from_source(str(ROOT), entry["entrypoint"])
    return flow.to_deployment(
        name=entry["name"],
        description=entry["description"],
        tags=entry["tags"],
        parameters=entry["parameters"],
        schedules=[Cron(item["cron"], timezone=item["timezone"], active=item["active"]) for item in entry["schedules"]],
        concurrency_limit=ConcurrencyLimitConfig.model_validate(entry["concurrency_limit"]),
    )


def retire(entries: list[dict[str, Any]]) -> None:
    """Delete the deployments of the earlier release: each is called `nightly`, with a schedule that nobody serves."""
    from prefect.client.orchestration import get_client

    kept = {(entry["entrypoint"].rpartition(":")[2], entry["name"]) for entry in entries}
    ours = {flow for flow, _ in kept}
    with get_client(sync_client=True) as client:
        names = {flow.id: flow.name for flow in client.read_flows(limit=200)}
        for found in client.read_deployments(limit=200):
            flow = names.get(found.flow_id, "")
            old = found.name == "nightly" and flow in ours and "casebook" in found.tags
            if old and (flow, found.name) not in kept:
                client.delete_deployment(found.id)
                print(f"The deployment {flow}/{found.name} is gone: the nightly run has its case.", flush=True)


def serve_flows(note: dict[str, Any]) -> None:
    """Serve every deployment until interrupted."""
    os.environ |= {
        "PREFECT_API_URL": note["api_url"],
        "PREFECT_API_AUTH_STRING": keys.auth_string(),
        "CASEBOOK_REPORTS_URL": note["reports_url"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    settings.cache_clear()
    from prefect import serve

    entries = read_deployments()
    conclude_killed()
    retire(entries)
    deployments = [build(entry) for entry in entries]
    print(f"{links(note)}\nEach address logs one browser in; --link makes new ones. Stop with Ctrl+C.", flush=True)
    serve(*deployments, pause_on_shutdown=False, limit=1)


def run(options: argparse.Namespace) -> None:
    """Start everything, and serve until interrupted."""
    boot = secrets.token_hex(8)
    with (
        reports_server(options.reports_port, boot) as reports,
        prefect_server(options.port, boot) as url,
        mlflow_server(options.mlflow_port, boot) as mlflow,
    ):
        note = {"api_url": f"{url}/api", "url": url, "reports_url": reports, "mlflow_url": mlflow}
        note |= {"pid": str(os.getpid()), "boot": boot, "output": str(settings().output.expanduser().absolute())}
        with noted(note):
            keep_home(settings().output)  # its links lead to the servers that have just started
            serve_flows(note)


def print_links() -> None:
    """Print new addresses of the `make serve` that runs.

    Raises:
        CasebookError: none runs.
    """
    note = read_note(note_file())
    if not is_ours(str(note.get("url", ""))):
        raise CasebookError("`make serve` does not run with this home; start it.")
    print(links(note))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4200, help="port of the Prefect server and UI (default: 4200)")
    parser.add_argument("--reports-port", type=int, default=4280, help="port of the reports (default: 4280)")
    parser.add_argument("--mlflow-port", type=int, help=f"port of MLflow (default: {MLFLOW_PORT}, or a free one)")
    parser.add_argument("--link", action="store_true", help="print new addresses to open in a browser, and end")
    return parser.parse_args()


def main() -> int:
    """Start everything; stop everything on Ctrl+C."""
    options = parse()
    os.chdir(ROOT)
    try:
        apply_prefect_settings()
        if options.link:
            print_links()
            return 0
        keys.write_profile()
        for number in (signal.SIGTERM, signal.SIGINT):  # a background job starts with SIGINT ignored
            signal.signal(number, signal.default_int_handler)
        run(options)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    except Exception as error:  # noqa: BLE001 - what nobody knows is raised again
        return told(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
