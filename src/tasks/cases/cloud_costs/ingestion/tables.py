"""Where in a file is the table of costs? Text of any mark and encoding, gzip, Parquet and Excel, each with bounds.

An export may begin with lines about itself: the header is the first row that names a cost and a day. Nothing that a
file says of its own size is believed: what is unpacked is counted.
"""

import io
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tasks.cases.cloud_costs.ingestion.columns import is_header
from tasks.ingestion.csv_text import read_strictly, split_line
from tasks.ingestion.workbooks import MOST_ROWS, Sheet, parquet_columns, sheets
from tasks.ingestion.zip_members import unpacked
from tasks.platform.errors import ContractError

MOST_BYTES = 2**30  # of a text, unpacked
PREAMBLE = 60  # lines in which the header is looked for
REMEDY = "give a FOCUS export, or one of Azure Cost Management with days and costs"


class NoCostsError(ContractError):
    """A file that may be whole, and holds no table of costs."""


class Cells(NamedTuple):
    """A table as text: its header is the columns, and the first row of it stands on `line`."""

    frame: pd.DataFrame
    line: int


def read_cells(file: Path, name: str) -> list[Cells]:
    """Return the tables of costs of a file.

    Raises:
        NoCostsError: it holds no such table.
        ContractError: not a file of that kind, a damaged one, or one that is too large.
    """
    kind = "".join(file.suffixes[-2:]).lower()
    if kind.endswith(".xlsx"):
        return _of_workbook(file, name)
    if kind.endswith(".parquet"):
        return [_of_parquet(file, name)]
    return [_of_text(unpacked(file, MOST_BYTES, name, REMEDY), name)]


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _of_text(content: bytes, name: str) -> Cells:
    text = _decoded(content)
    if "\0" in text[:4096]:
        raise ContractError(f"{name} is no text; {REMEDY}.")
    head = io.StringIO(text)
    for number in range(PREAMBLE):
        line = head.readline()
        for mark in ",;\t|":
            if line and is_header(split_line(line, mark)):
                rest = io.BytesIO((line + head.read()).encode())
                raw = read_strictly(rest, name, REMEDY, dtype=str, keep_default_na=False, sep=mark, na_filter=False)
                if len(raw) > MOST_ROWS:
                    raise ContractError(f"{name} has more than {MOST_ROWS:,} rows; give it in parts.")
                return Cells(raw.fillna(""), number + 2)
    raise NoCostsError(f"{name} has no row that names a cost and a day within its first {PREAMBLE} lines; {REMEDY}.")


def _of_parquet(file: Path, name: str) -> Cells:
    columns = parquet_columns(file, name, REMEDY)
    if not is_header(list(columns)):
        raise NoCostsError(f"{name} has no columns that name a cost and a day; {REMEDY}.")
    return Cells(pd.DataFrame(columns, dtype=str), 1)


def _of_workbook(file: Path, name: str) -> list[Cells]:
    found = [table for sheet in sheets(file, name, REMEDY) if (table := _of_sheet(sheet))]
    if not found:
        raise NoCostsError(f"{name} has no sheet with a row that names a cost and a day; {REMEDY}.")
    return found


def _unique(names: list[str]) -> list[str]:
    """Return headings of which none is empty or comes twice."""
    return [name if name and name not in names[:place] else f"{name} ({place + 1})" for place, name in enumerate(names)]


def _of_sheet(sheet: Sheet) -> Cells | None:
    header: list[str] = []
    rows: list[list[str]] = []
    start = 0
    for number, cells in enumerate(sheet, 1):
        if header and any(cells):
            rows.append((cells + [""] * len(header))[: len(header)])
        elif not header and is_header(cells):
            last = max(place for place, cell in enumerate(cells) if cell)
            header, start = _unique(cells[: last + 1]), number + 1
        elif not header and number >= PREAMBLE:
            return None
    return Cells(pd.DataFrame(rows, columns=header, dtype=str), start) if header else None
