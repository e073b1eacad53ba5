"""Small grids of sales for the tests, with a truth that is known."""

import numpy as np
import pandas as pd

from tasks.cases.demand.features.panel import Prepared, prepare_panel
from tasks.cases.demand.training.boosting import fit_boosting
from tasks.cases.demand.training.forecast import forecast_with_pandas

QUICK = ["naive", "mean", "seasonal naive", "drift", "boosting"]


def weekly(series: int = 12, weeks: int = 150, seed: int = 0, noise: float = 0.1) -> pd.DataFrame:
    """Items in two stores, with a season of a year and a trend; the noise is all that nobody can know."""
    rng = np.random.default_rng(seed)
    t = np.arange(weeks)[:, None]
    level, phase = rng.uniform(50, 500, series), rng.uniform(0, 6, series)
    mean = level * np.exp(0.001 * t + 0.3 * np.sin(2 * np.pi * t / 52 + phase))
    sold = mean * np.exp(rng.normal(0, noise, mean.shape))
    names = [f"item {number // 2}" for number in range(series)]
    return pd.DataFrame(
        {
            "series": np.tile([f"{name} · s{number % 2}" for number, name in enumerate(names)], weeks),
            "key_1": np.tile(names, weeks),
            "key_2": np.tile([f"s{number % 2}" for number in range(series)], weeks),
            "date": np.repeat(pd.date_range("2023-01-02", periods=weeks, freq="7D"), series),
            "quantity": sold.ravel(),
        }
    )


def prepared(frame: pd.DataFrame, horizon: int = 8) -> Prepared:
    return prepare_panel.fn(frame, horizon, "auto", "")


def forecasts(grid: Prepared, models: list[str] = QUICK, origins: list[int] | None = None) -> pd.DataFrame:
    clock = grid.clock
    cutoffs = [*clock.origins, clock.test]
    boosted = [fit_boosting.fn(grid.panel, clock, cutoff, 0) for cutoff in cutoffs] if "boosting" in models else []
    asked = origins or cutoffs
    return forecast_with_pandas.fn(grid.panel, grid.series, clock, boosted, cutoffs, asked, clock.horizon, models, [])
