"""What rows of costs have to keep before anything is said about them."""

from datetime import datetime

from tasks.validation.rules import Contract, Rule, between

REMEDY = "give an export that holds days, costs and one currency a row"
LARGEST = 1e9  # of a single charge: more is a unit gone wrong


def costs_contract(max_quarantined: float) -> Contract:
    """Return the contract: each row has a day, a possible cost, and a currency.

    Args:
        max_quarantined: share of the rows that quarantine may take.
    """
    rules = [
        between(
            "Each charge lies between 2000 and 2100.",
            "ChargePeriodStart",
            datetime(2000, 1, 1),
            datetime(2100, 1, 1),
            quarantine=True,
        ),
        between("A billed cost is a number below a billion.", "BilledCost", -LARGEST, LARGEST, quarantine=True),
        between("An effective cost is a number below a billion.", "EffectiveCost", -LARGEST, LARGEST, quarantine=True),
        Rule(
            rule="Each charge has a currency of three letters.",
            expectation="ExpectColumnValuesToMatchRegex",
            arguments={"column": "BillingCurrency", "regex": r"\A[A-Z]{3}\Z"},
            quarantine=True,
        ),
    ]
    return Contract(name="costs", rules=rules, min_rows=1, max_quarantined=max_quarantined, unit="charges")
