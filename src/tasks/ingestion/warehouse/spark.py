"""How is a question answered by Spark? On files, or on a table of BigQuery through Spark's connector.

The connector reads the asked columns over the Storage API into Spark, which sums up there. It is no part of Spark:
`spark.jars.packages` of SPARK_CONF_DIR names it (`CONNECTOR`), or it lies among the jars of Spark already.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd

from tasks.ingestion.warehouse.bigquery import Limits, Table, table_name
from tasks.ingestion.warehouse.duck import bytes_in
from tasks.ingestion.warehouse.question import TIB, Answer, Bill, Kind, Question, nothing_aside, renamed
from tasks.platform.errors import CasebookError, ContractError
from tasks.platform.google import account_info, bigquery_client
from tasks.platform.masking import mask_text
from tasks.platform.scratch import scratch_folder
from tasks.platform.spark import local_path, spark_session
from tasks.platform.stage import Unkeyed, stage
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

VIEW = "asked_rows"
CONNECTOR = "com.google.cloud.spark:spark-bigquery-with-dependencies_2.13"
STORAGE_READ = 1.10  # US dollars per TiB that the Storage API reads
TYPES: dict[Kind, str] = {"integer": "bigint", "number": "double", "text": "string", "flag": "boolean"}


@stage(phase="Data understanding", retries=2)
def ask_spark(files: list[Path], question: Question, remedy: str) -> Answer:
    """Answer a question on files.

    Args:
        files: Parquet or CSV with a header in UTF-8, all of one kind, on a path that every worker sees.
        question: what is asked.
        remedy: what to do about wrong files, the end of the error's sentence.

    Raises:
        ContractError: a file that cannot be read, or lacks a column.
    """
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) > 1:
        raise ContractError(f"The files are of two kinds ({', '.join(sorted(kinds))}); {remedy}.")
    session = spark_session()
    names = [local_path(file, pattern=True) for file in files]
    with _named(f"{shorten(files[0].name, 80)} cannot be read by Spark", remedy):
        if kinds == {".parquet"}:
            raw = session.read.option("mergeSchema", "true").parquet(*names)
        else:
            raw = session.read.options(header=True, enforceSchema=False, mode="PERMISSIVE").csv(names)
        kept = renamed(raw.columns, question, shorten(files[0].name, 80), remedy)
        if question.called:
            raw = raw.select(*[raw[f"`{theirs.replace('`', '``')}`"].alias(ours) for theirs, ours in kept.items()])
        answer, rows = _answered(raw, question, remedy)
    scanned, whole = bytes_in(files, question)
    bill = Bill(
        engine="Spark",
        rows=rows,
        rows_sent=len(answer),
        bytes_scanned=scanned,
        bytes_whole=whole,
        cost=0.0,
        cost_whole=0.0,
    )
    return Answer(answer, nothing_aside(), bill)


@stage(phase="Data understanding", retries=2)
def ask_connector(table: Table, question: Question, scanned: int, limits: Annotated[Limits, Unkeyed]) -> Answer:
    """Answer a question on a table of BigQuery, read by Spark's connector.

    Args:
        table: as `tasks.ingestion.warehouse.bigquery.estimate` found it, within the cap.
        question: what is asked.
        scanned: bytes of the asked columns, as estimated.
        limits: what it may take.

    Raises:
        CasebookError: Spark has no connector, or BigQuery refuses.
    """
    session = spark_session()
    with _key_file() as key:
        options = {
            "parentProject": bigquery_client(limits.project).project,
            "credentialsFile": str(key),
            "viewsEnabled": "false",
        }
        with _named(f"{table.name} cannot be read by Spark", "take --engine auto"):
            raw = session.read.format("bigquery").options(**options).load(table_name(table.name))
            frame, _ = _answered(raw, question, "name a table with the columns of natality", count=False)
    bill = Bill(
        engine="Spark's BigQuery connector",
        rows=table.rows,
        rows_sent=len(frame),
        bytes_scanned=scanned,
        bytes_whole=table.size,
        cost=scanned * STORAGE_READ / TIB,
        cost_whole=limits.prices.download(table.size),
        note="bytes as estimated by a dry run; the price is that of the Storage Read API",
    )
    return Answer(frame, nothing_aside(), bill)


def _answered(raw: "DataFrame", question: Question, remedy: str, count: bool = True) -> tuple[pd.DataFrame, int]:
    """Return the answer on the columns of `raw`, and how many rows there are."""
    there = {name.lower(): kind for name, kind in raw.dtypes}
    absent = [name for name in question.columns if name not in there and name not in question.optional]
    if absent:
        raise ContractError(f"No column {', '.join(absent)} (there are {shorten(', '.join(there), 300)}); {remedy}.")
    rows = raw.select(*[_column(name, kind, there) for name, kind in question.columns.items()])
    rows.createOrReplaceTempView(VIEW)
    try:
        answer = raw.sparkSession.sql(question.sql.format(rows=VIEW), args=question.values).toPandas()
        return answer, rows.count() if count else 0
    finally:
        raw.sparkSession.catalog.dropTempView(VIEW)


def _column(name: str, kind: Kind, there: dict[str, str]) -> "Column":
    from pyspark.sql import functions as sf

    if name not in there:
        return sf.lit(None).cast(TYPES[kind]).alias(name)
    column = sf.col(f"`{name}`")
    if there[name] == "string" and kind != "text":
        text = sf.btrim(column)
        if kind == "integer":
            number = text.try_cast("double")
            return sf.when(number % 1 == 0, number.cast("bigint")).alias(name)
        return text.try_cast(TYPES[kind]).alias(name)
    return column.cast(TYPES[kind]).alias(name)


@contextmanager
def _key_file() -> Iterator[Path]:
    """Keep the key of the service account in a file of its own as long as the connector reads it.

    Its content must be no option of Spark: options are shown in plans.
    """
    info, _ = account_info()
    handle, name = tempfile.mkstemp(dir=scratch_folder(), prefix="account-")  # only its owner reads it
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(info, file)
        yield Path(name)
    finally:
        Path(name).unlink()


@contextmanager
def _named(what: str, remedy: str) -> Iterator[None]:
    """Turn Spark's errors, those of its Java included, into one sentence.

    Raises:
        ContractError: what Spark said.
        CasebookError: it has no connector.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        said = str(error)
        if "DATA_SOURCE_NOT_FOUND" in said:
            raise CasebookError(
                f"Spark has no connector for BigQuery: name it in spark.jars.packages ({CONNECTOR}:VERSION) of"
                " SPARK_CONF_DIR/spark-defaults.conf, or take --engine auto."
            ) from None
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith("An error occurred")]
        first = shorten(mask_text(lines[0].lstrip(": ") if lines else type(error).__name__), 300).rstrip(".")
        raise ContractError(f"{what} ({first}); {remedy}.") from None
