"""What do the cells of an Excel workbook or a Parquet file say as text? Read with bounds; no size is believed."""

import contextlib
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

MOST_BYTES = 2**30  # of a Parquet file, unpacked
MOST_SHEET_BYTES = 128 * 2**20  # of all that a workbook unpacks to
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 2_000_000, 500, 20_000_000
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What openpyxl raises on a workbook that is damaged or hostile."""

Sheet = Iterator[list[str]]


def text_of(value: Any) -> str:
    """Return a typed value as the text that a CSV would hold."""
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT:
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False, default=str)
    return value.isoformat(" ") if hasattr(value, "isoformat") else str(value)


def _plain(value: Any) -> Any:
    """Return a nested value for JSON; Arrow gives a map as a list of pairs, whose keys may be anything."""
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return {text_of(key): _plain(item) for key, item in value}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def parquet_columns(file: Path, name: str, remedy: str) -> dict[str, list[str]]:
    """Return the columns of a Parquet file as text.

    Raises:
        ContractError: it is damaged or too large; the sentence ends in `remedy`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    too_much = ContractError(f"{name} holds more than {MOST_BYTES // 2**20:,} MB or {MOST_ROWS:,} rows; split it.")
    try:
        held = pq.ParquetFile(file)
        size = sum(held.metadata.row_group(group).total_byte_size for group in range(held.metadata.num_row_groups))
        if size > MOST_BYTES or held.metadata.num_rows > MOST_ROWS:
            raise too_much
        # A text that comes a million times stands once in the file: it is kept like that until its size is known.
        leaves = [held.schema.column(place) for place in range(len(held.schema))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        table = pq.ParquetFile(file, metadata=held.metadata, read_dictionary=texts).read()
        if sum(_unpacked_bytes(chunk) for column in table.columns for chunk in column.chunks) > MOST_BYTES:
            raise too_much
        if twice := [column for column, count in Counter(table.column_names).items() if count > 1]:
            raise ContractError(f"{name} has {shorten(twice[0], 80)!r} for the name of several columns; {remedy}.")
        columns = zip(table.column_names, table.columns, strict=True)
        return {str(column): [text_of(value) for value in values.to_pylist()] for column, values in columns}
    except RecursionError:
        raise ContractError(f"{name} has a column that is nested too deep; {remedy}.") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{name} is no whole Parquet file ({str(error)[:80]}); {remedy}.") from None


def _unpacked_bytes(array: Any) -> int:
    """Return how many bytes an Arrow array has once each of its texts stands for itself."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary.cast(pa.large_binary()))
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(array.type):
        return sum(_unpacked_bytes(part) for part in array.flatten())
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_map(array.type):
        inner = [array.keys, array.items] if pa.types.is_map(array.type) else [array.flatten()]
        return sum(_unpacked_bytes(part) for part in inner)
    return int(array.nbytes)


def sheets(file: Path, name: str, remedy: str) -> Iterator[Sheet]:
    """Yield the sheets of a workbook, each as an iterator of its rows; use one before you ask for the next.

    Raises:
        ContractError: it is damaged, or too large.
    """
    import openpyxl

    try:
        with zipfile.ZipFile(file) as archive:
            unpacked, inside = sum(item.file_size for item in archive.infolist()), archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError) as error:  # the latter of a version that nobody wrote
        raise ContractError(f"{name} is damaged ({str(error)[:80]}); fetch it again, or {remedy}.") from None
    if unpacked > MOST_SHEET_BYTES:
        raise ContractError(
            f"{name} unpacks to {unpacked / 2**20:,.0f} MB, at most {MOST_SHEET_BYTES // 2**20} are read."
        )
    if "[Content_Types].xml" not in inside:
        known = shorten(", ".join(inside[:3]) or "nothing", 80)
        raise ContractError(f"{name} is a zip archive and no workbook (in it: {known}); unpack it, or {remedy}.")
    with file.open("rb") as stream:  # by its name alone openpyxl refuses what is not called .xlsx
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        except DAMAGE as error:
            raise ContractError(f"{name} is no whole workbook ({type(error).__name__}); {remedy}.") from None
        with contextlib.closing(book):
            for sheet in book.worksheets:
                yield _rows(sheet, name, remedy)


def _rows(sheet: Any, name: str, remedy: str) -> Sheet:
    cells = 0
    try:
        for row in sheet.iter_rows(values_only=True, max_row=MOST_ROWS, max_col=MOST_COLUMNS):
            cells += len(row)
            if cells > MOST_CELLS:
                raise ContractError(f"{name} holds more than {MOST_CELLS:,} cells; give it in parts.")
            yield [text_of(value) for value in row]
    except DAMAGE as error:
        raise ContractError(f"{name} is no whole workbook ({type(error).__name__}); {remedy}.") from None
