"""How long does the histogram of ten million births take, and how much memory, engine beside engine?

    python benchmarks/births.py                       10 million rows: DuckDB, pandas, Spark
    python benchmarks/births.py --rows 1000000        another size
    python benchmarks/births.py --engines duckdb      these engines only
    python benchmarks/births.py --whole               the flow's whole question (three groupings at once) by DuckDB

Each engine reads the same Parquet file, written by the sample's own code, and counts births by quarter pounds and by
group of the mother's age; the counts are compared to the last birth. Every engine runs in a process of its own; `start`
is its import or the start of its session, `first` the first time, `best` the best of three. Memory is the most that the
process and its children hold at once above what an empty Python holds (sampled 50 times a second, on Linux only).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINES = ("duckdb", "pandas", "spark")
ROWS = 10_000_000
REPEATS = 3
COLUMNS = ["weight_pounds", "mother_age"]
SQL = """SELECT LEAST(GREATEST(CAST(FLOOR(mother_age / 5) AS BIGINT), 3), 8) AS ages,
 CAST(FLOOR(weight_pounds / 0.25) AS BIGINT) AS bin, COUNT(*) AS births
FROM births WHERE weight_pounds BETWEEN 0.2 AND 20 AND mother_age BETWEEN 10 AND 60 GROUP BY 1, 2"""
Counts = Callable[[], list[tuple[int, int, int]]]


def with_duckdb(file: Path) -> Counts:
    import duckdb

    from tasks.ingestion.warehouse.duck import CONFIG
    from tasks.platform.settings import settings

    base = duckdb.connect(config={**CONFIG, "threads": str(settings().threads)})
    base.read_parquet(str(file)).create_view("births")
    return lambda: base.execute(SQL).fetchall()


def with_pandas(file: Path) -> Counts:
    import pandas as pd

    def run() -> list[tuple[int, int, int]]:
        frame = pd.read_parquet(file, columns=COLUMNS)
        good = frame[frame["weight_pounds"].between(0.2, 20) & frame["mother_age"].between(10, 60)]
        ages, bins = (good["mother_age"] // 5).clip(3, 8).astype(int), (good["weight_pounds"] // 0.25).astype(int)
        counts = good.groupby([ages, bins]).size()
        return [(*map(int, key), int(n)) for key, n in counts.items()]

    return run


def with_spark(file: Path) -> Counts:
    from tasks.platform.spark import local_path, spark_session

    session = spark_session()
    session.read.parquet(local_path(file)).createOrReplaceTempView("births")
    return lambda: [tuple(row) for row in session.sql(SQL).collect()]


def held() -> int:
    """Return the resident bytes of this process and its descendants."""
    parent: dict[int, int] = {}
    resident: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            resident[int(folder.name)] = int((folder / "statm").read_text().split()[1])
        except (OSError, IndexError):  # it ended in the meantime
            continue
    family = {os.getpid()}
    while more := {process for process, of in parent.items() if of in family} - family:
        family |= more
    return sum(resident.get(one, 0) for one in family) * os.sysconf("SC_PAGE_SIZE")


def measure(engine: str, file: Path) -> dict[str, Any]:
    """Measure one engine in this process."""
    before, most, end = held(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not end.wait(0.02):
            most = max(most, held())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    clock = time.perf_counter()
    run = {"duckdb": with_duckdb, "pandas": with_pandas, "spark": with_spark}[engine](file)
    start, seconds = time.perf_counter() - clock, []
    for _ in range(REPEATS):
        clock = time.perf_counter()
        counts = sorted(run())
        seconds.append(time.perf_counter() - clock)
    end.set()
    thread.join()
    if engine == "spark":
        from tasks.platform.spark import stop_spark

        stop_spark()
    return {
        "start": start,
        "first": seconds[0],
        "best": min(seconds),
        "memory": (most - before) / 2**20,
        "counts": counts,
    }


def whole(file: Path) -> None:
    """Ask DuckDB the flow's whole question, and print how long it took."""
    from tasks.cases.births.query import births_question
    from tasks.ingestion.warehouse.duck import ask_files

    question = births_question(1900, 2100)
    clock = time.perf_counter()
    told = ask_files.fn([file], question, "give others")
    seconds = time.perf_counter() - clock
    read = told.bill.bytes_scanned / told.bill.bytes_whole
    print(f"The whole question: {seconds:.1f} s, {told.bill.rows_sent:,} rows sent, {read:.0%} of the bytes read.")


def main() -> None:
    """Print the table of times and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--whole", action="store_true", help="the flow's whole question too, by DuckDB")
    parser.add_argument("--measure", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.file)))
        return
    from tasks.cases.births.sample import write_rows

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "births.parquet"
        write_rows(file, asked.rows)
        print(f"{asked.rows:,} births, {file.stat().st_size / 2**20:,.0f} MB of Parquet\n", flush=True)
        print("| engine | start, s | first, s | best, s | memory, MB |\n|---|---:|---:|---:|---:|")
        found = []
        for engine in asked.engines:
            command = [sys.executable, __file__, "--measure", engine, "--file", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{engine} failed:\n{done.stderr[-2000:]}")
            got = json.loads(done.stdout.splitlines()[-1])
            found.append(got["counts"])
            print(
                f"| {engine} | {got['start']:.2f} | {got['first']:.2f} | {got['best']:.2f} | {got['memory']:,.0f} |",
                flush=True,
            )
        if any(counts != found[0] for counts in found):
            raise SystemExit("The engines disagree.")
        if asked.whole:
            whole(file)


if __name__ == "__main__":
    main()
