"""What is paid for and seems not to be used? Rules, a row each: what costs, and without which company it is suspect.

A bill tells what was charged and not what was done, so each finding is one to look at: a disk without any machine in
its resource group, an address there without machine or gateway and without traffic of its own.
"""

import re
from typing import NamedTuple

import pandas as pd

from tasks.cases.cloud_costs.features.groups import labels
from tasks.platform.stage import stage

RECENT = 7  # days at the end of the data that count
MONTH = 365.25 / 12


class Rule(NamedTuple):
    """One way to waste: `thing` costs and no `company` does. Both are searched for in what a charge says of itself."""

    rule: str
    thing: str
    company: str  # "" for none: the thing alone is enough
    within: str  # group (of resources; account and region where there is none) or resource
    todo: str


MACHINES = r"microsoft\.compute/virtualmachines|virtual machines|\binstance\b|boxusage|compute engine"
RULES = (
    Rule(
        "disk without a machine",
        r"microsoft\.compute/disks|\bvolume\b|managed disk|persistent disk",
        MACHINES,
        "group",
        "take a snapshot and delete it",
    ),
    Rule(
        "address without traffic",
        r"publicipaddresses|(?<!in-use )public ip",
        rf"{MACHINES}|gateway|load ?balancer|firewall|bastion|bandwidth|data transfer",
        "group",
        "release it",
    ),
    Rule("idle address", r"idle public ipv4|idle address|unattached ip", "", "resource", "release it"),
    Rule(
        "gateway without traffic",
        r"applicationgateways|natgateways|loadbalancers",
        r"capacity unit|data processed|bandwidth|data transfer|lcu",
        "resource",
        "delete it, or look why nobody comes",
    ),
    Rule(
        "service plan without an app",
        r"microsoft\.web/serverfarms|app service plan",
        r"microsoft\.web/sites|functions",
        "group",
        "delete the plan",
    ),
    Rule(
        "snapshot",
        r"microsoft\.compute/snapshots|ebs:snapshotusage",
        "",
        "resource",
        "delete those nobody will restore",
    ),
    Rule("unused commitment", r"commitment unused", "", "resource", "exchange it, or move machines onto it"),
)
COLUMNS = ["rule", "resource", "service", "group", "since", "a_month", "todo"]


@stage(phase="Evaluation")
def find_unused(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return what the rules find in the last days of the data.

    Args:
        ledger: charges of one currency, a `day` each.

    Returns:
        `COLUMNS`: a row a rule and resource, dearest first; `since` is the first day in the data.
    """
    last = ledger["day"].max()
    usage = ledger[(ledger["ChargeCategory"] == "Usage") & ~ledger["x_Amortised"]]
    usage = usage.assign(cost=usage[["BilledCost", "EffectiveCost"]].max(axis=1), resource=labels(usage))
    recent = usage[usage["day"] > last - pd.Timedelta(days=RECENT)]
    said, since = _said(recent), usage.groupby("resource")["day"].min()
    place = (
        recent["SubAccountId"]
        + "|"
        + recent["x_ResourceGroup"].where(recent["x_ResourceGroup"] != "", recent["RegionId"])
    )
    rows = []
    for rule in RULES:
        found = said.str.contains(rule.thing, regex=True) & (recent["cost"] > 0)
        if rule.company:
            company = said.str.contains(rule.company, regex=True)
            where = place if rule.within == "group" else recent["resource"]
            found &= ~where.isin(where[company])
        rows += _rows(rule, recent[found], since, min(RECENT, (last - ledger["day"].min()).days + 1))
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"since": "datetime64[us]", "a_month": "float64"})
    return table.sort_values("a_month", ascending=False, kind="stable", ignore_index=True)


def _said(charges: pd.DataFrame) -> pd.Series:
    """Return all that a charge says of its kind, in small letters, (n,)."""
    parts = ["ResourceType", "ServiceName", "x_SkuMeterName", "ChargeDescription"]
    cells = zip(*(charges[name] for name in parts), strict=True)
    text = pd.Series([" | ".join(row).lower() for row in cells], index=charges.index, dtype=object)
    return text + charges["CommitmentDiscountStatus"].eq("Unused").map({True: " | commitment unused", False: ""})


def _rows(rule: Rule, found: pd.DataFrame, since: pd.Series, days: int) -> list[list[object]]:
    rows: list[list[object]] = []
    for (resource, service, group), charges in found.groupby(["resource", "ServiceName", "x_ResourceGroup"]):
        rows.append(
            [rule.rule, resource, service, group, since[str(resource)], charges["cost"].sum() / days * MONTH, rule.todo]
        )
    return rows


def _plain(pattern: str) -> str:
    """Return a pattern as a reader sees it: the words, parted by commas."""
    return ", ".join(re.sub(r"\(\?<!.*?\)|\\b|\\|\?", "", pattern).split("|"))


def rules_table() -> pd.DataFrame:
    """Return the rules as they are told: what, what has to be missing, where, what to do."""
    rows = [
        (rule.rule, _plain(rule.thing), _plain(rule.company) or "(enough by itself)", rule.within) for rule in RULES
    ]
    return pd.DataFrame(rows, columns=["rule", "a charge says", "and none says", "within its"])
