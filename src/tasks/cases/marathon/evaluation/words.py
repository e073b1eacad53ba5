"""What does a finding say? The comparisons of a search as sentences with their effect and its interval."""

import numpy as np

from tasks.cases.marathon.evaluation.records import Row
from tasks.cases.marathon.features import MEASURES


def subject(row: Row) -> str:
    """Return the group that a comparison is about: women of AU, men aged 30 to 39, runners of DE."""
    people = "runners" if row.stratum == "all" else row.stratum
    if not row.group:
        return people
    if row.factor == "nationality":
        return f"{people} of {row.group}"
    return f"{people} {row.group}" if row.group.startswith("under") else f"{people} aged {row.group}"


def _rest(row: Row, others: list[Row]) -> str:
    """Return what the group is compared with; groups that stand out themselves are left out of it."""
    people = "runners of their sex" if row.stratum == "all" and row.kind != "share" else _people(row)
    out = [subject(other).partition(" ")[2] for other in others if other.group != row.group]
    return f"the other {people}" + (f" but those {' and '.join(sorted(out))}" if out else "")


def _people(row: Row) -> str:
    return "runners" if row.stratum == "all" else row.stratum


def number(value: float, decimals: int) -> str:
    """Return `value` with a true minus sign."""
    return f"{value:,.{decimals}f}".replace("-", "\u2212")


def _digits(low: float, high: float, least: int) -> int:
    """Return how many decimals an interval needs for its ends to differ visibly from its middle."""
    half = abs(high - low) / 2
    return least if half <= 0 else min(4, max(least, int(np.ceil(-np.log10(half)))))


def _interval(low: float, high: float, decimals: int) -> str:
    low, high = sorted((low, high))
    return f"(95\u202f% {number(low, decimals)} to {number(high, decimals)})"


def _location(row: Row, others: list[Row]) -> str:
    measure, sign = MEASURES[row.measure], np.sign(row.value) * MEASURES[row.measure].scale
    low, high = row.low * sign, row.high * sign
    digits = _digits(low, high, measure.decimals)
    return (
        f"{subject(row)} are {measure.more if row.value > 0 else measure.less} by"
        f" {number(abs(row.value * measure.scale), digits)} {measure.unit} {_interval(low, high, digits)}"
        f" than {_rest(row, others)}"
    )


def _spread(row: Row, others: list[Row]) -> str:
    return (
        f"{subject(row)} have a {'wider' if row.value > 1 else 'narrower'} spread of {MEASURES[row.measure].noun}, "
        f"{row.value:.2f} times {_interval(row.low, row.high, 2)} that of {_rest(row, others)}"
    )


def _relation(row: Row, others: list[Row]) -> str:
    one, other = MEASURES[row.measure].noun, MEASURES[row.other].noun
    way = f"rises with {one}" if row.value > 0 else f"falls as {one} rises"
    return f"among {subject(row)}, {other} {way}, Spearman {number(row.value, 2)} {_interval(row.low, row.high, 2)}"


def _relation_difference(row: Row, others: list[Row]) -> str:
    one, other = MEASURES[row.measure].noun, MEASURES[row.other].noun
    sign = np.sign(row.value)
    return (
        f"among {subject(row)}, the correlation of {other} with {one} is {'higher' if sign > 0 else 'lower'} by"
        f" {abs(row.value):.2f} {_interval(row.low * sign, row.high * sign, 2)} than among {_rest(row, others)}"
    )


def _share(row: Row, others: list[Row]) -> str:
    sign = np.sign(row.value) * 100
    return (
        f"among {subject(row)}, the share of women is {'higher' if sign > 0 else 'lower'} by {abs(row.value):.1%}"
        f" points {_interval(row.low * sign, row.high * sign, 1)} than among {_rest(row, others)}"
    ).replace("% points", " percentage points")


def _question(row: Row) -> tuple[str, ...]:
    return row.kind, row.stratum, row.factor, row.measure, row.other


_WORDS = {
    "location": _location,
    "spread": _spread,
    "relation": _relation,
    "relation difference": _relation_difference,
    "share": _share,
}


def sentence(row: Row, rows: list[Row]) -> str:
    """Say what a comparison has found, in one sentence without its full stop.

    Args:
        row: the comparison.
        rows: all of them. What stands out in the same question was left out of the rest that this one is compared with.
    """
    apart = row.state in {"finding", "consequence"}
    same = [item for item in rows if apart and item.state == row.state and _question(item) == _question(row)]
    text = _WORDS[row.kind](row, same)
    return text[0].upper() + text[1:]
