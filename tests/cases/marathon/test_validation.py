"""What runners cannot be: the rows that the contract puts aside, and how many it bears."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.cases.marathon.ingestion import read_runners
from tasks.cases.marathon.sample import QUIRKS, RUNNERS, write_marathon
from tasks.cases.marathon.validation import runners_contract
from tasks.platform.errors import ContractError
from tasks.validation.contract import check_table, enforce


def test_exactly_the_impossible_runners_of_the_sample_are_put_aside(tmp_path: Path) -> None:
    write_marathon(tmp_path)
    read = read_runners.fn(tmp_path / "marathon.csv")
    checked = check_table(read.frame, runners_contract(0.05))
    enforce(checked.report)
    assert len(checked.frame) == RUNNERS
    assert len(checked.quarantine) == QUIRKS["impossible"]
    reasons = " ".join(checked.quarantine["broken_rules"])
    for word in ("Half the way takes less time", "The final time lies", "Size lies"):
        assert word in reasons


def test_foreign_codes_are_put_aside_and_too_many_stop_the_run() -> None:
    row = {
        "age": 33.0,
        "gender": "M",
        "split": 5000.0,
        "final": 12_000.0,
        "nationality": "DE",
        "size": 180.0,
        "weight": 80.0,
    }
    frame = pd.DataFrame([row] * 150)
    frame.loc[3, "gender"] = "X"
    frame.loc[4, "nationality"] = "DE\n"
    checked = check_table(frame, runners_contract(0.05))
    assert checked.report.passed
    assert checked.quarantine.index.tolist() == [3, 4]
    with pytest.raises(ContractError, match="in quarantine"):
        enforce(check_table(frame, runners_contract(0.001)).report)


def test_too_many_unreadable_lines_stop_the_run() -> None:
    row = {
        "age": 33.0,
        "gender": "M",
        "split": 5000.0,
        "final": 12_000.0,
        "nationality": "DE",
        "size": 180.0,
        "weight": 80.0,
    }
    frame = pd.DataFrame([row] * 180)
    aside = pd.DataFrame([("a.csv, line 3", "size missing", "")] * 20, columns=["path", "reason", "detail"])
    enforce(check_table(frame, runners_contract(0.1), aside).report)
    with pytest.raises(ContractError, match=r"20 of 200 runners .* were read: size missing \(20\)"):
        enforce(check_table(frame, runners_contract(0.09), aside).report)
