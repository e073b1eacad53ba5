"""Can these be runners of a marathon? What their table promises."""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

FASTEST = 6_600  # seconds: 1:50:00, well below the world's best
SLOWEST = 86_400  # a day


def runners_contract(max_quarantined: float) -> Contract:
    """Return what a table of runners promises; rows that break it go to quarantine, up to a share."""
    return Contract(
        name="runners",
        unit="runners",
        min_rows=100,
        max_quarantined=max_quarantined,
        rules=[
            between("The final time lies between 1:50:00 and 24 hours.", "final", FASTEST, SLOWEST, quarantine=True),
            Rule(
                rule="Half the way takes less time than all of it.",
                expectation="ExpectColumnPairValuesAToBeGreaterThanB",
                arguments={"column_A": "final", "column_B": "split"},
                quarantine=True,
            ),
            between("Half the way takes between 50 minutes and 24 hours.", "split", 3_000, SLOWEST, quarantine=True),
            between("Age lies between 10 and 110 years.", "age", 10, 110, quarantine=True),
            between("Size lies between 100 and 230 cm.", "size", 100, 230, quarantine=True),
            between("Weight lies between 25 and 250 kg.", "weight", 25, 250, quarantine=True),
            Rule(
                rule="Gender is M or W.",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": "gender", "value_set": ["M", "W"]},
                quarantine=True,
            ),
            Rule(
                rule="Nationality is a code of two or three capital letters.",
                expectation="ExpectColumnValuesToMatchRegex",
                arguments={"column": "nationality", "regex": r"\A[A-Z]{2,3}\Z"},
                quarantine=True,
            ),
        ],
    )
