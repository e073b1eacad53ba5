"""What is watched from night to night, and what has drifted? The figures of each case, and what it read."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tasks.evaluation.drift import WINDOW, Judged, alpha_of, judge
from tasks.publishing.results import Measured, Result, read_runs, same_source

NORMAL_95 = 2 * 1.959964  # widths of a standard error in a 95 % interval
COLUMNS = ["case", "figure", "value", "low", "high", "nights", "champion", "drifted"]


class Series(NamedTuple):
    """A figure of a case, night by night, this night last."""

    case: str
    figure: str
    values: list[float]
    error: float  # of one night
    champion: float | None = None
    shown: Callable[[float], float] = float  # what a reader is told of a value


def nights(runs: list[Result]) -> list[Result]:
    """Return the last run of each day that came to figures, oldest first; `runs` are newest first."""
    days = {run.started.date(): run for run in reversed(runs) if run.metrics}
    return [days[day] for day in sorted(days)]


def _error(item: Measured) -> float | None:
    if item.value is None or item.low is None or item.high is None or item.high < item.low:
        return None
    return (item.high - item.low) / NORMAL_95


def _measured(case: str, runs: list[Result]) -> list[Series]:
    """Return the figures that have an interval, over all nights that have them."""
    found = []
    for item in runs[-1].metrics:
        if (error := _error(item)) is None:
            continue
        values = [told.value for run in runs if (told := run.measured(item.name)) and told.value is not None]
        found.append(Series(case, item.name, values, error, item.champion))
    return found


def _rows(run: Result, place: int) -> tuple[float, float] | None:
    """Return the logarithm of the number of rows that were read, and its standard error (Poisson)."""
    rows = run.data[place].rows if place < len(run.data) else None
    return (math.log(rows), 1 / math.sqrt(rows)) if rows else None


def _aside(run: Result, _: int) -> tuple[float, float] | None:
    """Return the share of rows that was put aside, and its standard error (binomial, one more of each kind)."""
    rows, aside = sum(item.rows or 0 for item in run.data), run.quarantine.total
    if not rows or aside is None:
        return None
    share = (aside + 1) / (rows + 2)
    return aside / rows, math.sqrt(share * max(1 - share, 0) / rows)


def _read(case: str, runs: list[Result]) -> list[Series]:
    """Return what was read, as figures."""
    asked: list[tuple[str, Callable[[Result, int], tuple[float, float] | None], int, Callable[[float], float]]] = [
        (f"rows of {item.source}"[:80], _rows, place, math.exp) for place, item in enumerate(runs[-1].data)
    ]
    found = []
    for name, ask, place, shown in [*asked, ("share put aside", _aside, 0, lambda share: max(share, 0.0))]:
        known = [pair for run in runs if (pair := ask(run, place))]
        if known and ask(runs[-1], place):
            found.append(Series(case, name, [value for value, _ in known], known[-1][1], shown=shown))
    return found


def series_of(case: str, output: Path, run: str) -> list[Series]:
    """Return what is watched of a case after its run of this night."""
    past = read_runs(output, case).runs
    latest = next((item for item in past if item.run == run), None)
    if latest is None or not latest.metrics:
        return []
    known = nights([item for item in same_source(past, latest) if item.started <= latest.started])
    return _measured(case, known) + _read(case, known)


def watch(runs: dict[str, str], output: Path) -> pd.DataFrame:
    """Judge every figure of the night.

    Args:
        runs: name of the run's folder by case.
        output: folder of the reports.

    Returns:
        One row for each watched figure: case, figure, value, low and high (what was foretold; missing while there are
        too few nights), nights, champion (its figure on the same test data), drifted.
    """
    watched = [item for case, run in runs.items() for item in series_of(case, output, run)]
    alpha = alpha_of(len(watched))
    rows = []
    for item in watched:
        judged: Judged | None = judge(item.values, alpha, item.error)
        low, high = (item.shown(judged.low), item.shown(judged.high)) if judged else (None, None)
        count = min(len(item.values), WINDOW + 3)
        rows.append(
            [
                item.case,
                item.figure,
                item.shown(item.values[-1]),
                low,
                high,
                count,
                item.champion,
                bool(judged and judged.drifted),
            ]
        )
    frame = pd.DataFrame(rows, columns=COLUMNS)
    kinds = {"value": float, "low": float, "high": float, "champion": float, "nights": int, "drifted": bool}
    return frame.astype(kinds)
