"""The whole case: sample, BigQuery with a planted key that nothing keeps, the cap, hostile values, a cached run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bigquery_server import BigQuery, private_key, serve
from flow_commands import command, end_server, leaked, without_our_script

from tasks.cases.births.sample import QUIRKS, write_rows

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
LIVE = {"locate", "estimate", "publish_report"}
TABLE = "bigquery:some-project.samples.natality"


def result_of(report: str | Path) -> dict[str, Any]:
    return json.loads((Path(report).parent / "result.json").read_text())


def test_the_sample_is_answered_and_the_second_run_is_cached(prefect_server: str) -> None:
    from flows.births import births

    report = births(rows=100_000)
    first = result_of(report)
    assert first["answer"].startswith("Babies weigh most when the mother is neither very young nor old")
    metrics = {item["name"]: item for item in first["metrics"]}
    assert metrics["gap_young"]["high"] < metrics["gap_young_adjusted"]["value"] < 0
    assert metrics["explained_share"]["value"] < 0.02
    assert metrics["cost"]["value"] == 0
    assert metrics["bytes_scanned"]["value"] > 0
    assert first["data"][0]["rows"] == 100_000
    assert first["quarantine"]["total"] == sum(QUIRKS.values())
    page = Path(report).read_text()
    for title in (
        "How large is that beside the spread?",
        "What is behind it?",
        "How did it change?",
        "What did the question take?",
    ):
        assert title in page
    assert page.count("<svg") >= 6
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    again = result_of(births(rows=100_000))
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert again["answer"] == first["answer"]


def environment_for(tmp_path: Path, api: BigQuery) -> dict[str, str]:
    return os.environ | {
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
        "CASEBOOK_SERVER_MINUTES": "5",
        "CASEBOOK_BIGQUERY_ENDPOINT": api.address,
        "CASEBOOK_BIGQUERY_SERVICE_ACCOUNT": json.dumps(api.account()),
    }


def run(tmp_path: Path, api: BigQuery, *options: str, tracking: str = "off") -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, which starts a server of its own."""
    environment = environment_for(tmp_path, api) | {"CASEBOOK_TRACKING": tracking}
    environment.pop("PREFECT_API_URL", None)
    words = [sys.executable, "flows/births.py", *options]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)


def leaks(said: str, tokens: list[str], *folders: Path) -> list[str]:
    """Return where a part of the key or a token stands: in a file that a run left, or in what it said."""
    body = [line for line in private_key().splitlines() if "KEY" not in line]
    planted = [*body, *(token for token in tokens if len(token) > 6), "BEGIN PRIVATE", "assertion="]
    return [found for folder in folders for found in leaked(folder, said.encode(), planted)]


def test_bigquery_answers_and_the_planted_key_is_kept_nowhere(
    tmp_path: Path, prefect_home: Path, empty_registry: Path, prefect_server: str, server_folder: Path
) -> None:
    shutil.copytree(prefect_home, tmp_path / "home")
    shutil.copytree(empty_registry, tmp_path / "home" / "mlflow")
    write_rows(tmp_path / "b.parquet", 30_000)
    with serve(BigQuery(tmp_path / "b.parquet")) as api:
        try:
            done = run(tmp_path, api, "--source", TABLE, "--max-cost", "0.10", tracking="wait")
            assert done.returncode == 0, done.stderr[-3000:]
            report = Path(done.stdout.splitlines()[-1])
            jobs = len([body for body in api.sent if not body["configuration"].get("dryRun")])
            here = environment_for(tmp_path, api) | {"PREFECT_API_URL": prefect_server}
            again = command("births", "--source", TABLE, environment=here)
            capped = command("births", "--source", TABLE, "--max-cost", "0.01", environment=here)
            api.refuses_the_key = True
            refused = run(tmp_path, api, "--source", TABLE)
            tokens = api.tokens
        finally:
            end_server(tmp_path)
    first = result_of(report)
    metrics = {item["name"]: item["value"] for item in first["metrics"]}
    assert metrics["bytes_scanned"] == api.scanned
    assert metrics["cost"] == pytest.approx(0.0455, abs=0.001)
    page = report.read_text()
    assert "8 GB scanned where they lie" in page
    assert "22 GB sent" in page
    assert "$2.58" in page  # what a full download would have cost
    assert len(pd.read_csv(report.parent / "ages.csv")) > 30
    assert jobs == 1
    assert len([body for body in api.sent if not body["configuration"].get("dryRun")]) == 1  # paid once
    assert again.returncode == 0
    assert result_of(again.stdout.splitlines()[-1])["answer"] == first["answer"]
    assert capped.returncode == 1
    assert "8,000,000,000 bytes (8 GB)" in capped.stderr
    assert "more than the $0.01 of max_cost; nothing was run" in capped.stderr
    assert refused.returncode == 1
    assert "does not take the key" in refused.stderr
    said = "".join(each.stdout + each.stderr for each in (done, again, capped, refused))
    assert "Traceback" not in said
    assert leaks(said, tokens, tmp_path, server_folder) == []


def test_the_key_may_come_from_a_prefect_block(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.blocks.system import Secret

    from flows.births import births
    from tasks.platform.google import BLOCK
    from tasks.platform.settings import settings

    write_rows(tmp_path / "b.parquet", 30_000)
    with serve(BigQuery(tmp_path / "b.parquet")) as api:
        monkeypatch.setenv("CASEBOOK_BIGQUERY_ENDPOINT", api.address)
        settings.cache_clear()
        Secret(value=json.dumps(api.account())).save(BLOCK, overwrite=True)
        assert result_of(births(source=TABLE))["verdict"]["met"] is False  # too few births
        assert api.tokens


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "bigquery:x`; DROP TABLE y"}, "names no table"),
        ({"source": TABLE, "engine": "duckdb"}, "does not read"),
        ({"engine": "bigquery"}, "does not read"),
        ({"source": "public"}, "cannot be pinned"),
        ({"first_year": 2001, "last_year": 2000}, "give the earlier one"),
        ({"rows": 20_000, "state": "CA' OR '1'='1"}, "No birth of these years"),
    ],
)
def test_wrong_arguments_are_one_sentence(prefect_server: str, options: dict[str, Any], said: str) -> None:
    from flows.births import births
    from tasks.platform.errors import CasebookError

    with pytest.raises(CasebookError, match=said):
        births(**options)
