"""At which price an hour is a machine offered, and how is it paid? Azure's retail prices as offers.

Documented at learn.microsoft.com (Azure Retail Prices). Two things mislead there: the price of a reservation is that of
its whole term although the unit says an hour, and a savings plan is no item of its own but stands in that of its size.
A reservation of a Windows machine does not hold its licence, so none is offered for one.
"""

from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

HOURS_A_YEAR = 8760
TERMS = {"1 Year": 1, "3 Years": 3}
COLUMNS = ["size", "region", "os", "model", "hourly", "currency"]
MODELS = (
    "pay-as-you-go",
    "savings plan, 1 year",
    "savings plan, 3 years",
    "reserved, 1 year",
    "reserved, 3 years",
    "spot",
)


def offers_of(items: Iterable[Any]) -> pd.DataFrame:
    """Return the offers among the items of a price list: a row each, the cheapest where one is listed twice.

    Args:
        items: as the API gives them; what is no offer of a virtual machine by the hour is left out.

    Returns:
        `size`, `region`, `os` (linux or windows), `model` (one of `MODELS`), `hourly`, `currency`.
    """
    rows = [row for item in items if isinstance(item, dict) for row in _offers(item)]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"hourly": "float64"})
    table = table[np.isfinite(table["hourly"]) & (table["hourly"] > 0)]
    kept = table.sort_values("hourly", kind="stable").drop_duplicates(["size", "region", "os", "model", "currency"])
    return kept.sort_values(["region", "size", "os", "model"], ignore_index=True)


def _offers(item: dict[str, Any]) -> list[list[Any]]:
    names = f"{item.get('skuName', '')} {item.get('meterName', '')}"
    product, size, region = (str(item.get(key) or "") for key in ("productName", "armSkuName", "armRegionName"))
    price, currency = item.get("retailPrice"), str(item.get("currencyCode") or "")
    if (
        item.get("serviceName") != "Virtual Machines"
        or item.get("unitOfMeasure") != "1 Hour"
        or item.get("isPrimaryMeterRegion") is False
        or item.get("tierMinimumUnits")
        or not size
        or not currency
        or "Low Priority" in names
        or "Dedicated Host" in product
        or "CloudServices" in product.replace(" ", "")
        or not _number(price)
    ):
        return []
    where = [size, region, "windows" if "Windows" in product else "linux"]
    hourly = float(price)
    if item.get("type") == "Reservation":
        years = TERMS.get(str(item.get("reservationTerm")))
        told = f"reserved, {years} year{'s' * (years != 1)}" if years else ""
        return [[*where, told, hourly / (HOURS_A_YEAR * years), currency]] if years and where[2] == "linux" else []
    if item.get("type") != "Consumption":
        return []
    if "Spot" in names:
        return [[*where, "spot", hourly, currency]]
    plans = item.get("savingsPlan") or []
    found = [[*where, "pay-as-you-go", hourly, currency]]
    for plan in plans if isinstance(plans, list) else []:
        years = TERMS.get(str(plan.get("term"))) if isinstance(plan, dict) else None
        if years and _number(plan.get("retailPrice")):
            told = f"savings plan, {years} year{'s' * (years > 1)}"
            found.append([*where, told, float(plan["retailPrice"]), currency])
    return found


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
