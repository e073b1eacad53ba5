"""Biases and lists: equal to plain Python, and what was seen is not recommended again."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.recommendations.training.biases import search_biases, solve_biases
from tasks.cases.recommendations.training.ranking import K, per_user_quality
from tasks.cases.recommendations.training.top_films import Ranker, by_offset, liked_counts, top_blocks, with_fallback


def _random(seed: int, users: int = 12, items: int = 30) -> tuple[pd.DataFrame, pd.DataFrame, Ranker]:
    chance = np.random.default_rng(seed)
    keys = chance.permutation(users * items)[:150]
    table = pd.DataFrame({"user": keys // items, "item": keys % items, "rating": chance.integers(1, 11, 150) / 2})
    # Few different scores: ties have to be settled.
    ranker = Ranker(
        chance.integers(-2, 3, (users, 2)).astype(float),
        chance.integers(-2, 3, (items, 2)).astype(float),
        np.zeros(items),
    )
    return table.iloc[:90].reset_index(drop=True), table.iloc[90:].reset_index(drop=True), ranker


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_quality_equals_plain_python(seed: int):
    train, test, ranker = _random(seed)
    found = per_user_quality(ranker, train, test, 4.0)
    scores, known = ranker.users @ ranker.items.T, set(train["item"])
    shown = np.zeros(30, int)
    for row in found.table.itertuples():
        seen = set(train.loc[train["user"] == row.user, "item"])
        films = sorted((item for item in known - seen), key=lambda item: (-scores[row.user, item], item))[:K]
        liked = set(test.loc[(test["user"] == row.user) & (test["rating"] >= 4), "item"])
        gain = sum(1 / np.log2(place + 2) for place, item in enumerate(films) if item in liked)
        ideal = sum(1 / np.log2(place + 2) for place in range(min(K, len(liked))))
        assert row.relevant == len(liked)
        assert row.ndcg == pytest.approx(gain / ideal)
        assert row.recall == pytest.approx(len(liked & set(films)) / len(liked))
        shown[films] += 1
    assert set(found.table["user"]) == set(test.loc[test["rating"] >= 4, "user"])
    assert (found.shown == shown).all()


def test_of_too_many_users_a_regular_sample_is_tested(monkeypatch: pytest.MonkeyPatch):
    train, test, ranker = _random(3)
    every = per_user_quality(ranker, train, test, 1.0).table
    monkeypatch.setattr("tasks.cases.recommendations.training.ranking.MOST_USERS", 4)
    some = per_user_quality(ranker, train, test, 1.0).table
    assert len(every) > 8
    assert some["user"].tolist() == every["user"].iloc[np.linspace(0, len(every) - 1, 4).astype(int)].tolist()
    pd.testing.assert_frame_equal(some, every[every["user"].isin(some["user"])].reset_index(drop=True))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    train, _, ranker = _random(3)
    whole = list(top_blocks(ranker, train, np.arange(12), 5))
    monkeypatch.setattr("tasks.cases.recommendations.training.top_films.BLOCK", 60)
    parts = list(top_blocks(ranker, train, np.arange(12), 5))
    assert len(whole) == 1
    assert len(parts) == 6
    for column in range(3):
        assert np.array_equal(whole[0][column], np.concatenate([part[column] for part in parts]))


def test_who_has_seen_everything_gets_no_films_and_who_is_new_gets_the_popular_ones():
    train = pd.DataFrame({"user": [0, 0, 0, 1, 2, 2], "item": [0, 1, 2, 2, 2, 1], "rating": [5.0] * 6})
    popularity = liked_counts(train, 4, 4.0)
    users = np.array([[1.0], [1.0], [1.0], [0.0]])
    ranker = with_fallback(users, np.array([[3.0], [2.0], [1.0], [9.0]]), popularity)
    _, films, scores = next(top_blocks(ranker, train, np.arange(4), 3))
    assert films[0].tolist() == [-1, -1, -1]
    assert films[1].tolist() == [0, 1, -1]
    assert films[3].tolist() == [2, 1, 0]  # film 3 has no ratings, so it is on no list
    assert scores[1, 0] == pytest.approx(3)


def test_no_relevant_films_make_an_empty_table():
    train, test, ranker = _random(1)
    assert per_user_quality(ranker, train, test, 5.5).table.empty
    assert per_user_quality(by_offset(ranker.offset, 12), train, test.iloc[:0], 1.0).table.empty


def test_biases_solve_their_equations():
    chance = np.random.default_rng(5)
    table = pd.DataFrame({"user": chance.integers(0, 20, 400), "item": chance.integers(0, 15, 400)})
    generous, good = chance.normal(0, 0.5, 20), chance.normal(0, 0.5, 15)
    table["rating"] = 3 + generous[table["user"]] + good[table["item"]]
    found = solve_biases(table, 21, 16, 1e-9, 1e-9)
    assert found.user[table["user"]] + found.item[table["item"]] == pytest.approx(table["rating"].to_numpy(), abs=1e-3)
    assert found.user[20] == 0
    assert found.item[15] == pytest.approx(table["rating"].mean())
    strong = solve_biases(table, 21, 16, 1e9, 1e9)
    assert strong.item == pytest.approx(table["rating"].mean())


def test_validation_ratings_choose_how_strongly_biases_are_shrunk():
    """Where deviations are noise, the strongest shrinkage wins."""
    chance = np.random.default_rng(8)
    table = pd.DataFrame({"user": chance.integers(0, 60, 600), "item": chance.integers(0, 60, 600)})
    table["rating"], table["validation"] = 3 + chance.normal(0, 1, 600), chance.random(600) < 0.3
    assert search_biases.fn(table, 60, 60).pulls == [10_000.0, 10_000.0]
