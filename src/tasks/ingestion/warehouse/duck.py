"""How is a question answered on Parquet or CSV files of this machine? By DuckDB, which reads the columns it needs."""

import re
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tasks.ingestion.warehouse.question import Answer, Bill, Kind, Question, nothing_aside, renamed
from tasks.platform.errors import ContractError
from tasks.platform.scratch import scratch_folder
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.text import shorten

if TYPE_CHECKING:
    import duckdb

VIEW = "asked_rows"
MEMORY = "900MB"  # of DuckDB; what needs more goes to the scratch folder
MOST_LISTED = 200  # rows of the quarantine that are shown; all are counted
LONGEST = 300  # characters of an error that is shown
LONGEST_LINE = 1_000_000  # bytes of a line of CSV
CONFIG: dict[str, str | bool] = {
    "memory_limit": MEMORY,
    "autoinstall_known_extensions": False,  # nothing is fetched
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
# Each look at a file notes its lines anew.
REJECTED = """SELECT file_path AS file, line, any_value(error_message) AS detail
FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY file_path, line"""
CASTS: dict[Kind, str] = {
    "integer": 'CASE WHEN TRY_CAST("{0}" AS DOUBLE) % 1 = 0 THEN TRY_CAST(TRY_CAST("{0}" AS DOUBLE) AS BIGINT) END',
    "number": 'TRY_CAST("{0}" AS DOUBLE)',
    "text": "NULLIF(TRIM(CAST(\"{0}\" AS VARCHAR)), '')",
    "flag": 'TRY_CAST("{0}" AS BOOLEAN)',
}
AS_THEY_ARE: dict[Kind, frozenset[str]] = {
    "integer": frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}),
    "number": frozenset({"DOUBLE"}),
    "flag": frozenset({"BOOLEAN"}),
    "text": frozenset(),
}


@stage(phase="Data understanding")
def ask_files(files: list[Path], question: Question, remedy: str) -> Answer:
    """Answer a question on files.

    Args:
        files: Parquet or CSV with a header in UTF-8, all of one kind.
        question: what is asked.
        remedy: what to do about wrong files, the end of the error's sentence.

    Raises:
        ContractError: a file that cannot be read, or lacks a column.
    """
    import duckdb

    try:
        with duckdb.connect(config={**CONFIG, "threads": str(settings().threads)}) as base:
            base.execute("SET temp_directory = ?", [str(scratch_folder())])
            rejects = open_view(base, files, question, remedy)
            frame = base.execute(question.sql.format(rows=VIEW), question.values).df()
            aside = _aside(base, files, question, rejects)
            lost = _count(base, f"SELECT count(*) FROM ({REJECTED})") if rejects else 0  # noqa: S608 - ours
            rows = _count(base, f"SELECT count(*) FROM {VIEW}") + lost  # noqa: S608 - our own name
    except duckdb.Error as error:
        raise ContractError(f"{_names(files)} cannot be read ({_plain(error)}); {remedy}.") from None
    scanned, whole = bytes_in(files, question)
    bill = Bill(
        engine="DuckDB",
        rows=rows,
        rows_sent=len(frame),
        bytes_scanned=scanned,
        bytes_whole=whole,
        cost=0.0,
        cost_whole=0.0,
        lost=lost,
    )
    return Answer(frame, aside, bill)


def open_view(base: "duckdb.DuckDBPyConnection", files: list[Path], question: Question, remedy: str) -> bool:
    """Make the view of the asked columns, each of its kind; return whether lines that are no rows are noted.

    Raises:
        ContractError: a column is missing, or the files are of two kinds.
    """
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) > 1:
        raise ContractError(f"{_names(files)} are of two kinds ({', '.join(sorted(kinds))}); {remedy}.")
    if kinds == {".parquet"}:
        names = [_literal(file) for file in files]
        _asked_of(base.read_parquet(names, union_by_name=True), files, question, remedy).create_view(VIEW)
        return False
    tables = [_asked_of(_csv(base, file), [file], question, remedy) for file in files]
    reduce(lambda one, other: one.union(other), tables).create_view(VIEW)
    return True


def _csv(base: "duckdb.DuckDBPyConnection", file: Path) -> "duckdb.DuckDBPyRelation":
    """Return the cells of a CSV file as text; lines that are no rows are noted in `reject_errors`."""
    return base.read_csv(
        _literal(file),
        header=True,
        all_varchar=True,
        delimiter=",",
        quotechar='"',
        store_rejects=True,
        rejects_limit=0,
        max_line_size=LONGEST_LINE,
    )


def _asked_of(
    raw: "duckdb.DuckDBPyRelation", files: list[Path], question: Question, remedy: str
) -> "duckdb.DuckDBPyRelation":
    """Return the asked columns of a table, each of its kind.

    Raises:
        ContractError: a column is missing.
    """
    kept = renamed(list(raw.columns), question, _names(files), remedy)
    if question.called:
        raw = raw.project(", ".join(f"{_quoted(theirs)} AS {_quoted(ours)}" for theirs, ours in kept.items()))
    there = {name.lower(): str(kind) for name, kind in zip(raw.columns, raw.types, strict=True)}
    return raw.project(", ".join(_column(name, kind, there) for name, kind in question.columns.items()))


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _literal(file: Path) -> str:
    """Return a path as DuckDB takes it, which takes every name for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(file))


def _column(name: str, kind: Kind, there: dict[str, str]) -> str:
    if name not in there:
        empty = {"integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR", "flag": "BOOLEAN"}[kind]
        return f'CAST(NULL AS {empty}) AS "{name}"'
    if there[name] in AS_THEY_ARE[kind]:
        return f'"{name}"'
    return f'{CASTS[kind].format(name)} AS "{name}"'


def _aside(base: "duckdb.DuckDBPyConnection", files: list[Path], question: Question, rejects: bool) -> pd.DataFrame:
    """Return the first rows that cannot be used, with the reason of each."""
    parts = [nothing_aside()]
    if rejects:
        bad = base.execute(
            f"{REJECTED} ORDER BY file, line LIMIT ?",
            [MOST_LISTED],
        ).df()
        paths = [f"{Path(str(file)).name}, line {line}" for file, line in zip(bad["file"], bad["line"], strict=True)]
        parts.append(
            pd.DataFrame({"path": paths, "reason": "the line is no row of the table", "detail": bad["detail"]})
        )
    if question.broken:
        bad = base.execute(f"{question.broken.format(rows=VIEW)} LIMIT {MOST_LISTED}", question.broken_values).df()
        parts.append(bad.assign(path=_names(files))[["path", "reason", "detail"]])
    whole = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True).astype(object)
    return whole.assign(detail=[shorten(str(text), LONGEST) for text in whole["detail"]])


def bytes_in(files: list[Path], question: Question) -> tuple[int, int]:
    """Return the bytes that a question reads of files, and those that they have; of CSV every byte is read."""
    import pyarrow.parquet as pq

    read = {question.called.get(name, name).lower() for name in question.columns}
    scanned = whole = 0
    for file in files:
        size = file.stat().st_size
        whole += size
        if file.suffix.lower() != ".parquet":
            scanned += size
            continue
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            part = metadata.row_group(group)
            chunks = [part.column(number) for number in range(part.num_columns)]
            scanned += sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.lower() in read)
    return scanned, whole


def _count(base: "duckdb.DuckDBPyConnection", sql: str) -> int:
    found = base.execute(sql).fetchone()
    return int(found[0]) if found else 0


def _names(files: list[Path]) -> str:
    more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
    return f"{shorten(files[0].name, 80)}{more}"


def _plain(error: Exception) -> str:
    return shorten(str(error).partition("\n")[0], LONGEST).rstrip(".")
