"""What can be known of a film before its revenue is, and which films are for learning and which for testing?

No feature is worked out from a revenue: a film's features come from its own row, and from how many films of its
director and its series the list holds and how many votes they got. What has to be learned from revenues (what a
director's films earn) is learned inside the model, from the training films only.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

BAND, BANDS = 100.0, 4  # millions of dollars: 0 to 100, 100 to 200, 200 to 300, and more; see `split_films`
FEWEST_KNOWN = 100  # films with revenue; with fewer there is nothing to learn or to test
FEWEST_TRAINING = 50  # films to learn from; with fewer, cross-validation and calibration have nothing to rest on
FEWEST_VALUES = 2  # different revenues in each part; a single one leaves nothing to predict
NUMBERS = ("year", "score", "metascore", "metascore_missing", "votes", "log_votes", "runtime")
GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Biography",
    "Comedy",
    "Crime",
    "Drama",
    "Family",
    "Fantasy",
    "FilmNoir",
    "History",
    "Horror",
    "Music",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Sport",
    "Thriller",
    "War",
    "Western",
)
LISTED = ("films_of_director", "director_log_votes", "films_of_series")
NAMES = ("director", "series")
NO_METASCORE = -1.0  # trees tell it from every real one
_SERIES_ENDS = r"(?i)\s*(?::|\s-\s|\b(?:part|episode|chapter|vol)\b|\b(?:ii|iii|iv|v|vi|vii|viii|ix|x|\d+)\b).*$"


class SplitFilms(NamedTuple):
    """The films for learning, for testing, and those whose revenue is asked for."""

    train: pd.DataFrame
    test: pd.DataFrame
    missing: pd.DataFrame
    bands: pd.DataFrame  # band, all, train, test: share of the films in each band of revenue


def published_bands(revenue: np.ndarray) -> np.ndarray:
    """Return the band of each revenue (n,): 0 for less than 100 millions of dollars, 1 to 200, 2 to 300, 3 for more."""
    return np.minimum(np.asarray(revenue, np.float64) // BAND, BANDS - 1).astype(int)


def revenue_bands(revenue: np.ndarray) -> np.ndarray:
    """Return the `published_bands`, (n,), none of them with a single film, since it cannot be split.

    Such a band is put together with the one below, the lowest with the next one that holds a film.
    """
    bands = published_bands(revenue)
    for band in range(BANDS - 1, 0, -1):
        if (bands == band).sum() < 2:
            bands[bands == band] = band - 1
    if (bands == 0).sum() == 1 and len(bands) > 1:
        bands[bands == 0] = bands[bands > 0].min()
    return bands


@stage(phase="Data preparation")
def split_films(films: pd.DataFrame, train_share: float, seed: int) -> SplitFilms:
    """Part the films with revenue into training and test, stratified on bands of revenue.

    Strata and seed are those of a published analysis of these films (A. Traut, "Machine Learning with Python", notebook
    "Movies Machine Learning - StratifiedSample"), which learns from 10 % of them. It fills missing revenues with the
    median before it splits; here only films whose revenue is known are learned from and tested on.

    Args:
        films: a row per film.
        train_share: share of the films with revenue to learn from, between 0 and 1.
        seed: of the split.

    Raises:
        ContractError: too few films have a revenue, `train_share` leaves too few of them to learn from, or all known
            revenues, or all of one part, are the same.
    """
    from sklearn.model_selection import StratifiedShuffleSplit

    known = films[films["revenue"].notna()].reset_index(drop=True)
    if len(known) < FEWEST_KNOWN:
        raise ContractError(
            f"Only {len(known)} of {len(films):,} films have a revenue, and at least {FEWEST_KNOWN} are needed to learn"
            " from; give a list with more known revenues."
        )
    if known["revenue"].nunique() < FEWEST_VALUES:
        raise ContractError(
            f"All {len(known):,} known revenues are the same, {known['revenue'].iloc[0]:g} million dollars, so there is"
            " nothing to predict; give more films."
        )
    learned = math.floor(train_share * len(known))  # as scikit-learn rounds it
    if learned < FEWEST_TRAINING:
        raise ContractError(
            f"A train_share of {train_share:g} leaves {learned} of {len(known):,} films with a revenue to learn from,"
            f" and at least {FEWEST_TRAINING} are needed; give a larger train_share, or more known revenues."
        )
    bands, shown = revenue_bands(known["revenue"].to_numpy()), published_bands(known["revenue"].to_numpy())
    splitter = StratifiedShuffleSplit(n_splits=1, train_size=train_share, random_state=seed)
    train, test = next(splitter.split(known, bands))
    for name, rows in (("training", train), ("test", test)):
        if known["revenue"].iloc[rows].nunique() < FEWEST_VALUES:
            raise ContractError(
                f"All {len(rows):,} {name} films have the same revenue, {known['revenue'].iloc[rows[0]]:g} million"
                " dollars, so there is nothing to predict; give more films, or another seed or train_share."
            )
    shares = pd.DataFrame({name: _shares(shown[rows]) for name, rows in (("train", train), ("test", test))})
    shares.insert(0, "all", _shares(shown))
    shares.insert(0, "band", [_band_name(number) for number in range(BANDS)])
    missing = films[films["revenue"].isna()].reset_index(drop=True)
    return SplitFilms(
        known.iloc[train].reset_index(drop=True), known.iloc[test].reset_index(drop=True), missing, shares
    )


def _shares(bands: np.ndarray) -> np.ndarray:
    return np.bincount(bands, minlength=BANDS) / len(bands)


def _band_name(number: int) -> str:
    low = f"{number * BAND:.0f}"
    return f"{low} or more" if number == BANDS - 1 else f"{low} to {(number + 1) * BAND:.0f}"


def series_of(titles: pd.Series) -> pd.Series:
    """Return what a title has in common with its sequels: "Toy Story 3" and "Toy Story" are "toy story"."""
    stems = titles.str.replace(_SERIES_ENDS, "", regex=True).str.lower().str.strip()
    stems = stems.str.replace(r"^(?:the|a|an)\s+", "", regex=True)
    return stems.where(stems != "", titles.str.lower())


@stage(phase="Data preparation")
def describe_films(films: pd.DataFrame, everyone: pd.DataFrame) -> pd.DataFrame:
    """Turn films into features; nobody's revenue is looked at.

    Args:
        films: a row per film, (n, …).
        everyone: all films of the list, with and without revenue.

    Returns:
        The columns `NUMBERS`, `GENRES` and `LISTED` as float64, the names `director` and `series` as text.
    """
    table = pd.DataFrame(
        {
            "year": films["year"].astype(float),
            "score": films["score"].astype(float),
            "metascore": films["metascore"].astype(float).fillna(NO_METASCORE),
            "metascore_missing": films["metascore"].isna().astype(float),
            "votes": films["votes"].astype(float),
            "log_votes": np.log(films["votes"].astype(float)),
            "runtime": films["runtime"].astype(float),
        }
    )
    genres = films["genres"].str.split(",").map(lambda names: {name.strip() for name in names})
    for genre in GENRES:
        table[genre] = [float(genre in names) for names in genres]
    table["director"] = films["director"].astype(str)
    table["series"] = series_of(films["title"].astype(str))
    return _with_listed(table, everyone)


def _with_listed(table: pd.DataFrame, everyone: pd.DataFrame) -> pd.DataFrame:
    """Add how many films of the director and of the series are listed, and the mean logarithm of the former's votes."""
    named = everyone[everyone["director"] != ""]
    votes = pd.Series(np.log(named["votes"].astype(float))).groupby(named["director"]).agg(["size", "mean"])
    series = series_of(everyone["title"].astype(str)).value_counts()
    table["films_of_director"] = table["director"].map(votes["size"]).fillna(1).astype(float)
    table["director_log_votes"] = table["director"].map(votes["mean"]).fillna(table["log_votes"]).astype(float)
    table["films_of_series"] = table["series"].map(series).fillna(1).astype(float)
    return table


def published_numbers(features: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers that the published analysis learns from, a missing metascore as NaN: no genre, no name."""
    numbers = features[["year", "score", "metascore", "votes", "runtime"]]
    return numbers.assign(metascore=numbers["metascore"].where(features["metascore_missing"] == 0))
