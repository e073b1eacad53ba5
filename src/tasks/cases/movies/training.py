"""How much will a film earn, and within what range? Regressors of the revenue, and prediction intervals around them.

Revenue is learned as its square root: between the dollars themselves, where a dozen blockbusters decide everything, and
the logarithm, where the many films with next to nothing do. Going back from the square root m to dollars by m² alone
would predict too little (the mean of a square is more than the square of the mean), so a part that grows with m is
added; how much is learned from out-of-fold predictions (N. Duan, "Smearing Estimate", JASA 1983, with a spread
that grows with the film).

The intervals are conformalised quantile regression (Y. Romano, E. Patterson and E. Candès, NeurIPS 2019): boosted lower
and upper quantiles of the residuals, moved by what out-of-fold films needed to be inside, for small, middling and large
predictions separately ("Mondrian" conformal prediction; V. Vovk and others, 2005). Out-of-fold instead of a part set
aside spends no film on calibration alone (cross-conformal prediction, V. Vovk, 2015); what it gives up is a strict
guarantee, so that the coverage is measured.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.movies.features import NAMES
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

FOLDS = 5
MODELS = ("ridge", "forest", "boosting", "blend")
SIZES = 4  # groups of films by predicted revenue, each with an interval width of its own
NEXT_TO_NOTHING = 1e-9


class Candidates(NamedTuple):
    """How well each model predicts films that it has not seen, within the training films."""

    out_of_fold: pd.DataFrame  # a column per model: the predicted square root of the revenue of each training film
    table: pd.DataFrame  # model, rmse, mae (millions of dollars): a row per model, the best first


class Retransformation(BaseModel):
    """How a predicted square root m becomes millions of dollars: m² + spread · m, with m at least 0."""

    spread: float


class Fitted(NamedTuple):
    """A model of the square root of the revenue, and the way back to dollars."""

    model: "BaseEstimator"
    back: Retransformation


class Calibration(BaseModel):
    """How far the quantiles move outwards for films of each size, on the scale of the square root."""

    level: float
    edges: list[float]  # of the groups, millions of dollars of predicted revenue
    widening: list[float]  # of each group
    films: list[int]  # that each widening rests on


class Quantiles(NamedTuple):
    """Models of the lower and the upper quantile of the residual (on the scale of the root), and their calibration."""

    low: "BaseEstimator"
    high: "BaseEstimator"
    calibration: Calibration


def pipeline(estimator: Any, scaled: bool = False) -> Any:
    """Return `estimator` behind the encoding of features: what a director's and a series' films earn is learned first.

    The target encoder learns the encoding of each training film from the others (D. Micci-Barreca, SIGKDD 2001, with
    cross-fitting), so that a director with one film does not give that film's revenue away.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.model_selection import KFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    folds = KFold(FOLDS, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type="continuous", cv=folds)
    steps = [("features", ColumnTransformer([("names", encoder, list(NAMES))], remainder="passthrough"))]
    return Pipeline([*steps, *([("scale", StandardScaler())] if scaled else []), ("model", estimator)])


def build_model(name: str, seed: int) -> Any:
    """Return an unfitted model of the square root of the revenue.

    Args:
        name: one of `MODELS`.
        seed: of its draws.
    """
    from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, VotingRegressor
    from sklearn.linear_model import Ridge

    shared = {"n_estimators": 300, "learning_rate": 0.04, "subsample": 0.6, "random_state": seed}
    shallow = GradientBoostingRegressor(max_depth=5, max_features=0.3, min_samples_leaf=5, **shared)
    deep = GradientBoostingRegressor(max_depth=6, max_features=0.2, min_samples_leaf=8, **shared)
    boosting = VotingRegressor([("shallow", shallow), ("deep", deep)])  # together better than either, cross-validated
    forest = ExtraTreesRegressor(120, max_features=0.5, min_samples_leaf=2, random_state=seed, n_jobs=1)
    if name == "ridge":
        return pipeline(Ridge(alpha=3.0), scaled=True)
    single = {"boosting": boosting, "forest": forest}
    blend = VotingRegressor([("boosting", boosting), ("forest", forest)], weights=[2, 1])
    return pipeline(single.get(name, blend))


def _folds(seed: int) -> Any:
    from sklearn.model_selection import KFold

    return KFold(FOLDS, shuffle=True, random_state=seed)


@stage(phase="Modelling")
def compare_models(features: pd.DataFrame, films: pd.DataFrame, seed: int) -> Candidates:
    """Cross-validate each model within the training films; the best is the one with the least RMSE in dollars.

    Args:
        features: of the training films, (n, …).
        films: the same films with their `revenue`.
        seed: of folds and models.
    """
    from sklearn.base import clone

    revenue = films["revenue"].to_numpy(np.float64)
    root = np.sqrt(revenue)
    predicted = {name: np.empty(len(root)) for name in MODELS}
    for learn, hold in _folds(seed).split(features):
        for name in MODELS[:-1]:
            model = clone(build_model(name, seed)).fit(features.iloc[learn], root[learn])
            predicted[name][hold] = model.predict(features.iloc[hold])
    predicted["blend"] = (2 * predicted["boosting"] + predicted["forest"]) / 3
    rows = []
    for name, roots in predicted.items():
        dollars = to_dollars(roots, fit_back(roots, revenue))
        rows.append(
            {
                "model": name,
                "rmse": float(np.sqrt(np.mean((dollars - revenue) ** 2))),
                "mae": float(np.mean(np.abs(dollars - revenue))),
            }
        )
    table = pd.DataFrame(rows).sort_values("rmse", kind="stable").reset_index(drop=True)
    return Candidates(pd.DataFrame(predicted), table)


@stage(phase="Modelling")
def choose_model(table: pd.DataFrame, wanted: str) -> str:
    """Return the name of the model to use: the one that is asked for, or the best in cross-validation (auto)."""
    return str(table["model"].iloc[0]) if wanted == "auto" else wanted


def fit_back(roots: np.ndarray, revenue: np.ndarray) -> Retransformation:
    """Fit the way back to dollars by least squares, from out-of-fold predictions; both (n,)."""
    roots = np.maximum(roots, 0)
    return Retransformation(spread=float((revenue - roots**2) @ roots / max(roots @ roots, NEXT_TO_NOTHING)))


def to_dollars(roots: np.ndarray, back: Retransformation) -> np.ndarray:
    """Return the expected revenue, millions of dollars, for predicted square roots; (n,)."""
    roots = np.maximum(roots, 0)
    return np.maximum(roots**2 + back.spread * roots, 0)


@stage(phase="Modelling")
def fit_model(features: pd.DataFrame, films: pd.DataFrame, out_of_fold: pd.DataFrame, name: str, seed: int) -> Fitted:
    """Fit the chosen model to all training films.

    Args:
        features: of the training films.
        films: the same films with their `revenue`.
        out_of_fold: as `compare_models` gives it.
        name: of the model.
        seed: of the model.
    """
    revenue = films["revenue"].to_numpy(np.float64)
    model = build_model(name, seed).fit(features, np.sqrt(revenue))
    return Fitted(model, fit_back(out_of_fold[name].to_numpy(), revenue))


def _quantile(share: float, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        loss="quantile",
        alpha=share,
        n_estimators=80,
        learning_rate=0.06,
        max_depth=3,
        subsample=0.6,
        max_features=0.4,
        min_samples_leaf=15,
        random_state=seed,
    )


def around(features: pd.DataFrame, root: np.ndarray) -> pd.DataFrame:
    """Return what the spread of a film's revenue around its prediction may depend on: its numbers, and the prediction.

    Args:
        features: of the films, (n, …).
        root: predicted square roots, (n,).
    """
    return features.drop(columns=list(NAMES)).assign(root=root)


@stage(phase="Modelling")
def fit_intervals(
    features: pd.DataFrame,
    films: pd.DataFrame,
    out_of_fold: pd.DataFrame,
    back: Retransformation,
    name: str,
    level: float,
    seed: int,
) -> Quantiles:
    """Fit the quantiles of the residuals, and calibrate them on films that the quantile models have not seen.

    Args:
        features: of the training films.
        films: the same films with their `revenue`.
        out_of_fold: as `compare_models` gives it; the residuals are those of predictions for unseen films.
        back: the way back to dollars.
        name: of the model that predicts.
        level: coverage of the intervals, such as 0.8.
        seed: of folds and models.
    """
    predicted = out_of_fold[name].to_numpy(np.float64)
    residual = np.sqrt(films["revenue"].to_numpy(np.float64)) - predicted
    given = around(features, predicted)
    shares = ((1 - level) / 2, (1 + level) / 2)
    ends = np.empty((2, len(residual)))
    for learn, hold in _folds(seed + 1).split(given):
        for end, share in enumerate(shares):
            model = _quantile(share, seed).fit(given.iloc[learn], residual[learn])
            ends[end, hold] = model.predict(given.iloc[hold])
    low, high = (_quantile(share, seed).fit(given, residual) for share in shares)
    return Quantiles(low, high, calibrate(ends[0], ends[1], residual, to_dollars(predicted, back), level))


def calibrate(low: np.ndarray, high: np.ndarray, residual: np.ndarray, size: np.ndarray, level: float) -> Calibration:
    """Find how far the ends of the intervals have to move outwards, for films of each size.

    Args:
        low: out-of-fold lower quantile of the residual, (n,).
        high: the upper one, (n,).
        residual: square root of the revenue less its out-of-fold prediction, (n,).
        size: out-of-fold prediction in millions of dollars, (n,).
        level: of the intervals.
    """
    outside = np.maximum(low - residual, residual - high)  # negative where the film lies well inside
    edges = np.quantile(size, np.arange(1, SIZES) / SIZES)
    groups = np.searchsorted(edges, size, side="right")
    widening, films = [], []
    for group in range(SIZES):
        mine = np.sort(outside[groups == group]) if (groups == group).any() else np.sort(outside)
        rank = min(int(np.ceil(level * (len(mine) + 1))), len(mine))  # the finite-sample quantile of split conformal
        widening.append(float(mine[rank - 1]))
        films.append(len(mine))
    return Calibration(level=level, edges=edges.tolist(), widening=widening, films=films)


@stage(phase="Modelling")
def predict_revenue(
    features: pd.DataFrame,
    model: "BaseEstimator",
    back: Retransformation,
    low: "BaseEstimator",
    high: "BaseEstimator",
    calibration: Calibration,
) -> pd.DataFrame:
    """Predict the revenue of films in millions of dollars.

    Args:
        features: of the films, (n, …).
        model: of the square root.
        back: its way back to dollars.
        low: model of the lower quantile.
        high: of the upper one.
        calibration: of the interval.

    Returns:
        `predicted`, `low` and `high`, and the film's `size` group, 0 for the smallest.
    """
    if not len(features):
        return pd.DataFrame({"predicted": [], "low": [], "high": [], "size": []}).astype({"size": "int64"})
    root = model.predict(features)  # type: ignore[attr-defined]
    given = around(features, root)
    predicted = to_dollars(root, back)
    size = np.searchsorted(calibration.edges, predicted, side="right")
    wider = np.asarray(calibration.widening)[size]
    ends = np.sort([low.predict(given) - wider, high.predict(given) + wider], axis=0)  # type: ignore[attr-defined]
    ends = np.maximum(root + ends, 0) ** 2
    return pd.DataFrame({"predicted": predicted, "low": ends[0], "high": ends[1], "size": size.astype("int64")})


@stage(phase="Modelling")
def score_model(features: pd.DataFrame, films: pd.DataFrame, test: pd.DataFrame, seed: int, name: str) -> np.ndarray:
    """Refit a model of earlier on the present training films and predict the present test films; (n,) dollars.

    Args:
        features: of the training films.
        films: the training films.
        test: features of the test films.
        seed: recorded with the model.
        name: recorded with it.
    """
    from sklearn.model_selection import cross_val_predict

    revenue = films["revenue"].to_numpy(np.float64)
    model = build_model(name, seed)
    back = fit_back(cross_val_predict(model, features, np.sqrt(revenue), cv=_folds(seed)), revenue)
    return to_dollars(model.fit(features, np.sqrt(revenue)).predict(test), back)
