"""Why did the cost change from one month to the next? The same days of both, resource by resource."""

from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel

from tasks.cases.cloud_costs.features.groups import labels
from tasks.platform.stage import stage

MOST = 0.5  # share of a rise from which one resource is most of it


class Change(BaseModel):
    """The last month against the one before it."""

    month: str  # 2026-09
    days: int  # of the month that are in the data
    whole: bool  # the month is in the data to its end
    billed: float
    effective: float
    before: float | None = None  # billed on the same days of the month before; None where they are not all there
    before_month: str = ""
    culprit: str = ""  # the resource that is most of the change
    service: str = ""
    share: float = 0.0  # of the change that is the culprit's


class Changes(NamedTuple):
    """The change, and its parts."""

    change: Change
    table: pd.DataFrame  # resource, service, before, now, change: largest change first


@stage(phase="Evaluation")
def compare_months(ledger: pd.DataFrame) -> Changes:
    """Compare the billed cost of the month of the last day with the same days of the month before.

    Args:
        ledger: charges of one currency, a `day` each.
    """
    last, first = ledger["day"].max(), ledger["day"].min()
    start = last.replace(day=1)
    end = last + pd.offsets.MonthEnd(0)
    ago = start - pd.DateOffset(months=1)
    whole = bool(last == end)
    until = start - pd.Timedelta(days=1) if whole else min(ago + (last - start), start - pd.Timedelta(days=1))
    now, before = ledger[ledger["day"] >= start], ledger[ledger["day"].between(ago, until)]
    parts = _parts(before, now)
    seen = max(start, first)
    change = Change(
        month=f"{last:%Y-%m}",
        days=(last - seen).days + 1,
        whole=whole and first <= start,
        billed=now["BilledCost"].sum(),
        effective=now["EffectiveCost"].sum(),
    )
    if first > ago or before.empty:
        return Changes(change, parts)
    change = change.model_copy(update={"before": float(before["BilledCost"].sum()), "before_month": f"{ago:%Y-%m}"})
    difference = change.billed - (change.before or 0.0)
    same = parts[parts["change"] * difference > 0]
    if len(same) and abs(same["change"].iloc[0]) > MOST * abs(difference):
        top = same.iloc[0]
        share = float(top["change"] / difference)
        change = change.model_copy(update={"culprit": top["resource"], "service": top["service"], "share": share})
    return Changes(change, parts)


def _parts(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    sums = [
        part.groupby([labels(part).rename("resource"), part["ServiceName"].rename("service")])["BilledCost"].sum()
        for part in (before, now)
    ]
    table = pd.concat(sums, axis=1, keys=["before", "now"]).fillna(0.0).reset_index()
    table["change"] = table["now"] - table["before"]
    order = table["change"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)
