"""How is a Prefect server of this home started, known again, and ended?

None is sent the key of this home before it has proved that it knows it: another user may have taken the port.
"""

import atexit
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tasks.platform import keys
from tasks.platform.databases import mend_prefect
from tasks.platform.errors import CasebookError
from tasks.platform.settings import apply_prefect_settings, python_path, settings
from tasks.platform.text import shorten

LOOPBACK = ("127.0.0.1", "localhost")
LITTLE_DISK = 20 * 2**20  # bytes; below that, SQLite's journal has no room
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy knows the loopback address


def note_file() -> Path:
    """Return the file in which `make serve` notes its addresses."""
    return settings().home / "server.json"


def read_note(file: Path) -> dict[str, Any]:
    """Return what a server noted; empty when there is no note, or none that can be read."""
    try:
        note = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("api_url"), str) else {}


def is_ours(url: str, timeout: float = 2.0) -> bool:
    """Tell whether a server of this home answers at a loopback address; it is sent a question and no secret."""
    parts = urlsplit(url)
    try:
        port = parts.port
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or port is None:
            return False
        nonce = secrets.token_hex(16)
        with _direct.open(f"http://127.0.0.1:{port}/casebook/hello?nonce={nonce}", timeout=timeout) as answer:
            given = json.loads(answer.read(4096))["proof"]
        return keys.same(str(given), keys.key().proof(port, nonce))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def healthy(api_url: str, timeout: float = 1.0) -> bool:
    """Tell whether a Prefect API answers at `api_url`, ours or any other."""
    if is_ours(api_url, timeout):
        return True
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=timeout) as answer:  # noqa: S310 - the user's address
            return answer.status == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False


def running_server() -> str | None:
    """Return the API address of the server that `make serve` runs on this machine, when it answers."""
    url = str(read_note(note_file()).get("api_url", ""))
    return url if url and is_ours(url) else None


def reports_address(path: Path) -> str | None:
    """Return where `make serve` shows a file; None when it does not run, or shows another folder."""
    note = read_note(note_file())
    folder, base = Path(str(note.get("output", ""))), str(note.get("reports_url", ""))
    if not base or not path.is_relative_to(folder) or not is_ours(base):
        return None
    return f"{base}/{quote(path.relative_to(folder).as_posix())}"


def bound_socket(port: int = 0) -> socket.socket:
    """Return a socket bound to a loopback port; 0 takes a free one. Until it is handed on, nobody else can have it.

    Raises:
        OSError: the port is taken.
    """
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


def free_port() -> int:
    """Return a TCP port of the loopback address that was free just now."""
    with bound_socket() as probe:
        return int(probe.getsockname()[1])


def start_failure(log: Path, process_id: int, ended: bool) -> str:
    """Say why a server did not start: disk, memory, database, port or time, with the place."""
    try:
        said = log.read_text("utf-8", "replace")[-20_000:].lower()
    except OSError:
        said = ""
    home = settings().home
    free = shutil.disk_usage(home).free
    if "no space left" in said or "disk is full" in said or free < LITTLE_DISK:
        return f"the disk of {home} is full ({free / 2**20:.0f} MiB free); free some space there"
    if any(word in said for word in ("memoryerror", "cannot allocate memory", "can't start new thread", "bad_alloc")):
        return "memory was short; end other programs"
    if "address already in use" in said:
        return "its port is taken; name another"
    if "has been locked by another process" in said:
        return f"another process has been creating the database in {home} too long; wait for it or end it"
    if ended and any(word in said for word in ("sqlite", "sqlalchemy", "alembic", "database")):
        database = Path(os.environ.get("PREFECT_HOME", home / "prefect")) / "prefect.db"
        return f"its database {database} cannot be used (locked, damaged or of another release); move it away"
    if ended:
        last = shorten(said.strip().rpartition("\n")[2], 200)
        return f"it ended{f' ({last})' if last else ''}; run `python -m tasks.platform.doctor`"
    limit = f"{settings().server_start:g} seconds"
    return f"it (process {process_id}) did not answer within {limit}; raise CASEBOOK_SERVER_START on a slow machine"


class Child:
    """A server of ours in a child process, which ends when this process does."""

    def __init__(self, kind: str, log: Path, port: int = 0, boot: str = "") -> None:
        self.bound = bound_socket(port)
        self.url = f"http://127.0.0.1:{self.bound.getsockname()[1]}"
        self.api_url = f"{self.url}/api"
        self.kind, self.log = kind, log
        log.parent.mkdir(parents=True, exist_ok=True)
        keys.secret()  # made here, and not by two processes
        try:
            if kind in {"temporary", "prefect"}:
                mend_prefect()
            self.process = self._start(["--boot", boot] if boot else [])
        finally:
            self.bound.close()

    def _start(self, options: list[str], *kept: int, stdin: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        number = self.bound.fileno()
        command = [sys.executable, "-m", "tasks.platform.hosting", self.kind, str(number), *options]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": python_path()},
                pass_fds=(number, *kept),
                start_new_session=True,  # Ctrl+C is for the command, which ends the server when it is done with it
            )

    def wait(self) -> None:
        """Wait until the server answers.

        Raises:
            CasebookError: it ended, or does not answer in time; the message says why.
        """
        deadline = time.monotonic() + settings().server_start
        while not is_ours(self.url):
            ended = self._ended()
            if ended or time.monotonic() > deadline:
                reason = start_failure(self.log, self._process_id(), ended)
                self.give_up()
                raise CasebookError(f"The {self.kind} server did not start: {reason}. Its log is {self.log}.")
            time.sleep(0.05)

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def _process_id(self) -> int:
        return self.process.pid

    def give_up(self) -> None:
        """End a server that did not start."""
        self.stop()

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class TemporaryServer(Child):
    """A Prefect API in a child process, on the project's own database."""

    def __init__(self) -> None:
        super().__init__("temporary", settings().home / "prefect-server.log")
        atexit.register(self.stop)

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        atexit.unregister(self.stop)
        super().stop()


def prepare() -> None:
    """Make the key, Prefect's profile and its database ahead, so that the first run does not wait for migrations."""
    apply_prefect_settings()
    keys.private_folder(Path(os.environ["PREFECT_HOME"]))
    keys.write_profile()
    import asyncio

    from prefect.server.database import provide_database_interface

    from tasks.platform.hosting import one_migration_at_a_time

    with one_migration_at_a_time(complete=False):
        asyncio.run(provide_database_interface().create_db())


if __name__ == "__main__":
    prepare()
