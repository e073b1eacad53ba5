"""What does the price hang on, and what does each loss aim at? Shown for the models of scikit-learn."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import FEATURES
from tasks.cases.rentals.training.search import SEED
from tasks.cases.rentals.training.with_sklearn import GRIDS, limited, positive, preparation, regressor, target
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

LOSSES = {
    "squared error": "squared_error",
    "Poisson deviance": "poisson",
    "absolute error": "absolute_error",
    "squared error of the logarithm": "squared_error",
}


@stage(phase="Evaluation")
def compare_losses(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Fit the same boosting with four losses, to show what the heavy tail does to each.

    Returns:
        The test's `id, host_id, price`, and a column of predictions per loss, named as in `LOSSES`.
    """
    prepare = preparation()
    y = target(train["price"].to_numpy())
    x = prepare.fit_transform(train[list(FEATURES)], y)
    x_test = prepare.transform(test[list(FEATURES)])
    table = test[["id", "host_id"]].assign(price=test["price"].astype("float64"))
    for name, loss in LOSSES.items():
        logarithm = name.endswith("logarithm")
        usual = {grid: values[0] for grid, values in GRIDS["boosting"].items()}
        model = regressor("boosting", {**usual, "loss": loss})
        with limited(len(x)):
            found = model.fit(x, np.log1p(y) if logarithm else y).predict(x_test)
        table[name] = positive(np.expm1(found) if logarithm else found)
    return table


@stage(phase="Evaluation")
def measure_importances(model: "Pipeline", test: pd.DataFrame, rows: int = 2000) -> pd.DataFrame:
    """Measure how much worse the model gets when one column is shuffled (L. Breiman, Machine Learning 45, 2001).

    Returns:
        `feature, increase` (of the mean absolute error, euros, mean of three shuffles), `sd`; most important first.
    """
    from sklearn.inspection import permutation_importance

    part = test.iloc[:rows]  # the order of the split is random
    with limited(len(part)):
        found = permutation_importance(
            model, part[list(FEATURES)], target(part["price"].to_numpy()), scoring="neg_mean_absolute_error",
            n_repeats=3, random_state=SEED,
        )  # fmt: skip
    table = pd.DataFrame({"feature": list(FEATURES), "increase": found.importances_mean, "sd": found.importances_std})
    return table.sort_values("increase", ascending=False, kind="stable", ignore_index=True)
