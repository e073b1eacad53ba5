"""Do the payments keep what they promise? Breaks are counted where the payments lie, and judged here.

Millions of payments never become one table in memory: the engine counts the lines that break a rule, and the small
tables that it sums the others up to go through their contracts as any table does.
"""

import pandas as pd

from tasks.cases.payments.ingestion.lines import REASONS
from tasks.platform.stage import stage
from tasks.validation.contract import contract_report
from tasks.validation.rules import Contract, ContractReport, Rule, RuleResult, between

LEAST_ROWS = 1_000
REMEDY = "give an export with the columns that the first line of Vermont's has, as CSV in UTF-8"
FAULT = "report this as a fault of Casebook, with the file"  # sums that hold less than they were made of


@stage(phase="Data understanding")
def check_lines(tally: pd.DataFrame, count: int, max_quarantined: float) -> ContractReport:
    """Hold the lines of the files against their rules; those that break one have been left out.

    Args:
        tally: `reason` (a key of `REASONS`), `lines`.
        count: lines that are payments.
        max_quarantined: the share of all lines that may be left out.
    """
    lines = dict(zip(tally["reason"].tolist(), tally["lines"].tolist(), strict=True))
    bad = sum(lines.values())
    left, results = count + bad, []
    for reason, rule in REASONS.items():
        broken = lines.get(reason, 0)
        detail = f"{broken:,} of {left:,} lines break it; they are in quarantine" if broken else ""
        results.append(_result(rule, "quarantine", left, broken, detail))
        left -= broken
    few = int(count < LEAST_ROWS)
    much = int(bad > max_quarantined * (count + bad) + 1e-9)
    results += [
        _result(f"There are at least {LEAST_ROWS:,} payments.", "critical", 1, few, f"there are {count:,}"),
        _result(
            f"At most {max_quarantined:.4g} of all lines (as a share) are in quarantine.",
            "critical",
            1,
            much,
            f"{bad:,} of {count + bad:,} lines are in quarantine",
        ),
    ]
    return contract_report("vendor payments", count + bad, bad, results)


def _result(rule: str, severity: str, checked: int, broken: int, detail: str = "") -> RuleResult:
    return RuleResult(rule=rule, severity=severity, passed=not broken, checked=checked, broken=broken, detail=detail)


@stage(phase="Data preparation")
def check_sums(cells: pd.DataFrame, vendors: pd.DataFrame, counts: dict[str, int], count: int) -> ContractReport:
    """Hold the sums against the payments that they were made of.

    Args:
        cells: as in `Summary`.
        vendors: as in `Summary`.
        counts: as in `Summary`.
        count: payments that could be read.
    """
    lost = [
        f"{name} hold {int(table['payments'].sum()):,} of {count:,} payments"
        for name, table in (("departments and quarters", cells), ("vendors", vendors))
        if int(table["payments"].sum()) != count
    ]
    gap = abs(int(cells["cents"].sum()) - int(vendors["cents"].sum()))
    detail = "; ".join([*lost, *([f"the totals differ by {gap:,} cents"] if gap else [])])
    named = int((vendors["names"] > 1).sum())
    results = [
        _result(
            "Each payment is in the sums by department and in those by vendor, to the cent.",
            "critical",
            count,
            int(bool(detail)),
            detail,
        ),
        _result("No payment is of 0.00.", "warning", count, counts["zero"]),
        _result("A vendor number has one name.", "warning", len(vendors), named),
    ]
    return contract_report("the sums of vendor payments", count, 0, results)


CELLS = Contract(
    name="payments by department and quarter",
    unit="cells",
    rules=[
        Rule(
            rule="A department has one row per quarter.",
            expectation="ExpectCompoundColumnsToBeUnique",
            arguments={"column_list": ["quarter", "department"]},
        ),
        between("A cell holds at least one payment.", "payments", 1),
        Rule(
            rule="Not all departments' quarters are in the red.",
            expectation="ExpectColumnMaxToBeBetween",
            arguments={"column": "cents", "min_value": 1},
        ),
    ],
)

VENDORS = Contract(
    name="payments by vendor",
    unit="vendors",
    key="vendor",
    rules=[
        Rule(
            rule="A vendor number has one row.",
            expectation="ExpectColumnValuesToBeUnique",
            arguments={"column": "vendor"},
        ),
        Rule(
            rule="A vendor has no more corrections than payments.",
            expectation="ExpectColumnPairValuesAToBeGreaterThanB",
            arguments={"column_A": "payments", "column_B": "corrections", "or_equal": True},
        ),
        Rule(
            rule="A vendor has a name.",
            expectation="ExpectColumnValueLengthsToBeBetween",
            arguments={"column": "name", "min_value": 1},
            severity="warning",
        ),
    ],
)
