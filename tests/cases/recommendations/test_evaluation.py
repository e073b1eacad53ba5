"""The figures of the recommendations case: equal to DuckDB, new users and films counted, verdicts that can fail."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from tasks.cases.recommendations.evaluation import (
    compare_lists,
    compare_stars,
    errors_by_popularity,
    score_lists,
    score_stars,
    summarise_recommendations,
)
from tasks.evaluation.champion import case_scores
from tasks.platform.errors import ContractError

ITEMS = 25


@pytest.fixture
def parts() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Twenty users of two tastes; user 20 and film 24 are in the test part only."""
    chance = np.random.default_rng(0)
    rows = [
        (user, item, 5.0 if (item + user) % 2 else 2.0) for user in range(20) for item in chance.permutation(24)[:16]
    ]
    table = pd.DataFrame(rows, columns=["user", "item", "rating"])
    test = chance.random(len(table)) < 0.25
    extra = pd.DataFrame({"user": [20, 3], "item": [1, 24], "rating": [4.5, 5.0]})
    return table[~test].reset_index(drop=True), pd.concat([table[test], extra], ignore_index=True)


@pytest.fixture
def taste() -> tuple[np.ndarray, np.ndarray]:
    """Factors that know the two tastes."""
    users = np.where(np.arange(21) % 2, 1.0, -1.0)[:, None]
    items = np.where(np.arange(ITEMS) % 2, -1.0, 1.0)[:, None]
    users[20], items[24] = 0, 0
    return users, items


def test_stars_and_their_fallbacks(parts: tuple, taste: tuple):
    train, test = parts
    item_bias = np.full(ITEMS, 3.5)
    stars = score_stars.fn(train, test, np.zeros(21), item_bias, *taste)
    means = (
        duckdb.connect()
        .sql("select item, avg(rating) as mean, count(*) n from train group by item")
        .df()
        .set_index("item")
    )
    known = stars[~stars["new_film"]]
    assert known["item_mean"].to_numpy() == pytest.approx(means.loc[known["item"], "mean"].to_numpy())
    assert (known["watched"].to_numpy() == means.loc[known["item"], "n"].to_numpy()).all()
    assert stars["new_user"].sum() == 1
    assert stars["new_film"].sum() == 1
    last = stars.iloc[-1]
    assert last["item_mean"] == pytest.approx(train["rating"].mean())
    assert last["als"] == 3.5
    table = compare_stars.fn(stars).set_index("method")
    expected = duckdb.connect().sql("select sqrt(avg((als - rating) ** 2)) from stars").fetchall()[0]
    assert table.at["als", "rmse"] == pytest.approx(expected[0])
    assert table.at["als", "low"] < table.at["als", "rmse"] < table.at["als", "high"]
    bands = errors_by_popularity.fn(stars)
    assert bands["ratings"].sum() == len(stars)
    assert bands["band"].iloc[0] == "none"


def test_lists_of_taste_beat_popularity_and_the_difference_is_told(parts: tuple, taste: tuple):
    train, test = parts
    stars = score_stars.fn(train, test, np.zeros(21), np.full(ITEMS, 3.5), *taste)
    lists = score_lists.fn(train, test, np.full(ITEMS, 3.5), *taste, *taste, 4.0)
    scores = case_scores.fn(lists.table, "ndcg_implicit", "ndcg_popularity")
    assert scores.scores.mean() > scores.baseline.mean() + 0.1
    new = lists.table.set_index("user").loc[20]
    assert new["ndcg_implicit"] == new["ndcg_popularity"]
    table = compare_lists.fn(lists.table, lists.shown)
    metrics = {
        metric.name: metric
        for metric in summarise_recommendations.fn(stars, compare_stars.fn(stars), lists.table, table, scores.baseline)
    }
    gain = metrics["ndcg@10_gain"]
    assert gain.value == pytest.approx((scores.scores - scores.baseline).mean())
    assert gain.low is not None
    assert gain.low > 0
    assert metrics["ndcg@10"].champion == pytest.approx(scores.baseline.mean())
    assert metrics["cold_ratings"].value == pytest.approx(2 / len(test))
    assert metrics["rmse"].value < (metrics["rmse"].baseline or 0)


def test_lists_without_anything_relevant_are_refused(parts: tuple, taste: tuple):
    train, test = parts
    with pytest.raises(ContractError, match="lower relevant"):
        score_lists.fn(train, test.assign(rating=1.0), np.zeros(ITEMS), *taste, *taste, 4.0)
