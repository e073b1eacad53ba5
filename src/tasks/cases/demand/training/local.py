"""What does each series' own past say? Exponential smoothing, theta, ARIMA, and what is made for intermittent demand.

The season is taken out first, on the scale of logarithms where all is above zero (STL: R. Cleveland and others, Journal
of Official Statistics, 1990), and put back after. Croston's method has the correction of A. Syntetos and
J. Boylan (2005), TSB is R. Teunter's, A. Syntetos' and M. Babai's (2011); both as statsforecast computes them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tasks.cases.demand.features.clock import Clock

STEADY = ("theta", "ets", "arima")
SPARSE = ("croston", "tsb")
UP_TO = {"arima": 60, "ets": 500}  # series and sums; of more, what takes ten times the time of the others is left out
SLOW = ("ets", "arima")  # estimated once a horizon; in between what is new only moves their state
FEWEST = 6  # periods from which a series has a model of its own


def seasonal_part(values: np.ndarray, season: int) -> np.ndarray:
    """Return the season of each period of at least two whole seasons, (T,)."""
    from statsmodels.tsa.seasonal import STL

    jump = max(1, season // 8)
    fitted = STL(
        values,
        period=season,
        seasonal=7,
        robust=False,
        seasonal_deg=0,
        seasonal_jump=1,
        trend_jump=jump,
        low_pass_jump=jump,
    )
    return np.asarray(fitted.fit().seasonal)


class OwnModels:
    """The models of one series, asked from one origin after the other; what is slow is estimated once a horizon."""

    def __init__(self, steps: int, clock: Clock, kind: str, wanted: tuple[str, ...]) -> None:
        self.steps, self.clock, self.sparse = steps, clock, kind == "intermittent"
        names = ("ses", *SPARSE) if self.sparse else ("ses", *STEADY)
        self.names = [name for name in names if name in wanted]
        self.makers = _sparse_makers() if self.sparse else _steady_makers()
        self.fitted: dict[str, tuple[int, bool, int, Any]] = {}  # origin, logs, missing at the start, model

    def forecast(self, past: np.ndarray) -> dict[str, np.ndarray]:
        """Return the forecasts of what follows on `past`, (t,), each (steps,)."""
        y = past[np.isfinite(past)]
        if len(y) < FEWEST or y.min() == y.max():
            return {}
        if self.sparse:
            return {name: self._one(name, y, len(past), False) for name in self.names}
        logs = bool(y.min() > 0)
        values = np.log(y) if logs else y
        level, ahead = _without_season(values, self.steps, self.clock)
        found = {}
        for name in self.names:
            forecast = self._one(name, level, len(past), logs) + ahead
            found[name] = np.maximum(np.exp(np.minimum(forecast, values.max() + 1)) if logs else forecast, 0.0)
        return found

    def _one(self, name: str, y: np.ndarray, origin: int, logs: bool) -> np.ndarray:
        try:
            before = self.fitted.get(name)
            lost = origin - len(y)  # periods at the start that the series for the model lacks
            if before and before[1:3] == (logs, lost) and 0 <= origin - before[0] < self.clock.horizon:
                made = before[3].forward(y=y, h=self.steps)
            elif name in SLOW:
                model = self.makers[name]().fit(y=y)
                self.fitted[name] = (origin, logs, lost, model)
                made = model.predict(h=self.steps)
            else:
                made = self.makers[name]().forecast(y=y, h=self.steps)
        except Exception:  # noqa: BLE001 - what the library raises on odd series; one of thousands must not stop the others
            return np.full(self.steps, np.nan)
        found = np.asarray(made["mean"], dtype=np.float64)
        return np.where(np.isfinite(found).all(), found, np.nan)


def _without_season(values: np.ndarray, steps: int, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """Return a series without its season, and the season of the steps to come, (steps,).

    Of two whole seasons on it is taken out by STL; with less, what last year had is taken for it.
    """
    for season in dict.fromkeys((clock.season, clock.year)):
        if season > 1 and len(values) >= 2 * season:
            part = seasonal_part(values, season)
            return values - part, part[len(part) - season + np.arange(steps) % season]
    year = clock.year or clock.season
    if year > 1 and len(values) >= year + FEWEST:
        return values[year:] - values[:-year], values[len(values) - year + np.arange(steps) % year]
    return values, np.zeros(steps)


def _steady_makers() -> dict[str, Callable[[], Any]]:
    from statsforecast.models import AutoARIMA, AutoETS, Theta

    return {
        "ses": lambda: AutoETS(season_length=1, model="ANN"),
        "ets": lambda: AutoETS(season_length=1, model="AZN", damped=True),
        "theta": lambda: Theta(season_length=1),
        "arima": lambda: AutoARIMA(
            season_length=1, d=1, start_p=0, start_q=1, max_p=1, max_q=1, allowdrift=False, approximation=True
        ),
    }


def _sparse_makers() -> dict[str, Callable[[], Any]]:
    from statsforecast.models import TSB, CrostonSBA, SimpleExponentialSmoothing

    return {
        "ses": lambda: SimpleExponentialSmoothing(alpha=0.1),
        "croston": lambda: CrostonSBA(),
        "tsb": lambda: TSB(alpha_d=0.1, alpha_p=0.1),
    }


def local_forecasts(
    demand: np.ndarray, origins: list[int], steps: int, clock: Clock, kinds: np.ndarray, wanted: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the forecasts of each series by its own past; NaN where a model is none for a series.

    Args:
        demand: (T, n); no forecast looks at anything from its origin on.
        origins: the first periods that are forecast, (k).
        steps: how many periods.
        clock: of the grid.
        kinds: of the series, (n,).
        wanted: names of models.

    Returns:
        Each (k, steps, n).
    """
    out = {name: np.full((len(origins), steps, demand.shape[1]), np.nan) for name in wanted}
    order = np.argsort(origins, kind="stable")  # an estimate is used at later origins only
    for column, kind in enumerate(kinds):
        own = OwnModels(steps, clock, str(kind), wanted)
        for place in order:
            for name, values in own.forecast(demand[: origins[place], column]).items():
                out[name][place, :, column] = values
    return out
