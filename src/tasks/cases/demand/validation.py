"""What a table of sales has to keep before anything is forecast from it."""

from tasks.validation.rules import Contract, between

FEWEST_ROWS = 30
REMEDY = "give more history, or mend the rows at their source"


def demand_contract(max_quarantined: float) -> Contract:
    """Return the contract: what is sold, in stock, or asked for it, is never below zero.

    Args:
        max_quarantined: share of the rows that quarantine may take.
    """
    rules = [
        between("No quantity is below zero; returns are no demand.", "quantity", 0.0, quarantine=True, missing_ok=True),
    ]
    return Contract(
        name="sales", rules=rules, min_rows=FEWEST_ROWS, max_quarantined=max_quarantined, key="series", unit="rows"
    )
