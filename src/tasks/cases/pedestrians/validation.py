"""Can these counts be trusted? The contract of hystreet's records."""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

MOST_PEDESTRIANS = 200_000  # an hour; no street of Europe has had more


def pedestrian_contract(max_quarantined: float = 0.01) -> Contract:
    """Return what the records of hystreet exports promise.

    Args:
        max_quarantined: the share of records that may be put aside.
    """
    return Contract(
        name="pedestrian counts",
        unit="records",
        key="place",
        max_quarantined=max_quarantined,
        min_rows=24,
        rules=[
            Rule(
                rule="Each record names its place.",
                expectation="ExpectColumnValueLengthsToBeBetween",
                arguments={"column": "place", "min_value": 1, "max_value": 200},
            ),
            between("Each record lies between 2000 and 2100.", "year", 2000, 2099, quarantine=True),
            between(
                f"Each count lies between 0 and {MOST_PEDESTRIANS:,}.", "count", 0, MOST_PEDESTRIANS, quarantine=True
            ),
            Rule(
                rule="Each time has the offset that was in force (Central European time, with daylight saving).",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": "offset_error", "value_set": [0]},
                severity="warning",
            ),
            Rule(
                rule="Each record is a regular measurement.",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": "kind", "value_set": ["regular", "measured", ""]},
                severity="warning",
            ),
        ],
    )
