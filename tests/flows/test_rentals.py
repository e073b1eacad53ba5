"""The whole case on its sample: found right, honestly reported, and cached the second time."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flow_commands import without_our_script

from tasks.cases.rentals.sample import BREAKING, FREE, HOTELS, ROOMS_OF_HOTEL, ROWS, UNREADABLE, sample_listings
from tasks.platform.errors import ContractError
from tasks.publishing.predictions import predict

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
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))

    again, _ = answered(folds=2, search=1)
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert (again["answer"], again["metrics"]) == (first["answer"], first["metrics"])

    flat = {"name": "Loft, 80 sqm", "latitude": 52.52, "longitude": 13.41, "room_type": "Entire home/apt"}
    told = predict("rentals", flat)
    assert 0 < told.table["low"][0] < told.table["price"][0] < told.table["high"][0]
    assert "\u00a0€ a night" in told.answer
    assert (told.version, told.warnings) == (1, [])
    odd = predict("rentals", [flat, {**flat, "latitude": 48.1, "room_type": "Castle"}])
    assert "flat 2: latitude 48.1" in odd.warnings[0]
    assert odd.table["price"][0] == told.table["price"][0]
    with pytest.raises(ContractError, match="line 2: latitude is none; mend the row"):
        predict("rentals", {**flat, "latitude": 152.0})
    with pytest.raises(ContractError, match="lacks the column room_type"):
        predict("rentals", {"latitude": 52.5, "longitude": 13.4})


def test_listings_without_a_price_get_one_and_yen_are_no_euros(prefect_server: str, tmp_path: Path) -> None:
    frame = sample_listings(rows=600).frame.astype({"price": object})
    frame["price"] = [f"¥{price * 150:,.2f}" for price in frame["price"]]
    frame.loc[::4, "price"] = ""
    file = tmp_path / "listings.csv.gz"
    frame.assign(latitude=frame["latitude"] - 16.9, longitude=frame["longitude"] + 126.3).to_csv(file, index=False)
    result, page = answered(source=str(file), folds=2, search=1)
    unpriced = pd.read_csv(tmp_path / "reports" / "rentals" / result["run"] / "unpriced.csv")
    assert len(unpriced) == 158
    assert "158 listings without a price got one" in result["answer"]
    assert "JPY" in result["answer"]
    assert "€" not in page
    assert (unpriced["low"] <= unpriced["price"]).all()
    assert unpriced["price"].median() == pytest.approx(150 * sample_listings(rows=600).frame["price"].median(), rel=0.3)


def test_a_refusal_names_reasons_first_rows_and_the_way_on(prefect_server: str, tmp_path: Path) -> None:
    frame = sample_listings(rows=600).frame.astype({"price": object})
    frame.loc[:199, "price"] = "on request"
    frame.to_csv(tmp_path / "listings.csv", index=False)
    with pytest.raises(ContractError, match=r"price is no number \(200\).*line 2.*max_quarantined"):
        answered(source=str(tmp_path / "listings.csv"))
    report = next((tmp_path / "reports" / "rentals").glob("*/report.html"))
    assert "price is no number (200)" in report.read_text()
    assert len(pd.read_csv(report.with_name("quarantine.csv"))) == 200


@pytest.mark.long  # the stages on Spark are held to those of pandas by tests/cases/rentals/test_with_spark.py
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
