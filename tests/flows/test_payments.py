"""The whole case: end to end on a small sample, on both engines, and again from the store."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flow_commands import without_our_script

from tasks.cases.payments.sample.payments import SEGMENTS, write_payments
from tasks.publishing.predictions import predict

pytestmark = pytest.mark.slow
ROWS = 8_000
LIVE = {"locate", "read_champion", "promote", "publish_report"}


def run(prefect_server: str, **parameters: Any) -> tuple[dict[str, Any], str]:
    from flows.payments import payments

    report = Path(payments(**parameters))
    result = json.loads((report.parent / "result.json").read_text())
    return result | {"folder": report.parent}, report.read_text()


def metrics(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in result["metrics"]}


def asked_again(rows: Path, published: pd.DataFrame) -> None:
    """The vendors learned from are of the kinds that were published; a part of one's payments is told as such."""
    found = predict("payments", rows)
    kinds, wanted = found.table.set_index("vendor")["kind"], published.set_index("vendor")["segment"]
    assert kinds.fillna(0).astype(int).to_dict() == wanted.fillna(0).astype(int).to_dict()
    assert found.answer.startswith(f"Of {len(published):,} vendors ")
    assert found.warnings == []
    lines = rows.read_text().splitlines()
    often = published.sort_values("payments")["vendor"].iloc[-1]
    few = [line for line in lines[1:] if often in line and line[6:10] == "2010"]
    (short := rows.with_name("short.csv")).write_text("\n".join([lines[0], *few]))
    found = predict("payments", short)
    assert f"is of kind {found.table['kind'].iloc[0]} (" in found.answer
    assert "those learned from 40; sums and counts grow with time" in found.warnings[0]


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
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    for name in ("departments_and_quarters", "vendors", "unusual", "repeated"):
        assert first["artifacts"][name] == f"{name}.csv"
    vendors = pd.read_csv(first["folder"] / "vendors.csv", dtype={"vendor": str})
    asked_again(tmp_path / "vendor_payments.csv", vendors)
    again, _ = run(prefect_server, rows=ROWS)
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    with_spark, _ = run(prefect_server, rows=ROWS, engine="spark")
    assert with_spark["answer"] == first["answer"]
    assert with_spark["quarantine"] == first["quarantine"]
    assert with_spark["data"][0]["rows"] == ROWS
    for name, metric in metrics(with_spark).items():
        assert metric["value"] == pytest.approx(found[name]["value"], rel=1e-9)
