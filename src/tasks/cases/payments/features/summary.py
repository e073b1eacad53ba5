"""What do millions of payments say in a few thousand rows? The small tables that both engines sum them up to.

The tables have the same columns whichever engine made them: `tasks.cases.payments.features.with_pandas` or `…_spark`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

FEWEST = 12  # positive payments of a vendor from which on one of them can be unusual
FLOOR = 0.04  # decades: the least spread (1.4826 MAD) that a vendor's payments are taken to have, about 10 %
UNUSUAL = 5.0  # robust standard deviations above the vendor's median
MOST_UNUSUAL = 1_000  # rows listed; all are counted
MAD_TO_SIGMA = 1.4826  # of a normal distribution


class Summary(NamedTuple):
    """Payments summed up.

    `cells`: `quarter` (year * 4 + 0 to 3), `department`, `payments`, `corrections` (negative ones), `cents`.
    `vendors`: a row per vendor, `vendor`, `name`, `names` (how many it goes by), `payments`, `corrections`, `cents`,
    `positive` (payments above 0), `median` and `mad` of their log10 of dollars, `departments`, `quarters` (with a
    payment), `first` and `last` quarter, `squares` (of the payments per quarter, summed).
    `unusual`: payments far above their vendor's median: `vendor`, `department`, `account`, `quarter`, `cents`, `median`
    (log10 of dollars), `z`; the most extreme `MOST_UNUSUAL`.
    `repeated`: payments of one vendor, account, quarter and amount, more often than is usual for the vendor: `vendor`,
    `account`, `quarter`, `cents`, `times` (less corrections of the same amount), `usual`, `surplus_cents`.
    `counts`: `unusual`, `repeated`, `surplus_cents`: in all, listed or not; `zero`: payments of nothing.
    """

    cells: pd.DataFrame
    vendors: pd.DataFrame
    unusual: pd.DataFrame
    repeated: pd.DataFrame
    counts: dict[str, int]


VENDOR_COLUMNS = [
    "vendor",
    "name",
    "names",
    "payments",
    "corrections",
    "cents",
    "positive",
    "median",
    "mad",
    "departments",
    "quarters",
    "first",
    "last",
    "squares",
]
UNUSUAL_COLUMNS = ["vendor", "department", "account", "quarter", "cents", "median", "z"]
REPEATED_COLUMNS = ["vendor", "account", "quarter", "cents", "times", "usual", "surplus_cents"]


def most_unusual(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the most extreme payments, in an order that does not depend on the engine."""
    order = rows.assign(rounded=rows["z"].astype(float).round(6)).sort_values(
        ["rounded", "vendor", "quarter", "cents", "department", "account"],
        ascending=[False, True, True, True, True, True],
        kind="stable",
    )
    return order.head(MOST_UNUSUAL)[UNUSUAL_COLUMNS].reset_index(drop=True)


def most_repeated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the repeated payments with most money at stake."""
    order = rows.sort_values(
        ["surplus_cents", "vendor", "account", "quarter", "cents"], ascending=[False, True, True, True, True]
    )
    return order.head(MOST_UNUSUAL)[REPEATED_COLUMNS].reset_index(drop=True)


def quarter_name(quarter: int) -> str:
    """Return 2015 Q3 for 2015 * 4 + 2."""
    return f"{quarter // 4} Q{quarter % 4 + 1}"


def irregularity(vendors: pd.DataFrame) -> np.ndarray:
    """Return the coefficient of variation of each vendor's payments per quarter, from its first to its last quarter."""
    span = (vendors["last"] - vendors["first"] + 1).to_numpy(float)
    mean = vendors["payments"].to_numpy(float) / span
    variance = vendors["squares"].to_numpy(float) / span - mean**2
    return np.sqrt(np.maximum(variance, 0)) / mean
