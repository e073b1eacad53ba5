"""What does a day have to be compared with? The calendar of each day as columns of a regression.

A public holiday counts as a Sunday with an effect of its own. Advent, the two eves and the days between the years are
known to every shopkeeper, so they are known here: without them a Christmas market would be found as a change.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd

HARMONICS_FROM = 550  # days: below, a season cannot be told from a trend


def _advent(year: int) -> tuple[date, date]:
    """Return the first and the last day of the Christmas markets: Monday before the first Sunday in Advent, 23 Dec."""
    eve = date(year, 12, 24)
    first = eve - timedelta(days=(eve.weekday() + 1) % 7 + 21)
    return first - timedelta(days=6), eve - timedelta(days=1)


def public_holidays(days: pd.DatetimeIndex, state: str) -> dict[date, str]:
    """Return the public holidays of a German state in the years of `days`, with their names."""
    import holidays

    return dict(holidays.country_holidays("DE", subdiv=state, years=sorted({int(year) for year in days.year})))


def calendar_columns(days: pd.DatetimeIndex, state: str, trend: bool, origin: pd.Timestamp) -> pd.DataFrame:
    """Return the design of the expected week, (n, p) float64; the logarithm of a count is linear in it.

    Args:
        days: calendar days, in order.
        state: of Germany, such as BW, for the public holidays.
        trend: whether there is a linear trend, in years since `origin`; with it, yearly harmonics of long series.
        origin: where the trend is 0.
    """
    known = public_holidays(days, state)
    off = np.array([day.date() in known for day in days], dtype=bool)
    weekday = np.where(off, 6, days.weekday)
    columns = {f"weekday_{number}": (weekday == number).astype(float) for number in range(7)}
    columns["holiday"] = (off & (days.weekday != 6)).astype(float)
    columns["advent"] = np.array([_advent(day.year)[0] <= day.date() <= _advent(day.year)[1] for day in days], float)
    ends = {(12, 24), (12, 31)}
    columns["eve"] = np.array([(day.month, day.day) in ends and day.weekday() != 6 for day in days], float)
    between = np.array([(day.month, day.day) >= (12, 27) or (day.month, day.day) <= (1, 5) for day in days])
    columns["between_years"] = (between & ~off & (columns["eve"] == 0)).astype(float)
    if trend:
        years = np.asarray((days - origin) / pd.Timedelta(days=365.25), dtype=float)
        columns["trend"] = years
        if len(days) and (days.max() - days.min()).days >= HARMONICS_FROM:
            for order in (1, 2):
                columns[f"sin_{order}"] = np.sin(2 * np.pi * order * years)
                columns[f"cos_{order}"] = np.cos(2 * np.pi * order * years)
    return pd.DataFrame(columns, index=days)


def independent(design: np.ndarray) -> np.ndarray:
    """Return which columns of a design (n, p) are independent of those before them, (p,) bool."""
    kept: list[int] = []
    basis = np.empty((len(design), 0))
    for number, column in enumerate(design.T):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-8 * max(1.0, float(np.linalg.norm(column))):
            kept.append(number)
            basis = np.column_stack([basis, rest / size])
    return np.isin(np.arange(design.shape[1]), kept)
