"""By how much do prices rise from month to month, and how much do these steps vary within a year?

The steps of one calendar year make one figure: their standard deviation. A seasonal pattern that stays the same adds
the same to every year's figure, and the autocorrelation of neighbouring months stays within the year, so that neither
can look like a change from one year to another. A second figure leaves the seasonal pattern out: of each month's step,
the mean step of the same month in the nearest other years is taken away first.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

AROUND = 5  # rows whose median a value is held against
NEIGHBOURS = 6  # years that a year's seasonal pattern is taken from


class Regular(NamedTuple):
    """A price index without gaps."""

    series: pd.DataFrame  # period, value, filled, absolute (index points), relative (per cent); the first step is NaN
    left_out: int  # months before the first and after the last value, and those before a gap that is too long


@stage(phase="Data understanding")
def with_jumps(prices: pd.DataFrame) -> pd.DataFrame:
    """Add what the contract is about.

    Args:
        prices: `period` and `value`, by period.

    Returns:
        The frame with `jump`, the logarithm of the value over the median of those around it (NaN where it is missing or
        not positive), and `known`, 1 where there is a value.
    """
    positive = prices["value"].where(prices["value"] > 0)
    around = positive.dropna().rolling(AROUND, center=True, min_periods=1).median()
    return prices.assign(jump=np.log(positive / around), known=prices["value"].notna().astype(np.int64))


@stage(phase="Data preparation")
def regular_series(prices: pd.DataFrame, per_year: int, max_gap: int) -> Regular:
    """Return the index at every month or quarter from its first to its last value, with its increments.

    Args:
        prices: `period`, `value`, by period; missing months may be rows without a value, or no rows.
        per_year: 12 or 4.
        max_gap: longest run of missing months to fill, by the same relative step each; of longer ones, what lies before
            the last is left out.

    Raises:
        ContractError: fewer than ten years are left.
    """
    known = prices.dropna(subset="value").set_index("period")["value"]
    months = pd.date_range(known.index[0], known.index[-1], freq="MS" if per_year == 12 else "QS")
    value = known.reindex(months)
    runs = value.notna().cumsum().to_numpy()  # a gap has the number of the value before it
    long = np.flatnonzero(np.bincount(runs) - 1 > max_gap)
    if len(long):
        value = value[runs > long[-1]]
    if len(value) < 10 * per_year:
        gap = f" after the gap that ends at {value.index[0]:%Y-%m}" if len(long) else ""
        raise ContractError(
            f"Only {len(value)} months or quarters in a row are there{gap}; at least ten years are needed:"
            " give a longer export, or raise max_gap."
        )
    filled = value.isna()
    value = np.exp(np.log(value).interpolate())
    frame = pd.DataFrame({"period": value.index.astype("datetime64[us]"), "value": value.to_numpy()})
    frame["filled"] = filled.to_numpy()
    frame["absolute"] = frame["value"].diff()
    frame["relative"] = 100 * np.log(frame["value"]).diff()
    return Regular(frame, len(prices) - int(prices["value"].notna().loc[prices["period"] >= value.index[0]].sum()))


def spread(steps: np.ndarray) -> np.ndarray:
    """Return the standard deviation within each year of `steps` (..., years, per_year)."""
    return steps.std(axis=-1, ddof=1)


def irregular_spread(steps: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Return the standard deviation within each year of what is left of `steps` without their seasonal pattern.

    A year's pattern is the mean of the `neighbours` years nearest to it, itself left out: as many for the first year as
    for one in the middle, so that the error of the pattern is the same for all and is divided out.

    Args:
        steps: (..., years, per_year).
        neighbours: fewer where there are fewer years.
    """
    centred = steps - steps.mean(axis=-1, keepdims=True)
    years, per_year = steps.shape[-2:]
    count = min(neighbours, years - 1)
    squares = np.empty(steps.shape[:-1])
    for year in range(years):
        first = min(max(0, year - count // 2), years - count - 1)
        others = [other for other in range(first, first + count + 1) if other != year]
        rest = centred[..., year, :] - centred[..., others, :].mean(axis=-2)
        squares[..., year] = (rest**2).sum(axis=-1)
    return np.sqrt(squares / (per_year - 1) / (1 + 1 / count))


@stage(phase="Data preparation")
def yearly_spread(series: pd.DataFrame, per_year: int, decimals: int) -> pd.DataFrame:
    """Return one row per calendar year that has all its increments.

    Args:
        series: as `regular_series` returns it.
        per_year: 12 or 4.
        decimals: of the published index; they set the least spread that it can show.

    Returns:
        `year`; `inflation`, the sum of its relative increments, per cent; `spread`, their standard deviation, and
        `irregular`, the same without the seasonal pattern, both per cent; `rounding`, the standard deviation that the
        rounding of the published index alone gives the increments.
    """
    steps = series.dropna(subset="relative")
    year = steps["period"].dt.year
    whole = steps[year.map(year.value_counts()) == per_year]
    table = whole["relative"].to_numpy().reshape(-1, per_year)
    rounding = 100 * 10.0**-decimals / whole["value"].to_numpy().reshape(-1, per_year).mean(axis=1) / np.sqrt(6)
    return pd.DataFrame(
        {
            "year": whole["period"].dt.year.to_numpy()[::per_year].astype(np.int64),
            "inflation": table.sum(axis=1),
            "spread": np.maximum(spread(table), rounding / 2),
            "irregular": np.maximum(irregular_spread(table), rounding / 2),
            "rounding": rounding,
        }
    )
