"""What does a row of an export say in the words of FOCUS? Azure's charge types, resource ids and tags among others."""

import json
import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.ingestion.columns import (
    AZURE,
    COLUMNS,
    DAYS,
    FOCUS,
    NUMBERS,
    TEXTS,
    focus_version,
    is_focus,
    plain,
)
from tasks.cases.cloud_costs.ingestion.values import to_days, to_numbers
from tasks.ingestion.numbers import MISSING, blanks, decimal_comma
from tasks.platform.errors import ContractError

CATEGORIES = {
    "usage": "Usage",
    "verbrauch": "Usage",
    "nutzung": "Usage",
    "purchase": "Purchase",
    "kauf": "Purchase",
    "einkauf": "Purchase",
    "refund": "Credit",
    "erstattung": "Credit",
    "rückerstattung": "Credit",
    "credit": "Credit",
    "tax": "Tax",
    "steuer": "Tax",
    "adjustment": "Adjustment",
    "roundingadjustment": "Adjustment",
    "unusedreservation": "Usage",
    "unusedsavingsplan": "Usage",
    "nichtverwendetereservierung": "Usage",
}
COMMITTED = r"reserv|savings ?plan|sparplan|committed"
GROUP = r"(?i)/resourcegroups/([^/]+)"
TYPE = r"(?i)/providers/([^/]+/[^/]+)/[^/]+"
LONGEST = 400  # characters of a text


class Converted(NamedTuple):
    """A table in FOCUS columns, why a row cannot be read, and what kind of export it was."""

    frame: pd.DataFrame  # COLUMNS
    reasons: pd.Series  # text, "" where the row can be read
    kind: str  # FOCUS 1.x, Azure actual, Azure amortised, Azure cost analysis


def convert(raw: pd.DataFrame, name: str) -> Converted:
    """Return a table of an export in FOCUS columns.

    Args:
        raw: its cells as text, (n, columns).
        name: of the file: an amortised export may be told by it alone.

    Raises:
        ContractError: no column says in which currency its costs are.
    """
    focus = is_focus(list(raw.columns))
    there = {plain(column): raw[column] for column in reversed(list(raw.columns))}
    wanted = FOCUS if focus else AZURE
    text = {column: _first(there, names, raw.index) for column, names in wanted.items()}
    text |= {column: pd.Series("", index=raw.index) for column in COLUMNS if column not in text}
    table, reasons = _typed(text, raw.index)
    kind = f"FOCUS {focus_version(list(raw.columns))}" if focus else _azure(table, there, name)
    if kind == "Azure cost analysis" and (table["BillingCurrency"] == "").any():
        table.loc[table["BillingCurrency"] == "", "BillingCurrency"] = _only_usd(there)
    if len(table) and (table["BillingCurrency"] == "").all():
        raise ContractError(
            f"{name} says in no column which currency its costs are in; add one called BillingCurrency."
        )
    _resources(table)
    empty = table["BilledCost"].isna() & table["x_ForecastCost"].isna() & (reasons == "")
    reasons = reasons.mask(empty, "no cost").mask(table["ChargePeriodStart"].isna() & (reasons == ""), "no day")
    return Converted(table, reasons.mask((table["BillingCurrency"] == "") & (reasons == ""), "no currency"), kind)


def _first(there: dict[str, pd.Series], names: tuple[str, ...], index: pd.Index) -> pd.Series:
    """Return of each row the first cell that is not empty, among the columns of these names."""
    cells = pd.Series("", index=index, dtype=object)
    for name in names:
        if (more := there.get(plain(name))) is not None:
            cells = cells.where(~blanks(cells), more)
    return cells


def _typed(text: dict[str, pd.Series], index: pd.Index) -> tuple[pd.DataFrame, pd.Series]:
    comma = decimal_comma([text[name] for name in NUMBERS])
    table: dict[str, pd.Series] = {}
    reasons = pd.Series("", index=index, dtype=object)
    for name in DAYS:
        table[name], odd = to_days(text[name])
        reasons = reasons.mask(odd & (reasons == ""), f"{name} is no day")
    for name in NUMBERS:
        table[name], odd = to_numbers(text[name], comma)
        reasons = reasons.mask(odd & (reasons == ""), f"{name} is no number")
    for name in TEXTS:
        most = 4_000 if name == "Tags" else LONGEST
        once = {cell: "" if cell.strip().lower() in MISSING else cell.strip()[:most] for cell in text[name].unique()}
        table[name] = text[name].map(once)
    return pd.DataFrame(table, index=index)[list(COLUMNS)], reasons


def _only_usd(there: dict[str, pd.Series]) -> str:
    names = {plain(name) for name in AZURE["BilledCost"]}
    return "USD" if not names & set(there) else ""


def _azure(table: pd.DataFrame, there: dict[str, pd.Series], name: str) -> str:
    """Fill in what FOCUS asks for and Azure says otherwise; return which export it is."""
    table["ProviderName"] = table["ProviderName"].mask(table["ProviderName"] == "", "Microsoft")
    charge = table["ChargeCategory"].map(plain)
    table["ChargeCategory"] = charge.map(CATEGORIES).fillna("Usage")
    committed = table["PricingCategory"].str.contains(COMMITTED, case=False) | (table["CommitmentDiscountId"] != "")
    unused = charge.str.startswith(("unused", "nichtverwendet"))
    table.loc[committed & (table["ChargeCategory"] == "Usage"), "CommitmentDiscountStatus"] = "Used"
    table.loc[unused, "CommitmentDiscountStatus"] = "Unused"
    table["PricingCategory"] = np.where(committed, "Committed", table["PricingCategory"])
    if _only_usd(there):
        table["BilledCost"] = table["x_CostInUsd"]
    covered = committed & (table["ChargeCategory"] == "Usage")
    paid = covered & (table["BilledCost"] > 0)
    table["EffectiveCost"] = table["BilledCost"]
    if not {"chargetype", "gebührentyp", "belastungstyp"} & set(there):
        return "Azure cost analysis"
    if unused.any() or paid.any() or "amorti" in name.lower():
        table.loc[covered, "BilledCost"] = 0.0
        return "Azure amortised"
    return "Azure actual"


def _resources(table: pd.DataFrame) -> None:
    """Fill in group, type and name of a resource from its id, and write tags as JSON."""
    ids = table["ResourceId"]
    group, kind = ids.str.extract(GROUP)[0], ids.str.extract(TYPE)[0].str.lower()
    name = ids.str.rstrip("/").str.rsplit("/", n=1).str[-1].where(ids != "", "")
    for column, found in (("x_ResourceGroup", group), ("ResourceType", kind), ("ResourceName", name)):
        table[column] = table[column].where(table[column] != "", found.fillna(""))
    table["x_ResourceGroup"] = table["x_ResourceGroup"].str.lower()  # Azure writes one group in several ways
    azure = ids.str.contains(r"(?i)^/subscriptions/|^/providers/")
    table["ResourceId"] = ids.mask(azure, ids.str.lower())
    once = {text: json_tags(text) for text in table["Tags"].unique()}
    table["Tags"] = table["Tags"].map(once)
    table["BillingCurrency"] = table["BillingCurrency"].str.upper().replace({"€": "EUR", "$": "USD", "£": "GBP"})


def json_tags(text: str) -> str:
    """Return tags as a JSON object; Azure leaves its braces out. What is none becomes no tags."""
    try:
        held = json.loads(text if text.lstrip().startswith(("{", "[")) else f"{{{text}}}")
    except (ValueError, RecursionError):
        held = dict(re.findall(r'"([^"]{1,200})"\s*:\s*"([^"]{0,200})"', text))
    if isinstance(held, list):
        held = {str(item[0]): item[1] for item in held if isinstance(item, list) and len(item) == 2}
    if not isinstance(held, dict) or not held:
        return ""
    return json.dumps(
        {str(key)[:200]: str(value)[:200] for key, value in held.items()}, ensure_ascii=False, sort_keys=True
    )
