"""How generous is a user, and how good is a film? What can be said of a rating without any taste.

The rating of film i by user u is predicted as m + b_u + b_i: the mean, the user's and the film's deviation from it,
each shrunk towards 0 as though so many ratings of deviation 0 had been given on top (Y. Koren, "Factorization meets the
neighborhood", KDD 2008, section 2.1). Found by alternating between users and films.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.stage import stage

ROUNDS = 15
PULLS = (2.0, 5.0, 10.0, 100.0, 10_000.0)  # ratings of deviation 0 on top; the last all but forbids deviations
LOWEST, HIGHEST = 0.5, 5.0  # stars


class Biases(NamedTuple):
    """What is predicted is `user[u] + item[i]`, in stars."""

    user: np.ndarray  # (users,); 0 without ratings
    item: np.ndarray  # (items,), the mean included; the mean without ratings


class BiasSearch(NamedTuple):
    """How strongly deviations are shrunk."""

    table: pd.DataFrame  # user_pull, item_pull, rmse
    pulls: list[float]  # of users, of films


def solve_biases(ratings: pd.DataFrame, users: int, items: int, user_pull: float, item_pull: float) -> Biases:
    """Fit biases to `user`, `item`, `rating`, (n,)."""
    user, item = ratings["user"].to_numpy(), ratings["item"].to_numpy()
    rating = ratings["rating"].to_numpy(np.float64)
    mean = rating.mean()
    of_user, of_item = np.zeros(users), np.zeros(items)
    given, got = np.bincount(user, minlength=users) + user_pull, np.bincount(item, minlength=items) + item_pull
    for _ in range(ROUNDS):
        of_item = np.bincount(item, rating - mean - of_user[user], items) / got
        of_user = np.bincount(user, rating - mean - of_item[item], users) / given
    return Biases(of_user, of_item + mean)


@stage(phase="Modelling")
def search_biases(train: pd.DataFrame, users: int, items: int) -> BiasSearch:
    """Choose how strongly deviations are shrunk: the smallest RMSE on the validation ratings.

    Args:
        train: `user`, `item`, `rating`, `validation`.
        users: how many.
        items: how many.
    """
    learn, held = train[~train["validation"]], train[train["validation"]]
    rows = []
    for user_pull, item_pull in product(PULLS, PULLS):
        found = solve_biases(learn, users, items, user_pull, item_pull)
        error = predict_prior(found, held) - held["rating"].to_numpy()
        rows.append((user_pull, item_pull, float(np.sqrt(np.mean(error**2)))))
    table = pd.DataFrame(rows, columns=["user_pull", "item_pull", "rmse"])
    best = table.loc[table["rmse"].idxmin()]
    return BiasSearch(table, [float(best["user_pull"]), float(best["item_pull"])])


def predict_prior(biases: Biases, ratings: pd.DataFrame) -> np.ndarray:
    """Predict ratings from biases alone, within the scale; (n,) stars."""
    prior = biases.user[ratings["user"].to_numpy()] + biases.item[ratings["item"].to_numpy()]
    return np.clip(prior, LOWEST, HIGHEST)


@stage(phase="Modelling")
def fit_biases(train: pd.DataFrame, users: int, items: int, pulls: list[float]) -> Biases:
    """Fit biases to all training ratings.

    Args:
        train: `user`, `item`, `rating`.
        users: how many.
        items: how many.
        pulls: of users and of films.
    """
    return solve_biases(train, users, items, *pulls)


@stage(phase="Modelling")
def centre_ratings(train: pd.DataFrame, users: int, items: int, pulls: list[float]) -> pd.DataFrame:
    """Subtract the biases, so that what is left is taste; what validates has no part in them.

    Returns:
        `train` with `prior`, what biases fitted to all training ratings predict, and `learn_prior`, what those fitted
        without the validation ratings predict.
    """
    learn = solve_biases(train[~train["validation"]], users, items, *pulls)
    whole = solve_biases(train, users, items, *pulls)
    user, item = train["user"].to_numpy(), train["item"].to_numpy()
    return train.assign(prior=whole.user[user] + whole.item[item], learn_prior=learn.user[user] + learn.item[item])
