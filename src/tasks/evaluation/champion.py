"""Is the new model better than the one in use, or only luckier? The rule by which a challenger becomes the champion.

It has to beat the strongest simple baseline that its case names, and the champion where there is one. Both are scored
on the same test cases, and the mean difference of the pairs gets an interval that holds for skewed scores and unequal
groups too. The challenger wins only when the whole interval lies above the least gain that is worth a change. In doubt
the champion stays.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.evaluation.words import metric_words
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

TAIL = 0.01  # share beyond each end of the interval: one in a hundred that is no better would win
FULL_CASES = 100  # from which the share holds; with fewer, where skew shows least, it shrinks with their number
REDRAWN_BEYOND = 20  # redrawn means that lie beyond each end of the interval
MINIMUM_CASES = 10  # independent cases (groups, where cases are grouped); with fewer the interval cannot be trusted


class Decision(BaseModel):
    """Whether a challenger is promoted, and why."""

    promoted: bool
    reason: str
    primary: str
    against: int | None = Field(None, description="version of the champion that it was held against; None for none")
    difference: float | None = Field(None, description="mean gain over the champion, or over the baseline without one")
    low: float | None = None
    high: float | None = None
    n: int = Field(0, description="test cases compared")


class Cases(NamedTuple):
    """The score of every test case that has one, its group, and the strongest simple baseline's score; all (n,)."""

    scores: np.ndarray
    groups: np.ndarray
    baseline: np.ndarray


@stage(phase="Evaluation")
def case_scores(table: pd.DataFrame, column: str, baseline: str, group: str = "") -> Cases:
    """Take the scores of one metric out of a table with a row per test case.

    Args:
        table: a row per case; a case without a score (NaN) is left out.
        column: the column of the metric.
        baseline: the column of the same metric for the strongest simple baseline.
        group: the column that tells which cases belong together; each case is on its own when empty.

    Raises:
        ContractError: the table lacks a column.
    """
    absent = [name for name in (column, baseline, group) if name and name not in table.columns]
    if absent:
        there = ", ".join(map(str, table.columns))
        raise ContractError(f"The scores have no column {absent[0]!r}; choose one of {there}.")
    kept = table[table[column].notna()]
    codes = pd.factorize(kept[group])[0] if group else np.arange(len(kept))
    scores, simple = (kept[name].to_numpy(np.float64) for name in (column, baseline))
    return Cases(scores, codes.astype(np.int64), simple)


def _checked(scores: np.ndarray, whose: str) -> np.ndarray:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise ContractError(f"{whose} scores have the shape {values.shape}; give one score per test case.")
    odd = np.flatnonzero(~np.isfinite(values))
    if len(odd):
        raise ContractError(
            f"{whose} score of test case {odd[0]} is {values[odd[0]]} ({len(odd)} of {len(values)} are no numbers);"
            " leave out the cases that cannot be scored, for both models alike."
        )
    return values


def confidence_level(cases: int) -> float:
    """Return the level of the interval that decides: 0.98, and up to 0.998 for few independent cases.

    A sample of 20 mostly lacks the rare great losses that a skewed score can have, so its interval is too narrow in
    a way that no resampling of it can tell: at a level of 0.98, 4 in 100 that are no better won with 20 cases, 6 with
    10. The share beyond each end therefore falls in proportion (`benchmarks/promotion.py` measures what then wins).

    Args:
        cases: independent ones, or groups.
    """
    return 1 - 2 * TAIL * min(1.0, cases / FULL_CASES)


def _gain(what: str, name: str, difference: float, low: float, high: float, n: int, level: float) -> str:
    """Say which of two is better, and by how much."""
    sign = -1 if difference < 0 else 1
    ends = [f"{end:.3g}".replace("-", "\u2212") for end in sorted((sign * low, sign * high))]
    return (
        f"The {what} is {'worse' if sign < 0 else 'better'} than {name}'s by {abs(difference):.3g} on average over"
        f" {n:,} test cases ({100 * level:.3g}\u202f% interval {ends[0]} to {ends[1]})"
    )


def decide(
    challenger: np.ndarray,
    champion: np.ndarray | None,
    primary: str,
    minimum_gain: float = 0.0,
    groups: np.ndarray | None = None,
    *,
    baseline: np.ndarray | None = None,
    version: int | None = None,
    higher_is_better: bool = True,
    outdated: str = "",
) -> Decision:
    """Decide whether the challenger is promoted.

    Args:
        challenger: its score of each test case, (n,).
        champion: the champion's of the same cases; None when there is none, or when it cannot be evaluated on them.
        primary: name of the metric.
        minimum_gain: how much better than the champion it has to be on average at least, in units of the metric.
        groups: which cases belong together, (n,); whole groups are drawn in the bootstrap.
        baseline: the strongest simple baseline's score of the same cases; without a gain on it nothing is promoted.
        version: version of the champion; None when there is none.
        higher_is_better: whether a higher score is a better one.
        outdated: why the champion cannot answer any more; it is then enough to be better than the baseline.

    Raises:
        ContractError: scores that are no numbers, or the baseline's of another number of cases.
    """
    ours = _checked(challenger, "The challenger's")
    retired = version is not None and bool(outdated) and baseline is not None
    if version is not None and not retired and (champion is None or len(np.asarray(champion)) != len(ours)):
        reason = f"The champion, version {version}, cannot be evaluated on the present test data, so it stays."
        return Decision(promoted=False, reason=reason, primary=primary, against=version, n=len(ours))
    if version is None and baseline is None:
        reason = "There is neither a champion nor a baseline to compare with, so nothing is promoted."
        return Decision(promoted=False, reason=reason, primary=primary, n=len(ours))
    sign = 1.0 if higher_is_better else -1.0
    stays = "so nothing is promoted" if version is None else "so the champion stays"
    facts: dict[str, Any] = {"primary": primary, "groups": groups, "version": version, "stays": stays}
    over_baseline = None
    if baseline is not None:
        simple = _checked(baseline, "The baseline's")
        if len(simple) != len(ours):
            raise ContractError(
                f"The baseline has {len(simple)} scores and the model {len(ours)}; score both on the same test cases."
            )
        over_baseline = _compared(sign * ours, sign * simple, name="the baseline", minimum_gain=0.0, **facts)
        if retired:
            reason = f"{over_baseline.reason} Version {version} cannot answer any more: {outdated}."
            return over_baseline.model_copy(update={"reason": reason})
        if version is None or not over_baseline.promoted:
            return over_baseline
    theirs = _checked(np.asarray(champion), "The champion's")
    return _compared(sign * ours, sign * theirs, name=f"version {version}", minimum_gain=minimum_gain, **facts)


def _compared(
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    primary: str,
    minimum_gain: float,
    groups: np.ndarray | None,
    name: str,
    version: int | None,
    stays: str,
) -> Decision:
    """Compare two models case by case; a higher score is a better one here."""
    from tasks.evaluation.intervals import cautious_difference

    cases = len(ours) if groups is None else len(np.unique(groups))
    facts: dict[str, Any] = {"primary": primary, "against": version, "n": len(ours)}
    if cases < MINIMUM_CASES:
        reason = (
            f"{cases} independent test cases are too few to tell the {metric_words(primary)} from {name}'s"
            f" (at least {MINIMUM_CASES} are wanted), {stays}."
        )
        return Decision(promoted=False, reason=reason, **facts)
    level = confidence_level(cases)
    resamples = round(2 * REDRAWN_BEYOND / (1 - level))
    difference, low, high = cautious_difference(ours, theirs, level, resamples=resamples, groups=groups)
    if all(np.isin(np.abs(scores), (0, 1)).all() for scores in (ours, theirs)):  # a difference of two shares
        low, high = max(low, -1.0), min(high, 1.0)
    promoted = bool(low > minimum_gain)
    what = metric_words(primary)
    measured = _gain(what, name, difference, low, high, len(ours), level)
    if promoted:
        reason = f"{measured}, which is beyond chance: it becomes the champion."
    elif np.array_equal(ours, theirs):
        reason = f"The {what} is the same as {name}'s in each of {len(ours):,} test cases, {stays}."
    elif minimum_gain and low > 0:
        reason = f"{measured}, which is not surely more than the gain of {minimum_gain:g} asked for, {stays}."
    else:
        reason = f"{measured}, which may be chance, {stays}." if high >= 0 else f"{measured}, {stays}."
    return Decision(promoted=promoted, reason=reason, difference=difference, low=low, high=high, **facts)


@stage(phase="Evaluation")
def decide_promotion(
    scores: np.ndarray,
    groups: np.ndarray,
    baseline: np.ndarray,
    champion_scores: np.ndarray | None,
    version: int | None,
    primary: str,
    minimum_gain: float = 0.0,
    higher_is_better: bool = True,
    outdated: str = "",
) -> Decision:
    """Hold a model against the baseline, and against the champion where there is one; see `decide`.

    Args:
        scores: the model's score of each test case, (n,).
        groups: which cases belong together, (n,).
        baseline: the strongest simple baseline's score of the same cases, (n,).
        champion_scores: the champion's score of the same cases, (n,); None when it cannot be evaluated on them.
        version: of the champion; None while there is none.
        primary: the metric that decides.
        minimum_gain: how much better than the champion the model has to be on average.
        higher_is_better: whether a higher score is a better one.
        outdated: why the champion cannot answer any more; empty where it can.
    """
    return decide(
        scores,
        champion_scores,
        primary,
        minimum_gain,
        groups,
        baseline=baseline,
        version=version,
        higher_is_better=higher_is_better,
        outdated=outdated,
    )
