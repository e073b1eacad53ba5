"""The run in progress: what each stage did, and where the run's report goes."""

import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks.platform.errors import CasebookError
from tasks.platform.settings import settings


class StageRecord(BaseModel):
    """What one stage did in one run."""

    name: str
    phase: str
    state: str  # "ran", "cached" or "failed"
    seconds: float
    key: str = ""
    digest: str = ""


class Run:
    """One run of one flow: its journal and its folder."""

    def __init__(self, flow: str, folder: Path, started: datetime) -> None:
        self.flow = flow
        self.folder = folder
        self.started = started
        self.stages: list[StageRecord] = []
        self.command = ""
        self.question = ""
        self.parameters: dict[str, Any] = {}
        self.data_docs = False  # whether Great Expectations' Data Docs are wanted
        self.read: list[Any] = []  # what was read: tasks.ingestion.files.Data
        self.checked: list[Any] = []  # how it kept its contracts: tasks.validation.tables.Held
        self.links: dict[str, str] = {}  # files of the run's folder, by name
        self.prefect = ""  # id of the flow run
        self.answer = ""  # once it is published, without secrets
        self.ended = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.name

    def add(self, record: StageRecord) -> None:
        """Note what a stage did and say so on standard error."""
        with self._lock:
            self.stages.append(record)
        took = f"{record.seconds:7.2f} s" if record.state != "cached" else f"{'':9}"
        print(f"  {record.phase:<19}  {record.name:<22}  {record.state:<6}  {took}", file=sys.stderr, flush=True)


Refusal = Callable[[Run, Exception], Path | None]
_refusals: list[Refusal] = []


def on_refusal(tell: Refusal) -> Refusal:
    """Let `tell` write down a run that was refused or broke; publishing does, which the platform does not know."""
    _refusals.append(tell)
    return tell


def write_refusal(run: Run, error: Exception) -> None:
    """Write down that a run was refused or broke, and say where; whatever comes of it, `error` is what is told."""
    what = "What was refused, and why, row by row" if isinstance(error, CasebookError) else "How far the run came"
    for tell in _refusals:
        try:
            path = tell(run, error)
        except OSError as fault:
            print(f"  No report could be written ({fault.strerror or fault}).", file=sys.stderr, flush=True)
            continue
        if path:
            print(f"  {what}: {path}", file=sys.stderr, flush=True)


_current: ContextVar[Run | None] = ContextVar("casebook_run", default=None)


def current_run() -> Run | None:
    """Return the run in progress; None outside a flow."""
    return _current.get()


def the_run() -> Run:
    """Return the run in progress.

    Raises:
        RuntimeError: there is none.
    """
    run = _current.get()
    if run is None:
        raise RuntimeError("this belongs into a flow made with @case")
    return run


@contextmanager
def open_run(flow: str, output: str | Path | None = None) -> Iterator[Run]:
    """Open a run of `flow` whose report goes to a new folder `<output>/<flow>/<time>-<random>`."""
    started = datetime.now(UTC)
    name = f"{started.astimezone():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    run = Run(flow, Path(output or settings().output).expanduser().absolute() / flow / name, started)
    token = _current.set(run)
    try:
        yield run
    finally:
        run.ended = True
        _current.reset(token)
