"""Ratings that nobody gave: tastes of four dimensions, biases, popular and obscure films, in the MovieLens format.

A user's mean rating of a film is a mean, plus how generous the user is, plus how good the film is, plus the product of
the user's tastes and the film's qualities; noise is added, and half stars are all that can be given. Users watch what
is popular and what is to their taste, so that who watched what tells about tastes too. The known noise tells how small
an error any recommender can have.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SEED = 19_970_801
USERS, FILMS, RATINGS, TASTES = 300, 200, 15_000, 4
MEAN, NOISE = 3.5, 0.7  # stars
GENEROSITY, QUALITY, LIKING = 0.35, 0.4, 0.8  # standard deviations, stars
CURIOSITY = 1.3  # how much the odds of watching depend on taste
GENRES = ("Drama", "Comedy", "Thriller", "Sci-Fi")
WORDS = ("Harbour", "Orchard", "Lantern", "Winter", "River", "Café", "Mirror", "Signal", "Garden", "Compass")
START, END = 820_454_400, 1_537_000_000  # seconds: January 1996 to September 2018
PLANTED = {"unreadable": 3, "impossible": 2}
"""Rows that are broken on purpose: no number where one is wanted, a rating off the scale."""
REPLACED = 1  # rating that its user gave anew later


class SampleRatings(NamedTuple):
    """Ratings and their truth."""

    ratings: pd.DataFrame  # userId, movieId, rating, timestamp
    films: pd.DataFrame  # movieId, title, genres
    expected: np.ndarray  # (users, films): the mean rating before it is rounded and cut
    tastes: np.ndarray  # (films, 4): what kind of film each is


def sample_ratings(users: int = USERS, films: int = FILMS, ratings: int = RATINGS, seed: int = SEED) -> SampleRatings:
    """Draw ratings.

    Args:
        users: how many.
        films: how many.
        ratings: about how many.
        seed: of the draws.
    """
    chance = np.random.default_rng(seed)
    kinds = chance.normal(0, 0.35, (films, TASTES)) + np.eye(TASTES)[chance.integers(0, TASTES, films)]
    likes = chance.normal(0, 1, (users, TASTES))
    affinity = likes @ kinds.T
    affinity *= LIKING / affinity.std()
    generous, good = chance.normal(0, GENEROSITY, users), chance.normal(0, QUALITY, films)
    expected = MEAN + generous[:, None] + good[None, :] + affinity
    user, film = _watched(chance, affinity, good, ratings)
    given = np.clip(np.round(2 * (expected[user, film] + chance.normal(0, NOISE, len(user)))) / 2, 0.5, 5)
    table = pd.DataFrame(
        {"userId": user + 1, "movieId": _film_ids(films)[film], "rating": given, "timestamp": _times(chance, user)}
    )
    table = table.sort_values(["userId", "movieId"], ignore_index=True)
    return SampleRatings(table, _films(chance, kinds), expected, kinds)


def _film_ids(films: int) -> np.ndarray:
    return np.arange(films) * 7 + 1


def _watched(
    chance: np.random.Generator, affinity: np.ndarray, good: np.ndarray, ratings: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw who watched what: popular films, good ones, and those to one's taste, each at most once."""
    users, films = affinity.shape
    popular = -0.7 * np.log(1 + chance.permutation(films)) + 0.5 * good
    activity = np.exp(chance.normal(0, 0.6, users))
    counts = np.clip(np.round(activity / activity.sum() * ratings), 20, films // 2).astype(int)
    # The largest keys of odds plus Gumbel noise are a draw without replacement in proportion to the odds.
    keys = popular[None, :] + CURIOSITY * affinity / affinity.std() + chance.gumbel(size=affinity.shape)
    order = np.argsort(-keys, axis=1)
    return np.repeat(np.arange(users), counts), np.concatenate([order[u, :n] for u, n in enumerate(counts)])


def _times(chance: np.random.Generator, user: np.ndarray) -> np.ndarray:
    """Draw when: each user rates within some weeks, often several films in the same second."""
    first = chance.integers(START, END, user.max() + 1)
    return first[user] + 5 * (chance.exponential(1e6, len(user)) / 5).astype(np.int64) // 60 * 60


def _films(chance: np.random.Generator, kinds: np.ndarray) -> pd.DataFrame:
    numbers = range(len(kinds))
    titles = [
        f"{WORDS[n % 10]} No. {n}{', The' if n % 5 == 0 else ''} ({1960 + int(chance.integers(0, 58))})"
        for n in numbers
    ]
    genres = ["|".join(GENRES[g] for g in np.flatnonzero(kind > 0.6)) or "(no genres listed)" for kind in kinds]
    return pd.DataFrame({"movieId": _film_ids(len(kinds)), "title": titles, "genres": genres})


def write_ratings(folder: Path) -> None:
    """Write `ratings.csv` and `movies.csv` as GroupLens publishes them, with a few broken rows, into `folder`."""
    drawn = sample_ratings()
    rows = [list(row) for row in drawn.ratings.itertuples(index=False)]
    film = int(drawn.ratings["movieId"].max())
    bad: list[list[object]] = [[901, film, "four", 964982703], [901, 1, 4.0, ""], ["?", 1, 4.0, 964982703]]
    bad += [[902, film, 7.5, 964982703], [902, 1, -1.0, 964982703]]
    first = rows[0]
    bad += [[first[0], first[1], 0.5, int(first[3]) - 60]]
    for name, header, lines in (
        ("ratings.csv", list(drawn.ratings.columns), [*rows, *bad]),
        ("movies.csv", list(drawn.films.columns), drawn.films.to_numpy().tolist()),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(header)
            writer.writerows(lines)
