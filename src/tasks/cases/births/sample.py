"""Births that never were, in the schema of BigQuery's `samples.natality`, with a known truth, at any size.

A birth's weight rises with the mother's age up to `BEST_AGE` and falls beyond; first births, births of smokers and
girls are lighter, twins much lighter. The young have more first births and smoke more, the old have more twins: so
the raw curve by age is not the true one. Over the years mothers grow older, and weight rises and falls again. Rows are
written a block at a time, so that memory does not grow with the file.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

FILE = "births.parquet"
SEED = 19_690_101
BLOCK = 500_000
FIRST_YEAR, LAST_YEAR = 1969, 2008
OLDEST = 52  # years of a mother
SMOKING_FROM = 1989  # the year from which certificates tell who smokes
HALF_UNTIL = 1971  # until then every second certificate was recorded and counts twice

# The truth, in pounds.
BASE, BEST_AGE, BEND = 7.62, 31.0, 0.0012  # weight at the best age, and the loss a squared year away from it
FIRST, SMOKER, BOY, TWIN = -0.18, -0.42, 0.26, -2.1
EARLY_SHARE, EARLY, NOISE = 0.06, -2.0, 1.05  # of births too early, what they weigh less, and the standard deviation
TREND, TOP_YEAR = 0.00035, 1986  # lost a squared year away from the year of the heaviest births

QUIRKS = {"weight": 12, "weight_range": 5, "age": 3}  # rows of a sample that cannot be used, by reason
STATES = ("CA", "TX", "NY", "IL", "OH", "PA", "MI", "FL", "NJ", "MA", "NC", "GA", "VA", "IN", "MO")


def draw_births(rows: int, seed: int = SEED, block: int = 0) -> pd.DataFrame:
    """Draw births.

    Args:
        rows: how many.
        seed: of the draws.
        block: number of the block, another draw for each.

    Returns:
        (rows, 18), types and names as in natality, which has 31; `cigarette_use` is unknown before `SMOKING_FROM`.
    """
    rng = np.random.default_rng([seed, block])
    year = rng.integers(FIRST_YEAR, LAST_YEAR + 1, rows)
    shift = 3.2 * (year - FIRST_YEAR) / (LAST_YEAR - FIRST_YEAR)
    age = np.round(13.2 + shift + rng.gamma(4.3, 2.65, rows)).astype(np.int64)
    age = np.where(age > OLDEST, age - 20, age)  # nobody is older, and nobody is put among the oldest either
    first = rng.random(rows) < 1 / (1 + np.exp((age - 24) / 4.5))
    smokes = rng.random(rows) < np.clip(0.30 - 0.008 * (age - 15), 0.06, 0.30)
    twins = rng.random(rows) < np.clip(0.014 + 0.0009 * (age - 18), 0.01, 0.04)
    boy, early = rng.random(rows) < 0.512, rng.random(rows) < EARLY_SHARE + 0.5 * twins
    mean = true_weight(age, year) + FIRST * first + SMOKER * smokes + BOY * boy + TWIN * twins
    pounds = mean + EARLY * (early & ~twins) + NOISE * rng.standard_normal(rows)
    weeks = np.round(39.4 + 1.5 * rng.standard_normal(rows) - 5 * early).astype(np.int64)
    return pd.DataFrame(
        {
            "source_year": year,
            "year": year,
            "month": rng.integers(1, 13, rows),
            "day": pd.array(rng.integers(1, 29, rows), "Int64"),
            "wday": rng.integers(1, 8, rows),
            "state": np.array(STATES)[rng.integers(0, len(STATES), rows)],
            "is_male": boy,
            "weight_pounds": np.clip(pounds, 0.8, 16).round(6),
            "plurality": np.where(twins, 2, 1),
            "mother_age": age,
            "gestation_weeks": np.where(rng.random(rows) < 0.02, 99, np.clip(weeks, 20, 45)),
            "ever_born": np.where(first, 1, 2 + rng.poisson(0.7, rows)),
            "cigarette_use": pd.array(np.where(smokes, 1, 0), "Int8").astype("boolean"),
            "apgar_1min": np.clip(9 - rng.poisson(0.9, rows), 0, 10),
            "apgar_5min": np.clip(9 - rng.poisson(0.3, rows), 0, 10),
            "weight_gain_pounds": np.clip(np.round(30 + 11 * rng.standard_normal(rows)), 0, 97).astype(np.int64),
            "father_age": age + np.round(3 + 4 * np.abs(rng.standard_normal(rows))).astype(np.int64),
            "mother_married": rng.random(rows) < 0.7,
            "record_weight": np.where(year <= HALF_UNTIL, 2, 1),
        }
    ).assign(cigarette_use=lambda frame: frame["cigarette_use"].mask(frame["year"] < SMOKING_FROM))


def true_weight(age: np.ndarray, year: np.ndarray) -> np.ndarray:
    """Return the mean weight in pounds of later single girls of mothers who do not smoke, before early births."""
    return np.asarray(BASE - BEND * (age - BEST_AGE) ** 2 - TREND * (year - TOP_YEAR) ** 2)


def write_rows(file: Path, rows: int, seed: int = SEED, quirks: bool = True) -> None:
    """Write births as Parquet, a block at a time; with a few rows that cannot be used where `quirks` are wanted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for start in range(0, rows, BLOCK):
        frame = draw_births(min(BLOCK, rows - start), seed, start // BLOCK)
        if quirks and start == 0:
            frame = spoilt(frame)
        table = pa.Table.from_pandas(frame.astype({"state": "string"}), preserve_index=False)
        writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema), row_group_size=100_000)
    if writer:
        writer.close()


def spoilt(frame: pd.DataFrame) -> pd.DataFrame:
    """Return births with the rows of `QUIRKS`: weights and ages that are missing, weights that nobody has."""
    frame = frame.astype({"mother_age": "Int64"})
    at = np.arange(sum(QUIRKS.values())) * 37 + 11
    missing, wild, ageless = np.split(at, np.cumsum(list(QUIRKS.values()))[:-1])
    frame.loc[missing, "weight_pounds"] = np.nan
    frame.loc[wild, "weight_pounds"] = 99.99
    frame.loc[ageless, "mother_age"] = pd.NA
    return frame


def births_writer(rows: int) -> Callable[[Path], object]:
    """Return a function that writes a sample of `rows` births, under a name that tells samples of each size apart."""

    def write(folder: Path) -> None:
        write_rows(folder / FILE, rows)

    write.__name__ = f"rows_{rows}"
    return write
