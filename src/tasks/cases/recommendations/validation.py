"""What must ratings promise before anything is recommended from them?"""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

REMEDY = "give ratings of 0.5 to 5 stars (scale=10 halves ratings of 1 to 10), or raise max_quarantined"
FEWEST = 500  # ratings; with fewer nothing can be learned or told
HIGHEST = 5.0  # stars
LOWEST = 0.5
LATEST = 4_102_444_800  # seconds: the year 2100; a timestamp in milliseconds is beyond


def ratings_contract(max_quarantined: float = 0.02) -> Contract:
    """Return the contract of ratings.

    Args:
        max_quarantined: the share of ratings that may be put aside.
    """
    return Contract(
        name="the ratings",
        unit="ratings",
        min_rows=FEWEST,
        max_quarantined=max_quarantined,
        rules=[
            Rule(
                rule="A user rates a film once.",
                expectation="ExpectCompoundColumnsToBeUnique",
                arguments={"column_list": ["user", "film"]},
                quarantine=True,
            ),
            between("Ratings are 0.5 to 5 stars.", "rating", LOWEST, HIGHEST, quarantine=True),
            between(
                "Timestamps are seconds since 1970, before the year 2100.", "timestamp", 0, LATEST, quarantine=True
            ),
            _enough("user", 20, "At least 20 users have rated."),
            _enough("film", 30, "At least 30 films are rated."),
        ],
    )


def _enough(column: str, fewest: int, sentence: str) -> Rule:
    return Rule(
        rule=sentence,
        expectation="ExpectColumnUniqueValueCountToBeBetween",
        arguments={"column": column, "min_value": fewest},
    )
