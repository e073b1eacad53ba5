"""The same models of the price of a flat on Spark: ordinary least squares, ridge, lasso, a tree, gradient boosting.

They learn from the vectors that `features.with_spark` prepares, and are chosen by cross-validation as the
others are. What differs: Spark's boosting knows the squared error and the absolute error, not the Poisson deviance.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.rentals.training.search import BASELINES, SEED, best_choice, chosen_settings, search_table
from tasks.platform.progress import progress
from tasks.platform.stage import stage
from tasks.training.cost import measured

if TYPE_CHECKING:
    from pyspark.ml import Model
    from pyspark.sql import DataFrame

SEARCH_FOLDS = 3
LOG = "_log"  # kinds that learn the logarithm of the price
GRIDS: dict[str, list[dict[str, Any]]] = {
    "mean": [{}],
    "median": [{}],
    "linear": [{}],
    "ridge": [{"regParam": 1.0}, {"regParam": 10.0}],
    "lasso": [{"regParam": 0.1}, {"regParam": 1.0}],
    "tree": [{"maxDepth": 8}, {"maxDepth": 5}],
    "boosting": [{"maxIter": 30, "maxDepth": 5}],
    "boosting_log": [{"maxIter": 30, "maxDepth": 5}],
}


class FittedOnSpark(NamedTuple):
    """The models on all of training, as `tasks.cases.rentals.training.with_sklearn.Fitted` has them."""

    predictions: pd.DataFrame
    costs: pd.DataFrame
    best: "Model"
    mean: "Model"


class Coefficients(NamedTuple):
    """What ordinary least squares found."""

    intercept: float
    weights: np.ndarray  # (features,), in the order of the vectors


def estimator(kind: str, parameters: dict[str, Any]) -> Any:
    """Return the Spark estimator of one kind of model, a key of `GRIDS`."""
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import SQLTransformer
    from pyspark.ml.regression import DecisionTreeRegressor, GBTRegressor, LinearRegression

    common = {"featuresCol": "features", "labelCol": "price", **parameters}
    if kind.endswith(LOG):
        logarithm = {**parameters, "labelCol": "price_log", "predictionCol": "prediction_log"}
        back = "SELECT *, EXPM1(prediction_log) AS prediction FROM __THIS__"
        return Pipeline(stages=[estimator(kind.removesuffix(LOG), logarithm), SQLTransformer(statement=back)])
    if kind in ("linear", "ridge"):
        return LinearRegression(solver="normal", elasticNetParam=0.0, **common)
    if kind == "lasso":
        return LinearRegression(solver="normal", elasticNetParam=1.0, **common)
    if kind == "tree":
        return DecisionTreeRegressor(seed=SEED, minInstancesPerNode=5, maxBins=64, **common)
    return GBTRegressor(seed=SEED, minInstancesPerNode=5, maxBins=64, stepSize=0.1, **common)


def _constant(kind: str, train: "DataFrame") -> float:
    sql = "AVG(price)" if kind == "mean" else "PERCENTILE(price, 0.5)"
    return float(train.selectExpr(f"CAST({sql} AS DOUBLE) AS value").collect()[0]["value"])


def predict(kind: str, parameters: dict[str, Any], train: "DataFrame", others: "DataFrame") -> tuple[Any, pd.DataFrame]:
    """Fit on `train`; return the model (None for a baseline) and `id, price, prediction` of the other rows."""
    columns = ["id", "price", "prediction"]
    if kind in BASELINES:
        return None, others.select("id", "price").toPandas().assign(prediction=_constant(kind, train))[columns]
    model = estimator(kind, parameters).fit(train.selectExpr("*", "LOG1P(price) AS price_log"))
    found = model.transform(others).selectExpr("id", "price", "GREATEST(prediction, 0.0D) AS prediction").toPandas()
    return model, found[columns]


@stage(phase="Modelling")
def search_on_spark(train: "DataFrame", most: int) -> pd.DataFrame:
    """Cross-validate every kind of model on Spark; the result is as that of `training.with_sklearn.search_models`.

    The prices of groups in the vectors are encoded once for all of training, without the row's own fold, not anew in
    each fold of the search: enough to choose a setting by, and the test set has no part in it.

    Args:
        train: as `prepare_on_spark` returns it.
        most: settings of each kind of model.
    """
    train = train.withColumn("part", train["position"] % SEARCH_FOLDS).cache()
    tasks = [(kind, setting) for kind, grid in GRIDS.items() for setting in grid[:most]]
    scores: dict[int, list[tuple[float, ...]]] = {number: [] for number in range(len(tasks))}
    steps = [(number, fold) for fold in range(SEARCH_FOLDS) for number in range(len(tasks))]
    for number, fold in progress(steps, "cross-validating on Spark", total=len(steps)):
        with measured() as cost:
            found = predict(*tasks[number], train.where(f"part <> {fold}"), train.where(f"part = {fold}"))[1]
        error = (found["prediction"] - found["price"]).abs().to_numpy()
        scores[number].append((np.sqrt(np.mean(error**2)), error.mean(), np.median(error), cost.seconds))
    train.unpersist()
    return search_table(tasks, list(scores.values()))


@stage(phase="Modelling")
def fit_on_spark(train: "DataFrame", test: "DataFrame", search: pd.DataFrame, names: pd.DataFrame) -> FittedOnSpark:
    """Fit the chosen setting of every kind of model on all training rows, and foretell the prices of the test.

    Args:
        train: as `prepare_on_spark` returns it.
        test: the other part.
        search: as `search_on_spark` returns it.
        names: `id` and `name` of all listings.
    """
    train, test = train.cache(), test.cache()
    cases = _cases(train, test, names)
    costs, models = [], {}
    chosen = chosen_settings(search)
    for kind, parameters in progress(chosen, "fitting on Spark", total=len(chosen)):
        with measured() as cost:
            models[kind], found = predict(kind, parameters, train, test)
        cases[kind] = cases["id"].map(found.set_index("id")["prediction"])
        costs.append({"model": kind, "seconds": cost.seconds, "megabytes": cost.peak})
    typical, mean = best_choice(search).kind, best_choice(search, "rmse").kind
    return FittedOnSpark(cases, pd.DataFrame(costs), models[typical], models[mean])


def _cases(train: "DataFrame", test: "DataFrame", names: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each test listing, in the order of the split: `id, name, host_id, seen, price`."""
    hosts = train.select("host_id").distinct().selectExpr("host_id", "TRUE AS seen")
    joined = test.join(hosts, "host_id", "left").selectExpr(
        "id", "host_id", "COALESCE(seen, FALSE) AS seen", "price", "position"
    )
    cases = joined.toPandas().sort_values("position", ignore_index=True).drop(columns="position")
    cases.insert(1, "name", cases["id"].map(names.set_index("id")["name"]))
    return cases


def coefficients(train: "DataFrame") -> Coefficients:
    """Return what ordinary least squares finds on the vectors of `prepare_on_spark`."""
    model = estimator("linear", {}).fit(train)
    return Coefficients(float(model.intercept), np.asarray(model.coefficients.toArray()))


@stage(phase="Evaluation")
def refit_on_spark(train: "DataFrame", test: "DataFrame", config: dict[str, Any]) -> np.ndarray:
    """Return how far off (absolute difference of log(1 + price)) a champion is that is fitted on the present data.

    Returns:
        (n,), in the order of the split.

    Raises:
        KeyError, TypeError, ValueError: the configuration is not one that this version knows.
    """
    kind, parameters = str(config["kind"]), dict(config["parameters"])
    if config["engine"] != "spark" or kind not in GRIDS:
        raise ValueError(f"no model {kind!r} on {config['engine']!r}")
    found = predict(kind, parameters, train, test)[1].set_index("id")
    order = test.select("id", "position").toPandas().sort_values("position")["id"]
    return (np.log1p(found["prediction"]) - np.log1p(found["price"])).abs().loc[order].to_numpy()
