"""The whole case: the sample against its truth, then a service of one's own, night after night."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from fasta_server import Api, facility, serve
from flow_commands import without_our_script

from tasks.cases.elevators.sample import truth
from tasks.platform.errors import UsageError

pytestmark = pytest.mark.slow


def run(**arguments: Any) -> tuple[dict[str, Any], str, Path]:
    """Run the flow; return its record, its page and its folder."""
    from flows.elevators import elevators

    report = Path(elevators(**arguments))
    return json.loads((report.parent / "result.json").read_text()), report.read_text(), report.parent


def metric(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in result["metrics"] if item["name"] == name)


def test_the_sample_gives_its_truth_back_and_the_second_run_is_cached(prefect_server: str) -> None:
    result, page, folder = run()
    lifts = pd.read_csv(folder / "lifts.csv").merge(truth(), on="equipment")
    covered = (lifts["low"] <= lifts["availability"]) & (lifts["availability"] <= lifts["high"])
    assert len(lifts) == len(truth())
    assert 0.92 <= covered.mean() <= 1.0
    assert metric(result, "availability")["value"] == pytest.approx(truth()["availability"].mean(), abs=0.008)
    assert metric(result, "brier_gain")["low"] > 0
    assert metric(result, "out_of_order")["value"] == (lifts["state"] == "INACTIVE").sum()
    assert result["verdict"]["met"] is True
    # The gain is small, skewed, and that of few stations: beyond chance at 95 %, not by the cautious interval.
    assert "the baseline's by" in result["champion"]
    assert "may be chance, so nothing is promoted" in result["champion"]
    reasons = result["quarantine"]["reasons"]
    assert reasons["an answer that cannot be read"] == 1
    assert reasons["a second answer within the same hour"] == 1
    assert reasons["a state other than ACTIVE, INACTIVE and UNKNOWN"] == 4
    for part in ("lifts are out of order at", "The longest outage", "Simulated lifts", "Will it run when I come?"):
        assert part in page
    assert not re.search(r"<script|src=[\"']https?:", without_our_script(page))
    again, _, _ = run()
    ran = {row["name"] for row in again["stages"] if row["state"] == "ran"}
    assert ran <= {"locate_elevators", "read_champion", "promote", "publish_report"}
    assert [again[key] for key in ("answer", "metrics", "data")] == [
        result[key] for key in ("answer", "metrics", "data")
    ]
    assert again["champion"] == result["champion"]


def test_nights_of_a_failing_service_become_a_history(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """With the secrets in Prefect blocks; they are asked for, sent, and found nowhere afterwards."""
    from prefect.blocks.system import Secret

    secrets = {"casebook-db-client-id": "client-4711-abc", "casebook-db-api-key": "key-0815-very-secret"}
    for name, value in secrets.items():
        Secret(value=value).save(name, overwrite=True)  # type: ignore[arg-type, unused-coroutine]
    monkeypatch.setattr("tasks.platform.retries.random", SimpleNamespace(uniform=lambda low, high: 0.0))
    api = Api(
        [
            facility(number, station=number // 3, state="INACTIVE" if number == 5 else "ACTIVE")
            for number in range(3, 30)
        ]
    )
    api.fault = lambda number, path: (503, {}, b"") if number % 5 == 1 else None
    with serve(api):
        first, page, folder = run(source=api.address, requests_per_minute=6000)
        again, _, _ = run(source=api.address, requests_per_minute=6000)
    assert {name: api.asked[0][1][name] for name in ("DB-Client-Id", "DB-Api-Key")} == {
        "DB-Client-Id": "client-4711-abc",
        "DB-Api-Key": "key-0815-very-secret",
    }
    assert "1 of 27 lifts was out of order" in first["answer"]
    assert "takes more snapshots" in first["answer"]
    assert first["verdict"]["met"] is None
    assert first["champion"] == "No forecast was tested, so none was registered."
    assert "HTTP 503" in page
    assert "Ort 1" in (folder / "lifts.csv").read_text()
    snapshots = list((home / "store" / "elevators").rglob("*.parquet"))
    assert again["data"][0]["rows"] == 27 * len(snapshots)  # one snapshot, or two where the hour ended between the runs
    written = [file for place in (home, folder.parent) for file in place.rglob("*") if file.is_file()]
    assert not [file for file in written if b"very-secret" in file.read_bytes() or b"client-4711" in file.read_bytes()]
    for name in secrets:
        Secret.delete(name)  # type: ignore[unused-coroutine]


@pytest.mark.parametrize("source", ["http://example.org/fasta", "/no/such/folder", "api"])
def test_a_wrong_source_is_one_sentence(prefect_server: str, source: str) -> None:
    with pytest.raises(UsageError, match=r"https://|no such file|CASEBOOK_DB_CLIENT_ID and CASEBOOK_DB_API_KEY"):
        run(source=source)
