"""What must the readings of the lifts keep, so that availability can be told from them?"""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

WEST, EAST, SOUTH, NORTH = 5.5, 15.6, 47.0, 55.3  # degrees; Germany with a margin


def readings_contract() -> Contract:
    """Return the contract of the readings: one row per lift and snapshot."""
    return Contract(
        name="the readings of the lifts",
        unit="readings",
        key="equipment",
        rules=[
            Rule(
                rule="Every reading has a time.",
                expectation="ExpectColumnValuesToNotBeNull",
                arguments={"column": "observed"},
            ),
            Rule(
                rule="A state is ACTIVE, INACTIVE or UNKNOWN.",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": "state", "value_set": ["ACTIVE", "INACTIVE", "UNKNOWN"]},
            ),
            Rule(
                rule="A lift is read once in a snapshot.",
                expectation="ExpectCompoundColumnsToBeUnique",
                arguments={"column_list": ["observed", "equipment"]},
            ),
            Rule(
                rule="At least 90 % of the readings tell the state.",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": "state", "value_set": ["ACTIVE", "INACTIVE"], "mostly": 0.9},
                severity="warning",
            ),
        ],
    )


def lifts_contract() -> Contract:
    """Return the contract of the lifts. One with a place elsewhere keeps its state: it is only not drawn on the map."""

    def within(column: str, low: float, high: float) -> Rule:
        return between(
            f"The {column} lies in Germany, where it is known.", column, low, high, severity="warning", missing_ok=True
        )

    return Contract(
        name="the lifts",
        unit="lifts",
        key="equipment",
        rules=[
            Rule(
                rule="Every lift has a number of its own.",
                expectation="ExpectColumnValuesToBeUnique",
                arguments={"column": "equipment"},
            ),
            within("longitude", WEST, EAST),
            within("latitude", SOUTH, NORTH),
        ],
    )
