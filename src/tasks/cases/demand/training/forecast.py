"""Every forecast of every series from every origin, on this machine's cores or on Spark, by the same function."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.features.panel import BUCKET, to_matrices
from tasks.cases.demand.training.boosting import boosted_forecast
from tasks.cases.demand.training.local import SPARSE, STEADY, UP_TO, local_forecasts
from tasks.cases.demand.training.simple import SIMPLE, simple_forecasts
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.store import Stored

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from sklearn.base import BaseEstimator

MODELS = (*SIMPLE, "ses", *STEADY, *SPARSE, "boosting")
ALONE_UP_TO = 400  # forecasts of single series; for more a second process is worth its start
KEYS = {"number": "int", "origin": "int", "step": "int", "t": "int", "actual": "double", "known": "boolean"}


def models_for(series: int) -> list[str]:
    """Return the models that are tried on so many series."""
    return [name for name in MODELS if series <= UP_TO.get(name, series)]


def forecast_series(
    panel: pd.DataFrame,
    kinds: dict[int, str],
    clock: Clock,
    boosted: "dict[int, BaseEstimator]",
    origins: list[int],
    steps: int,
    models: list[str],
) -> pd.DataFrame:
    """Return the forecasts of some series.

    Args:
        panel: rows of whole series of the grid.
        kinds: number -> kind of its series.
        clock: of the grid.
        boosted: first period that it must not know -> global model; an origin takes the latest that it may.
        origins: first forecast period each; nothing from there on is looked at.
        steps: periods ahead.
        models: their names.

    Returns:
        `number`, `origin`, `step` (from 0), `t`, `actual` (NaN for times to come), `known`, and a column per model.
    """
    data = to_matrices(panel, clock)
    n, frames = len(data.numbers), []
    kind = np.array([kinds[int(number)] for number in data.numbers])
    local = tuple(name for name in models if name in ("ses", *STEADY, *SPARSE))
    own = local_forecasts(data.demand, origins, steps, clock, kind, local)
    for place, origin in enumerate(origins):
        found = simple_forecasts(data.demand, origin, steps, clock)
        found |= {name: values[place] for name, values in own.items()}
        if "boosting" in models:
            model = boosted[max(cutoff for cutoff in boosted if cutoff <= origin)]
            found["boosting"] = boosted_forecast(model, data, origin, steps, clock)
        t = origin + np.arange(steps)
        inside = (t < clock.periods)[:, None]
        row = np.minimum(t, clock.periods - 1)
        table = {
            "number": np.tile(data.numbers, steps),
            "origin": origin,
            "step": np.repeat(np.arange(steps), n),
            "t": np.repeat(t, n),
            "actual": np.where(inside, data.demand[row], np.nan).ravel(),
            "known": (inside & data.known[row]).ravel(),
        }
        frames.append(pd.DataFrame(table | {name: found[name].ravel() for name in models}))
    whole = pd.concat(frames, ignore_index=True)
    return whole.astype({"number": "int32", "origin": "int32", "step": "int32", "t": "int32"})


@stage(phase="Modelling")
def forecast_with_pandas(
    panel: pd.DataFrame,
    series: pd.DataFrame,
    clock: Clock,
    boosted: "list[BaseEstimator]",
    cutoffs: list[int],
    origins: list[int],
    steps: int,
    models: list[str],
    numbers: list[int],
) -> pd.DataFrame:
    """Forecast every series of the grid on this machine, a bucket of series at a time; see `forecast_series`.

    Args:
        panel: the grid.
        series: their kinds.
        clock: of the grid.
        boosted: global models, (k).
        cutoffs: the first period that each must not know, (k).
        origins: first forecast periods.
        steps: periods ahead.
        models: their names.
        numbers: the series that are forecast; all when empty.
    """
    from tasks.cases.demand.training.workers import over_buckets

    kinds = dict(zip(series["number"].astype(int), series["kind"].astype(str), strict=True))
    by_cutoff = dict(zip(cutoffs, boosted, strict=True))
    arguments = (kinds, clock, by_cutoff, origins, steps, models)
    panel = panel[panel["number"].isin(numbers)] if numbers else panel
    forecasts, parts = panel["number"].nunique() * len(origins), panel["bucket"].nunique()
    alone = forecasts <= ALONE_UP_TO or min(parts, settings().threads) < 2
    buckets: Iterator[pd.DataFrame] = (part for _, part in panel.groupby("bucket", sort=True))
    return pd.concat(over_buckets(forecast_series, buckets, parts, arguments, alone), ignore_index=True)


@stage(phase="Modelling", retries=2)
def forecast_with_spark(
    panel: "DataFrame",
    series: pd.DataFrame,
    clock: Clock,
    boosted: "list[BaseEstimator]",
    cutoffs: list[int],
    origins: list[int],
    steps: int,
    models: list[str],
    numbers: list[int],
) -> "DataFrame":
    """Forecast every series of the grid on Spark, a bucket of series a task; arguments as `forecast_with_pandas`."""
    kinds = dict(zip(series["number"].astype(int), series["kind"].astype(str), strict=True))
    by_cutoff = dict(zip(cutoffs, boosted, strict=True))

    def of_bucket(part: pd.DataFrame) -> pd.DataFrame:
        from tasks.cases.demand.training.workers import quiet

        with quiet():
            return forecast_series(part, kinds, clock, by_cutoff, origins, steps, models)

    schema = ", ".join([f"`{name}` {kind}" for name, kind in KEYS.items()] + [f"`{name}` double" for name in models])
    if numbers:
        panel = panel.where(panel["number"].isin(numbers))
    buckets = max(1, -(-len(series) // BUCKET))
    return panel.repartition(buckets, "bucket").groupBy("bucket").applyInPandas(of_bucket, schema)


ENGINES: dict[str, Callable[..., Stored]] = {"pandas": forecast_with_pandas, "spark": forecast_with_spark}
