"""The tables beside the quality report: each test product with its chance and the rule that explains it."""

import numpy as np
import pandas as pd

from tasks.cases.quality.ingestion.roles import Roles
from tasks.platform.stage import stage

DRAWN = 2  # inputs whose curves are drawn


@stage(phase="Evaluation")
def drawn_inputs(importance: pd.DataFrame, changes: list[dict[str, str]]) -> list[str]:
    """Return the inputs whose curves are drawn: those that are asked about, else those that count most."""
    asked = list(dict.fromkeys(name for change in changes for name in change))
    return [*asked, *(name for name in importance["input"] if name not in asked)][: max(DRAWN, min(len(asked), 4))]


@stage(phase="Deployment")
def list_predictions(
    test: pd.DataFrame, y: np.ndarray, predictions: pd.DataFrame, roles: Roles, rows: pd.DataFrame
) -> pd.DataFrame:
    """Put results, predictions and explaining rules of the test products beside their columns.

    Args:
        test: the test products.
        y: their results as numbers.
        predictions: of the model.
        roles: of the columns.
        rows: of the rules: `rule`, `chance`, `contribution`.

    Returns:
        The columns of the table, `true_result`, the predictions, and `rule`, `rule_chance`, `rule_contribution`: the
        first rule that holds, its share in training, and how much that is more than where none holds.
    """
    told = rows[["rule", "chance", "contribution"]].add_prefix("rule_").rename(columns={"rule_rule": "rule"})
    added = pd.concat([pd.DataFrame({"true_result": y}), predictions, *([told] if len(rows) else [])], axis=1)
    clear = test.drop(columns=[name for name in added.columns if name in test.columns])
    table = pd.concat([clear, added], axis=1)
    if roles.kind == "faulty":
        table = table.sort_values("chance", ascending=False, kind="stable")
    return table.reset_index(drop=True)
