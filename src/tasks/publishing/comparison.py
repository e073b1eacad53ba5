"""What is another than in the run before? Two runs of a case side by side, and a figure over the nights."""

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from tasks.evaluation.words import metric_words
from tasks.publishing.page import number
from tasks.publishing.results import Measured, Result

LINE = 40  # runs that a line shows
SAME = 1e-9  # relative difference of figures that are the same


def standing(figure: Measured, crowned: bool) -> float | None:
    """Return the figure of who is champion after the run; that of the run itself where there is no other."""
    return figure.value if crowned or figure.champion is None else figure.champion


def main_figure(result: Result) -> str:
    """Return the name of the figure that stands for a case: one held against a champion, else a baseline, else any."""
    for field in ("champion", "baseline", "value"):
        for item in result.metrics:
            if getattr(item, field) is not None:
                return item.name
    return ""


def differ(new: float | None, old: float | None) -> bool:
    """Tell whether two figures differ by more than rounding."""
    if new is None or old is None:
        return new is not old
    return not math.isclose(new, old, rel_tol=SAME, abs_tol=1e-12)


class Change(NamedTuple):
    """One thing that is another than before; `kind` is better, worse or plain."""

    words: str
    kind: str = "plain"


def _verdict(result: Result) -> bool | None:
    return result.verdict.met if result.verdict else None


def _judged(new: Result, old: Result) -> list[Change]:
    words = {True: "met", False: "not met", None: "not decided"}
    after, before = _verdict(new), _verdict(old)
    if after == before:
        return []
    kind = "better" if after else "worse" if before or after is False else "plain"
    return [Change(f"criterion {words[before]} → {words[after]}", kind)]


def _data(new: Result, old: Result) -> list[Change]:
    changes = []
    for after, before in zip_longest(new.data, old.data):
        if after is None or before is None:
            return [Change(f"{number(len(old.data))} → {number(len(new.data))} sources of data")]
        if after.rows != before.rows:
            changes.append(Change(f"data: {number(before.rows)} → {number(after.rows)} rows"))
        elif after.sha256 != before.sha256:
            changes.append(Change("data: other content"))
    return changes


def changes(new: Result, old: Result | None, most: int = 3) -> list[Change]:
    """List what is another than in the run before: verdict, champion, data, parameters, figures (`most` named)."""
    if old is None:
        return []
    found = _judged(new, old)
    if new.crowned:
        found.append(Change("a new champion", "better"))
    found += _data(new, old)
    if new.quarantine.total != old.quarantine.total:
        found.append(Change(f"put aside: {number(old.quarantine.total)} → {number(new.quarantine.total)}"))
    if names := [row.name for row in parameters(new, old)]:
        found.append(Change(f"asked with another {', '.join(names[:4])}{' …' if len(names) > 4 else ''}"))
    moved = [row for row in figures(new, old) if row.moved]
    lead = main_figure(new)
    moved.sort(key=lambda row: row.name != lead)
    for row in moved[:most]:
        values = f"{number(row.before, row.unit)} → {number(row.after, row.unit)} {row.unit}".strip()
        found.append(Change(f"{metric_words(row.name)}: {values}"))
    if len(moved) > most:
        found.append(Change(f"{len(moved) - most} more figures"))
    return found


class Row(NamedTuple):
    """One line of two runs side by side."""

    name: str
    before: Any
    after: Any
    unit: str = ""
    moved: bool = True


def parameters(new: Result, old: Result) -> list[Row]:
    """Return the parameters in which two runs differ."""
    names = dict.fromkeys([*new.parameters, *old.parameters])
    pairs = [(name, old.parameters.get(name), new.parameters.get(name)) for name in names]
    return [Row(name, _plain(before), _plain(after)) for name, before, after in pairs if before != after]


def _plain(value: Any) -> str:
    return "–" if value is None or value == "" else str(value)[:300]


def figures(new: Result, old: Result) -> list[Row]:
    """Return the figures of two runs side by side, those of the newer one first."""
    names = dict.fromkeys(item.name for item in [*new.metrics, *old.metrics])
    rows = []
    for name in names:
        after, before = new.measured(name), old.measured(name)
        values = (before.value if before else None, after.value if after else None)
        unit = (after or before or Measured(name=name)).unit
        moved = differ(values[1], values[0]) and number(values[0], unit) != number(values[1], unit)  # as it is shown
        rows.append(Row(name, *values, unit, moved))
    return rows


class Line(NamedTuple):
    """A figure over the runs, oldest first, in a box of 100 by 30: y grows downwards, None where it is missing."""

    name: str
    unit: str
    first: float
    last: float
    low: float
    high: float
    champion: str  # path of the champion's figure
    own: list[tuple[float, float]]  # each run's own figure
    crowned: list[tuple[float, float]]
    runs: int


def line(runs: Sequence[Result], name: str) -> Line | None:
    """Return how a figure went over `runs` (newest first); None with fewer than two values."""
    ordered = list(reversed(runs[:LINE]))
    found = [(run.measured(name), run.crowned) for run in ordered]
    champion = [standing(item, crowned) if item else None for item, crowned in found]
    own = [item.value if item else None for item, _ in found]
    known = [value for value in [*champion, *own] if value is not None]
    held = [value for value in champion if value is not None]
    if len(held) < 2:
        return None
    low, high = min(known), max(known)
    step, span = 96 / (len(ordered) - 1), high - low

    def at(place: int, value: float) -> tuple[float, float]:
        share = (value / span - low / span) if span > 0 and math.isfinite(span) else 0.5
        return round(2 + place * step, 1), round(27 - 24 * share, 1)

    points = [at(place, value) if value is not None else None for place, value in enumerate(champion)]
    return Line(
        name,
        next((item.unit for item, _ in reversed(found) if item), ""),
        held[0],
        held[-1],
        min(held),
        max(held),
        _path(points),
        [at(place, value) for place, value in enumerate(own) if value is not None],
        [point for point, (_, crowned) in zip(points, found, strict=True) if point and crowned],
        len(held),
    )


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Return the SVG path through points, with gaps where there is none."""
    words, pen_down = [], False
    for point in points:
        if point:
            words.append(f"{'L' if pen_down else 'M'}{point[0]} {point[1]}")
        pen_down = point is not None
    return "".join(words)
