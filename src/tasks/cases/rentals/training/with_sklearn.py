"""Which model foretells the price of a flat best? From the median price to gradient boosting, with scikit-learn.

The heavy tail decides how to learn. A squared error of raw prices is made by the few prices in the thousands, and aims
at the mean that the usual measure (RMSE) asks for; a squared error of logarithms hardly sees them, and foretells a
typical price, which the absolute error asks for. Both are tried, and the Poisson deviance besides: it aims at the mean,
and weighs an error by the price level.
"""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import CATEGORIES, ENCODED, ENCODING_FOLDS, FEATURES, NUMBERS
from tasks.cases.rentals.training.ranges import Interval, ends, interval_of, positive
from tasks.cases.rentals.training.search import BASELINES, SEED, Setting, best_choice, chosen_settings, search_table
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.training.cost import measured

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


class Fitted(NamedTuple):
    """The models on all of training: their predictions of the test set, their cost, and the best as models."""

    predictions: pd.DataFrame  # id, name, host_id, seen (host in training), price, low, high, and a column per model
    costs: pd.DataFrame  # model, seconds, megabytes
    best: "Pipeline"  # of the typical price
    mean: "Pipeline"  # of the mean price; the same where one kind is best at both
    interval: Interval


class Searched(NamedTuple):
    """What cross-validation found."""

    table: pd.DataFrame  # as `search_table` makes it
    off: pd.DataFrame  # of each held-out listing the logarithm of price by foretold price; a column per row of table


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
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    if kind.endswith(LOG):
        inner = _of_logarithms(kind.removesuffix(LOG), parameters, threads)
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


def _of_logarithms(kind: str, parameters: dict[str, Any], threads: int) -> Any:
    """Return what learns logarithms of prices; the blend is the mean of forest and boosting at their usual settings."""
    from sklearn.ensemble import VotingRegressor

    if kind == "boosting":
        return regressor(kind, {"loss": "squared_error", **parameters}, threads)
    if kind != "blend":
        return regressor(kind, parameters, threads)
    usual = {part: candidates(f"{part}{LOG}", 1)[0] for part in ("forest", "boosting")}
    members = [("forest", {**usual["forest"], **parameters}), ("boosting", usual["boosting"])]
    return VotingRegressor([(part, _of_logarithms(part, given, threads)) for part, given in members])


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


def limited() -> Any:
    """Keep boosting to one thread: its threads wait for each other by spinning, which beside other work takes them ten
    times as long as one of them needs alone."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


@stage(phase="Modelling")
def search_models(train: pd.DataFrame, folds: int, most: int) -> Searched:
    """Cross-validate every kind of model at several settings, on training rows only.

    The preparation is fitted anew in each fold, on the rows outside it.

    Args:
        train: as `part_rentals` returns it.
        folds: of the cross-validation.
        most: settings of each kind of model.

    Returns:
        The settings with their errors, as `search_table` makes it, and how far off each held-out price was. Within a
        kind the mean absolute error chooses: the squared error of a fold hangs on whether one of the few prices in the
        thousands lies in it.
    """
    tasks = [(kind, setting) for kind in GRIDS for setting in candidates(kind, most)]
    scores: list[list[tuple[float, ...]]] = [[] for _ in tasks]
    off = np.zeros((len(train), len(tasks)))
    for x, y, x_out, y_out, outside in progress(_folds(train, folds), "cross-validating", total=folds):
        for number, (found, spent) in enumerate(_tried(tasks, x, y, x_out)):
            error = np.abs(found - y_out)
            scores[number].append((np.sqrt(np.mean(error**2)), error.mean(), np.median(error), spent))
            off[outside, number] = np.log1p(y_out) - np.log1p(found)
    columns = [str(number) for number in range(len(tasks))]
    return Searched(search_table(tasks, scores), pd.DataFrame(off, columns=columns))


def _tried(tasks: Sequence[Setting], x: np.ndarray, y: np.ndarray, x_out: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Fit each setting on its own thread; return the foretold prices of the held-out rows, and the seconds."""
    from joblib import Parallel, delayed

    def tried(kind: str, parameters: dict[str, Any]) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        few = {"n_estimators": TREES_IN_SEARCH} if kind.startswith(("forest", "blend")) else {}
        with limited():
            found = positive(regressor(kind, {**parameters, **few}).fit(x, y).predict(x_out))
        return found, time.perf_counter() - start

    found: list[tuple[np.ndarray, float]] = Parallel(n_jobs=settings().threads, prefer="threads")(
        delayed(tried)(kind, parameters) for kind, parameters in tasks
    )
    return found


def _folds(train: pd.DataFrame, folds: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the prepared training and held-out rows of each fold: x, y, x_out, y_out, places held out."""
    from sklearn.model_selection import StratifiedKFold

    y = target(train["price"].to_numpy())
    splitter = StratifiedKFold(folds, shuffle=True, random_state=SEED)
    for inside, outside in splitter.split(train, train["band"]):
        prepare = preparation()
        x = prepare.fit_transform(train.iloc[inside][list(FEATURES)], y[inside])
        yield x, y[inside], prepare.transform(train.iloc[outside][list(FEATURES)]), y[outside], outside


@stage(phase="Modelling")
def fit_models(train: pd.DataFrame, test: pd.DataFrame, search: pd.DataFrame, off: pd.DataFrame) -> Fitted:
    """Fit the chosen setting of every kind of model on all training rows, and foretell the prices of the test.

    Args:
        train: as `part_rentals` returns it.
        test: the other part; its prices are handed on, never looked at.
        search: the table of `search_models`.
        off: how far off the held-out prices were there.
    """
    columns: dict[str, np.ndarray] = {}
    costs, models = [], {}
    chosen = chosen_settings(search)
    for kind, parameters in progress(chosen, "fitting", total=len(chosen)):
        with measured() as cost, limited():
            models[kind] = fit_model(train, kind, parameters)
            columns[kind] = positive(models[kind].predict(test[list(FEATURES)]))
        costs.append({"model": kind, "seconds": cost.seconds, "megabytes": cost.megabytes})
    typical, mean = best_choice(search).kind, best_choice(search, "rmse").kind
    interval = interval_of(search, off, typical)
    low, high = ends(columns[typical], interval)
    predictions = test_cases(train, test).assign(low=low, high=high, **columns)
    return Fitted(predictions, pd.DataFrame(costs), models[typical], models[mean], interval)


def fit_model(train: pd.DataFrame, kind: str, parameters: dict[str, Any]) -> "Pipeline":
    """Fit one model on training rows."""
    model = model_of(kind, parameters, settings().threads)
    fitted: Pipeline = model.fit(train[list(FEATURES)], target(train["price"].to_numpy()))
    inner = getattr(fitted[-1], "regressor_", fitted[-1])
    for learner in (inner, *getattr(inner, "estimators_", [])):
        if hasattr(learner, "n_jobs"):
            learner.n_jobs = None  # how many cores this machine has is no part of the model
    return fitted


def test_cases(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each test listing: `id, name, host_id, seen, price`."""
    seen = test["host_id"].isin(set(train["host_id"]))
    return test[["id", "name", "host_id"]].assign(seen=seen, price=test["price"].astype("float64"))


@stage(phase="Evaluation")
def refit_with_sklearn(train: pd.DataFrame, test: pd.DataFrame, config: dict[str, Any]) -> np.ndarray:
    """Return how far off, (n,), a champion's configuration is that is fitted on the present training rows.

    Off is the absolute difference of log(1 + price), as the contest measures it.

    Raises:
        KeyError, TypeError, ValueError: the configuration is not one that this version knows.
    """
    kind, parameters = str(config["kind"]), dict(config["parameters"])
    if config["engine"] != "pandas" or kind not in GRIDS:
        raise ValueError(f"no model {kind!r} on {config['engine']!r}")
    with limited():
        model = fit_model(train, kind, parameters)
    return np.abs(np.log1p(positive(model.predict(test[list(FEATURES)]))) - np.log1p(target(test["price"].to_numpy())))
