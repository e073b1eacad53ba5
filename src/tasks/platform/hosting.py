"""A server in a child process, behind the guard: `python -m tasks.platform.hosting KIND SOCKET …`.

KIND is `temporary` (Prefect's API for commands), `prefect` (with UI and all services), `mlflow` or `app`. SOCKET is the
number of a socket that the parent has bound already: no other program can take the port between. The server ends when
its standard input closes, which it does however the parent ends; with `--minutes`, when no command has used it for so
long.
"""

import argparse
import contextlib
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.platform import keys
from tasks.platform.guard import Gate, Guard
from tasks.platform.locks import alone, note_of_lingering, unused_for
from tasks.platform.settings import apply_prefect_settings, settings

UPLOAD_MEGABYTES = 20  # of one file, to the data app


def prefect_app(port: int, temporary: bool) -> Any:
    """Return Prefect's ASGI application; its own limits on origins stay on behind the guard's."""
    os.environ.pop("PREFECT_API_URL", None)
    os.environ |= {
        "PREFECT_PROFILES_PATH": os.devnull,  # the guard asks for the key; Prefect's own login page would do so again
        "PREFECT_UI_ENABLED": str(not temporary).lower(),
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
    }
    for name in ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"):
        os.environ.pop(name, None)
    from prefect.server.api.server import create_app

    return create_app(ephemeral=temporary, final=True)


def mlflow_app(port: int) -> Any:
    """Return MLflow's ASGI application on the embedded database, with its own checks of host and origin behind."""
    folder = settings().home / "mlflow"
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": settings().mlflow_tracking_uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": settings().mlflow_tracking_uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(folder / "artifacts"),
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{port},localhost:{port}",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
    }
    from mlflow.server.fastapi_app import app

    return app


def data_app(port: int) -> Any:
    """Return the ASGI application of the data app: uploads bounded, nothing reported to its makers, no traces shown."""
    from streamlit.starlette import App
    from streamlit.web.bootstrap import load_config_options

    load_config_options(
        {
            "browser.gatherUsageStats": False,
            "browser.serverAddress": "127.0.0.1",
            "browser.serverPort": port,
            "server.address": "127.0.0.1",
            "server.port": port,
            "server.headless": True,
            "server.maxUploadSize": UPLOAD_MEGABYTES,
            "server.maxMessageSize": 50,
            "server.fileWatcherType": "none",
            "server.enableXsrfProtection": True,
            "server.enableCORS": True,
            "client.showErrorDetails": "none",
            "client.toolbarMode": "viewer",
            "theme.primaryColor": "#1b6ca8",
            "global.developmentMode": False,
        }
    )
    return App(Path(__file__).resolve().parents[1] / "app" / "main.py")


def _migrated() -> str:
    """Return which database is ready for which release, as far as a look into it tells; "" when it is not."""
    import importlib.metadata

    if os.environ.get("PREFECT_API_DATABASE_CONNECTION_URL") or os.environ.get(
        "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    ):
        return ""
    file = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        ) as database:
            version = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, UnicodeError):
        return ""
    return f"{version[0]} {importlib.metadata.version('prefect')}" if version else ""


@contextlib.contextmanager
def one_migration_at_a_time(complete: bool = True) -> Iterator[None]:
    """Let one process of this machine create or migrate Prefect's database; those that find it ready do not wait.

    With `complete`, the database is taken for ready afterwards: a server has filled it with all that it wants there.

    Raises:
        CasebookError: another process has been at it for longer than the setting `server_start`.
    """
    folder = keys.private_folder(Path(os.environ["PREFECT_HOME"]))
    mark = folder / "migrated"
    ready = _migrated()
    if ready and mark.is_file() and mark.read_bytes() == ready.encode():
        yield
        return
    with alone(folder / "migration.lock", settings().server_start):
        yield
        if complete:
            mark.write_text(_migrated(), "utf-8")


class Hosting:
    """Serves an application until `watch` returns or a signal says so; says `farewell` before the port closes."""

    def __init__(self, watch: Callable[[], None], farewell: Callable[[], None]) -> None:
        self._watch, self._farewell = watch, farewell
        self._server: Any = None
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        self._watch()
        if self._server is None:  # still importing: nothing has been begun that would have to be finished
            os._exit(0)
        self._server.should_exit = True

    def serve(self, app: Any, bound: socket.socket, boot: str, migrates: bool) -> None:
        """Serve `app` behind the guard; `migrates` tells that its start may change Prefect's database."""
        import uvicorn

        farewell = self._farewell

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                with one_migration_at_a_time() if migrates else contextlib.nullcontext():
                    await super().startup(sockets)

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                farewell()
                await super().shutdown(sockets)

        guarded = Guard(app, Gate(bound.getsockname()[1], boot))
        options: dict[str, Any] = {"log_level": "error", "timeout_graceful_shutdown": 1, "server_header": False}
        self._server = Server(uvicorn.Config(guarded, **options))
        self._server.run(sockets=[bound])


def main() -> None:
    """Run one server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["temporary", "prefect", "mlflow", "app"])
    parser.add_argument("socket", type=int)
    parser.add_argument("--boot", default="")
    parser.add_argument("--minutes", type=float, default=0)
    chosen = parser.parse_args()

    def watch() -> None:
        if chosen.minutes:
            unused_for(chosen.minutes * 60)
        else:
            sys.stdin.buffer.read()

    def farewell() -> None:
        if chosen.minutes:  # no other server can have noted itself: this one holds the lock
            note_of_lingering().unlink(missing_ok=True)

    apply_prefect_settings()
    hosting = Hosting(watch, farewell)
    bound = socket.socket(fileno=chosen.socket)
    port = bound.getsockname()[1]
    made: dict[str, Callable[[], Any]] = {"mlflow": lambda: mlflow_app(port), "app": lambda: data_app(port)}
    app = made.get(chosen.kind, lambda: prefect_app(port, chosen.kind == "temporary"))()
    hosting.serve(app, bound, chosen.boot, migrates=chosen.kind not in made)


if __name__ == "__main__":
    main()
