"""What may a model know of a product before its result is known? Raw inputs, and which of them give the result away."""

import re
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.quality.ingestion.roles import Kind, Roles
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

TOO_GOOD = 0.97  # average precision, or share of the variation, that one column reaches alone in cross-validation
FLAG = 0.95  # share of the products with a flag that are faulty: such a flag is set because they are
FEWEST_FLAGS = 8
UNIT = re.compile(r"^(.*?)\s*[\[(]([^\[\]()]+)[\])]\s*$")
PHYSICS = {frozenset(("Nm", "rpm")): ("W", 2 * np.pi / 60), frozenset(("V", "A")): ("W", 1.0)}


class Derived(BaseModel):
    """A new input that is worked out from two others."""

    way: Literal["product", "ratio", "difference"]
    a: str
    b: str
    name: str
    factor: float = 1.0


class Recipe(BaseModel):
    """How a product becomes the inputs of a model; everything in it was learned from training products."""

    numbers: list[str]
    texts: dict[str, list[str]]  # column -> its values, the commonest first
    derived: list[Derived] = []
    left_out: dict[str, str] = {}

    @property
    def raw(self) -> list[str]:
        """The columns that are inputs."""
        return [*self.numbers, *self.texts]


def parts_of(column: str) -> tuple[str, str]:
    """Return the name of a column without its unit, and the unit, empty where none is given in brackets."""
    found = UNIT.match(column)
    return (found[1], found[2]) if found else (column, "")


def prepare(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the inputs of a model, (n, columns) float64: numbers, derived ones, and 1 for each text's value.

    Args:
        frame: with the columns `recipe.raw`; a value that is missing or was never seen is missing, or is none of those.
        recipe: learned from training products.
    """
    table = {name: pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64) for name in recipe.numbers}
    for item in recipe.derived:
        table[item.name] = derive(table[item.a], table[item.b], item)
    for name, levels in recipe.texts.items():
        text = frame[name].astype(object).to_numpy()
        table |= {f"{name} = {level}": (text == level).astype(np.float64) for level in levels}
    return pd.DataFrame(table, index=frame.index)


def derive(a: np.ndarray, b: np.ndarray, item: Derived) -> np.ndarray:
    """Return a derived input, (n,); a ratio to 0 is missing."""
    if item.way == "ratio":
        return np.divide(a, b, out=np.full(len(a), np.nan), where=b != 0) * item.factor
    return (a * b if item.way == "product" else a - b) * item.factor


class Chosen(NamedTuple):
    """The raw inputs, and the columns that are none."""

    recipe: Recipe
    aside: pd.DataFrame  # column, why


@stage(phase="Data preparation")
def choose_inputs(train: pd.DataFrame, y: np.ndarray, roles: Roles, folds: np.ndarray, keep: str) -> Chosen:
    """Find the inputs among the columns of the training products; leave out what gives the result away.

    Args:
        train: the training products.
        y: their results.
        roles: of the columns.
        folds: of cross-validation.
        keep: columns that stay inputs whatever they tell.

    Raises:
        ContractError: no input is left.
    """
    aside, numbers, texts = dict(roles.left_out), [], {}
    kept = [name.strip() for name in keep.split(",")]
    for name in roles.inputs:
        numeric = pd.api.types.is_numeric_dtype(train[name])
        values = train[name].to_numpy(np.float64) if numeric else _by_count(train[name])
        if train[name].dropna().nunique() < 2:
            aside[name] = "the same in every training product"
        elif name not in kept and (why := gives_away(values, y, roles.kind, folds)):
            aside[name] = why
        elif numeric:
            numbers.append(name)
        else:
            texts[name] = [str(level) for level in train[name].value_counts().index]
    if not numbers and not texts:
        raise ContractError(
            f"No column tells anything before {roles.target} is known: each is constant, an identifier, or gives it"
            " away; name inputs by --keep."
        )
    table = pd.DataFrame({"column": list(aside), "why": list(aside.values())}, dtype=object)
    return Chosen(Recipe(numbers=numbers, texts=texts, left_out=aside), table)


def _by_count(values: pd.Series) -> np.ndarray:
    codes = {level: number for number, level in enumerate(values.value_counts().index)}
    return values.map(codes).to_numpy(np.float64)


def gives_away(values: np.ndarray, y: np.ndarray, kind: Kind, folds: np.ndarray) -> str:
    """Say how a column alone gives the result away; nothing where it does not.

    Args:
        values: of the column, (n,).
        y: results, (n,).
        kind: of the result.
        folds: of cross-validation, (n,).
    """
    there = values[np.isfinite(values)]
    if kind == "faulty" and set(np.unique(there)) <= {0.0, 1.0}:
        flagged = values == 1
        if flagged.sum() >= FEWEST_FLAGS and y[flagged].mean() >= FLAG and flagged.mean() <= y.mean():
            return f"a flag: {y[flagged].mean():.0%} of the products with it are faulty".replace("%", " %")
    alone = _alone(values, y, kind, folds)
    if alone < TOO_GOOD:
        return ""
    measure = "share of the variation" if kind == "number" else "average precision"
    return f"gives the result away: alone it reaches {alone:.2f} of 1 ({measure})"


def _alone(values: np.ndarray, y: np.ndarray, kind: Kind, folds: np.ndarray) -> float:
    """Return how well a small tree on one column predicts unseen training products; 1 is perfectly."""
    from sklearn.metrics import average_precision_score, r2_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    given = values[:, None]
    shape = {"max_depth": 3, "min_samples_leaf": 3, "random_state": 0}
    if kind == "number":
        predicted = np.empty(len(y))
        for fold in np.unique(folds):
            predicted[folds == fold] = (
                DecisionTreeRegressor(**{**shape, "max_depth": 6})
                .fit(given[folds != fold], y[folds != fold])
                .predict(given[folds == fold])
            )
        return float(r2_score(y, predicted))
    scores = []
    for label in np.unique(y)[1 if kind == "faulty" else 0 :]:
        chance = np.zeros(len(y))
        for fold in np.unique(folds):
            tree = DecisionTreeClassifier(**shape).fit(given[folds != fold], y[folds != fold] == label)
            if len(tree.classes_) == 2:
                chance[folds == fold] = tree.predict_proba(given[folds == fold])[:, 1]
        scores.append(float(average_precision_score(y == label, chance)))
    return min(scores)
