"""Locks between the processes of one machine, by the system itself: it lets go of them however a process ends.

They say whether the lingering server is alive and whether a command uses it; a noted process id could not, as it may
belong to another process by then.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.platform import keys
from tasks.platform.errors import TransientError
from tasks.platform.settings import settings

LOOK_SECONDS = 0.5


@contextmanager
def alone(file: Path, seconds: float) -> Iterator[None]:
    """Keep other processes and threads out.

    Raises:
        TransientError: another one has held the lock for `seconds`.
    """
    try:
        with FileLock(file, timeout=seconds, mode=0o600):
            yield
    except Timeout:
        raise TransientError(
            f"{file} has been locked by another process for {seconds:g} seconds; wait for it or end it."
        ) from None


def _file(name: str) -> Path:
    return keys.private_folder(settings().home / "server") / name


def note_of_lingering() -> Path:
    """Return the file in which the lingering server is noted."""
    return _file("note.json")


def starting_lock() -> Path:
    """Return the file to lock while one looks for the lingering server and starts it."""
    return _file("starting.lock")


def _open(name: str) -> int:
    return os.open(_file(name), os.O_RDWR | os.O_CREAT, 0o600)


def claim_life() -> int | None:
    """Return a locked file descriptor to hand on to a new server; None while one lives.

    The lock belongs to the open file: it is held until the last process that has it open ends.
    """
    number = _open("alive.lock")
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    return number


@contextmanager
def in_use() -> Iterator[None]:
    """Keep the lingering server from ending; waits for one that is ending to be gone."""
    number = _open("users.lock")
    try:
        fcntl.flock(number, fcntl.LOCK_SH)
        yield
    finally:
        os.close(number)


def unused_for(seconds: float) -> None:
    """Return when no command has used the server for so long, and keep commands waiting from then on until it ends."""
    number = _open("users.lock")
    last = time.monotonic()
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            last = time.monotonic()
            continue
        if time.monotonic() - last >= seconds:
            return
        fcntl.flock(number, fcntl.LOCK_UN)
