"""The whole case: the planted rise of the sample, machines to choose, a cached second run, and refusals."""

import re
from pathlib import Path

import pandas as pd
import pytest
from flow_commands import command, environment_of, result_of, without_our_script

from tasks.cases.cloud_costs.sample import CULPRIT, UNUSED

pytestmark = pytest.mark.slow
LIVE = {"locate", "read_needs", "read_sizes", "read_prices", "publish_report"}


def run(tmp_path: Path, server: str, *options: str, status: int = 0) -> str:
    done = command("cloud_costs", *options, environment=environment_of(tmp_path, server))
    assert done.returncode == status, done.stderr[-3000:]
    return done.stdout.splitlines()[-1] if status == 0 else done.stderr


def test_the_sample_is_answered_and_the_second_run_is_cached(prefect_server: str, tmp_path: Path) -> None:
    options = ("--budget", "1200", "--needs", "cores=4,memory=16,region=westeurope,hours=300")
    report = run(tmp_path, prefect_server, *options)
    first = result_of(report)
    assert re.match(
        r"From 1 to 24 September 2026 the cloud cost 1,020.€ \(effective 1,077.€\), 38.% more than on the same days of"
        rf" August; most of the rise is the database `{CULPRIT}`\.",
        first["answer"],
    )
    metrics = {item["name"]: item for item in first["metrics"]}
    assert set(metrics) == {"billed_cost", "effective_cost", "forecast_month_end", "anomalies"}
    assert metrics["anomalies"]["value"] == 1
    assert metrics["forecast_month_end"]["low"] < metrics["forecast_month_end"]["value"]
    folder = Path(report).parent
    assert pd.read_csv(folder / "anomalies.csv")["resource"].tolist() == [CULPRIT]
    assert pd.read_csv(folder / "unused.csv")["resource"].tolist() == list(UNUSED)
    assert pd.read_csv(folder / "choice.csv")["rank"].min() == 1
    assert first["quarantine"]["total"] == 1
    page = Path(report).read_text()
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(page))
    again = result_of(run(tmp_path, prefect_server, *options))
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= LIVE
    assert again["answer"] == first["answer"]


def test_hostile_names_do_no_harm_in_page_and_tables(prefect_server: str, tmp_path: Path) -> None:
    rows = "\n".join(f'{day}.09.2026;"{day},50";EUR;=cmd|calc;"<script>alert(1)</script>"' for day in range(1, 31))
    (tmp_path / "costs.csv").write_text(f"Datum;Kosten;Währung;Dienstname;Ressourcengruppe\n{rows}\n")
    report = run(tmp_path, prefect_server, "--source", str(tmp_path / "costs.csv"))
    assert result_of(report)["answer"].startswith("In September 2026 the cloud cost 480.00")
    assert "<script" not in without_our_script(Path(report).read_text())
    cells = (Path(report).parent / "groups.csv").read_text()
    assert '"\'=cmd|calc"' in cells
    assert not re.search(r'(^|,)"[=+@]', cells, re.MULTILINE)


def test_what_cannot_be_answered_is_refused_in_a_sentence(prefect_server: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    told = run(tmp_path, prefect_server, "--source", str(tmp_path / "bad.csv"), status=1)
    assert "names a cost and a day" in told.splitlines()[-1]
    told = run(tmp_path, prefect_server, "--needs", "cores=many", status=2)
    assert "cores = many" in told.splitlines()[-1]
    assert "Traceback" not in told
