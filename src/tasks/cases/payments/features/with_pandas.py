"""Payments summed up with pandas: the vendors a bucket at a time, so that memory does not grow with the rows."""

import itertools
import math

import numpy as np
import pandas as pd

from tasks.cases.payments.features.summary import (
    FEWEST,
    FLOOR,
    MAD_TO_SIGMA,
    REPEATED_COLUMNS,
    UNUSUAL,
    UNUSUAL_COLUMNS,
    VENDOR_COLUMNS,
    Summary,
    most_repeated,
    most_unusual,
)
from tasks.cases.payments.ingestion.ledger import BUCKETS, Ledger
from tasks.platform.progress import progress
from tasks.platform.stage import stage

AT_ONCE = 4_000_000  # rows held at a time, about 22 bytes each, and as much again while they are sorted
COLUMNS = ("quarter", "department", "vendor", "name", "account", "cents")


@stage(phase="Data preparation")
def sum_with_pandas(rows: Ledger) -> Summary:
    """Sum up payments by department and quarter and by vendor, and list what is unusual."""
    passes = min(BUCKETS, max(1, math.ceil(rows.rows / AT_ONCE)))
    edges = np.linspace(0, BUCKETS, passes + 1).round().astype(int).tolist()
    spans = list(itertools.pairwise(edges))
    read = (rows.rows_of(COLUMNS, low, high) for low, high in progress(spans, "summing up", total=passes, unit="part"))
    parts = [summed(part) for part in read if len(part)]
    return merged(parts)


def merged(parts: list[Summary]) -> Summary:
    """Put the summaries of disjoint sets of vendors together."""
    cells = pd.concat([part.cells for part in parts], ignore_index=True)
    cells = cells.groupby(["quarter", "department"], sort=True).sum().reset_index()
    vendors = pd.concat([part.vendors for part in parts], ignore_index=True).sort_values("vendor", ignore_index=True)
    counts = {name: sum(part.counts[name] for part in parts) for name in parts[0].counts}
    unusual = most_unusual(pd.concat([part.unusual for part in parts], ignore_index=True))
    repeated = most_repeated(pd.concat([part.repeated for part in parts], ignore_index=True))
    return Summary(cells, vendors, unusual, repeated, counts)


def summed(rows: pd.DataFrame) -> Summary:
    """Sum up payments, all of each vendor.

    Args:
        rows: `quarter`, `department`, `vendor`, `name`, `account` (categories), `cents`; n rows.
    """
    cells = _sums(rows, ["quarter", "department"]).reset_index()
    vendors = _vendors(rows)
    unusual = _unusual(rows, vendors)
    repeated = _repeated(rows)
    counts = {
        "unusual": len(unusual),
        "repeated": len(repeated),
        "surplus_cents": int(repeated["surplus_cents"].sum()),
        "zero": int((rows["cents"] == 0).sum()),
    }
    return Summary(_plain(cells), _plain(vendors), most_unusual(unusual), most_repeated(repeated), counts)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with text in place of categories."""
    return table.astype({name: object for name in table.columns if isinstance(table[name].dtype, pd.CategoricalDtype)})


def _sums(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    keyed = rows[[*by, "cents"]].assign(corrections=rows["cents"] < 0)
    return keyed.groupby(by, observed=True, sort=True).agg(
        payments=("cents", "size"), corrections=("corrections", "sum"), cents=("cents", "sum")
    )


def _distinct(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return how many values of a column each vendor has."""
    return rows[["vendor", column]].drop_duplicates().groupby("vendor", observed=True).size()


def _vendors(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per vendor, as `Summary` describes it."""
    table = _sums(rows, ["vendor"])
    names = rows[["vendor", "name"]].drop_duplicates().astype(object).groupby("vendor")["name"].agg(["min", "size"])
    table["name"], table["names"] = names["min"], names["size"]
    table["departments"] = _distinct(rows, "department")
    quarterly = rows.groupby(["vendor", "quarter"], observed=True).size().rename("n").reset_index()
    quarterly["squares"] = quarterly["n"] ** 2
    grouped = quarterly.groupby("vendor", observed=True)
    table["quarters"], table["squares"] = grouped.size(), grouped["squares"].sum()
    table["first"], table["last"] = grouped["quarter"].min(), grouped["quarter"].max()
    positive = _positive(rows)
    middle = positive.groupby("vendor", observed=True)["decades"].agg(["median", "size"])
    away = (positive["decades"] - positive["vendor"].map(middle["median"]).astype(float)).abs()
    table["median"], table["positive"] = middle["median"], middle["size"]
    table["positive"] = table["positive"].fillna(0).astype("int64")
    table["mad"] = away.groupby(positive["vendor"], observed=True).median()
    return table.reset_index()[VENDOR_COLUMNS].sort_values("vendor", key=lambda names: names.astype(object))


def _positive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the vendor and the log10 of dollars of the payments above 0."""
    above = rows.loc[rows["cents"] > 0, ["vendor", "cents"]]
    return pd.DataFrame({"vendor": above["vendor"], "decades": np.log10(above["cents"].to_numpy() / 100)})


def _unusual(rows: pd.DataFrame, vendors: pd.DataFrame) -> pd.DataFrame:
    """Return the payments far above their vendor's median, in robust standard deviations of their logarithm."""
    judged = vendors[vendors["positive"] >= FEWEST]
    spread = np.maximum(MAD_TO_SIGMA * judged["mad"].to_numpy(), FLOOR)
    scale = pd.DataFrame({"median": judged["median"].to_numpy(), "spread": spread}, index=judged["vendor"].astype(str))
    scale = scale.reindex(rows["vendor"].cat.categories)
    codes = rows["vendor"].cat.codes.to_numpy()
    cents = rows["cents"].to_numpy()
    median = scale["median"].to_numpy()[codes]
    z = (np.log10(np.maximum(cents, 1) / 100) - median) / scale["spread"].to_numpy()[codes]
    chosen = (cents > 0) & (z >= UNUSUAL)
    return _plain(rows[chosen].assign(median=median[chosen], z=z[chosen])[UNUSUAL_COLUMNS])


def _repeated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a vendor was paid more often than usual: same account, quarter and amount, corrections taken off."""
    keyed = rows.loc[rows["cents"] != 0, ["vendor", "account", "quarter"]]
    cents = rows.loc[rows["cents"] != 0, "cents"].to_numpy()
    keyed = keyed.assign(cents=np.abs(cents), times=np.sign(cents))
    groups = keyed.groupby(["vendor", "account", "quarter", "cents"], observed=True, sort=False)["times"].sum()
    paid = groups[groups > 0].reset_index()
    usual = paid.groupby("vendor", observed=True)["times"].median()
    paid["usual"] = np.maximum(np.ceil(paid["vendor"].map(usual).to_numpy(float)), 1).astype("int64")
    found = paid[paid["times"] > paid["usual"]]
    found = found.assign(surplus_cents=(found["times"] - found["usual"]) * found["cents"])
    return _plain(found[REPEATED_COLUMNS])
