"""How well is a film's revenue predicted, do the intervals hold, and what carries the error? On films never seen."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.movies.features import published_numbers, revenue_bands
from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage

LARGEST_ERRORS = 0.01  # share of the test films whose part in the squared error is told
NO_ERROR = 1e-12  # as a share of all test films' squared error around the mean: what rounding leaves of none


class Evaluation(NamedTuple):
    """What was found on the test films."""

    metrics: list[Metric]
    coverage: pd.DataFrame  # by, group, films, coverage, low, high, width: a row per group of films
    concentration: pd.DataFrame  # films, error: the share of the squared error that the worst share of films carries


@stage(phase="Evaluation")
def score_films(test: pd.DataFrame, predictions: pd.DataFrame, train: pd.DataFrame) -> Cases:
    """Take the squared error of every test film, for the model and for the mean of the training films.

    Args:
        test: the test films with their `revenue`.
        predictions: of the same films, as `tasks.cases.movies.training.predict_revenue` gives them.
        train: the training films.
    """
    revenue = test["revenue"].to_numpy(np.float64)
    mean = float(train["revenue"].mean())
    model = (predictions["predicted"].to_numpy(np.float64) - revenue) ** 2
    return Cases(model, np.arange(len(revenue)), (revenue - mean) ** 2)  # each film is a case of its own


@stage(phase="Evaluation")
def squared_errors(test: pd.DataFrame, predicted: np.ndarray) -> np.ndarray:
    """Return the squared error of every test film; (n,)."""
    return (np.asarray(predicted, np.float64) - test["revenue"].to_numpy(np.float64)) ** 2


@stage(phase="Evaluation")
def predict_as_published(
    train: pd.DataFrame, train_features: pd.DataFrame, test_features: pd.DataFrame, seed: int
) -> np.ndarray:
    """Predict the test films as the published analysis does: one unpruned tree on the numbers; (n,) dollars.

    Args:
        train: the training films with their `revenue`.
        train_features: their features.
        test_features: of the test films.
        seed: of the tree.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeRegressor

    tree = make_pipeline(SimpleImputer(strategy="median"), DecisionTreeRegressor(random_state=seed))
    tree.fit(published_numbers(train_features), train["revenue"])
    return np.asarray(tree.predict(published_numbers(test_features)))


def rmse_metric(squared: np.ndarray, name: str = "rmse", baseline: float | None = None, note: str = "") -> Metric:
    """Return the root of the mean of squared errors (n,) with its interval, in millions of dollars."""
    low, high = (float(np.sqrt(max(end, 0))) for end in bootstrap(squared))
    value = float(np.sqrt(np.mean(squared)))
    return Metric(name=name, value=value, unit="M$", low=low, high=high, n=len(squared), baseline=baseline, note=note)


def r_squared(squared: np.ndarray, of_mean: np.ndarray) -> tuple[float, float, float]:
    """Return 1 - Σ squared / Σ of_mean and its bootstrap interval: films are drawn, with both of their errors.

    Where the mean makes no error there is nothing to explain, and nothing, 0, is explained.
    """
    nothing = NO_ERROR * of_mean.sum()

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = rows.astype(np.int64)
        total = of_mean[drawn].sum(axis=axis)
        explained = total > nothing
        return np.where(explained, 1 - squared[drawn].sum(axis=axis) / np.where(explained, total, 1), 0.0)

    rows = np.arange(len(squared))
    low, high = bootstrap(rows, statistic)
    return float(statistic(rows)), low, high


@stage(phase="Evaluation")
def evaluate_films(
    test: pd.DataFrame,
    predictions: pd.DataFrame,
    train: pd.DataFrame,
    model: np.ndarray,
    mean: np.ndarray,
    published: np.ndarray,
    champion: np.ndarray | None,
    level: float,
) -> Evaluation:
    """Measure errors and intervals on the test films.

    Args:
        test: the test films with their `revenue`.
        predictions: of the same films.
        train: the training films.
        model: squared error of each test film, (n,).
        mean: that of the mean of the training films.
        published: that of the published tree.
        champion: that of the champion; None when there is none on these films.
        level: of the intervals.
    """
    revenue = test["revenue"].to_numpy(np.float64)
    inside = is_inside(revenue, predictions)
    absolute = np.abs(predictions["predicted"].to_numpy() - revenue)
    of_median = np.abs(revenue - float(train["revenue"].median()))
    r2, r2_low, r2_high = r_squared(model, mean)
    theirs = champion if champion is not None and len(champion) == len(model) else None
    rmse = rmse_metric(model, baseline=float(np.sqrt(mean.mean())), note="against the mean of the training films")
    mae_low, mae_high = bootstrap(absolute)
    covered = int(inside.sum())
    low, high = exact_binomial(covered, len(inside))
    metrics = [
        rmse.model_copy(update={"champion": None if theirs is None else float(np.sqrt(theirs.mean()))}),
        Metric(
            name="r2",
            value=r2,
            low=r2_low,
            high=r2_high,
            n=len(model),
            baseline=0.0,
            champion=None if theirs is None else 1 - float(theirs.sum() / mean.sum()),
            note="share of the squared error of the training mean that is explained",
        ),
        Metric(
            name="mae",
            value=float(absolute.mean()),
            unit="M$",
            low=mae_low,
            high=mae_high,
            n=len(model),
            baseline=float(of_median.mean()),
            note="against the median of the training films",
        ),
        Metric(
            name="coverage",
            value=covered / len(inside),
            low=low,
            high=high,
            n=len(inside),
            note=f"share of films inside their {level:.0%} interval".replace("%", " %"),
        ),
        rmse_metric(published, "rmse_published_tree", note="one tree on the numbers, on the same films"),
    ]
    return Evaluation(metrics, coverage_by_size(test, predictions), error_concentration(model))


def is_inside(revenue: np.ndarray, predictions: pd.DataFrame) -> np.ndarray:
    """Tell which revenues lie inside their interval, ends included; a revenue is published to 0.01."""
    half = 0.005
    return (revenue >= predictions["low"].to_numpy() - half) & (revenue <= predictions["high"].to_numpy() + half)


def coverage_by_size(test: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Measure the coverage for films of each size: by predicted revenue, by votes, and by the revenue that they had.

    The first two are known before the revenue is. The last is not: no interval can cover the films that earned far more
    than any film like them as well as the others.
    """
    revenue = test["revenue"].to_numpy(np.float64)
    inside = is_inside(revenue, predictions)
    width = (predictions["high"] - predictions["low"]).to_numpy()
    quarters = np.searchsorted(np.quantile(test["votes"], [0.25, 0.5, 0.75]), test["votes"], side="right")
    bands = revenue_bands(revenue)
    ways = [
        ("predicted revenue", predictions["size"].to_numpy(), predictions["predicted"].to_numpy(), " M$"),
        ("votes", quarters, test["votes"].to_numpy(float), ""),
        ("actual revenue", bands, revenue, " M$"),
    ]
    rows = []
    for way, groups, values, unit in ways:
        for group in np.unique(groups):
            mine = groups == group
            low, high = exact_binomial(int(inside[mine].sum()), int(mine.sum()))
            rows.append(
                {
                    "by": way,
                    "group": f"{values[mine].min():,.0f} to {values[mine].max():,.0f}{unit}",
                    "films": int(mine.sum()),
                    "coverage": float(inside[mine].mean()),
                    "low": low,
                    "high": high,
                    "width": float(np.median(width[mine])),
                }
            )
    return pd.DataFrame(rows)


def error_concentration(squared: np.ndarray) -> pd.DataFrame:
    """Return which share of the squared error the worst share of the films carries, from none to all."""
    ordered = np.concatenate([[0.0], np.cumsum(np.sort(squared)[::-1])])
    shares = np.linspace(0, 1, len(ordered))
    return pd.DataFrame({"films": shares, "error": ordered / max(ordered[-1], 1e-300)})


def share_of_worst(concentration: pd.DataFrame, films: float = LARGEST_ERRORS) -> float:
    """Return the share of the squared error that the worst `films` (a share) carry."""
    return float(np.interp(films, concentration["films"], concentration["error"]))
