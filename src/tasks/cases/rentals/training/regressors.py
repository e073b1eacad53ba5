"""Which models of a price are there, and at which settings? scikit-learn's, from the median price to a blend.

The heavy tail decides how to learn. A squared error of raw prices is made by the few prices in the thousands, and aims
at the mean that the usual measure (RMSE) asks for; a squared error of logarithms hardly sees them, and foretells a
typical price, which the absolute error asks for. Both are tried, and the Poisson deviance besides: it aims at the mean,
and weighs an error by the price level.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.cases.rentals.features.with_pandas import CATEGORIES, ENCODED, ENCODING_FOLDS, NUMBERS
from tasks.cases.rentals.training.search import BASELINES, SEED

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

SMOOTHING = 1.0  # as on Spark
TREES, TREES_IN_SEARCH = 50, 25  # of a forest; half of them tell its settings apart
GRIDS: dict[str, dict[str, list[Any]]] = {
    "mean": {},
    "median": {},
    "linear": {},
    "ridge": {"alpha": [10.0, 100.0, 1000.0, 1.0]},
    "lasso": {"alpha": [5e-4, 5e-3, 5e-5, 1e-2]},  # in standard deviations of the price, whatever its currency
    "tree": {"max_depth": [8, 5, 12], "min_samples_leaf": [5, 20]},
    "forest": {"min_samples_leaf": [3, 1], "max_features": [0.33, 0.2]},
    "forest_log": {"min_samples_leaf": [1, 3], "max_features": [0.33, 0.2]},
    "boosting": {"learning_rate": [0.08, 0.04], "max_leaf_nodes": [31, 15], "l2_regularization": [0.0, 10.0]},
    "boosting_log": {"learning_rate": [0.08, 0.04], "max_leaf_nodes": [31, 15], "l2_regularization": [0.0, 10.0]},
    "blend_log": {},
}
LOG = "_log"  # kinds that learn the logarithm of the price
PARTS = ("forest", "boosting")  # of the blend


def preparation() -> Any:
    """Return the transformer of the derived columns into numbers: medians, categories, mean prices of groups."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, TargetEncoder

    # The first value of a category is the reference that the others are held against; OneHotEncoder's own `drop` warns
    # of each value that it has never seen.
    first = ColumnTransformer([("first", "drop", [0])], remainder="passthrough")
    codes = make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False), first)
    means = TargetEncoder(target_type="continuous", smooth=SMOOTHING, cv=KFold(ENCODING_FOLDS))
    columns = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median", keep_empty_features=True), list(NUMBERS)),
            *((column, codes, [column]) for column in CATEGORIES),
            ("groups", means, list(ENCODED)),
        ]
    )
    return make_pipeline(columns, VarianceThreshold())


def regressor(kind: str, parameters: dict[str, Any], threads: int = 1, fitted: Mapping[str, Any] | None = None) -> Any:
    """Return the regressor of one kind of model, a key of `GRIDS`.

    Args:
        kind: of model.
        parameters: that differ from its usual ones.
        threads: of a forest.
        fitted: parts of the blend, fitted at their usual settings; it takes them as they are.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    if kind.endswith(LOG):
        inner = _of_logarithms(kind.removesuffix(LOG), parameters, threads, fitted or {})
        return TransformedTargetRegressor(inner, func=np.log1p, inverse_func=np.expm1, check_inverse=False)
    if kind in BASELINES:
        return DummyRegressor(strategy=kind)
    if kind == "linear":
        return LinearRegression()
    if kind == "ridge":
        return make_pipeline(StandardScaler(), Ridge(**parameters))
    if kind == "lasso":
        lasso = make_pipeline(StandardScaler(), Lasso(max_iter=5000, **parameters))
        return TransformedTargetRegressor(lasso, transformer=StandardScaler())
    if kind == "tree":
        return DecisionTreeRegressor(random_state=SEED, **parameters)
    if kind == "forest":
        return RandomForestRegressor(**{"n_estimators": TREES, "random_state": SEED, "n_jobs": threads, **parameters})
    given = {"loss": "poisson", "max_iter": 200, "early_stopping": True, "random_state": SEED}
    return HistGradientBoostingRegressor(**{**given, **parameters})


def _of_logarithms(kind: str, parameters: dict[str, Any], threads: int, fitted: Mapping[str, Any]) -> Any:
    """Return what learns logarithms of prices; the blend is the mean of forest and boosting at their usual settings."""
    from sklearn.ensemble import VotingRegressor
    from sklearn.frozen import FrozenEstimator

    if kind == "boosting":
        return regressor(kind, {"loss": "squared_error", **parameters}, threads)
    if kind != "blend":
        return regressor(kind, parameters, threads)
    members = []
    for part in PARTS:
        new = _of_logarithms(part, usual(f"{part}{LOG}"), threads, {})
        members.append((part, FrozenEstimator(fitted[part]) if part in fitted else new))
    return VotingRegressor(members)


def model_of(
    kind: str, parameters: dict[str, Any], threads: int = 1, fitted: Mapping[str, Any] | None = None
) -> "Pipeline":
    """Return the whole way from derived columns to a price, not fitted; the arguments are those of `regressor`."""
    from sklearn.pipeline import make_pipeline

    return make_pipeline(preparation(), regressor(kind, parameters, threads, fitted))


def usual(kind: str) -> dict[str, Any]:
    """Return the usual setting of a kind of model: the first values of its grid."""
    return {name: values[0] for name, values in GRIDS[kind].items()}


def candidates(kind: str, most: int) -> list[dict[str, Any]]:
    """Return at most `most` settings of a kind of model, its usual one first, the others drawn from its grid."""
    from sklearn.model_selection import ParameterGrid

    grid = list(ParameterGrid(GRIDS[kind])) if GRIDS[kind] else [{}]
    first = usual(kind)
    others = [item for item in grid if item != first]
    order = np.random.default_rng(SEED).permutation(len(others))
    return [first, *(others[place] for place in order[: most - 1])]
