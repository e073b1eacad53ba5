"""What the answer says in words: the payments to look at first, and whether there are kinds of vendors."""

from typing import Any

import pandas as pd

from tasks.cases.payments.figures import dollars
from tasks.platform.text import shorten
from tasks.training.clusters import DRAWS, Judged

LONGEST_NAME = 32


def first_look(unusual: pd.DataFrame, repeated: pd.DataFrame, counts: dict[str, int]) -> str:
    """Name the payments that need a look.

    Args:
        unusual: as `unusual_table` makes it, the most extreme first.
        repeated: as `repeated_table` makes it, most money at stake first.
        counts: as in `Summary`.
    """
    named, found = [], []
    if len(unusual):
        row: Any = next(unusual.itertuples())
        named.append(f"{_paid(row)}, {row.ratio:,.0f} times what it is usually paid")
        found.append(_count(counts["unusual"], "payment", "far above what the vendor is usually paid"))
    if len(repeated):
        row = next(repeated.itertuples())
        named.append(f"{_paid(row)}, paid {_times(row.times)} where {_times(row.usual)} is usual")
        stake = dollars(counts["surplus_cents"] / 100)
        found.append(_count(counts["repeated"], "amount", f"paid more often than is usual, with {stake} at stake"))
    if not named:
        return "No payment stands out: none is far above what its vendor is usually paid, none repeats unusually often."
    return f"Look first at {', and at '.join(named)}. In all, {', and '.join(found)}."


def _paid(row: Any) -> str:
    return f"{dollars(row.dollars)} to {shorten(str(row.name or row.vendor), LONGEST_NAME)} in {row.quarter}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(int(number), f"{number:,} times")


def _count(number: int, what: str, how: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'} {'is' if number == 1 else 'are'} {how}"


def told_kinds(judged: Judged) -> str:
    """Say whether there are kinds of vendors."""
    if judged.kinds > 1:
        return f"The vendors fall into {judged.kinds} kinds that stand apart."
    return "The vendors form one group, no kinds stand apart."


def how_judged(judged: Judged) -> str:
    """Say how the kinds of one half fared on the other."""
    clouds = (
        f"the silhouette there is {judged.silhouette:.2f}, and of {DRAWS} single clouds of the same shape that were"
        f" parted alike (mean {judged.one_cloud or 0:.2f}) it beats {judged.beaten or 0:.0%}"
    )
    gap = (
        f"between the two kinds least apart lie {judged.between:,} vendors, around the emptier centre {judged.beside:,}"
    )
    return (
        f"The first half prefers {judged.candidate}: on the second half {clouds}; {gap} (so few between by chance:"
        f" {judged.p_between:.2g}). Kinds are told only when all clouds are beaten and that chance is at most 5 %."
    )
