"""The tables of the report on payments: departments, kinds of vendors, and payments to look at."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.payments.features.summary import quarter_name
from tasks.platform.stage import stage
from tasks.publishing.blocks import Table

WORDS = {
    "median": ("small payments", "large payments"),
    "payments": ("rarely paid", "often paid"),
    "irregularity": ("even in time", "in bursts"),
    "departments": ("few departments", "many departments"),
    "corrections": ("never corrected", "often corrected"),
    "spread": ("same amounts", "varying amounts"),
    "active": ("in few quarters", "in most quarters"),
}


def segment_names(scaled: np.ndarray, labels: np.ndarray, features: list[str]) -> list[str]:
    """Name each segment by the two features in which its mean is furthest from that of all vendors."""
    names = []
    usable = [(place, name) for place, name in enumerate(features) if name in WORDS]
    for segment in range(int(labels.max()) + 1):
        means = np.asarray(scaled)[labels == segment].mean(axis=0)
        order = sorted(usable, key=lambda item: -abs(means[item[0]]))
        names.append(", ".join(WORDS[name][int(means[place] > 0)] for place, name in order[:2]))
    return names


def segment_table(vendors: pd.DataFrame, labels: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return a row per segment: its number and name, vendors, their share of the money, and what is typical."""
    rows = []
    whole = max(float(vendors["cents"].sum()), 1.0)
    for segment, name in enumerate(names):
        part = vendors[labels == segment]
        rows.append(
            {
                "segment": segment + 1,
                "name": name,
                "vendors": len(part),
                "money": float(part["cents"].sum()) / whole,
                "median": float(np.median(10 ** part["median"])),
                "payments": float(part["payments"].median()),
                "departments": float(part["departments"].median()),
                "corrections": float(part["corrections"].sum() / part["payments"].sum()),
            }
        )
    return pd.DataFrame(rows)


SEGMENT_TITLES = {
    "segment": "no.",
    "name": "what sets it apart",
    "vendors": "vendors",
    "money": "of the money",
    "median": "median payment, $",
    "payments": "payments each",
    "departments": "departments",
    "corrections": "corrections",
}
SEGMENT_FORMATS = {
    "vendors": ",",
    "money": ".1%",
    "median": ",.0f",
    "payments": ",.0f",
    "departments": ".0f",
    "corrections": ".1%",
}


def department_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row per department: payments, corrections, dollars, share; the largest first."""
    table = cells.groupby("department")[["payments", "corrections", "cents"]].sum().reset_index()
    table["dollars"] = table["cents"] / 100
    table["share"] = table["cents"] / max(int(table["cents"].sum()), 1)
    order = table.sort_values(["cents", "department"], ascending=[False, True])
    return order.drop(columns="cents").reset_index(drop=True)


class PublishedTables(NamedTuple):
    """What is written beside the report."""

    unusual: pd.DataFrame
    repeated: pd.DataFrame
    departments_and_quarters: pd.DataFrame
    vendors: pd.DataFrame


@stage(phase="Deployment")
def published_tables(
    cells: pd.DataFrame,
    vendors: pd.DataFrame,
    segmented: pd.DataFrame,
    labels: np.ndarray,
    unusual: pd.DataFrame,
    repeated: pd.DataFrame,
) -> PublishedTables:
    """Turn the tables into what a reader takes along: names, quarters as text, dollars, each vendor's segment.

    Args:
        cells: as in `Summary`.
        vendors: as in `Summary`, all vendors.
        segmented: the m vendors with a segment.
        labels: their segments, (m,).
        unusual: as in `Summary`.
        repeated: as in `Summary`.
    """
    names = vendors.set_index("vendor")["name"]
    segments = pd.Series(np.asarray(labels) + 1, index=segmented["vendor"])
    people = vendors[["vendor", "name", "payments", "corrections", "departments", "quarters"]].assign(
        dollars=vendors["cents"] / 100,
        median=10 ** vendors["median"],
        segment=vendors["vendor"].map(segments).astype("Int64"),
    )
    spent = cells.assign(
        quarter=[quarter_name(int(quarter)) for quarter in cells["quarter"]], dollars=cells["cents"] / 100
    ).drop(columns="cents")
    return PublishedTables(unusual_table(unusual, names), repeated_table(repeated, names), spent, people)


def _readable(rows: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Return payments with the vendor's name, the quarter as text and dollars in place of cents."""
    table = rows.assign(
        name=rows["vendor"].map(names).fillna(""),
        quarter=[quarter_name(int(quarter)) for quarter in rows["quarter"]],
        dollars=rows["cents"] / 100,
    )
    return table.drop(columns="cents")


def unusual_table(unusual: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Return unusual payments as the report shows them; `names` by vendor number."""
    table = _readable(unusual, names)
    table["usual"] = 10 ** unusual["median"]
    table["ratio"] = table["dollars"] / table["usual"]
    order = ["name", "vendor", "department", "account", "quarter", "dollars", "usual", "ratio", "z"]
    return table[order].reset_index(drop=True)


def repeated_table(repeated: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Return repeated payments as the report shows them; `names` by vendor number."""
    table = _readable(repeated, names)
    table["surplus"] = repeated["surplus_cents"] / 100
    return table[["name", "vendor", "account", "quarter", "dollars", "times", "usual", "surplus"]].reset_index(
        drop=True
    )


def shown_unusual(table: pd.DataFrame) -> Table:
    """Return the first unusual payments as a part of the report."""
    titles = {
        "name": "vendor",
        "department": "department",
        "account": "account",
        "quarter": "quarter",
        "dollars": "paid, $",
        "usual": "vendor's median, $",
        "z": "robust z",
    }
    return Table.from_frame(
        table,
        titles,
        {"dollars": ",.2f", "usual": ",.2f", "z": ".1f"},
        limit=15,
        whole="unusual.csv",
        caption="Payments far above the vendor's own, in robust standard deviations of the logarithm.",
    )


def shown_repeated(table: pd.DataFrame) -> Table:
    """Return the first repeated payments as a part of the report."""
    titles = {
        "name": "vendor",
        "account": "account",
        "quarter": "quarter",
        "dollars": "amount, $",
        "times": "times",
        "usual": "usual for the vendor",
        "surplus": "at stake, $",
    }
    return Table.from_frame(
        table,
        titles,
        {"dollars": ",.2f", "surplus": ",.2f"},
        limit=15,
        whole="repeated.csv",
        caption="The same amount to the same vendor on the same account in one quarter, more often than is usual.",
    )
