"""How does a process that outlives the command which started it begin, end, and get known again? Linux only.

A number alone does not tell a process, as the system gives numbers again: a note holds the moment of the start besides.
Workers start their flow runs in sessions of their own, so that a tree is ended by its parents and not by its group.
"""

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.platform.errors import CasebookError

GRACE = 20.0  # seconds from the request to end to the end


@dataclass
class Service:
    """A process of the topology: how it is started, ended, and known to be ready."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ready: Callable[[], bool]
    given: str = ""  # on standard input: what no list of processes may show
    user: str = ""  # the system's user that runs it, where root starts it
    ending: signal.Signals = signal.SIGTERM
    patience: float = 300.0  # seconds until it is ready
    folder: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True)
class Noted:
    """A process that was started."""

    pid: int
    began: int  # clock ticks since the machine started

    def alive(self) -> bool:
        """Tell whether it still runs, and is the one that was noted."""
        return began(self.pid) == self.began


def _status(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the third on: state, parent and so on; none without such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def began(pid: int) -> int:
    """Return when a process began, in clock ticks; 0 when it has ended."""
    fields = _status(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else 0


def tree(pid: int) -> list[Noted]:
    """Return a process and all that descend from it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _status(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return [Noted(one, start) for one in found if (start := began(one))]


def start(service: Service, log: Path) -> Noted:
    """Start a service in a session of its own and wait until it is ready.

    Raises:
        CasebookError: it ended, or is not ready in time; the message names its log.
    """
    account = pwd.getpwnam(service.user) if service.user and os.getuid() == 0 else None
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as said:
        child = subprocess.Popen(
            service.command,
            env=service.environment,
            cwd=service.folder,
            stdout=said,
            stderr=said,
            stdin=subprocess.PIPE,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
        pipe.write(service.given.encode())
    noted = Noted(child.pid, began(child.pid))
    deadline = time.monotonic() + service.patience
    while not service.ready():
        if child.poll() is not None or time.monotonic() > deadline:
            end(noted, signal.SIGKILL)
            child.wait()
            raise CasebookError(f"{service.name} does not start; its log {log} says why.")
        time.sleep(0.2)
    child.returncode = 0  # it is to outlive this command: Python need not wait for it
    return noted


def _signal(processes: Sequence[Noted], number: signal.Signals) -> None:
    for one in processes:
        if one.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, number)


def _gone(processes: Sequence[Noted], seconds: float) -> Iterator[bool]:
    """Yield whether all have ended, again and again for so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1 if not processes else processes[0].pid, os.WNOHANG)
        yield not any(one.alive() for one in processes)
        time.sleep(0.05)


def end(noted: Noted, number: signal.Signals = signal.SIGTERM, grace: float = GRACE) -> None:
    """End a process and all that it has started: asked first, then made to; at once by SIGKILL, as a power cut does."""
    if not noted.alive():
        return
    whole = tree(noted.pid)
    _signal(whole if number == signal.SIGKILL else [noted], number)
    if not any(_gone(whole, grace)):
        _signal(whole, signal.SIGKILL)
        any(_gone(whole, 5))
