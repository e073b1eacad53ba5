"""What is asked of a warehouse, and what does the answer cost? The records, nothing that asks.

A question is one text for every engine (GoogleSQL, DuckDB, Spark SQL): `{rows}` stands for the table, and each `?` for
one of the values, which travel beside the text and are never part of it.
"""

from typing import Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, Field

from tasks.ingestion.plain_tables import Wanted, asked_for
from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

GIB, TIB = 2**30, 2**40
LONGEST = 300  # characters of names that are shown
Kind = Literal["integer", "number", "text", "flag"]


class Question(BaseModel):
    """A query for any engine."""

    sql: str = Field(description="with {rows} for the table and ? for each value")
    values: list[int | float | str] = Field(description="in the order of their marks in the text")
    columns: dict[str, Kind] = Field(description="what it reads of the table, and nothing else")
    optional: list[str] = Field([], description="columns that may be missing; they are empty then")
    called: dict[str, str] = Field(
        {}, description="column -> its name in the files, of those that are called otherwise"
    )
    broken: str = Field("", description="the same way for rows that cannot be used: `reason`, `detail`; may be empty")
    broken_values: list[int | float | str] = Field([])


def renamed(there: list[str], question: Question, name: str, remedy: str) -> dict[str, str]:
    """Return what each column of a table (`there`, by its own name) is called in the question.

    Args:
        there: the table's columns.
        question: what is asked.
        name: of the files.
        remedy: what to do about wrong files, the end of the error's sentence.

    Raises:
        ContractError: a column is missing; the sentence shows how to name it.
    """
    if unknown := [theirs for theirs in question.called.values() if theirs not in there]:
        raise ContractError(f"{name} has no column {unknown[0]!r} (there are {shorten(', '.join(there), LONGEST)}).")
    theirs = {own: ours for ours, own in question.called.items()}
    kept = {own: theirs.get(own, own) for own in there if own in theirs or own.lower() not in question.called}
    known = {ours.lower() for ours in kept.values()}
    absent = [ours for ours in question.columns if ours not in known and ours not in question.optional]
    if absent:
        left = [own for own in there if own.lower() not in question.columns]
        raise ContractError(asked_for(name, absent, left, Wanted(list(question.columns), remedy=remedy)))
    return kept


class Prices(BaseModel):
    """What a warehouse takes, in US dollars."""

    scanned: float = Field(6.25, ge=0, description="per TiB that a query reads (on demand)")
    sent: float = Field(0.12, ge=0, description="per GiB that leaves the warehouse over the internet")
    least: int = Field(10 * 2**20, ge=0, description="bytes that a query is charged for at least")

    def query(self, scanned: int) -> float:
        """Return the price of a query that reads `scanned` bytes."""
        return max(scanned, self.least) * self.scanned / TIB

    def download(self, size: int) -> float:
        """Return the price of reading `size` bytes whole and sending them over the internet."""
        return self.query(size) + size * self.sent / GIB


class Bill(BaseModel):
    """What the answer took."""

    engine: str
    rows: int = Field(description="of the table")
    rows_sent: int = Field(description="of the answer")
    lost: int = Field(0, description="lines of files that are no rows")
    bytes_scanned: int
    bytes_whole: int = Field(description="of the table")
    cost: float = Field(description="US dollars that were charged")
    cost_whole: float = Field(description="US dollars that a full download would have cost")
    note: str = ""


class Answer(NamedTuple):
    """The answer of a warehouse."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail: the first rows that cannot be used, where the engine tells them
    bill: Bill


def nothing_aside() -> pd.DataFrame:
    """Return an empty quarantine."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in ("path", "reason", "detail")})


def bytes_of(count: float) -> str:
    """Return a number of bytes for people: 8.2 GB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def dollars(cost: float) -> str:
    """Return US dollars for people; small sums are not rounded to nothing."""
    return "$0" if cost == 0 else f"${cost:,.2f}" if cost >= 0.1 else f"${cost:.2g}"
