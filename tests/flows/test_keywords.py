"""The key-word case end to end: planted words in the report, both engines equal, the second run cached."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.platform.errors import ContractError, UsageError
from tasks.samples.keywords import truth


@pytest.mark.slow
def test_the_sample_from_end_to_end_and_again(prefect_server: str, spark: Any):
    from flows.keywords import keywords

    report = Path(keywords())
    result = json.loads((report.parent / "result.json").read_text())
    metrics = {metric["name"]: metric for metric in result["metrics"]}
    assert metrics["mrr"]["value"] > metrics["mrr"]["baseline"] + 0.1
    assert metrics["recall_minhash"]["value"] == 1
    page = report.read_text()
    assert "0 counts differ" in page
    planted = truth().keywords["the-glass-harbour 1"]
    assert any(word in result["answer"] for word in planted)
    assert (report.parent / "similar.csv").read_text().count("\n") == 7
    again = json.loads((Path(keywords()).parent / "result.json").read_text())
    live = {"locate_texts", "read_champion", "publish_report"}
    assert {stage["name"] for stage in again["stages"] if stage["state"] == "ran"} <= live
    assert again["metrics"] == result["metrics"]


def test_wrong_sources_are_named(prefect_server: str, tmp_path: Path):
    from flows.keywords import keywords

    with pytest.raises(UsageError, match="no such file or folder"):
        keywords(source=str(tmp_path / "missing"), engine="sklearn")
    (tmp_path / "one.txt").write_text("only one document, which is not enough to tell it from any other one " * 3)
    with pytest.raises(ContractError, match="at least 2 documents"):
        keywords(source=str(tmp_path), engine="sklearn")
