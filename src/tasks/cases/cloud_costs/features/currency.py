"""In which currency is it counted? One at a time: amounts of different currencies are never added together."""

from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel

from tasks.platform.errors import UsageError
from tasks.platform.stage import stage


class Currency(BaseModel):
    """The currency of a run."""

    code: str
    others: list[str] = []  # further currencies of the source, whose charges are not in the figures
    converted: bool = False  # the amounts are those that the export itself gives in dollars


class Counted(NamedTuple):
    """The charges of one currency, which it is, and the totals of all."""

    frame: pd.DataFrame
    currency: Currency
    totals: pd.DataFrame  # currency, charges, billed, effective, note


@stage(phase="Data preparation")
def choose_currency(costs: pd.DataFrame, currency: str) -> Counted:
    """Keep the charges of one currency.

    Args:
        costs: in FOCUS columns.
        currency: which; the one with most charges when empty. USD is also taken from the column in which an export
            converts its costs, where each row has it.

    Raises:
        UsageError: no charge is in that currency.
    """
    totals = count_totals(costs)
    codes = totals.loc[totals["note"] == "", "currency"].tolist()
    code = currency.strip().upper() or codes[0]
    if code in codes:
        kept = costs[costs["BillingCurrency"] == code]
        return Counted(kept.reset_index(drop=True), Currency(code=code, others=[c for c in codes if c != code]), totals)
    if code == "USD" and "USD" in set(totals["currency"]):
        return Counted(in_dollars(costs), Currency(code="USD", converted=True), totals)
    raise UsageError(f"--currency {code[:12]}: no charge is in it; there are {', '.join(codes)}.")


def count_totals(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the totals of each currency, the one with most charges first; and what an export says in dollars."""
    grouped = costs.groupby("BillingCurrency")
    table = grouped.agg(
        charges=("BilledCost", "size"), billed=("BilledCost", "sum"), effective=("EffectiveCost", "sum")
    )
    table = table.sort_values("charges", ascending=False, kind="stable").rename_axis("currency").reset_index()
    table["note"] = ""
    if "USD" not in set(table["currency"]) and len(costs) and costs["x_CostInUsd"].notna().all():
        again = in_dollars(costs)
        row = {
            "currency": "USD",
            "charges": len(costs),
            "billed": again["BilledCost"].sum(),
            "effective": again["EffectiveCost"].sum(),
            "note": "the same charges, as the export converts them",
        }
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
    return table


def in_dollars(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the charges with the amounts in dollars that the export gives."""
    frame = costs.reset_index(drop=True).copy()
    billed = frame["BilledCost"].where(frame["BilledCost"] != 0)
    rate = (frame["x_CostInUsd"] / billed).where(billed.notna())
    usual = rate.median()
    frame["EffectiveCost"] = frame["EffectiveCost"] * rate.fillna(1.0 if pd.isna(usual) else usual)
    frame["BilledCost"] = frame["x_CostInUsd"].where(billed.notna(), 0.0)
    return frame.assign(BillingCurrency="USD")


@stage(phase="Data preparation")
def read_expectation(costs: pd.DataFrame, forecast: pd.DataFrame) -> pd.DataFrame:
    """Return what exports that hold a forecast of their own expect: what was billed, and with the days to come.

    Azure's sheet of a cost analysis adds its forecast to its dollars, although the forecast stands in a row of another
    currency. Its sum is shown as it is, and beside it the sum in that currency.

    Args:
        costs: in FOCUS columns, all currencies.
        forecast: `day`, `cost`, `currency`.

    Returns:
        `currency`, `billed`, `forecast`, `together`, `until`, `note`.
    """
    rows: list[list[object]] = []
    told = costs[costs["x_Export"] == "Azure cost analysis"]
    for code, days in forecast.groupby("currency"):
        mine = told[told["BillingCurrency"] == code]
        until, ahead = days["day"].max(), float(days["cost"].sum())
        billed = float(mine["BilledCost"].sum())
        rows.append([code, billed, ahead, billed + ahead, until, ""])
        if len(mine) and mine["x_CostInUsd"].notna().all() and code != "USD":
            dollars = float(mine["x_CostInUsd"].sum())
            note = f"as the sheet's summary adds them up, though its forecast bears {code}"
            rows.append(["USD", dollars, ahead, dollars + ahead, until, note])
    table = pd.DataFrame(rows, columns=["currency", "billed", "forecast", "together", "until", "note"])
    return table.astype({"until": "datetime64[us]", "billed": "float64", "forecast": "float64", "together": "float64"})
