"""What must be true of listings before a price is learned from them?"""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

MOST = 1_000_000_000  # of any currency: a villa in rupiahs costs 50 million
REMEDY = (
    "mend the rows named in quarantine.csv beside the report, or let more of them be put aside (max_quarantined), and"
    " run again"
)


def _there(rule: str, column: str) -> Rule:
    return Rule(rule=rule, expectation="ExpectColumnValuesToNotBeNull", arguments={"column": column}, quarantine=True)


def rentals_contract(max_quarantined: float = 0.05) -> Contract:
    """Return the contract of listings.

    A price of 0 is a warning, not quarantine: a listing without a price is still a listing, and the published protocol
    counts such rows; there are five among the 25,164 of Berlin. A price that is missing is no break: it is foretold.

    Args:
        max_quarantined: share of the rows that quarantine may take.
    """
    return Contract(
        name="rental listings",
        key="id",
        unit="listings",
        min_rows=200,
        max_quarantined=max_quarantined,
        rules=[
            Rule(
                rule="Each listing has an id of its own.",
                expectation="ExpectColumnValuesToBeUnique",
                arguments={"column": "id"},
                quarantine=True,
            ),
            between(
                "A price is not negative and at most a thousand million a night.",
                "price",
                0,
                MOST,
                quarantine=True,
                missing_ok=True,
            ),
            between("A price is above 0.", "price", 0.01, MOST, severity="warning", missing_ok=True),
            Rule(
                rule="Prices differ between listings.",
                expectation="ExpectColumnUniqueValueCountToBeBetween",
                arguments={"column": "price", "min_value": 2},
            ),
            between("A latitude lies between -90 and 90 degrees.", "latitude", -90, 90, quarantine=True),
            between("A longitude lies between -180 and 180 degrees.", "longitude", -180, 180, quarantine=True),
            _there("A listing says what kind of room it is.", "room_type"),
            _there("A listing says in which neighbourhood it is.", "neighbourhood"),
            between("A stay has at least one night.", "minimum_nights", 1, 100_000, quarantine=True),
            between("Reviews are counted from 0.", "number_of_reviews", 0, 10_000_000, quarantine=True),
            between("A flat is free on 0 to 366 days of a year.", "availability_365", 0, 366, quarantine=True),
            between(
                "Reviews per month are not negative.", "reviews_per_month", 0, 10_000, quarantine=True, missing_ok=True
            ),
            Rule(
                rule="Kinds of rooms are few.",
                expectation="ExpectColumnUniqueValueCountToBeBetween",
                arguments={"column": "room_type", "min_value": 1, "max_value": 50},
            ),
        ],
    )
