"""What is it spent on? Costs by day, service, resource group, resource, account and tag."""

import json
import re
from typing import NamedTuple

import pandas as pd

from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

UNTAGGED, NO_GROUP = "(no tag)", "(none)"
BY = {
    "service": "ServiceName",
    "resource group": "x_ResourceGroup",
    "provider": "ProviderName",
    "account": "SubAccountName",
    "region": "RegionId",
}
NOUNS = (
    (r"database|sql|mysql|postgres|cosmos|redis|rds|dynamo", "the database"),
    (r"virtual machine|compute|ec2", "the machine"),
    (r"storage|s3|blob", "the storage"),
    (r"kubernetes|container", "the cluster"),
)


class Groups(NamedTuple):
    """Costs by day and by group."""

    days: pd.DataFrame  # day, billed, effective: every day from the first to the last
    groups: pd.DataFrame  # by, name, billed, effective, share; dearest first
    resources: pd.DataFrame  # resource, service, group, billed, effective
    provider_services: pd.DataFrame  # provider, service, billed, effective
    daily: pd.DataFrame  # day, service, billed, effective
    tag: str  # the key whose values are groups


@stage(phase="Data preparation")
def group_costs(ledger: pd.DataFrame, tag: str) -> Groups:
    """Sum up the ledger.

    Args:
        ledger: charges of one currency.
        tag: key of the tag to group by; the one that covers most of the cost when empty.

    Raises:
        UsageError: no charge has that tag.
    """
    tagged = ledger["Tags"].map({text: json.loads(text) if text else {} for text in ledger["Tags"].unique()})
    key = tag or _widest(tagged, ledger["EffectiveCost"])
    if tag and not tagged.map(lambda held: tag in held).any():
        there = sorted({name for held in tagged for name in held})
        raise UsageError(f"--tag {tag[:60]}: no charge has that tag; there are {', '.join(there)[:300] or 'none'}.")
    named = {by: ledger[column].replace("", NO_GROUP) for by, column in BY.items()}
    if key:
        named["tag"] = tagged.map(lambda held: held.get(key) or UNTAGGED)
    groups = pd.concat([_summed(ledger, names).assign(by=by) for by, names in named.items()], ignore_index=True)
    labelled = ledger.assign(resource=labels(ledger))
    keys = ["resource", "ServiceName", "x_ResourceGroup"]
    resources = _sums(labelled, keys).set_axis(["resource", "service", "group", "billed", "effective"], axis=1)
    pairs = _sums(ledger, ["ProviderName", "ServiceName"]).set_axis(
        ["provider", "service", "billed", "effective"], axis=1
    )
    daily = ledger.groupby(["day", "ServiceName"])[["BilledCost", "EffectiveCost"]].sum().reset_index()
    daily = daily.set_axis(["day", "service", "billed", "effective"], axis=1)
    return Groups(by_day(ledger), groups[["by", "name", "billed", "effective", "share"]], resources, pairs, daily, key)


def by_day(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return billed and effective cost of every day, 0 where none was charged; `usage` leaves purchases out."""
    plain = ~ledger["ChargeCategory"].isin(["Purchase", "Tax"]) & ~ledger["x_Amortised"]
    table = (
        ledger.assign(usage=ledger["BilledCost"].where(plain, 0.0))
        .groupby("day")[["BilledCost", "EffectiveCost", "usage"]]
        .sum()
    )
    whole = table.reindex(pd.date_range(table.index.min(), table.index.max(), freq="D"), fill_value=0.0)
    return whole.rename_axis("day").reset_index().set_axis(["day", "billed", "effective", "usage"], axis=1)


def labels(ledger: pd.DataFrame) -> pd.Series:
    """Return what a charge is for, (n,): the resource, else the commitment, else the service."""
    name = ledger["ResourceName"].where(ledger["ResourceName"] != "", ledger["ResourceId"])
    bought = ledger["CommitmentDiscountName"].where(ledger["CommitmentDiscountName"] != "", ledger["ChargeDescription"])
    committed = (ledger["ChargeCategory"] == "Purchase") | ledger["x_Amortised"]
    name = name.where(~committed | (bought == ""), bought)
    return name.where(name != "", ledger["ServiceName"]).replace("", NO_GROUP)


def noun(service: str) -> str:
    """Return what a resource of a service is called in a sentence."""
    return next((word for pattern, word in NOUNS if re.search(pattern, service, re.IGNORECASE)), "")


def _sums(ledger: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    table = ledger.groupby(keys)[["BilledCost", "EffectiveCost"]].sum().reset_index()
    return table.sort_values("BilledCost", ascending=False, kind="stable", ignore_index=True)


def _summed(ledger: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    table = ledger.groupby(names.rename("name"))[["BilledCost", "EffectiveCost"]].sum().reset_index()
    table = table.set_axis(["name", "billed", "effective"], axis=1)
    total = table["billed"].sum()
    table["share"] = table["billed"] / total if total > 0 else 0.0
    return table.sort_values("billed", ascending=False, kind="stable")


def _widest(tagged: pd.Series, cost: pd.Series) -> str:
    """Return the tag that covers most of the cost; the first by name of equals, none where nothing is tagged."""
    covered: dict[str, float] = {}
    for held, amount in zip(tagged, cost.abs(), strict=True):
        for name in held:
            covered[name] = covered.get(name, 0.0) + amount
    return min(covered, key=lambda name: (-round(covered[name], 6), name), default="")
