"""Would shuffled results do as well, and what is lost when one input is shuffled? The nulls of the quality case."""

from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from tasks.cases.quality.evaluation.statistics import statistic_of
from tasks.cases.quality.features.inputs import Recipe
from tasks.cases.quality.ingestion.roles import Kind, Roles
from tasks.cases.quality.training.models import Calibration, predict_products
from tasks.platform.stage import stage

DRAWS = 500  # of labels that are shuffled


def shuffled(
    predictions: pd.DataFrame, y: np.ndarray, kind: Kind, groups: np.ndarray, ordered: bool, seed: int
) -> dict[str, float]:
    """Return what the metric would be if predictions and results had nothing to do with each other.

    Independent products are shuffled. Where neighbours in time or in a group may be alike, results are shifted round
    instead, which keeps what neighbours have in common.

    Returns:
        `value`, `mean`, `best` (95 of 100 do worse) and `p`, the chance that a shuffled result does as well.
    """
    rng, n = np.random.default_rng(seed), len(y)
    order = np.argsort(groups, kind="stable") if ordered else np.arange(n)
    y, predictions = y[order], predictions.iloc[order].reset_index(drop=True)
    shifts = rng.permutation(np.arange(1, n))[:DRAWS] if ordered else np.arange(DRAWS)
    rows, sign = np.arange(n), -1.0 if kind == "number" else 1.0
    value = float(statistic_of(predictions, y, kind)(rows))
    drawn = np.array(
        [
            statistic_of(predictions, np.roll(y, shift) if ordered else rng.permutation(y), kind)(rows)
            for shift in shifts
        ]
    )
    as_good = float(((sign * drawn >= sign * value - 1e-12).sum() + 1) / (len(drawn) + 1))
    best = float(np.quantile(drawn, 0.05 if kind == "number" else 0.95))
    return {"value": value, "mean": float(drawn.mean()), "best": best, "p": as_good}


@stage(phase="Evaluation")
def measure_importance(
    test: pd.DataFrame, y: np.ndarray, model: Any, recipe: Recipe, roles: Roles, name: str, seed: int
) -> pd.DataFrame:
    """Measure how much worse the model does on the test products when one input is shuffled (L. Breiman, 2001).

    Args:
        test: the test products.
        y: their results.
        model: fitted.
        recipe: of its inputs.
        roles: of the columns.
        name: of the model.
        seed: of the shuffles.

    Returns:
        `input`, `loss` (how much the metric falls, or the error grows) and `spread` (standard deviation over shuffles),
        the largest first; what is derived from an input is shuffled with it.
    """
    kind, classes = roles.kind, len(roles.names)
    rng, rows, sign = np.random.default_rng(seed), np.arange(len(y)), -1.0 if kind == "number" else 1.0

    def value(products: pd.DataFrame) -> float:
        found = predict_products.fn(products, model, Calibration(), recipe, kind, name, classes)
        return float(statistic_of(found, y, kind)(rows))

    lines = []
    with threadpool_limits(1):
        whole = value(test)
        for column in recipe.raw:
            falls = [
                sign * (whole - value(test.assign(**{column: test[column].to_numpy()[rng.permutation(len(test))]})))
                for _ in range(5)
            ]
            lines.append({"input": column, "loss": float(np.mean(falls)), "spread": float(np.std(falls, ddof=1))})
    return pd.DataFrame(lines).sort_values("loss", ascending=False, kind="stable").reset_index(drop=True)
