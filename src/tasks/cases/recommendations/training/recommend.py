"""What should each user watch next, and which films are liked by the same people?"""

import numpy as np
import pandas as pd

from tasks.cases.recommendations.training.list_model import ListModel
from tasks.cases.recommendations.training.ranking import K
from tasks.cases.recommendations.training.top_films import top_blocks
from tasks.platform.stage import stage

WELL_KNOWN = 100  # films for which similar ones are told
SIMILAR = 5
SHARE_TO_COMPARE = 0.03  # of the users: a film that fewer have rated is like others by chance


@stage(phase="Modelling")
def recommend_films(
    ratings: pd.DataFrame,
    users: pd.DataFrame,
    films: pd.DataFrame,
    model: ListModel,
) -> pd.DataFrame:
    """Make the list of every user.

    Args:
        ratings: `user`, `item`, `rating`: all that is known.
        users: `user`, the publisher's number.
        films: `film`, `title`.
        model: fitted to these ratings.

    Returns:
        `user`, `rank` (from 1), `film`, `title`, `score` (larger is likelier; mostly from 0 to 1).
    """
    ranker = model.ranker(ratings, len(users))
    numbers, titles, ids = films["film"].to_numpy(), films["title"].to_numpy(object), users["user"].to_numpy()
    parts = []
    for block, places, scores in top_blocks(ranker, ratings, np.arange(len(users)), K):
        row, rank = np.nonzero(places >= 0)
        item = places[row, rank]
        columns = {"user": ids[block[row]], "rank": rank + 1, "film": numbers[item], "title": titles[item]}
        parts.append(pd.DataFrame({**columns, "score": scores[row, rank].round(4)}))
    return pd.concat(parts, ignore_index=True)


@stage(phase="Modelling")
def similar_films(ratings: pd.DataFrame, films: pd.DataFrame, model: ListModel) -> pd.DataFrame:
    """Find the films whose factors point the same way as a well-known film's (cosine).

    Args:
        ratings: `user`, `item`.
        films: `film`, `title`.
        model: with factors of films.

    Returns:
        `film`, `title`, `rank` (from 1), `similar`, `similar_title`, `cosine`, `both` (users who rated both), for the
        most rated films in the order of their ratings.
    """
    from scipy import sparse

    item_factors = np.asarray(model.into if model.into.size else model.items)
    user, item = ratings["user"].to_numpy(), ratings["item"].to_numpy()
    counts = np.bincount(item, minlength=len(films))
    norms = np.linalg.norm(item_factors, axis=1)
    enough = max(5.0, SHARE_TO_COMPARE * len(np.unique(user)))
    known = np.flatnonzero((counts >= enough) & (norms > 0))
    known = known[np.argsort(-counts[known], kind="stable")]
    unit = np.asarray(item_factors, np.float64)[known] / norms[known, None]
    first = unit[:WELL_KNOWN]
    cosine = first @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    few = min(SIMILAR, max(0, len(known) - 1))
    best = np.argsort(-cosine, axis=1, kind="stable")[:, :few]
    rows, ranks = np.repeat(np.arange(len(first)), few), np.tile(np.arange(few), len(first))
    one, two = known[rows], known[best.ravel()]
    watched = sparse.csc_matrix((np.ones(len(user), np.float32), (user, item)), shape=(user.max() + 1, len(films)))
    both = np.asarray(watched[:, one].multiply(watched[:, two]).sum(axis=0)).ravel()
    names, numbers = films["title"].to_numpy(object), films["film"].to_numpy()
    return pd.DataFrame(
        {
            "film": numbers[one],
            "title": names[one],
            "rank": ranks + 1,
            "similar": numbers[two],
            "similar_title": names[two],
            "cosine": cosine[rows, best.ravel()],
            "both": both.astype(np.int64),
        }
    )
