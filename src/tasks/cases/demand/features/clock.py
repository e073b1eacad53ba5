"""How does time run in a table of sales: by days, weeks or months, over how many, and where are the borders?

The last `horizon` periods of all series are the test. Every choice is made at validation origins, whose targets end
before the test begins.
"""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.errors import UsageError

Unit = Literal["day", "week", "month"]
SEASONS: dict[str, tuple[int, int]] = {"day": (7, 364), "week": (52, 52), "month": (12, 12)}  # season, year in periods
HORIZONS = {"day": 28, "week": 13, "month": 6}
MEANS = {"day": 28, "week": 8, "month": 6}  # periods of the moving average
MOST_ORIGINS = 4
MOST_PERIODS = 20_000


class Clock(BaseModel):
    """The grid of periods, numbered from 0, and where they are cut."""

    unit: Unit
    start: str  # the first day, ISO
    periods: int  # that have sales
    season: int  # periods of the short season; 1 where the history is too short to know one
    year: int  # periods of a year; 0 where the history is too short
    horizon: int
    test: int  # the first test period
    origins: list[int]  # first period that is forecast from each validation origin, the latest first

    @property
    def mean(self) -> int:
        """Periods of the moving average."""
        return MEANS[self.unit]

    def date(self, period: int) -> pd.Timestamp:
        """Return the first day of a period."""
        start = pd.Timestamp(self.start)
        if self.unit == "month":
            return start + pd.DateOffset(months=period)
        return start + pd.Timedelta(days=period * (7 if self.unit == "week" else 1))

    def dates(self, periods: int) -> pd.DatetimeIndex:
        """Return the first days of the first `periods` periods."""
        start = pd.Timestamp(self.start)
        frequency = {"day": "D", "week": "7D", "month": "MS"}[self.unit]
        return pd.date_range(start, periods=periods, freq=frequency)


def unit_of(days: pd.Series) -> Unit:
    """Tell from the days that occur whether a table is written by days, weeks or months."""
    unique = np.sort(days.unique()).astype("datetime64[D]")
    gaps = np.diff(unique).astype(int)
    if len(gaps) and (gaps % 7 == 0).all():
        return "week"
    if len(gaps) and gaps.min() >= 28 and pd.DatetimeIndex(unique).day.nunique() == 1:
        return "month"
    return "day"


def number_periods(days: pd.Series, start: pd.Timestamp, unit: Unit) -> np.ndarray:
    """Return the number of the period of each day, (n,) int."""
    if unit == "month":
        return ((days.dt.year - start.year) * 12 + days.dt.month - start.month).to_numpy(np.int64)
    number = (days - start).dt.days.to_numpy(np.int64)
    return number // 7 if unit == "week" else number


def _origins(latest: int, steps: int, season: int) -> list[int]:
    """Return the validation origins, the latest first.

    Half a horizon apart where the history allows it; closer where else the first of them would know less than two
    whole seasons, with which the models are others than those that are tested.
    """
    least = 2 * season if latest >= 2 * season + MOST_ORIGINS else season + max(4, steps // 2)
    gap = max(1, min(-(-steps // 2), (latest - least) // (MOST_ORIGINS - 1)))
    origins = [latest - gap * number for number in range(MOST_ORIGINS)]
    return [origin for origin in origins if origin >= max(least, 4)] or [latest]


def make_clock(days: pd.Series, horizon: int) -> Clock:
    """Return the clock of a table.

    Args:
        days: days with a known quantity.
        horizon: periods to forecast; 0 for what is usual.

    Raises:
        UsageError: too short a history, or one that is longer than any calendar of sales.
    """
    unit, start = unit_of(days), days.min()
    if unit == "month":
        start = start.replace(day=1)
    periods = int(number_periods(days, start, unit).max()) + 1
    steps = horizon or min(HORIZONS[unit], max(1, periods // 6))
    if periods < 3 * steps + 4 or periods > MOST_PERIODS:
        raise UsageError(
            f"The table spans {periods:,} {unit}s; to forecast {steps} of them and to test it,"
            f" {3 * steps + 4} to {MOST_PERIODS:,} are needed. Give another table, or a smaller --horizon."
        )
    test = periods - steps
    season, year = SEASONS[unit]
    season = season if test - steps >= season + 4 else 1
    year = year if test - steps >= year + max(4, steps // 2) else 0
    kept = _origins(test - steps, steps, max(year, season))
    return Clock(
        unit=unit,
        start=start.strftime("%Y-%m-%d"),
        periods=periods,
        season=season,
        year=year,
        horizon=steps,
        test=test,
        origins=kept,
    )
