"""How much is ordered, and when? Up to the quantile of the demand until the delivery after next, in whole packs.

Periodic review (R, S): every R periods an order goes out that lifts stock and what is on its way to S. It arrives after
the lead time L, and the next one R later, so S is the service-level quantile of the demand of L + R periods (E. Silver,
D. Pyke and R. Peterson, "Inventory Management and Production Planning and Scheduling", 1998, section 7.9). The level
that costs least is the newsvendor's, shortage / (shortage + holding) (K. Arrow, T. Harris and J. Marschak, 1951).
"""

import numpy as np
import pandas as pd

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.training.intervals import Widths
from tasks.platform.stage import stage


def order_quantity(
    level: np.ndarray, position: np.ndarray, pack: np.ndarray, minimum: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """Return what to order, (n,).

    Args:
        level: to which stock is lifted.
        position: stock and what is on its way.
        pack: units that are ordered together; 0 for any quantity.
        minimum: the least order.
        most: to which stock may be lifted at most before it spoils; infinite for what keeps.
    """
    unit = np.where(pack > 0, pack, 1.0)
    want = np.maximum(level - position, 0.0)
    want = np.where(want > 1e-9, np.maximum(want, minimum), 0.0)
    packed = np.where(pack > 0, np.ceil(want / unit - 1e-9) * unit, want)
    room = np.maximum(most - position, 0.0)
    fits = np.where(pack > 0, np.floor(np.minimum(room, 1e15) / unit + 1e-9) * unit, room)
    quantity = np.minimum(packed, fits)
    return np.where(quantity >= minimum, quantity, 0.0)


def cumulative(centre: pd.DataFrame, numbers: np.ndarray) -> np.ndarray:
    """Return the forecast demand of the first k periods, (n, steps), k from 1.

    Args:
        centre: forecasts of one origin: `number`, `step`, `value`.
        numbers: the series, in order.
    """
    wide = centre.pivot_table(index="number", columns="step", values="value", sort=True)
    return wide.reindex(numbers).to_numpy().cumsum(axis=1)


def upto(total: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the sum of the first k periods of each row, (n,); beyond the last the mean period goes on."""
    steps = total.shape[1]
    inside = np.clip(k, 1, steps).astype(int)
    return np.where(k > 0, total[np.arange(len(total)), inside - 1] * np.maximum(k, 1) / inside, 0.0)


def levels_of(
    total: np.ndarray, numbers: np.ndarray, terms: pd.DataFrame, widths: Widths
) -> tuple[np.ndarray, np.ndarray]:
    """Return the order-up-to levels and the most that sells before it spoils, both (n,).

    Args:
        total: forecast demand of the first k periods, (n, steps).
        numbers: the series.
        terms: of their orders, in the same order.
        widths: the fitted intervals.
    """
    lead, review, shelf = (terms[name].to_numpy() for name in ("lead_time", "review", "shelf_life"))
    service = terms["service"].to_numpy()

    def quantile(k: np.ndarray, level: np.ndarray) -> np.ndarray:
        sums = upto(total, k)
        return np.maximum(sums + widths.offsets("sum", numbers, k.astype(int), level, sums / np.maximum(k, 1)), 0.0)

    level = quantile(lead + review, service)
    most = np.where(shelf > 0, quantile(lead + np.maximum(shelf, 1), np.full(len(terms), 0.5)), np.inf)
    return level, most


@stage(phase="Deployment")
def make_orders(
    future: pd.DataFrame, terms: pd.DataFrame, intervals: pd.DataFrame, series: pd.DataFrame, clock: Clock
) -> pd.DataFrame:
    """Return an order per item: how much, when, and why.

    An item that needs nothing today is looked at again at each review, with the demand until then forecast; the first
    review at which something is to be ordered is its date.

    Args:
        future: forecasts from the end of the history on.
        terms: of the orders, a row per series.
        intervals: as `fit_intervals` gives them.
        series: the series and their sums.
        clock: of the grid.

    Returns:
        The columns that a buyer sends first: keys, `order_date`, `quantity`, `packs`, `arrives`; then what it rests on.
    """
    numbers, widths = terms["number"].to_numpy(), Widths(intervals, series)
    total = cumulative(future, numbers)
    lead, review = terms["lead_time"].to_numpy(), terms["review"].to_numpy()
    position = (terms["stock"] + terms["on_order"]).to_numpy()
    quantity, wait = np.zeros(len(terms)), np.full(len(terms), -1.0)
    today = None
    for turn in range(max(1, int(total.shape[1] // review.min()))):
        later = turn * review
        gone = upto(total, later)
        ahead = np.maximum(total - gone[:, None], 0.0)
        shifted = np.stack([upto(total, later + k) - gone for k in range(1, total.shape[1] + 1)], axis=1)
        level, most = levels_of(shifted if turn else ahead, numbers, terms, widths)
        today = (level, most) if today is None else today
        wanted = order_quantity(
            level, np.maximum(position - gone, 0.0), terms["pack"].to_numpy(), terms["minimum"].to_numpy(), most
        )
        fresh = (wait < 0) & (wanted > 0) & (later < total.shape[1])
        quantity, wait = np.where(fresh, wanted, quantity), np.where(fresh, later, wait)
    assert today is not None
    return _table(terms, series, clock, quantity, wait, today[0], upto(total, lead + review))


def _table(
    terms: pd.DataFrame,
    series: pd.DataFrame,
    clock: Clock,
    quantity: np.ndarray,
    wait: np.ndarray,
    level: np.ndarray,
    expected: np.ndarray,
) -> pd.DataFrame:
    keys = [name for name in series.columns if name.startswith("key_")]
    named = series.set_index("number").reindex(terms["number"])
    dates = [clock.date(clock.periods + int(max(late, 0))).strftime("%Y-%m-%d") if late >= 0 else "" for late in wait]
    arrives = [
        clock.date(clock.periods + int(late + lead)).strftime("%Y-%m-%d") if late >= 0 else ""
        for late, lead in zip(wait, terms["lead_time"], strict=True)
    ]
    pack = terms["pack"].to_numpy()
    table = pd.DataFrame(
        {key: named[key].to_numpy(object) for key in keys} or {"series": terms["series"].to_numpy(object)}
    )
    table["order_date"], table["quantity"] = dates, quantity
    table["packs"] = np.where(pack > 0, quantity / np.where(pack > 0, pack, 1), np.nan)
    table["arrives"] = arrives
    table["order_today"] = wait == 0
    table["stock"] = np.where(terms["stock_known"], terms["stock"], np.nan)
    table["on_order"], table["expected_demand"], table["order_up_to"] = terms["on_order"], expected, level
    table["safety_stock"] = np.maximum(level - expected, 0.0)
    for name in ("lead_time", "review", "service", "shelf_life", "minimum"):
        table[name] = terms[name].to_numpy()
    return table
