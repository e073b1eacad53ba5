"""The embedded parts of the quality case: invented moulded parts that fail by three known rules, and by chance.

A part is faulty with `UNDER_A_RULE` where one of the rules holds and with `OTHERWISE` where none does, so the best
that any model can reach is known. `Rework [min]` is known only after a part was found faulty: a model that takes it for
an input looks perfect and is of no use.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SEED = 20_260_101
ROWS = 3_000
COLDEST = 154.0  # °C between melt and mould; below it a part is not filled
MOST_WORK = 2_600.0  # bar·s of pressure × time; above it a part has flash
WETTEST = 66.0  # % humidity; above it machine B makes streaks
UNDER_A_RULE, OTHERWISE = 0.95, 0.004
NO_NUMBER = 2  # rows whose pressure cannot be read
TARGET = "Result"
GIVEAWAY = "Rework [min]"


class SampleProducts(NamedTuple):
    """The parts and what is true of them."""

    frame: pd.DataFrame  # a row per part, as it is written
    rules: pd.DataFrame  # bool: `cold`, `work`, `wet`
    chance: np.ndarray  # (n,) the true chance to be faulty


def sample_products(rows: int = ROWS, seed: int = SEED) -> SampleProducts:
    """Draw parts, in order of time.

    Args:
        rows: how many.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    machine = rng.choice(["A", "B", "C"], rows, p=[0.4, 0.35, 0.25])
    melt, mould = rng.normal(235, 9, rows).round(1), rng.normal(62, 6, rows).round(1)
    pressure, seconds = rng.normal(900, 110, rows).round(0), rng.normal(2.1, 0.3, rows).round(2)
    humidity = rng.normal(50, 10, rows).round(1)
    rules = pd.DataFrame(
        {
            "cold": melt - mould < COLDEST,
            "work": pressure * seconds > MOST_WORK,
            "wet": (machine == "B") & (humidity > WETTEST),
        }
    )
    chance = np.where(rules.any(axis=1), UNDER_A_RULE, OTHERWISE)
    faulty = rng.random(rows) < chance
    frame = pd.DataFrame(
        {
            "Part": [f"P{number:05d}" for number in range(1, rows + 1)],
            "Finished": pd.date_range("2026-01-05 06:00", periods=rows, freq="3min").strftime("%Y-%m-%d %H:%M"),
            "Machine": machine,
            "Melt temperature [°C]": melt,
            "Mould temperature [°C]": mould,
            "Injection pressure [bar]": pressure,
            "Injection time [s]": seconds,
            "Humidity [%]": humidity,
            GIVEAWAY: np.where(faulty, rng.integers(5, 60, rows), 0),
            TARGET: np.where(faulty, "faulty", "ok"),
        }
    )
    return SampleProducts(frame, rules, chance)


def write_products(folder: Path) -> None:
    """Write the sample, `products.csv`, into `folder`; in `NO_NUMBER` of its rows a pressure is no number."""
    frame = sample_products().frame.astype(object)
    frame.loc[[7, 1_203][:NO_NUMBER], "Injection pressure [bar]"] = "sensor off"
    frame.to_csv(folder / "products.csv", index=False)
