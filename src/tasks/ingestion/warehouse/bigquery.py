"""What would a question cost on BigQuery, may it cost that, and what is the answer? Only sums travel.

A table is asked in two steps. `estimate` looks it up, has the query estimated (a dry run, free), and refuses one that
would cost more than the cap. `ask_bigquery` runs it, with the cap as `maximum_bytes_billed` on the server too. Its key
holds the table with the time of its last change and not the estimate: a table that has not changed is paid once.
"""

import re
import time
from typing import TYPE_CHECKING, Annotated

import pandas as pd
from pydantic import BaseModel, Field

from tasks.ingestion.warehouse.faults import explained
from tasks.ingestion.warehouse.question import (
    TIB,
    Answer,
    Bill,
    Kind,
    Prices,
    Question,
    bytes_of,
    dollars,
    nothing_aside,
)
from tasks.platform.errors import CasebookError, ContractError, UsageError
from tasks.platform.google import bigquery_client
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import Unkeyed, stage
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.bigquery import Client, QueryJob, QueryJobConfig
    from google.cloud.bigquery.table import Table as Found

TABLE = re.compile(r"[a-z][a-z0-9-]{4,61}[a-z0-9]\.[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_-]{1,1024}", re.ASCII)
MOST_SENT = 2_000_000  # rows of an answer; what is more was not summed up
PAGE = 20_000  # rows of a page
RETRY_SECONDS = 60.0  # for a single request
POLL = (0.2, 3.0)  # seconds between two looks at a job: the first, and the longest
TYPES: dict[Kind, tuple[str, frozenset[str]]] = {
    "integer": ("INT64", frozenset({"INTEGER", "INT64"})),
    "number": ("FLOAT64", frozenset({"FLOAT", "FLOAT64", "INTEGER", "INT64"})),
    "text": ("STRING", frozenset({"STRING"})),
    "flag": ("BOOL", frozenset({"BOOLEAN", "BOOL"})),
}


class Table(BaseModel):
    """A table of BigQuery as it is now."""

    name: str = Field(description="project.dataset.table")
    modified: str = Field(description="when it was changed last")
    rows: int
    size: int = Field(description="bytes")
    absent: list[str] = Field(description="optional columns that it lacks")


class Limits(BaseModel):
    """What a query may take."""

    project: str = Field("", description="that is charged; that of the account when empty")
    cost: float = Field(0.25, ge=0, description="US dollars, at most")
    minutes: float = Field(10.0, gt=0, description="that are waited for the answer")
    prices: Prices = Prices()


class Estimate(BaseModel):
    """What a query would take."""

    table: Table
    scanned: int = Field(description="bytes")
    cost: float = Field(description="US dollars")


def table_name(text: str) -> str:
    """Return the name of a table, which goes into the text of the query.

    Raises:
        UsageError: it cannot be one.
    """
    if not TABLE.fullmatch(text):
        raise UsageError(f"{shorten(text, 100)!r} names no table of BigQuery; give bigquery:project.dataset.table.")
    return text


@stage(phase="Data understanding", live=True, retries=2)
def estimate(name: str, question: Question, limits: Limits) -> Estimate:
    """Look up a table and estimate what a question to it would cost; nothing is charged for that.

    Args:
        name: project.dataset.table.
        question: what would be asked.
        limits: what it may take.

    Raises:
        CasebookError: it would cost more than the cap, or BigQuery refuses.
        ContractError: the table lacks a column.
        TransientError: BigQuery cannot be reached at the moment.
    """
    name = table_name(name)
    client = bigquery_client(limits.project)
    with explained(name):
        table = described(client.get_table(name, retry=retrying(), timeout=_timeout()), name, question)
        scanned = _dry_run(client, sql_for(table, question), question)
        if not table.size:  # a view
            whole = _dry_run(client, f"SELECT * FROM `{name}`", None)  # noqa: S608 - checked by its pattern
            table = table.model_copy(update={"size": whole})
    cost = limits.prices.query(scanned)
    if cost > limits.cost:
        raise CasebookError(
            f"The query would read {scanned:,} bytes ({bytes_of(scanned)}) of {name} and cost {dollars(cost)}, more"
            f" than the {dollars(limits.cost)} of max_cost; nothing was run. Raise --max-cost if it is worth that."
        )
    return Estimate(table=table, scanned=scanned, cost=cost)


@stage(phase="Data understanding", retries=2)
def ask_bigquery(table: Table, question: Question, limits: Annotated[Limits, Unkeyed]) -> Answer:
    """Answer a question on a table of BigQuery.

    Args:
        table: as `estimate` found it.
        question: what is asked.
        limits: what it may take.

    Raises:
        CasebookError: the query failed, took too long, or would cost more than the cap.
        TransientError: BigQuery cannot be reached at the moment.
    """
    client = bigquery_client(limits.project)
    sql = sql_for(table, question)
    until = time.monotonic() + limits.minutes * 60
    with explained(table.name):
        config = _config(question)
        config.maximum_bytes_billed = max(
            limits.prices.least, int(limits.cost / max(limits.prices.scanned, 1e-9) * TIB)
        )
        job = client.query(sql, job_config=config, retry=retrying(), timeout=_timeout(), job_retry=None)
        _wait(job, until, limits.minutes)
        frame = _rows(job, until, limits.minutes)
    billed = int(job.total_bytes_billed or 0)
    bill = Bill(
        engine="BigQuery",
        rows=table.rows,
        rows_sent=len(frame),
        bytes_scanned=int(job.total_bytes_processed or 0),
        bytes_whole=table.size,
        cost=billed * limits.prices.scanned / TIB,
        cost_whole=limits.prices.download(table.size),
        note="answered from BigQuery's own cache, at no cost" if job.cache_hit else "",
    )
    return Answer(frame, nothing_aside(), bill)


def described(found: "Found", name: str, question: Question) -> Table:
    """Hold the columns of a table against those that a question reads.

    Raises:
        ContractError: a column is missing, or of another type.
    """
    there = {field.name.lower(): field.field_type for field in found.schema}
    absent = [column for column in question.columns if column not in there]
    if lacking := [column for column in absent if column not in question.optional]:
        raise ContractError(f"{name} has no column {', '.join(lacking)}; name a table with the columns of natality.")
    odd = [
        f"{column} ({there[column]})"
        for column, kind in question.columns.items()
        if column in there and there[column] not in TYPES[kind][1]
    ]
    if odd:
        raise ContractError(f"{name} has columns of other types than natality's: {', '.join(odd)}; name another table.")
    modified = found.modified.isoformat() if found.modified else ""
    return Table(name=name, modified=modified, rows=found.num_rows or 0, size=found.num_bytes or 0, absent=absent)


def sql_for(table: Table, question: Question) -> str:
    """Return the text of a question with the table in its place; columns that it lacks are empty."""
    name = f"`{table_name(table.name)}`"
    if table.absent:
        columns = [
            f"CAST(NULL AS {TYPES[kind][0]}) AS {column}" if column in table.absent else column
            for column, kind in question.columns.items()
        ]
        name = f"(SELECT {', '.join(columns)} FROM {name})"  # noqa: S608 - names of our own, and one checked
    return question.sql.format(rows=name)


def _config(question: Question | None) -> "QueryJobConfig":
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    kinds: dict[type, str] = {int: "INT64", float: "FLOAT64", str: "STRING"}
    values = question.values if question else []
    parameters = [ScalarQueryParameter(None, kinds[type(value)], value) for value in values]
    return QueryJobConfig(query_parameters=parameters, use_legacy_sql=False, labels={"application": "casebook"})


def _dry_run(client: "Client", sql: str, question: Question | None) -> int:
    """Return the bytes that a query would read."""
    config = _config(question)
    config.dry_run, config.use_query_cache = True, False
    job = client.query(sql, job_config=config, retry=retrying(), timeout=_timeout(), job_retry=None)
    return int(job.total_bytes_processed or 0)


def _wait(job: "QueryJob", until: float, minutes: float) -> None:
    """Wait until a job is done.

    Raises:
        CasebookError: it is not within the time; it is cancelled then, so that it does not go on to cost.
    """
    pause = POLL[0]
    while job.state != "DONE":
        if time.monotonic() > until:
            job.cancel(retry=None, timeout=_timeout())
            raise _too_slow(minutes, "; it was cancelled")
        time.sleep(pause)
        pause = min(pause * 1.5, POLL[1])
        job.reload(retry=retrying(), timeout=_timeout())
    error = job.exception(timeout=_timeout())
    if error:
        raise error


def _rows(job: "QueryJob", until: float, minutes: float) -> pd.DataFrame:
    """Fetch the answer of a job, page by page."""
    found = job.result(page_size=PAGE, retry=retrying(), timeout=_timeout(), job_retry=None)
    total = int(found.total_rows or 0)
    if total > MOST_SENT:
        raise CasebookError(f"The answer has {total:,} rows, more than {MOST_SENT:,}: it was not summed up.")
    rows = []
    for row in progress(found, "rows of the answer", total, "rows"):
        rows.append(row.values())
        if len(rows) % PAGE == 0 and time.monotonic() > until:
            raise _too_slow(minutes, " to arrive whole")
    if len(rows) != total:
        raise CasebookError(f"BigQuery sent {len(rows):,} of {total:,} rows of the answer; run again.")
    return pd.DataFrame.from_records(rows, columns=[field.name for field in found.schema])


def _too_slow(minutes: float, what: str) -> CasebookError:
    return CasebookError(
        f"The answer took BigQuery more than {minutes:g} minutes{what}; run again, or raise --minutes."
    )


def retrying() -> "Retry":
    """Return how a single request is asked again after a passing fault."""
    from google.cloud.bigquery import DEFAULT_RETRY

    found: Retry = DEFAULT_RETRY.with_timeout(RETRY_SECONDS)
    return found


def _timeout() -> float:
    return settings().network_timeout
