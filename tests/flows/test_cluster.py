"""Stages and flows on Spark, on a standalone cluster of one master and two workers; during each, a worker dies."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPECTED: dict[str, Callable[[dict[str, float]], bool]] = {
    "payments": lambda metrics: metrics["adjusted_rand"] >= 0.9,
    "keywords": lambda metrics: metrics["recall_minhash"] >= 0.95,
    "recommendations": lambda metrics: metrics["ndcg@10_gain"] > 0.05,
    "rentals": lambda metrics: metrics["rmse"] < 100,  # the mean price has 491
}


STAGES = """
import json, os
from benchmarks.cluster import Killer
from tasks.platform.cluster import LocalCluster
from tasks.platform.settings import apply_prefect_settings, settings

with LocalCluster(workers=2, cores=1, memory="900m") as cluster:
    os.environ["CASEBOOK_SPARK_MASTER"] = cluster.url
    settings.cache_clear()
    apply_prefect_settings()
    import pandas as pd
    from prefect import flow
    from tasks.cases.payments.features.with_pandas import sum_with_pandas
    from tasks.cases.payments.features.with_spark import sum_with_spark
    from tasks.cases.payments.ingestion.source import read_payments
    from tasks.platform.spark import spark_closed_at_the_end, spark_session

    @flow
    def summed(engine):
        found = (sum_with_spark if engine == "spark" else sum_with_pandas)(read_payments("sample", 5_000, engine).frame)
        return [found.counts.load(), *(table.load() for table in (found.cells, found.vendors, found.repeated))]

    with spark_closed_at_the_end():
        spark_session()
        killer = Killer(cluster)
        killer.start()
        with_spark = summed("spark")
        killer.end.set()
        killer.join()
        alive = cluster.state()["aliveworkers"]
(counts, *ours), (others, *theirs) = summed("pandas"), with_spark
assert counts == others, (counts, others)
for one, other in zip(ours, theirs, strict=True):
    pd.testing.assert_frame_equal(one, other, check_dtype=False, rtol=1e-12)
print(json.dumps({"killed": killer.killed, "alive": alive}))
"""


def environment_for(tmp_path: Path, server: str) -> dict[str, str]:
    options = tmp_path / "conf" / "spark-defaults.conf"  # short jobs on few rows, as in conftest.py
    options.parent.mkdir()
    options.write_text(
        f"spark.executor.extraJavaOptions {os.environ['SPARK_SUBMIT_OPTS']}\nspark.sql.shuffle.partitions 4\n"
    )
    return os.environ | {
        "SPARK_CONF_DIR": str(options.parent),
        "PREFECT_API_URL": server,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "CASEBOOK_SPARK_MEMORY": "600m",
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
    }


def run(tmp_path: Path, environment: dict[str, str], *words: str) -> dict[str, Any]:
    """Run a program; return the record of its last line, once none of its processes is left."""
    command = [sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=560, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert left == ""
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_stages_on_a_cluster_lose_a_worker_and_give_what_pandas_gives(prefect_server: str, tmp_path: Path) -> None:
    found = run(tmp_path, environment_for(tmp_path, prefect_server), "-c", STAGES)
    assert found == {"killed": True, "alive": 1}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("flows", [["payments"], ["recommendations", "keywords", "rentals"]], ids=" ".join)
def test_the_flows_run_on_a_cluster_and_each_loses_a_worker(
    prefect_server: str, tmp_path: Path, flows: list[str]
) -> None:
    """Whole flows; in the suite, the test above stands for what a cluster adds, and the flows run on Spark locally."""
    record = run(tmp_path, environment_for(tmp_path, prefect_server), "benchmarks/cluster.py", *flows)
    assert {name: result["killed"] for name, result in record.items()} == dict.fromkeys(flows, True)
    for name, result in record.items():
        assert EXPECTED[name](result["metrics"]), result
