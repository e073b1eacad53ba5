"""`make app`, `casebook app`: the data app, on the loopback address and behind the guard of the other servers."""

import argparse
import secrets
import signal
import sys
import threading
from urllib.parse import urlsplit

from tasks.platform import keys
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.server import Child
from tasks.platform.settings import settings

PORT = 4270


def main(words: list[str] | None = None) -> int:
    """Serve the app until Ctrl+C; return the exit status."""
    parser = argparse.ArgumentParser(prog="casebook app", description="Serve the data app.")
    parser.add_argument("--port", type=int, default=PORT, help=f"port of the app (default: {PORT})")
    given = parser.parse_args(words)
    boot = secrets.token_hex(8)
    try:
        server = Child("app", settings().home / "app.log", given.port, boot)
    except OSError as error:
        raise UsageError(
            f"Port {given.port} for the app is taken ({error.strerror}); name another with --port."
        ) from None
    for number in (signal.SIGTERM, signal.SIGINT):  # a background job starts with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        server.wait()
        port = urlsplit(server.url).port or given.port
        print(f"The app  {server.url}/?key={keys.key().link(port, boot)}", flush=True)
        print("The address logs one browser in. Stop with Ctrl+C.", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CasebookError as error:
        print(f"casebook: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
