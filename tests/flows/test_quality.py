"""The whole case: the planted truth of the sample, a table without signal, AI4I, and a cached second run."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow_commands import command, environment_of, result_of, without_our_script

from tasks.cases.quality.ingestion.roles import AI4I_MODES
from tasks.cases.quality.sample import GIVEAWAY, sample_products
from tasks.cases.quality.training import derive

pytestmark = pytest.mark.slow
LIVE = {"locate", "read_what_if", "read_champion", "promote", "publish_report"}


def run(tmp_path: Path, server: str, *options: str) -> Path:
    done = command("quality", *options, environment=environment_of(tmp_path, server))
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.splitlines()[-1])


def test_the_planted_rules_are_found_and_the_second_run_is_cached(prefect_server: str, tmp_path: Path) -> None:
    options = ("--source", str(tmp_path / "small.csv"), "--model", "boosting", "--what-if", "Humidity [%]=120")
    sample_products(1500).frame.to_csv(tmp_path / "small.csv", index=False)
    report = run(tmp_path, prefect_server, *options)
    first = result_of(report)
    metrics = {item["name"]: item for item in first["metrics"]}
    assert metrics["pr_auc"]["low"] > metrics["pr_auc"]["baseline"]
    assert metrics["ece"]["value"] < 0.03
    words = " | ".join(pd.read_csv(report.parent / "rules.csv").query("told")["rule"])
    assert re.search(
        r"(Melt temperature − Mould temperature at most 15|Injection pressure × Injection time above 2,[56])", words
    )
    asked = pd.read_csv(report.parent / "what_if.csv")
    assert asked["outside"].tolist() == [False, True]
    page = report.read_text()
    assert "lies outside of the data" in page
    assert GIVEAWAY in page
    assert "gives the result away" in page
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    again = result_of(run(tmp_path, prefect_server, *options))
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert again["answer"] == first["answer"]


def test_a_table_without_signal_says_nothing_found(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derive, "TRIED_FIRST", 2)
    frame = sample_products(500).frame.drop(columns=GIVEAWAY)
    frame["Result"] = np.random.default_rng(0).permutation(frame["Result"])
    frame.to_csv(tmp_path / "noise.csv", index=False)
    report = run(tmp_path, prefect_server, "--source", str(tmp_path / "noise.csv"), "--model", "logistic")
    found = result_of(report)
    assert found["answer"].startswith("Nothing found")
    assert "By which rules" not in report.read_text()


@pytest.mark.long
def test_ai4i_is_answered_without_its_failure_modes(prefect_server: str, tmp_path: Path, shared: Path) -> None:
    report = run(
        tmp_path,
        prefect_server,
        "--source",
        str(shared / "data" / "quality" / "ai4i2020.csv"),
        "--what-if",
        "Torque [Nm]=75,Rotational speed [rpm]=2800",
    )
    metrics = {item["name"]: item["value"] for item in result_of(report)["metrics"]}
    assert metrics["pr_auc"] >= 0.9
    assert metrics["ece"] <= 0.02
    words = " | ".join(pd.read_csv(report.parent / "rules.csv").query("told")["rule"])
    assert "Process temperature − Air temperature at most 8.5" in words
    assert "Rotational speed at most 1,380 rpm" in words
    assert re.search(r"Rotational speed × Torque at most 3,[45]\d\d W", words)
    assert re.search(r"Rotational speed × Torque above (8,9|9,0)\d\d W", words)
    assert re.search(r"Torque × Tool wear above (10,9|11,0)\d\d Nm·min and Type is L", words)
    assert pd.read_csv(report.parent / "what_if.csv")["outside"].tolist() == [False, True]
    page = report.read_text()
    assert all(re.search(rf"{mode}.{{0,200}}says how a machine failed", page, re.DOTALL) for mode in AI4I_MODES)
