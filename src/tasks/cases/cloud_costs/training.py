"""What will it have cost at the end of the month? The days that are left as recent days were, with an interval.

Four simple guesses of a day are compared on earlier days of the same data, for as many days ahead as are left now: the
mean of the month so far (what a spreadsheet does, the baseline), of the last 7 and of the last 28 days, and of the same
weekday in the last four weeks. Costs step up and stay, so a more elaborate model earns nothing that these do not have.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.stage import stage

FEWEST_DAYS = 7
FEWEST_APART = 4
FEWEST_ORIGINS = 10  # earlier days to forecast from; with fewer nothing is compared
BASELINE, USUAL = "mean of the month so far", "mean of the last 7 days"
LONGEST = 120  # days that are looked back


class Forecast(BaseModel):
    """The cost of a calendar month as it will be."""

    month: str  # 2026-09
    so_far: float  # billed up to the last day
    days_left: int
    method: str
    total: float
    low: float
    high: float
    run_rate: float  # the baseline: the mean of the month so far, for the whole month
    payments: float = 0.0  # monthly payments for commitments that are still due
    origins: int = 0
    error: float | None = None  # mean absolute error of the sum over the days left, in earlier days
    baseline_error: float | None = None
    daily: list[float] = []  # of each day left


Guess = Callable[[np.ndarray, pd.DatetimeIndex, pd.DatetimeIndex], np.ndarray]


def _same_weekday(past: np.ndarray, days: pd.DatetimeIndex, ahead: pd.DatetimeIndex) -> np.ndarray:
    recent, weekdays = past[-28:], days[-28:].dayofweek
    means = [recent[weekdays == day].mean() if (weekdays == day).any() else recent.mean() for day in range(7)]
    return np.array(means)[ahead.dayofweek]


def _month(past: np.ndarray, days: pd.DatetimeIndex, ahead: pd.DatetimeIndex) -> np.ndarray:
    same = (days.month == days[-1].month) & (days.year == days[-1].year)
    return np.full(len(ahead), past[same].mean())


GUESSES: dict[str, Guess] = {
    BASELINE: _month,
    USUAL: lambda past, days, ahead: np.full(len(ahead), past[-7:].mean()),
    "mean of the last 28 days": lambda past, days, ahead: np.full(len(ahead), past[-28:].mean()),
    "same weekday of the last four weeks": _same_weekday,
}


@stage(phase="Modelling")
def forecast_month(days: pd.DataFrame, commitments: pd.DataFrame, planned: pd.DataFrame) -> Forecast | None:
    """Forecast the billed cost of the calendar month of the last day.

    Args:
        days: `day` (each one), `billed`, `usage` (billed without purchases).
        commitments: `paid_on`, `paid`, `frequency`: monthly payments that are due again before the month ends count.
        planned: `day` of the export's own forecast: a last day that is among them was not charged in full yet.

    Returns:
        The forecast with a 95 % interval; None with fewer than a week of days. A month that is over is known.
    """
    days = days.tail(LONGEST)
    last = days["day"].iloc[-1]
    end = last + pd.offsets.MonthEnd(0)
    month = days[days["day"] >= last.replace(day=1)]
    so_far = float(month["billed"].sum())
    run_rate = so_far / len(month) * end.day
    part = float(days["usage"].iloc[-1]) if (planned["day"] == last).any() and len(days) > 1 else None
    full = days if part is None else days.iloc[:-1]
    index, usage = pd.DatetimeIndex(full["day"]), full["usage"].to_numpy(float)
    ahead = pd.date_range(index[-1] + pd.Timedelta(days=1), end, freq="D")
    known = {"month": f"{last:%Y-%m}", "so_far": so_far, "run_rate": run_rate, "days_left": len(ahead)}
    if not len(ahead):
        return Forecast(**known, method="the month is over", total=so_far, low=so_far, high=so_far)
    if len(usage) < FEWEST_DAYS:
        return None
    errors = backtest(usage, index, len(ahead))
    method, means = _best(errors, usage)
    daily = GUESSES[method](usage, index, ahead)
    daily[0] = max(0.0, daily[0] - part) if part is not None else daily[0]
    due, half = _due(commitments, last, end), interval(usage, index, errors[method], len(ahead))
    total = so_far + float(daily.sum()) + due
    return Forecast(
        **known,
        method=method,
        total=total,
        low=max(total - half, so_far + due) if usage.min() >= 0 else total - half,
        high=total + half,
        payments=due,
        origins=len(errors[method]),
        error=means.get(method),
        baseline_error=means.get(BASELINE),
        daily=daily.tolist(),
    )


def _best(errors: dict[str, np.ndarray], usage: np.ndarray) -> tuple[str, dict[str, float]]:
    """Return the guess with the smallest mean absolute error, and that of each; the usual one where few are known."""
    if len(errors[USUAL]) < FEWEST_ORIGINS:
        return (USUAL if (usage[-7:] > 0).sum() > 3 else BASELINE), {}
    means = {name: float(np.abs(found).mean()) for name, found in errors.items()}
    return min(means, key=lambda name: means[name]), means


def backtest(usage: np.ndarray, index: pd.DatetimeIndex, ahead: int) -> dict[str, np.ndarray]:
    """Return the errors of the sum over `ahead` days (forecast minus truth), of each guess from each earlier day."""
    origins = range(max(FEWEST_DAYS, min(28, len(usage) - ahead - FEWEST_ORIGINS)), len(usage) - ahead + 1)
    return {
        name: np.array(
            [
                guess(usage[:origin], index[:origin], index[origin : origin + ahead]).sum()
                - usage[origin : origin + ahead].sum()
                for origin in origins
            ]
        )
        for name, guess in GUESSES.items()
    }


def interval(usage: np.ndarray, index: pd.DatetimeIndex, errors: np.ndarray, ahead: int) -> float:
    """Return half the width of the 95 % interval of the sum over `ahead` days.

    What the backtest has shown, where at least four stretches of so many days fit side by side into it. Else the larger
    of that and of what an AR(1) around the weekday means would scatter, with the error of the mean itself.
    """
    apart = len(errors) / ahead
    seen = float(np.sqrt((errors**2).mean()) * _student(max(3, apart))) if len(errors) >= FEWEST_ORIGINS else 0.0
    if apart >= FEWEST_APART:
        return seen
    recent, weekdays = usage[-56:], index[-56:].dayofweek
    means = np.array([recent[weekdays == day].mean() if (weekdays == day).any() else 0.0 for day in range(7)])
    rest = recent - means[weekdays] if len(recent) >= 21 else recent - recent.mean()
    n, free = len(rest), len(rest) - (7 if len(recent) >= 21 else 1)
    square = float((rest**2).sum())
    lag = float((rest[1:] * rest[:-1]).sum() / square) if square > 0 else 0.0
    lag = float(np.clip(lag + 3 / n, 0, 0.9))  # the estimate is too low by about 3 / n
    spread = np.sqrt(square / free * (1 + lag) / (1 - lag) * (ahead + ahead**2 / min(n, 7)))
    return float(max(_student(free) * spread, seen))


def _due(commitments: pd.DataFrame, last: pd.Timestamp, end: pd.Timestamp) -> float:
    """Return the monthly payments of the month before whose day is still to come in this one."""
    monthly = commitments[commitments["frequency"] == "monthly"]
    if monthly.empty:
        return 0.0
    again = monthly["paid_on"].map(lambda day: day + pd.DateOffset(months=1))
    return float(monthly.loc[(again > last) & (again <= end), "paid"].sum())


def _student(free: float) -> float:
    """Return how many standard errors a 95 % interval reaches to either side, at so many degrees of freedom."""
    from scipy import stats

    return float(stats.t.ppf(0.975, free))
