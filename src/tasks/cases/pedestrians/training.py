"""How many people would have come? The expected week of each place, and where its level changed.

The logarithm of a day's count is regressed on the calendar, with AR(1) errors. A forecast adds to the calendar what is
left of the last day's deviation. The calendar has a yearly course. The test of changes leaves it free, so that no
season is taken for a step; the expected week holds it near zero until the days show it, so that half a year is not
carried on into the next.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.features.calendars import break_effects, calendar_columns, independent, prior_deviations
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage
from tasks.training.series.change_dates import SEED, Effect, Step, find_steps, level_interval
from tasks.training.series.regression import persistence, whiten
from tasks.training.series.segmentation import step_columns

SHORTEST = 42  # whole days of a place: fewer do not show an expected week
DAY = pd.Timedelta(days=1)
BAND = 1.96


class Fitted(NamedTuple):
    """An expected week: which columns count, and how."""

    coefficients: np.ndarray  # (p,), 0 for columns that the days do not show
    rho: float
    spread: float  # standard deviation of the logarithm around the expectation
    last: float  # the last day's deviation


class Found(NamedTuple):
    """What became of each place."""

    changes: pd.DataFrame  # place, date, first, last, value, low, high, statistic, p_value, main
    places: pd.DataFrame  # one row per place: see `_place_row`
    expected: pd.DataFrame  # place, day, count, whole, expected, low, high


def gaps_between(days: pd.DatetimeIndex) -> np.ndarray:
    """Return the days from each row to the next, (n - 1,) float64."""
    return np.asarray(np.diff(days.to_numpy()) / np.timedelta64(1, "D"), dtype=float)


def fit_expected(days: pd.DatetimeIndex, logs: np.ndarray, design: np.ndarray, prior: np.ndarray) -> Fitted:
    """Fit the expected week by feasible generalised least squares, coefficients with a prior shrunk towards 0.

    Args:
        days: (n,), in order.
        logs: logarithms of the counts, (n,).
        design: (n, p), as `calendar_columns` returns it.
        prior: standard deviation of each coefficient, (p,), infinite where nothing is known of it.
    """
    kept = independent(design)
    used, gaps = design[:, kept], gaps_between(days)
    first = logs - used @ np.linalg.lstsq(used, logs, rcond=None)[0]
    rho = float(np.clip(persistence(first[:, None], gaps)[0], 0, 0.95))
    white, target = whiten(used, gaps, rho), whiten(logs[:, None], gaps, rho)[:, 0]
    noise = float(np.sqrt((whiten(first[:, None], gaps, rho) ** 2).mean()))  # a prior is an observation of 0
    coefficients = np.zeros(design.shape[1])
    coefficients[kept] = np.linalg.lstsq(
        np.vstack([white, np.diag(noise / prior[kept])]), np.append(target, np.zeros(kept.sum())), rcond=None
    )[0]
    left = logs - design @ coefficients
    spread = float(np.sqrt((left**2).sum() / max(1, len(logs) - kept.sum())))
    return Fitted(coefficients, rho, spread, float(left[-1]))


def forecast(
    train: pd.DatetimeIndex, logs: np.ndarray, future: pd.DatetimeIndex, state: str, trend: bool
) -> np.ndarray:
    """Return the expected logarithms of `future` days (m,), as known at the end of the last training day."""
    columns = calendar_columns(pd.DatetimeIndex(train.append(future)), state, trend, train[0])
    design = columns.to_numpy()
    fitted = fit_expected(train, logs, design[: len(train)], prior_deviations(columns))
    ahead = np.asarray((future - train[-1]) / DAY, dtype=float)
    return design[len(train) :] @ fitted.coefficients + fitted.last * fitted.rho**ahead


def main_step(steps: list[Step]) -> Step | None:
    """Return the largest drop; None when there is none."""
    drops = [step for step in steps if step.effect.value < 0]
    return min(drops, key=lambda step: step.effect.value) if drops else None


def recent_level(
    logs: np.ndarray, design: np.ndarray, gaps: np.ndarray, steps: list[Step], drop: Step, recent: int, seed: int
) -> tuple[Effect, int]:
    """Return the level of the last days against that right before the drop, and how many days these are.

    Every other stretch between two steps has a level of its own, so that it does not blur the comparison.
    """
    n = len(logs)
    count = min(recent, n - drop.row)
    last = np.arange(n) >= n - count
    stretch = step_columns(n, np.array([step.row for step in steps])).sum(axis=1)
    usual = stretch[drop.row] - 1
    others = [((stretch == number) & ~last).astype(float) for number in np.unique(stretch) if number != usual]
    both = np.column_stack([design, *others])
    both = both[:, independent(both)]
    return level_interval(logs, both, last.astype(float), gaps, np.random.default_rng(seed)), count


def _place_row(name: str, days: pd.DataFrame, steps: list[Step], test: tuple[float, float]) -> dict[str, object]:
    return {
        "place": name,
        "days": len(days),
        "first": days["day"].iloc[0],
        "last": days["day"].iloc[-1],
        "mean": float(days["count"].mean()),
        "statistic": test[0],
        "p_value": test[1],
        "changes": len(steps),
    }


def _share(effect: Effect) -> dict[str, float]:
    """Return a difference of logarithms as a relative change."""
    return {name: float(np.expm1(value)) for name, value in effect._asdict().items()}


class Search(NamedTuple):
    """How the search for changes is done."""

    state: str
    trend: bool
    false_alarms: float
    margin: int
    most: int
    recent: int


def _of_place(name: str, table: pd.DataFrame, how: Search) -> tuple[pd.DataFrame, dict[str, object], pd.DataFrame]:
    whole = table[table["whole"] & (table["count"] > 0)]
    days, logs = pd.DatetimeIndex(whole["day"]), np.log(whole["count"].to_numpy(float))
    design = calendar_columns(days, how.state, how.trend, days[0]).to_numpy()
    used, gaps = design[:, independent(design)], gaps_between(days)
    unrest = partial(break_effects, days)
    steps, *test = find_steps(logs, used, gaps, how.margin, how.false_alarms, how.most, SEED, unrest)
    row = _place_row(name, whole, steps, (test[0], test[1]))
    drop = main_step(steps)
    if drop:
        level, count = recent_level(logs, used, gaps, steps, drop, how.recent, SEED)
        row |= {"date": days[drop.row]} | {f"recent_{key}": value for key, value in _share(level).items()}
        row |= {"recent_days": count, "recent_from": days[-count]}
    changes = [
        {"place": name, "date": days[step.row], "first": days[step.first], "last": days[step.last]}
        | _share(step.effect)
        | {"statistic": step.statistic, "p_value": step.p_value, "main": step is drop}
        for step in steps
    ]
    return pd.DataFrame(changes, columns=_CHANGES), row, _expected(table, days, logs, drop.row if drop else None, how)


_CHANGES = ["place", "date", "first", "last", "value", "low", "high", "statistic", "p_value", "main"]
_PLACES = ["date", "recent_value", "recent_low", "recent_high", "recent_days", "recent_from"]


def _expected(
    table: pd.DataFrame, days: pd.DatetimeIndex, logs: np.ndarray, until: int | None, how: Search
) -> pd.DataFrame:
    """Return what was expected on every day, learned from the days before the drop."""
    usual = slice(None, until if until is not None and until >= SHORTEST else None)
    every = pd.DatetimeIndex(table["day"])
    origin = days[0]
    design = calendar_columns(every.union(days), how.state, how.trend, origin)
    fitted = fit_expected(days[usual], logs[usual], design.loc[days[usual]].to_numpy(), prior_deviations(design))
    mean = design.loc[every].to_numpy() @ fitted.coefficients
    return table[["place", "day", "count", "whole"]].assign(
        expected=np.exp(mean),
        low=np.exp(mean - BAND * fitted.spread),
        high=np.exp(mean + BAND * fitted.spread),
    )


@stage(phase="Modelling")
def find_changes(
    days: pd.DataFrame,
    state: str = "BW",
    trend: bool = True,
    false_alarms: float = 0.05,
    margin: int = 7,
    most: int = 3,
    recent: int = 14,
) -> Found:
    """Find when the level of each place changed, by how much, and where it stands in the last weeks.

    Args:
        days: `place`, `day`, `count`, `whole`; only whole days with at least one pedestrian are compared.
        state: of Germany, for the public holidays.
        trend: whether the expected week has a linear trend and a yearly course.
        false_alarms: accepted probability of finding a change where there is none, for each place.
        margin: days between two changes, and from a change to either end.
        most: changes to look for in each place.
        recent: days at the end that tell whether a place has recovered.

    Returns:
        Relative changes (-0.5 is half) with 95 % intervals, the places, and the expected counts of all days. A place
        with fewer than 42 whole days is left out.

    Raises:
        ContractError: no place has 42 whole days.
    """
    how = Search(state, trend, false_alarms, margin, most, recent)
    usable = (days["whole"] & (days["count"] > 0)).groupby(days["place"]).transform("sum") >= SHORTEST
    if not usable.any():
        raise ContractError(
            f"No place has {SHORTEST} whole days without incidents, so nothing can be expected of a day; give exports"
            " of a longer period."
        )
    parts = [_of_place(str(name), part, how) for name, part in days[usable].groupby("place", sort=True)]
    changes = [part[0] for part in parts if len(part[0])]
    places = pd.DataFrame([part[1] for part in parts])
    for name in _PLACES:
        if name not in places:
            places[name] = pd.NaT if name in {"date", "recent_from"} else np.nan
    return Found(
        pd.concat(changes, ignore_index=True) if changes else _no_changes(),
        places,
        pd.concat([part[2] for part in parts], ignore_index=True),
    )


def _no_changes() -> pd.DataFrame:
    moments = dict.fromkeys(("date", "first", "last"), "datetime64[us]")
    numbers = dict.fromkeys(("value", "low", "high", "statistic", "p_value"), "float64")
    return pd.DataFrame(columns=_CHANGES).astype({"place": "object", "main": "bool", **moments, **numbers})
