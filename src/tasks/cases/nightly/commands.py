"""How does one case run without harm to the others? As a command of its own process, with a time and a first claim.

A case that fails, crashes or is killed for its memory ends alone. In Prefect's UI it is a sub-flow run of the night.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from tasks.cases.nightly.plan import Planned, options
from tasks.platform.errors import CasebookError
from tasks.platform.flow_runs import ANNOUNCED, announce, conclude
from tasks.platform.questions import flows_folder
from tasks.platform.run import Run, StageRecord
from tasks.platform.settings import python_path
from tasks.platform.text import shorten
from tasks.publishing.page import duration

GRACE = 20.0  # seconds from the request to end to the end
FIRST_TO_GO = "500"  # added to the badness by which Linux chooses whom to kill when memory runs out
TAIL = 20_000  # bytes of what a case said that are looked at
NOT_BEGUN = "left out"


class Outcome(BaseModel):
    """What became of a case."""

    case: str
    state: Literal["answered", "failed", "left out"]
    seconds: float = 0.0
    reason: str = ""
    run: str = ""  # name of its folder


def run_night(planned: Iterable[Planned], minutes: float, run: Run) -> list[Outcome]:
    """Run the cases one after the other until the time is up; what does not fit is left out.

    A case that would take longer than what is left, as far as its last run tells, is not begun; one that never ran gets
    its turn while any time is left. One that is still running at the end of the time is stopped.
    """
    end = time.monotonic() + 60 * minutes
    outcomes = []
    for item in planned:
        left = end - time.monotonic()
        if left <= 0 or (item.expected or 0) > left:
            told = f"{duration(left)} left" if left > 0 else "the time was up"
            wanted = f", it took {duration(item.expected)} last time" if item.expected else ""
            outcomes.append(Outcome(case=item.case, state=NOT_BEGUN, reason=f"{told}{wanted}"))
            continue
        outcome = run_case(item, run, left)
        state = "ran" if outcome.state == "answered" else "failed"
        run.add(StageRecord(name=item.case, phase="Deployment", state=state, seconds=outcome.seconds))
        outcomes.append(outcome)
    return outcomes


def run_case(item: Planned, run: Run, seconds: float) -> Outcome:
    """Run one case for at most so many seconds; what it said is kept beside the report when it fails."""
    clock = time.monotonic()
    identity = announce(item.case, item.parameters)
    run.folder.mkdir(parents=True, exist_ok=True)
    log = run.folder / f"{item.case}.log"
    command = [sys.executable, str(flows_folder() / f"{item.case}.py"), *options(item.parameters)]
    command += ["--output", str(run.folder.parents[1])]
    with log.open("wb") as said, tempfile.TemporaryFile() as printed:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=said,
            env=_environment(identity),
            start_new_session=True,
        )
        with contextlib.suppress(OSError):  # so that a case goes first when memory is short, not the night or a server
            Path(f"/proc/{child.pid}/oom_score_adj").write_text(FIRST_TO_GO)
        try:
            child.wait(seconds)
            stopped = False
        except subprocess.TimeoutExpired:
            stopped = True
        except BaseException:  # the night itself is stopped
            if identity:
                conclude(identity, True, "the night was stopped")
            raise
        finally:
            _end(child)
        printed.seek(0)
        report = printed.read(TAIL).decode("utf-8", "replace")
    outcome = _judged(item.case, child.returncode, report, log)
    if stopped:
        reason = f"stopped after {duration(seconds)}, as the time was up"
        outcome = Outcome(case=item.case, state="failed", reason=reason)
    if identity:
        conclude(identity, outcome.state == "failed", outcome.reason or "done")
    if outcome.state == "answered":
        log.unlink(missing_ok=True)
    else:
        run.links[f"log of {item.case}"] = log.name
    return outcome.model_copy(update={"seconds": round(time.monotonic() - clock, 1)})


def _environment(identity: str) -> dict[str, str]:
    """Return the environment of a case: the night's own, and the same API of Prefect."""
    from prefect.settings import PREFECT_API_URL

    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT__")}
    url = PREFECT_API_URL.value()
    return (
        kept
        | {"PYTHONPATH": python_path()}
        | ({"PREFECT_API_URL": str(url)} if url else {})
        | ({ANNOUNCED: identity} if identity else {})
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End a case and what it has started, if it still runs: asked first, then made to."""
    if child.poll() is None:
        _signal(child, signal.SIGTERM)
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL)
            child.wait()
    _signal(child, signal.SIGKILL)  # what is left of its group


def _signal(child: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _judged(case: str, status: int, report: str, log: Path) -> Outcome:
    folder = Path(report.strip().splitlines()[-1]).parent.name if report.strip() else ""
    if status == 0 and folder:
        return Outcome(case=case, state="answered", run=folder)
    return Outcome(case=case, state="failed", reason=_reason(status, log))


def _reason(status: int, log: Path) -> str:
    """Say in a sentence why a case failed: what it said last, or what ended it."""
    with log.open("rb") as said:
        said.seek(max(0, log.stat().st_size - TAIL))
        lines = [line.strip() for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line.removeprefix("casebook: ") for line in lines if line.startswith("casebook: ")]
    if status == -signal.SIGKILL:
        return "its process was killed, as the system does when memory runs out"
    if status < 0:
        return f"its process crashed ({signal.Signals(-status).name})"
    return shorten((told or lines or ["it said nothing"])[-1], 300) + f" (exit status {status})"


def refuse_failed(outcomes: list[Outcome], report: Path) -> None:
    """Make the night fail when a case did.

    Raises:
        CasebookError: one or more failed; the message names them, the first reason, and the report.
    """
    failed = [item for item in outcomes if item.state == "failed"]
    if failed:
        names = ", ".join(item.case for item in failed)
        raise CasebookError(
            f"{len(failed)} of {len(outcomes)} cases failed ({names}; {failed[0].case}: {failed[0].reason});"
            f" {report} tells all, and what the others found."
        )
