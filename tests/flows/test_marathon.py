"""The case of the runners end to end: the planted patterns in the report, and nothing done twice."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flow_commands import without_our_script

from tasks.cases.marathon.sample import PLANTED, QUIRKS, RUNNERS

pytestmark = pytest.mark.slow


def result_of(report: str) -> dict[str, Any]:
    return json.loads((Path(report).parent / "result.json").read_text())


def test_the_planted_patterns_are_the_answer_and_the_second_run_is_cached(prefect_server: str) -> None:
    from flows.marathon import marathon

    report = marathon(shuffles=10)
    first = result_of(report)
    assert first["answer"].startswith(f"Yes, {len(PLANTED)} patterns: women of AU are shorter by 7")
    metrics = {item["name"]: item for item in first["metrics"]}
    assert metrics["false_findings"]["value"] <= 0.1
    assert metrics["false_findings"]["baseline"] == 1.0
    for item in PLANTED:
        parts = [item.kind, item.other, item.measure, item.stratum, item.group]
        found = metrics["_".join(part for part in parts if part)]
        assert found["low"] <= item.value + 0.02 <= found["high"] + 0.04
    assert first["data"][0]["rows"] == RUNNERS + sum(QUIRKS.values())
    assert first["quarantine"]["total"] == sum(QUIRKS.values())
    assert "no champion" in first["champion"]
    page = Path(report).read_text()
    for title in ("How sure is that?", "What only follows from the findings", "What was known beforehand"):
        assert title in page
    assert page.count("<svg") >= 8
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    assert (Path(report).parent / "tests.csv").stat().st_size > 10_000

    again = result_of(marathon(shuffles=10))
    ran = {stage["name"] for stage in again["stages"] if stage["state"] == "ran"}
    assert ran <= {"locate", "publish_report"}
    assert again["answer"] == first["answer"]


def test_a_wrong_path_is_a_wrong_argument(prefect_server: str, tmp_path: Path) -> None:
    from flows.marathon import marathon
    from tasks.platform.errors import UsageError

    with pytest.raises(UsageError, match="no such file or folder"):
        marathon(source=str(tmp_path / "none.csv"))
