"""Has a figure drifted, or is it a night like any other? One rule, with a stated rate of false alarms.

The last three nights are held against what the nights before foretell. A figure has drifted when all three lie beyond
the same limit, so that one odd night is no drift, and a lasting one is told in its third night:

    min(|x[t] - mean|, |x[t-1] - mean|, |x[t-2] - mean|) / scale > c,  all on one side,

with mean and standard deviation of the nights before (`FEWEST` to `WINDOW`). The scale is that deviation, or the
standard error of the figure itself where that is larger: a night's value is never known better than its interval says.

The limit c is `MARGIN` times the one that makes the chance of an alarm, for independent normal nights, exactly
alpha = level / (NIGHTS * series); by Bonferroni, the chance of any false alarm in a month of all series together is
then at most `level`. That limit comes from the joint distribution of the three distances, which share their estimates:

    2 * E[ Phi(-(M + c S))^3 ] = alpha,   M ~ N(0, 1/n),   (n - 1) S^2 ~ chi^2(n - 1).

Nights are neither normal nor independent: the margin is for that. With it, `benchmarks/drift.py` counts false alarms in
at most 5 % of the months too where the nights have heavy tails, are skewed, or hang together with the night before.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

NIGHTS = 30  # of a month
LEVEL = 0.05  # chance of any false alarm in a month, all series together
IN_A_ROW = 3  # nights that have to lie beyond the limit
FEWEST = 10  # nights before those
WINDOW = 28  # the most that are looked at
MARGIN = 1.6


class Judged(NamedTuple):
    """A figure of the last nights, and what was foretold for each."""

    low: float
    high: float
    drifted: bool


@lru_cache(maxsize=512)
def limit(nights: int, alpha: float) -> float:
    """Return the distance beyond which `IN_A_ROW` nights lie with chance `alpha`, when `nights` were before."""
    from scipy.optimize import brentq
    from scipy.special import ndtr
    from scipy.stats import chi2

    free = nights - 1
    s = np.linspace(1e-4, math.sqrt(chi2.ppf(1 - 1e-12, free) / free), 600)
    m = np.linspace(-7, 7, 71) / math.sqrt(nights)
    weight_s = chi2.pdf(free * s**2, free) * s
    weight_m = np.exp(-0.5 * nights * m**2)
    weights = np.outer(weight_m / weight_m.sum(), weight_s / weight_s.sum())

    def excess(c: float) -> float:
        return 2 * float((weights * ndtr(-(m[:, None] + c * s[None, :])) ** IN_A_ROW).sum()) - alpha

    return float(brentq(excess, 0.0, 1e4, xtol=1e-6))


def alpha_of(series: int, level: float = LEVEL) -> float:
    """Return the chance of an alarm that one judgement of one of `series` figures may have."""
    return level / (NIGHTS * max(series, 1))


def judge(values: Sequence[float], alpha: float, error: float = 0.0) -> Judged | None:
    """Judge the last of `values`; None where there are too few nights, or nothing tells how much a night may differ.

    Args:
        values: the figure night by night, oldest first, this night last.
        alpha: chance of a false alarm of this judgement (`alpha_of`).
        error: standard error of the figure in one night.
    """
    before = np.asarray(values[:-IN_A_ROW], dtype=float)[-WINDOW:]
    if len(before) < FEWEST:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(before.mean())
        scale = max(float(before.std(ddof=1)), error)
    if not scale > 0 or not math.isfinite(scale) or not math.isfinite(mean):
        return None
    reach = MARGIN * limit(len(before), alpha) * scale
    last = values[-IN_A_ROW:]
    drifted = all(value > mean + reach for value in last) or all(value < mean - reach for value in last)
    return Judged(mean - reach, mean + reach, drifted)
