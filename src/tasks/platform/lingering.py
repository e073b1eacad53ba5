"""The Prefect server of commands that stays for some minutes after its last use, so that the next command finds it.

Its note (`<home>/server/note.json`) says where it is. Nothing rests on the note being right: a lock says whether the
server lives, and the server has to prove that it is ours before it is sent anything. A second lock, which each command
holds while it runs, keeps the server from ending; when nobody has held that for the minutes of the setting, it ends.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.platform import keys
from tasks.platform.errors import CasebookError
from tasks.platform.locks import alone, claim_life, in_use, note_of_lingering, starting_lock
from tasks.platform.server import Child, is_ours, read_note
from tasks.platform.settings import settings


class LingeringServer(Child):
    """A server that outlives this process; `life` is the lock to hand on to a new one, None to use the one noted."""

    def __init__(self, life: int | None) -> None:
        self._life = life
        self._noted_process = 0
        log = note_of_lingering().with_name("prefect.log")
        if life is None:
            note = read_note(note_of_lingering())
            self.api_url, self._noted_process = str(note["api_url"]), int(note["pid"])
            self.url, self.kind = self.api_url.removesuffix("/api"), "temporary"
            self.log = log
            return
        note_of_lingering().unlink(missing_ok=True)
        super().__init__("temporary", log)
        note = {"api_url": self.api_url, "pid": self.process.pid, "for": environment_digest()}
        try:
            keys.write_private(note_of_lingering(), json.dumps(note))
        except OSError:  # a full disk: nobody would find the server
            self.process.kill()
            self.process.wait()
            raise

    def _start(self, options: list[str], *kept: int, stdin: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        assert self._life is not None
        minutes = ["--minutes", str(settings().server_minutes)]
        return super()._start([*options, *minutes], self._life, stdin=subprocess.DEVNULL)

    def _ended(self) -> bool:
        """Tell whether the server has ended: nobody holds the lock of its life any more."""
        life = claim_life()
        if life is not None:
            os.close(life)
        return life is not None

    def _process_id(self) -> int:
        return self._noted_process or super()._process_id()

    def give_up(self) -> None:
        """End the server that did not start, if it is this process's."""
        if not self._noted_process:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Leave it running."""
        if not self._noted_process and self.process.poll() is None:
            self.process.returncode = 0  # else Python warns at the end that it still runs


def environment_digest() -> str:
    """Return what a server depends on besides the home; a command with other settings gets one of its own."""
    names = ("PREFECT_SERVER_", "PREFECT_API_DATABASE_", "PREFECT_HOME")
    kept = {name: value for name, value in os.environ.items() if name.startswith(names)}
    kept["python"] = sys.executable
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


@contextmanager
def lingering_server() -> Iterator[LingeringServer | None]:
    """Keep the lingering server for this process, found or started; None when the one there was made otherwise.

    Raises:
        CasebookError: another command has been starting it for too long.
    """
    with in_use():
        with alone(starting_lock(), settings().server_start):
            note = read_note(note_of_lingering())
            fits = note.get("for") == environment_digest()
            life = None if fits and is_ours(str(note["api_url"])) else _claim_patiently()
            try:
                server = LingeringServer(life) if fits or life is not None else None
            finally:
                if life is not None:
                    os.close(life)  # the server has it
        try:
            yield server
        finally:
            if server:
                server.stop()


def _claim_patiently() -> int | None:
    """Claim the life of a new server; somebody who only looks whether one lives has the lock for a moment."""
    for _ in range(4):
        if (life := claim_life()) is not None:
            return life
        time.sleep(0.02)
    return None


def stop() -> str:
    """End the lingering server now, and say what was done.

    Raises:
        CasebookError: it is there and its note is not.
    """
    life = claim_life()
    if life is not None:
        os.close(life)
        return "No server of commands is running."
    process = read_note(note_of_lingering()).get("pid")
    if not isinstance(process, int):
        raise CasebookError(
            f"A server of commands runs, but {note_of_lingering()} does not say which; it ends by itself."
        )
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    while (life := claim_life()) is None:
        time.sleep(0.05)
    os.close(life)
    return f"The server of commands (process {process}) has ended."


if __name__ == "__main__":
    print(stop())
