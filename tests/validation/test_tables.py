"""A contract in a run: what is noted for the report, also of a run that stops."""

from pathlib import Path

import pytest

from tasks.platform.errors import ContractError
from tasks.platform.run import open_run
from tasks.platform.store import Stored, store
from tasks.publishing.publish import complete
from tasks.publishing.report import Findings
from tasks.validation.contract import RuleResult, contract_report
from tasks.validation.tables import check_counted


def counted(broken: int) -> Stored:
    result = RuleResult(rule="There are payments.", severity="critical", passed=not broken, checked=9, broken=broken)
    return store().put(contract_report("payments", 9, 0, [result]))


def test_rules_that_an_engine_has_counted_are_judged_and_reported(tmp_path: Path) -> None:
    with open_run("payments", tmp_path) as run:
        report = counted(0)
        assert check_counted(report) is report
        with pytest.raises(ContractError, match="contract of payments: “There are payments”; give more of them"):
            check_counted(counted(3), "give more of them")
        told = complete(run, Findings(answer="none")).model_copy(update={"question": "Are there any?"})
    assert [rule.broken for rule in told.contract] == [0, 3]
    assert told.quarantine == []


def test_outside_a_run_nothing_is_noted() -> None:
    with pytest.raises(ContractError):
        check_counted(counted(1))
