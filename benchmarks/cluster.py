"""The flows that know Spark end right on a cluster of one master and two workers, though one worker dies on the way.

    python benchmarks/cluster.py                       keywords, payments, recommendations, rentals, on small data
    python benchmarks/cluster.py payments              some of them

Master and workers are started from the installed package, on loopback addresses. One worker is killed (SIGKILL, with
its executor) while a stage of the first flow is running. The last line is a JSON record with the result of each flow.
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
    "payments": {"engine": "spark", "rows": 5000},
    "keywords": {"engine": "spark"},
    "recommendations": {"search": "one", "split": "random"},
    "rentals": {"engine": "spark", "search": 1, "folds": 2},
}


def kill_in_the_middle(cluster: LocalCluster) -> None:
    """Kill the first worker while it has an executor and a stage is running."""
    from tasks.platform.spark import spark_session

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        running = spark_session().sparkContext.statusTracker().getActiveStageIds()
        if running and list((cluster.folder / "worker-0").glob("app-*/*")):
            cluster.kill_worker(0)
            print("killed a worker", flush=True)
            return
        time.sleep(0.02)


def result_of(name: str) -> dict[str, Any]:
    """Run one flow; return its result.json with the seconds that it took."""
    import importlib

    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    start = time.perf_counter()
    report = Path(flow(**CHOSEN[name]))
    result = json.loads((report.parent / "result.json").read_text("utf-8"))
    print(f"{name}: {time.perf_counter() - start:.0f} s: {result['answer']}", flush=True)
    return {"answer": result["answer"], "metrics": {item["name"]: item["value"] for item in result["metrics"]}}


def main() -> None:
    """Start the cluster and run the flows on it."""
    names = sys.argv[1:] or list(CHOSEN)
    os.environ.setdefault("CASEBOOK_SPARK_MEMORY", "600m")
    with LocalCluster(workers=2, cores=1, memory="900m") as cluster:
        os.environ["CASEBOOK_SPARK_MASTER"] = cluster.url
        settings.cache_clear()
        apply_prefect_settings()
        from tasks.platform.spark import spark_closed_at_the_end, spark_session

        with spark_closed_at_the_end():
            spark_session()
            killer = threading.Thread(target=kill_in_the_middle, args=[cluster])
            killer.start()
            results = {name: result_of(name) for name in names}
            killer.join()
            alive = cluster.state()["aliveworkers"]
        print(json.dumps({"results": results, "alive": alive}))


if __name__ == "__main__":
    main()
