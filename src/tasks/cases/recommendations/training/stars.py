"""What predicts stars best: the mean of all, of the film, biases, or biases and taste? The best on validation."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.platform.stage import stage

SIMPLE = ("mean", "item_mean", "biases")


class StarChoice(BaseModel):
    """The method that is used, and the best simple one, which it is held against."""

    best: str = Field(description="mean, item_mean, biases or als")
    simple: str = Field(description="mean, item_mean or biases")
    rmse: dict[str, float] = Field(description="of each on the validation ratings, stars")


class StarModel(NamedTuple):
    """The rating of film i by user u is predicted as `user[u] + item[i] + users[u] @ items[i]`, in stars."""

    user: np.ndarray  # (users,)
    item: np.ndarray  # (items,)
    users: np.ndarray  # (users, rank); zeros where taste is not used
    items: np.ndarray  # (items, rank)


def item_means(ratings: pd.DataFrame, items: int) -> np.ndarray:
    """Return the mean rating of each film, (items,); the mean of all for a film without ratings."""
    item, rating = ratings["item"].to_numpy(), ratings["rating"].to_numpy()
    counts = np.bincount(item, minlength=items)
    return np.where(counts > 0, np.bincount(item, rating, items) / np.maximum(counts, 1), rating.mean())


@stage(phase="Modelling")
def choose_stars(train: pd.DataFrame, items: int, biases: pd.DataFrame, als: pd.DataFrame) -> StarChoice:
    """Choose how stars are predicted: the smallest RMSE on the validation ratings, the simpler method where equal.

    Args:
        train: `item`, `rating`, `validation`.
        items: how many.
        biases: settings of the biases, with `rmse`.
        als: settings of the factors, with `rmse`.
    """
    learn, held = train[~train["validation"]], train[train["validation"]]
    rating = held["rating"].to_numpy()
    guesses = {"mean": learn["rating"].mean(), "item_mean": item_means(learn, items)[held["item"].to_numpy()]}
    rmse = {name: float(np.sqrt(np.mean((guess - rating) ** 2))) for name, guess in guesses.items()}
    rmse |= {"biases": float(biases["rmse"].min()), "als": float(als["rmse"].min())}
    return StarChoice(best=min(rmse, key=rmse.__getitem__), simple=min(SIMPLE, key=rmse.__getitem__), rmse=rmse)


@stage(phase="Modelling")
def star_model(
    train: pd.DataFrame,
    choice: StarChoice,
    user_bias: np.ndarray,
    item_bias: np.ndarray,
    users: np.ndarray,
    items: np.ndarray,
) -> StarModel:
    """Return the chosen way to predict stars in one form; what it does not use is zero."""
    taste = np.asarray(users), np.asarray(items)
    if choice.best != "als":
        taste = np.zeros((len(user_bias), 1), np.float32), np.zeros((len(item_bias), 1), np.float32)
    if choice.best in ("als", "biases"):
        return StarModel(np.asarray(user_bias), np.asarray(item_bias), *taste)
    mean = np.full(len(item_bias), train["rating"].mean())
    return StarModel(
        np.zeros(len(user_bias)), item_means(train, len(item_bias)) if choice.best == "item_mean" else mean, *taste
    )
