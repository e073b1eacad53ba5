"""A run whose data are refused leaves a report: the reasons with their counts, the rules, the quarantine."""

import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from tasks.ingestion.files import Ways, read
from tasks.platform.case import case
from tasks.platform.errors import ContractError
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.publishing.publish import publish
from tasks.publishing.report import Findings
from tasks.validation.rules import Contract, between
from tasks.validation.tables import check

pytestmark = pytest.mark.usefixtures("prefect_server")


class Prices(NamedTuple):
    frame: pd.DataFrame
    quarantine: pd.DataFrame


@stage(phase="Data understanding")
def read_prices(file: Path) -> Prices:
    """Read prices; what is no number is put aside."""
    raw = pd.read_csv(file, dtype=str)
    good = pd.to_numeric(raw["price"], errors="coerce")
    lines = [f"{file.name}, line {row + 2}" for row in raw.index[good.isna()]]
    aside = pd.DataFrame({"path": lines, "reason": "price is no number", "detail": raw["price"][good.isna()]})
    return Prices(pd.DataFrame({"price": good.dropna()}).reset_index(drop=True), aside.astype(str))


@stage(phase="Deployment")
def describe() -> Findings:
    """Say something."""
    return Findings(answer="Done.")


@case
def refused(source: str = "sample") -> Path:
    """What does it cost?"""
    rules = [between("A price lies between 0 and 100.", "price", 0, 100, quarantine=True)]
    contract = Contract(name="prices", unit="prices", max_quarantined=0.1, rules=rules)
    check(read(source, Ways(), read_prices), contract, "mend the prices")
    return publish(describe())


def test_a_refusal_leaves_a_report_with_reasons_rules_and_quarantine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "prices.csv"
    table.write_text("price\n" + "\n".join(["1", "free", "3", "-4", "5", "gift", "7"]) + "\n")
    with pytest.raises(ContractError, match=r"price is no number \(2\).*mend the prices"):
        refused(source=str(table))
    (report,) = (settings().output / "refused").glob("*/report.html")
    assert str(report) in capfd.readouterr().err
    result = json.loads((report.parent / "result.json").read_text())
    assert result["answer"].startswith("No answer: ")
    assert result["verdict"]["met"] is False
    assert result["quarantine"]["total"] == 3
    assert result["quarantine"]["reasons"]["price is no number"] == 2
    assert result["data"][0]["rows"] == 7
    assert "prices.csv, line 3" in (report.parent / "quarantine.csv").read_text()
    assert any(not rule["passed"] for rule in result["contract"])


def test_a_file_that_is_no_table_leaves_no_empty_report(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no such file"):
        refused(source=str(tmp_path / "none.csv"))
    assert not (settings().output / "refused").exists()
