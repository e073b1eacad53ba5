"""Who ran, and how fast? Reads a table of runners as its publisher wrote it.

The file is comma-separated, but each line ends in separators of another kind (`;;;;`) that belong to no column. Times
are text, `hh:mm:ss`. Women are W, or F. A line that cannot be read is put aside with its number, and nothing is
guessed.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.marathon.originals import ORIGINALS
from tasks.cases.marathon.sample import write_marathon
from tasks.ingestion.files import Data, Ways, read
from tasks.ingestion.plain_tables import Wanted
from tasks.platform.errors import CasebookError, ContractError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

COLUMNS = ("age", "gender", "split", "final", "nationality", "size", "weight")
CLOCK = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)", re.ASCII)
NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d{1,9})?", re.ASCII)
UNFINISHED = {
    "dnf": "did not finish (DNF)",
    "dns": "did not start (DNS)",
    "dsq": "disqualified (DSQ)",
    "dq": "disqualified (DSQ)",
}
GENDERS = {"F": "W"}  # as Boston, Chicago and London publish it
MISSING = frozenset({"", "na", "n/a", "nan", "null", "-"})
MOST_LINES = 5_000_000
LONGEST_LINE = 10_000  # characters

Row = tuple[float, str, float, float, str, float, float]


class RunnersRead(NamedTuple):
    """The runners of a file, and the lines that could not be read."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame


WANTED = Wanted(COLUMNS, loose=True, remedy=f"give a table with the columns {', '.join(COLUMNS)}")


def read_marathon(source: str, columns: str = "") -> Data:
    """Find and read the runners of a source (`sample`, `public`, a path or an address)."""
    return read(source, Ways(write_marathon, ORIGINALS, wanted=WANTED), read_runners, columns=columns)


@stage(phase="Data understanding")
def read_runners(path: Path) -> RunnersRead:
    """Read runners, one per line.

    Args:
        path: a file with the columns age, gender, split, final, nationality, size, weight, in any order.

    Returns:
        The runners in the order of the file, (n, 7): age in years, split and final in seconds, size in cm, weight in
        kg. And the lines put aside, with columns `path` (file and line), `reason` and `detail`.

    Raises:
        ContractError: the file is no text, or lacks a column.
    """
    lines = _lines(path)
    header = next(lines, (0, ""))[1]
    names = [name.strip().lower() for name in next(csv.reader([header]), [])]
    if lacking := [name for name in COLUMNS if name not in names]:
        raise ContractError(
            f"{path.name}: no column {', '.join(lacking)} in the first line “{shorten(header, 100)}”;"
            f" give a table with the columns {', '.join(COLUMNS)}."
        )
    order = [names.index(name) for name in COLUMNS]
    rows: list[Row] = []
    aside: list[tuple[str, str, str]] = []
    for number, line in lines:
        if not line:
            continue
        try:
            rows.append(_row(line, order, len(names)))
        except ValueError as error:
            aside.append((f"{path.name}, line {number}", str(error), shorten(line, 120)))
    return RunnersRead(_frame(rows), pd.DataFrame(aside, columns=["path", "reason", "detail"], dtype=object))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, without the separators that trail it."""
    try:
        with path.open(encoding="utf-8-sig", newline=None) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), start=1):
                if number > MOST_LINES or len(line) > LONGEST_LINE:
                    raise CasebookError(
                        f"{path.name}, line {number}: more than {MOST_LINES:,} lines, or one longer than"
                        f" {LONGEST_LINE:,} characters; give a table of runners."
                    )
                yield number, line.rstrip("; \t\n")
    except UnicodeDecodeError as error:
        raise ContractError(f"{path.name}: no UTF-8 text (byte {error.start:,}); save it as UTF-8 CSV.") from error


def _row(line: str, order: list[int], width: int) -> Row:
    """Return the values of one line.

    Raises:
        ValueError: what is wrong with it.
    """
    try:
        cells = next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError("not a line of comma-separated values") from error
    if len(cells) != width:
        raise ValueError(f"{len(cells)} values where the header has {width}")
    age, gender, split, final, nationality, size, weight = (cells[place].strip() for place in order)
    if code := next((time.lower() for time in (final, split) if time.lower() in UNFINISHED), ""):
        raise ValueError(UNFINISHED[code])
    values = (age, gender, split, final, nationality, size, weight)
    if missing := [name for name, value in zip(COLUMNS, values, strict=True) if value.lower() in MISSING]:
        raise ValueError(f"{', '.join(missing)} missing")
    times = seconds(split, "split"), seconds(final, "final")
    gender = GENDERS.get(gender.upper(), gender.upper())
    return _number(age, "age"), gender, *times, nationality, _number(size, "size"), _number(weight, "weight")


def seconds(text: str, name: str) -> float:
    """Return a time `hh:mm:ss` in seconds.

    Raises:
        ValueError: it is no such time.
    """
    found = CLOCK.fullmatch(text)
    if not found:
        raise ValueError(f"{name} is no time hh:mm:ss")
    hours, minutes, rest = map(int, found.groups())
    return hours * 3600.0 + minutes * 60 + rest


def _number(text: str, name: str) -> float:
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{name} is no number")
    return float(text)


def _frame(rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({name: object if name in {"gender", "nationality"} else np.float64 for name in COLUMNS})
