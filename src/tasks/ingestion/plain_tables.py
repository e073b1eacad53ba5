"""How do people save tables? Any mark, encoding, decimal sign, Excel, Parquet, any names: a plain CSV is made of it.

The readers of the cases know one form: comma-separated values in UTF-8 with a point as the decimal sign, and columns by
their publisher's names. A file that has it is read as it is. Of any other a copy is written that has it, into the cache
folder under the digest of what it is made from. What can be meant in two ways is asked for: nothing is guessed.
"""

import gzip
import hashlib
import io
import json
import re
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import pandas as pd

from tasks.ingestion.csv_text import read_strictly, split_line
from tasks.ingestion.encodings import decoded
from tasks.ingestion.numbers import decimal_comma, is_numeric, without_comma
from tasks.ingestion.workbooks import parquet_columns, sheets
from tasks.ingestion.zip_members import is_gzip, unpacked
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.settings import settings
from tasks.platform.storage import Folder
from tasks.platform.store import digest_file
from tasks.platform.text import shorten

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
MARKS = ",;\t|"
MOST_BYTES = 2**30  # of a file that has to be made plain
LOOKED_AT = 2**20  # bytes that tell encoding, mark and header
PREAMBLE = 60  # rows in which the header is looked for
CLOSE = 0.6  # likeness from which a name is offered as a guess
FORMAT = 2  # of the copies


@dataclass(frozen=True)
class Wanted:
    """The columns that a case reads."""

    needed: Sequence[str] = ()
    others: Sequence[str] = ()  # may be missing
    loose: bool = False  # the reader finds a name whatever its case, blanks and signs
    packed: bool = False  # the reader unpacks gzip
    by_line: bool = False  # the reader puts lines aside that are no UTF-8
    marks: str = ","  # between columns, that the reader knows
    remedy: str = ""  # what to give instead, the end of a sentence

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*self.needed, *self.others]


def bare(name: str) -> str:
    """Return a name without what people write differently: case, blanks, signs."""
    return re.sub(r"[\W_]", "", name.lower())


def parse_columns(text: str, wanted: Wanted) -> dict[str, str]:
    """Read `Revenue=Revenue (Millions),Title=Name`: our name -> theirs, which may hold commas and equal signs.

    Raises:
        UsageError: it is not written like that, or names a column that the case does not read.
    """
    if not text.strip():
        return {}
    ours = "|".join(re.escape(name) for name in sorted(wanted.names, key=len, reverse=True))
    marks = list(re.finditer(rf"(?:^|,)\s*({ours})\s*=", text, re.IGNORECASE))
    if not ours or not marks or marks[0].start():
        raise UsageError(
            f"--columns {shorten(text, 100)}: write OURS=THEIRS, parted by commas; ours may be"
            f" {', '.join(wanted.names) or 'none in this case'}."
        )
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    spelled = {name.lower(): name for name in wanted.names}
    found = [(spelled[mark[1].lower()], text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]
    if twice := [name for name, theirs in found if not theirs or [ours for ours, _ in found].count(name) > 1]:
        raise UsageError(f"--columns {shorten(text, 100)}: {twice[0]} is to be one column.")
    return dict(found)


def made_from(file: Path, made_of: str) -> Folder:
    """Return the cache's folder of what is made of a file, one for each content and each `made_of`: by whom and how."""
    digest = hashlib.sha256(f"{made_of} {digest_file(file)}".encode()).hexdigest()[:24]
    return Folder(str(settings().cache_folder / "tables" / digest))


def plain(file: Path, wanted: Wanted, columns: Mapping[str, str]) -> Path:
    """Return a file as the case's reader takes it: itself, or a copy of it.

    Args:
        file: a table of the user's own.
        wanted: the columns that the case reads.
        columns: our name -> the name in the file, of those that are called otherwise.

    Raises:
        ContractError: no table, one that is too large, or a column that is needed is not found; the sentence says
            how to name it.
    """
    if not columns and _is_plain(file, wanted):
        return file
    place = made_from(file, f"plain {FORMAT} {json.dumps([dict(columns), wanted.names])}")
    folder = Path(place.root)
    name = file.name if file.suffix.lower() == ".csv" else f"{file.name}.csv"
    if not (folder / name).is_file():
        table = _renamed(_table(file, wanted), file.name, wanted, columns)
        part = folder.with_name(f".{uuid.uuid4().hex}")
        part.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(part, index=False, lineterminator="\r\n")  # else a cell with a bare \r is not quoted
        place.put(part, name)
    return folder / name


def spelled_out(file: Path, remedy: str) -> str | None:
    """Return a workbook or Parquet file, known by how it begins, as the text of a CSV; None for any other file.

    For readers that look for the columns in a text themselves.

    Raises:
        ContractError: it is damaged, too large or holds no table; the sentence ends in `remedy`.
    """
    with file.open("rb") as stream:
        begins = stream.read(4)
    if begins == b"PAR1":
        table = pd.DataFrame(parquet_columns(file, file.name, remedy), dtype=str)
    elif begins == b"PK\x03\x04":
        table = _of_workbook(file, Wanted(), remedy)
    else:
        return None
    return table.to_csv(index=False, lineterminator="\r\n")


def _is_plain(file: Path, wanted: Wanted) -> bool:
    """Tell whether the case's reader can read a file as it is."""
    if file.suffix.lower() in (".xlsx", ".parquet"):
        return False
    packed = is_gzip(file)
    if packed and not wanted.packed:
        return False
    try:
        with gzip.open(file) if packed else file.open("rb") as stream:
            line = stream.readline(LOOKED_AT).decode("utf-8-sig").rstrip("\r\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return False
    called = bare if wanted.loose else str
    mark = _header([line], wanted)[1]
    there = {called(cell.strip().rstrip(";")) for cell in split_line(line, mark)}
    if mark not in wanted.marks or not there >= {called(name) for name in wanted.needed}:
        return False
    return packed or wanted.by_line or _is_utf8(file)


def _is_utf8(file: Path) -> bool:
    """Tell whether all of a file is UTF-8, a block at a time."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            while stream.read(LOOKED_AT):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _table(file: Path, wanted: Wanted) -> pd.DataFrame:
    """Return the cells of a table as text, whatever it is saved as."""
    remedy = wanted.remedy or "give a CSV with a header"
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{file.name} is larger than {MOST_BYTES / 2**20:,.0f} MB; save it as CSV in UTF-8.")
    if file.suffix.lower() == ".parquet":
        return pd.DataFrame(parquet_columns(file, file.name, remedy), dtype=str)
    if file.suffix.lower() == ".xlsx":
        return _of_workbook(file, wanted, remedy)
    return _of_text(unpacked(file, MOST_BYTES, file.name, remedy), file.name, wanted, remedy)


def _of_text(content: bytes, name: str, wanted: Wanted, remedy: str) -> pd.DataFrame:
    found = decoded(content)
    if found.problem:
        raise ContractError(f"{name} is no text that can be read ({found.problem[1]}); save it as UTF-8, or {remedy}.")
    lines = io.StringIO(found.text)
    head = [line.rstrip("\r\n") for line in islice(lines, PREAMBLE)]
    row, mark = _header(head, wanted)
    rest = found.text.split("\n", row)[row]
    table = read_strictly(
        io.BytesIO(rest.encode()), name, remedy, dtype=str, keep_default_na=False, na_filter=False, sep=mark
    )
    table = table.fillna("").rename(columns=lambda column: str(column).strip())
    if table.columns.has_duplicates:
        return table
    numeric = [column for column in table.columns if is_numeric(table[column])]
    if decimal_comma([table[column] for column in numeric]):
        table = table.assign(**{column: without_comma(table[column]) for column in numeric})
    return table


def _header(head: list[str], wanted: Wanted) -> tuple[int, str]:
    """Return the place of the header among the first lines, and the mark that parts its columns."""
    known = {bare(name) for name in wanted.names}
    best = (0, 0, 0, MARKS[0])
    for row, line in enumerate(head if known else head[:1]):
        for mark in MARKS:
            cells = split_line(line, mark)
            hits = len(known & {bare(cell) for cell in cells})
            if (hits, len(cells)) > best[:2] and (hits or row == 0):
                best = (hits, len(cells), row, mark)
    return best[2], best[3]


def _of_workbook(file: Path, wanted: Wanted, remedy: str) -> pd.DataFrame:
    """Return the sheet whose header names most of the wanted columns; the first one that holds anything otherwise."""
    known = {bare(name) for name in wanted.names}
    best: tuple[int, pd.DataFrame] | None = None
    for sheet in sheets(file, file.name, remedy):
        rows = [row for row in sheet if any(row)]
        if not rows:
            continue
        hits = [len(known & {bare(cell) for cell in row}) for row in rows[:PREAMBLE]]
        at = max(range(len(hits)), key=lambda place: (hits[place], -place))
        if best is None or hits[at] > best[0]:
            width = max(place for place, cell in enumerate(rows[at], 1) if cell)
            header = [cell or f"column {place}" for place, cell in enumerate(rows[at][:width], 1)]
            best = hits[at], pd.DataFrame([row[: len(header)] for row in rows[at + 1 :]], columns=header, dtype=str)
    if best is None:
        raise ContractError(f"{file.name} holds no table; {remedy}.")
    return best[1].fillna("")


def _renamed(table: pd.DataFrame, name: str, wanted: Wanted, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return a table whose columns have our names."""
    there = [str(column) for column in table.columns]
    if unknown := [theirs for theirs in columns.values() if theirs not in there]:
        raise ContractError(f"{name} has no column {unknown[0]!r} (there are {shorten(', '.join(there), 300)}).")
    given = {theirs: ours for ours, theirs in columns.items()}
    left = [column for column in there if column not in given]
    for ours in wanted.names:
        if ours in columns or ours in left:
            continue
        like = [column for column in left if bare(column) == bare(ours)]
        if len(like) == 1:
            given[like[0]] = ours
            left.remove(like[0])
    table = table.drop(columns=[ours for theirs, ours in given.items() if ours in there and ours not in given])
    table = table.rename(columns=given)
    if absent := [ours for ours in wanted.needed if ours not in table.columns]:
        raise ContractError(asked_for(name, absent, [column for column in left if column not in wanted.names], wanted))
    return table


def asked_for(name: str, absent: list[str], there: list[str], wanted: Wanted) -> str:
    """Say which columns are not found, with the parameter that names them filled in as far as it can be guessed."""
    guesses = {ours: _guess(ours, there) for ours in absent}
    filled = ",".join(f"{ours}={guess or '?'}" for ours, guess in guesses.items())
    plural = "s" if len(absent) > 1 else ""
    return (
        f"{name} lacks the column{plural} {', '.join(absent)} (there are {shorten(', '.join(there), 300)}); if they are"
        f' there by other names, say so by --columns "{filled}", or {wanted.remedy or "give another table"}.'
    )


def _guess(ours: str, there: list[str]) -> str:
    """Return the column that is most likely meant; empty where none is like it."""
    plainly = {bare(column): column for column in reversed(there)}
    for known, column in plainly.items():
        if known and (bare(ours) in known or known in bare(ours)):
            return column
    close = get_close_matches(bare(ours), list(plainly), 1, CLOSE)
    return plainly[close[0]] if close else ""
