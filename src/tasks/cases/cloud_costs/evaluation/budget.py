"""Is the month within its budget, when was each part of it spent, and will it hold to the end?"""

import re

import pandas as pd

from tasks.cases.cloud_costs.training import Forecast
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

LEVELS = (0.5, 0.8, 1.0)  # shares of a budget whose day is told
GIVE = "give an amount a month such as 1200, or several such as 1200,Storage=200 (service, resource group or resource)"
COLUMNS = ["scope", "budget", "spent", "share", "day_50", "day_80", "day_100", "expected", "alert"]


def parse_budget(text: str) -> dict[str, float]:
    """Return the budgets of a text, by scope; "" is everything.

    Raises:
        UsageError: an amount that is none.
    """
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        scope, mark, amount = part.rpartition("=")
        if (
            not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", amount.strip())
            or float(amount) <= 0
            or (mark and not scope.strip())
        ):
            raise UsageError(f"--budget {part[:60]}: it holds no amount; {GIVE}.")
        found[scope.strip()] = float(amount)
    return found


@stage(phase="Evaluation")
def check_budget(ledger: pd.DataFrame, budget: str, forecast: Forecast | None) -> pd.DataFrame:
    """Hold the billed costs of the month of the last day against the budgets.

    Args:
        ledger: charges of one currency.
        budget: as `parse_budget` reads it; empty for none.
        forecast: of the whole; a part of the cloud is expected to go on as its month was so far.

    Returns:
        `COLUMNS`, a row a budget.

    Raises:
        UsageError: a scope that is no service, resource group or resource.
    """
    last = ledger["day"].max()
    month = ledger[ledger["day"] >= last.replace(day=1)]
    rows = []
    for scope, amount in parse_budget(budget).items():
        part = month[_within(ledger, scope).reindex(month.index)] if scope else month
        spent = part.groupby("day")["BilledCost"].sum().cumsum()
        total = float(part["BilledCost"].sum())
        days = [
            str(spent.index[(spent >= level * amount).to_numpy().argmax()].date())
            if (spent >= level * amount).any()
            else ""
            for level in LEVELS
        ]
        expected = forecast.total if forecast and not scope else total / last.day * last.days_in_month
        sure = bool(forecast and not scope and forecast.low > amount)
        rows.append(
            [
                scope or "everything",
                amount,
                total,
                total / amount,
                *days,
                expected,
                _alert(total, expected, amount, sure),
            ]
        )
    kinds = {"budget": "float64", "spent": "float64", "share": "float64", "expected": "float64"}
    return pd.DataFrame(rows, columns=COLUMNS).astype(kinds)


def _within(ledger: pd.DataFrame, scope: str) -> pd.Series:
    names = ledger[["ServiceName", "x_ResourceGroup", "ResourceName", "SubAccountName"]]
    inside = names.apply(lambda column: column.str.lower() == scope.lower()).any(axis=1)
    if not inside.any():
        raise UsageError(
            f"--budget {scope[:60]}: no service, resource group, resource or account is called that; {GIVE}."
        )
    return inside


def _alert(spent: float, expected: float, amount: float, sure: bool) -> str:
    if spent >= amount:
        return "exceeded"
    if expected > amount:
        return "will be exceeded" if sure else "is expected to be exceeded"
    return "80 % spent" if spent >= 0.8 * amount else "kept so far"
