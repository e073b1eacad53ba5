"""The split: nothing of the test part is known in training, by time, date or chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.recommendations.features import held_out, index_ratings, split_ratings
from tasks.cases.recommendations.training.biases import centre_ratings
from tasks.platform.errors import ContractError


def _ratings(seed: int, rows: int = 300) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    keys = chance.permutation(30 * 40)[:rows]
    return pd.DataFrame(
        {
            "user": keys // 40,
            "item": keys % 40,
            "rating": chance.integers(1, 11, rows) / 2,
            "timestamp": chance.integers(0, 60, rows),
        }
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["time", "date", "random"]), st.floats(0.05, 0.5))
def test_parts_are_apart_and_later_ratings_are_held_out(seed: int, way: str, share: float):
    ratings = _ratings(seed)
    train, test = split_ratings.fn(ratings, way, share, seed)
    keys = [set(zip(part["user"], part["item"], strict=True)) for part in (train, test)]
    assert not keys[0] & keys[1]
    assert len(keys[0] | keys[1]) == len(ratings)
    times = ratings.set_index(["user", "item"])["timestamp"]
    held = held_out(ratings, way, share, seed)
    if way == "time":
        for _, part in ratings.assign(held=held).groupby("user"):
            assert part["held"].sum() == np.floor(len(part) * share + 0.5)
            assert part.loc[part["held"], "timestamp"].min() >= part.loc[~part["held"], "timestamp"].max() or not (
                part["held"].any()
            )
    if way == "date":
        assert times.loc[list(keys[0])].max() < times.loc[list(keys[1])].min()
    assert list(train.columns) == ["user", "item", "rating", "timestamp", "validation"]


def test_test_ratings_change_nothing_in_training():
    ratings = _ratings(1)
    held = held_out(ratings, "time", 0.2, 4)
    other = ratings.assign(rating=ratings["rating"].where(~held, 0.5))
    one, two = (split_ratings.fn(table, "time", 0.2, 4).train for table in (ratings, other))
    pd.testing.assert_frame_equal(one, two)


def test_validation_ratings_have_no_part_in_what_they_are_predicted_by():
    train = split_ratings.fn(_ratings(2), "random", 0.2, 1).train
    other = train.assign(rating=train["rating"].where(~train["validation"], 5.0))
    one, two = (centre_ratings.fn(table, 30, 40, [5.0, 5.0]) for table in (train, other))
    assert (one["learn_prior"] == two["learn_prior"]).all()
    assert not (one["prior"] == two["prior"]).all()


def test_the_order_of_the_file_does_not_decide_about_ties():
    ratings = pd.DataFrame({"user": 0, "item": np.arange(100), "rating": 4.0, "timestamp": 7})
    held = np.flatnonzero(held_out(ratings, "time", 0.1, 3))
    assert len(held) == 10
    assert held.min() < 80


def test_an_empty_part_is_refused():
    ratings = pd.DataFrame({"user": [0, 1], "item": [0, 1], "rating": 4.0, "timestamp": 7})
    with pytest.raises(ContractError, match="raise test_share"):
        split_ratings.fn(ratings, "time", 0.1, 1)


def test_ratings_without_times_cannot_be_split_by_time():
    ratings = _ratings(1).assign(timestamp=0)
    for way in ("time", "date"):
        with pytest.raises(ContractError, match="no times, so there is no split by"):
            split_ratings.fn(ratings, way, 0.1, 1)
    assert len(split_ratings.fn(ratings, "random", 0.1, 1).test)


def test_films_without_a_title_are_called_by_their_number():
    ratings = pd.DataFrame({"user": [9, 5], "film": [70, 30], "rating": [4.0, 5.0], "timestamp": [1, 2]})
    films = pd.DataFrame({"film": [30, 30, 99], "title": ["Signal", "Other", "Unseen"], "genres": ["", "", ""]})
    found = index_ratings.fn(ratings, films)
    assert found.items["title"].tolist() == ["Signal", "film 70"]
    assert found.users["user"].tolist() == [5, 9]
    assert found.ratings["user"].tolist() == [1, 0]
