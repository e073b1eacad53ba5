"""When did the cloud cost more than it should have, which resource did it, and what does it cost if it goes on?

Looked at are the whole, each service, and each resource that is there most days. What stands out in the whole or in a
service is led back to the resource that rose most on those days, also one that was not there before.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.evaluation.detect import FEWEST_DAYS, Rise, find_rises
from tasks.cases.cloud_costs.features.groups import labels
from tasks.platform.stage import stage

MOST_SERVICES, MOST_RESOURCES = 12, 30
STEADY = 0.9  # share of the days on which a resource has to cost something to be looked at by itself
SMALLEST = 0.01  # of the mean daily cost of everything: less excess a day is not worth a word
LONGEST = 120  # days that are looked at
MONTH = 365.25 / 12
COLUMNS = [
    "resource",
    "service",
    "group",
    "seen_in",
    "first",
    "last",
    "days",
    "usual",
    "cost",
    "excess",
    "score",
    "goes_on",
    "a_month",
]


class Anomalies(NamedTuple):
    """What stands out, and what was looked at."""

    frame: pd.DataFrame  # COLUMNS; costs a day, `excess` in all; largest excess first
    series: pd.DataFrame  # day, resource, cost, usual: of the resources that stand out
    looked: dict[str, float]  # series, days, threshold


class _Found(NamedTuple):
    seen_in: str
    resource: int  # number of the row of the resources
    first: int  # numbers of days
    last: int
    score: float  # above 1: beyond chance


@stage(phase="Evaluation")
def find_anomalies(ledger: pd.DataFrame) -> Anomalies:
    """Find what stands out in the running costs, purchases and credits left out.

    Args:
        ledger: charges of one currency, with commitments spread.
    """
    table = running_costs(ledger)
    looked = {"series": 0.0, "days": float(table.shape[1])}
    nothing = Anomalies(_as_frame([]), pd.DataFrame(columns=["day", "resource", "cost", "usual"]), looked)
    if table.shape[1] < FEWEST_DAYS or not table.to_numpy().sum() > 0:
        return nothing
    names, series = _series(table)
    days = pd.DatetimeIndex(table.columns)
    looked["series"] = float(len(names))
    rises = find_rises(series, days.dayofweek.to_numpy()) if len(names) else []
    found = [_led_back(table.to_numpy(), *names[rise.series], rise) for rise in rises]
    rows = [_row(table, days, item) for item in _merged(found)]
    frame = _as_frame(rows)
    least = SMALLEST * float(table.to_numpy().sum(axis=0).mean())
    frame = frame[frame["cost"] - frame["usual"] >= least].reset_index(drop=True)
    return Anomalies(frame, _drawn(table, days, frame), looked)


def running_costs(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return effective costs of each resource (service, group, resource) a day, (resources, days), not negative."""
    recent = ledger["day"] > ledger["day"].max() - pd.Timedelta(days=LONGEST)
    plain = ledger[ledger["ChargeCategory"].isin(["Usage", ""]) & ~ledger["x_Amortised"] & recent]
    cost = plain["EffectiveCost"].where(plain["EffectiveCost"] != 0, plain["BilledCost"]).clip(lower=0)
    keys = [plain["ServiceName"], plain["x_ResourceGroup"], labels(plain).rename("resource")]
    table = cost.groupby([*keys, plain["day"]]).sum().unstack("day", fill_value=0)
    if table.empty:
        return table
    whole = pd.date_range(table.columns.min(), table.columns.max(), freq="D")
    return table.reindex(columns=whole, fill_value=0.0)


def _series(table: pd.DataFrame) -> tuple[list[tuple[str, np.ndarray]], np.ndarray]:
    """Return what is looked at, each with the numbers of its resources, and the costs of each, (series, days)."""
    costs = table.to_numpy()
    service = table.index.get_level_values(0)
    order = pd.Series(costs.sum(axis=1)).groupby(np.asarray(service)).sum().sort_values(ascending=False).index
    looked = [("the whole", np.arange(len(costs)))]
    if len(order) > 1:
        looked += [(f"service {name}", np.flatnonzero(service == name)) for name in order[:MOST_SERVICES]]
    steady = np.flatnonzero((costs > 0).mean(axis=1) >= STEADY)
    steady = steady[np.argsort(-costs[steady].sum(axis=1), kind="stable")][:MOST_RESOURCES]
    looked += [("the resource", np.array([number])) for number in steady if len(costs) > 1]
    summed = np.array([costs[numbers].sum(axis=0) for _, numbers in looked])
    there = (summed > 0).mean(axis=1) >= STEADY
    return [item for item, kept in zip(looked, there, strict=True) if kept], summed[there]


def _led_back(costs: np.ndarray, seen_in: str, members: np.ndarray, rise: Rise) -> _Found:
    """Return a rise with the resource that rose most while it lasted."""
    rose = costs[members, rise.first : rise.last + 1].mean(axis=1) - _usual(costs[members], rise.first, rise.last)
    return _Found(seen_in, int(members[np.argmax(rose)]), rise.first, rise.last, rise.score)


def _usual(costs: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the mean cost a day of the four weeks before a rise; where less than three days, of those after it."""
    before = costs[:, max(0, first - 28) : first]
    after = costs[:, last + 1 : last + 29]
    return np.asarray((before if first >= 3 or not after.shape[1] else after).mean(axis=1))


def _merged(found: list[_Found]) -> list[_Found]:
    """Put rises of one resource that overlap or touch together; the narrowest series tells where it was seen."""
    width = {"the resource": 0, "the whole": 2}
    events: list[_Found] = []
    for item in sorted(found, key=lambda item: (item.resource, item.first)):
        last = events[-1] if events else None
        if last and last.resource == item.resource and item.first - last.last <= 3:
            seen, best = (
                min(pair, key=order)
                for pair, order in (
                    ((last, item), lambda one: width.get(one.seen_in, 1)),
                    ((last, item), lambda one: -one.score),
                )
            )
            events[-1] = _Found(seen.seen_in, item.resource, seen.first, max(seen.last, item.last), best.score)
        else:
            events.append(item)
    return events


def _row(table: pd.DataFrame, days: pd.DatetimeIndex, item: _Found) -> dict[str, object]:
    """Return what a rise cost, and costs a month if it goes on: where it lasts to the end of the data."""
    costs = table.to_numpy()[[item.resource]]
    usual = float(_usual(costs, item.first, item.last)[0])
    during = costs[0, item.first : item.last + 1]
    service, group, name = table.index[item.resource]
    return {
        "resource": name,
        "service": service,
        "group": group,
        "seen_in": item.seen_in,
        "first": days[item.first],
        "last": days[item.last],
        "days": len(during),
        "usual": usual,
        "cost": float(during.mean()),
        "excess": float(during.sum() - usual * len(during)),
        "score": item.score,
        "goes_on": item.last >= len(days) - 1,
        "a_month": float(during.mean() - usual) * MONTH,
    }


def _as_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    kinds = {
        "first": "datetime64[us]",
        "last": "datetime64[us]",
        "days": "int64",
        "usual": "float64",
        "cost": "float64",
        "excess": "float64",
        "score": "float64",
        "goes_on": "bool",
        "a_month": "float64",
    }
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(kinds)
    return frame.sort_values("excess", ascending=False, kind="stable", ignore_index=True)


def _drawn(table: pd.DataFrame, days: pd.DatetimeIndex, frame: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for row in frame.drop_duplicates("resource").head(3).to_dict("records"):
        place = table.index.get_loc((row["service"], row["group"], row["resource"]))
        cost = table.to_numpy()[place]
        parts.append(pd.DataFrame({"day": days, "resource": row["resource"], "cost": cost, "usual": row["usual"]}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["day", "resource", "cost", "usual"])
