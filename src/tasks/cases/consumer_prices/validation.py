"""What does a price index have to promise before anything is made of it?"""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

REMEDY = "compare these rows with the export, mend it or export it anew, and run again"
MOST_JUMP = 0.5
"""Largest plausible distance, in natural logarithms, of a month's index from that of the months around it."""


def price_contract(per_year: int, max_quarantined: float) -> Contract:
    """Return the contract of a monthly or quarterly price index.

    Args:
        per_year: 12 for months, 4 for quarters.
        max_quarantined: largest share of the rows that may be put aside.
    """
    return Contract(
        name="the price index",
        key="period",
        unit="months" if per_year == 12 else "quarters",
        min_rows=10 * per_year,
        max_quarantined=max_quarantined,
        rules=[
            Rule(
                rule="No month contradicts another row of the same month.",
                expectation="ExpectColumnValuesToBeUnique",
                arguments={"column": "period"},
                quarantine=True,
            ),
            Rule(
                rule="An index is above 0 and below 10 million.",
                expectation="ExpectColumnValuesToBeBetween",
                arguments={"column": "value", "min_value": 0, "strict_min": True, "max_value": 1e7},
                quarantine=True,
                missing_ok=True,
            ),
            between(
                f"An index is within a factor of {2.718281828**MOST_JUMP:.2f} of the median of those around it.",
                "jump",
                -MOST_JUMP,
                MOST_JUMP,
                quarantine=True,
                missing_ok=True,
            ),
            Rule(
                rule="At least half of the months have a value.",
                expectation="ExpectColumnMeanToBeBetween",
                arguments={"column": "known", "min_value": 0.5},
            ),
        ],
    )
