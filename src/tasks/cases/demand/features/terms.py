"""What does an order rest on: stock, lead time, costs, and the service level that costs least? The gaps filled."""

import numpy as np
import pandas as pd

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.ingestion.items import FIELDS
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

HELD_A_YEAR = 0.25  # cost of holding an item for a year, of its unit cost
YEARS = {"day": 365.25, "week": 52.18, "month": 12.0}


@stage(phase="Data preparation")
def item_terms(items: pd.DataFrame, series: pd.DataFrame, frame: pd.DataFrame, clock: Clock) -> pd.DataFrame:
    """Return a row per series with all that its order rests on, the gaps filled.

    Unless costs are given, holding costs `HELD_A_YEAR` of the unit cost a year, and running out of one unit costs as
    much as makes the service level the best one (newsvendor: shortage / (shortage + leftover) = service). A unit left
    over costs its holding for a review, and where it spoils the share of its shelf life that a review takes. With a
    price above the unit cost, a unit that is not sold loses the margin, and the service level follows from it.

    Args:
        items: as `read_items` gives it.
        series: the series and their sums.
        frame: the table of sales; its last stock is that of today.
        clock: of the grid.

    Raises:
        UsageError: items that no series is called, or an order that covers more than is forecast.
    """
    own = series.loc[series["level"] == "series", ["number", "series"]]
    named = items.iloc[1:].set_index("series")
    odd = [name for name in named.index if name not in set(own["series"])]
    if odd:
        raise UsageError(
            f"--items names {shorten(str(odd[0]), 80)}, which was never sold; there is {own['series'].iloc[0]}."
        )
    terms = own.reset_index(drop=True)
    for name in FIELDS:
        given = terms["series"].map(named[name]) if len(named) else pd.Series(np.nan, index=terms.index)
        terms[name] = given.astype("float64").fillna(float(items[name].iloc[0]))
    if "stock" in frame.columns:
        last = frame.dropna(subset=["stock"]).sort_values("date", kind="stable").groupby("series")["stock"].last()
        last.index = last.index.astype(object)
        terms["stock"] = terms["stock"].fillna(terms["series"].map(last).astype("float64"))
    cover = (terms["lead_time"] + terms["review"]).max()
    if cover > clock.horizon:
        raise UsageError(
            f"Lead time and review together are {cover:.0f} {clock.unit}s, and {clock.horizon} are forecast; give a"
            f" --horizon of at least {cover:.0f}."
        )
    return _costs(terms, clock.unit)


def _costs(terms: pd.DataFrame, unit: str) -> pd.DataFrame:
    terms["stock_known"] = terms["stock"].notna()
    terms["stock"] = terms["stock"].fillna(0.0)
    terms["on_order"] = terms["on_order"].fillna(0.0)
    priced = terms["price"].notna() & terms["unit_cost"].notna() & (terms["price"] > terms["unit_cost"])
    terms["unit_cost"] = terms["unit_cost"].fillna(1.0)
    terms["holding_cost"] = terms["holding_cost"].fillna(HELD_A_YEAR / YEARS[unit] * terms["unit_cost"])
    terms["order_cost"] = terms["order_cost"].fillna(0.0)
    shelf = terms["shelf_life"].where(terms["shelf_life"] > 0, np.inf)
    cycle = terms["holding_cost"] * terms["review"] + terms["unit_cost"] * (terms["review"] / shelf).clip(upper=1.0)
    shortage = terms["shortage_cost"].fillna((terms["price"] - terms["unit_cost"]).where(priced))
    ratio = shortage / (shortage + cycle).clip(lower=1e-12)
    terms["service"] = ratio.clip(0.5, 0.995).fillna(terms["service"])
    terms["shortage_cost"] = shortage.fillna(cycle * terms["service"] / (1 - terms["service"]))
    return terms
