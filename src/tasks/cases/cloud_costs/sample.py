"""The embedded cloud: an invented shop's exports from July to 24 September 2026, with a truth that is known.

Azure EA exports of the actual cost, a file a month. `CULPRIT` was enlarged on `SINCE` and costs `FACTOR` times as much
from then on; nothing else is out of the ordinary. A disk and an address of a machine that was removed are still paid
for, and a reservation was paid in advance for a year. The price list (`sample_prices`) has the shape of Azure's public
one; its prices are invented.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.sizes import KNOWN_SIZES

SEED = 20_260_924
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 24)
CULPRIT, SINCE, FACTOR = "orders-db", date(2026, 9, 12), 3.2
RESERVATION, RESERVED = "VM_RI_07-03-2026", 876.0  # paid at once for twelve months
UNUSED = ("old-web_OsDisk_1_5f3c", "old-web-ip")
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
HEADER = (
    "SubscriptionId",
    "SubscriptionName",
    "Date",
    "Product",
    "MeterCategory",
    "MeterName",
    "Quantity",
    "EffectivePrice",
    "Cost",
    "BillingCurrency",
    "ResourceLocation",
    "ConsumedService",
    "ResourceId",
    "ResourceName",
    "Tags",
    "ResourceGroup",
    "ReservationId",
    "ReservationName",
    "ProductOrderName",
    "Term",
    "ChargeType",
    "Frequency",
    "PricingModel",
)


class Thing(NamedTuple):
    """A resource: what it costs on a weekday, on a Saturday or Sunday, and how unsteady that is."""

    name: str
    group: str
    kind: str  # Azure's resource type
    service: str
    meter: str
    cost: float  # € a weekday
    weekend: float  # share of it on Saturday and Sunday
    noise: float  # standard deviation of the logarithm
    team: str


THINGS = (
    Thing(
        "web-1", "shop-prod", "Microsoft.Compute/virtualMachines", "Virtual Machines", "D4s v5", 0.0, 1.0, 0.0, "shop"
    ),
    Thing(
        "web-2", "shop-prod", "Microsoft.Compute/virtualMachines", "Virtual Machines", "D4s v5", 4.61, 1.0, 0.0, "shop"
    ),
    Thing(
        CULPRIT,
        "shop-prod",
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "Azure Database for PostgreSQL",
        "vCore",
        8.4,
        0.95,
        0.04,
        "shop",
    ),
    Thing(
        "front-door",
        "shop-prod",
        "Microsoft.Network/applicationGateways",
        "Application Gateway",
        "Capacity Unit",
        5.6,
        0.8,
        0.08,
        "shop",
    ),
    Thing(
        "shoplogs",
        "shop-prod",
        "Microsoft.OperationalInsights/workspaces",
        "Log Analytics",
        "Data Ingestion",
        3.1,
        0.7,
        0.22,
        "shop",
    ),
    Thing(
        "shopfiles",
        "shop-prod",
        "Microsoft.Storage/storageAccounts",
        "Storage",
        "Hot LRS Data Stored",
        1.3,
        1.0,
        0.03,
        "shop",
    ),
    Thing(
        "nightly-1",
        "analytics",
        "Microsoft.Compute/virtualMachines",
        "Virtual Machines",
        "E8s v5",
        6.2,
        0.35,
        0.25,
        "data",
    ),
    Thing(
        "lake",
        "analytics",
        "Microsoft.Storage/storageAccounts",
        "Storage",
        "Cool LRS Data Stored",
        2.4,
        1.0,
        0.05,
        "data",
    ),
    Thing(
        "test-1", "shop-test", "Microsoft.Compute/virtualMachines", "Virtual Machines", "D2s v5", 1.2, 0.05, 0.15, ""
    ),
    Thing(UNUSED[0], "legacy", "Microsoft.Compute/disks", "Storage", "P10 LRS Disk", 0.62, 1.0, 0.0, ""),
    Thing(
        UNUSED[1],
        "legacy",
        "Microsoft.Network/publicIPAddresses",
        "Virtual Network",
        "Standard IPv4 Static Public IP",
        0.11,
        1.0,
        0.0,
        "",
    ),
)


def noise(rng: np.random.Generator, days: int, size: float, persistence: float = 0.5) -> np.ndarray:
    """Return factors around 1, (days,): log-normal, so skewed to the right, and persistent from day to day (AR(1))."""
    shocks = rng.normal(0, size * np.sqrt(1 - persistence**2), days + 30)
    wave = np.zeros(days + 30)
    for day in range(1, days + 30):
        wave[day] = persistence * wave[day - 1] + shocks[day]
    return np.exp(wave[30:])


def sample_costs(factor: float = FACTOR, seed: int = SEED) -> pd.DataFrame:
    """Return the rows of the exports, a resource a day, and the purchase of a reservation.

    Args:
        factor: by which `CULPRIT` costs more from `SINCE` on; 1 for a cloud in which nothing happens.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    days = pd.date_range(FIRST, LAST, freq="D")
    frames = []
    for thing in THINGS:
        cost = thing.cost * np.where(days.dayofweek >= 5, thing.weekend, 1.0) * noise(rng, len(days), thing.noise)
        cost = np.where((thing.name == CULPRIT) & (days >= pd.Timestamp(SINCE)), factor, 1.0) * cost
        frames.append(_rows(thing, days, np.round(cost, 6)))
    frames.append(_purchase())
    return pd.concat(frames).sort_values(["Day", "ResourceId"], kind="stable", ignore_index=True)


def _rows(thing: Thing, days: pd.DatetimeIndex, cost: np.ndarray) -> pd.DataFrame:
    place = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{thing.group}/providers/{thing.kind}/{thing.name}"
    reserved = thing.name == "web-1"
    tags = f'"team": "{thing.team}","env": "{"test" if "test" in thing.group else "prod"}"' if thing.team else ""
    return pd.DataFrame(
        {
            "Day": days,
            "SubscriptionId": SUBSCRIPTION,
            "SubscriptionName": "Shop",
            "Date": days.strftime("%m/%d/%Y"),
            "Product": f"{thing.service} - {thing.meter}",
            "MeterCategory": thing.service,
            "MeterName": thing.meter,
            "Quantity": 24,
            "EffectivePrice": np.round(cost / 24, 6),
            "Cost": cost,
            "BillingCurrency": "EUR",
            "ResourceLocation": "westeurope",
            "ConsumedService": thing.kind.partition("/")[0],
            "ResourceId": place,
            "ResourceName": thing.name,
            "Tags": tags,
            "ResourceGroup": thing.group,
            "ReservationId": RESERVATION if reserved else "",
            "ReservationName": RESERVATION if reserved else "",
            "ProductOrderName": "",
            "Term": "",
            "ChargeType": "Usage",
            "Frequency": "UsageBased",
            "PricingModel": "Reservation" if reserved else "OnDemand",
        }
    )


def _purchase() -> pd.DataFrame:
    row = dict.fromkeys(HEADER, "") | {
        "Day": pd.Timestamp(2026, 7, 3),
        "SubscriptionId": SUBSCRIPTION,
        "SubscriptionName": "Shop",
        "Date": "07/03/2026",
        "Product": "Virtual Machines Dsv5 Series - D4s v5",
        "MeterCategory": "Virtual Machines",
        "MeterName": "D4s v5",
        "Quantity": 1,
        "EffectivePrice": RESERVED,
        "Cost": RESERVED,
        "BillingCurrency": "EUR",
        "ResourceLocation": "westeurope",
        "ConsumedService": "Microsoft.Capacity",
        "ResourceId": f"/providers/Microsoft.Capacity/reservationOrders/{RESERVATION}",
        "ReservationId": RESERVATION,
        "ReservationName": RESERVATION,
        "ProductOrderName": "Reserved VM Instance, Standard_D4s_v5, West Europe, 1 Year",
        "Term": "12",
        "ChargeType": "Purchase",
        "Frequency": "OneTime",
        "PricingModel": "Reservation",
    }
    return pd.DataFrame([row])


def write_exports(folder: Path) -> None:
    """Write the sample into `folder`, a file a month; the cost of one row of August cannot be read."""
    rows = sample_costs()
    months = rows["Day"].dt.to_period("M")
    for month in months.unique():
        table = rows.loc[months == month, list(HEADER)].astype({"Cost": object})
        if str(month) == "2026-08":
            table.iloc[7, list(HEADER).index("Cost")] = "pending"
        table.to_csv(folder / f"azure-actual-{month}.csv", index=False, encoding="utf-8-sig")


def sample_prices(seed: int = SEED) -> list[dict[str, Any]]:
    """Return an invented price list in the shape of Azure's: two regions, with reservations, savings plans and spot."""
    rng = np.random.default_rng(seed)
    items: list[dict[str, Any]] = []
    for region, factor in (("westeurope", 1.0), ("northeurope", 0.94)):
        for size in KNOWN_SIZES.to_dict("records"):
            hourly = 0.02 * size["cores"] + 0.004 * size["memory"] + 0.0001 * size["disk"] + 0.45 * size["gpus"]
            items += _offers(str(size["size"]), region, round(factor * hourly * rng.uniform(0.85, 1.2), 5), rng)
    return items


def _offers(size: str, region: str, hourly: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    common = {
        "currencyCode": "EUR",
        "armRegionName": region,
        "armSkuName": size,
        "serviceName": "Virtual Machines",
        "productName": "Virtual Machines Series",
        "skuName": size.removeprefix("Standard_").replace("_", " "),
        "unitOfMeasure": "1 Hour",
        "isPrimaryMeterRegion": True,
        "tierMinimumUnits": 0.0,
    }
    plans = [
        {"term": "1 Year", "retailPrice": round(0.76 * hourly, 5)},
        {"term": "3 Years", "retailPrice": round(0.57 * hourly, 5)},
    ]
    year, three = rng.uniform(0.58, 0.68), rng.uniform(0.36, 0.45)
    return [
        common | {"type": "Consumption", "retailPrice": hourly, "savingsPlan": plans},
        common | {"type": "Consumption", "retailPrice": round(hourly * 1.8, 5), "productName": "VM Series Windows"},
        common
        | {
            "type": "Consumption",
            "retailPrice": round(hourly * rng.uniform(0.1, 0.4), 5),
            "skuName": f"{common['skuName']} Spot",
        },
        common | {"type": "Reservation", "reservationTerm": "1 Year", "retailPrice": round(hourly * 8760 * year, 2)},
        common | {"type": "Reservation", "reservationTerm": "3 Years", "retailPrice": round(hourly * 26280 * three, 2)},
    ]


def write_prices(folder: Path) -> None:
    """Write the sample's price list, `prices.json`, as a page of the API."""
    (folder / "prices.json").write_text(json.dumps({"Items": sample_prices(), "NextPageLink": None}), encoding="utf-8")
