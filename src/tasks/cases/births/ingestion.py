"""Where are the births, which engine sums them up, and what did that take? Only sums leave the warehouse."""

from typing import Literal, NamedTuple

import pandas as pd

from tasks.cases.births.query import COLUMNS, REASONS, births_question
from tasks.cases.births.sample import births_writer
from tasks.ingestion.files import Data, Source, Ways, locate, noted
from tasks.ingestion.plain_tables import Wanted, parse_columns
from tasks.ingestion.warehouse.bigquery import Estimate, Limits, ask_bigquery, estimate, table_name
from tasks.ingestion.warehouse.duck import ask_files
from tasks.ingestion.warehouse.question import Bill, Question
from tasks.ingestion.warehouse.spark import ask_connector, ask_spark
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
from tasks.platform.store import Stored
from tasks.platform.text import shorten

PUBLIC = "bigquery-public-data.samples.natality"
MARK = "bigquery"
REMEDY = (
    "give Parquet or CSV files with the columns year, weight_pounds (pounds), mother_age (years), is_male and"
    " plurality, as in BigQuery's samples.natality"
)
NO_PUBLIC = (
    "The public original is a table of BigQuery, which cannot be pinned: give --source bigquery and a service account"
    " (a query of it costs some cents and is estimated first), or files with its columns."
)
NUMBERS = ["records", "births", "squares", "pounds", "pounds_squared", "low", "dated", "early"]
WHOLE = ["birth_year", "decade", "age", "age_group", "bin"]
TEXTS = ["broken", "sex", "plural", "birth_order", "smoker"]
MARKS = ["without_year", "without_sex", "without_bin"]


class Asked(NamedTuple):
    """What was read, and what it took."""

    data: Data
    bill: Stored


class Births(NamedTuple):
    """Births summed up, and those that cannot be used."""

    by_age: pd.DataFrame  # birth_year, age, and the sums (`NUMBERS`)
    by_cell: pd.DataFrame  # decade, age, sex, plural, birth_order, smoker, and the sums
    by_weight: pd.DataFrame  # decade, age_group, bin (lower end / `WIDTH`), and the sums
    tally: pd.DataFrame  # reason (a key of `REASONS`), records


def births_ways(rows: int) -> Ways:
    """Return the ways to births; the sample has `rows` of them."""
    return Ways(births_writer(rows), suffixes=(".parquet", ".csv"), several=True, no_public=NO_PUBLIC)


def read_births(
    source: str,
    engine: Literal["auto", "duckdb", "spark", "bigquery"],
    rows: int,
    years: tuple[int, int],
    state: str,
    limits: Limits,
    columns: str = "",
) -> Asked:
    """Sum up the births of a source where they lie.

    Args:
        source: sample, a file, folder or address, bigquery, or bigquery:project.dataset.table.
        engine: auto takes BigQuery for a table of it and DuckDB for files.
        rows: of the sample.
        years: the first and the last.
        state: two letters; all when empty.
        limits: what a query of BigQuery may take.
        columns: what the columns of the user's own files are called, as `parse_columns` reads it.

    Returns:
        The data, whose `frame` is the sums by year and age and whose `parts` are those of `Births`; and the bill.

    Raises:
        UsageError: the engine does not read the source; no such file.
        CasebookError: the query would cost more than the cap, or failed.
    """
    if years[0] > years[1]:
        raise UsageError(f"The years run from {years[0]} to {years[1]}; give the earlier one as --first-year.")
    called = parse_columns(columns, Wanted(list(COLUMNS), ["state"]))
    question = births_question(*years, state, called)
    of_table = source == MARK or source.startswith(f"{MARK}:")
    if engine == ("duckdb" if of_table else "bigquery"):
        raise UsageError(f"The engine {engine} does not read {shorten(source, 80)}; leave --engine at auto.")
    if called and (of_table or source == "sample"):
        raise UsageError("--columns is for files of your own; a table of BigQuery and the sample are read as they are.")
    if of_table:
        where, answer = _of_table(source, engine, question, limits)
    else:
        where = locate(source, births_ways(rows)).load(Source)
        answer = (ask_spark if engine == "spark" else ask_files)(where.files, question, REMEDY)
    parts = sort_answer(answer.frame, answer.bill)
    bill = answer.bill.load(Bill)
    return Asked(noted(Data(where, parts.by_age, answer.quarantine, parts, bill.rows)), answer.bill)


def _of_table(source: str, engine: str, question: Question, limits: Limits) -> tuple[Source, Stored]:
    """Ask a table of BigQuery; what it would cost is estimated first."""
    name = table_name(source.partition(":")[2] or PUBLIC)
    found = estimate(name, question, limits).load(Estimate)
    if engine == "spark":
        answer = ask_connector(found.table, question, found.scanned, limits)
    else:
        answer = ask_bigquery(found.table, question, limits)
    changed = found.table.modified[:16].replace("T", " ") or "at an unknown time"
    note = f"table {name} of BigQuery, last changed {changed}"
    return Source(
        name=f"bigquery-{name.rpartition('.')[2].lower()}", source=source, files=[], sha256="", note=note
    ), answer


@stage(phase="Data understanding")
def sort_answer(frame: pd.DataFrame, bill: Bill) -> Births:
    """Sort the rows of an answer by what they are summed up by, each column of its type.

    Args:
        frame: the answer of any engine to `births_question`.
        bill: with the lines that were no rows.

    Raises:
        ContractError: no birth is left.
    """
    if lacking := [name for name in [*TEXTS, *WHOLE, *MARKS, *NUMBERS] if name not in frame.columns]:
        raise ContractError(f"The answer lacks {', '.join(lacking)}; report this as a fault of Casebook.")
    frame = frame.astype(dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(NUMBERS, float) | dict.fromkeys(MARKS, int))
    good, broken = frame[frame["broken"] == ""], frame[(frame["broken"] != "") & (frame["without_year"] == 0)]
    if good.empty:
        raise ContractError(f"No birth of these years and this state can be used; {REMEDY}.")
    lines = {"line": bill.lost} | broken.groupby("broken")["records"].sum().to_dict()
    tally = pd.DataFrame({"reason": list(REASONS), "records": [int(lines.get(reason, 0)) for reason in REASONS]})
    return Births(
        _of(good, "without_year", ["birth_year", "age"]),
        _of(good, "without_sex", ["decade", "age", "sex", "plural", "birth_order", "smoker"]),
        _of(good, "without_bin", ["decade", "age_group", "bin"]),
        tally,
    )


def _of(frame: pd.DataFrame, mark: str, by: list[str]) -> pd.DataFrame:
    """Return the rows that are summed up by `by`, in their order."""
    part = frame.loc[frame[mark] == 0, [*by, *NUMBERS]]
    whole = {name: "int64" for name in by if name in WHOLE}
    return part.astype(whole).sort_values(by, ignore_index=True)
