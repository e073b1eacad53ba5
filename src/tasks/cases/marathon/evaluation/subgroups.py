"""Does a group differ from the rest: in its level, its spread, or in how two measures go together?

Every comparison works on counts, means and variances of all groups at once, so that hundreds of tests on tens of
thousands of cases take milliseconds and can be repeated on shuffled copies.

- Level: Welch's t-test and Cohen's d (B. Welch, Biometrika, 1947; J. Cohen, "Statistical Power Analysis", 1988).
- Spread: Welch's test on the distances from the median of the own group (M. Brown and A. Forsythe, JASA, 1974), and the
  ratio of the mean distances.
- Relation: Spearman's correlation within groups, put together on Fisher's scale (D. Bonett and T. Wright,
  Psychometrika, 2000, for its variance), so that it is not made by differences between groups.

Where one group stands out, every other group differs from "the rest" that includes it. `peel` therefore takes the
group that stands out most, leaves it out of the rest, and asks again.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

FEWEST = 30  # cases that make a group
ROUNDING = 1e-9  # share of a value that arithmetic may have changed
Passes = Callable[[float, float], bool]


class Groups(NamedTuple):
    """Counts, means and variances of groups, each (groups,)."""

    n: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


class Contrast(NamedTuple):
    """One group against others."""

    group: int
    n: int
    n_rest: int
    value: float  # difference of means, ratio of mean distances, or difference of correlations
    low: float
    high: float
    effect: float  # Cohen's d, logarithm of the ratio, or Cohen's q; for one relation its correlation
    p: float
    found: bool


def bounds_of(codes: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the order that brings the cases of each group together, (n,), and where groups begin, (groups + 1,)."""
    order = np.argsort(codes.astype(np.int16 if groups < 2**15 else np.int64), kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=groups))])


def describe(values: np.ndarray, bounds: np.ndarray) -> Groups:
    """Return count, mean and variance of groups.

    Args:
        values: group after group, (n,).
        bounds: where groups begin in them, and the end, (groups + 1,).
    """
    parts = [values[start:end] for start, end in pairwise(bounds.tolist())]
    mean = np.array([part.mean() if len(part) else 0.0 for part in parts])
    variance = np.array([part.var(ddof=1) if len(part) > 1 else 0.0 for part in parts])
    return Groups(np.diff(bounds).astype(np.float64), mean, variance)


def distances(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return how far each value lies from the median of its own group, (n,); `values` and `bounds` as in `describe`."""
    found = np.empty_like(values)
    for start, end in pairwise(bounds.tolist()):
        if end > start:
            part = values[start:end]
            found[start:end] = np.abs(part - np.median(part))
            if found[start:end].max() <= ROUNDING * np.abs(part).max():  # one value throughout
                found[start:end] = 0.0
    return found


def _rest(stats: Groups, active: np.ndarray) -> Groups:
    """Return, for each group, what the other active ones are together."""
    n, mean, variance = stats
    centre = float(np.average(mean[active], weights=np.maximum(n[active], 1)))
    apart = mean - centre
    squares = (n - 1).clip(0) * variance + n * apart**2
    own = np.zeros(len(n), bool)
    own[active] = True
    n_rest = n[own].sum() - n * own
    mean_rest = ((n * apart)[own].sum() - n * apart * own) / np.maximum(n_rest, 1)
    left = squares[own].sum() - squares * own - n_rest * mean_rest**2
    return Groups(n_rest, mean_rest + centre, np.maximum(left, 0) / np.maximum(n_rest - 1, 1))


def _welch(one: Groups, other: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Return p and the half width of the 95 % interval of the difference of means, each (groups,)."""
    from scipy import special

    a, b = one.variance / np.maximum(one.n, 1), other.variance / np.maximum(other.n, 1)
    error = np.sqrt(a + b)
    freedom = (a + b) ** 2 / np.maximum(a**2 / np.maximum(one.n - 1, 1) + b**2 / np.maximum(other.n - 1, 1), 1e-300)
    freedom = np.maximum(freedom, 1.0)
    difference = np.abs(one.mean - other.mean)
    ratio = np.divide(difference, error, out=np.where(difference > 0, np.inf, 0.0), where=error > 0)
    return 2 * special.stdtr(freedom, -ratio), special.stdtrit(freedom, 0.975) * error


def _effects(one: Groups, other: Groups, spread: bool) -> np.ndarray:
    if spread:  # where one of the two has no spread there is no ratio
        some = (one.mean > 0) & (other.mean > 0)
        return np.log(np.divide(one.mean, other.mean, out=np.ones(len(some)), where=some))
    pooled = ((one.n - 1) * one.variance + (other.n - 1) * other.variance) / np.maximum(one.n + other.n - 2, 1)
    return np.divide(one.mean - other.mean, np.sqrt(pooled), out=np.zeros(len(pooled)), where=pooled > 0)


def contrasts(
    stats: Groups, active: np.ndarray, candidates: np.ndarray, spread: bool, passes: Passes
) -> list[Contrast]:
    """Compare each of `candidates` with the other groups in `active`.

    Args:
        stats: of the values; of their distances from the median when `spread`.
        active: numbers of the groups that make up the rest.
        candidates: numbers of the groups to compare, a part of `active` or others.
        spread: whether the ratio of means is the effect, not their difference.
        passes: whether an effect and its p count as found.
    """
    rest = _rest(stats, active)
    p, half = _welch(stats, rest)
    effect = _effects(stats, rest, spread)
    difference = stats.mean - rest.mean
    low, high = difference - half, difference + half
    if spread:
        difference, low, high = _ratio_interval(stats, rest, effect)
        p = np.where((stats.mean > 0) & (rest.mean > 0), p, 1.0)
    return [
        Contrast(
            group=int(group),
            n=int(stats.n[group]),
            n_rest=int(rest.n[group]),
            value=float(difference[group]),
            low=float(low[group]),
            high=float(high[group]),
            effect=float(effect[group]),
            p=float(p[group]),
            found=passes(float(effect[group]), float(p[group])),
        )
        for group in candidates
    ]


def _ratio_interval(one: Groups, other: Groups, effect: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ratio of means and its 95 % interval, by the delta method on its logarithm."""
    tiny = 1e-300
    relative = one.variance / np.maximum(one.n * one.mean**2, tiny)
    relative = relative + other.variance / np.maximum(other.n * other.mean**2, tiny)
    half = 1.959964 * np.sqrt(relative)
    half = np.minimum(half, 100.0)  # of a spread that is nothing but rounding
    return np.exp(effect), np.exp(effect - half), np.exp(effect + half)


class Peeled(NamedTuple):
    """What came of asking again and again: all first comparisons, and the groups that stand out."""

    tests: list[Contrast]
    found: list[Contrast]
    further: int  # comparisons after the first round


def peel(stats: Groups, spread: bool, passes: Passes) -> Peeled:
    """Find the groups that stand out from the rest, one after the other.

    The effect of each is measured against the groups that do not stand out, when all have been found.
    """
    active = np.flatnonzero(stats.n > 0)
    first: list[Contrast] | None = None
    out: list[int] = []
    further = 0
    while len(active) > 1:
        able = active[stats.n[active] >= FEWEST]
        if len(active) == 2:  # one against the other, and the other way round, is one question
            able = able[np.argsort(stats.n[able], kind="stable")][:1] if len(able) == 2 else able[:0]
        made = contrasts(stats, active, able, spread, passes)
        further += 0 if first is None else len(made)
        first = made if first is None else first
        standing = [item for item in made if item.found]
        if not standing:
            break
        worst = max(standing, key=lambda item: (abs(item.effect), -item.group))
        out.append(worst.group)
        active = active[active != worst.group]
    return Peeled(first or [], _anew(stats, out, active, spread), further)


def _anew(stats: Groups, out: list[int], rest: np.ndarray, spread: bool) -> list[Contrast]:
    """Compare each group that stands out with those that do not."""
    found = []
    for group in out:
        active = np.append(rest, group)
        found += contrasts(stats, active, np.array([group]), spread, lambda effect, p: True)
    return found


def comparisons(candidates: int, groups: int) -> int:
    """Return how many comparisons `peel` can make at most."""
    return min(candidates, 1) if groups == 2 else candidates * (candidates + 1) // 2
