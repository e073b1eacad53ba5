"""What would the orders have cost? The test weeks played again, with each rule ordering on what it knew at the time.

Every rule starts with the same shelf and meets the same demand: what was sold, or where a shelf had been empty, what
was to be expected of it. At each review it orders; the order arrives after the lead time, the oldest units are sold
first, and what is past its shelf life is thrown away. Demand that meets an empty shelf is lost.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.features.panel import to_matrices
from tasks.cases.demand.training.intervals import Widths
from tasks.cases.demand.training.ordering import cumulative, levels_of, order_quantity
from tasks.cases.demand.training.rolling import Plan
from tasks.cases.demand.training.simple import growth, repeated
from tasks.platform.stage import stage

OURS, KNOWING = "forecast quantiles", "perfect knowledge"
NAIVE = ("moving average", "last year")
PAST = 26  # periods that the naive rules take their spread from


class Replay(NamedTuple):
    """How the rules fared."""

    items: pd.DataFrame  # rule, number, cost, holding, shortage, ordering, waste, demand, lost, mean_stock, value
    rules: pd.DataFrame  # rule, cost, fill_rate, cycle_service, mean_stock, waste_units, orders
    naive: dict[str, str]  # name: the naive rule that cost less in validation


class Levels(NamedTuple):
    """What a rule lifts stock to at each period, and the most that may be on hand, (periods, n)."""

    level: np.ndarray
    most: np.ndarray


def play(demand: np.ndarray, levels: Levels, terms: pd.DataFrame, start: np.ndarray) -> dict[str, np.ndarray]:
    """Play one rule.

    Args:
        demand: of each period, (periods, n).
        levels: of the rule.
        terms: of the orders, (n) rows.
        start: stock before the first period, (n,).

    Returns:
        Per item, (n,), over the periods that the rule can have touched (from the lead time on): `holding`,
        `shortage`, `ordering`, `waste`, `cost`, `demand`, `lost`, `stock`, `wasted`, `orders`, `short` (periods), `n`.
    """
    periods, n = demand.shape
    lead, review, shelf = (terms[name].to_numpy(int) for name in ("lead_time", "review", "shelf_life"))
    pack, minimum = terms["pack"].to_numpy(), terms["minimum"].to_numpy()
    longest = int(max(shelf.max(), 1))
    ages = np.zeros((longest, n))  # ages[a]: units that have been here for a periods; what keeps lies in the last
    ages[0] = start
    coming = np.zeros((periods + int(lead.max()) + 1, n))
    sums = {name: np.zeros(n) for name in ("stock", "lost", "demand", "wasted", "orders", "short", "n")}
    for t in range(periods):
        counts = t >= lead
        position = ages.sum(axis=0) + coming[t:].sum(axis=0)
        wanted = order_quantity(levels.level[t], position, pack, minimum, levels.most[t])
        wanted = np.where(t % review == 0, wanted, 0.0)
        coming[t + lead, np.arange(n)] += wanted
        ages[0] += coming[t]
        short = _sell(ages, demand[t])
        gone = _age(ages, shelf)
        for name, values in (
            ("stock", ages.sum(axis=0)),
            ("lost", short),
            ("demand", demand[t]),
            ("wasted", gone),
            ("orders", (wanted > 0) * (t + lead < periods)),
            ("short", short > 1e-9),
            ("n", 1),
        ):
            sums[name] += np.where(counts, values, 0.0)
    return sums | _cost(sums, terms)


def _sell(ages: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """Take demand from the oldest units first; return what is lost."""
    left = demand.copy()
    for age in range(len(ages) - 1, -1, -1):
        taken = np.minimum(ages[age], left)
        ages[age] -= taken
        left -= taken
    return left


def _age(ages: np.ndarray, shelf: np.ndarray) -> np.ndarray:
    """Let a period pass; return what is past its shelf life, and is gone."""
    gone = np.zeros(ages.shape[1])
    for life in np.unique(shelf[shelf > 0]):
        mine = shelf == life
        gone[mine] = ages[life - 1, mine]
        ages[life - 1, mine] = 0.0
    last = ages[-1].copy()
    ages[1:] = ages[:-1]
    ages[0] = 0.0
    ages[-1] += np.where(shelf == 0, last, 0.0)
    return gone


def _cost(sums: dict[str, np.ndarray], terms: pd.DataFrame) -> dict[str, np.ndarray]:
    costs = {
        "holding": sums["stock"] * terms["holding_cost"].to_numpy(),
        "shortage": sums["lost"] * terms["shortage_cost"].to_numpy(),
        "ordering": sums["orders"] * terms["order_cost"].to_numpy(),
        "waste": sums["wasted"] * terms["unit_cost"].to_numpy(),
    }
    return costs | {"cost": sum(costs.values(), np.zeros(len(terms)))}


def naive_levels(demand: np.ndarray, first: int, periods: int, terms: pd.DataFrame, clock: Clock, rule: str) -> Levels:
    """Return what a buyer's sheet lifts stock to, (periods, n): a mean, and z deviations of a normal distribution.

    Args:
        demand: of the history, (T, n); each period looks at what lies before it alone.
        first: the first period.
        periods: how many.
        terms: of the orders.
        clock: of the grid.
        rule: `moving average`: late periods go on; `last year`: the same periods of last year do, with their growth.
    """
    from scipy.stats import norm

    cover = (terms["lead_time"] + terms["review"]).to_numpy()
    z = norm.ppf(terms["service"].to_numpy())
    shelf = terms["shelf_life"].to_numpy()
    level, most = np.zeros((periods, demand.shape[1])), np.full((periods, demand.shape[1]), np.inf)
    steps = int(cover.max())
    for t in range(periods):
        origin = first + t
        past = demand[:origin]
        late = np.nan_to_num(past[max(0, origin - clock.mean) :]).mean(axis=0)
        mean, spread = late * cover, np.nan_to_num(past[max(0, origin - PAST) :]).std(axis=0)
        if rule == "last year" and clock.year and origin > clock.year:
            year = np.nan_to_num(repeated(past, origin, steps, clock.year)).cumsum(axis=0)
            mean = year[cover.astype(int) - 1, np.arange(len(cover))] * growth(past, origin, clock.year, clock.mean)
        level[t] = mean + z * spread * np.sqrt(cover)
        most[t] = np.where(shelf > 0, late * (terms["lead_time"].to_numpy() + shelf), np.inf)
    return Levels(level, most)


def knowing_levels(demand: np.ndarray, first: int, periods: int, terms: pd.DataFrame) -> Levels:
    """Return what stock is lifted to when the demand to come is known, (periods, n); the last periods go on."""
    cover = (terms["lead_time"] + terms["review"]).to_numpy(int)
    longer = np.vstack([demand[first : first + periods], np.tile(demand[first + periods - 1], (int(cover.max()), 1))])
    total = np.vstack([np.zeros(demand.shape[1]), longer.cumsum(axis=0)])
    at = np.arange(len(cover))
    level = np.stack([total[t + cover, at] - total[t] for t in range(periods)])
    return Levels(level, np.full_like(level, np.inf))


def forecast_levels(
    rolled: pd.DataFrame, numbers: np.ndarray, terms: pd.DataFrame, widths: Widths, first: int, periods: int
) -> Levels:
    """Return what our rule lifts stock to, (periods, n), by the forecast of each period's own origin.

    Args:
        rolled: forecasts of every review's origin: `number`, `origin`, `step`, `value`.
        numbers: the series.
        terms: of the orders.
        widths: the fitted intervals.
        first: the first period.
        periods: how many.
    """
    by_origin = {int(str(origin)): part for origin, part in rolled.groupby("origin")}
    level: list[np.ndarray] = []
    most: list[np.ndarray] = []
    for t in range(first, first + periods):
        made = by_origin.get(t)
        if made is None:  # no item is reviewed here
            level.append(level[-1] if level else np.zeros(len(numbers)))
            most.append(most[-1] if most else np.full(len(numbers), np.inf))
            continue
        found = levels_of(cumulative(made, numbers), numbers, terms, widths)
        level.append(found[0])
        most.append(found[1])
    return Levels(np.array(level), np.array(most))


@stage(phase="Evaluation")
def replay_orders(
    panel: pd.DataFrame,
    rolled: pd.DataFrame,
    terms: pd.DataFrame,
    intervals: pd.DataFrame,
    series: pd.DataFrame,
    clock: Clock,
    plan: Plan,
) -> Replay:
    """Play the test periods again with our rule, the naive rule, and perfect knowledge.

    The naive rule is that of the two of `NAIVE` which cost less when the periods just before the test were played.

    Args:
        panel: the grid.
        rolled: the chosen forecasts of every review's origin in the test.
        terms: of the orders.
        intervals: as `fit_intervals` gives them.
        series: the series and their sums.
        clock: of the grid.
        plan: what is played.
    """
    numbers = np.array(plan.drawn)
    data = to_matrices(panel[panel["number"].isin(numbers)], clock)
    mine = terms.set_index("number").loc[numbers].reset_index()
    demand, steps = np.nan_to_num(data.demand), clock.horizon
    before = clock.test - steps
    earlier = {name: naive_levels(data.demand, before, steps, mine, clock, name) for name in NAIVE}
    shelf = _first_shelf(data.demand, before, mine, clock)
    cost = {
        name: play(demand[before : clock.test], levels, mine, shelf)["cost"].sum() for name, levels in earlier.items()
    }
    naive = min(NAIVE, key=lambda name: float(cost[name]))
    rules = {
        OURS: forecast_levels(rolled, numbers, mine, Widths(intervals, series), clock.test, steps),
        naive: naive_levels(data.demand, clock.test, steps, mine, clock, naive),
        KNOWING: knowing_levels(demand, clock.test, steps, mine),
    }
    start = _first_shelf(data.demand, clock.test, mine, clock)
    tables = []
    for name, levels in rules.items():
        played = play(demand[clock.test :], levels, mine, start)
        tables.append(pd.DataFrame({"rule": name, "number": numbers} | played))
    items = pd.concat(tables, ignore_index=True)
    return Replay(items, _summed(items), {"name": naive})


def _first_shelf(demand: np.ndarray, origin: int, terms: pd.DataFrame, clock: Clock) -> np.ndarray:
    """Return what stands on the shelf of every rule at the start: late demand until the first order can arrive."""
    late = np.nan_to_num(demand[max(0, origin - clock.mean) : origin]).mean(axis=0)
    return np.asarray(late * (terms["lead_time"].to_numpy() + 1))


def _summed(items: pd.DataFrame) -> pd.DataFrame:
    sums = items.groupby("rule", sort=False).sum()
    table = sums[["cost", "holding", "shortage", "ordering", "waste", "orders"]].copy()
    table["fill_rate"] = 1 - sums["lost"] / sums["demand"].clip(lower=1e-12)
    table["in_stock"] = 1 - sums["short"] / sums["n"].clip(lower=1)
    table["mean_stock"] = sums["stock"] / sums["n"].clip(lower=1)
    table["wasted"] = sums["wasted"]
    return table.reset_index()
