"""What is asked of a warehouse, and what does the answer cost? The records, nothing that asks.

A question is one text for every engine (GoogleSQL, DuckDB, Spark SQL): `{rows}` stands for the table, and each `?` for
one of the values, which travel beside the text and are never part of it.
"""

from typing import Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, Field

GIB, TIB = 2**30, 2**40
Kind = Literal["integer", "number", "text", "flag"]


class Question(BaseModel):
    """A query for any engine."""

    sql: str = Field(description="with {rows} for the table and ? for each value")
    values: list[int | float | str] = Field(description="in the order of their marks in the text")
    columns: dict[str, Kind] = Field(description="what it reads of the table, and nothing else")
    optional: list[str] = Field([], description="columns that may be missing; they are empty then")
    broken: str = Field("", description="the same way for rows that cannot be used: `reason`, `detail`; may be empty")
    broken_values: list[int | float | str] = Field([])


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
