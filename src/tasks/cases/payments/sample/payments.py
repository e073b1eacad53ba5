"""Vendor payments of a state that does not exist, in the schema of Vermont's open data, at any size.

Each vendor belongs to one of five segments, which differ in how often, how much, how regularly and from how many
departments they are paid. Payments booked twice and payments far beyond the vendor's own are planted, and so is what
makes such an export hard to read: `$1,234.50`, `(12.00)`, blanks, text, cut lines, an open quotation mark. Rows are
made and written quarter by quarter, so that memory does not grow with the file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.payments.sample.lines import Dirt, csv_lines, damaged
from tasks.cases.payments.sample.names import ACCOUNTS, DEPARTMENTS, HEADER, vendor_names

FILE = "vendor_payments.csv"
SEED = 20_090_930
FIRST_YEAR, QUARTERS, BURST = 2010, 40, 6
ROWS_PER_VENDOR, FEWEST_VENDORS, MOST_VENDORS = 80, 60, 40_000


class Segment(NamedTuple):
    """How vendors of one kind are paid; amounts in decades (log10 of dollars)."""

    name: str
    share: float  # of all vendors
    payments: float  # relative to the other segments
    median: float
    between: float  # spread of the vendors' medians
    within: float  # spread of a vendor's payments
    corrections: float  # share of negative payments
    departments: tuple[int, int]


SEGMENTS = (
    Segment("suppliers", 0.30, 3.0, 2.6, 0.25, 0.35, 0.04, (3, 8)),
    Segment("landlords", 0.15, 1.0, 3.4, 0.20, 0.0, 0.0, (1, 1)),
    Segment("grantees", 0.20, 0.4, 4.9, 0.30, 0.20, 0.0, (1, 2)),
    Segment("individuals", 0.20, 0.4, 1.8, 0.25, 0.25, 0.0, (1, 2)),
    Segment("utilities", 0.15, 1.5, 2.9, 0.25, 0.12, 0.12, (14, 24)),
)


class Truth(NamedTuple):
    """What was written: data rows, lines that cannot be read by reason, and the sums of those that can."""

    rows: int
    broken: dict[str, int]
    totals: pd.DataFrame


def vendors(rows: int) -> pd.DataFrame:
    """Return the vendors of a sample of `rows` rows: `number`, `name`, `segment`, and what their payments follow."""
    count = int(np.clip(rows // ROWS_PER_VENDOR, FEWEST_VENDORS, MOST_VENDORS))
    chance = np.random.default_rng([SEED, 1])
    shares = np.array([segment.share for segment in SEGMENTS])
    kind = np.repeat(np.arange(len(SEGMENTS)), np.diff(np.round(np.r_[0, shares.cumsum()] * count).astype(int)))
    kind = chance.permutation(kind)
    of = {name: np.array([getattr(segment, name) for segment in SEGMENTS])[kind] for name in Segment._fields[:7]}
    widest = np.array([segment.departments for segment in SEGMENTS])[kind]
    base = rows / count / float(sum(segment.share * segment.payments for segment in SEGMENTS))
    return pd.DataFrame(
        {
            "number": [f"{number:010d}" for number in 40_000 + 7 * np.arange(count)],
            "name": vendor_names(kind, chance),
            "segment": of["name"],
            "kind": kind,
            "expected": base * of["payments"] * chance.lognormal(0, 0.3, count),
            "median": of["median"] + of["between"] * chance.standard_normal(count),
            "within": of["within"],
            "corrections": of["corrections"],
            "departments": chance.integers(widest[:, 0], widest[:, 1] + 1),
            "department": (len(DEPARTMENTS) * chance.random(count) ** 1.8).astype(np.int64),
            "phase": chance.integers(0, QUARTERS, count),
        }
    )


def planted(rows: int) -> pd.DataFrame:
    """Return the payments that were planted: `what` (duplicate, unusual), `vendor`, `account`, `quarter`, `cents`.

    A duplicate is one row here and two in the file.
    """
    people = vendors(rows)
    chance = np.random.default_rng([SEED, 2])
    able = people.index[people["segment"].isin(["suppliers", "utilities"])].to_numpy()
    counts = {"duplicate": int(np.clip(rows // 10_000, 5, 400)), "unusual": int(np.clip(rows // 20_000, 5, 200))}
    what = np.repeat(list(counts), list(counts.values()))
    chosen = people.loc[chance.choice(able, len(what))]
    decades = np.where(what == "duplicate", chance.uniform(0.2, 0.6, len(what)), 7.5 * chosen["within"].to_numpy())
    return pd.DataFrame(
        {
            "what": what,
            "vendor": chosen.index.to_numpy(),
            "account": _account(chosen["kind"].to_numpy(), chance),
            "quarter": chance.integers(0, QUARTERS, len(what)),
            "cents": np.round(100 * 10 ** (chosen["median"].to_numpy() + decades)).astype(np.int64),
        }
    )


def _account(kind: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return 3 * kind + chance.integers(0, 3, len(kind))


def _counts(people: pd.DataFrame, total: int) -> np.ndarray:
    """Return how often each vendor is paid in each quarter, (vendors, quarters), `total` in all."""
    chance = np.random.default_rng([SEED, 3])
    quarter = np.arange(QUARTERS)
    season = (1 + 0.004 * quarter) * np.where(quarter % 4 == 1, 1.2, 0.95)
    expected = people["expected"].to_numpy()[:, None]
    phase = people["phase"].to_numpy()[:, None]
    kind = people["segment"].to_numpy()[:, None]
    even = expected / QUARTERS * season
    since = quarter - phase % (QUARTERS - BURST + 1)
    burst = np.where((since >= 0) & (since < BURST), expected / BURST, 0.0)
    yearly = np.where(quarter % 4 == phase % 4, expected / (QUARTERS / 4), 0.0)
    drawn = chance.poisson(np.select([kind == "individuals", kind == "grantees"], [burst, yearly], even))
    counts = np.where(kind == "landlords", np.maximum(1, np.round(expected / QUARTERS)), drawn).astype(np.int64)
    suppliers = np.flatnonzero(kind[:, 0] == "suppliers")
    counts[suppliers] = 0
    left = total - int(counts.sum())
    if left < 0:
        raise ValueError("too few rows for the vendors of the sample")
    weights = even[suppliers] * chance.lognormal(0, 0.8, (len(suppliers), QUARTERS))
    counts[suppliers] = chance.multinomial(left, (weights / weights.sum()).ravel()).reshape(len(suppliers), QUARTERS)
    return counts


def _quarter_rows(people: pd.DataFrame, counts: np.ndarray, extra: pd.DataFrame, quarter: int) -> pd.DataFrame:
    """Return the payments of one quarter in random order: numbers of vendor, department and account, and cents."""
    chance = np.random.default_rng([SEED, 4, quarter])
    vendor = np.repeat(np.arange(len(people)), counts[:, quarter])
    of = {name: people[name].to_numpy() for name in ("median", "within", "corrections", "kind")}
    decades = of["median"][vendor] + of["within"][vendor] * chance.standard_normal(len(vendor))
    cents = np.maximum(1, np.round(100 * 10**decades)).astype(np.int64)
    negative = chance.random(len(vendor)) < of["corrections"][vendor]
    cents = np.where(negative, -np.maximum(1, (cents * chance.random(len(vendor))).astype(np.int64)), cents)
    more = extra[extra["quarter"] == quarter]
    more = more.loc[more.index.repeat(np.where(more["what"] == "duplicate", 2, 1))]
    account = _account(of["kind"][vendor], chance)
    rent = np.array([segment.name == "landlords" for segment in SEGMENTS])[of["kind"][vendor]]
    account = np.where(rent, 3 * of["kind"][vendor] + vendor % 3, account)  # a lease is booked on one account
    regular = pd.DataFrame({"vendor": vendor, "account": account, "cents": cents})
    rows = pd.concat([regular.assign(planted=False), more[["vendor", "account", "cents"]].assign(planted=True)])
    base, width = (people[name].to_numpy()[rows["vendor"]] for name in ("department", "departments"))
    rows["department"] = (base + (width * chance.random(len(rows))).astype(np.int64)) % len(DEPARTMENTS)
    return rows.iloc[chance.permutation(len(rows))].reset_index(drop=True)


def write_payments(folder: Path, rows: int = 100_000) -> Truth:
    """Write `vendor_payments.csv` with `rows` data rows into `folder`; the same bytes for the same number.

    Raises:
        ValueError: fewer rows than the vendors of the smallest sample need (about 5,000).
    """
    people, extra = vendors(rows), planted(rows)
    twice = int((extra["what"] == "duplicate").sum())
    counts = _counts(people, rows - len(extra) - twice)
    broken: dict[str, int] = {}
    totals = []
    with (folder / FILE).open("wb") as file:
        file.write((",".join(HEADER) + "\n").encode())
        for quarter in range(QUARTERS):
            part = _quarter_rows(people, counts, extra, quarter)
            dirt = damaged(part, np.random.default_rng([SEED, 5, quarter]))
            file.write(csv_lines(part, people, FIRST_YEAR + quarter // 4, quarter % 4 + 1, dirt))
            totals.append(_totals(part, dirt, quarter))
            for reason, number in dirt.counts().items():
                broken[reason] = broken.get(reason, 0) + number
    return Truth(rows, broken, pd.concat(totals, ignore_index=True))


def _totals(part: pd.DataFrame, dirt: Dirt, quarter: int) -> pd.DataFrame:
    readable = part[~dirt.unreadable]
    table = readable.groupby("department")["cents"].agg(payments="size", cents="sum").reset_index()
    table["department"] = np.array(DEPARTMENTS)[table["department"]]
    table.insert(0, "quarter", FIRST_YEAR * 4 + quarter)
    return table


def payments_writer(rows: int) -> Callable[[Path], object]:
    """Return a function that writes a sample of `rows` rows, under a name that tells samples of each size apart."""

    def write(folder: Path) -> object:
        return write_payments(folder, rows)

    write.__name__ = f"rows_{rows}"
    return write


def account_names(numbers: np.ndarray) -> np.ndarray:
    """Return the names of accounts by their numbers."""
    return np.array([name for name, _ in ACCOUNTS])[numbers]
