"""Where are the payments, and which engine reads them? A sample of any size, or exports of the user's own."""

from pathlib import Path

import pandas as pd

from tasks.cases.payments.ingestion.lines import NEEDED
from tasks.cases.payments.ingestion.with_pandas import clean_with_pandas
from tasks.cases.payments.ingestion.with_spark import clean_with_spark, count_with_spark
from tasks.cases.payments.sample.payments import payments_writer
from tasks.ingestion.files import Data, Source, Ways, locate, noted
from tasks.ingestion.plain_tables import Wanted

SPARK_FROM = 8 * 2**30  # bytes, about 40 million rows: until there one machine without Spark is quicker
NO_PUBLIC = (
    "Vermont's export of vendor payments changes from day to day, so Casebook cannot pin it; export “Vermont Vendor"
    " Payments” of data.vermont.gov as CSV and give its path, or give its https address as the source."
)


WANTED = Wanted(
    list(NEEDED.values()),
    loose=True,
    by_line=True,
    remedy=f"give an export with the columns {', '.join(NEEDED.values())}",
)


def payment_ways(rows: int) -> Ways:
    """Return the ways to payments; the sample has `rows` rows."""
    return Ways(payments_writer(rows), several=True, no_public=NO_PUBLIC, wanted=WANTED)


def read_payments(source: str, rows: int, engine: str, columns: str = "") -> Data:
    """Find the payments of a source (`sample`, a file, folder or address), read and clean them with an engine.

    Args:
        source: what the user asked for.
        rows: of the sample.
        engine: pandas, spark or auto.
        columns: what the columns of the user's own tables are called.

    Returns:
        Their `frame` lies where the engine keeps it (see `engine_of`). `parts` holds the `tally` of lines that could
        not be read, by reason, and how many are `good`.

    Raises:
        UsageError: no such file, or `public`, which cannot be pinned.
        ContractError: a file lacks a column, or has no line breaks.
    """
    where = locate(source, payment_ways(rows), columns).load(Source)
    if choose_engine(engine, where.files) == "spark":
        frame = clean_with_spark(where.files)
        parts = count_with_spark(frame)
    else:
        parts = clean_with_pandas(where.files)
        frame = parts.rows
    lines = int(parts.good.load(int) + parts.tally.load(pd.DataFrame)["lines"].sum())
    return noted(Data(where, frame, parts.quarantine, parts, lines))


def choose_engine(engine: str, files: list[Path]) -> str:
    """Return the engine to use: `auto` takes Spark from `SPARK_FROM` bytes on."""
    if engine != "auto":
        return engine
    return "spark" if sum(file.stat().st_size for file in files) >= SPARK_FROM else "pandas"


def engine_of(data: Data) -> str:
    """Return the engine that has read the payments: Spark leaves a frame, pandas a ledger."""
    return "spark" if data.frame.kind == "frame" else "pandas"
