"""Which rows of a published CSV cannot be read, and on which line do they stand? Its columns as text, not yet typed."""

import csv
import io
import re
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

NUMBER = r"[+-]?([0-9]{1,15}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?"  # as programs print doubles
LONGEST_DETAIL = 200  # characters
MOST_COLUMNS = 10_000  # of a table: pandas makes an object of each


def read_text_columns(
    file: Path | IO[bytes], name: str, columns: Sequence[str], remedy: str, optional: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.Series]:
    """Read a CSV in UTF-8 as text.

    Args:
        file: the file; its other columns are left out, and its empty lines are no rows.
        name: of the file, for messages.
        columns: that are wanted, in this order.
        remedy: what to do about a wrong file, the end of the error's sentence.
        optional: columns that may be missing; they are then empty.

    Returns:
        The columns as text without blanks around it, an empty text where nothing stands; and the line on which each
        row starts: quoted texts may hold line breaks.

    Raises:
        ContractError: not a CSV file in UTF-8, or one without a column that is needed.
    """
    raw = read_strictly(file, name, remedy, dtype=str, keep_default_na=False, skip_blank_lines=False)
    raw = raw.assign(**{column: "" for column in optional if column not in raw.columns})
    absent = [column for column in columns if column not in raw.columns]
    if absent:
        there = shorten(", ".join(map(str, raw.columns)), 300)
        plural = "s" if len(absent) > 1 else ""
        raise ContractError(f"{name} lacks the column{plural} {', '.join(absent)} (there are {there}); {remedy}.")
    raw = raw.fillna("")
    breaks = sum((raw[column].str.count("\n") for column in raw.columns), pd.Series(0, index=raw.index))
    lines = (breaks.cumsum() - breaks + pd.RangeIndex(2, len(raw) + 2)).astype(int)
    raw = raw[list(columns)].apply(lambda column: column.str.strip())
    there_is = (raw != "").any(axis=1)
    return raw[there_is], lines[there_is]


def read_strictly(file: Path | IO[bytes], name: str, remedy: str, **options: Any) -> pd.DataFrame:
    """Read a CSV in UTF-8 with options of `pandas.read_csv`; a row with more values than columns is an error.

    Raises:
        ContractError: not a CSV file in UTF-8, or one of more than `MOST_COLUMNS` columns.
    """
    try:
        with warnings.catch_warnings(), ExitStack() as opened:
            # Without `index_col` rows longer than the header would move into other columns without a word.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            stream = opened.enter_context(file.open("rb")) if isinstance(file, Path) else file
            bounded: Any = _Bounded(stream, options.get("sep", ","), f"{name} holds", remedy)
            return pd.read_csv(bounded, encoding="utf-8-sig", index_col=False, **options)
    except (UnicodeDecodeError, pd.errors.ParserWarning, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        why = shorten(str(error).strip(), 200)
        raise ContractError(f"{name} is no table of comma-separated values in UTF-8 ({why}); {remedy}.") from error


class _Bounded(io.RawIOBase):
    """A CSV file whose first line that is not empty may have `MOST_COLUMNS` columns.

    Raises:
        ContractError: on reading one that has more.
    """

    def __init__(self, file: IO[bytes], mark: str, told: str, remedy: str) -> None:
        super().__init__()
        self._file, self._mark, self._told, self._remedy = file, mark.encode(), told, remedy
        self._marks, self._ended = 0, False

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`; return the number of bytes."""
        content = self._file.read(len(buffer))
        if not self._ended:
            start = content.lstrip(b"\xef\xbb\xbf\r\n") if not self._marks else content
            line, *rest = re.split(rb"[\r\n]", start, maxsplit=1)
            self._marks += line.count(self._mark)
            self._ended = bool(rest)
            if self._marks >= MOST_COLUMNS:
                raise ContractError(f"{self._told} more than {MOST_COLUMNS:,} columns; {self._remedy}.")
        buffer[: len(content)] = content
        return len(content)


def split_line(line: str, mark: str) -> list[str]:
    """Return the cells of a line that `mark` parts; none where a quotation mark has no end."""
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


def unreadable(raw: pd.DataFrame, lines: pd.Series, reasons: pd.Series, name: str) -> pd.DataFrame:
    """Return the quarantine of the rows that have a reason: `path`, `reason`, `detail`.

    Args:
        raw: the rows as text, (n, columns).
        lines: the line on which each starts, (n,).
        reasons: why a row cannot be read, (n,), empty where it can.
        name: of the file.
    """
    bad = reasons != ""
    table = {
        "path": [f"{name}, line {line}" for line in lines[bad]],
        "reason": reasons[bad].to_numpy(),
        "detail": [shorten(", ".join(row), LONGEST_DETAIL) for row in raw[bad].to_numpy().tolist()],
    }
    return pd.DataFrame(table, columns=["path", "reason", "detail"]).astype(str)
