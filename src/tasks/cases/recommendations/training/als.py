"""Who likes what, in a few dimensions? Alternating least squares on Spark, for stars and for lists.

For stars (explicit): what biases leave of a rating is approximated by the product of a user's and a film's factors
(Y. Zhou and others, "Large-scale parallel collaborative filtering for the Netflix prize", 2008). For lists (implicit):
that someone watched a film at all is approximated, with more confidence in what was seen than in what was not (Y. Hu,
Y. Koren and C. Volinsky, "Collaborative filtering for implicit feedback datasets", 2008). The first tells how a film
will be rated by whoever watches it; what is watched and liked next, the second tells far better.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.training.biases import HIGHEST, LOWEST
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.ranking import per_user_quality
from tasks.cases.recommendations.training.top_films import liked_counts, with_fallback
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from pyspark.ml.recommendation import ALSModel
    from pyspark.sql import DataFrame

PER_BLOCK = 250_000  # ratings of a block of factors: below, the work of a task is less than its start
CHECKPOINT = (
    3  # iterations after which Spark writes the factors down: a lost worker costs no more, and no deep recursion
)


class Factors(NamedTuple):
    """A fitted factorisation."""

    model: "ALSModel"
    users: np.ndarray  # (users, rank) float32; zeros for users without ratings
    items: np.ndarray  # (items, rank) float32; zeros for films without ratings


class Search(NamedTuple):
    """The settings that were tried, and the best."""

    table: pd.DataFrame
    best: Choice


GRIDS = {
    "one": ([Choice(rank=8, regularisation=0.15)], [Choice(rank=16, regularisation=0.1, alpha=4)]),
    "small": (
        [Choice(rank=rank, regularisation=reg) for rank in (8, 24) for reg in (0.15, 0.2)],
        [
            Choice(rank=rank, regularisation=0.1, alpha=alpha, others=others)
            for rank in (16, 32)
            for alpha, others in ((4, 0), (2, 0.3))
        ],
    ),
    "wide": (
        [Choice(rank=rank, regularisation=reg) for rank in (4, 8, 16, 32) for reg in (0.1, 0.15, 0.2, 0.3)],
        [
            Choice(rank=rank, regularisation=reg, alpha=alpha, others=others)
            for rank in (16, 32, 64)
            for reg in (0.03, 0.1)
            for alpha in (1, 4)
            for others in (0, 0.3)
        ],
    ),
}
"""Settings to try, for stars and for lists."""


def run_als(ratings: "DataFrame", choice: Choice, seed: int) -> "ALSModel":
    """Factorise `user`, `item`, `value` on Spark."""
    from pyspark.ml.recommendation import ALS

    blocks = int(np.clip(ratings.count() // PER_BLOCK, 2, 200))
    als = ALS(
        userCol="user",
        itemCol="item",
        ratingCol="value",
        rank=choice.rank,
        maxIter=choice.iterations,
        regParam=choice.regularisation,
        alpha=choice.alpha,
        implicitPrefs=choice.alpha > 0,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        seed=seed,
        checkpointInterval=CHECKPOINT,
    )
    return als.fit(ratings)


def _dense(factors: "DataFrame", count: int, rank: int) -> np.ndarray:
    """Return Spark's factors as an array, (count, rank); what has none gets zeros."""
    table: Any = factors.toPandas()
    dense = np.zeros((count, rank), np.float32)
    if len(table):
        dense[table["id"].to_numpy(np.int64)] = np.stack(table["features"].to_list()).astype(np.float32)
    return dense


def _fit(ratings: "DataFrame", choice: Choice, shape: tuple[int, int], seed: int) -> Factors:
    model = run_als(ratings, choice, seed)
    users, items = (
        _dense(part, count, choice.rank)
        for part, count in zip((model.userFactors, model.itemFactors), shape, strict=True)
    )
    return Factors(model, users, items)


def _residuals(centred: "DataFrame", prior: str) -> "DataFrame":
    return centred.selectExpr("user", "item", f"cast(rating - {prior} as float) as value")


def _seen(train: "DataFrame", choice: Choice, relevant: float) -> "DataFrame":
    """Return what was seen, with its weight in the confidence."""
    weight = f"cast(case when rating >= {float(relevant)} then 1 else {choice.others} end as float) as value"
    return train.selectExpr("user", "item", weight).where("value > 0")


def predict_stars(ratings: pd.DataFrame, prior: np.ndarray, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Predict the ratings of `user` and `item`: prior plus the product of the factors, within the scale; (n,)."""
    user, item = ratings["user"].to_numpy(), ratings["item"].to_numpy()
    taste = np.einsum("nk,nk->n", np.asarray(users, np.float64)[user], np.asarray(items, np.float64)[item])
    return np.clip(prior + taste, LOWEST, HIGHEST)


@stage(phase="Modelling")
def search_stars(
    centred: "DataFrame", train: pd.DataFrame, users: int, items: int, grid: list[Choice], seed: int
) -> Search:
    """Choose the settings for stars: the smallest RMSE on the validation ratings.

    Args:
        centred: `user`, `item`, `rating`, `validation`, `learn_prior`, for Spark.
        train: the same, for pandas.
        users: how many.
        items: how many.
        grid: settings to try.
        seed: of the first factors.
    """
    learn, held = _residuals(centred.where("not validation"), "learn_prior").persist(), train[train["validation"]]
    rows = []
    for choice in grid:
        found = _fit(learn, choice, (users, items), seed)
        predicted = predict_stars(held, held["learn_prior"].to_numpy(), found.users, found.items)
        rmse = float(np.sqrt(np.mean((predicted - held["rating"].to_numpy()) ** 2)))
        rows.append({**choice.model_dump(), "rmse": rmse})
    learn.unpersist()
    table = pd.DataFrame(rows)
    return Search(table, grid[int(table["rmse"].idxmin())])


@stage(phase="Modelling")
def search_lists(
    ratings: "DataFrame",
    train: pd.DataFrame,
    users: int,
    items: int,
    grid: list[Choice],
    relevant: float,
    seed: int,
    popularity: Choice | None = None,
) -> Search:
    """Choose the settings for lists: the largest NDCG@10 on the validation ratings; arguments as for `search_stars`.

    Args:
        ratings: `user`, `item`, `validation`, for Spark.
        train: the same with `rating`, for pandas.
        users: how many.
        items: how many.
        grid: settings to try.
        relevant: a film rated at least so is one that should have been recommended, stars.
        seed: of the first factors.
        popularity: how it is counted, which new users get.

    Raises:
        ContractError: nothing in training is rated so high.
    """
    learn, held = train[~train["validation"]], train[train["validation"]]
    if not (learn["rating"] >= relevant).any():
        raise ContractError(f"No training rating is {relevant:g} stars or more; lower --relevant.")
    half_life = popularity.half_life if popularity else 0.0
    grid = [choice.model_copy(update={"half_life": half_life}) for choice in grid]
    counts, seen = liked_counts(learn, items, relevant, half_life), ratings.where("not validation").persist()
    rows = []
    for choice in grid:
        found = _fit(_seen(seen, choice, relevant), choice, (users, items), seed)
        quality = per_user_quality(with_fallback(found.users, found.items, counts), learn, held, relevant)
        ndcg = float(quality.table["ndcg"].mean()) if len(quality.table) else 0.0
        rows.append({**choice.model_dump(), "ndcg": ndcg})
    seen.unpersist()
    table = pd.DataFrame(rows)
    return Search(table, grid[int(table["ndcg"].idxmax())])


@stage(phase="Modelling")
def fit_stars(centred: "DataFrame", users: int, items: int, choice: Choice, seed: int) -> Factors:
    """Factorise what biases leave of all training ratings: `user`, `item`, `rating`, `prior`."""
    return _fit(_residuals(centred, "prior"), choice, (users, items), seed)


@stage(phase="Modelling")
def fit_lists(ratings: "DataFrame", users: int, items: int, choice: Choice, relevant: float, seed: int) -> Factors:
    """Factorise who has seen what: `user`, `item`, `rating`."""
    return _fit(_seen(ratings, choice, relevant), choice, (users, items), seed)
