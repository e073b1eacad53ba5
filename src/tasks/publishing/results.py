"""What did earlier runs find? The `result.json` of each run folder, as records that can be relied on.

Such a file may be damaged, of another release, or written by a stranger: it is read only when it is a plain file of
bounded size, what does not fit is counted and left out, and lists and texts are cut. Secrets are masked in it already.
"""

import json
import math
import os
import re
import stat
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tasks.platform.questions import ROUND
from tasks.platform.text import shorten

MOST_BYTES = 2_000_000  # of a result.json; a usual one has 10 kB
MOST_RUNS = 120  # read of a case, the newest first
MOST_CASES = 200
LONGEST = 2_000  # characters of a text
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of a folder or file that is linked to
_PATH = re.compile(rf"{NAME.pattern}(/{NAME.pattern}){{0,3}}")


def _text(value: Any) -> Any:
    if not isinstance(value, str) or (len(value) < LONGEST and value.isascii() and value.isprintable()):
        return value  # most texts, fast
    return shorten(value[: 4 * LONGEST], LONGEST)


def _finite(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _some(limit: int) -> BeforeValidator:
    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return dict(islice(value.items(), limit))
        return value[:limit] if isinstance(value, list) else value

    return BeforeValidator(cut)


def _whole(value: Any) -> Any:
    number = _finite(value)
    return int(number) if number is not None and 0 <= number < 2**53 else None


def _aware(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Text = Annotated[str, BeforeValidator(_text)]
Number = Annotated[float | None, BeforeValidator(_finite)]
Count = Annotated[int | None, BeforeValidator(_whole)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Measured(_Part):
    """A figure of a run."""

    name: Text
    value: Number = None
    unit: Text = ""
    low: Number = None
    high: Number = None
    baseline: Number = None
    champion: Number = None


class Told(_Part):
    """Whether the run met its criterion."""

    met: bool | None = None
    sentence: Text = ""


class Source(_Part):
    """One source of data."""

    source: Text = ""
    sha256: Text = ""
    rows: Count = None


class Stage(_Part):
    """What a stage did."""

    name: Text = ""
    state: Text = ""
    seconds: Number = None


class Aside(_Part):
    """What was put aside."""

    total: Count = None


class Result(_Part):
    """One run, as its `result.json` tells it; `flow` and `run` are the names of its folders."""

    flow: str
    run: str
    started: Annotated[datetime, BeforeValidator(_aware)]
    question: Text = ""
    answer: Text
    verdict: Told | None = None
    metrics: Annotated[list[Measured], _some(60)] = []
    champion: Text = ""
    crowned: bool = False
    parameters: Annotated[dict[str, Any], _some(100)] = {}
    data: Annotated[list[Source], _some(20)] = []
    stages: Annotated[list[Stage], _some(500)] = []
    quarantine: Aside = Aside()
    artifacts: Annotated[dict[str, Any], _some(40)] = {}
    seconds: Number = None
    prefect: Annotated[str, Field(pattern=r"^([0-9a-f-]{36})?$")] = ""
    command: Text = ""

    @property
    def source(self) -> str:
        """What the data were asked from; runs of another source do not compare."""
        return shorten(str(self.parameters.get("source", "")), 200)

    @property
    def took(self) -> float:
        """Seconds of the run; of its stages where the run tells none."""
        return self.seconds if self.seconds is not None else math.fsum(stage.seconds or 0 for stage in self.stages)

    @property
    def cached(self) -> float | None:
        """Share of the stages that came from the store; None without stages."""
        done = [stage.state for stage in self.stages]
        return done.count("cached") / len(done) if done else None

    def measured(self, name: str) -> Measured | None:
        """Return the figure of that name."""
        return next((item for item in self.metrics if item.name == name), None)


class Past(NamedTuple):
    """The runs of a case that could be read, newest first; how many could not; how many older ones were not read."""

    runs: list[Result]
    damaged: int
    older: int


def _content(file: Path) -> bytes:
    """Return what a plain file of bounded size holds; neither a link nor a pipe is opened.

    Raises:
        ValueError: it is none, or too large.
    """
    number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(number, "rb") as opened:  # noqa: PTH123 - a descriptor, no path
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("no plain file")
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("too large")
    return content


def read_result(folder: Path) -> Result | None:
    """Return what the run in `folder` found; None where its `result.json` is damaged or of another form.

    Raises:
        FileNotFoundError: it holds none.
    """
    try:
        told = json.loads(_content(folder / "result.json"))
        return Result.model_validate({**told, "flow": folder.parent.name, "run": folder.name})
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, RecursionError, ValidationError):
        return None


def _folders(place: Path) -> list[str]:
    """List the folders in a folder, by names that can be linked to."""
    try:
        with os.scandir(place) as found:
            return sorted(
                item.name for item in found if item.is_dir(follow_symlinks=False) and NAME.fullmatch(item.name)
            )
    except OSError:
        return []


def read_runs(output: Path, flow: str, most: int = MOST_RUNS) -> Past:
    """Read the newest runs of a case; a folder's name begins with its time."""
    names = _folders(output / flow)[::-1]
    runs: list[Result] = []
    damaged = seen = 0
    for name in names:
        if len(runs) + damaged >= most:
            break
        seen += 1
        try:
            result = read_result(output / flow / name)
        except FileNotFoundError:
            continue  # in progress, or broken before it had anything to say
        damaged += result is None
        runs += [result] if result else []
    runs.sort(key=lambda result: (result.started, result.run), reverse=True)
    return Past(runs, damaged, len(names) - seen)


def cases_with_runs(output: Path) -> list[str]:
    """List the folders of cases below an output folder, that of the nightly round first."""
    return sorted(_folders(output), key=lambda name: (name != ROUND, name))[:MOST_CASES]


def files_of(output: Path, result: Result) -> dict[str, str]:
    """Return the files that a run left, by name: those that are there, as paths from its folder."""
    safe = {
        shorten(name, 40): path
        for name, path in result.artifacts.items()
        if isinstance(path, str) and len(path) < 200 and _PATH.fullmatch(path)
    }
    place = output / result.flow / result.run
    return {name: path for name, path in safe.items() if (place / path).is_file()}


def same_source(runs: Iterable[Result], like: Result) -> list[Result]:
    """Return the runs that asked the same source as `like`, in their order."""
    return [run for run in runs if run.source == like.source]


def last_results(output: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the last run of each case as plain values, nulls where there is none."""
    rows = []
    for name in names:
        found = read_runs(output, name, 1).runs
        last = found[0] if found else None
        rows.append(
            {
                "case": name,
                "answer": last.answer if last else None,
                "met": last.verdict.met if last and last.verdict else None,
                "started": last.started.isoformat() if last else None,
                "report": str(output / name / last.run / "report.html") if last else None,
            }
        )
    return rows
