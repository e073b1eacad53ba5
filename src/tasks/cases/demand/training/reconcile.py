"""Do the forecasts of items, of stores, and of all add up? They are changed as little as their errors allow until so.

With the errors of the series taken as independent of each other, the combination of least variance is
b + Σb A' (Σa + A Σb A')⁻¹ (a - A b), for series b, their sums a, and the matrix A of ones that adds them up: minimum
trace with variances alone (S. Wickramasuriya, G. Athanasopoulos and R. Hyndman, JASA 2019), in the form that inverts a
matrix of the size of the sums only. What would fall below zero is set to zero, and the sums are taken of the series.
"""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.demand.features.panel import margins
from tasks.cases.demand.training.choose import blended
from tasks.platform.stage import stage

WAYS = ("own", "bottom up", "combined")


class Adding(BaseModel):
    """How forecasts are made to add up."""

    way: str  # bottom up, or combined
    errors: dict[str, float]  # WAPE of the series in validation, by way
    gap: float  # by how much the own forecasts of all miss the sum of the series', in validation
    variance: dict[int, float]  # number -> of the errors in validation, where any is known


def members_of(series: pd.DataFrame) -> list[np.ndarray]:
    """Return the numbers of the series in each sum, in the order of the sums' own numbers."""
    own = series[series["level"] == "series"]
    return [members for _, _, members in margins(own)]


def reconciled(
    table: pd.DataFrame, series: pd.DataFrame, column: str, way: str, variance: dict[int, float]
) -> pd.Series:
    """Return forecasts that add up.

    Args:
        table: `number`, `origin`, `step` and forecasts in `column`, of all series and sums.
        series: the series and their sums.
        column: that holds the forecasts.
        way: `bottom up`, or `combined`.
        variance: of each number's errors.
    """
    wide = table.pivot_table(index=["origin", "step"], columns="number", values=column, sort=True)
    sums, values = members_of(series), wide.to_numpy().copy()
    n = values.shape[1] - len(sums)
    if sums:
        adds = np.zeros((len(sums), n))
        for row, members in enumerate(sums):
            adds[row, members] = 1.0
        series_values = values[:, :n]
        if way == "combined":
            var = _variances(variance, wide.columns, adds)
            spread = adds * var[:n]
            inner = spread @ adds.T + np.diag(var[n:])
            series_values = series_values + (values[:, n:] - series_values @ adds.T) @ np.linalg.solve(inner, spread)
        values[:, :n] = np.maximum(series_values, 0.0)
        values[:, n:] = values[:, :n] @ adds.T
    long = pd.DataFrame(values, index=wide.index, columns=wide.columns).stack()
    keys = pd.MultiIndex.from_frame(table[["origin", "step", "number"]])
    return pd.Series(long.reindex(keys).to_numpy(), index=table.index)


def _variances(variance: dict[int, float], numbers: pd.Index, adds: np.ndarray) -> np.ndarray:
    """Return the variance of each number's errors, (n + m,), as far as validation tells it.

    A series of which it does not gets the mean of the others, a sum those of its series together. Of thousands of
    series one is always out of stock, and the demand of all together is then known on no day.
    """
    n = adds.shape[1]
    found = np.array([variance.get(int(number), np.nan) for number in numbers])
    mean = float(np.nanmean(found[:n])) if np.isfinite(found[:n]).any() else 1.0
    found[:n] = np.nan_to_num(found[:n], nan=mean)
    found[n:] = np.where(np.isfinite(found[n:]), found[n:], adds @ found[:n])
    return np.maximum(found, 1e-12)


@stage(phase="Modelling")
def choose_adding(validation: pd.DataFrame, series: pd.DataFrame, weights: pd.DataFrame, models: list[str]) -> Adding:
    """Choose how forecasts are made to add up, on validation forecasts alone.

    Args:
        validation: forecasts of the validation origins.
        series: the series and their sums.
        weights: of the models for each.
        models: their names.
    """
    table = validation[["number", "origin", "step", "actual", "known"]].assign(own=blended(validation, weights, models))
    error = (table["own"] - table["actual"]).where(table["known"])
    squares = (error**2).groupby(table["number"]).mean().dropna()
    variance = {int(str(number)): float(value) for number, value in squares.items()}
    mine = table["number"].isin(series.loc[series["level"] == "series", "number"]) & table["known"]
    total = float(table.loc[mine, "actual"].abs().sum()) or 1.0
    errors = {"own": float(error[mine].abs().sum() / total)}
    for way in WAYS[1:]:
        found = reconciled(table, series, "own", way, variance)
        errors[way] = float((found - table["actual"])[mine].abs().sum() / total)
    bottom = reconciled(table, series, "own", "bottom up", variance)
    sums = ~table["number"].isin(series.loc[series["level"] == "series", "number"])
    gap = (
        float((bottom - table["own"])[sums].abs().sum() / max(1e-12, table.loc[sums, "own"].sum()))
        if sums.any()
        else 0.0
    )
    return Adding(way=min(WAYS[1:], key=lambda way: errors[way]), errors=errors, gap=gap, variance=variance)


@stage(phase="Modelling")
def chosen_forecasts(
    forecasts: pd.DataFrame, series: pd.DataFrame, weights: pd.DataFrame, adding: Adding, models: list[str]
) -> pd.DataFrame:
    """Return the chosen forecasts, `value`, that add up where all series are there.

    Args:
        forecasts: of each model, as `forecast_series` makes them.
        series: the series and their sums.
        weights: of the models for each.
        adding: how forecasts are made to add up.
        models: their names.

    Returns:
        `number`, `origin`, `step`, `t`, `actual`, `known`, `value`.
    """
    table = forecasts[["number", "origin", "step", "t", "actual", "known"]].copy()
    table["value"] = blended(forecasts, weights, models)
    if len(series) == series["number"].isin(table["number"]).sum():
        table["value"] = reconciled(table, series, "value", adding.way, adding.variance)
    return table
