"""Prices as anyone keeps them: a table of months and values. It becomes an export, which the case's reader knows."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pandas as pd

from tasks.cases.consumer_prices.ingestion.genesis import ENGLISH, MOST_ROWS, is_dated
from tasks.ingestion.plain_tables import LOOKED_AT, Wanted, made_from, plain
from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

REMEDY = "give a table with a column of months and one of values, or a CSV export of GENESIS"
WANTED = Wanted(["month", "value"], ["year"], remedy=REMEDY)
LINES = 200  # among which a row of an export stands
FORMAT = 1  # of the exports that are made

# 1990-01, 1990-01-31, 1990/1, 1990M01; 01/1990, 31.1.1990; 1990-Q1, Q1 1990. 3/1/1990 may be two months: not read.
_MONTH = re.compile(r"(\d{4})[-/. ]?M?(\d{1,2})(?:[-/.]\d{1,2}(?:[T ].*)?)?", re.IGNORECASE)
_TURNED = re.compile(r"(?:\d{1,2}\.)?(\d{1,2})[-/. ](\d{4})")
_QUARTER = re.compile(r"(\d{4})[-/. ]?Q([1-4])|Q([1-4])[-/. ]?(\d{4})", re.IGNORECASE)


def as_export(file: Path, columns: Mapping[str, str]) -> Path:
    """Return a file as the reader of exports takes it: itself, or a table of months and values written as one.

    Args:
        file: of the user's own.
        columns: month, value or year -> the column's name in the file, where that is another.

    Raises:
        ContractError: it is neither; the sentence shows how to name the columns.
    """
    if not columns and _is_export(file):
        return file
    table = pd.read_csv(plain(file, WANTED, columns), dtype=str, keep_default_na=False, usecols=_ours)
    place = made_from(file, f"prices {FORMAT} {sorted(columns.items())}")
    export = Path(place.root) / f"{file.stem}.csv"
    if not export.is_file():
        lines = [f";;{_cell(columns.get('value', 'value'))}", *(_row(*row) for row in _rows(table))]
        place.write_bytes(export.name, "\n".join([*lines, ""]).encode())
    return export


def _ours(name: str) -> bool:
    return name in WANTED.names


def _is_export(file: Path) -> bool:
    """Tell whether a row of an export stands among the first lines."""
    if file.suffix.lower() in (".xlsx", ".parquet"):
        return False
    with file.open(encoding="latin-1", newline=None) as stream:
        return any(is_dated(line) for line in islice(iter(lambda: stream.readline(LOOKED_AT), ""), LINES))


def _rows(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    if len(table) > MOST_ROWS:
        raise ContractError(f"The table has {len(table):,} rows, more than months of any series of prices; {REMEDY}.")
    years = table["year"] if "year" in table else pd.Series("", index=table.index)
    return list(zip(years, table["month"], table["value"], strict=True))


def _row(year: str, month: str, value: str) -> str:
    """Return a row of an export; a date that cannot be read stays, and the reader puts it aside."""
    when = f"{year.strip()}-{month.strip()}" if re.fullmatch(r"\d{4}", year.strip()) else month.strip()
    if found := _QUARTER.fullmatch(when):
        return f"{found[1] or found[4]};Quarter {found[2] or found[3]};{_cell(value)}"
    dated = found.groups() if (found := _MONTH.fullmatch(when)) else ("", "0")
    if turned := _TURNED.fullmatch(when):
        dated = (turned[2], turned[1])
    if 1 <= int(dated[1]) <= 12:
        return f"{dated[0]};{ENGLISH[int(dated[1]) - 1].capitalize()};{_cell(value)}"
    return f"{_cell(year)};{_cell(month)};{_cell(value)}"


def _cell(text: str) -> str:
    return shorten(re.sub(r"[;\"\r\n\0]", " ", text), 100).strip()
