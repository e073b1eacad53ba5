"""The flows that know Spark end right on a cluster of one master and two workers, though one worker dies on the way.

    python benchmarks/cluster.py                       keywords, payments, recommendations, rentals, on small data
    python benchmarks/cluster.py payments              some of them

Master and workers are started from the installed package, on loopback addresses. While a stage of each flow is
running, one worker is killed (SIGKILL, with its executor); another one joins before the next flow. The last line is a
JSON record with the result of each flow.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tasks.platform.cluster import LocalCluster
from tasks.platform.settings import apply_prefect_settings, settings

CHOSEN: dict[str, dict[str, Any]] = {
    "payments": {"engine": "spark", "rows": 8000},
    "keywords": {"engine": "spark"},
    "recommendations": {"search": "one", "split": "random"},
    "rentals": {"engine": "spark", "search": 1, "folds": 2},
}


class Killer(threading.Thread):
    """Kills the oldest living worker, with its executor, as soon as it has one and a stage is running."""

    def __init__(self, cluster: LocalCluster) -> None:
        super().__init__(daemon=True)
        self.cluster, self.killed, self.end = cluster, False, threading.Event()

    def run(self) -> None:
        """Wait for such a moment, until `end` is set."""
        from tasks.platform.spark import spark_session

        oldest = next(number for number, worker in enumerate(self.cluster.workers) if worker.poll() is None)
        while not self.end.wait(0.02):
            running = spark_session().sparkContext.statusTracker().getActiveStageIds()
            if running and list(self.cluster.worker_folder(oldest).glob("app-*/*")):
                self.cluster.kill_worker(oldest)
                self.killed = True
                return


def result_of(name: str) -> dict[str, Any]:
    """Run one flow; return its answer and the metrics of its result.json."""
    import importlib

    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    report = Path(flow(**CHOSEN[name]))
    result = json.loads((report.parent / "result.json").read_text("utf-8"))
    return {"answer": result["answer"], "metrics": {item["name"]: item["value"] for item in result["metrics"]}}


def main() -> None:
    """Start the cluster and run the flows on it, each with a worker that dies."""
    names = sys.argv[1:] or list(CHOSEN)
    os.environ.setdefault("CASEBOOK_SPARK_MEMORY", "600m")
    results = {}
    with LocalCluster(workers=2, cores=1, memory="900m") as cluster:
        os.environ["CASEBOOK_SPARK_MASTER"] = cluster.url
        settings.cache_clear()
        apply_prefect_settings()
        from tasks.platform.spark import spark_closed_at_the_end, spark_session

        with spark_closed_at_the_end():
            spark_session()
            for name in names:
                killer, start = Killer(cluster), time.perf_counter()
                killer.start()
                results[name] = result_of(name)
                seconds = round(time.perf_counter() - start)
                killer.end.set()
                killer.join()
                results[name] |= {"seconds": seconds, "killed": killer.killed, "alive": cluster.state()["aliveworkers"]}
                killed = "a worker killed" if killer.killed else "NO WORKER KILLED"
                print(f"{name}: {seconds} s, {killed}: {results[name]['answer']}", flush=True)
                if killer.killed:
                    cluster.add_worker()
                cluster.wait()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
