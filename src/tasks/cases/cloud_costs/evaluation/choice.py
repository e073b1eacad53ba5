"""Which machine is the cheapest that suffices, paid how, and from how many hours on is a commitment worth it?

Pay-as-you-go and spot cost the hours of use; a reservation and a savings plan cost every hour of the month, used or
not (730 of them). A spot machine may be taken away at any moment, so it is never the recommended one, only shown.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.ingestion.needs import FULL_MONTH, Need, Needs
from tasks.cases.cloud_costs.ingestion.offers import MODELS
from tasks.platform.stage import stage

BY_THE_HOUR = ("pay-as-you-go", "spot")
COLUMNS = [
    "need",
    "rank",
    "size",
    "region",
    "model",
    "cores",
    "memory",
    "disk",
    "gpus",
    "hourly",
    "monthly",
    "break_even_hours",
    "currency",
    "machines",
]
BEST = 5  # sizes shown of each way to pay


class Chosen(NamedTuple):
    """The cheapest offers of each need."""

    frame: pd.DataFrame  # COLUMNS; the best `BEST` of each need and model, rank 1 is the cheapest of its model
    best: pd.DataFrame  # a row a need: need, words, size, region, model, monthly, payg, break_even_hours, spot, fits
    unknown: int  # sizes of the list whose cores are not known


@stage(phase="Evaluation")
def choose_machines(offers: pd.DataFrame, sizes: pd.DataFrame, needs: Needs, currency: str) -> Chosen:
    """Choose the cheapest size of each way to pay, for each need.

    Args:
        offers: `size`, `region`, `os`, `model`, `hourly`, `currency`.
        sizes: `size`, `cores`, `memory`, `disk` (GiB), `gpus`.
        needs: what is needed.
        currency: of the offers that are compared; prices in different ones never are.
    """
    held = offers[offers["currency"] == currency] if (offers["currency"] == currency).any() else offers
    first = sorted(held["currency"].unique())[:1]
    held = held[held["currency"].isin(first)].merge(sizes, on="size", how="left")
    unknown = int(held.loc[held["cores"].isna(), "size"].nunique())
    tables, rows = [], []
    for need in needs.needs:
        table = monthly_costs(held, need)
        tables.append(_ranked(table, need))
        rows.append(_summary(table, need, "".join(first)))
    frame = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    columns = [
        "need",
        "words",
        "size",
        "region",
        "model",
        "monthly",
        "payg_size",
        "payg",
        "break_even_hours",
        "spot",
        "fits",
        "currency",
    ]
    return Chosen(frame[COLUMNS], pd.DataFrame(rows, columns=columns), unknown)


def monthly_costs(offers: pd.DataFrame, need: Need) -> pd.DataFrame:
    """Return the offers that suffice, with `monthly`, what all machines of the need cost in a month."""
    fits = (
        (offers["cores"] >= need.cores)
        & (offers["memory"] >= need.memory)
        & (offers["disk"] >= need.disk)
        & (offers["gpus"] >= need.gpus)
        & (offers["os"] == need.os)
        & ((offers["region"] == need.region) | (need.region == ""))
    )
    table = offers[fits].copy()
    hours = np.where(table["model"].isin(BY_THE_HOUR), need.hours, FULL_MONTH)
    table["monthly"] = table["hourly"] * hours * need.count
    return table


def _ranked(table: pd.DataFrame, need: Need) -> pd.DataFrame:
    payg = table[table["model"] == "pay-as-you-go"].set_index(["size", "region"])["hourly"]
    own = pd.Series(list(zip(table["size"], table["region"], strict=True)), index=table.index).map(payg.to_dict())
    table = table.assign(
        need=need.name,
        machines=need.count,
        break_even_hours=np.where(
            table["model"].isin(BY_THE_HOUR), np.nan, table["hourly"] * FULL_MONTH / own.astype(float)
        ),
    )
    order = {model: place for place, model in enumerate(MODELS)}
    table = table.sort_values(["monthly", "size", "region"], kind="stable")
    table["rank"] = table.groupby("model").cumcount() + 1
    table = table[table["rank"] <= BEST]
    return table.sort_values(["model", "rank"], key=lambda part: part.map(order) if part.name == "model" else part)


def _summary(table: pd.DataFrame, need: Need, currency: str) -> dict[str, object]:
    """Return the recommended offer of a need beside pay-as-you-go and spot."""
    row: dict[str, object] = {
        "need": need.name,
        "words": need.words,
        "fits": int(table["size"].nunique()),
        "currency": currency,
    }
    sure = table[table["model"] != "spot"].sort_values(["monthly", "size", "region"], kind="stable")
    if sure.empty:
        return row
    best = sure.iloc[0]
    row |= {"size": best["size"], "region": best["region"], "model": best["model"], "monthly": float(best["monthly"])}
    payg = sure[sure["model"] == "pay-as-you-go"]
    bound = sure[sure["model"] != "pay-as-you-go"]
    if len(payg):
        row |= {"payg_size": payg["size"].iloc[0], "payg": float(payg["monthly"].iloc[0])}
        if len(bound):
            a_month = float(bound["monthly"].min()) / need.count
            row["break_even_hours"] = a_month / float(payg["hourly"].iloc[0])
    spot = table.loc[table["model"] == "spot", "monthly"]
    return row | {"spot": float(spot.min()) if len(spot) else np.nan}
