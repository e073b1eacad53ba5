"""How long does it take to renew the page of all results? After one more run of a case with 1,000 runs, in 20 cases.

    python benchmarks/home.py [runs]

The run folders are made up; each result.json has the size of a usual one, about 10 kB.
"""

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

from tasks.publishing.home import write_home  # noqa: E402

CASES = 20
START = datetime(2026, 1, 1, tzinfo=UTC)


def make(output: Path, runs: int) -> None:
    for case in range(CASES):
        for night in range(runs):
            value = 25 + (night * 7919 % 100) / 100
            names = ("mae", "rmse", "median_ae", "r2")
            metrics = [
                {
                    "name": name,
                    "value": value,
                    "unit": "€",
                    "low": 23.0,
                    "high": 27.0,
                    "baseline": 40.0,
                    "champion": 24.0,
                }
                for name in names
            ]
            stages = [
                {"name": f"stage_{n}", "phase": "Modelling", "state": "cached", "seconds": 0.1} for n in range(20)
            ]
            started = START + timedelta(hours=night)
            record = {
                "question": "What should a flat cost a night?",
                "answer": "About so much. " * 12,
                "stages": stages,
                "metrics": metrics,
                "parameters": {"source": "sample"},
                "started": started.isoformat(),
                "verdict": {"met": True, "sentence": "Good."},
                "artifacts": {"report": "report.html"},
                "data": [{"source": "sample", "sha256": f"{night:064x}", "rows": 2400}],
                "contract": [{"rule": "Each listing has an id of its own.", "examples": ["x" * 100]}] * 40,
            }
            folder = output / f"case_{case}" / f"{started:%Y%m%d-%H%M%S}-{night % 65536:04x}"
            folder.mkdir(parents=True)
            (folder / "result.json").write_text(json.dumps(record, indent=1))
            (folder / "report.html").write_text("<html>")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        output = Path(name)
        make(output, runs // CASES)
        more = runs - runs // CASES
        for folder in output.iterdir():
            if folder.name == "case_0":
                for night in range(more):
                    source = next(folder.iterdir()) / "result.json"
                    copy = folder / f"{START + timedelta(days=400, hours=night):%Y%m%d-%H%M%S}-{night % 65536:04x}"
                    copy.mkdir()
                    (copy / "result.json").write_bytes(source.read_bytes())
        write_home(output, [])  # templates and modules are loaded: a run has them
        print(f"{sum(1 for _ in output.glob('*/*/'))} runs in {CASES} cases, {runs} of them of one:")
        for what, flows in (("after a run of that case", ["case_0"]), ("all pages", None)):
            wall, work = time.perf_counter(), time.process_time()
            write_home(output, flows)
            wall, work = time.perf_counter() - wall, time.process_time() - work
            print(f"{what}: {wall:.2f} s, {work:.2f} s of it on the processor")


if __name__ == "__main__":
    main()
