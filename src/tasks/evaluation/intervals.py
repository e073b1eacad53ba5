"""How sure are we of a figure? Intervals for means and other statistics, for shares, and for paired differences.

The bootstrap draws the cases again, with replacement, and looks at how the statistic varies (B. Efron and R.
Tibshirani, "An Introduction to the Bootstrap", 1993). Pictures of one scene, or sales of one shop, are not independent
cases: given `groups`, whole groups are drawn, or the interval would be far too narrow.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tasks.evaluation.metrics import Metric
from tasks.platform.errors import UsageError

LEVEL = 0.95
RESAMPLES = 2000
SEED = 19_790_101
BCA_UP_TO = 1000
"""Cases up to which the bias-corrected, accelerated interval is worth its extra work; beyond, both are the same."""
BATCH = 2_000_000
"""Drawn cases held at a time: 16 MB of their numbers."""
KEPT_DRAWS = 16_000_000
"""Drawn cases that are counted once for all means over as many cases: 64 MB."""
STUDENTISED_UP_TO = 10_000
"""Independent cases up to which the studentised interval is worth its extra work; beyond, it is the t interval."""

Statistic = Callable[..., Any]


class Difference(NamedTuple):
    """A mean difference of paired cases, with its interval: it is beyond chance where the interval excludes 0."""

    value: float
    low: float
    high: float


def _checked(values: Any, groups: Any, level: float) -> tuple[np.ndarray, np.ndarray | None]:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise UsageError(f"An interval needs a list of finite numbers, at least one, not an array {values.shape}.")
    if not 0 < level < 1:
        raise UsageError(f"The level of an interval lies between 0 and 1, not at {level}.")
    if groups is None:
        return values, None
    groups = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if len(groups) != len(values):
        raise UsageError(f"{len(values)} values need as many groups, not {len(groups)}.")
    return values, groups


def bootstrap(
    values: Any,
    statistic: Statistic = np.mean,
    level: float = LEVEL,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    groups: Any = None,
) -> tuple[float, float]:
    """Return the bootstrap interval of `statistic` over `values` (n,).

    Args:
        values: one number per case.
        statistic: a function of an array and `axis`, such as `np.mean` or `np.median`.
        level: coverage of the interval.
        seed: of the draws.
        resamples: number of draws.
        groups: one label per case; cases of one group are drawn together.

    Returns:
        low and high; both NaN for a single case or group, which tells nothing about how cases vary.

    Raises:
        UsageError: no values, a value that is not finite, another number of groups than of values.
    """
    values, codes = _checked(values, groups, level)
    units = len(values) if codes is None else int(codes.max()) + 1
    if units == 1:
        return float("nan"), float("nan")
    if values.min() == values.max():
        return float(values[0]), float(values[0])
    if statistic is np.mean and BCA_UP_TO < units <= KEPT_DRAWS // resamples:
        return _interval_of_means(values, np.arange(units) if codes is None else codes, level, seed, resamples)
    if codes is None:
        return _interval((values,), statistic, units, level, seed, resamples)
    if statistic is np.mean:
        sums, counts = np.bincount(codes, values), np.bincount(codes).astype(np.float64)
        return _interval((sums, counts), _ratio, units, level, seed, resamples)
    return _interval_of_groups(values, codes, statistic, level, seed, resamples)


def _ratio(sums: np.ndarray, counts: np.ndarray, axis: int = -1) -> Any:
    return np.sum(sums, axis=axis) / np.sum(counts, axis=axis)


def _interval_of_means(
    values: np.ndarray, codes: np.ndarray, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    """Return the percentile interval of the mean of `values` (n,) in groups `codes` (n,), by draws that are kept."""
    totals = np.column_stack([np.bincount(codes, values), np.bincount(codes)])
    sums, counts = (_times_drawn(len(totals), seed, resamples) @ totals).T
    low, high = np.quantile(sums / counts, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@lru_cache(maxsize=1)
def _times_drawn(units: int, seed: int, resamples: int) -> np.ndarray:
    """Count how often each case is in each draw, (resamples, units): the same for every measure of the same cases."""
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, units), np.float32)
    for row in counts:
        row[:] = np.bincount(rng.integers(units, size=units), minlength=units)
    return counts


def _interval(
    data: tuple[np.ndarray, ...], statistic: Statistic, units: int, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    from scipy import stats

    found = stats.bootstrap(
        data,
        statistic,
        paired=len(data) > 1,
        vectorized=True,
        confidence_level=level,
        n_resamples=resamples,
        method="BCa" if units <= BCA_UP_TO and _varies(data, statistic) else "percentile",
        batch=max(1, BATCH // units),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def _varies(data: tuple[np.ndarray, ...], statistic: Statistic) -> bool:
    """Tell whether leaving out one case ever changes the statistic, without which BCa has nothing to correct by."""
    keep = ~np.eye(len(data[0]), dtype=bool)
    left = [statistic(*(part[row] for part in data), axis=-1) for row in keep]
    return bool(np.ptp(left) > 1e-12 * max(1.0, float(np.max(np.abs(left)))))


def _interval_of_groups(
    values: np.ndarray, codes: np.ndarray, statistic: Statistic, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    members = np.split(values[np.argsort(codes, kind="stable")], np.cumsum(np.bincount(codes))[:-1])
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(members), size=len(members)) for _ in range(resamples))
    drawn = [statistic(np.concatenate([members[group] for group in draw]), axis=-1) for draw in draws]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def exact_binomial(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the share `successes` / `n` (C. Clopper and E. Pearson, Biometrika, 1934).

    Raises:
        UsageError: no cases, or more successes than cases.
    """
    from scipy import stats

    if not (0 <= successes <= n and n > 0 and 0 < level < 1):
        raise UsageError(f"A share needs 0 to n successes of at least one case, not {successes} of {n}.")
    found = stats.binomtest(int(successes), int(n)).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def paired_difference(
    a: Any, b: Any, level: float = LEVEL, seed: int = SEED, resamples: int = RESAMPLES, groups: Any = None
) -> Difference:
    """Return the mean of `a` - `b`, two scores of each of the same cases, with its bootstrap interval.

    Pairing takes out what makes a case hard for both, so that a small difference shows in far fewer cases.

    Raises:
        UsageError: as `bootstrap`, or different numbers of cases.
    """
    gaps = _paired(a, b)
    low, high = bootstrap(gaps, level=level, seed=seed, resamples=resamples, groups=groups)
    return Difference(float(np.mean(gaps)), low, high)


def _paired(a: Any, b: Any) -> np.ndarray:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise UsageError(f"Paired scores belong to the same cases, but there are {a.shape} and {b.shape} of them.")
    return np.asarray(a - b)


def cautious_difference(
    a: Any, b: Any, level: float, seed: int = SEED, resamples: int = RESAMPLES, groups: Any = None
) -> Difference:
    """Return the mean of `a` - `b` with an interval that holds for few, skewed, heavy-tailed and unequal groups too.

    The percentile and the BCa interval are too narrow there: of models that are no better, 5 to 15 in 100 seemed so at
    a nominal 2.5 (`benchmarks/promotion.py`). Each end is the farthest one of three: the studentised bootstrap's, which
    follows the skew (P. Hall, Annals of Statistics, 1988); Student's t with as many degrees of freedom as there are
    groups of one size that would tell as much (L. Kish, "Survey Sampling", 1965); and the percentile bootstrap's, which
    sees that one great group may not have been drawn.

    Raises:
        UsageError: as `paired_difference`.
    """
    from scipy import stats

    values, codes = _checked(_paired(a, b), groups, level)
    sums = values if codes is None else np.bincount(codes, values)
    counts = np.ones(len(values)) if codes is None else np.bincount(codes).astype(np.float64)
    if len(sums) == 1:
        return Difference(float(np.mean(values)), float("nan"), float("nan"))
    value, error = (float(part[0]) for part in _mean_and_error(sums[None], counts[None]))
    if error <= 1e-12 * max(1.0, abs(value)):
        return Difference(value, value, value)
    alike = counts.sum() ** 2 / (counts**2).sum()
    low = high = float(stats.t.ppf((1 + level) / 2, max(alike - 1, 1)))
    if len(sums) <= STUDENTISED_UP_TO:
        ends = [(1 - level) / 2, (1 + level) / 2]
        away, own = _redrawn(sums, counts, value, error, np.random.default_rng(seed), resamples)
        (left, right), (below, above) = np.quantile(away, ends), np.quantile(own, ends)
        low, high = float(max(low, above, -left)), float(max(high, -below, right))
    return Difference(value, value - low * error, value + high * error)


def _mean_and_error(sums: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over all cases and its standard error (linearised ratio); sums and counts (draws, groups)."""
    mean = sums.sum(axis=1) / counts.sum(axis=1)
    residuals = sums - mean[:, None] * counts
    n = sums.shape[1]
    return mean, np.sqrt(n / (n - 1) * (residuals**2).sum(axis=1)) / counts.sum(axis=1)


def _redrawn(
    sums: np.ndarray, counts: np.ndarray, value: float, error: float, rng: np.random.Generator, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each drawn mean lies from the mean, in its standard errors and in the draw's own; (resamples,)."""
    away, own = [], []
    size, alike = max(1, BATCH // len(sums)), np.ptp(counts) == 0
    for start in range(0, resamples, size):
        chosen = rng.integers(len(sums), size=(min(size, resamples - start), len(sums)))
        mean, spread = _mean_and_error(sums[chosen], counts[None] if alike else counts[chosen])
        away.append((mean - value) / error)
        own.append((mean - value) / np.maximum(spread, error / 100))  # a draw of equal cases has no spread
    return np.concatenate(away), np.concatenate(own)


def mean_metric(
    name: str, scores: Any, groups: Any = None, *, baseline: Any = None, champion: Any = None, unit: str = ""
) -> Metric:
    """Return the mean of a score with its interval, beside what baseline and champion reach on the same cases.

    Args:
        name: the field's short name, such as mae.
        scores: one number per case, (n,).
        groups: one label per case, where cases are not independent.
        baseline: the baseline's scores, (n,); None without one.
        champion: the champion's scores, (n,); None without one.
        unit: of the figure.

    Raises:
        UsageError: as `bootstrap`.
    """
    low, high = bootstrap(scores, groups=groups)
    others = {"baseline": baseline, "champion": champion}
    means = {whose: float(np.mean(values)) for whose, values in others.items() if values is not None}
    return Metric(name=name, value=float(np.mean(scores)), unit=unit, low=low, high=high, n=len(scores), **means)
