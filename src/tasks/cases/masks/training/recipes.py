"""What makes a score hold on pictures from elsewhere? Recipes are compared by leaving whole sources out.

A source is what files of one kind of name come from. In each round one source of every class is left out, the recipe
is fitted on the others, and the left out pictures say how it does where it has never been. Where names tell no
sources apart, groups of pictures are left out instead, which asks less.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.cases.masks.training.heads import balanced, fit_head, logits_of
from tasks.cases.masks.training.network import FEW_EPOCHS, VIEWS, learn, predict_logits, shown
from tasks.platform.stage import stage

OWN = "a small network of its own"
WORTH = 0.005  # of accuracy that a recipe with more to it has to gain


class Recipe(BaseModel):
    """How a head is fitted on pretrained features, or that there is none."""

    name: str
    crop: str = Field("face", description="face or whole")
    views: bool = False
    balance: str = Field("none", description="none, classes or sources")
    own: bool = False


RECIPES = (
    Recipe(name="whole pictures", crop="whole"),
    Recipe(name="faces cut out tight"),
    Recipe(name="faces, with views", views=True),
    Recipe(name="faces, with views, classes balanced", views=True, balance="classes"),
    Recipe(name="faces, with views, sources balanced", views=True, balance="sources"),
)


OF_ITS_OWN = Recipe(name=OWN, views=True, balance="classes", own=True)


def recipe_named(name: str) -> Recipe:
    """Return the recipe of a name.

    Raises:
        KeyError: there is none.
    """
    return {recipe.name: recipe for recipe in (*RECIPES, OF_ITS_OWN)}[name]


class Compared(NamedTuple):
    """How recipes do where they have never been."""

    table: pd.DataFrame  # recipe, round, n, accuracy (mean of the classes'), one row per recipe and round
    logits: np.ndarray  # float32 (recipes, k, classes), of each learning row when its source was left out


def stacked(features: dict[str, np.ndarray], recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """Return what a recipe is fitted on: the features of `rows`, then those of each set of views, float32."""
    names = [f"{recipe.crop}0", *([f"view{number}" for number in range(1, VIEWS + 1)] if recipe.views else [])]
    return np.concatenate([np.asarray(features[name][rows], np.float32) for name in names])


def fit_recipe(
    features: dict[str, np.ndarray], recipe: Recipe, y: np.ndarray, sources: np.ndarray, rows: np.ndarray, classes: int
) -> np.ndarray:
    """Fit a recipe on some rows; see `fit_head`."""
    weights = None
    if recipe.balance != "none":
        weights = balanced(y[rows], sources[rows] if recipe.balance == "sources" else None)
    repeats = 1 + VIEWS * recipe.views
    weights = None if weights is None else np.tile(weights, repeats)
    return fit_head(stacked(features, recipe, rows), np.tile(y[rows], repeats), classes, weights)


def class_accuracy(y: np.ndarray, told: np.ndarray) -> float:
    """Return the mean over the classes that are there of the share that is told right."""
    return float(np.mean([(told[y == number] == number).mean() for number in np.unique(y)]))


@stage(phase="Modelling")
def compare_recipes(
    features: dict[str, np.ndarray],
    y: np.ndarray,
    sources: np.ndarray,
    train: np.ndarray,
    left_out: np.ndarray,
    classes: int,
) -> Compared:
    """Compare the recipes on left out sources.

    Args:
        features: `whole0`, `face0` and `view1` to `view3`, each (n, d).
        y: (n,) classes.
        sources: (n,).
        train: (k,) rows to learn from.
        left_out: (k,) round of each.
        classes: how many.
    """
    rows, logits = [], np.zeros((len(RECIPES), len(train), classes), np.float32)
    for number, recipe in enumerate(RECIPES):
        for turn in np.unique(left_out):
            mine = left_out == turn
            head = fit_recipe(features, recipe, y, sources, train[~mine], classes)
            logits[number, mine] = logits_of(head, features[f"{recipe.crop}0"][train[mine]])
            told = logits[number, mine].argmax(axis=1)
            rows.append((recipe.name, int(turn), int(mine.sum()), class_accuracy(y[train[mine]], told)))
    return Compared(pd.DataFrame(rows, columns=["recipe", "round", "n", "accuracy"]), logits)


@stage(phase="Modelling")
def compare_network(
    faces: np.ndarray,
    wholes: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    left_out: np.ndarray,
    classes: int,
    seed: int,
) -> Compared:
    """Train a small network in each round, in few epochs; see `compare_recipes`."""
    rows, logits = [], np.zeros((1, len(train), classes), np.float32)
    for turn in np.unique(left_out):
        mine = left_out == turn
        known = train[~mine]
        pictures = shown(faces, wholes, known, seed)
        model, _ = learn(pictures, np.tile(y[known], 1 + VIEWS), classes, FEW_EPOCHS, seed)
        logits[0, mine] = predict_logits(model, faces[train[mine]])
        told = logits[0, mine].argmax(axis=1)
        rows.append((OWN, int(turn), int(mine.sum()), class_accuracy(y[train[mine]], told)))
    return Compared(pd.DataFrame(rows, columns=["recipe", "round", "n", "accuracy"]), logits)


class Choice(BaseModel):
    """Which recipe is taken."""

    recipe: Recipe
    accuracy: float = Field(description="on left out sources, mean of rounds and classes")
    correct: int = Field(description="left out pictures told right")
    n: int
    why: str


class Chosen(NamedTuple):
    """The choice, what it was made from, and what the chosen recipe told of left out pictures."""

    choice: Choice
    table: pd.DataFrame  # recipe, accuracy, worst, rounds
    right: np.ndarray  # bool (k,), whether each learning row was told right when its source was left out


@stage(phase="Modelling")
def choose_recipe(
    transfer: pd.DataFrame | None,
    transfer_logits: np.ndarray | None,
    network: pd.DataFrame | None,
    network_logits: np.ndarray | None,
    y: np.ndarray,
    train: np.ndarray,
    why: str,
) -> Chosen:
    """Choose the recipe that does best where it has never been; of nearly equal ones, the one with less to it.

    Args:
        transfer: rounds of the recipes on pretrained features; None without such features.
        transfer_logits: of theirs.
        network: rounds of the small network; None where it is not asked for.
        network_logits: of its.
        y: (n,) classes.
        train: (k,) rows to learn from.
        why: why there are no pretrained features.
    """
    tables = [table for table in (transfer, network) if table is not None]
    logits = [part for part in (transfer_logits, network_logits) if part is not None]
    every = pd.concat(tables, ignore_index=True)
    rounds = every.groupby("recipe", sort=False)["accuracy"]
    table = pd.DataFrame({"accuracy": rounds.mean(), "worst": rounds.min(), "rounds": rounds.size()}).reset_index()
    best = float(table["accuracy"].max())
    at = int(np.flatnonzero(table["accuracy"].to_numpy() >= best - WORTH)[0])
    if table["recipe"].iloc[at] == OWN or transfer is None:
        reason = f"there are no pretrained features: {why}" if transfer is None else "it does best on left out pictures"
    else:
        reason = "it does best on left out pictures, or as well as any with more to it"
    told = np.concatenate(logits)[at].argmax(axis=1)
    right = told == y[train]
    name = str(table["recipe"].iloc[at])
    choice = Choice(
        recipe=recipe_named(name),
        accuracy=float(table["accuracy"].iloc[at]),
        correct=int(right.sum()),
        n=len(train),
        why=reason,
    )
    return Chosen(choice, table, right)
