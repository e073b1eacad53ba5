"""What a table of products has to keep before anything is learned from it."""

from tasks.cases.quality.ingestion.roles import Roles
from tasks.validation.rules import Contract, Rule

FEWEST_ROWS = 60
REMEDY = "give more products with a known result"


def quality_contract(roles: Roles, max_quarantined: float) -> Contract:
    """Return the contract: each product has a result, and a group and a time where they part the rows.

    Args:
        roles: of the columns.
        max_quarantined: share of the rows that quarantine may take.
    """
    needed = {roles.target: "result", roles.group: "group", roles.time: "time"}
    rules = [
        Rule(
            rule=f"Every product has a {what} ({column}).",
            expectation="ExpectColumnValuesToNotBeNull",
            arguments={"column": column},
            quarantine=True,
        )
        for column, what in needed.items()
        if column
    ]
    return Contract(
        name="products", rules=rules, min_rows=FEWEST_ROWS, max_quarantined=max_quarantined, unit="products"
    )
