"""What was a result made from? The stages of its pedigree, one below the other, with an arc to each that used one."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from tasks.platform.text import shorten

MOST = 60  # stages that the drawing shows: the nearest to the result
ROW, TOP, LEFT = 24, 14, 96  # pixels: height of a line, middle of the first one, where the dots stand
WIDTH = 358  # of the drawing: that of a phone's page
LONGEST = 34  # characters of a stage's name


class Step(Protocol):
    """One artifact of a pedigree: a `tasks.publishing.report.LineageRow`."""

    artifact: str
    made_by: str
    sources: list[str]
    when: datetime | None


_Run = tuple[tuple[str, datetime | None], list[Step]]


class Dot(NamedTuple):
    """A stage, and how many artifacts of it lie on the way to the result."""

    y: int
    name: str
    parts: int


class Drawing(NamedTuple):
    """Dots from the first stage to the last, arcs as SVG paths, and the size in pixels."""

    dots: list[Dot]
    arcs: list[str]
    width: int
    height: int
    left: int
    more: int  # runs of stages that are left out


def _arc(start: int, end: int) -> str:
    low, high = sorted((TOP + ROW * start, TOP + ROW * end))
    wide = min(LEFT - 6, 10 + round(5.2 * abs(end - start)))
    return f"M{LEFT} {low}C{LEFT - wide * 4 // 3} {low} {LEFT - wide * 4 // 3} {high} {LEFT} {high}"


def _together(runs: list[_Run]) -> list[_Run]:
    """Join the runs of one stage that follow each other, as of a model for each horizon."""
    joined: list[_Run] = []
    for key, rows in runs:
        if joined and joined[-1][0][0] == key[0]:
            joined[-1] = (key, [*joined[-1][1], *rows])
        else:
            joined.append((key, rows))
    return joined


def drawing(lineage: Sequence[Step]) -> Drawing | None:
    """Return where the stages of a pedigree (nearest to the result first) stand; None where nothing leads anywhere."""
    runs: dict[tuple[str, datetime | None], list[Step]] = {}
    for row in lineage:
        runs.setdefault((row.made_by, row.when), []).append(row)
    shown = list(runs.items())[:MOST]
    shown.reverse()
    if all(key[1] is not None for key, _ in shown):
        shown.sort(key=lambda item: item[0][1].timestamp() if item[0][1] else 0.0)
    shown = _together(shown)
    made_in = {row.artifact.split(" ")[0]: place for place, (_, rows) in enumerate(shown) for row in rows}
    pairs = {
        (made_in[source], place)
        for place, (_, rows) in enumerate(shown)
        for row in rows
        for source in row.sources
        if source in made_in and made_in[source] != place
    }
    if not pairs:
        return None
    dots = [Dot(TOP + ROW * place, shorten(name, LONGEST), len(rows)) for place, ((name, _), rows) in enumerate(shown)]
    arcs = [_arc(*pair) for pair in sorted(pairs)]
    return Drawing(dots, arcs, WIDTH, 2 * TOP + ROW * (len(dots) - 1), LEFT, max(0, len(runs) - MOST))
