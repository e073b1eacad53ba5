"""Which model, and which of its settings? What the searches of both engines have in common.

Two measures are stated, and a model chosen for each: the mean absolute error wants the price of an ordinary flat, the
RMSE the mean price. With a heavy tail of prices these lie apart, and one model cannot be best at both.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.stage import stage

SEED = 42
BASELINES = ("mean", "median")

Setting = tuple[str, dict[str, Any]]  # a kind of model and its parameters


class Choice(NamedTuple):
    """The model that cross-validation prefers."""

    kind: str
    parameters: dict[str, Any]


def search_table(settings: Sequence[Setting], scores: Sequence[Sequence[tuple[float, ...]]]) -> pd.DataFrame:
    """Sum up a cross-validation.

    Args:
        settings: what was tried.
        scores: for each of them and each fold: RMSE, mean and median absolute error (euros), seconds.

    Returns:
        A row for each setting: `model, parameters (JSON), rmse, rmse_sd, mae, mae_sd, median_ae, seconds, chosen`; the
        errors are means over folds, `chosen` marks the setting of each model with the least mean absolute error.
    """
    rows = []
    for (kind, parameters), of_folds in zip(settings, scores, strict=True):
        mean, spread = np.mean(of_folds, axis=0), np.std(of_folds, axis=0, ddof=1)
        row = {"model": kind, "parameters": json.dumps(parameters, sort_keys=True)}
        row |= {"rmse": mean[0], "rmse_sd": spread[0], "mae": mean[1], "mae_sd": spread[1]}
        rows.append(row | {"median_ae": mean[2], "seconds": mean[3]})
    table = pd.DataFrame(rows)
    return table.assign(chosen=table.index.isin(table.groupby("model")["mae"].idxmin()))


def chosen_settings(search: pd.DataFrame) -> list[Setting]:
    """Return the chosen setting of every kind of model."""
    chosen = search[search["chosen"]]
    return [(kind, json.loads(text)) for kind, text in zip(chosen["model"], chosen["parameters"], strict=True)]


def best_choice(search: pd.DataFrame, measure: Literal["mae", "rmse"] = "mae") -> Choice:
    """Return the chosen setting with the least error, baselines left out."""
    models = search[~search["model"].isin(BASELINES) & search["chosen"]]
    row = models.sort_values(measure, kind="stable").iloc[0]
    return Choice(str(row["model"]), json.loads(str(row["parameters"])))


@stage(phase="Modelling")
def choose_model(search: pd.DataFrame, engine: str) -> dict[str, Any]:
    """Return the configuration of the models that cross-validation prefers.

    Returns:
        `engine`; `kind` and `parameters` of the least mean absolute error; `mean`, the kind with the least RMSE.
    """
    choice, mean = best_choice(search), best_choice(search, "rmse")
    return {"engine": engine, "kind": choice.kind, "parameters": choice.parameters, "mean": mean.kind}
