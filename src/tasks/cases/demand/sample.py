"""The embedded shop: items in stores, sold by the week, with a truth that is known.

Demand has a level per series, a trend, a season of the item, a lift in weeks of promotion and in those of the yearly
feast, and noise; some items are asked for only now and then. Sales are what the shelf could give: in weeks in which the
stock ran out they are lower than the demand, which a shop never sees and which stands in the truth alone.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

SEED = 20_260_102
WEEKS = 156
START = "2023-01-02"
ITEMS, STORES = 12, 4
LIFT = 1.6  # demand in a week of promotion, of the usual
FEAST = 1.4  # and in the weeks of the feast, of a third of the items
FEAST_WEEKS = (30, 31, 32)  # of each year
SPARSE_SHARE = 1 / 6  # of the items are asked for now and then
NO_NUMBER = 3  # rows whose quantity cannot be read


class SampleSales(NamedTuple):
    """The sales as a shop writes them, and what is true of them; both a row per item, store and week."""

    frame: pd.DataFrame  # item, store, week, units, price, promotion, holiday, stock
    truth: pd.DataFrame  # item, store, week, demand, expected, stock_out


def sample_sales(items: int = ITEMS, stores: int = STORES, weeks: int = WEEKS, seed: int = SEED) -> SampleSales:
    """Draw the shop.

    Args:
        items: how many.
        stores: in which each is sold.
        weeks: of history.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    n = items * stores
    item, t = np.repeat(np.arange(items), stores), np.arange(weeks)[:, None]
    sparse = (item % round(1 / SPARSE_SHARE)) == round(1 / SPARSE_SHARE) - 1
    level = np.exp(rng.normal(4.0, 0.6, items))[item] * rng.uniform(0.6, 1.5, n)
    growth = rng.normal(0.05, 0.08, items)[item] / 52
    phase, height = rng.uniform(0, 2 * np.pi, items)[item], rng.uniform(0.05, 0.35, items)[item]
    promoted = (rng.random((weeks, items)) < 0.08)[:, item]
    feast = np.isin(t % 52, FEAST_WEEKS) & (item % 3 == 0)
    expected = level * np.exp(growth * t + height * np.sin(2 * np.pi * t / 52 + phase))
    expected = expected * np.where(promoted, LIFT, 1) * np.where(feast, FEAST, 1)
    shape = 40.0  # of the gamma mixture: a Poisson count whose mean varies by about a sixth
    often = rng.poisson(expected * rng.gamma(shape, 1 / shape, (weeks, n)))
    seldom = (rng.random((weeks, n)) < 0.25) * (1 + rng.poisson(3.0, (weeks, n)))
    demand = np.where(sparse, seldom, often)
    expected = np.where(sparse, 0.25 * 4.0, expected)
    stock, sold = _shelves(demand, np.where(sparse, 6.0, expected), rng)
    price = np.round((2 + 8 * rng.random(items))[item] * np.where(promoted & ~sparse, 0.8, 1), 2)
    days = pd.date_range(START, periods=weeks, freq="7D").strftime("%Y-%m-%d").to_numpy()
    keys = {
        "item": np.tile(np.array([f"item {number:03d}" for number in range(1, items + 1)])[item], weeks),
        "store": np.tile(np.tile([f"store {number:02d}" for number in range(1, stores + 1)], items), weeks),
        "week": np.repeat(days, n),
    }
    columns = {
        "units": sold,
        "price": price,
        "promotion": promoted & ~sparse,
        "holiday": np.isin(t % 52, FEAST_WEEKS),
        "stock": stock,
    }
    filled = {name: np.broadcast_to(values, (weeks, n)).ravel().astype(float) for name, values in columns.items()}
    frame = pd.DataFrame(keys | filled)
    frame = frame.astype(dict.fromkeys(("units", "promotion", "holiday", "stock"), np.int64))
    truth = {"demand": demand.ravel(), "expected": expected.ravel(), "stock_out": (sold < demand).ravel()}
    return SampleSales(frame, pd.DataFrame(keys | truth))


def _shelves(demand: np.ndarray, expected: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the stock at the end of each week and what was sold: a delivery a week, now and then a small one."""
    weeks, n = demand.shape
    stock, sold = np.zeros((weeks, n)), np.zeros((weeks, n))
    left = np.zeros(n)
    for week in range(weeks):
        short = rng.random(n) < 0.06
        wanted = np.where(short, rng.uniform(0.3, 0.8, n), 2.2) * expected[week] + 3 * ~short
        shelf = np.where(short, np.round(wanted), np.maximum(left, np.ceil(wanted)))
        sold[week] = np.minimum(shelf, demand[week])
        left = shelf - sold[week]
        stock[week] = left
    return stock, sold


def write_sales(folder: Path) -> None:
    """Write the sample, `sales.csv`, into `folder`; in `NO_NUMBER` of its rows the quantity cannot be read."""
    frame = sample_sales().frame.astype({"units": object})
    frame.loc[[11, 905, 4_000][:NO_NUMBER], "units"] = "till broken"
    frame.to_csv(folder / "sales.csv", index=False)
