"""Can these be births? Rows that cannot are counted where they lie, and judged here."""

import pandas as pd

from tasks.cases.births.query import REASONS
from tasks.platform.stage import stage
from tasks.validation.contract import contract_report
from tasks.validation.rules import ContractReport, RuleResult

FEWEST, FEWEST_AGES = 2_000, 5
REMEDY = "give the births as in BigQuery's samples.natality: weight in pounds, age in years"


@stage(phase="Data understanding")
def check_births(tally: pd.DataFrame, by_age: pd.DataFrame, max_quarantined: float) -> ContractReport:
    """Hold the counted rows against their rules; those that break one are in no sum.

    Args:
        tally: `reason` (a key of `REASONS`), `records`.
        by_age: the sums of the rows that can be used, by year and age.
        max_quarantined: the share of all rows that may be left out.
    """
    broken = dict(zip(tally["reason"].tolist(), tally["records"].astype(int).tolist(), strict=True))
    good, bad = int(by_age["records"].sum()), sum(broken.values())
    left, results = good + bad, []
    for reason, rule in REASONS.items():
        count = broken.get(reason, 0)
        detail = f"{count:,} of {left:,} records break it; they are in no sum" if count else ""
        results.append(
            RuleResult(rule=rule, severity="quarantine", passed=not count, checked=left, broken=count, detail=detail)
        )
        left -= count
    mean = float(by_age["pounds"].sum() / by_age["births"].sum())
    ages = by_age["age"].nunique()
    reasons = sorted(((count, REASONS[name]) for name, count in broken.items() if count), reverse=True)
    why = "; ".join(f"{text.rstrip('.')} ({count:,})" for count, text in reasons[:3])
    results += [
        _critical(f"There are at least {FEWEST:,} births.", good >= FEWEST, f"there are {good:,}"),
        _critical(f"Mothers are of at least {FEWEST_AGES} ages.", ages >= FEWEST_AGES, f"there are {ages}"),
        _critical("The mean weight lies between 4 and 11 pounds.", 4 <= mean <= 11, f"it is {mean:.2f}"),
        _critical(
            f"At most {max_quarantined:.4g} of all records (as a share) cannot be used.",
            bad <= max_quarantined * (good + bad) + 1e-9,
            f"{bad:,} of {good + bad:,} records{f', broken: {why}' if why else ''}",
        ),
    ]
    return contract_report("births", good + bad, bad, results)


def _critical(rule: str, passed: bool, detail: str) -> RuleResult:
    return RuleResult(rule=rule, severity="critical", passed=passed, checked=1, broken=int(not passed), detail=detail)
