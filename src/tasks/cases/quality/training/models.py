"""How likely is a product to be faulty, of which class is it, or what does it measure? Models, chosen and calibrated.

A model's chances are held against what happened to training products that it had not seen (out of fold), and mended by
a sigmoid (J. Platt, 1999) or a step function (B. Zadrozny and C. Elkan, KDD 2002), where that helps in a second
cross-validation. Measured values get split-conformal intervals (J. Lei and others, JASA 2018) from the same rows.
"""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.quality.features.inputs import Recipe, prepare
from tasks.cases.quality.ingestion.roles import Kind
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

MODELS = ("boosting", "forest", "blend", "logistic")
BASELINES = ("plain logistic", "one rule")  # on the raw inputs alone
LEVEL = 0.9  # of the intervals around a measured value
NEVER = 1e-4  # no chance is told as none at all, nor as certainty
BETTER = {"faulty": "pr_auc", "classes": "macro_f1", "number": "rmse"}


class Candidates(NamedTuple):
    """What each model says of training products that it had not seen, and how well."""

    out_of_fold: pd.DataFrame  # columns "<model> <number>": chances, or the value
    table: pd.DataFrame  # model, pr_auc or macro_f1 or rmse, loss; the best first, baselines among them


class Calibration(BaseModel):
    """How a model's raw chance becomes a calibrated one; or how wide the interval around a value is."""

    way: Literal["none", "sigmoid", "isotonic"] = "none"
    slope: float = 1.0
    intercept: float = 0.0
    x: list[float] = []
    y: list[float] = []
    width: float = 0.0  # half the width of the interval around a measured value, in its unit


class Fitted(NamedTuple):
    """The model of all training products and its calibration."""

    model: "BaseEstimator"
    calibration: Calibration


def build(name: str, kind: Kind, seed: int) -> Any:
    """Return an unfitted model.

    Args:
        name: one of `MODELS` or `BASELINES`.
        kind: of the result.
        seed: of its draws.
    """
    from sklearn import ensemble, linear_model, tree
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    number = kind == "number"
    if name == "boosting":
        boosting = ensemble.HistGradientBoostingRegressor if number else ensemble.HistGradientBoostingClassifier
        return boosting(
            max_iter=100,
            learning_rate=0.08,
            max_leaf_nodes=8,
            min_samples_leaf=10,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )
    if name == "blend":  # the mean of both: they err on different products
        vote = ensemble.VotingRegressor if number else ensemble.VotingClassifier
        both = [(part, build(part, kind, seed)) for part in ("boosting", "forest")]
        return vote(both) if number else vote(both, voting="soft")
    if name == "forest":
        forest = ensemble.RandomForestRegressor if number else ensemble.RandomForestClassifier
        return forest(100, min_samples_leaf=2, max_features=0.4, n_jobs=1, random_state=seed)
    if name == "one rule":
        stump = tree.DecisionTreeRegressor if number else tree.DecisionTreeClassifier
        return stump(max_depth=1, min_samples_leaf=5, random_state=seed)
    line = linear_model.Ridge(alpha=1.0) if number else linear_model.LogisticRegression(max_iter=2000)
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), line)


def recipe_of(name: str, recipe: Recipe) -> Recipe:
    """Return the inputs that a model takes: a baseline takes none that is derived."""
    return recipe.model_copy(update={"derived": []}) if name in BASELINES else recipe


def predict(model: Any, given: np.ndarray, kind: Kind, classes: int) -> np.ndarray:
    """Return predictions (n, k): the chance to be faulty (k = 1), of each class, or the value (k = 1)."""
    if kind == "number":
        return np.asarray(model.predict(given), np.float64)[:, None]
    chances = np.zeros((len(given), max(classes, 2)))
    chances[:, model.classes_.astype(int)] = model.predict_proba(given)
    return chances[:, 1:2] if kind == "faulty" else chances


@stage(phase="Modelling")
def compare_models(
    train: pd.DataFrame, y: np.ndarray, recipe: Recipe, kind: Kind, folds: np.ndarray, seed: int
) -> Candidates:
    """Cross-validate each model and each baseline within the training products.

    Args:
        train: the training products.
        y: their results.
        recipe: of the inputs.
        kind: of the result.
        folds: in which each row is held out.
        seed: of the models.
    """
    from threadpoolctl import threadpool_limits

    classes = int(y.max()) + 1 if kind == "classes" else 2
    columns: dict[str, np.ndarray] = {}
    rows: list[dict[str, str | float]] = []
    kept: dict[str, np.ndarray] = {}
    with threadpool_limits(1):
        for name in (*MODELS, *BASELINES):
            given = prepare(train, recipe_of(name, recipe)).to_numpy()
            found = (
                (kept["boosting"] + kept["forest"]) / 2
                if name == "blend"
                else _out_of_fold(name, given, y, kind, folds, classes, seed)
            )
            kept[name] = found
            columns |= {f"{name} {number}": found[:, number] for number in range(found.shape[1])}
            rows.append({"model": name} | scores_of(found, y, kind))
    best = BETTER[kind]
    table = pd.DataFrame(rows).sort_values(best, ascending=kind == "number", kind="stable").reset_index(drop=True)
    return Candidates(pd.DataFrame(columns), table)


def _out_of_fold(
    name: str, given: np.ndarray, y: np.ndarray, kind: Kind, folds: np.ndarray, classes: int, seed: int
) -> np.ndarray:
    found = np.empty((len(y), classes if kind == "classes" else 1))
    for fold in np.unique(folds):
        learn, hold = folds != fold, folds == fold
        found[hold] = predict(build(name, kind, seed).fit(given[learn], y[learn]), given[hold], kind, classes)
    return found


def scores_of(predicted: np.ndarray, y: np.ndarray, kind: Kind) -> dict[str, float]:
    """Return the metric that decides, and the mean of `losses`, for predictions (n, k)."""
    from sklearn.metrics import average_precision_score, f1_score

    loss = float(losses(predicted, y, kind).mean())
    if kind == "number":
        return {"rmse": loss**0.5, "loss": loss}
    if kind == "faulty":
        return {"pr_auc": float(average_precision_score(y, predicted[:, 0])), "loss": loss}
    return {"macro_f1": float(f1_score(y, predicted.argmax(axis=1), average="macro", zero_division=0)), "loss": loss}


def losses(predicted: np.ndarray, y: np.ndarray, kind: Kind) -> np.ndarray:
    """Return the loss of each product, (n,): Brier's score (G. Brier, 1950), or the squared error."""
    if kind == "classes":
        return ((predicted - np.eye(predicted.shape[1])[y.astype(int)]) ** 2).sum(axis=1)
    return (predicted[:, 0] - y) ** 2


@stage(phase="Modelling")
def choose_model(table: pd.DataFrame, wanted: str) -> dict[str, str]:
    """Return the model to use (`model`) and the strongest simple baseline (`baseline`), by cross-validation.

    Args:
        table: of the candidates, the best first.
        wanted: `auto` or the name of a model.
    """
    models = [name for name in table["model"] if name in MODELS]
    simple = [name for name in table["model"] if name in BASELINES]
    return {"model": models[0] if wanted == "auto" else wanted, "baseline": simple[0]}


@stage(phase="Modelling")
def fit_model(
    train: pd.DataFrame,
    y: np.ndarray,
    recipe: Recipe,
    kind: Kind,
    out_of_fold: pd.DataFrame,
    name: str,
    folds: np.ndarray,
    seed: int,
) -> Fitted:
    """Fit a model to all training products, and its calibration to what it said out of fold.

    Args:
        train: the training products.
        y: their results.
        recipe: of the inputs.
        kind: of the result.
        out_of_fold: as `compare_models` gives it.
        name: of the model or baseline.
        folds: of the rows.
        seed: of the model.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        model = build(name, kind, seed).fit(prepare(train, recipe_of(name, recipe)).to_numpy(), y)
    mine = out_of_fold[[column for column in out_of_fold if str(column).rsplit(" ", 1)[0] == name]].to_numpy()
    if kind == "number":
        left = np.sort(np.abs(y - mine[:, 0]))
        rank = min(int(np.ceil(LEVEL * (len(left) + 1))), len(left))
        return Fitted(model, Calibration(width=float(left[rank - 1])))
    return Fitted(model, choose_calibration(mine[:, 0], y, folds) if kind == "faulty" else Calibration())


def choose_calibration(raw: np.ndarray, y: np.ndarray, folds: np.ndarray) -> Calibration:
    """Return the calibration with the least log loss in cross-validation over `folds`, fitted to all.

    Args:
        raw: chances of products that the model had not seen, (n,).
        y: 1 for faulty, (n,).
        folds: (n,).
    """
    ways: tuple[Literal["none", "sigmoid", "isotonic"], ...] = ("none", "sigmoid", "isotonic")
    lost = {}
    for way in ways:
        mended = np.empty(len(y))
        for fold in np.unique(folds):
            hold = folds == fold
            mended[hold] = calibrated(raw[hold], fit_calibration(raw[~hold], y[~hold], way))
        lost[way] = float(-np.mean(y * np.log(mended) + (1 - y) * np.log(1 - mended)))
    return fit_calibration(raw, y, min(ways, key=lambda way: lost[way]))


def fit_calibration(raw: np.ndarray, y: np.ndarray, way: Literal["none", "sigmoid", "isotonic"]) -> Calibration:
    """Fit one way of calibration to raw chances and what happened, both (n,)."""
    if way == "none" or len(np.unique(y)) < 2:
        return Calibration()
    if way == "sigmoid":
        from sklearn.linear_model import LogisticRegression

        line = LogisticRegression(C=1e3, max_iter=1000).fit(_odds(raw)[:, None], y)
        return Calibration(way=way, slope=float(line.coef_[0, 0]), intercept=float(line.intercept_[0]))
    from sklearn.isotonic import IsotonicRegression

    steps = IsotonicRegression(out_of_bounds="clip").fit(raw, y)
    return Calibration(way=way, x=steps.X_thresholds_.tolist(), y=steps.y_thresholds_.tolist())


def _odds(chance: np.ndarray) -> np.ndarray:
    kept = np.clip(chance, NEVER, 1 - NEVER)
    return np.log(kept / (1 - kept))


def calibrated(raw: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return calibrated chances, (n,), for raw ones; never quite 0 or 1."""
    if calibration.way == "sigmoid":
        raw = 1 / (1 + np.exp(-(calibration.slope * _odds(raw) + calibration.intercept)))
    elif calibration.way == "isotonic":
        raw = np.interp(raw, calibration.x, calibration.y)
    return np.clip(raw, NEVER, 1 - NEVER)


@stage(phase="Modelling")
def predict_products(
    products: pd.DataFrame,
    model: "BaseEstimator",
    calibration: Calibration,
    recipe: Recipe,
    kind: Kind,
    name: str,
    classes: int,
) -> pd.DataFrame:
    """Predict the results of products.

    Args:
        products: a row per product.
        model: fitted.
        calibration: of its chances, or the width of its interval.
        recipe: of the inputs.
        kind: of the result.
        name: of the model.
        classes: how many classes there are; 2 where some are faulty.

    Returns:
        `score` (the model's own chance, which ranks) and `chance` (calibrated) to be faulty; or `chance 0`, `chance 1`
        and so on; or `value`, `low` and `high`.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        found = predict(model, prepare(products, recipe_of(name, recipe)).to_numpy(), kind, classes)
    if kind == "faulty":
        return pd.DataFrame({"score": found[:, 0], "chance": calibrated(found[:, 0], calibration)})
    if kind == "classes":
        return pd.DataFrame({f"chance {number}": found[:, number] for number in range(found.shape[1])})
    value = found[:, 0]
    return pd.DataFrame({"value": value, "low": value - calibration.width, "high": value + calibration.width})
