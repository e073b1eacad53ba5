"""Which films come first for a user? The best scores among those not yet seen, for blocks of users at a time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

DAY = 86_400  # seconds
BLOCK = 8_000_000  # scores held at a time: 64 MB


class Ranker(NamedTuple):
    """The score of film i for user u is `users[u] @ into @ items[i] + offset[i]`; `into` is left out where None.

    `users` and `items` may be sparse: what a user has seen in place of factors, and then `into` leads to the factors.
    """

    users: Any  # (users, rank), or (users, items) with `into` or with the neighbours of items
    items: Any  # (items, rank)
    offset: np.ndarray  # (items,)
    into: np.ndarray | None = None  # (items, rank)

    def scores(self, block: Any) -> np.ndarray:
        """Return the scores of users, (b, items)."""
        users = self.users[block]
        found = (users if self.into is None else users @ self.into) @ self.items.T
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float64) + self.offset


def by_offset(offset: np.ndarray, users: int) -> Ranker:
    """Return the ranker that recommends the same to everyone."""
    return Ranker(np.zeros((users, 1)), np.zeros((len(offset), 1)), np.asarray(offset, np.float64))


def with_fallback(users: np.ndarray, items: np.ndarray, popularity: np.ndarray) -> Ranker:
    """Return the ranker by factors that falls back on popularity: for new users, and where scores are equal."""
    share = popularity / max(1e-12, float(popularity.max()))
    return Ranker(np.asarray(users, np.float64), np.asarray(items, np.float64), 1e-9 * share)


def liked_counts(ratings: pd.DataFrame, items: int, relevant: float, half_life: float = 0.0) -> np.ndarray:
    """Return how often each film was rated at least `relevant`, and, to a lesser degree, how often at all; (items,).

    Args:
        ratings: `user`, `item`, `rating`, and `timestamp` where a half-life is given.
        items: how many.
        relevant: rated at least so, stars.
        half_life: days after which a rating counts half, before the last of all; 0 lets all count alike.
    """
    item = ratings["item"].to_numpy()
    weight = np.ones(len(ratings))
    if half_life > 0:
        time = ratings["timestamp"].to_numpy(np.float64)
        weight = 0.5 ** ((time.max() - time) / DAY / half_life)
    liked = np.bincount(item, weight * (ratings["rating"].to_numpy() >= relevant), minlength=items)
    return liked + 1e-3 * np.bincount(item, weight, minlength=items) / max(1, len(ratings))


def top_blocks(
    ranker: Ranker, seen: pd.DataFrame, wanted: np.ndarray, k: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the best films for blocks of users.

    Args:
        ranker: the scores.
        seen: `user`, `item`: what is not recommended again; only films that someone has seen are recommended.
        wanted: users, (m,).
        k: how many films.

    Yields:
        Users (b,), their films (b, k) the best first, -1 where there are no more, and the scores (b, k).
    """
    items = len(ranker.offset)
    user, item = seen["user"].to_numpy(), seen["item"].to_numpy()
    order = np.argsort(user, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=ranker.users.shape[0]))])
    item, unknown = item[order], np.bincount(item, minlength=items) == 0
    step = max(1, BLOCK // items)
    for start in range(0, len(wanted), step):
        block = wanted[start : start + step]
        scores = ranker.scores(block)
        scores[:, unknown] = -np.inf
        sizes = ends[block + 1] - ends[block]
        rows = np.repeat(np.arange(len(block)), sizes)
        places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(ends[block], sizes)
        scores[rows, item[places]] = -np.inf
        yield block, *_best(scores, k)


def _best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places and scores of the `k` largest of each row, equal ones by place."""
    few = min(k, scores.shape[1])
    edge = -np.partition(-scores, few - 1, axis=1)[:, few - 1]
    # What equals the k-th score competes by place, which a partition alone would leave to chance.
    places = np.full((len(scores), k), -1)
    values = np.full((len(scores), k), -np.inf)
    for row, line in enumerate(scores):
        kept = np.flatnonzero(line >= edge[row])
        kept = kept[np.lexsort((kept, -line[kept]))][:few]
        kept = kept[line[kept] > -np.inf]
        places[row, : len(kept)], values[row, : len(kept)] = kept, line[kept]
    return places, values
