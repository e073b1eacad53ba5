"""Do the data keep what their contract promises, rule by rule, and which rows do not?

A contract is a list of rules. Each is a sentence for people and a Great Expectations expectation for the machine. A
broken rule stops the flow (`critical`) or is reported (`warning`); a rule about single rows may instead take the rows
that break it out into quarantine, where they are counted, and too many of them stop the flow.

What is stricter here than in Great Expectations itself, because each has let bad data through:

- A missing value passes every expectation about values. Here it breaks the rule unless the rule says `missing_ok`.
- An empty table passes every expectation about values. Here a contract wants `min_rows` rows, one by default.
- An expectation that cannot be evaluated (a missing column) is one more "unsuccessful" result among others. Here it is
  a critical break, whatever the rule's severity, that names the column and those there are.
- A single text among numbers makes a comparison fail as a whole. Here the text's row breaks the rule.
- Results come back in another order than the expectations, and rows under index labels that may repeat. Here rules
  keep their order and rows their number.

Regular expressions are searched for, not matched, in the text of the value: anchor them with `\\A` and `\\Z` (a `$`
lets a trailing line break through). A lower bound alone lets infinity through.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.text import shorten
from tasks.validation.expectations import Outcome, outcomes, shown
from tasks.validation.rules import (
    EXAMPLE_LENGTH,
    EXAMPLES,
    Contract,
    ContractReport,
    Rule,
    RuleResult,
    enough_rows,
)

__all__ = ["BROKEN_RULES", "Checked", "Contract", "ContractReport", "Rule", "RuleResult", "check_table", "enforce"]

BROKEN_RULES = "broken_rules"  # the column that quarantine adds
REASONS = 5  # of quarantine that a refusal names


class Checked(NamedTuple):
    """A table after its contract: the rows that stay, those in quarantine, and the report."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame
    report: ContractReport


def _examples(frame: pd.DataFrame, contract: Contract, rule: Rule, rows: np.ndarray) -> list[str]:
    """Show the first rows that break a rule: number, key, values."""
    lines: list[str] = []
    for row in rows[:EXAMPLES]:
        key = f" ({shorten(str(frame[contract.key].iloc[row]), 80)})" if contract.key in frame.columns else ""
        values = ", ".join(f"{name}={shown(frame[name].iloc[row])}" for name in rule.columns)
        lines.append(shorten(f"row {frame.index[row]}{key}: {values}", EXAMPLE_LENGTH))
    return lines


def _result(frame: pd.DataFrame, contract: Contract, rule: Rule, outcome: Outcome) -> RuleResult:
    severity = "critical" if outcome.raised else "quarantine" if rule.quarantine else rule.severity
    broken = len(outcome.rows) if rule.row_wise and not outcome.raised else int(not outcome.passed)
    detail = outcome.detail
    if len(outcome.rows):
        fate = "; they are in quarantine" if rule.quarantine else ""
        detail = f"{broken:,} of {outcome.checked:,} {contract.unit} break it{fate}"
    return RuleResult(
        rule=rule.rule,
        severity=severity,
        passed=outcome.passed,
        checked=outcome.checked,
        broken=broken,
        examples=_examples(frame, contract, rule, outcome.rows),
        detail=detail,
    )


def _column_names(frame: pd.DataFrame) -> RuleResult | None:
    """Return the break of the rule about column names; None when they are in order."""
    names = list(frame.columns)
    odd = [name for name in names if not isinstance(name, str)] or sorted({n for n in names if names.count(n) > 1})
    if not odd:
        return None
    return RuleResult(
        rule="Every column has a name of its own, a text.",
        severity="critical",
        passed=False,
        checked=len(names),
        broken=len(odd),
        examples=[shorten(f"column {shown(name)}", EXAMPLE_LENGTH) for name in odd[:EXAMPLES]],
        detail="columns share a name, or have one that is no text",
    )


def check_table(frame: pd.DataFrame, contract: Contract, unreadable: pd.DataFrame | None = None) -> Checked:
    """Hold a table against its contract. Nothing is raised for bad data: see `enforce`.

    Rules with `quarantine` come first; the others see the rows that are left. A rule of uniqueness with quarantine
    takes out every row that shares its value, the first one too, because nothing tells which of them is right.

    Args:
        frame: the table, (n, columns); it is not changed.
        contract: what it promises.
        unreadable: rows that were put aside before, because they could not be read, with the `reason` of each; they
            count as quarantined.

    Returns:
        The rows that stay and those in quarantine, each under its index label of before and together all rows; those in
        quarantine with a further column `broken_rules`. And the report, with rows named by their index label.

    Raises:
        ValueError: a rule names an expectation that is unknown, or arguments that it does not take.
    """
    names = _column_names(frame)
    if names:
        report = ContractReport(name=contract.name, rows=len(frame), quarantined=0, passed=False, results=[names])
        return Checked(frame, frame.iloc[:0].copy(), report)
    sieves = [rule for rule in contract.rules if rule.quarantine]
    sieved = outcomes(frame, sieves)
    kept, taken = _sifted(frame, sieves, sieved)
    others = [enough_rows(contract), *(rule for rule in contract.rules if not rule.quarantine)]
    of_sieves = iter([_result(frame, contract, *pair) for pair in zip(sieves, sieved, strict=True)])
    first, *rest = [_result(kept, contract, *pair) for pair in zip(others, outcomes(kept, others), strict=True)]
    of_others = iter(rest)
    results = [first, *(next(of_sieves if rule.quarantine else of_others) for rule in contract.rules)]
    aside = pd.DataFrame({"reason": []}) if unreadable is None else unreadable
    if sieves or len(aside):
        results.append(_share(taken, aside, len(frame), contract))
    return Checked(kept, taken, contract_report(contract.name, len(frame), len(taken), results))


def contract_report(name: str, rows: int, quarantined: int, results: list[RuleResult]) -> ContractReport:
    """Sum up the results of the rules: passed unless a critical one is broken."""
    passed = all(result.passed for result in results if result.severity == "critical")
    return ContractReport(name=name, rows=rows, quarantined=quarantined, passed=passed, results=results)


def _sifted(
    frame: pd.DataFrame, rules: Sequence[Rule], outcomes: Sequence[Outcome]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows that break none of the rules from those that break some."""
    reasons: dict[int, list[str]] = {}
    for rule, outcome in zip(rules, outcomes, strict=True):
        for row in outcome.rows.tolist():
            reasons.setdefault(row, []).append(rule.rule)
    out = np.array(sorted(reasons), np.int64)
    taken = frame.iloc[out].copy()
    taken[BROKEN_RULES] = ["; ".join(reasons[row]) for row in out.tolist()]
    return frame.iloc[np.setdiff1d(np.arange(len(frame)), out)] if len(out) else frame, taken


def _share(taken: pd.DataFrame, unreadable: pd.DataFrame, rows: int, contract: Contract) -> RuleResult:
    """State whether quarantine has taken too many rows, those that could not be read among them, and for what."""
    quarantined, rows = len(taken) + len(unreadable), rows + len(unreadable)
    apart = f", {len(unreadable):,} of them put aside when they were read" if len(unreadable) else ""
    passed = quarantined <= contract.max_quarantined * rows + 1e-9
    reasons = Counter(map(str, [*unreadable["reason"], *taken[BROKEN_RULES]])).most_common()
    named = [f"{shorten(reason, 100).rstrip('.')} ({count:,})" for reason, count in reasons[:REASONS]]
    why = f": {'; '.join(named)}" if named else ""
    more = f"; and {len(reasons) - REASONS} more reasons" if len(reasons) > REASONS else ""
    return RuleResult(
        rule=f"At most {contract.max_quarantined:.4g} of all {contract.unit} (as a share) are in quarantine.",
        severity="critical",
        passed=passed,
        checked=1,
        broken=int(not passed),
        examples=[] if passed else _first(unreadable),
        detail=f"{quarantined:,} of {rows:,} {contract.unit} are in quarantine{apart}{why}{more}",
    )


def _first(unreadable: pd.DataFrame) -> list[str]:
    """Show the first rows that could not be read: where they stand, and what stands there."""
    if not {"path", "detail"} <= set(unreadable.columns):
        return []
    rows = unreadable.head(EXAMPLES)[["path", "detail"]].astype(str).to_numpy().tolist()
    return [shorten(f"{path}: {detail}", EXAMPLE_LENGTH) for path, detail in rows]


def enforce(
    report: ContractReport, remedy: str = "mend the data at their source, or relax the rule, and run again"
) -> None:
    """Stop when a critical rule is broken.

    Raises:
        ContractError: one sentence with every broken critical rule, its first rows, and what to do.
    """
    if report.passed:
        return
    broken = [result for result in report.results if result.severity == "critical" and not result.passed]
    said = [
        f"“{result.rule.rstrip('.')}”"
        + "".join(f" ({text})" for text in ["; ".join(filter(None, [result.detail, *result.examples[:3]]))] if text)
        for result in broken
    ]
    raise ContractError(f"The data break the contract of {report.name}: {', and '.join(said)}; {remedy}.")
