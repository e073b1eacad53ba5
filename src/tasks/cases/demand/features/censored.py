"""What would have been sold had the shelf not been empty? Sales of a stock-out are a lower bound, not the demand.

A period without stock at its end counts as at least its sales, and as at least what was to be expected: last year's
demand of the period grown as the last periods have grown, or the mean of late ones. Only earlier periods are looked at,
so that no forecast learns of what came after it.
"""

import numpy as np


def fill_demand(
    sold: np.ndarray, known: np.ndarray, censored: np.ndarray, year: int, season: int, mean: int
) -> np.ndarray:
    """Return the demand of each period, (T, n): sold where it is known, else what was to be expected.

    Args:
        sold: quantities, (T, n); NaN where nothing is known.
        known: whether a quantity is the demand, (T, n).
        censored: whether it is a lower bound, (T, n).
        year: periods of a year; 0 where the history is too short.
        season: periods of the short season.
        mean: periods of the moving average.
    """
    demand = np.where(known | censored, sold, np.nan)
    started = np.isfinite(demand).cumsum(axis=0) > 0
    for t in np.flatnonzero((~known & started).any(axis=1)):
        gap = ~known[t] & started[t]
        expected = _expected(demand, int(t), year, season, mean)
        least = np.where(censored[t], np.nan_to_num(sold[t]), 0.0)
        demand[t] = np.where(gap, np.fmax(np.nan_to_num(expected), least), demand[t])
    return demand


def _expected(demand: np.ndarray, t: int, year: int, season: int, mean: int) -> np.ndarray:
    late = column_mean(demand[max(0, t - mean) : t])
    if 1 < season < max(year, 8):
        return np.where(t >= season, column_mean(demand[max(0, t - 4 * season) : t][::-1][season - 1 :: season]), late)
    if not year or t < year + 2:
        return late
    before = column_mean(demand[max(0, t - year - mean) : t - year])
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = demand[t - year] * np.clip(late / before, 0.5, 2.0)
    return np.where(np.isfinite(grown), grown, late)


def column_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of each column over the values that are there; NaN where none is."""
    count = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
