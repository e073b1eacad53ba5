"""How long do thousands of series take from file to orders, and how much memory? The whole flow, as a user runs it.

    python benchmarks/demand.py                            2,000 series of three years by the week, pandas
    python benchmarks/demand.py --series 1000 --engine spark

Printed: seconds of the whole command, with the start of its server, the processor time that it used (on a busy machine
the better measure: divided by the cores it is about what an idle one takes), and the most memory that any one of its
processes and all together held (sampled). Spark's JVM counts as one.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from payments import Memory  # the benchmark beside this one

from tasks.cases.demand.sample import sample_sales
from tasks.platform.settings import settings

ROOT = Path(__file__).resolve().parents[1]
STORES = 20


def measure(series: int, engine: str, folder: Path) -> int:
    """Run the flow on so many series, and print what it took."""
    source = folder / "sales.csv"
    sample_sales(items=max(1, series // STORES), stores=STORES).frame.to_csv(source, index=False)
    environment = os.environ | {
        "CASEBOOK_HOME": str(folder / "home"),
        "CASEBOOK_OUTPUT": str(folder / "reports"),
        "CASEBOOK_TRACKING": "off",
        "CASEBOOK_SERVER_MINUTES": "0",
        "CASEBOOK_OFFLINE": "true",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, str(ROOT / "flows" / "demand.py"), "--source", str(source), "--engine", engine]
    memory, clock = Memory(), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - clock
    megabytes = memory.stop()
    if done.returncode:
        return done.returncode
    result = json.loads((Path(done.stdout.splitlines()[-1]).parent / "result.json").read_text())
    found = {item["name"]: item for item in result["metrics"]}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{series:,} series of 156 weeks, {engine}, {settings().threads} threads: {seconds:.0f} s,"
        f" {used.ru_utime + used.ru_stime:.0f} s of processor time; largest process"
        f" {memory.largest / 2**20:,.0f} MB, all together {megabytes:,.0f} MB"
    )
    for name, item in found.items():
        print(f"  {name} {item['value']:.2f} (baseline {item['baseline']:.2f})")
    for item in sorted(result["stages"], key=lambda item: -item["seconds"])[:8]:
        print(f"  {item['name']} {item['seconds']:.0f} s")
    return 0


def main() -> int:
    """Measure one size on one engine."""
    parser = argparse.ArgumentParser(description="Time and memory of thousands of series.")
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--engine", choices=("pandas", "spark"), default="pandas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(options.series, options.engine, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
