"""What does a commitment cost on each day that it covers? Purchases of reservations spread over their term.

An actual export shows a reservation on the day of its payment, and what it covers at no cost. Spread, a payment at once
stands for the whole term, and a monthly payment for its month. FOCUS and amortised exports have spread it already.
Where both exports of the same account and month are given, billed costs are those of the actual one and effective costs
those of the amortised one.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.stage import stage

ACTUAL, AMORTISED = "Azure actual", "Azure amortised"
YEARS = {"1year": 12, "3years": 36, "5years": 60, "p1y": 12, "p3y": 36, "p5y": 60}
COMMITMENTS = ["commitment", "paid_on", "paid", "frequency", "term_months", "covers_until", "days", "a_day", "so_far"]


class Ledger(NamedTuple):
    """All charges, with the days of the commitments, and the commitments."""

    frame: pd.DataFrame  # as before, EffectiveCost spread; `day`, and `x_Amortised`: a row that was added
    commitments: pd.DataFrame  # COMMITMENTS


@stage(phase="Data preparation")
def amortise(costs: pd.DataFrame) -> Ledger:
    """Spread what was paid for commitments over the days that it covers, up to the last day of the data.

    Args:
        costs: charges of one currency, in FOCUS columns.
    """
    frame = _one_of_both(costs).assign(x_Amortised=False)
    frame["day"] = frame["ChargePeriodStart"].dt.normalize()
    bought = frame[is_purchase(frame) & (frame["x_Export"] == ACTUAL)]
    last = frame["day"].max()
    rows, added = [], [frame]
    for index, charge in bought.iterrows():
        months, recurring = term_months(charge), charge["ChargeFrequency"].lower().startswith(("recur", "wiederk"))
        if not months:
            continue  # nobody says what the payment stands for
        until = charge["day"] + pd.DateOffset(months=1 if recurring else months)
        days = (until - charge["day"]).days
        covered = pd.date_range(charge["day"], min(until - pd.Timedelta(days=1), last), freq="D")
        frame.loc[index, "EffectiveCost"] = 0.0
        shares = pd.DataFrame([charge] * len(covered)).assign(
            day=covered,
            ChargePeriodStart=covered,
            ChargePeriodEnd=covered + pd.Timedelta(days=1),
            BilledCost=0.0,
            EffectiveCost=charge["BilledCost"] / days,
            ChargeCategory="Usage",
            x_Amortised=True,
            x_CostInUsd=np.nan,
            ConsumedQuantity=np.nan,
        )
        added.append(shares.astype(frame.dtypes.to_dict()))
        name = charge["CommitmentDiscountName"] or charge["ChargeDescription"] or charge["CommitmentDiscountId"]
        rows.append(
            [
                name,
                charge["day"],
                charge["BilledCost"],
                "monthly" if recurring else "at once",
                months,
                until - pd.Timedelta(days=1),
                days,
                charge["BilledCost"] / days,
                charge["BilledCost"] / days * len(covered),
            ]
        )
    table = pd.DataFrame(rows, columns=COMMITMENTS).astype(
        {"paid_on": "datetime64[us]", "covers_until": "datetime64[us]"}
    )
    return Ledger(pd.concat(added, ignore_index=True), table)


def is_purchase(frame: pd.DataFrame) -> pd.Series:
    """Tell which charges pay for a commitment, (n,) bool."""
    return (frame["ChargeCategory"] == "Purchase") & (
        (frame["PricingCategory"] == "Committed") | (frame["CommitmentDiscountId"] != "")
    )


def term_months(charge: pd.Series) -> int:
    """Return the months that a commitment runs: Azure writes 36, P3Y, 3 Years, or only in the name of the order."""
    told = str(charge["x_Term"]).lower().replace(" ", "")
    if told.replace(".0", "").isdigit():
        return min(int(float(told)), 120)
    if told in YEARS:
        return YEARS[told]
    words = str(charge["ChargeDescription"]).lower().replace(" ", "")
    return next((months for text, months in YEARS.items() if text.endswith(("year", "years")) and text in words), 0)


def _one_of_both(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the charges with each amount once where actual and amortised exports tell of the same month."""
    frame = costs.reset_index(drop=True).copy()
    place = frame["SubAccountId"].str.lower() + frame["ChargePeriodStart"].dt.strftime("|%Y-%m")
    months = {kind: set(place[frame["x_Export"] == kind]) for kind in (ACTUAL, AMORTISED)}
    both = place.isin(months[ACTUAL] & months[AMORTISED])
    of_month = frame["ChargePeriodStart"].dt.strftime("%Y-%m")
    told = set(of_month[frame["x_Export"] == AMORTISED])
    paid = is_purchase(frame) & of_month.isin(told)  # a purchase may be booked on another subscription
    frame.loc[(both | paid) & (frame["x_Export"] == ACTUAL), "EffectiveCost"] = 0.0
    frame.loc[both & (frame["x_Export"] == AMORTISED), "BilledCost"] = 0.0
    frame.loc[paid & (frame["x_Export"] == ACTUAL), "x_Export"] = f"{ACTUAL}, spread by the amortised one"
    return frame
