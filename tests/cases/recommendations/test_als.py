"""Factorisation on Spark: equal to the least squares that define it, near the best possible error, and settled."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.cases.recommendations.evaluation import ndcg_of_lists, score_stars
from tasks.cases.recommendations.features import index_ratings, split_ratings
from tasks.cases.recommendations.sample import sample_ratings
from tasks.cases.recommendations.training.als import Factors, fit_lists, fit_stars, run_als, search_lists
from tasks.cases.recommendations.training.biases import centre_ratings, fit_biases
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.items import fit_items
from tasks.cases.recommendations.training.list_model import ListModel, als_model, taste_matrix
from tasks.cases.recommendations.training.recommend import similar_films
from tasks.platform.errors import ContractError

USERS, ITEMS = 300, 200
LISTS = Choice(rank=8, regularisation=0.1, alpha=4, iterations=4)


@pytest.fixture(scope="module")
def parts() -> Any:
    drawn = sample_ratings()
    renamed = drawn.ratings.rename(columns={"userId": "user", "movieId": "film"})
    films = drawn.films.rename(columns={"movieId": "film"})
    indexed = index_ratings.fn(renamed, films)
    return indexed, split_ratings.fn(indexed.ratings, "random", 0.1, 1)


@pytest.fixture(scope="module")
def lists(spark: Any, parts: Any) -> Factors:
    return fit_lists.fn(spark.createDataFrame(parts[1].train), USERS, ITEMS, LISTS, 4.0, 1)


@pytest.mark.parametrize("alpha", [0, 4])
def test_what_a_model_rests_on_does_not_grow_with_its_iterations(spark: Any, alpha: float):
    """Without checkpoints each rests on all before: a lost worker sets Java recursing until its stack ends."""
    pairs = spark.range(60).selectExpr("int(id % 10) user", "int(id / 10) item", "float(1) value")
    depths = []
    for iterations in (6, 12):
        model = run_als(pairs, Choice(rank=1, regularisation=0.1, alpha=alpha, iterations=iterations), 1)
        depths.append(model._java_obj.userFactors().rdd().toDebugString().count("\n"))
    assert depths[0] == depths[1]


def test_a_limit_that_no_rating_reaches_is_named(parts: Any):
    _, (train, _) = parts
    train = train.assign(validation=False)
    with pytest.raises(ContractError, match="No training rating is 6 stars or more; lower --relevant"):
        search_lists.fn(None, train, USERS, ITEMS, [LISTS], 6.0, 1)


def test_stars_come_near_the_noise(spark: Any, parts: Any):
    """The known noise bounds the error from below; ALS closes much of the gap that biases leave."""
    _, (train, test) = parts
    centred = centre_ratings.fn(train, USERS, ITEMS, [5.0, 2.0])
    biases = fit_biases.fn(train, USERS, ITEMS, [5.0, 2.0])
    choice = Choice(rank=8, regularisation=0.15, iterations=6)
    found = fit_stars.fn(spark.createDataFrame(centred), USERS, ITEMS, choice, 1)
    stars = score_stars.fn(train, test, biases.user, biases.item, found.users, found.items)
    truth = np.clip(sample_ratings().expected[stars["user"], stars["item"]], 0.5, 5)
    rmse = {name: np.sqrt(np.mean((stars[name] - stars["rating"]) ** 2)) for name in ("item_mean", "biases", "als")}
    best = np.sqrt(np.mean((truth - stars["rating"]) ** 2))
    assert best < rmse["als"] < rmse["biases"] < rmse["item_mean"]
    assert rmse["als"] - best < 0.8 * (rmse["biases"] - best)


def test_the_factors_of_users_are_the_least_squares_that_they_should_be(lists: Factors, parts: Any):
    """The stored item factors determine the next user factors: solved here in plain numpy, they hardly move."""
    train = parts[1].train
    items, liked = lists.items.astype(float), train[train["rating"] >= 4]
    gram = items.T @ items
    solved = np.zeros((USERS, LISTS.rank))
    for user, part in liked.groupby("user"):
        seen = items[part["item"]]
        left = gram + LISTS.alpha * seen.T @ seen + LISTS.regularisation * len(part) * np.eye(LISTS.rank)
        solved[user] = np.linalg.solve(left, (1 + LISTS.alpha) * seen.sum(axis=0))
    closeness = np.corrcoef((solved @ items.T).ravel(), (lists.users @ items.T).ravel())[0, 1]
    assert closeness > 0.98


def test_a_new_user_gets_the_factors_that_als_would_give(lists: Factors, parts: Any):
    train = parts[1].train
    model = ListModel(LISTS, 4.0, np.zeros(ITEMS), users=lists.users, items=lists.items)
    folded = model.for_taste(taste_matrix(train, USERS, ITEMS, 4.0, LISTS.others)).scores(np.arange(USERS))
    assert np.corrcoef(folded.ravel(), (lists.users @ lists.items.T).ravel())[0, 1] > 0.98


def test_similar_films_are_of_the_same_kind(lists: Factors, parts: Any):
    indexed = parts[0]
    model = als_model.fn(lists.users, lists.items, indexed.ratings, LISTS, 4.0)
    found = similar_films.fn(indexed.ratings, indexed.items, model)
    kinds = sample_ratings().tastes
    kinds = pd.DataFrame(kinds / np.linalg.norm(kinds, axis=1, keepdims=True), index=indexed.items["film"])
    alike = np.einsum("nk,nk->n", kinds.loc[found["film"]], kinds.loc[found["similar"]])
    assert alike.mean() > 0.45 > (kinds @ kinds.T).to_numpy().mean() + 0.1
    assert (found["film"] != found["similar"]).all()
    assert found["cosine"].between(-1, 1 + 1e-9).all()
    pair = found.iloc[0]
    film = indexed.items["film"].to_numpy()[indexed.ratings["item"]]
    who = [set(indexed.ratings.loc[film == pair[name], "user"]) for name in ("film", "similar")]
    assert pair["both"] == len(who[0] & who[1])


def test_the_best_settings_are_chosen_by_validation(spark: Any, parts: Any, lists: Factors):
    _, (train, test) = parts
    grid = [Choice(rank=1, regularisation=20, alpha=0.01, iterations=1), LISTS]
    searched = search_lists.fn(spark.createDataFrame(train), train, USERS, ITEMS, grid, 4.0, 1)
    assert searched.best == LISTS
    assert searched.table["ndcg"].idxmax() == 1
    ndcg = ndcg_of_lists.fn(train, test, USERS, als_model.fn(lists.users, lists.items, train, LISTS, 4.0))
    popular = ndcg_of_lists.fn(train, test, USERS, fit_items.fn(train, USERS, ITEMS, Choice(method="popularity"), 4.0))
    assert ndcg.mean() > popular.mean() + 0.04
