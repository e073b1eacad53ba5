"""When is summing up payments a small problem, and when a big one? Time and memory by rows, engine beside engine.

    python benchmarks/payments.py                              10^4 to 10^7 rows: pandas, spark, polars, duckdb
    python benchmarks/payments.py --rows 10000 100000          these sizes only
    python benchmarks/payments.py --engines pandas duckdb      these engines only
    python benchmarks/payments.py --flow                       the whole flow on 1.6 and 16 million payments
    python benchmarks/payments.py --kinds 200                  single clouds in five shapes, planted kinds: what is told

Each engine reads the same Parquet file of cleaned payments and gives the same tables: payments, corrections and cents
by department and quarter, and by vendor with the median payment and the number of departments. The results are compared
to the cent. Every engine runs in a process of its own, one after the other, with the threads of the settings; it reads
and sums up three times, fewer where that takes over a minute. `first` is the first time, with what the engine needs to
warm up, but without its import or the start of its session, which is `start`; `best` is the best. Memory is the most
that the process and its children (Spark's Java) held at once above what they held before, sampled 20 times a second (on
Linux only). With `--flow` it is `flows/payments.py` that runs, from the making of the sample to the report, in an empty
home, and the memory of its largest process is told too. With `--kinds` no payments are summed up: vendors are drawn, in
eight numbers as the flow describes them, and what is told of kinds is counted (`--vendors` of them, in up to 8 kinds).
"""

import argparse
import importlib.util
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

import numpy as np
import pandas as pd

from tasks.platform.settings import settings

ENGINES = ("pandas", "spark", "polars", "duckdb")
FLOW_ROWS = (1_600_000, 16_000_000)
ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
REPEATS = 3
ENOUGH = 60.0  # seconds after which an engine is not asked again
CHUNK = 1_000_000
CELL, VENDOR = ["quarter", "department"], ["vendor"]
FLOW = Path(__file__).resolve().parents[1] / "flows" / "payments.py"
Aggregation = Callable[[], tuple[pd.DataFrame, pd.DataFrame]]

SQL_CELLS = """SELECT quarter, department, count(*) AS payments, count(*) FILTER (cents < 0) AS corrections,
 sum(cents) AS cents FROM payments GROUP BY quarter, department"""
SQL_VENDORS = """SELECT vendor, count(*) AS payments, sum(cents) AS cents, median(cents) AS median,
 count(DISTINCT department) AS departments FROM payments GROUP BY vendor"""


def write_rows(file: Path, rows: int) -> None:
    """Write `rows` cleaned payments as Parquet, a million at a time; at most 40,000 vendors, with 80 or more each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    vendors = pa.array([f"{number:010d}" for number in range(min(40_000, max(50, rows // 80)))])
    departments = pa.array([f"Department {number:02d}" for number in range(30)])
    writer = None
    for start in range(0, rows, CHUNK):
        chance, n = np.random.default_rng([7, start]), min(CHUNK, rows - start)
        cents = np.round(10 ** chance.normal(4.5, 1, n)).astype(np.int64) * np.where(chance.random(n) < 0.03, -1, 1)
        table = pa.table(
            {
                "quarter": pa.array(8040 + chance.integers(0, 40, n), pa.int32()),
                "department": departments.take(pa.array(chance.integers(0, 30, n))),
                "vendor": vendors.take(pa.array((len(vendors) * chance.random(n) ** 2).astype(np.int64))),
                "cents": cents,
            }
        )
        writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def with_pandas(file: Path) -> Aggregation:
    """Read with Arrow, names as categories, and group with pandas."""
    import pyarrow.parquet as pq

    def run() -> tuple[pd.DataFrame, pd.DataFrame]:
        table = pq.read_table(file, read_dictionary=["department", "vendor"]).unify_dictionaries().to_pandas()
        table["corrections"] = table["cents"] < 0
        cells = table.groupby(CELL, observed=True).agg(
            payments=("cents", "size"), corrections=("corrections", "sum"), cents=("cents", "sum")
        )
        grouped = table.groupby("vendor", observed=True)["cents"]
        people = grouped.agg(payments="size", cents="sum", median="median")
        pairs = table[["vendor", "department"]].drop_duplicates()
        people["departments"] = pairs.groupby("vendor", observed=True).size()
        return cells.reset_index(), people.reset_index()

    return run


def with_spark(file: Path) -> Aggregation:
    """Group with Spark SQL."""
    from tasks.platform.spark import local_path, spark_session

    session = spark_session()

    def run() -> tuple[pd.DataFrame, pd.DataFrame]:
        session.read.parquet(local_path(file)).createOrReplaceTempView("payments")
        cells = SQL_CELLS.replace("FILTER (cents < 0)", "FILTER (WHERE cents < 0)")
        return session.sql(cells).toPandas(), session.sql(SQL_VENDORS).toPandas()

    return run


def with_polars(file: Path) -> Aggregation:
    """Group with polars, lazily, on its streaming engine."""
    os.environ["POLARS_MAX_THREADS"] = str(settings().threads)
    import polars as pl

    def run() -> tuple[pd.DataFrame, pd.DataFrame]:
        table = pl.scan_parquet(file)
        cents = pl.col("cents")
        cells = table.group_by(CELL).agg(payments=pl.len(), corrections=(cents < 0).sum(), cents=cents.sum())
        people = table.group_by(VENDOR).agg(
            payments=pl.len(), cents=cents.sum(), median=cents.median(), departments=pl.col("department").n_unique()
        )
        found = pl.collect_all([cells, people], engine="streaming")
        frames = [pd.DataFrame(table.to_dict(as_series=False)) for table in found]
        return frames[0], frames[1]

    return run


def with_duckdb(file: Path) -> Aggregation:
    """Group with DuckDB."""
    import duckdb

    base = duckdb.connect()
    base.execute(f"SET threads = {settings().threads}")
    name = str(file).replace("'", "''")
    base.execute(f"CREATE VIEW payments AS SELECT * FROM read_parquet('{name}')")  # noqa: S608 - our own file
    cells = SQL_CELLS.replace("FILTER (cents < 0)", "FILTER (WHERE cents < 0)")

    def run() -> tuple[pd.DataFrame, pd.DataFrame]:
        return base.execute(cells).df(), base.execute(SQL_VENDORS).df()

    return run


class Memory:
    """The most memory that this process and its children hold, sampled in the background."""

    def __init__(self) -> None:
        self.before = self.most = sum(self._held())
        self.largest = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self._look()

    def _look(self) -> None:
        held = self._held()
        self.most, self.largest = max(self.most, sum(held)), max([self.largest, *held[1:]])

    @staticmethod
    def _held() -> list[int]:
        """Return the resident bytes of this process and of each of its descendants, as Linux tells them."""
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
        page = os.sysconf("SC_PAGE_SIZE")
        return [resident.get(os.getpid(), 0) * page, *(resident.get(one, 0) * page for one in family - {os.getpid()})]

    def stop(self) -> float:
        """Stop sampling; return the megabytes above what was held at the start."""
        self._end.set()
        self._thread.join()
        self._look()
        return (self.most - self.before) / 2**20


def measure(engine: str, file: Path) -> dict[str, Any]:
    """Measure one engine on one file, in this process."""
    memory = Memory()
    clock = time.perf_counter()
    run = {"pandas": with_pandas, "spark": with_spark, "polars": with_polars, "duckdb": with_duckdb}[engine](file)
    start = time.perf_counter() - clock
    seconds, digest = [], ""
    for _ in range(REPEATS):
        clock = time.perf_counter()
        cells, people = run()
        seconds.append(time.perf_counter() - clock)
        digest = fingerprint(cells, people)
        if sum(seconds) > ENOUGH:
            break
    megabytes = memory.stop()
    if engine == "spark":
        from tasks.platform.spark import stop_spark

        stop_spark()
    return {"start": start, "first": seconds[0], "best": min(seconds), "memory": megabytes, "digest": digest}


def fingerprint(cells: pd.DataFrame, people: pd.DataFrame) -> str:
    """Return what must be equal between engines: a digest of both tables, to the cent."""
    import hashlib

    total = hashlib.sha256()
    people = people.assign(median=(people["median"].astype(float) * 2).round().astype("int64"))
    wanted = (
        (cells, CELL, ["payments", "corrections", "cents"]),
        (people, VENDOR, ["payments", "cents", "median", "departments"]),
    )
    for table, keys, values in wanted:
        plain = table.astype(dict.fromkeys(keys, str) | dict.fromkeys(values, "int64"))
        total.update(plain.sort_values(keys)[[*keys, *values]].to_csv(index=False).encode())
    return total.hexdigest()


def _in_own_process(engine: str, file: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--measure", engine, "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{engine} failed on {file.name}:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def flow(engine: str, rows: int) -> None:
    """Run the whole flow, and print a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CASEBOOK_HOME": folder, "CASEBOOK_OUTPUT": f"{folder}/reports"}
        command = [sys.executable, str(FLOW), "--rows", str(rows), "--engine", engine]
        memory, clock = Memory(), time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds, megabytes = time.perf_counter() - clock, memory.stop()
        if done.returncode:
            raise SystemExit(f"the flow failed on {engine}:\n{done.stderr[-2000:]}")
        result = json.loads((Path(done.stdout.splitlines()[-1]).parent / "result.json").read_text("utf-8"))
        rand = next(item["value"] for item in result["metrics"] if item["name"] == "adjusted_rand")
    largest = memory.largest / 2**20
    print(f"| {rows:,} | {engine} | {seconds:.0f} | {megabytes:,.0f} | {largest:,.0f} | {rand:.3f} |", flush=True)


def clouds(chance: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Draw single clouds of n vendors in eight numbers, by shape."""
    mix = 0.6 * chance.standard_normal((8, 8)) + np.eye(8)
    normal = chance.standard_normal((n, 8))
    long = normal @ mix
    unit = long / long.std(axis=0)
    along = chance.uniform(-1, 1, (n, 1))
    counted = np.column_stack(
        [
            unit[:, :4],
            np.sqrt(np.maximum(0, unit[:, 4] - 0.8)),
            np.log10(1 + chance.poisson(np.exp(0.7 * unit[:, 5]))),
            np.clip(0.5 + 0.3 * unit[:, 6], 0, 1),
            np.round(unit[:, 7]),
        ]
    )
    return {
        "round, normal": normal,
        "correlated, normal": long,
        "skewed (lognormal)": np.exp(0.8 * unit),
        "heavy tails (t, 3 degrees, shared by all)": long / np.sqrt(chance.chisquare(3, (n, 1)) / 3),
        "curved (banana)": 0.3 * normal + np.hstack([2 * along, 2 * along**2, np.zeros((n, 6))]),
        "counts, shares, many zeros": counted,
    }


def told_kinds(draws: int, n: int, seed: int) -> None:
    """Count how often kinds are told of single clouds, and planted kinds are found; print tables."""
    from tasks.training.clusters import choose_clusters, standardised

    def told(space: np.ndarray) -> int:
        return choose_clusters(standardised(space), 8, thorough=False).judged.kinds

    chance, false = np.random.default_rng(seed), dict.fromkeys(clouds(np.random.default_rng(0), 50), 0)
    for _ in range(draws):
        for shape, space in clouds(chance, n).items():
            false[shape] += told(space) > 1
    print(f"| single cloud of {n} vendors | kinds told, of {draws} |\n|---|---:|")
    print("\n".join(f"| {shape} | {count} |" for shape, count in false.items()), flush=True)
    few = max(20, draws // 5)
    print(f"\n| planted kinds | apart, standard deviations | right number told, of {few} | any |\n|---|---:|---:|---:|")
    for k in (2, 3):
        for apart in (3.0, 4.0, 5.0, 6.0):
            found = []
            for _ in range(few):
                axes = np.linalg.qr(chance.standard_normal((8, 8)))[0][:k]
                space = chance.standard_normal((n, 8)) + apart / np.sqrt(2) * axes[chance.integers(0, k, n)]
                found.append(told(space))
            print(f"| {k} | {apart:g} | {found.count(k)} | {few - found.count(1)} |", flush=True)


def main() -> None:
    """Print the table of times and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=int, help="numbers of rows")
    parser.add_argument("--engines", nargs="+", choices=ENGINES)
    parser.add_argument("--flow", action="store_true", help="run the whole flow, with pandas and with Spark")
    parser.add_argument("--kinds", type=int, metavar="N", help="draw N single clouds of each shape, and planted kinds")
    parser.add_argument("--vendors", type=int, default=300, help="of each cloud")
    parser.add_argument("--seed", type=int, default=11, help="of the clouds")
    parser.add_argument("--measure", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.file)))
        return
    if asked.kinds:
        told_kinds(asked.kinds, asked.vendors, asked.seed)
        return
    if asked.flow:
        print("| rows | engine | seconds | memory, MB | largest process, MB | adjusted Rand |")
        print("|---:|---|---:|---:|---:|---:|")
        for rows in asked.rows or FLOW_ROWS:
            for engine in asked.engines or ENGINES[:2]:
                flow(engine, rows)
        return
    there = {
        name: name in {"pandas", "spark"} or importlib.util.find_spec(name) is not None
        for name in asked.engines or ENGINES
    }
    for name in [name for name, found in there.items() if not found]:
        print(f"{name} is not installed and is left out.", file=sys.stderr)
    print(f"{settings().threads} threads; Spark's memory {settings().spark_memory}\n")
    print("| rows | engine | start, s | first, s | best, s | memory, MB |\n|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows or ROWS:
            file = Path(folder) / f"payments-{rows}.parquet"
            write_rows(file, rows)
            digests = {}
            for engine in [name for name, found in there.items() if found]:
                got = _in_own_process(engine, file)
                digests[engine] = got["digest"]
                print(
                    f"| {rows:,} | {engine} | {got['start']:.2f} | {got['first']:.3f} | {got['best']:.3f} |"
                    f" {got['memory']:,.0f} |",
                    flush=True,
                )
            file.unlink()
            if len(set(digests.values())) > 1:
                raise SystemExit(f"The engines disagree on {rows:,} rows: {digests}")


if __name__ == "__main__":
    main()
