"""What forecasts need no model? The last value, the mean of late ones, last year's, and last year's with its growth.

Formulas as in R. Hyndman and G. Athanasopoulos, "Forecasting: Principles and Practice" (3rd edition, section 5.2); the
drift is what the last half year had more than the same half year before, as a ratio.
"""

import numpy as np

from tasks.cases.demand.features.clock import Clock

SIMPLE = ("naive", "mean", "seasonal naive", "drift")
MOST_GROWTH = 2.0  # within half a year, and its inverse


def growth(demand: np.ndarray, origin: int, year: int, window: int) -> np.ndarray:
    """Return the ratio of the last `window` periods to the same a year before, (n,); 1 where it cannot be told."""
    if not year or origin - year - window < 0:
        return np.ones(demand.shape[1])
    late, before = demand[origin - window : origin], demand[origin - year - window : origin - year]
    both = np.isfinite(late) & np.isfinite(before)
    above, below = np.where(both, late, 0).sum(axis=0), np.where(both, before, 0).sum(axis=0)
    ratio = np.where(below > 0, above / np.where(below > 0, below, 1), 1.0)
    return np.clip(np.where(both.sum(axis=0) >= window / 2, ratio, 1.0), 1 / MOST_GROWTH, MOST_GROWTH)


def repeated(demand: np.ndarray, origin: int, steps: int, season: int) -> np.ndarray:
    """Return the last whole season over and over, (steps, n)."""
    if origin < season:
        return np.full((steps, demand.shape[1]), np.nan)
    return demand[origin - season + np.arange(steps) % season]


def simple_forecasts(demand: np.ndarray, origin: int, steps: int, clock: Clock) -> dict[str, np.ndarray]:
    """Return the simple forecasts of the periods from `origin` on, each (steps, n), without a gap.

    Args:
        demand: (T, n); NaN before a series starts. Nothing from `origin` on is looked at.
        origin: the first period that is forecast.
        steps: how many periods.
        clock: of the grid.
    """
    past = demand[:origin]
    late = past[max(0, origin - clock.mean) :]
    count = np.isfinite(late).sum(axis=0)
    mean = np.nansum(late, axis=0) / np.maximum(count, 1)
    naive = np.where(np.isfinite(past[-1]), past[-1], mean)
    found = {"naive": np.tile(naive, (steps, 1)), "mean": np.tile(mean, (steps, 1))}
    found["seasonal naive"] = repeated(past, origin, steps, clock.season)
    yearly = repeated(past, origin, steps, clock.year) if clock.year else found["seasonal naive"]
    found["drift"] = yearly * growth(past, origin, clock.year, max(1, clock.year // 2))
    return {name: np.where(np.isfinite(values), values, mean) for name, values in found.items()}
