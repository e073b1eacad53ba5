"""What do millions of lines say, read on one machine? Blocks of lines through Arrow, written as they are cleaned.

Memory holds a block at a time, whatever the size of the file.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.payments.ingestion.amounts import cents_of
from tasks.cases.payments.ingestion.ledger import BUCKETS, Ledger
from tasks.cases.payments.ingestion.lines import (
    BLANKS,
    CONTROL,
    ISO_QUARTER,
    LONGEST_LINE,
    LONGEST_SHOWN,
    MOST_LISTED,
    PAIR,
    REASONS,
    US_QUARTER,
    Header,
    line_pattern,
    read_header,
)
from tasks.platform.errors import ContractError
from tasks.platform.progress import progress
from tasks.platform.stage import stage
from tasks.platform.text import shorten

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 32 * 2**20  # bytes read at a time
CODES = tuple(REASONS)


class Cleaned(NamedTuple):
    """Payments that could be read, how many lines could not be by `reason`, the first of those, and how many could."""

    rows: Ledger
    tally: pd.DataFrame
    quarantine: pd.DataFrame
    good: int


@stage(phase="Data understanding")
def clean_with_pandas(files: list[Path]) -> Cleaned:
    """Read and clean exports of vendor payments, block by block.

    Args:
        files: CSV files with the columns `NEEDED` and any others.

    Returns:
        The payments that can be read; `tally` with `reason` (a key of `REASONS`) and `lines`; and at most `MOST_LISTED`
        of the other lines as `path`, `reason`, `detail`.

    Raises:
        ContractError: a file lacks a column, or has no line breaks.
    """
    import pyarrow.parquet as pq

    ledger = Ledger.scratch()
    counts = np.zeros(len(CODES), np.int64)
    listed: list[tuple[str, str, str]] = []
    for number, file in enumerate(files):
        header = read_header(file)
        with pq.ParquetWriter(ledger.folder / f"part-{number:05}.parquet", _schema(), compression="zstd") as writer:
            for first, block in progress(_blocks(file), f"reading {file.name}", unit="block"):
                table, bad, lines, reasons = _cleaned(block, header)
                writer.write_table(table)
                ledger.rows += table.num_rows
                counts += np.bincount(reasons, minlength=len(CODES))
                for row, line, code in zip(bad[: MOST_LISTED - len(listed)], lines, reasons, strict=False):
                    listed.append(
                        (f"{file.name}, line {first + row:,}", REASONS[CODES[code]], shorten(line, LONGEST_SHOWN))
                    )
    tally = pd.DataFrame({"reason": CODES, "lines": counts})
    return Cleaned(ledger, tally, pd.DataFrame(listed, columns=["path", "reason", "detail"], dtype=object), ledger.rows)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    fields = {"quarter": pa.int32(), "department": pa.string(), "vendor": pa.string(), "name": pa.string()}
    return pa.schema({**fields, "account": pa.string(), "cents": pa.int64(), "bucket": pa.uint8()})


def _blocks(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number of a block's first line (from 1), and the block: whole lines."""
    number = 1
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            rest = stream.readline(BLOCK)
            if len(rest) == BLOCK and not rest.endswith(b"\n"):
                raise ContractError(
                    f"{file.name} has no line break for {BLOCK / 2**20:.0f} MB after line {number:,}; give a CSV file."
                )
            yield number, block + rest
            number += (block + rest).count(b"\n")


class _Block(NamedTuple):
    table: "pa.Table"
    bad: list[int]
    lines: list[str]
    reasons: np.ndarray


def _cleaned(block: bytes, header: Header) -> _Block:
    """Part the lines of a block into a table of payments and those that cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lines, encoded = _lines(block)
    skipped = np.asarray(pc.or_(pc.equal(pc.binary_length(lines), 0), pc.equal(lines, header.text)))
    reason = np.full(len(lines), -1, np.int8)
    _mark(reason, "long", np.asarray(pc.greater(pc.binary_length(lines), LONGEST_LINE)))
    _mark(reason, "encoding", ~encoded)
    _mark(reason, "control", np.asarray(pc.match_substring_regex(lines, CONTROL)))
    _mark(reason, "fields", ~_well_formed(lines, header.fields))
    usable = np.flatnonzero((reason < 0) & ~skipped)
    table, reason[usable] = _payments(lines.take(pa.array(usable)), header)
    bad = np.flatnonzero((reason >= 0) & ~skipped)
    return _Block(table, bad.tolist(), lines.take(pa.array(bad)).to_pylist(), reason[bad])


def _mark(reason: np.ndarray, name: str, broken: np.ndarray) -> None:
    """Give rows that have no reason yet this one where they are broken."""
    reason[(reason < 0) & broken] = CODES.index(name)


def _lines(block: bytes) -> tuple["pa.Array", np.ndarray]:
    """Return the lines of a block without their ends, and which of them are UTF-8."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = pc.split_pattern(pa.array([block], pa.large_binary()), "\n").flatten()
    encoded = np.ones(len(raw), bool)
    try:
        text = raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        decoded = [line.decode("utf-8", "replace") for line in raw.to_pylist()]
        text = pa.array(decoded, pa.large_string())
        encoded = np.asarray(pc.equal(text.cast(pa.large_binary()), raw))
    return pc.utf8_ltrim(pc.utf8_rtrim(text, "\r"), "\ufeff"), encoded


def _well_formed(lines: "pa.Array", fields: int) -> np.ndarray:
    """Tell which lines have so many fields; the costly pattern is for lines with quotation marks only."""
    import pyarrow as pa
    import pyarrow.compute as pc

    good = np.array(pc.equal(pc.count_substring(lines, ","), fields - 1))
    quoted = np.flatnonzero(
        pc.and_(pc.match_substring(lines, '"'), pc.less_equal(pc.binary_length(lines), LONGEST_LINE))
    )
    paired = pc.replace_substring(lines.take(pa.array(quoted)), '""', PAIR)
    good[quoted] = np.asarray(pc.match_substring_regex(paired, line_pattern(fields)))
    return good


def _parsed(lines: "pa.Array", header: Header) -> "pa.Table":
    """Return the needed columns of well-formed lines as text; all but the amount as dictionaries."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    buffer = pc.binary_join(whole, pa.scalar("\n", pa.large_string()))[0].as_buffer()
    names = [str(place) for place in range(header.fields)]
    places = {key: str(place) for key, place in header.places.items()}
    kinds = {place: pa.dictionary(pa.int32(), pa.string()) for place in places.values()}
    table = csv.read_csv(
        pa.BufferReader(buffer),
        csv.ReadOptions(column_names=names, use_threads=True),
        csv.ParseOptions(ignore_empty_lines=False),
        csv.ConvertOptions(
            include_columns=list(places.values()),
            column_types={**kinds, places["amount"]: pa.string()},
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    return table.rename_columns(list(places)).unify_dictionaries().combine_chunks()


def _payments(lines: "pa.Array", header: Header) -> tuple["pa.Table", np.ndarray]:
    """Return the payments of well-formed lines, and the reason of each line (-1: it is a payment)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    reason = np.full(len(lines), -1, np.int8)
    if not len(lines):
        return _schema().empty_table(), reason
    parsed = _parsed(lines, header)
    quarter = _translated(parsed["quarter"], _quarters, pa.int32())
    names = {
        key: _translated(parsed[key], _trimmed, pa.string()) for key in ("department", "vendor", "name", "account")
    }
    bucket = _translated(parsed["vendor"], _buckets, pa.uint8())
    cents, problems = cents_of(pc.utf8_trim(parsed["amount"].combine_chunks(), BLANKS))
    _mark(reason, "quarter", np.asarray(pc.equal(quarter, 0)))
    _mark(reason, "department", np.asarray(pc.equal(names["department"], "")))
    _mark(reason, "vendor", np.asarray(pc.equal(names["vendor"], "")))
    for name, broken in problems.items():
        _mark(reason, name, broken)
    columns = {"quarter": quarter, **names, "cents": pa.array(cents), "bucket": bucket}
    return pa.table(columns, schema=_schema()).filter(pa.array(reason < 0)), reason


def _translated(
    column: "pa.ChunkedArray", translate: Callable[["pa.Array"], "pa.Array"], kind: "pa.DataType"
) -> "pa.Array":
    """Translate a column of dictionaries by translating each distinct text once."""
    import pyarrow as pa

    parts = [translate(chunk.dictionary).cast(kind).take(chunk.indices) for chunk in column.chunks]
    return pa.concat_arrays(parts)


def _trimmed(texts: "pa.Array") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.utf8_trim(texts, BLANKS)


def _quarters(texts: "pa.Array") -> "pa.Array":
    """Return year * 4 + 0 to 3 for the last days of quarters, 0 for any other text."""
    import pyarrow as pa

    return pa.array([quarter_number(text) for text in _trimmed(texts).to_pylist()], pa.int32())


def quarter_number(text: str) -> int:
    """Return year * 4 + 0 to 3 for a text that is the last day of a quarter, else 0."""
    if found := re.search(US_QUARTER.replace(r"\z", r"\Z"), text):
        month, year = int(found[1].split("/")[0]), int(found[2])
    elif found := re.search(ISO_QUARTER.replace(r"\z", r"\Z"), text):
        month, year = int(found[2].split("-")[0]), int(found[1])
    else:
        return 0
    return year * 4 + month // 3 - 1


def _buckets(texts: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    return pa.array([zlib.crc32(text.encode()) % BUCKETS for text in _trimmed(texts).to_pylist()], pa.uint8())
