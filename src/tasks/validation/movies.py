"""What must a list of films promise before revenue is learned from it?"""

from tasks.validation.contract import Contract, Rule

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
            _between("year", 1888, 2100, "Films are from 1888 (the first one) to 2100."),
            _between("score", 0, 10, "Scores lie between 0 and 10."),
            _between("metascore", 0, 100, "Metascores lie between 0 and 100.", missing_ok=True),
            _between("votes", 1, 1e9, "Every film has at least one vote."),
            _between("runtime", 1, 1_000, "Films run for 1 to 1,000 minutes."),
            _between("revenue", 0, 5_000, "Revenue is given in millions of dollars, 0 to 5,000.", missing_ok=True),
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


def _between(column: str, low: float, high: float, sentence: str, missing_ok: bool = False) -> Rule:
    return Rule(
        rule=sentence,
        expectation="ExpectColumnValuesToBeBetween",
        arguments={"column": column, "min_value": low, "max_value": high},
        quarantine=True,
        missing_ok=missing_ok,
    )
