"""What does the price hang on? Shown for the models of scikit-learn."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import FEATURES
from tasks.cases.rentals.training.search import SEED
from tasks.cases.rentals.training.with_sklearn import limited, target
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


SHUFFLES = 3  # of each column


@stage(phase="Evaluation")
def measure_importances(model: "Pipeline", test: pd.DataFrame, rows: int = 2000) -> pd.DataFrame:
    """Measure how much worse the model gets when one column is shuffled (L. Breiman, Machine Learning 45, 2001).

    Returns:
        `feature, increase` (of the mean absolute error, in money, mean of three shuffles), `sd`; most important first.
    """
    part = test[list(FEATURES)].iloc[:rows]  # the order of the split is random
    price, rng = target(test["price"].iloc[:rows].to_numpy()), np.random.default_rng(SEED)
    copies = [part]
    for feature in FEATURES:
        for _ in range(SHUFFLES):
            copies.append(part.assign(**{feature: part[feature].iloc[rng.permutation(len(part))].set_axis(part.index)}))
    # All at once: a model of pipelines and trees takes longer to start than to foretell a thousand prices.
    with limited():
        foretold = model.predict(pd.concat(copies, ignore_index=True)).reshape(len(copies), -1)
    errors = np.abs(foretold - price).mean(axis=1)
    increase = (errors[1:] - errors[0]).reshape(len(FEATURES), SHUFFLES)
    table = pd.DataFrame({"feature": list(FEATURES), "increase": increase.mean(axis=1), "sd": increase.std(axis=1)})
    return table.sort_values("increase", ascending=False, kind="stable", ignore_index=True)
