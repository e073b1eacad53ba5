"""What does a day have to be compared with? The calendar of each day as columns of a regression.

A public holiday counts as a Sunday with an effect of its own. Advent, the two eves and the days between the years are
known to every shopkeeper, so they are known here: without them a Christmas market would be found as a change.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd

TWO_HARMONICS_FROM = 300  # days: below, a yearly course is one smooth wave; more cannot be told from a step
SEASON = 0.2  # standard deviation, of logarithms, that a yearly harmonic has before any day is seen
BREAK = 0.12  # the same of what school holidays do to a place


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
        trend: whether there is a linear trend, in years since `origin`; with it, a yearly course: one harmonic, two of
            long series.
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
        long = len(days) > 0 and (days.max() - days.min()).days >= TWO_HARMONICS_FROM
        for order in (1, 2) if long else (1,):
            columns[f"sin_{order}"] = np.sin(2 * np.pi * order * years)
            columns[f"cos_{order}"] = np.cos(2 * np.pi * order * years)
    return pd.DataFrame(columns, index=days)


def prior_deviations(design: pd.DataFrame) -> np.ndarray:
    """Return the standard deviation of each coefficient before any day is seen, (p,); infinite but for the season's.

    Days of half a year fit a season together with a trend in many ways, and some of them lead far off afterwards.
    """
    return np.array([SEASON if name.startswith(("sin_", "cos_")) else np.inf for name in design.columns])


def _school_breaks(year: int, chance: np.random.Generator) -> list[tuple[date, int]]:
    """Return first day and length of the school holidays of a year, drawn from what the German states have.

    Christmas and Easter are much the same everywhere; the others move by weeks from state to state and year to year.
    """
    from dateutil.easter import easter

    sunday = easter(year)
    breaks = [
        (date(year, 1, 1), 6),
        (sunday - timedelta(days=int(chance.integers(8, 15))), 16),
        (date(year, 6, 22) + timedelta(days=int(chance.integers(0, 40))), 44),
        (date(year, 10, 1) + timedelta(days=int(chance.integers(0, 28))), int(chance.integers(5, 16))),
        (date(year, 12, 20) + timedelta(days=int(chance.integers(0, 4))), 12),
    ]
    if chance.random() < 0.7:
        breaks.append((date(year, 1, 28) + timedelta(days=int(chance.integers(0, 28))), int(chance.integers(5, 16))))
    if chance.random() < 0.5:
        breaks.append((sunday + timedelta(days=49), int(chance.integers(5, 14))))
    return breaks


def break_effects(days: pd.DatetimeIndex, count: int, chance: np.random.Generator) -> np.ndarray:
    """Draw what school holidays and the weeks around Christmas may do to `days`, as logarithms, (n, count).

    Whether they fill a place or empty it differs, and their dates are not known here: each break is as high or low as
    chance has it, so that a test of changes can be held against it, at the ends of a series above all.
    """
    effects = np.zeros((len(days), count))
    first = days[0].date().toordinal()
    number = np.asarray((days - days[0]) / pd.Timedelta(days=1), dtype=int)
    years = range(days[0].year, days[-1].year + 1)
    for column in range(count):
        line = np.zeros(int(number[-1]) + 1)
        for year in years:
            for start, length in _school_breaks(year, chance):
                low = start.toordinal() - first
                line[max(0, low) : max(0, low + length)] += BREAK * chance.normal()
        effects[:, column] = line[number]
    return effects


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
