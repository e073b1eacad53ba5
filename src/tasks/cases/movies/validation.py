"""What must a list of films promise before revenue is learned from it?"""

from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

REMEDY = "give a movies.csv as published (revenue in millions of dollars), or raise max_quarantined"
FEWEST_FILMS = 200  # with fewer there is neither a model nor an interval to speak of


def movies_contract(max_quarantined: float = 0.05) -> Contract:
    """Return the contract of a list of films.

    Args:
        max_quarantined: the share of films that may be put aside.
    """
    return Contract(
        name="the films",
        unit="films",
        key="title",
        min_rows=FEWEST_FILMS,
        max_quarantined=max_quarantined,
        rules=[
            _one_row_each(),
            between("Films are from 1888 (the first one) to 2100.", "year", 1888, 2100, quarantine=True),
            between("Scores lie between 0 and 10.", "score", 0, 10, quarantine=True),
            between("Metascores lie between 0 and 100.", "metascore", 0, 100, quarantine=True, missing_ok=True),
            between("Every film has at least one vote.", "votes", 1, 1e9, quarantine=True),
            between("Films run for 1 to 1,000 minutes.", "runtime", 1, 1_000, quarantine=True),
            between(
                "Revenue is given in millions of dollars, 0 to 5,000.",
                "revenue",
                0,
                5_000,
                quarantine=True,
                missing_ok=True,
            ),
            Rule(
                rule="No revenue is 0, which stands for unknown and is taken for missing.",
                expectation="ExpectColumnValuesToBeInSet",
                arguments={"column": "stated_zero", "value_set": [False]},
                severity="warning",
            ),
            Rule(
                rule="Every film has a title.",
                expectation="ExpectColumnValueLengthsToBeBetween",
                arguments={"column": "title", "min_value": 1},
                quarantine=True,
            ),
            Rule(
                rule="Genres are words with a comma and a space between them.",
                expectation="ExpectColumnValuesToMatchRegex",
                arguments={"column": "genres", "regex": r"\A[\w-]+(, [\w-]+)*\Z"},
                severity="warning",
            ),
            Rule(
                rule="Every film has a director.",
                expectation="ExpectColumnValueLengthsToBeBetween",
                arguments={"column": "director", "min_value": 1},
                severity="warning",
            ),
        ],
    )


def _one_row_each() -> Rule:
    return Rule(
        rule="A film (title, year and director) stands on one row.",
        expectation="ExpectCompoundColumnsToBeUnique",
        arguments={"column_list": ["title", "year", "director"]},
        quarantine=True,
    )
