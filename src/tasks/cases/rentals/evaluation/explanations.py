"""What does the price hang on? Shown for the models of scikit-learn."""

from typing import TYPE_CHECKING

import pandas as pd

from tasks.cases.rentals.features.with_pandas import FEATURES
from tasks.cases.rentals.training.search import SEED
from tasks.cases.rentals.training.with_sklearn import limited, target
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@stage(phase="Evaluation")
def measure_importances(model: "Pipeline", test: pd.DataFrame, rows: int = 2000) -> pd.DataFrame:
    """Measure how much worse the model gets when one column is shuffled (L. Breiman, Machine Learning 45, 2001).

    Returns:
        `feature, increase` (of the mean absolute error, in money, mean of three shuffles), `sd`; most important first.
    """
    from sklearn.inspection import permutation_importance

    part = test.iloc[:rows]  # the order of the split is random
    with limited():
        found = permutation_importance(
            model, part[list(FEATURES)], target(part["price"].to_numpy()), scoring="neg_mean_absolute_error",
            n_repeats=3, random_state=SEED,
        )  # fmt: skip
    table = pd.DataFrame({"feature": list(FEATURES), "increase": found.importances_mean, "sd": found.importances_std})
    return table.sort_values("increase", ascending=False, kind="stable", ignore_index=True)
