"""A flow on a standalone Spark cluster of one master and two workers, of which one dies on the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_flow_runs_on_a_cluster_that_loses_a_worker(prefect_server: str, tmp_path: Path):
    """The other flows that know Spark run the same way: `python benchmarks/cluster.py`."""
    environment = os.environ | {
        "PREFECT_API_URL": prefect_server,
        "CASEBOOK_HOME": str(tmp_path / "home"),
        "CASEBOOK_OUTPUT": str(tmp_path / "reports"),
    }
    command = [sys.executable, "benchmarks/cluster.py", "payments"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert "killed a worker" in lines
    record = json.loads(lines[-1])
    assert record["results"]["payments"]["metrics"]["adjusted_rand"] >= 0.9
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert left == ""
