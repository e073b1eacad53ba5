"""Which films follow from those that a user has watched? EASE, neighbours of films, and popularity; on one machine.

EASE predicts what is watched from all else that is, by a linear model without a diagonal, in closed form: B = I - P
diag(1 / diag P), P = (X'X + lambda I)^-1 (H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019).
With X = U S V', the part of X B that matters, films not yet seen, is X V diag(s² / (s² + lambda)) V' / (lambda diag P):
one decomposition of the smaller side serves every lambda, and the model is two thin matrices. A user who is not known
yet is answered by the same product. Neighbours are told by the cosine of who watched them, shrunk where few did.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.list_model import ListModel, popular_offset, taste_matrix
from tasks.cases.recommendations.training.ranking import per_user_quality
from tasks.cases.recommendations.training.top_films import Ranker, by_offset
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_SIDE = 6_000  # users or films, whichever are fewer: the decomposition takes their square in memory, thrice
MOST_CELLS = 200_000_000  # of each thin matrix: 800 MB
SHRINK = 10.0  # added to the norms of two films: one user in common is no likeness
COLUMNS_AT_ONCE = 512
HALF_LIVES = (0.0, 3650.0, 1825.0, 730.0, 365.0, 180.0)  # days
POPULAR = (0.0, 0.03, 0.1)
EASE_GRID = {
    "one": [Choice(method="ease", regularisation=200, others=0.5)],
    "small": [
        Choice(method="ease", regularisation=strength, others=others)
        for others in (0.0, 0.5, 1.0)
        for strength in (50, 100, 200, 400, 800)
    ],
}
EASE_GRID["wide"] = EASE_GRID["small"] + [
    Choice(method="ease", regularisation=strength, others=others)
    for others in (0.0, 0.3, 0.5, 1.0)
    for strength in (20, 300, 1600, 3200)
]
KNN_GRID = [Choice(method="knn", others=others) for others in (0.0, 0.5)]


class ItemSearch(NamedTuple):
    """The settings that were tried, and the best of each kind."""

    table: pd.DataFrame  # the columns of Choice, ndcg
    ease: Choice
    knn: Choice
    popularity: Choice


def most_watched(taste: "csr_matrix") -> np.ndarray:
    """Return the films that fit into memory, the most watched ones where not all do, in their order."""
    users, items = taste.shape
    count = items if min(users, items) <= MOST_SIDE else MOST_SIDE
    count = min(count, MOST_CELLS // max(1, min(users, count)))
    watched = np.asarray((taste > 0).sum(axis=0)).ravel()
    return np.sort(np.argsort(-watched, kind="stable")[:count])


class Decomposition(NamedTuple):
    """X'X = V diag(s²) V' of the films that are kept."""

    kept: np.ndarray
    axes: np.ndarray  # V, (kept, rank)
    squares: np.ndarray  # s², (rank,)


def decompose(taste: "csr_matrix") -> Decomposition:
    """Decompose who watched what, by the smaller of its sides."""
    kept = most_watched(taste)
    part = taste[:, kept]
    wide = part.shape[0] < part.shape[1]
    squares, axes = np.linalg.eigh((part @ part.T if wide else part.T @ part).toarray())
    there = squares > 1e-9 * max(1.0, float(squares.max()))
    squares, axes = squares[there], axes[:, there]
    return Decomposition(kept, part.T @ axes / np.sqrt(squares) if wide else axes, squares)


def ease_factors(found: Decomposition, items: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Return `into` and `items` of `ListModel` for a lambda; zeros for films that were not kept."""
    shrunk = found.squares / (found.squares + strength)
    left = 1 - (found.axes**2) @ shrunk  # lambda times the diagonal of P, above 0
    into, out = (np.zeros((items, len(shrunk)), np.float32) for _ in range(2))
    into[found.kept], out[found.kept] = found.axes * shrunk, found.axes / np.maximum(left, 1e-9)[:, None]
    return into, out


def neighbours_of(taste: "csr_matrix", count: int) -> pd.DataFrame:
    """Return the films most like each film: `item`, `other` (a film watched), `weight`."""
    kept = most_watched(taste)
    part = taste[:, kept].tocsc()
    norms = np.sqrt(np.asarray(part.multiply(part).sum(axis=0)).ravel())
    rows = []
    for start in range(0, len(kept), COLUMNS_AT_ONCE):
        chosen = np.arange(start, min(len(kept), start + COLUMNS_AT_ONCE))
        likeness = (part.T @ part[:, chosen]).toarray() / (norms[:, None] * norms[chosen] + SHRINK)
        likeness[chosen, np.arange(len(chosen))] = 0
        few = min(count, len(likeness))
        others = np.argpartition(-likeness, few - 1, axis=0)[:few]
        weight = np.take_along_axis(likeness, others, axis=0)
        item = np.broadcast_to(kept[chosen], others.shape)
        there = weight > 0
        rows.append(pd.DataFrame({"item": item[there], "other": kept[others[there]], "weight": weight[there]}))
    return pd.concat(rows, ignore_index=True)


@stage(phase="Modelling")
def search_items(
    train: pd.DataFrame, users: int, items: int, ease_grid: list[Choice], knn_grid: list[Choice], relevant: float
) -> ItemSearch:
    """Choose settings for popularity, EASE and neighbours: the largest NDCG@10 on the validation ratings.

    Popularity comes first, as new users get it; then EASE and neighbours; then how much popularity adds to EASE.

    Args:
        train: `user`, `item`, `rating`, `timestamp`, `validation`.
        users: how many.
        items: how many.
        ease_grid: settings to try.
        knn_grid: settings to try.
        relevant: a film rated at least so is one that should have been recommended, stars.
    """
    learn, held = train[~train["validation"]], train[train["validation"]]
    rows: list[dict[str, object]] = []

    def tried(choice: Choice, ranker: Ranker) -> float:
        table = per_user_quality(ranker, learn, held, relevant).table
        ndcg = float(table["ndcg"].mean()) if len(table) else 0.0
        rows.append({**choice.model_dump(), "ndcg": ndcg})
        return ndcg

    def best(choices: list[tuple[float, Choice]]) -> Choice:
        return max(choices, key=lambda pair: pair[0])[1]

    lives = HALF_LIVES if int(learn["timestamp"].max()) > 0 else HALF_LIVES[:1]
    simple = [Choice(method="popularity", half_life=life) for life in lives]
    offsets = [popular_offset(learn, items, relevant, one) for one in simple]
    popularity = best([(tried(one, by_offset(at, users)), one) for one, at in zip(simple, offsets, strict=True)])
    share, found = offsets[simple.index(popularity)], []
    life = {"half_life": popularity.half_life}
    for others in dict.fromkeys(choice.others for choice in ease_grid):
        taste = taste_matrix(learn, users, items, relevant, others)
        parts = decompose(taste)
        for choice in (one.model_copy(update=life) for one in ease_grid if one.others == others):
            into, out = ease_factors(parts, items, choice.regularisation)
            for popular in POPULAR:
                mixed = choice.model_copy(update={"popular": popular})
                found.append((tried(mixed, Ranker(taste, out, max(popular, 1e-9) * share, into)), mixed))
    near = []
    for choice in (one.model_copy(update=life) for one in knn_grid):
        model = fit_items.fn(learn, users, items, choice, relevant)
        near.append((tried(choice, model.ranker(learn, users)), choice))
    return ItemSearch(pd.DataFrame(rows), best(found), best(near), popularity)


@stage(phase="Modelling")
def fit_items(ratings: pd.DataFrame, users: int, items: int, choice: Choice, relevant: float) -> ListModel:
    """Fit popularity, EASE or neighbours to `user`, `item`, `rating`, `timestamp`."""
    model = ListModel(choice, relevant, popular_offset(ratings, items, relevant, choice))
    taste = taste_matrix(ratings, users, items, relevant, choice.others)
    if choice.method == "ease":
        model.into, model.items = ease_factors(decompose(taste), items, choice.regularisation)
    elif choice.method == "knn":
        model.neighbours = neighbours_of(taste, choice.neighbours)
    return model


@stage(phase="Modelling")
def choose_lists(als: pd.DataFrame, best_als: Choice, tried: pd.DataFrame, best: list[Choice]) -> Choice:
    """Choose the method for lists: the largest NDCG@10 on the validation ratings; the simpler one where equal.

    Args:
        als: settings of als that were tried, with `ndcg`.
        best_als: the best of them.
        tried: settings of the other methods, with `ndcg` and `method`.
        best: the best of each other method, the simplest first.
    """
    reached = {**tried.groupby("method")["ndcg"].max().to_dict(), "als": float(als["ndcg"].max())}
    candidates = [*best, best_als]
    return max(candidates, key=lambda choice: reached[choice.method])
