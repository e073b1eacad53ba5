"""The split of the published analysis, and features that no revenue enters."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.movies.features import describe_films, revenue_bands, series_of, split_films
from tasks.cases.movies.ingestion import read_movies
from tasks.cases.movies.sample import sample_movies
from tasks.platform.errors import ContractError


def films(rows: int = 400) -> pd.DataFrame:
    drawn = sample_movies(rows, seed=5)
    names = {"Vote": "votes", "Genre": "genres"} | {
        name: name.lower() for name in drawn.frame if name not in {"Vote", "Genre"}
    }
    frame = drawn.frame.rename(columns=names)
    return frame.assign(revenue=frame["revenue"].mask(drawn.missing))


@given(st.lists(st.floats(0, 3000), min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_band_is_too_small_to_split(revenue: list[float]) -> None:
    bands = revenue_bands(np.array(revenue))
    counts = np.bincount(bands)
    assert bands.max() <= 3
    assert all(count != 1 for count in counts)


def test_a_single_small_film_joins_the_band_above() -> None:
    assert revenue_bands(np.array([5.0, 210, 220, 350, 360])).tolist() == [2, 2, 2, 3, 3]
    assert revenue_bands(np.array([5.0, 7, 110, 350, 360])).tolist() == [0, 0, 0, 3, 3]
    dear = films().assign(revenue=[5.0, *np.linspace(110, 390, 399)])
    assert len(split_films.fn(dear, 0.8, 42).test) == 80


def test_bands_of_very_few_films() -> None:
    assert revenue_bands(np.array([5.0])).tolist() == [0]
    assert revenue_bands(np.array([5.0, 7])).tolist() == [0, 0]
    assert revenue_bands(np.array([5.0, 210, 220])).tolist() == [2, 2, 2]
    assert revenue_bands(np.empty(0)).tolist() == []


def test_too_small_a_training_part_is_refused_by_name() -> None:
    known = films().assign(revenue=np.linspace(0, 390, 400)).head(110)
    with pytest.raises(ContractError, match=r"train_share of 0\.05 leaves 5 of 110 films"):
        split_films.fn(known, 0.05, 42)
    assert len(split_films.fn(known, 0.5, 42).train) == 55


def test_each_film_is_in_one_part_and_the_split_is_seeded() -> None:
    everyone = films()
    split = split_films.fn(everyone, 0.8, 42)
    parts = pd.concat([split.train, split.test, split.missing])
    assert sorted(parts["rank"]) == sorted(everyone["rank"])
    assert split.missing["revenue"].isna().all()
    assert split.train["rank"].tolist() == split_films.fn(everyone, 0.8, 42).train["rank"].tolist()
    assert split.train["rank"].tolist() != split_films.fn(everyone, 0.8, 43).train["rank"].tolist()
    assert np.allclose(split.bands[["all", "train", "test"]].sum(), 1)


def test_the_strata_are_those_that_were_published(shared: Path) -> None:
    """The rows that the notebook prints after its split of all 10,000 films, the missing filled with the median."""
    from sklearn.model_selection import StratifiedShuffleSplit

    revenue = read_movies.fn(shared / "data" / "movies" / "movies.csv").frame["revenue"]
    bands = revenue_bands(revenue.fillna(revenue.median()).to_numpy())
    train, test = next(StratifiedShuffleSplit(1, train_size=0.1, random_state=42).split(bands, bands))
    assert train[:5].tolist() + train[-5:].tolist() == [6477, 973, 917, 5710, 9989, 5143, 2986, 2057, 2258, 5928]
    assert test[:7].tolist() == [3921, 6943, 9444, 6446, 1987, 1914, 4184]


def test_no_revenue_enters_a_feature() -> None:
    everyone = films()
    shuffled = everyone.assign(revenue=everyone["revenue"].sample(frac=1, random_state=1).to_numpy())
    pd.testing.assert_frame_equal(describe_films.fn(everyone, everyone), describe_films.fn(shuffled, shuffled))


def test_features_of_one_film() -> None:
    film = {
        "rank": 1,
        "title": "Toy Story 3",
        "year": 2010,
        "score": 8.3,
        "metascore": np.nan,
        "votes": 700_000,
        "genres": "Animation, Sci-Fi, Unheard-of",
        "director": "",
        "runtime": 103,
        "revenue": 415.0,
    }
    table = pd.DataFrame([film, film | {"title": "Toy Story", "director": "J. L."}])
    row = describe_films.fn(table, table).iloc[0]
    assert (row["Animation"], row["Sci-Fi"], row["Drama"]) == (1, 1, 0)
    assert (row["metascore"], row["metascore_missing"], row["series"], row["films_of_series"]) == (
        -1,
        1,
        "toy story",
        2,
    )
    assert (row["films_of_director"], row["director_log_votes"]) == (1, pytest.approx(np.log(700_000)))


@pytest.mark.parametrize(
    ("title", "series"),
    [
        ("The Matrix", "matrix"),
        ("Rocky IV", "rocky"),
        ("Avengers: Infinity War", "avengers"),
        ("2012", "2012"),
        ("The Godfather: Part II", "godfather"),
        ("A 3", "a"),
        ("", ""),
    ],
)
def test_series(title: str, series: str) -> None:
    assert series_of(pd.Series([title]))[0] == series


def test_a_single_value_of_revenue_is_refused() -> None:
    same = films(250).assign(revenue=50.0)
    with pytest.raises(ContractError, match=r"All 250 known revenues are the same, 50 million"):
        split_films.fn(same, 0.8, 42)
    one_differs = same.assign(revenue=[60.0, *[50.0] * 249])
    seeds = range(12)
    messages = []
    for seed in seeds:
        with pytest.raises(ContractError, match=r"have the same revenue, 50 million dollars") as refused:
            split_films.fn(one_differs, 0.5, seed)
        messages.append(str(refused.value))
    assert any(message.startswith("All 125 training films") for message in messages)
    assert any(message.startswith("All 125 test films") for message in messages)
    two_values = same.assign(revenue=[50.0, 60.0] * 125)
    assert len(split_films.fn(two_values, 0.8, 42).test) == 50


def test_too_few_revenues_are_refused() -> None:
    everyone = films()
    with pytest.raises(ContractError, match="Only 0 of 400 films have a revenue"):
        split_films.fn(everyone.assign(revenue=np.nan), 0.8, 42)
