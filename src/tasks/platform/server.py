"""Which Prefect API does a run report to?

In this order: the one that `PREFECT_API_URL` names; the server that `make serve` has started on this machine; else a
temporary server of this process's own, on the same database, so that the run shows up in the UI later on.

The temporary server is started before Prefect is imported: both take seconds, and so they take them side by side. It
ends with the process that started it, even when that one is killed, because it watches its standard input.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.platform.errors import CasebookError
from tasks.platform.settings import apply_prefect_settings, settings

STARTUP_SECONDS = 120


def note_file() -> Path:
    """Return the file in which `make serve` notes its address."""
    return settings().home / "server.json"


def healthy(api_url: str, timeout: float = 1.0) -> bool:
    """Tell whether a Prefect API answers at `api_url`."""
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=timeout) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False


def running_server() -> str | None:
    """Return the API address of the server that `make serve` runs on this machine, when it answers."""
    try:
        url = str(json.loads(note_file().read_text("utf-8"))["api_url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    local = url.startswith(("http://127.0.0.1:", "http://localhost:"))
    return url if local and healthy(url) else None


def free_port() -> int:
    """Return a free TCP port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TemporaryServer:
    """A Prefect API in a child process, on the project's own database."""

    def __init__(self) -> None:
        port = free_port()
        self.api_url = f"http://127.0.0.1:{port}/api"
        settings().home.mkdir(parents=True, exist_ok=True)
        self.log = settings().home / "prefect-server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tasks.platform.server", str(port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": _python_path()},
            )
        atexit.register(self.stop)

    def wait(self) -> None:
        """Wait until the API answers.

        Raises:
            CasebookError: the server ended, or does not answer in time.
        """
        deadline = time.monotonic() + STARTUP_SECONDS
        while not healthy(self.api_url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CasebookError(
                    f"The temporary Prefect server did not start; its log is {self.log}."
                    " Run `python -m tasks.platform.doctor`, or set PREFECT_API_URL to a server of your own."
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        atexit.unregister(self.stop)
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _python_path() -> str:
    return os.pathsep.join(filter(None, [str(Path(__file__).resolve().parents[2]), os.getenv("PYTHONPATH")]))


@contextmanager
def prefect_api() -> Iterator[TemporaryServer | None]:
    """Make a Prefect API known through the environment; call before Prefect is imported.

    Yields the temporary server, still starting (call `wait` before the first flow), or None when an API is there.
    """
    apply_prefect_settings()
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    url = running_server()
    server = None if url else TemporaryServer()
    os.environ["PREFECT_API_URL"] = url or (server.api_url if server else "")
    try:
        yield server
    finally:
        del os.environ["PREFECT_API_URL"]
        if server:
            server.stop()


def _serve(port: int) -> None:
    """Serve the API on a loopback port until standard input closes (child process)."""
    os.environ.pop("PREFECT_API_URL", None)
    os.environ["PREFECT_UI_ENABLED"] = "false"
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
    )

    def watch() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()


def prepare() -> None:
    """Create Prefect's database ahead, so that the first run does not wait for its migrations."""
    apply_prefect_settings()
    settings().home.mkdir(parents=True, exist_ok=True)
    import asyncio

    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())


if __name__ == "__main__":
    if sys.argv[1:] == ["prepare"]:
        prepare()
    else:
        _serve(int(sys.argv[1]))
