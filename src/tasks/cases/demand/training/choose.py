"""Which forecast is used? One model, the best of each series, the mean of three, or a blend: by validation alone.

Each way is fitted on all validation origins but one and scored on that one; the way with the least error over all of
them is fitted on all. Of series with intermittent demand the sum over the horizon is scored: period by period a
forecast of nothing would win. A blend is grown greedily, a model at a time, with repetition (R. Caruana and others,
"Ensemble Selection from Libraries of Models", ICML 2004).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.demand.training.simple import SIMPLE
from tasks.platform.stage import stage

GROWN = 12  # steps of the blend
WAYS = ("one model", "the best of each series", "the mean of three", "a blend")


class Chosen(NamedTuple):
    """What is used, and what was tried."""

    weights: pd.DataFrame  # number, and the weight of each model
    ways: pd.DataFrame  # kind, way, error, used, models
    models: pd.DataFrame  # kind, model, error
    baseline: dict[str, str]  # name: the simple forecast with the least error
    ways_used: dict[str, str]  # kind -> way


class _Tried:
    """The validation forecasts of the series of a kind."""

    def __init__(self, table: pd.DataFrame, models: list[str], summed: bool) -> None:
        table = table[table["known"]] if not summed else table
        error = table[models].sub(table["actual"], axis=0)
        keys = ["origin", "number"] if summed else ["origin", "number", "step"]
        grouped = error.groupby([table[name] for name in keys], sort=True).sum()
        self.models, self.error = models, grouped.to_numpy()  # (cases, models) signed
        self.origin = grouped.index.get_level_values("origin").to_numpy()
        self.number = grouped.index.get_level_values("number").to_numpy()
        self.numbers = np.unique(self.number)
        self.total = float(table["actual"].sum())

    def fit(self, way: str, rows: np.ndarray) -> np.ndarray:
        """Return the weights of each series by a way fitted on some cases, (series, models)."""
        loss = np.abs(self.error[rows])
        mean, n = loss.mean(axis=0), len(self.numbers)
        if way == "the best of each series":
            place = np.searchsorted(self.numbers, self.number[rows])
            sums = np.stack([np.bincount(place, column, n) for column in loss.T], axis=1)
            best = np.where(sums.sum(axis=1) > 0, sums.argmin(axis=1), mean.argmin())
            return np.eye(len(self.models))[best]
        weights = np.zeros(len(self.models))
        if way == "one model":
            weights[mean.argmin()] = 1
        elif way == "the mean of three":
            weights[np.argsort(mean, kind="stable")[:3]] = 1 / min(3, len(mean))
        else:
            weights = _grown(self.error[rows])
        return np.tile(weights, (n, 1))

    def score(self, weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the absolute error of each case."""
        mine = weights[np.searchsorted(self.numbers, self.number[rows])]
        return np.asarray(np.abs((self.error[rows] * mine).sum(axis=1)))

    def crossed(self, way: str) -> float:
        """Return the mean error of a way over origins that it was not fitted on."""
        origins = np.unique(self.origin)
        if len(origins) < 2:
            rows = np.ones(len(self.origin), bool)
            return float(self.score(self.fit(way, rows), rows).mean())
        held = [self.origin == origin for origin in origins]
        return float(np.concatenate([self.score(self.fit(way, ~rows), rows) for rows in held]).mean())


def _grown(error: np.ndarray) -> np.ndarray:
    """Return the weights, (models,), of a blend grown on signed errors (cases, models)."""
    counts, total = np.zeros(error.shape[1]), np.zeros(len(error))
    for size in range(1, GROWN + 1):
        losses = [float(np.abs((total + column) / size).mean()) for column in error.T]
        best = int(np.argmin(losses))
        counts[best] += 1
        total += error[:, best]
    return counts / counts.sum()


@stage(phase="Modelling")
def used_models(weights: pd.DataFrame, models: list[str]) -> list[str]:
    """Return the models that have a weight, and the mean, which stands in for one that gives nothing."""
    return [name for name in models if name == "mean" or float(weights[name].max()) > 0]


@stage(phase="Modelling")
def choose_models(validation: pd.DataFrame, series: pd.DataFrame, models: list[str], ways: dict[str, str]) -> Chosen:
    """Choose what is used for each kind of series, on validation forecasts alone.

    Args:
        validation: forecasts of the validation origins, as `forecast_series` makes them.
        series: `number`, `level` and `kind` of each.
        models: names of the models.
        ways: kind -> way that is used whatever its error, as an earlier choice had it.
    """
    kinds = series.set_index("number")["kind"].astype(str)
    kind_of = validation["number"].map(kinds)
    weights, tables, single = [], [], []
    for kind in sorted(kinds.unique()):
        table = validation[kind_of == kind]
        there = [name for name in models if table[name].notna().mean() > 0.5]
        table = table.assign(**{name: table[name].fillna(table["mean"]) for name in there})
        tried = _Tried(table, there, summed=kind == "intermittent")
        if not len(tried.error):
            tried = _Tried(table.assign(known=True), there, summed=False)
        per = max(1e-12, tried.total) / len(tried.error)
        errors = {way: tried.crossed(way) / per for way in WAYS}
        # What is simpler stays where the other is no better: one model first, the blend last.
        used = ways.get(kind) or min(WAYS, key=lambda way: errors[way])
        everything = np.ones(len(tried.error), bool)
        fitted = tried.fit(used, everything)
        tables += [{"kind": kind, "way": way, "error": errors[way], "used": way == used} for way in WAYS]
        mean = np.abs(tried.error).mean(axis=0) / per
        single += [
            {"kind": kind, "model": name, "error": float(value)} for name, value in zip(there, mean, strict=True)
        ]
        part = pd.DataFrame(0.0, index=range(len(tried.numbers)), columns=models)
        part[there] = fitted
        part.insert(0, "number", tried.numbers)
        weights.append(part)
    return Chosen(
        pd.concat(weights, ignore_index=True),
        pd.DataFrame(tables),
        pd.DataFrame(single),
        {"name": _baseline(validation, series)},
        {row["kind"]: row["way"] for row in tables if row["used"]},
    )


def _baseline(validation: pd.DataFrame, series: pd.DataFrame) -> str:
    """Return the simple forecast with the least error over all series in validation."""
    mine = validation[
        validation["number"].isin(series.loc[series["level"] == "series", "number"]) & validation["known"]
    ]
    return min(SIMPLE, key=lambda name: float((mine[name] - mine["actual"]).abs().sum()))


def blended(forecasts: pd.DataFrame, weights: pd.DataFrame, models: list[str]) -> pd.Series:
    """Return the chosen forecast of each row; a model that gave none leaves its weight to the mean of late values.

    Args:
        forecasts: as `forecast_series` makes them.
        weights: of the models for each series; a series without any takes the mean of late values.
        models: their names.
    """
    own = weights.set_index("number")[models].reindex(forecasts["number"]).to_numpy()
    given = forecasts[models].to_numpy()
    late = forecasts["mean"].to_numpy()
    given = np.where(np.isfinite(given), given, late[:, None])
    return pd.Series(
        np.where(np.isfinite(own).all(axis=1), np.nansum(given * own, axis=1), late), index=forecasts.index
    )
