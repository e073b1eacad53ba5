"""The whole case: from four overlapping exports to the planted date and drop, and the same again from the store."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flow_commands import command, environment_of, without_our_script

from tasks.cases.pedestrians.sample import SQUARE

pytestmark = pytest.mark.slow


def run(tmp_path: Path, server: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return command("pedestrians", *argv, environment=environment_of(tmp_path, server))


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((Path(done.stdout.splitlines()[-1]).parent / "result.json").read_text())


def test_the_sample_is_answered_right_and_the_second_run_is_cached(tmp_path: Path, prefect_server: str) -> None:
    first = result_of(run(tmp_path, prefect_server))
    assert first["answer"].startswith(f"{SQUARE.name} emptied on 10 March 2021")
    metrics = {item["name"]: item for item in first["metrics"]}
    truth = SQUARE.levels[0].share - 1
    assert metrics["drop"]["low"] <= truth <= metrics["drop"]["high"]
    assert metrics["recent_level"]["high"] < 0
    assert metrics["mae_log"]["value"] < metrics["mae_log"]["baseline"]
    assert first["verdict"]["met"] is True
    assert first["data"][0]["rows"] == 15_410
    done = run(tmp_path, prefect_server)
    again = result_of(done)
    ran = {item["name"] for item in again["stages"] if item["state"] == "ran"}
    assert ran <= {"locate", "read_champion", "promote", "publish_report"}
    assert {key: again[key] for key in ("answer", "metrics")} == {key: first[key] for key in ("answer", "metrics")}
    page = Path(done.stdout.splitlines()[-1])
    assert page.read_text().count("<figure") >= 7
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page.read_text()))
    assert {"changes.csv", "places.csv", "days.csv"} <= {item.name for item in page.parent.iterdir()}
