"""The whole case on its sample: found right, honestly reported, and cached the second time."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.cases.rentals.sample import BREAKING, FREE, HOTELS, ROOMS_OF_HOTEL, ROWS, UNREADABLE

ROOT = Path(__file__).resolve().parents[2]
LIVE = {"locate", "read_champion", "promote", "publish_report"}
pytestmark = pytest.mark.slow


def answered(**arguments: Any) -> tuple[dict[str, Any], str]:
    from flows.rentals import rentals

    report = Path(rentals(**arguments))
    return json.loads((report.parent / "result.json").read_text()), report.read_text()


def test_the_sample_is_answered_and_the_second_run_is_cached(prefect_server: str) -> None:
    first, page = answered(folds=2, search=1)
    metrics = {item["name"]: item for item in first["metrics"]}
    assert set(metrics) == {"rmse", "mae", "median_ae", "rmsle", "mae_log", "coverage@80"}
    for metric in metrics.values():
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["baseline"] is None or metric["value"] < metric["baseline"]
    assert first["verdict"]["met"] is True
    assert f"{metrics['rmse']['value']:.1f}\u00a0€" in first["answer"]
    assert first["data"][0]["rows"] == ROWS + len(HOTELS) * ROOMS_OF_HOTEL + UNREADABLE + BREAKING + FREE
    assert first["quarantine"]["total"] == UNREADABLE + BREAKING
    assert set(first["artifacts"]) >= {"report", "result", "quarantine", "predictions", "search", "scores"}
    assert "becomes the champion" in first["champion"]
    for words in ("stratified", "Poisson deviance", "host never seen", "price level of the host", "scatter matrix"):
        assert words.lower() in page.lower()
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", page)

    again, _ = answered(folds=2, search=1)
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert (again["answer"], again["metrics"]) == (first["answer"], first["metrics"])


def test_both_engines_side_by_side(prefect_server: str, spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"mean": [{}], "linear": [{}], "tree": [{"maxDepth": 3}], "boosting": [{"maxIter": 2, "maxDepth": 2}]}
    small["boosting_log"] = small["boosting"]
    monkeypatch.setattr("tasks.cases.rentals.training.with_spark.GRIDS", small)
    monkeypatch.setattr("tasks.cases.rentals.training.with_spark.SEARCH_FOLDS", 2)
    result, page = answered(engine="both", folds=2, search=1, scaling_rows=10_000)
    assert "Small data or big data?" in page
    assert "pandas is ahead" in page or "Spark overtakes" in page or "Spark would win" in page
    states = {item["name"] for item in result["stages"]}
    assert states >= {"derive_on_spark", "prepare_on_spark", "fit_on_spark", "measure_scaling"}


def test_a_wrong_argument_is_one_sentence_and_2() -> None:
    done = subprocess.run(
        [sys.executable, "flows/rentals.py", "--engine", "abacus"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "engine" in done.stderr.strip().splitlines()[-1]
