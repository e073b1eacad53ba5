"""Which films come first for a user? The best scores among those not yet seen, for blocks of users at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

BLOCK = 8_000_000  # scores held at a time: 64 MB


class Ranker(NamedTuple):
    """The score of film i for user u is `users[u] @ items[i] + offset[i]`."""

    users: np.ndarray  # (users, rank)
    items: np.ndarray  # (items, rank)
    offset: np.ndarray  # (items,)


def by_offset(offset: np.ndarray, users: int) -> Ranker:
    """Return the ranker that recommends the same to everyone."""
    return Ranker(np.zeros((users, 1)), np.zeros((len(offset), 1)), np.asarray(offset, np.float64))


def with_fallback(users: np.ndarray, items: np.ndarray, popularity: np.ndarray) -> Ranker:
    """Return the ranker by factors that falls back on popularity: for new users, and where scores are equal."""
    share = popularity / max(1.0, float(popularity.max()))
    return Ranker(np.asarray(users, np.float64), np.asarray(items, np.float64), 1e-9 * share)


def liked_counts(ratings: pd.DataFrame, items: int, relevant: float) -> np.ndarray:
    """Return how often each film was rated at least `relevant`, and, to a lesser degree, how often at all; (items,)."""
    item = ratings["item"].to_numpy()
    liked = np.bincount(item[ratings["rating"].to_numpy() >= relevant], minlength=items)
    return liked + 1e-3 * np.bincount(item, minlength=items) / max(1, len(ratings))


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
    ends = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=len(ranker.users)))])
    item, unknown = item[order], np.bincount(item, minlength=items) == 0
    step = max(1, BLOCK // items)
    for start in range(0, len(wanted), step):
        block = wanted[start : start + step]
        scores = ranker.users[block] @ ranker.items.T + ranker.offset
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
