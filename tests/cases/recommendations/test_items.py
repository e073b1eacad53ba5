"""EASE equals the closed form, one model for every lambda; neighbours equal plain numpy; choices follow validation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.recommendations.features import split_ratings
from tasks.cases.recommendations.predictions import find_film, predict
from tasks.cases.recommendations.sample import sample_ratings
from tasks.cases.recommendations.training import items as module
from tasks.cases.recommendations.training.biases import centre_ratings, fit_biases, search_biases
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.items import (
    SHRINK,
    choose_lists,
    decompose,
    ease_factors,
    fit_items,
    most_watched,
    neighbours_of,
    search_items,
)
from tasks.cases.recommendations.training.list_model import ListModel, taste_matrix
from tasks.cases.recommendations.training.recommend import recommend_films
from tasks.cases.recommendations.training.stars import choose_stars, item_means, star_model
from tasks.cases.recommendations.training.top_films import DAY, liked_counts
from tasks.evaluation.champions import Champion
from tasks.evaluation.intervals import paired_difference
from tasks.platform.errors import UsageError
from tasks.platform.store import store


def _ratings(seed: int, users: int, items: int, rows: int = 150) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    keys = chance.permutation(users * items)[:rows]
    return pd.DataFrame(
        {
            "user": keys // items,
            "item": keys % items,
            "rating": chance.integers(1, 11, rows) / 2,
            "timestamp": chance.integers(1, 900, rows) * DAY,
        }
    )


def _steck(dense: np.ndarray, strength: float) -> np.ndarray:
    """The algorithm as its paper prints it."""
    p = np.linalg.inv(dense.T @ dense + strength * np.eye(dense.shape[1]))
    b = p / -np.diag(p)
    np.fill_diagonal(b, 0)
    return b


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(12, 30), (30, 12), (20, 20)]), st.floats(0.5, 500))
def test_ease_equals_the_closed_form(seed: int, shape: tuple[int, int], strength: float):
    users, items = shape
    ratings = _ratings(seed, users, items)
    taste = taste_matrix(ratings, users, items, 4.0, 0.5)
    into, out = ease_factors(decompose(taste), items, strength)
    dense = taste.toarray()
    unseen = dense == 0
    found, expected = (dense @ into) @ out.T, dense @ _steck(dense, strength)
    np.testing.assert_allclose(found[unseen], expected[unseen], atol=2e-5 * max(1, np.abs(expected).max()))


def test_neighbours_equal_plain_numpy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "COLUMNS_AT_ONCE", 7)
    taste = taste_matrix(_ratings(2, 40, 30, 500), 40, 30, 4.0, 0.5)
    found, dense = neighbours_of(taste, 5), taste.toarray()
    norms = np.linalg.norm(dense, axis=0)
    likeness = dense.T @ dense / (np.outer(norms, norms) + SHRINK)
    np.fill_diagonal(likeness, 0)
    for item, part in found.groupby("item"):
        assert sorted(part["weight"]) == pytest.approx(np.sort(likeness[:, item])[-5:])
        assert part["weight"].to_numpy() == pytest.approx(likeness[part["other"], item])


def test_memory_is_bounded_by_the_most_watched_films(monkeypatch: pytest.MonkeyPatch):
    ratings = _ratings(3, 40, 30, 400)
    taste = taste_matrix(ratings, 40, 30, 0.5, 1.0)
    assert len(most_watched(taste)) == 30
    monkeypatch.setattr(module, "MOST_SIDE", 10)
    kept = most_watched(taste)
    watched = np.bincount(ratings["item"], minlength=30)
    assert len(kept) == 10
    assert watched[kept].min() >= np.delete(watched, kept).max()
    model = fit_items.fn(ratings, 40, 30, Choice(method="ease", regularisation=5), 0.5)
    assert model.into.shape[1] <= 10
    assert not np.delete(model.into, kept, axis=0).any()
    monkeypatch.setattr(module, "MOST_CELLS", 50)
    assert len(most_watched(taste)) == 5


def test_popularity_fades_by_half_lives():
    ratings = pd.DataFrame(
        {"user": [0, 1, 2], "item": [0, 0, 1], "rating": 5.0, "timestamp": np.array([0, 10, 20]) * DAY}
    )
    assert liked_counts(ratings, 3, 4.0) == pytest.approx([2, 1, 0], abs=1e-2)
    assert liked_counts(ratings, 3, 4.0, 10.0) == pytest.approx([0.75, 1, 0], abs=1e-2)


@pytest.mark.parametrize("method", ["ease", "knn", "popularity"])
def test_a_model_comes_back_from_its_folder(tmp_path: Path, method: str):
    ratings = _ratings(4, 25, 30)
    model = fit_items.fn(ratings, 25, 30, Choice(method=method, regularisation=5, half_life=100, popular=0.1), 4.0)  # type: ignore[arg-type]
    model.save(tmp_path)
    again, who = ListModel.load(tmp_path), np.arange(25)
    assert again.choice == model.choice
    np.testing.assert_array_equal(again.ranker(ratings, 25).scores(who), model.ranker(ratings, 25).scores(who))


def test_validation_chooses_the_method_and_nothing_of_the_test_part():
    drawn = sample_ratings(users=120, films=80, ratings=5_000)
    ratings = drawn.ratings.assign(user=drawn.ratings["userId"] - 1, item=pd.factorize(drawn.ratings["movieId"])[0])
    train = split_ratings.fn(ratings, "random", 0.15, 1).train
    shape = 120, 80
    grid = [Choice(method="ease", regularisation=strength, others=0.5) for strength in (50, 1e7)]
    found = search_items.fn(train, *shape, grid, [Choice(method="knn")], 4.0)
    assert found.ease.regularisation == 50
    by = found.table.groupby("method")["ndcg"].max()
    assert by["ease"] > by["popularity"]
    als = pd.DataFrame({"ndcg": [0.0]})
    best = [found.popularity, found.knn, found.ease]
    assert choose_lists.fn(als, Choice(alpha=1), found.table, best).method == by.idxmax()
    assert choose_lists.fn(als + 1, Choice(alpha=1), found.table, best).method == "als"


def test_permuted_ratings_make_no_claim():
    """Nothing predicts ratings that were dealt by chance better than their mean, and it is their mean that is used."""
    chance = np.random.default_rng(5)
    ratings = _ratings(5, 100, 80, 4_000)
    claims = 0
    for seed in range(5):
        dealt = ratings.assign(rating=chance.permutation(ratings["rating"]))
        train, test = split_ratings.fn(dealt, "random", 0.1, seed)
        tried = search_biases.fn(train, 100, 80)
        biases = fit_biases.fn(train, 100, 80, tried.pulls)
        centred = centre_ratings.fn(train, 100, 80, tried.pulls)
        assert centred["prior"].std() < 0.2
        choice = choose_stars.fn(train, 80, tried.table, pd.DataFrame({"rmse": [9.0]}))
        zeros = np.ones((100, 2)), np.ones((80, 2))
        model = star_model.fn(train, choice, biases.user, biases.item, *zeros)
        assert not model.users.any()
        guess = model.user[test["user"]] + model.item[test["item"]]
        ours, mean = (
            ((guess - test["rating"]) ** 2).to_numpy(),
            ((train["rating"].mean() - test["rating"]) ** 2).to_numpy(),
        )
        assert np.sqrt(ours.mean()) < np.sqrt(mean.mean()) + 0.02
        claims += paired_difference(mean, ours, groups=test["user"].to_numpy()).low > 0
    assert claims <= 1


def test_means_of_films_are_used_where_they_are_best():
    chance = np.random.default_rng(6)
    ratings = _ratings(6, 100, 20, 2_000)
    ratings["rating"] = 1.5 + ratings["item"] % 4 + 0.1 * chance.standard_normal(2_000)
    train = split_ratings.fn(ratings, "random", 0.1, 1).train
    worse = pd.DataFrame({"rmse": [9.0]})
    choice = choose_stars.fn(train, 20, worse, worse)
    assert (choice.best, choice.simple) == ("item_mean", "item_mean")
    model = star_model.fn(train, choice, np.ones(100), np.ones(20), np.ones((100, 1)), np.ones((20, 1)))
    np.testing.assert_allclose(model.item, item_means(train, 20))
    assert not model.user.any()


def _champion(model: ListModel, films: pd.DataFrame, lists: pd.DataFrame) -> Champion:
    place = store()
    artifacts = {"lists": place.put(model), "films": place.put(films), "recommendations": place.put(lists)}
    return Champion(model="recommendations-sample", version=1, run="r", artifacts=artifacts)


@pytest.mark.parametrize("method", ["ease", "knn", "popularity"])
def test_the_champion_answers_a_user_and_whoever_likes_some_films(method: str):
    drawn = sample_ratings(users=120, films=80, ratings=5_000)
    item, films = pd.factorize(drawn.ratings["movieId"], sort=True)
    ratings = drawn.ratings.assign(user=drawn.ratings["userId"] - 1, item=item)
    titles = (
        drawn.films.rename(columns={"movieId": "film"}).set_index("film").loc[films].rename_axis("film").reset_index()
    )
    model = fit_items.fn(ratings, 120, len(films), Choice(method=method, regularisation=50, others=0.5), 4.0)  # type: ignore[arg-type]
    users = pd.DataFrame({"user": np.arange(120) + 1})
    champion = _champion(model, titles, recommend_films.fn(ratings, users, titles, model))
    own = predict(champion, " 7 ")
    assert own.table["rank"].tolist() == list(range(1, 11))
    assert own.answer == f"User 7 should watch {own.table['title'].iloc[0]} next."
    liked = titles["title"].head(5).tolist()
    found = predict(champion, "; ".join([liked[0].lower(), *liked[1:]]), count=6)
    assert len(found.table) == 6
    assert not set(found.table["title"]) & set(liked)
    assert found.table["score"].is_monotonic_decreasing
    assert not found.warnings
    assert "name five or more" in predict(champion, liked[0]).warnings[0]
    scores = model.for_taste(taste_matrix(pd.DataFrame({"user": 0, "item": range(5), "rating": 5.0}), 1, 80, 4.0, 0.5))
    best = int(np.argmax(np.where(np.arange(80) < 5, -np.inf, scores.scores(np.array([0]))[0])))
    assert found.table["title"].iloc[0] == titles["title"].iloc[best]
    for odd, told in (("No such film", "No film is called 'No such film'"), (" ; ", "titles parted by semicolons")):
        with pytest.raises(UsageError, match=told):
            predict(champion, odd)


def test_films_are_found_by_part_of_their_title_the_popular_one_first():
    films = pd.DataFrame({"title": ["Signal, The (1999)", "Signal (2001)", "A Signal (1970)", "Harbour (c.*) (1980)"]})
    popularity = np.array([3.0, 1.0, 9.0, 2.0])
    assert find_film("signal", films, popularity) == 1
    assert find_film("signal (2001)", films, popularity) == 1
    assert find_film("The Signal", films, popularity) == find_film("SIGNAL, the", films, popularity) == 0
    assert find_film("igna", films, popularity) == 2
    assert find_film("(c.*)", films, popularity) == 3
    with pytest.raises(UsageError, match="did you mean harbour"):
        find_film("harbor", films.assign(title=["Harbour (1980)", *films["title"][1:]]), popularity)
