"""Is `100.123` a hundred or a hundred thousand? Numbers of a column that may have been saved in another language.

A mark before three digits can part decimals or thousands. What it parts is decided by the column as a whole: by numbers
that can be read in one way only, then by the base of the index (2020=100), then by neighbours that would be a thousand
times apart. Where nothing decides, the user is asked.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from tasks.platform.errors import UsageError
from tasks.platform.text import shorten

Mark = Literal["auto", "comma", "point"]
MARKS: dict[str, str] = {"comma": ",", "point": "."}
BY_COMMA = re.compile(r"[+-]?([1-9][0-9]{0,2}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?")
BY_POINT = re.compile(r"[+-]?([1-9][0-9]{0,2}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?")
PATTERNS = {",": BY_COMMA, ".": BY_POINT}
BASE = re.compile(r"=\s*100\b")
NEAR, FAR = np.log(30), np.log(300)  # an index lies that near to its base of 100, or not at all


class Reading(NamedTuple):
    """How the numbers of a column are to be read."""

    mark: str  # of the decimals; empty where the column has both, and each number must speak for itself
    why: str


def bare(text: str) -> str:
    """Return a number without the letter that says provisional, estimated, revised, ..."""
    return re.sub(r"[\s\u00a0]*[perbs]$", "", text)


def _value(text: str, mark: str) -> float | None:
    if len(text) > 40 or not text.isascii() or not PATTERNS[mark].fullmatch(text):
        return None
    return float(text.replace("." if mark == "," else ",", "").replace(mark, "."))


def number(text: str, reading: Reading) -> tuple[float, int] | None:
    """Return a number and its digits after the decimal mark; nothing where it is none, or could be two.

    Args:
        text: a cell.
        reading: of its column.
    """
    plain = bare(text)
    values = {mark: value for mark in MARKS.values() if (value := _value(plain, mark)) is not None}
    if reading.mark and reading.mark in values:
        mark = reading.mark
    elif reading.mark or len(set(values.values())) != 1:
        return None
    else:
        mark = next(iter(values))
    return values[mark], len(plain.partition(mark)[2])


def reading_of(cells: Sequence[str], heading: str, language: str, wanted: Mark, name: str) -> Reading:
    """Decide what the decimal mark of a column is.

    Args:
        cells: the numbers, in their order; others are passed over.
        heading: of the column, with its base if it has one.
        language: of the export, German or English.
        wanted: what the user says.
        name: of the file.

    Raises:
        UsageError: nothing in the column tells, and the user did not say.
    """
    if wanted != "auto":
        return Reading(MARKS[wanted], f"The decimal mark is the {wanted}, as was asked for.")
    own, other = (",", ".") if language == "German" else (".", ",")
    plain = [bare(cell) for cell in cells]
    both = [(_value(text, own), _value(text, other)) for text in plain]
    votes = {
        own: sum(b is None and a is not None for a, b in both),
        other: sum(a is None and b is not None for a, b in both),
    }
    doubtful = [text for text, (a, b) in zip(plain, both, strict=True) if a is not None and b is not None and a != b]
    if votes[own] and votes[other]:
        return Reading("", "Points and commas are mixed as decimal marks; each number is read by itself.")
    if votes[own] or votes[other]:
        mark = own if votes[own] else other
        return Reading(
            mark, "" if mark == own else _foreign(mark, f"{votes[mark]} numbers can be read in no other way")
        )
    if not doubtful:
        return Reading(own, "")
    return _doubtful([pair for pair in both if None not in pair], own, other, heading, doubtful[0], name)


def _foreign(mark: str, because: str) -> str:
    word = next(word for word, sign in MARKS.items() if sign == mark)
    return f"The decimal mark is a {word}, which is not that of the export's language: {because}."


def _doubtful(
    both: list[tuple[float | None, float | None]], own: str, other: str, heading: str, example: str, name: str
) -> Reading:
    """Decide where every number can be read in two ways."""
    values = np.abs(np.array(both, np.float64)) + 1e-12  # (n, 2): by the own mark, by the other
    if BASE.search(heading):
        off = np.abs(np.log(np.median(values, axis=0) / 100))
        if off.min() <= NEAR and off.max() >= FAR:
            best = int(off.argmin())
            return Reading((own, other)[best], _foreign(other, "the base of the index is 100") if best else "")
    jumps = np.abs(np.diff(np.log(values), axis=0)).max(axis=0) if len(values) > 1 else np.zeros(2)
    if jumps.min() <= NEAR and jumps.max() >= FAR:
        best = int(jumps.argmin())
        return Reading(
            (own, other)[best], _foreign(other, "else neighbours were a thousand times apart") if best else ""
        )
    if own in example:  # the export's own decimal mark, as its office writes it
        return Reading(own, "")
    raise UsageError(
        f"{name}: {shorten(example, 20)!r} can be read with the point or the comma as its decimal mark, and nothing in"
        " the column tells which; say decimal=point or decimal=comma."
    )
