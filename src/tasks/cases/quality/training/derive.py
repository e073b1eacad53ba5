"""Which products, ratios or differences of two inputs tell more than the inputs alone? Chosen among training products.

Every pair of numbers is tried: a × b, a / b, and a - b where both have the same unit. What the model on the inputs
alone gets wrong is handed to a small tree, with and without the new input (gradient boosting's own step; J. Friedman,
Annals of Statistics, 2001); the few that help it most are then put into the model, and one stays when cross-validation
says so.
"""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.features.inputs import PHYSICS, Derived, Recipe, derive, parts_of, prepare
from tasks.cases.quality.ingestion.roles import Kind
from tasks.cases.quality.training.models import build, predict
from tasks.platform.stage import stage

MOST_NUMBERS = 10  # inputs whose pairs are tried: those that vary most with the result
MOST_DERIVED = 4
TRIED_FIRST = 6  # in the first round, which finds most of what helps
TRIED = 3  # of each round that are put into the model, and as many again that surely helped in an earlier one
SURELY = 1.5  # standard errors of the gain over the folds by which a derived input has to help
LEAST_GAIN = 0.01  # of the loss


class Derivation(NamedTuple):
    """The inputs with those that were derived, and what was tried."""

    recipe: Recipe
    tried: pd.DataFrame  # round, input, loss_before, loss_after, gain_se, kept


def pairs(numbers: list[str], train: pd.DataFrame) -> list[Derived]:
    """List the products, ratios and differences of all pairs of columns."""
    found = []
    for a, b in combinations(numbers, 2):
        (first, unit), (second, other) = parts_of(a), parts_of(b)
        whole, factor = PHYSICS.get(frozenset((unit, other)), (f"{unit}·{other}" if unit and other else "", 1.0))
        found.append(Derived(way="product", a=a, b=b, name=_named(f"{first} × {second}", whole), factor=factor))
        if (train[b] != 0).all():
            ratio = f"{unit}/{other}" if unit and other and unit != other else ""
            found.append(Derived(way="ratio", a=a, b=b, name=_named(f"{first} / {second}", ratio)))
        if unit == other:
            up, down = (a, b) if train[a].median() >= train[b].median() else (b, a)
            name = _named(f"{parts_of(up)[0]} − {parts_of(down)[0]}", unit)
            found.append(Derived(way="difference", a=up, b=down, name=name))
    return found


def _named(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


@stage(phase="Data preparation")
def derive_inputs(train: pd.DataFrame, y: np.ndarray, recipe: Recipe, kind: Kind, folds: np.ndarray) -> Derivation:
    """Choose derived inputs by cross-validation among the training products.

    Args:
        train: the training products.
        y: their results, (n,).
        recipe: the raw inputs.
        kind: of the result.
        folds: of cross-validation, (n,).
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # on a busy machine more threads of so small trees wait for each other
        return _search(train, y, recipe, kind, folds)


def _search(train: pd.DataFrame, y: np.ndarray, recipe: Recipe, kind: Kind, folds: np.ndarray) -> Derivation:
    candidates = pairs(_strongest(train, y, recipe.numbers), train)
    losses, residual = _cross_validate(prepare(train, recipe), y, kind, folds)
    rows: list[dict[str, Any]] = []
    helped: dict[str, float] = {}  # name -> loss: what was good in an earlier round but not the best is tried again
    for number in range(1, MOST_DERIVED + 1):
        best: tuple[np.ndarray, np.ndarray, Recipe] | None = None
        for item in _screen(train, recipe, candidates, residual, folds, helped):
            longer = recipe.model_copy(update={"derived": [*recipe.derived, item]})
            theirs, left = _cross_validate(prepare(train, longer), y, kind, folds)
            gain = losses - theirs
            error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
            good = gain.mean() > max(SURELY * error, LEAST_GAIN * losses.mean())
            rows.append(
                {
                    "round": number,
                    "input": item.name,
                    "loss_before": float(losses.mean()),
                    "loss_after": float(theirs.mean()),
                    "gain_se": error,
                    "kept": False,
                }
            )
            if good:
                helped[item.name] = float(theirs.mean())
            if good and (best is None or theirs.mean() < best[0].mean()):
                best = (theirs, left, longer)
        if best is None:
            break
        losses, residual, recipe = best
        for row in rows:
            row["kept"] |= row["round"] == number and row["input"] == recipe.derived[-1].name
        candidates = [item for item in candidates if item != recipe.derived[-1]]
    columns = ["round", "input", "loss_before", "loss_after", "gain_se", "kept"]
    return Derivation(recipe, pd.DataFrame(rows, columns=columns))


def _strongest(train: pd.DataFrame, y: np.ndarray, numbers: list[str]) -> list[str]:
    """Return the numbers that vary most with the result, by a small tree on each, in the order of the table."""
    from sklearn.tree import DecisionTreeRegressor

    if len(numbers) <= MOST_NUMBERS:
        return numbers
    scores = {}
    for name in numbers:
        given = train[[name]].to_numpy(np.float64)
        scores[name] = float(DecisionTreeRegressor(max_depth=3, min_samples_leaf=10).fit(given, y).score(given, y))
    best = sorted(numbers, key=lambda name: -scores[name])[:MOST_NUMBERS]
    return [name for name in numbers if name in best]


def _screen(
    train: pd.DataFrame,
    recipe: Recipe,
    candidates: list[Derived],
    residual: np.ndarray,
    folds: np.ndarray,
    helped: dict[str, float],
) -> list[Derived]:
    """Return the candidates that explain most of what the model gets wrong, and those that helped before."""
    from sklearn.tree import DecisionTreeRegressor

    known = prepare(train, recipe).to_numpy()
    taken = {item.name for item in recipe.derived}
    gains = []
    for item in candidates:
        if item.name in taken:
            continue
        new = derive(train[item.a].to_numpy(np.float64), train[item.b].to_numpy(np.float64), item)
        given, gain = np.column_stack([known, new]), 0.0
        for fold in np.unique(folds):
            learn, hold = folds != fold, folds == fold
            tree = DecisionTreeRegressor(max_depth=4, min_samples_leaf=10, random_state=0)
            tree.fit(given[learn], residual[learn])
            gain += float((residual[hold] ** 2).sum() - ((residual[hold] - tree.predict(given[hold])) ** 2).sum())
        gains.append((gain, item))
    ranked = sorted(gains, key=lambda pair: -pair[0])
    first = [item for _, item in ranked[: TRIED if recipe.derived else TRIED_FIRST]]
    before = sorted(
        (item for item in candidates if item.name in helped and item.name not in taken),
        key=lambda item: helped[item.name],
    )
    return [*first, *(item for item in before[:TRIED] if item not in first)]


def _cross_validate(given: pd.DataFrame, y: np.ndarray, kind: Kind, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss in each fold, and what is left of each result after prediction, (n,)."""
    from sklearn.metrics import log_loss

    labels = np.unique(y)
    losses, residual = [], np.empty(len(y))
    for fold in np.unique(folds):
        learn, hold = folds != fold, folds == fold
        model = build("boosting", kind, 0).fit(given[learn].to_numpy(), y[learn])
        predicted = predict(model, given[hold].to_numpy(), kind, len(labels))
        if kind == "number":
            residual[hold] = y[hold] - predicted[:, 0]
            losses.append(float(np.mean(residual[hold] ** 2)))
        else:
            whole = np.column_stack([1 - predicted, predicted]) if kind == "faulty" else predicted
            losses.append(float(log_loss(y[hold], whole, labels=labels)))
            residual[hold] = 1 - whole[np.arange(hold.sum()), y[hold].astype(int)]
            if kind == "faulty":
                residual[hold] = y[hold] - predicted[:, 0]
    return np.array(losses), residual
