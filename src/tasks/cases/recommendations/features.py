"""Which ratings may be learned from, and which test what was learned? Numbers for users and films, and the split.

A recommender is asked about the future: by time, each user's last ratings test it (`time`), or all ratings after a date
(`date`), where many users and films are new. A random split (`random`) is what most published figures rest on, and
easier: later ratings then help to predict earlier ones. The ratings that choose the settings (validation) are split off
the training ratings in the same way.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage


class Indexed(NamedTuple):
    """Ratings under running numbers, and what the numbers stand for."""

    ratings: pd.DataFrame  # user, item (from 0), rating, timestamp
    users: pd.DataFrame  # user: the publisher's number
    items: pd.DataFrame  # film (the publisher's number), title, genres


class Split(NamedTuple):
    """Ratings to learn from and to test on."""

    train: pd.DataFrame  # user, item, rating, timestamp, validation
    test: pd.DataFrame  # user, item, rating


@stage(phase="Data preparation")
def index_ratings(ratings: pd.DataFrame, films: pd.DataFrame) -> Indexed:
    """Number users and films from 0.

    Args:
        ratings: `user`, `film`, `rating`, `timestamp`, (n,).
        films: `film`, `title`, `genres`; a film that is not in it is called by its number.
    """
    user, users = pd.factorize(ratings["user"], sort=True)
    item, items = pd.factorize(ratings["film"], sort=True)
    table = pd.DataFrame({"user": user.astype(np.int32), "item": item.astype(np.int32)})
    table["rating"] = ratings["rating"].to_numpy(np.float64)
    table["timestamp"] = ratings["timestamp"].to_numpy(np.int64)
    known = films.drop_duplicates("film").set_index("film").reindex(items)
    titles = known["title"].fillna("").astype(str).to_numpy()
    named = [title or f"film {film}" for title, film in zip(titles, items, strict=True)]
    described = pd.DataFrame(
        {"film": items, "title": named, "genres": known["genres"].fillna("").astype(str).to_numpy()}
    )
    return Indexed(table, pd.DataFrame({"user": users}), described)


@stage(phase="Data preparation")
def split_ratings(ratings: pd.DataFrame, way: str, test_share: float, seed: int) -> Split:
    """Split ratings into training and test, and training once more to choose settings by.

    Args:
        ratings: `user`, `item`, `rating`, `timestamp`, (n,).
        way: time (each user's last ratings), date (all ratings after a date) or random.
        test_share: of the ratings.
        seed: of the random split, and of the order of ratings that a user gave in the same second.

    Raises:
        ContractError: nothing is left to learn from, to choose by or to test on, or a split by times without times.
    """
    columns = ["user", "item", "rating"]
    if way != "random" and len(ratings) and int(ratings["timestamp"].max()) == 0:
        raise ContractError(f"The ratings have no times, so there is no split by {way}; use --split random.")
    test = held_out(ratings, way, test_share, seed)
    train = ratings[~test].reset_index(drop=True)
    validation = held_out(train, way, test_share, seed + 1)
    if not (test.any() and validation.any() and (~validation).any()):
        if way == "date" and ratings["timestamp"].nunique() < 3:
            raise ContractError("The ratings have too few different times for a split by date; use --split random.")
        raise ContractError(f"A test share of {test_share} leaves a part of the ratings empty; raise test_share.")
    return Split(
        train[[*columns, "timestamp"]].assign(validation=validation), ratings.loc[test, columns].reset_index(drop=True)
    )


def held_out(ratings: pd.DataFrame, way: str, share: float, seed: int) -> np.ndarray:
    """Return which ratings are held out, (n,) bool; arguments as for `split_ratings`."""
    chance = np.random.default_rng(seed)
    draw = chance.random(len(ratings))
    if way == "random":
        return draw < share
    time, user = ratings["timestamp"].to_numpy(), ratings["user"].to_numpy()
    if way == "date":
        return time > np.quantile(time, 1 - share, method="lower")
    order = np.lexsort((draw, time, user))
    counts = np.bincount(user)
    place = np.empty(len(user), np.int64)
    place[order] = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place >= counts[user] - np.floor(counts[user] * share + 0.5)
