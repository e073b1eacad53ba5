"""Can these be runners of a marathon? What their table promises."""

import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage
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


@stage(phase="Data understanding")
def count_unreadable(frame: pd.DataFrame, quarantine: pd.DataFrame, most: float) -> int:
    """Return how many lines could not be read.

    Args:
        frame: the runners that could be read.
        quarantine: the lines that could not, with columns `path`, `reason`, `detail`.
        most: share of all lines that may be unreadable.

    Raises:
        ContractError: more of them, with the first ones and what to do.
    """
    if len(quarantine) > most * (len(frame) + len(quarantine)):
        rows = quarantine.head(3).itertuples(index=False)
        first = "; ".join(f"{row.path}: {row.reason}" for row in rows)
        raise ContractError(
            f"{len(quarantine):,} of {len(frame) + len(quarantine):,} lines cannot be read, more than {most:.0%}"
            f" ({first}); mend them, or raise --max-quarantined."
        )
    return len(quarantine)
