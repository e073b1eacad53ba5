"""The flows that know Spark, on a standalone cluster of one master and two workers; during each, a worker dies."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPECTED: dict[str, Callable[[dict[str, float]], bool]] = {
    "payments": lambda metrics: metrics["adjusted_rand"] >= 0.9,
    "keywords": lambda metrics: metrics["recall_minhash"] >= 0.95,
    "recommendations": lambda metrics: metrics["ndcg@10_gain"] > 0.05,
    "rentals": lambda metrics: metrics["rmse"] < 100,  # the mean price has 491
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "flows",
    [
        pytest.param(["payments"], marks=pytest.mark.slow),
        pytest.param(["recommendations", "keywords", "rentals"], marks=pytest.mark.long),
    ],
    ids=" ".join,
)
def test_the_flows_run_on_a_cluster_and_each_loses_a_worker(prefect_server: str, tmp_path: Path, flows: list[str]):
    options = tmp_path / "conf" / "spark-defaults.conf"  # short jobs on few rows, as in conftest.py
    options.parent.mkdir()
    options.write_text(
        f"spark.executor.extraJavaOptions {os.environ['SPARK_SUBMIT_OPTS']}\nspark.sql.shuffle.partitions 4\n"
    )
    environment = os.environ | {
        "SPARK_CONF_DIR": str(options.parent),
        "PREFECT_API_URL": prefect_server,
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
    }
    command = [sys.executable, "benchmarks/cluster.py", *flows]
    done = subprocess.run(command, capture_output=True, text=True, timeout=560, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(done.stdout.splitlines()[-1])
    assert {name: result["killed"] for name, result in record.items()} == dict.fromkeys(flows, True)
    for name, result in record.items():
        assert EXPECTED[name](result["metrics"]), result
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert left == ""
