"""How will prices go on? Forecasts of a price index from its past alone, made again and again as if it were then.

All work on 100 times the logarithm of the index, so that a step is per cent, and give the whole way to the horizon. The
naive ones say that prices stay (naive), or stay as they were in the same month of the last year (seasonal naive).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.progress import progress
from tasks.platform.stage import stage

Forecaster = Callable[[np.ndarray, int, int], np.ndarray]

DRIFT_YEARS = 5
SEASON_YEARS = 10
WINDOW_YEARS = 20
FIRST_YEARS = 10  # of the past that the first forecast is made from
COMBINED = ("autoregression", "theta", "seasonal_drift")


def naive(level: np.ndarray, per_year: int, steps: int) -> np.ndarray:
    """Prices stay as they are."""
    return np.full(steps, level[-1])


def seasonal_naive(level: np.ndarray, per_year: int, steps: int) -> np.ndarray:
    """Prices are again what they were in the same month of the last year."""
    return level[-per_year:][np.arange(steps) % per_year]


def drift(level: np.ndarray, per_year: int, steps: int) -> np.ndarray:
    """Prices rise as they did on average over the last five years, without a season."""
    count = min(DRIFT_YEARS * per_year, len(level) - 1)
    return level[-1] + (level[-1] - level[-1 - count]) / count * np.arange(1, steps + 1)


def seasonal_drift(level: np.ndarray, per_year: int, steps: int) -> np.ndarray:
    """Prices rise as they did over the last year, with the mean seasonal pattern of ten years."""
    increments = np.diff(level)
    years = min(SEASON_YEARS, len(increments) // per_year)
    pattern = increments[-years * per_year :].reshape(years, per_year).mean(axis=0)
    pace = increments[-per_year:].mean()
    return level[-1] + np.cumsum(pace + (pattern - pattern.mean())[np.arange(steps) % per_year])


def autoregression(level: np.ndarray, per_year: int, steps: int) -> np.ndarray:
    """Increments follow those of the last year, and have a season: least squares over twenty years."""
    from statsmodels.tsa.ar_model import AutoReg

    increments = np.diff(level)[-WINDOW_YEARS * per_year :]
    model = AutoReg(increments, per_year, trend="c", seasonal=True, period=per_year).fit()
    return level[-1] + np.cumsum(np.asarray(model.forecast(steps)))


def theta(level: np.ndarray, per_year: int, steps: int) -> np.ndarray:
    """Smoothing with half the trend (V. Assimakopoulos and K. Nikolopoulos, Int. J. of Forecasting 16, 2000)."""
    from statsmodels.tsa.forecasting.theta import ThetaModel

    model = ThetaModel(level, period=per_year, deseasonalize=True, use_test=False, method="additive").fit()
    return np.asarray(model.forecast(steps))


MODELS: dict[str, Forecaster] = {
    "naive": naive,
    "seasonal_naive": seasonal_naive,
    "drift": drift,
    "seasonal_drift": seasonal_drift,
    "autoregression": autoregression,
    "theta": theta,
}
BASELINES = ("naive", "seasonal_naive")
CANDIDATES = (*(name for name in MODELS if name not in BASELINES), "combination")


def forecasts(level: np.ndarray, per_year: int, steps: int) -> dict[str, np.ndarray]:
    """Return the forecast of every model, each (steps,); `combination` is the mean of three unlike ones.

    Args:
        level: 100 times the logarithm of the index, (n,), at least ten years.
        per_year: 12 or 4.
        steps: how far ahead.
    """
    made = {name: model(level, per_year, steps) for name, model in MODELS.items()}
    return made | {"combination": np.mean([made[name] for name in COMBINED], axis=0)}


def steps_ahead(horizon: int, per_year: int) -> int:
    """Return how many months or quarters a horizon in months has."""
    return max(1, round(horizon * per_year / 12))


@stage(phase="Modelling")
def backtest(series: pd.DataFrame, per_year: int, horizon: int, every: int) -> pd.DataFrame:
    """Forecast from every `every`-th month on, each time from what was known then, and compare with what came.

    Args:
        series: `period`, `value`.
        per_year: 12 or 4.
        horizon: months ahead.
        every: months between two origins.

    Returns:
        A row for each origin, step and model: `origin` (how many values were known), `step` (1 is the next), `model`,
        `error` (100 times the logarithm of what came over what was forecast) and `off` (error in per cent of
        what came). Only origins whose whole way is known.

    Raises:
        ContractError: the series is too short for a single origin.
    """
    level = 100 * np.log(series["value"].to_numpy())
    steps, stride = steps_ahead(horizon, per_year), steps_ahead(every, per_year)
    origins = np.arange(len(level) - steps, FIRST_YEARS * per_year - 1, -stride)[::-1]
    if len(origins) < 4:
        raise ContractError(
            f"{len(level)} months or quarters are too few to try a forecast of {horizon} months on;"
            " give a longer export, or a shorter horizon."
        )
    tables = []
    for origin in progress(origins.tolist(), "forecasts", len(origins)):
        for name, way in forecasts(level[:origin], per_year, steps).items():
            error = level[origin : origin + steps] - way
            off = 100 * np.abs(1 - np.exp(-error / 100))
            rows = {"origin": origin, "step": np.arange(1, steps + 1), "model": name, "error": error, "off": off}
            tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True).astype({"origin": "int64", "step": "int64"})


@stage(phase="Modelling")
def forecast_ahead(
    series: pd.DataFrame, per_year: int, horizon: int, model: str, half_widths: np.ndarray
) -> pd.DataFrame:
    """Forecast what comes after the last value.

    Args:
        series: `period`, `value`.
        per_year: 12 or 4.
        horizon: months ahead.
        model: one of `CANDIDATES`.
        half_widths: of the 95 % interval at each step, per cent of the index (logarithmic), (steps,).

    Returns:
        `period`, `step`, `forecast`, `low`, `high`, index points.
    """
    steps = steps_ahead(horizon, per_year)
    way = forecasts(100 * np.log(series["value"].to_numpy()), per_year, steps)[model]
    period = pd.date_range(series["period"].iloc[-1], periods=steps + 1, freq="MS" if per_year == 12 else "QS")[1:]
    return pd.DataFrame(
        {
            "period": period.astype("datetime64[us]"),
            "step": np.arange(1, steps + 1),
            "forecast": np.exp(way / 100),
            "low": np.exp((way - half_widths) / 100),
            "high": np.exp((way + half_widths) / 100),
        }
    )
