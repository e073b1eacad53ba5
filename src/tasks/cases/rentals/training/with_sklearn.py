"""Which model foretells the price of a flat best? From the median price to gradient boosting, with scikit-learn."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.rentals.features.with_pandas import FEATURES
from tasks.cases.rentals.training.ranges import Interval, ends, interval_of, positive
from tasks.cases.rentals.training.regressors import (
    GRIDS,
    LOG,
    PARTS,
    TREES_IN_SEARCH,
    candidates,
    model_of,
    preparation,
    regressor,
    usual,
)
from tasks.cases.rentals.training.search import SEED, Setting, best_choice, chosen_settings, search_table
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.training.cost import measured

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


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
    """Fit each setting on its own thread; return the foretold prices of the held-out rows, and the seconds.

    The blend is made of what its parts, which are among the settings, foretell.
    """
    from joblib import Parallel, delayed

    def tried(kind: str, parameters: dict[str, Any]) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        few = {"n_estimators": TREES_IN_SEARCH} if kind.startswith("forest") else {}
        with limited():
            found = positive(regressor(kind, {**parameters, **few}).fit(x, y).predict(x_out))
        return found, time.perf_counter() - start

    blend = [kind for kind, _ in tasks].index("blend_log")
    # What takes longest comes last in the grids: started first, it leaves no core alone at the end.
    order = [place for place in reversed(range(len(tasks))) if place != blend]
    work = (delayed(tried)(*tasks[place]) for place in order)
    found = dict(zip(order, Parallel(n_jobs=settings().threads, prefer="threads")(work), strict=True))
    parts = [found[tasks.index((f"{part}{LOG}", usual(f"{part}{LOG}")))] for part in PARTS]
    blended = positive(np.expm1(np.mean([np.log1p(prices) for prices, _ in parts], axis=0)))
    found[blend] = blended, sum(seconds for _, seconds in parts)
    return [found[place] for place in range(len(tasks))]


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
    costs: list[dict[str, Any]] = []
    models: dict[str, Any] = {}
    parts: dict[str, Any] = {}  # of the blend, as they were fitted for themselves
    chosen = chosen_settings(search)
    for kind, parameters in progress(chosen, "fitting", total=len(chosen)):
        with measured() as cost, limited():
            models[kind] = fit_model(train, kind, parameters, parts)
            columns[kind] = positive(models[kind].predict(test[list(FEATURES)]))
        if kind in [f"{part}{LOG}" for part in PARTS] and parameters == usual(kind):
            parts[kind.removesuffix(LOG)] = models[kind][-1].regressor_
        taken = [item["seconds"] for item in costs if item["model"] in [f"{part}{LOG}" for part in parts]]
        seconds = cost.seconds + (sum(taken) if kind.startswith("blend") else 0.0)  # its parts were fitted before
        costs.append({"model": kind, "seconds": seconds, "megabytes": cost.megabytes})
    typical, mean = best_choice(search).kind, best_choice(search, "rmse").kind
    interval = interval_of(search, off, typical)
    low, high = ends(columns[typical], interval)
    predictions = test_cases(train, test).assign(low=low, high=high, **columns)
    return Fitted(predictions, pd.DataFrame(costs), models[typical], models[mean], interval)


def fit_model(
    train: pd.DataFrame, kind: str, parameters: dict[str, Any], fitted: Mapping[str, Any] | None = None
) -> "Pipeline":
    """Fit one model on training rows; `fitted` are parts of the blend that need not be fitted again."""
    model = model_of(kind, parameters, settings().threads, fitted)
    learned: Pipeline = model.fit(train[list(FEATURES)], target(train["price"].to_numpy()))
    inner = getattr(learned[-1], "regressor_", learned[-1])
    for learner in (inner, *getattr(inner, "estimators_", [])):
        if "n_jobs" in vars(learner):
            learner.n_jobs = None  # how many cores this machine has is no part of the model
    return learned


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
