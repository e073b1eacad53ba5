"""From how many rows on does Spark pay? Time and memory of the preparation of listings, engine by engine.

    python benchmarks/rentals.py                                    10,000 to 10,000,000 rows on all engines
    python benchmarks/rentals.py --rows 10000 --rows 100000         those sizes only
    python benchmarks/rentals.py --engines pandas,duckdb            those engines only
    python benchmarks/rentals.py --file listings.csv                your own listings in place of the sample

Every engine reads the same Parquet file, derives the numbers of the rentals case (distances, ages, what the name
tells by regular expressions), and adds up each column. The sums have to agree to nine digits, or the benchmark stops.
The listings are repeated under new ids until there are enough. Each measurement is a process of its own. The start of
the engine (imports, Java, a first small query) is not in the time, and is told beside it; the time is the better of
two. Memory is the most that the process and what it started had in use, the engine itself included.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.cases.rentals.evaluation.scaling import AGREE, CENTRE, repeated, with_pandas, with_spark
from tasks.cases.rentals.features.with_pandas import FIRST_DAY, KM_PER_DEGREE, NUMBERS, TOLD, WORDS
from tasks.platform.settings import settings
from tasks.training.cost import measured

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
BLOCK = 500_000  # rows written at a time
EAST = float(KM_PER_DEGREE * np.cos(np.radians(CENTRE[0])))


def with_polars(path: Path) -> np.ndarray:
    """Derive with Polars, lazily, in its streaming engine."""
    import polars as pl

    name, rate = pl.col("name").fill_null(""), pl.col("reviews_per_month")
    lower = name.str.to_lowercase()
    east, north = (pl.col("longitude") - CENTRE[1]) * EAST, (pl.col("latitude") - CENTRE[0]) * KM_PER_DEGREE
    columns = {
        "distance_km": (east * east + north * north).sqrt(),
        "host_listings": pl.col("calculated_host_listings_count"),
        "listing_number": pl.col("id") / 1e6,
        "host_number": pl.col("host_id") / 1e6,
        "months_listed": pl.when(rate > 0).then(pl.col("number_of_reviews") / rate),
        "last_review_days": (pl.col("last_review") - pl.lit(FIRST_DAY).str.to_datetime()).dt.total_days(),
        "reviewed": rate.is_not_null(),
        "name_length": name.str.len_chars(),
        "name_words": name.str.count_matches(" ", literal=True) + 1,
    }
    for told, pattern in TOLD.items():
        columns[told] = lower.str.extract(pattern, 1).cast(pl.Float64)
        columns[f"tells_{told}"] = lower.str.contains(pattern)
    columns |= {f"says_{word}": lower.str.contains(pattern) for word, pattern in WORDS.items()}
    chosen = [columns.get(column, pl.col(column)).cast(pl.Float64).sum().alias(column) for column in NUMBERS]
    return pl.scan_parquet(path).select(chosen).collect(engine="streaming").to_numpy()[0].astype(float)


def with_duckdb(path: Path) -> np.ndarray:
    """Derive with DuckDB."""
    import duckdb

    name, lower = "coalesce(name, '')", "lower(coalesce(name, ''))"
    east, north = f"((longitude - {CENTRE[1]}) * {EAST!r})", f"((latitude - {CENTRE[0]}) * {KM_PER_DEGREE})"
    sql = {
        "distance_km": f"sqrt({east} * {east} + {north} * {north})",
        "host_listings": "calculated_host_listings_count",
        "listing_number": "id / 1e6",
        "host_number": "host_id / 1e6",
        "months_listed": "CASE WHEN reviews_per_month > 0 THEN number_of_reviews / reviews_per_month END",
        "last_review_days": f"date_diff('day', DATE '{FIRST_DAY}', CAST(last_review AS DATE))",
        "reviewed": "reviews_per_month IS NOT NULL",
        "name_length": f"length({name})",
        "name_words": f"length({name}) - length(replace({name}, ' ', '')) + 1",
    }
    for told, pattern in TOLD.items():
        found = f"nullif(regexp_extract({lower}, '{pattern}', 1), '')"
        sql |= {told: found, f"tells_{told}": f"{found} IS NOT NULL"}
    sql |= {f"says_{word}": f"regexp_matches({lower}, '{pattern}')" for word, pattern in WORDS.items()}
    chosen = ", ".join(f"sum(CAST({sql.get(column, column)} AS DOUBLE)) AS {column}" for column in NUMBERS)
    with duckdb.connect(config={"threads": settings().threads}) as connection:
        rows = connection.execute(f"SELECT {chosen} FROM read_parquet('{path}')").fetchall()  # noqa: S608
    return np.array([0.0 if value is None else value for value in rows[0]], float)


ENGINES: dict[str, Callable[[Path], np.ndarray]] = {
    "pandas": with_pandas,
    "spark": with_spark,
    "polars": with_polars,
    "duckdb": with_duckdb,
}


def one(engine: str, path: Path, warm: Path) -> None:
    """Measure one engine in this process, and print the figures as JSON."""
    start = time.perf_counter()
    ENGINES[engine](warm)
    started = time.perf_counter() - start
    with measured() as first:
        sums = ENGINES[engine](path)
    with measured() as second:
        ENGINES[engine](path)
    seconds, peak = min(first.seconds, second.seconds), max(first.peak, second.peak)
    print(json.dumps({"seconds": seconds, "megabytes": peak, "start": started, "sums": sums.tolist()}), flush=True)
    if engine == "spark":
        from tasks.platform.spark import stop_spark

        stop_spark()


def write(frame: pd.DataFrame, rows: int, path: Path) -> None:
    """Write `rows` listings as Parquet, a block at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for start in range(0, rows, BLOCK):
        part = repeated(frame, min(BLOCK, rows - start), start)
        table = pa.Table.from_pandas(part, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def listings(file: Path | None) -> pd.DataFrame:
    from tasks.cases.rentals.ingestion.listings import read_listings
    from tasks.cases.rentals.sample import write_rentals

    with tempfile.TemporaryDirectory() as folder:
        if file is None:
            write_rentals(Path(folder))
        frame = read_listings.fn(file or Path(folder) / "listings.csv").frame
    return frame[frame["latitude"].between(-90, 90)].reset_index(drop=True)


def compare(frame: pd.DataFrame, sizes: list[int], engines: list[str]) -> int:
    print("| rows | engine | seconds | rows a second | memory MB | start s |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm.parquet"
        write(frame, 1000, warm)
        for rows in sizes:
            path, truth = Path(folder) / f"{rows}.parquet", None
            write(frame, rows, path)
            for engine in engines:
                command = [sys.executable, __file__, "--one", engine, str(path), str(warm)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
                    print(f"| {rows:,} | {engine} | failed: {last[:120]} | | | |", flush=True)
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                truth = truth or found["sums"]
                if not np.allclose(found["sums"], truth, rtol=AGREE):
                    print(f"{engine} differs on {rows:,} rows: {found['sums']} and {truth}", file=sys.stderr)
                    return 1
                print(
                    f"| {rows:,} | {engine} | {found['seconds']:.2f} | {rows / found['seconds']:,.0f} |"
                    f" {found['megabytes']:,.0f} | {found['start']:.1f} |",
                    flush=True,
                )
            path.unlink()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, action="append", help="number of rows; may be given several times")
    parser.add_argument("--engines", default=",".join(ENGINES), help="some of pandas,spark,polars,duckdb")
    parser.add_argument("--file", type=Path, help="listings.csv to repeat, in place of the sample")
    parser.add_argument("--one", nargs=3, metavar=("ENGINE", "FILE", "WARM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        os.environ["POLARS_MAX_THREADS"] = str(settings().threads)
        one(options.one[0], Path(options.one[1]), Path(options.one[2]))
        return 0
    engines = options.engines.split(",")
    if unknown := sorted(set(engines) - set(ENGINES)):
        parser.error(f"no engine {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    print(
        f"{platform.processor() or platform.machine()}, {settings().threads} threads, Python "
        f"{platform.python_version()}, Spark memory {settings().spark_memory}\n"
    )
    return compare(listings(options.file), options.rows or list(SIZES), engines)


if __name__ == "__main__":
    sys.exit(main())
