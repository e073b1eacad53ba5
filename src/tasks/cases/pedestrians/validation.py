"""Can these counts be trusted? The contract of hystreet's records."""

import pandas as pd

from tasks.platform.stage import stage
from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

MOST_PEDESTRIANS = 200_000  # an hour; no street of Europe has had more


def pedestrian_contract() -> Contract:
    """Return what the records of hystreet exports promise."""
    return Contract(
        name="pedestrian counts",
        unit="records",
        key="place",
        max_quarantined=0.01,
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


@stage(phase="Data understanding")
def describe_records(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Add what the contract looks at: `year`, and `offset_error` in minutes against the zone's own offset."""
    local = frame["utc"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    right = (local - frame["utc"]).dt.total_seconds() / 60
    return frame.assign(year=frame["utc"].dt.year, offset_error=frame["offset"] - right)
