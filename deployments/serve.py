"""`make serve`: a Prefect server with its UI, the reports, and every flow of flows/ with its schedule.

The schedules come from deployments/prefect.yaml, as those of the work pool do; both give the same deployment its name,
so that a flow that is served and deployed is still one deployment and runs once a night.
"""

import argparse
import contextlib
import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tasks.platform.errors import CasebookError, UsageError  # noqa: E402 - the path comes first
from tasks.platform.server import STARTUP_SECONDS, healthy, note_file  # noqa: E402
from tasks.platform.settings import apply_prefect_settings, settings  # noqa: E402


class QuietReports(http.server.SimpleHTTPRequestHandler):
    """Serves the reports folder, read-only, without a log line for each request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def end_headers(self) -> None:
        """Forbid sniffing and framing by others."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@contextlib.contextmanager
def reports_server(port: int) -> Iterator[str]:
    """Serve the reports on the loopback address, so that links in the Prefect UI open; yield the base URL."""
    settings().output.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(QuietReports, directory=str(settings().output))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UsageError(
            f"Port {port} for the reports is taken ({error.strerror}); name another with --reports-port."
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def prefect_server(port: int) -> Iterator[str]:
    """Run a Prefect server with its UI; yield its API address, noted for the runs on this machine."""
    url = f"http://127.0.0.1:{port}/api"
    if healthy(url):
        raise UsageError(f"A Prefect server answers on port {port} already; stop it, or name another port with --port.")
    os.environ.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    settings().home.mkdir(parents=True, exist_ok=True)
    log = settings().home / "prefect-serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + STARTUP_SECONDS
        while not healthy(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CasebookError(f"The Prefect server did not start; its log is {log}.")
            time.sleep(0.2)
        note_file().write_text(json.dumps({"api_url": url, "pid": process.pid}), "utf-8")
        yield url
    finally:
        note_file().unlink(missing_ok=True)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        if process.poll() is None:
            process.kill()
            process.wait()


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


def serve_flows(url: str, reports: str) -> None:
    """Serve every deployment until interrupted."""
    os.environ |= {
        "PREFECT_API_URL": url,
        "CASEBOOK_REPORTS_URL": reports,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    settings.cache_clear()
    from prefect import serve

    deployments = [build(entry) for entry in read_deployments()]
    print(f"Prefect UI  {url.removesuffix('/api')}\nReports     {reports}\nStop with Ctrl+C.", flush=True)
    serve(*deployments, pause_on_shutdown=False, limit=1)


def main() -> int:
    """Start everything; stop everything on Ctrl+C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4200, help="port of the Prefect server and UI (default: 4200)")
    parser.add_argument("--reports-port", type=int, default=4280, help="port of the reports (default: 4280)")
    options = parser.parse_args()
    os.chdir(ROOT)
    apply_prefect_settings()
    for number in (signal.SIGTERM, signal.SIGINT):  # a background job starts with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        with reports_server(options.reports_port) as reports, prefect_server(options.port) as url:
            serve_flows(url, reports)
    except CasebookError as error:
        print(f"casebook: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
