"""Orders: packs, minimum, shelf life, and the replay against one that plays a unit at a time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.demand.evaluation.replay import Levels, knowing_levels, play
from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.features.terms import item_terms
from tasks.cases.demand.ingestion.items import FIELDS
from tasks.cases.demand.training.intervals import fit_intervals
from tasks.cases.demand.training.ordering import make_orders, order_quantity

CLOCK = Clock(unit="week", start="2026-01-05", periods=60, season=1, year=0, horizon=8, test=52, origins=[44])
amount = st.floats(0, 1e6, allow_nan=False)


@given(amount, amount, st.integers(0, 50), amount, st.one_of(st.just(np.inf), amount))
def test_an_order_keeps_pack_minimum_and_shelf(
    level: float, stock: float, pack: int, least: float, most: float
) -> None:
    found = order_quantity(*(np.array([value], float) for value in (level, stock, pack, least, most)))[0]
    assert found >= 0
    assert found == 0 or found >= least
    if pack and found:
        assert found / pack == pytest.approx(round(found / pack))
    assert stock + found <= max(most, stock) + 1e-6 * max(1.0, found)
    if level <= stock:
        assert found == 0
    if not np.isfinite(most) and level > stock + 1e-6:
        assert stock + found >= level * (1 - 1e-9)
        assert pack == 0 or found - pack < max(level - stock, least)


def terms_of(n: int = 1, **given_fields: float) -> pd.DataFrame:
    fields = {"lead_time": 1, "review": 1, "pack": 1, "minimum": 0, "shelf_life": 0, "service": 0.9} | given_fields
    items = pd.DataFrame([{"series": ""} | {name: fields.get(name, np.nan) for name in FIELDS}])
    series = pd.DataFrame({"number": range(n), "series": [f"i{number}" for number in range(n)], "level": "series"})
    return item_terms.fn(items, series, pd.DataFrame({"series": []}), CLOCK)


def unit_by_unit(
    demand: list[int], level: list[int], lead: int, review: int, shelf: int, start: int
) -> dict[str, float]:
    """Play the same with a list of units, each with the period in which it came."""
    shelf_units = [0] * start
    coming: dict[int, int] = {}
    out = dict.fromkeys(("lost", "stock", "wasted", "demand"), 0.0)
    for t, wanted in enumerate(demand):
        if t % review == 0:
            position = len(shelf_units) + sum(count for day, count in coming.items() if day >= t)
            coming[t + lead] = coming.get(t + lead, 0) + max(0, level[t] - position)
        shelf_units += [t] * coming.get(t, 0)
        shelf_units.sort()
        sold = min(wanted, len(shelf_units))
        shelf_units = shelf_units[sold:]
        gone = [unit for unit in shelf_units if shelf and t - unit + 1 >= shelf]
        shelf_units = [unit for unit in shelf_units if not (shelf and t - unit + 1 >= shelf)]
        if t >= lead:
            out["lost"] += wanted - sold
            out["demand"] += wanted
            out["stock"] += len(shelf_units)
            out["wasted"] += len(gone)
    return out


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=4, max_size=12),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(0, 15),
)
def test_the_replay_is_that_of_single_units(
    weeks: list[tuple[int, int]], lead: int, review: int, shelf: int, start: int
) -> None:
    demand, level = [week[0] for week in weeks], [week[1] for week in weeks]
    terms = terms_of(lead_time=lead, review=review, shelf_life=shelf)
    levels = Levels(np.array(level, float)[:, None], np.full((len(weeks), 1), np.inf))
    found = play(np.array(demand, float)[:, None], levels, terms, np.array([float(start)]))
    for name, value in unit_by_unit(demand, level, lead, review, shelf, start).items():
        assert found[name][0] == pytest.approx(value), name


def test_who_knows_the_demand_loses_no_sale_and_holds_least() -> None:
    rng = np.random.default_rng(0)
    demand = rng.poisson(20, (60, 5)).astype(float)
    terms = terms_of(5, lead_time=2)
    start = np.full(5, 60.0)
    knowing = play(demand[52:], knowing_levels(demand, 52, 8, terms), terms, start)
    high = play(demand[52:], Levels(np.full((8, 5), 90.0), np.full((8, 5), np.inf)), terms, start)
    assert knowing["lost"].sum() == 0
    assert knowing["cost"].sum() < high["cost"].sum()


def test_the_service_level_follows_from_the_costs() -> None:
    given_costs = terms_of(holding_cost=1.0, shortage_cost=4.0)
    assert given_costs["service"].item() == pytest.approx(0.8)
    margin = terms_of(unit_cost=6.0, price=10.0, holding_cost=0.5, review=2)
    assert margin["service"].item() == pytest.approx(4 / 5)
    plain = terms_of(service=0.95)
    ratio = plain["shortage_cost"] / (plain["shortage_cost"] + plain["holding_cost"])
    assert ratio.item() == pytest.approx(0.95)


def intervals_for(n: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    series = pd.DataFrame(
        {"number": range(n), "series": [f"i{number}" for number in range(n)], "level": "series", "kind": "steady"}
    )
    table = pd.DataFrame(
        [(i, o, s) for i in range(n) for o in range(40) for s in range(8)], columns=["number", "origin", "step"]
    )
    centre = table.assign(t=0, known=True, value=100.0, actual=rng.normal(100, 10, len(table)))
    return fit_intervals.fn(centre, series), series


def test_an_order_lifts_to_the_quantile_of_the_demand_it_covers() -> None:
    intervals, series = intervals_for(5)
    future = pd.DataFrame(
        [(i, 60, s, 60 + s, 100.0) for i in range(5) for s in range(8)],
        columns=["number", "origin", "step", "t", "value"],
    )
    terms = terms_of(5, lead_time=3, service=0.95, pack=0).assign(stock=[0, 150, 1000, 390, 420.0], stock_known=True)
    orders = make_orders.fn(future, terms, intervals, series, CLOCK)
    true = 400 + 1.645 * 10 * 2  # four independent weeks of a normal demand
    assert orders["order_up_to"].to_numpy() == pytest.approx(true, rel=0.02)
    assert (orders["quantity"] + orders["stock"])[:2].to_numpy() == pytest.approx(orders["order_up_to"][:2].to_numpy())
    assert orders["order_today"].tolist() == [True, True, False, True, True]
    assert orders["order_date"].tolist()[:2] == ["2027-03-01", "2027-03-01"]
    assert orders["arrives"].iloc[0] == "2027-03-22"
    late = orders.iloc[2]
    assert (late["order_date"] > "2027-03-01") or late["quantity"] == 0
