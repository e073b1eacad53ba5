"""The sample of the consumer prices: US prices as a GENESIS export, and a generator that knows when they grew unsteady.

The prices are those that statsmodels ships (macrodata: the consumer price index of the USA, end of quarter, 1982-84 =
100, first quarter of 1959 to third of 2009; Federal Reserve Bank of St. Louis). They are written as GENESIS writes a
quarterly table, with its preamble, placeholders and footer, so that the same reader is put to work.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

MONTHS = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)
QUARTERS = tuple(f"{number}. Quartal" for number in range(1, 5))
FIRST_YEAR, KNOWN, DECIMALS = 1959, 203, 3
"""Of the sample: its first year, how many quarters are known, and to how many decimals."""
FOOTER = ("__________", "© Statistisches Amt, Musterstadt 2009", "Stand: 06.11.2009 / 09:42:11")


class Planted(NamedTuple):
    """A price index with what was planted in it."""

    values: np.ndarray  # the index, (years * per_year,)
    changes: tuple[int, ...]  # number of the year in which the spread of the increments changes
    spreads: tuple[float, ...]  # standard deviation of the increments in each regime, per cent


def genesis_text(
    values: Sequence[float | None], first_year: int, per_year: int = 12, decimals: int = 1, title: str = "61111-0001"
) -> str:
    """Return a price index as a German GENESIS export.

    Args:
        values: one per month or quarter; None is written as the placeholder of what is still to come.
        first_year: the year of the first value, which is its first month or quarter.
        per_year: 12 or 4.
        decimals: of the index.
        title: code of the table.
    """
    names = MONTHS if per_year == 12 else QUARTERS
    period = "Monate" if per_year == 12 else "Quartale"
    lines = [
        f"GENESIS-Tabelle: {title}",
        f"Verbraucherpreisindex (1982-84=100): Verbraucherpreise, {period}, Jahre;;",
        "Verbraucherpreisindex;;",
        ";;Verbraucherpreisindex",
        ";;1982-84=100",
    ]
    for number, value in enumerate(values):
        text = "..." if value is None else f"{value:.{decimals}f}".replace(".", ",")
        lines.append(f"{first_year + number // per_year};{names[number % per_year]};{text}")
    return "\r\n".join([*lines, *FOOTER, ""])


def write_consumer_prices(folder: Path) -> None:
    """Write `us-consumer-prices.csv`: quarterly, Latin-1, the last quarter not yet published."""
    from statsmodels.datasets import macrodata

    prices: list[float | None] = [float(value) for value in macrodata.load_pandas().data["cpi"]]
    text = genesis_text([*prices, None], FIRST_YEAR, 4, DECIMALS)
    (folder / "us-consumer-prices.csv").write_bytes(text.encode("latin-1"))


def planted_prices(
    seed: int,
    years: int = 50,
    per_year: int = 12,
    change: int | None = 30,
    spreads: tuple[float, float] = (0.25, 0.5),
    seasonal: float = 0.15,
    persistence: float = 0.0,
) -> Planted:
    """Return a seeded price index whose monthly increments become more or less unsteady in one year.

    Args:
        seed: of the draws.
        years: length.
        per_year: 12 or 4.
        change: number of the year from which the second spread holds; None plants nothing.
        spreads: standard deviation of the irregular increments before and after, per cent.
        seasonal: standard deviation of the seasonal pattern, per cent; it is the same in all years.
        persistence: autocorrelation of the irregular increments at lag 1, 0 to below 1.
    """
    chance = np.random.default_rng(seed)
    count = years * per_year
    shocks = chance.normal(size=count + 100)
    noise = shocks.copy()
    for step in range(1, count + 100):
        noise[step] = persistence * noise[step - 1] + shocks[step]
    noise = noise[100:] * np.sqrt(1 - persistence**2)
    scale = np.full(count, spreads[0])
    if change is not None:
        scale[change * per_year :] = spreads[1]
    pattern = seasonal * np.sqrt(2) * np.sin(2 * np.pi * np.arange(count) / per_year)
    index = 30 * np.exp(np.cumsum(2.4 / per_year + pattern + scale * noise) / 100)
    return Planted(index, () if change is None else (change,), spreads[:1] if change is None else spreads)
