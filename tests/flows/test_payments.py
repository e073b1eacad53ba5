"""The whole case: end to end on a small sample, on both engines, and again from the store."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tasks.cases.payments.sample.payments import SEGMENTS, write_payments

pytestmark = pytest.mark.slow
ROWS = 8_000
LIVE = {"locate", "read_champion", "promote", "publish_report"}


def run(prefect_server: str, **parameters: Any) -> tuple[dict[str, Any], str]:
    from flows.payments import payments

    report = Path(payments(**parameters))
    return json.loads((report.parent / "result.json").read_text()), report.read_text()


def metrics(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in result["metrics"]}


def test_both_engines_answer_the_sample_alike_and_again_from_the_store(
    prefect_server: str, spark: Any, tmp_path: Path
) -> None:
    first, page = run(prefect_server, rows=ROWS)
    truth = write_payments(tmp_path, ROWS)
    assert f"{int(truth.totals['payments'].sum()):,} payments" in first["answer"]
    assert f"fall into {len(SEGMENTS)} kinds that stand apart" in first["answer"]
    assert first["answer"].startswith("Look first at $")
    assert first["verdict"]["met"] is True
    found = metrics(first)
    assert found["adjusted_rand"]["value"] >= 0.9 > found["adjusted_rand"]["baseline"]
    assert found["duplicate_recall"]["value"] == found["unusual_recall"]["value"] == 1
    assert "becomes the champion" in first["champion"]
    assert first["quarantine"]["total"] == sum(truth.broken.values())
    assert first["data"][0]["rows"] == ROWS
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", page)
    for name in ("departments_and_quarters", "vendors", "unusual", "repeated"):
        assert first["artifacts"][name] == f"{name}.csv"
    again, _ = run(prefect_server, rows=ROWS)
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    with_spark, _ = run(prefect_server, rows=ROWS, engine="spark")
    assert with_spark["answer"] == first["answer"]
    assert with_spark["quarantine"] == first["quarantine"]
    assert with_spark["data"][0]["rows"] == ROWS
    for name, metric in metrics(with_spark).items():
        assert metric["value"] == pytest.approx(found[name]["value"], rel=1e-9)
