"""What do all series say together? One gradient boosting for all, fed with lags, calendar, promotion, holiday, price.

Each row is a series seen from an origin, and a step ahead of it; nothing from the origin on is an input but what is
planned (promotion, price) or in the calendar. What is learned is how far the demand is from last year's with its
growth, in units of the series' own mean, so that a small series counts like a large one.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.demand.features.censored import column_mean
from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.features.panel import Matrices, to_matrices
from tasks.cases.demand.training.simple import growth, repeated, simple_forecasts
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

MOST_ROWS = 80_000  # that one model learns from
MOST_SERIES = 600
MOST_ORIGINS = 40
TREES = 120


def scale_of(demand: np.ndarray, origin: int, clock: Clock) -> np.ndarray:
    """Return the mean of the last year of each series, (n,); never 0."""
    late = demand[max(0, origin - max(clock.year, 2 * clock.mean)) : origin]
    count = np.isfinite(late).sum(axis=0)
    mean = np.nansum(np.abs(late), axis=0) / np.maximum(count, 1)
    return np.where(mean > 0, mean, 1.0)


def _lag(demand: np.ndarray, at: np.ndarray, origin: int) -> np.ndarray:
    """Return the demand of the periods `at`, (k, n); NaN for those that lie before the grid or not before `origin`."""
    good = (at >= 0) & (at < origin)
    return np.where(good[:, None], demand[np.where(good, at, 0)], np.nan)


def start_of(demand: np.ndarray, origin: int, steps: int, clock: Clock) -> np.ndarray:
    """Return the forecast that the model mends, (steps, n): last year's with the growth of late, else a mean."""
    simple = simple_forecasts(demand, origin, steps, clock)
    if not clock.year:
        return simple["seasonal naive"] if clock.season > 1 else simple["mean"]
    last = repeated(demand, origin, steps, clock.year) * growth(demand, origin, clock.year, 2 * clock.mean)
    return np.where(np.isfinite(last), last, simple["mean"])


def inputs_of(data: Matrices, origin: int, steps: int, clock: Clock) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the model sees of each step and series, the forecast it starts from, and the scale.

    Returns:
        (steps × n, p) inputs, steps outermost; (steps, n); (n,).
    """
    n, target = data.demand.shape[1], origin + np.arange(steps)
    scale = scale_of(data.demand, origin, clock)
    base = start_of(data.demand, origin, steps, clock)
    back = data.demand[:origin] / scale
    columns = [np.repeat(np.arange(steps, dtype=float), n).reshape(steps, n), base / scale]
    columns += [np.tile(back[-lag] if lag <= origin else np.full(n, np.nan), (steps, 1)) for lag in (1, 2, 3, 4)]
    for window in (4, clock.mean, 3 * clock.mean):
        late = back[max(0, origin - window) :]
        mean = np.nansum(late, axis=0) / np.maximum(np.isfinite(late).sum(axis=0), 1)
        columns.append(np.tile(mean, (steps, 1)))
    if clock.year:
        columns += [_lag(data.demand, target - clock.year + more, origin) / scale for more in (-1, 0, 1)]
        columns += [
            np.tile(growth(data.demand, origin, clock.year, w), (steps, 1)) for w in (clock.mean, 2 * clock.mean)
        ]
    if 1 < clock.season < clock.year:
        season = clock.season * np.ceil((np.arange(steps) + 1) / clock.season).astype(int)
        columns += [_lag(data.demand, target - season - clock.season * more, origin) / scale for more in (0, 1)]
    columns += _calendar(clock, target, n)
    for name, values in data.extras.items():
        now = values[target]
        usual = np.nan_to_num(column_mean(values[:origin])) if name == "price" else np.ones(n)
        columns.append(now / np.where(usual == 0, 1.0, usual))
        if clock.year:
            before = np.where((target >= clock.year)[:, None], values[np.maximum(target - clock.year, 0)], np.nan)
            columns.append(before / np.where(usual == 0, 1.0, usual))
    return np.stack(columns, axis=-1).reshape(steps * n, -1), base, scale


def _calendar(clock: Clock, target: np.ndarray, n: int) -> list[np.ndarray]:
    days = clock.dates(int(target.max()) + 1)[target]
    parts = [days.month.to_numpy(float)]
    if clock.unit != "month":
        parts.append(days.dayofyear.to_numpy(float))
    if clock.unit == "day":
        parts += [days.dayofweek.to_numpy(float), days.day.to_numpy(float)]
    return [np.repeat(part, n).reshape(len(target), n) for part in parts]


@stage(phase="Modelling")
def fit_boosting(panel: pd.DataFrame, clock: Clock, cutoff: int, seed: int) -> "BaseEstimator":
    """Fit one model on all series, on what lies before `cutoff` alone.

    Args:
        panel: the grid; of more than `MOST_SERIES` series a draw is learned from.
        clock: of the grid.
        cutoff: the first period that the model must not know.
        seed: of the draws.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(seed)
    numbers = panel["number"].unique()
    if len(numbers) > MOST_SERIES:
        panel = panel[panel["number"].isin(rng.choice(numbers, MOST_SERIES, replace=False))]
    data = to_matrices(panel, clock)
    given, wanted = _rows(data, clock, cutoff, rng)
    model = HistGradientBoostingRegressor(
        loss="squared_error",
        max_iter=TREES,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=30,
        l2_regularization=1.0,
        random_state=seed,
        early_stopping=False,
    )
    with threadpool_limits(1):  # on a busy machine its threads wait for each other
        return model.fit(given, wanted)


def _rows(data: Matrices, clock: Clock, cutoff: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and results of a draw of origins and steps whose targets lie before `cutoff`."""
    n, steps = data.demand.shape[1], clock.horizon
    first = clock.year + 1 if clock.year and cutoff - clock.year > steps else max(4, clock.season)
    origins = np.arange(min(first, cutoff - 1), cutoff)
    origins = origins[:: max(1, len(origins) // MOST_ORIGINS)]
    share = MOST_ROWS / max(1, len(origins) * steps * n)
    given, wanted = [], []
    for origin in origins.tolist():
        ahead = min(steps, cutoff - origin)
        inputs, base, scale = inputs_of(data, origin, ahead, clock)
        result = (data.demand[origin : origin + ahead] - base) / scale
        good = (data.known[origin : origin + ahead] & np.isfinite(result)).ravel()
        good &= (np.abs(np.nan_to_num(result.ravel())) < 20) & (rng.random(good.size) < share)
        given.append(inputs[good].astype(np.float32))
        wanted.append(result.ravel()[good])
    return np.concatenate(given), np.concatenate(wanted)


def boosted_forecast(model: "BaseEstimator", data: Matrices, origin: int, steps: int, clock: Clock) -> np.ndarray:
    """Return the forecasts of a fitted model, (steps, n), never below 0."""
    inputs, base, scale = inputs_of(data, origin, steps, clock)
    change = model.predict(inputs.astype(np.float32)).reshape(steps, -1)
    return np.maximum(base + change * scale, 0.0)
