"""Which model foretells the price of a flat best? From the median price to gradient boosting, with scikit-learn.

The heavy tail decides how to learn. A squared error of raw prices is made by the few prices in the thousands; a squared
error of logarithms hardly sees them, and foretells a typical price, not the mean that the usual measure (RMSE) asks
for. Boosting therefore learns with the Poisson deviance: it aims at the mean, and weighs an error by the price level.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import CATEGORIES, ENCODED, ENCODING_FOLDS, FEATURES, NUMBERS
from tasks.cases.rentals.training.search import BASELINES, SEED, best_choice, chosen_settings, search_table
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.training.cost import measured

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

SMOOTHING = 1.0  # as on Spark
MANY_ROWS = 10_000
GRIDS: dict[str, dict[str, list[Any]]] = {
    "mean": {},
    "median": {},
    "linear": {},
    "ridge": {"alpha": [10.0, 100.0, 1000.0, 1.0]},
    "lasso": {"alpha": [0.1, 1.0, 0.01, 3.0]},
    "tree": {"max_depth": [8, 5, 12], "min_samples_leaf": [5, 20]},
    "forest": {"min_samples_leaf": [3, 1], "max_features": [0.33, 0.6]},
    "boosting": {"learning_rate": [0.08, 0.04], "max_leaf_nodes": [31, 15], "l2_regularization": [0.0, 10.0]},
}


class Fitted(NamedTuple):
    """The models on all of training: their predictions of the test set, their cost, and the best as a model."""

    predictions: pd.DataFrame  # id, name, host_id, seen (host in training), price, and a column per model
    costs: pd.DataFrame  # model, seconds, megabytes
    best: "Pipeline"


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


def regressor(kind: str, parameters: dict[str, Any], threads: int = 1) -> Any:
    """Return the regressor of one kind of model, a key of `GRIDS`."""
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    if kind in BASELINES:
        return DummyRegressor(strategy=kind)
    if kind == "linear":
        return LinearRegression()
    if kind == "ridge":
        return make_pipeline(StandardScaler(), Ridge(**parameters))
    if kind == "lasso":
        return make_pipeline(StandardScaler(), Lasso(max_iter=5000, **parameters))
    if kind == "tree":
        return DecisionTreeRegressor(random_state=SEED, **parameters)
    if kind == "forest":
        return RandomForestRegressor(n_estimators=50, random_state=SEED, n_jobs=threads, **parameters)
    given = {"loss": "poisson", "max_iter": 200, "early_stopping": True, "random_state": SEED}
    return HistGradientBoostingRegressor(**{**given, **parameters})


def model_of(kind: str, parameters: dict[str, Any], threads: int = 1) -> "Pipeline":
    """Return the whole way from derived columns to a price, not fitted."""
    from sklearn.pipeline import make_pipeline

    return make_pipeline(preparation(), regressor(kind, parameters, threads))


def candidates(kind: str, most: int) -> list[dict[str, Any]]:
    """Return at most `most` settings of a kind of model, its usual one first, the others drawn from its grid."""
    from sklearn.model_selection import ParameterGrid

    grid = list(ParameterGrid(GRIDS[kind])) if GRIDS[kind] else [{}]
    usual = {name: values[0] for name, values in GRIDS[kind].items()}
    others = [item for item in grid if item != usual]
    order = np.random.default_rng(SEED).permutation(len(others))
    return [usual, *(others[place] for place in order[: most - 1])]


def target(price: np.ndarray) -> np.ndarray:
    """Return prices as a writable float64 array."""
    return np.array(price, dtype=np.float64)


def limited(rows: int) -> Any:
    """Keep boosting to one thread on few rows: its threads wait for each other longer than they work."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(settings().threads if rows >= MANY_ROWS else 1)


@stage(phase="Modelling")
def search_models(train: pd.DataFrame, folds: int, most: int) -> pd.DataFrame:
    """Cross-validate every kind of model at several settings, on training rows only.

    The preparation is fitted anew in each fold, on the rows outside it.

    Args:
        train: as `part_rentals` returns it.
        folds: of the cross-validation.
        most: settings of each kind of model.

    Returns:
        As `search_table` makes it. The mean absolute error chooses: the squared error of a fold hangs on whether one of
        the few prices in the thousands lies in it.
    """
    tasks = [(kind, setting) for kind in GRIDS for setting in candidates(kind, most)]
    scores: dict[int, list[tuple[float, ...]]] = {number: [] for number in range(len(tasks))}
    steps = ((number, fold) for fold in _folds(train, folds) for number in range(len(tasks)))
    threads = settings().threads
    for number, (x, y, x_out, y_out) in progress(steps, "cross-validating", total=len(tasks) * folds):
        start = time.perf_counter()
        with limited(len(x)):
            error = np.abs(positive(regressor(*tasks[number], threads).fit(x, y).predict(x_out)) - y_out)
        spent = time.perf_counter() - start
        scores[number].append((np.sqrt(np.mean(error**2)), error.mean(), np.median(error), spent))
    return search_table(tasks, list(scores.values()))


def _folds(train: pd.DataFrame, folds: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the prepared training and held-out rows of each fold: x, y, x_out, y_out."""
    from sklearn.model_selection import StratifiedKFold

    y = target(train["price"].to_numpy())
    splitter = StratifiedKFold(folds, shuffle=True, random_state=SEED)
    for inside, outside in splitter.split(train, train["band"]):
        prepare = preparation()
        x = prepare.fit_transform(train.iloc[inside][list(FEATURES)], y[inside])
        yield x, y[inside], prepare.transform(train.iloc[outside][list(FEATURES)]), y[outside]


def positive(price: np.ndarray) -> np.ndarray:
    """No flat costs less than nothing, whatever a straight line says."""
    return np.maximum(price, 0.0)


@stage(phase="Modelling")
def fit_models(train: pd.DataFrame, test: pd.DataFrame, search: pd.DataFrame) -> Fitted:
    """Fit the chosen setting of every kind of model on all training rows, and foretell the prices of the test.

    Args:
        train: as `part_rentals` returns it.
        test: the other part; its prices are handed on, never looked at.
        search: as `search_models` returns it.
    """
    columns: dict[str, np.ndarray] = {}
    costs, models = [], {}
    chosen = chosen_settings(search)
    for kind, parameters in progress(chosen, "fitting", total=len(chosen)):
        with measured() as cost, limited(len(train)):
            models[kind] = fit_model(train, kind, parameters)
            columns[kind] = positive(models[kind].predict(test[list(FEATURES)]))
        costs.append({"model": kind, "seconds": cost.seconds, "megabytes": cost.megabytes})
    predictions = test_cases(train, test).assign(**columns)
    return Fitted(predictions, pd.DataFrame(costs), models[best_choice(search).kind])


def fit_model(train: pd.DataFrame, kind: str, parameters: dict[str, Any]) -> "Pipeline":
    """Fit one model on training rows."""
    model = model_of(kind, parameters, settings().threads)
    fitted: Pipeline = model.fit(train[list(FEATURES)], target(train["price"].to_numpy()))
    return fitted


def test_cases(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each test listing: `id, name, host_id, seen, price`."""
    seen = test["host_id"].isin(set(train["host_id"]))
    return test[["id", "name", "host_id"]].assign(seen=seen, price=test["price"].astype("float64"))


@stage(phase="Evaluation")
def refit_with_sklearn(train: pd.DataFrame, test: pd.DataFrame, config: dict[str, Any]) -> np.ndarray:
    """Return the absolute errors, (n,) euros, of a champion's configuration fitted on the present training rows.

    Raises:
        KeyError, TypeError, ValueError: the configuration is not one that this version knows.
    """
    kind, parameters = str(config["kind"]), dict(config["parameters"])
    if config["engine"] != "pandas" or kind not in GRIDS:
        raise ValueError(f"no model {kind!r} on {config['engine']!r}")
    with limited(len(train)):
        model = fit_model(train, kind, parameters)
    return np.abs(positive(model.predict(test[list(FEATURES)])) - test["price"].to_numpy(np.float64))
