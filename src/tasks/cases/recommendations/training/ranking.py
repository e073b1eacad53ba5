"""How good is a list of films? NDCG@10, recall@10 and coverage, user by user.

A film is relevant when the user rated it at least so many stars in the ratings held out. NDCG discounts a hit on place
p by log2(p + 1) and divides by what a perfect list would reach (K. Jarvelin and J. Kekalainen, "Cumulated gain-based
evaluation of IR techniques", 2002). Relevant films that nobody had rated before cannot be recommended; they count as
missed, for every method alike.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.training.top_films import Ranker, top_blocks

K = 10
MOST_USERS = 20_000  # that are tested; more would not make the intervals matter less


class Quality(NamedTuple):
    """The quality of lists."""

    table: pd.DataFrame  # user, relevant (how many), ndcg, recall: users with at least one relevant film
    shown: np.ndarray  # (items,): on how many of their lists each film is


def per_user_quality(ranker: Ranker, train: pd.DataFrame, held: pd.DataFrame, relevant: float) -> Quality:
    """Measure the lists that a ranker makes.

    Args:
        ranker: the scores.
        train: `user`, `item`: what was seen, and is not recommended again.
        held: `user`, `item`, `rating`: what was held out.
        relevant: a film rated at least so is relevant, stars.
    """
    good = held[held["rating"] >= relevant]
    users = np.unique(good["user"].to_numpy())
    if len(users) > MOST_USERS:
        users = users[np.linspace(0, len(users) - 1, MOST_USERS).astype(int)]
    items = len(ranker.offset)
    wanted = np.sort(good["user"].to_numpy(np.int64) * items + good["item"].to_numpy(np.int64))
    counts = np.bincount(good["user"].to_numpy(), minlength=ranker.users.shape[0])[users]
    discount = 1 / np.log2(np.arange(2, K + 2))
    ideal = np.cumsum(discount)[np.minimum(counts, K) - 1]
    hits, shown = [np.empty((0, K), bool)], np.zeros(items, np.int64)
    for block, films, _ in top_blocks(ranker, train, users, K):
        keys = block[:, None].astype(np.int64) * items + films
        places = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
        hits.append((wanted[places] == keys) & (films >= 0))
        shown += np.bincount(films[films >= 0], minlength=items)
    hit = np.concatenate(hits)
    table = pd.DataFrame(
        {"user": users, "relevant": counts, "ndcg": (hit @ discount) / ideal, "recall": hit.sum(axis=1) / counts}
    )
    return Quality(table, shown)
