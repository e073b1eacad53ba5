"""The embedded films of the movies case: invented films whose revenue follows a known formula with known noise.

Written as the publisher writes them (the 10,000 most voted feature films of IMDb, movies.csv): the same columns, films
ranked by their votes, genres as one text, missing metascores and revenues. As in the original, revenue is not missing
at random: small and old films lack it most often. Since the noise is known, so is the best R² that any model can reach.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SEED = 20_181_104
ROWS = 1_600
ZEROS = 12  # missing revenues that are written as 0, as some providers do
LEAST = 0.01  # millions of dollars: in the file 0 stands for a revenue that nobody knows
SIGMA = 1.4  # standard deviation of the square root of the revenue (in millions of dollars) around the formula
INTERCEPT, PER_LOG_VOTE, PER_SCORE, PER_YEAR = 0.8, 2.1, -0.5, -0.03
GENRE_EFFECT = {
    "Action": 0.5,
    "Adventure": 1.3,
    "Animation": 1.0,
    "Comedy": 0.4,
    "Crime": -0.4,
    "Drama": -0.9,
    "Family": 0.9,
    "Horror": -0.3,
    "Romance": 0.0,
    "Thriller": 0.0,
}
GENRE_SHARES = np.array([0.13, 0.09, 0.04, 0.18, 0.11, 0.24, 0.03, 0.06, 0.06, 0.06])
FEWEST_VOTES = 6_000
NO_NUMBER, IMPOSSIBLE, TWICE, SEQUELS = 2, 2, 2, 40  # rows that are planted: unreadable, against the contract
COLUMNS = (
    "Rank",
    "Title",
    "Year",
    "Score",
    "Metascore",
    "Genre",
    "Vote",
    "Director",
    "Runtime",
    "Revenue",
    "Description",
)
FIRST_WORDS = ("Silent", "Crimson", "Café", "Le Grand", "Broken", "Midnight", "Iron", "Lost", "Señor", "Paper", "120")
LAST_WORDS = ("River", "Empire", "Days", "Bleu", "Harvest", "Window", "Mercy", "Station", "Girl", "Ø", "Promise")


class SampleMovies(NamedTuple):
    """The sound films of the sample, complete, and what is true of them."""

    frame: pd.DataFrame  # as the publisher writes it, the revenue of films that lack it included
    centre: np.ndarray  # (n,) what the formula gives: the mean of the square root of the revenue before it is cut at 0
    missing: np.ndarray  # (n,) bool: the file has no revenue


def sample_movies(rows: int = ROWS, seed: int = SEED) -> SampleMovies:
    """Draw films with their revenue in millions of dollars.

    Args:
        rows: number of films.
        seed: of the draws.
    """
    chance = np.random.default_rng(seed)
    frame = _films(chance, rows)
    centre = formula(frame)
    frame["Revenue"] = np.maximum(np.round(np.maximum(centre + chance.normal(0, SIGMA, rows), 0) ** 2, 2), LEAST)
    small = (10.3 - np.log(frame["Vote"].to_numpy(float))) + (2000 - frame["Year"].to_numpy(float)) / 25
    missing = chance.random(rows) < 1 / (1 + np.exp(1.2 - 1.1 * small))
    return SampleMovies(frame, centre, missing)


def formula(frame: pd.DataFrame) -> np.ndarray:
    """Return the mean of the square root of each film's revenue, before it is cut at 0; (n,)."""
    genres = frame["Genre"].str.split(", ")
    effects = np.array([sum(GENRE_EFFECT[genre] for genre in of_film) for of_film in genres])
    log_vote = np.log(frame["Vote"].to_numpy(float) / FEWEST_VOTES)
    score, year = frame["Score"].to_numpy(float) - 6.5, frame["Year"].to_numpy(float) - 2000
    return INTERCEPT + PER_LOG_VOTE * log_vote + PER_SCORE * score + PER_YEAR * year + effects


def expected_revenue(centre: np.ndarray) -> np.ndarray:
    """Return the mean revenue of a film in millions of dollars: of the square of a normal value cut at 0; (n,)."""
    from scipy import stats

    ratio = centre / SIGMA
    return (centre**2 + SIGMA**2) * stats.norm.cdf(ratio) + centre * SIGMA * stats.norm.pdf(ratio)


def true_quantile(centre: np.ndarray, share: float) -> np.ndarray:
    """Return the revenue that a film stays below with the probability `share`; (n,)."""
    from scipy import stats

    return np.maximum(centre + SIGMA * stats.norm.ppf(share), 0) ** 2


def _films(chance: np.random.Generator, rows: int) -> pd.DataFrame:
    votes = np.sort(np.maximum(np.exp(chance.normal(10.1, 1.15, rows)), FEWEST_VOTES).astype(int))[::-1]
    names = list(GENRE_EFFECT)
    genres = [
        ", ".join(sorted(chance.choice(names, chance.integers(1, 4), replace=False, p=GENRE_SHARES)))
        for _ in range(rows)
    ]
    titles = [f"The {chance.choice(FIRST_WORDS)} {chance.choice(LAST_WORDS)} No. {number}" for number in range(rows)]
    for number in chance.choice(np.arange(1, rows), SEQUELS, replace=False):
        titles[number] = f"{titles[number - 1]}: Part II"
    score = np.clip(np.round(chance.normal(6.6, 1.0, rows), 1), 1.3, 9.6)
    meta = np.clip(np.rint(56 + 11 * (score - 6.6) + chance.normal(0, 12, rows)), 5, 99)
    return pd.DataFrame(
        {
            "Rank": np.arange(1, rows + 1),
            "Title": titles,
            "Year": 2018 - np.minimum(chance.gamma(1.3, 15, rows).astype(int), 100),
            "Score": score,
            "Metascore": np.where(chance.random(rows) < 0.32, np.nan, meta),
            "Genre": genres,
            "Vote": votes,
            "Director": [f"Director {number}" for number in chance.zipf(1.6, rows) % 700],
            "Runtime": np.clip(np.rint(chance.normal(108, 20, rows)), 45, 450).astype(int),
            "Revenue": 0.0,
            "Description": [
                f'A "{genre.split(", ")[0].lower()}" of two friends, a debt, and a dog.' for genre in genres
            ],
        }
    )


def write_movies(folder: Path) -> None:
    """Write `movies.csv` in the publisher's format, with its quirks and a few broken rows, into an empty folder."""
    drawn = sample_movies()
    frame = drawn.frame.astype(object)
    frame.loc[drawn.missing, "Revenue"] = "NA"
    frame.loc[frame.index[drawn.missing][:ZEROS], "Revenue"] = "0.0"
    frame.loc[frame["Metascore"].isna(), "Metascore"] = "NA"
    chance = np.random.default_rng(SEED + 1)
    places = chance.choice(len(frame), NO_NUMBER + IMPOSSIBLE + TWICE + 1, replace=False)
    bad = frame.iloc[places].copy()
    bad["Title"] = [f"Planted {number}" for number in range(len(bad))]
    bad["Rank"] = range(len(frame) + 1, len(frame) + 1 + len(bad))
    bad.iloc[0, COLUMNS.index("Revenue")] = "$12.5M"
    bad.iloc[1, COLUMNS.index("Vote")] = "many"
    bad.iloc[2, COLUMNS.index("Score")] = 86
    bad.iloc[3, COLUMNS.index("Year")] = 2108
    bad.iloc[5] = bad.iloc[4].where(bad.columns != "Rank", bad.iloc[5])  # one film on two rows
    bad.iloc[6, COLUMNS.index("Director")] = "NA"
    table = pd.concat([frame, bad], ignore_index=True)
    with (folder / "movies.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            [
                int(cell) if name == "Metascore" and cell != "NA" else cell
                for name, cell in zip(COLUMNS, row, strict=True)
            ]
            for row in table.itertuples(index=False)
        )
