"""What does an export of GENESIS say? Its table as a frame, read as the statistical offices publish it.

GENESIS is the database of the German statistical offices. Its exports are Latin-1 text with semicolons: a preamble of
any length, rows `year;month;value;...`, and after a line of underscores a footer. Months and quarters are German or
English, numbers have the comma or the point of that language (see `numbers.py` for those that do not), and a sign
stands where there is no number: `...` comes later, `.` unknown or confidential, `-` nothing, `/` not reliable, `x`
blocked.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel, Field

from tasks.cases.consumer_prices.ingestion.numbers import Mark, Reading, reading_of
from tasks.cases.consumer_prices.ingestion.numbers import number as number_of
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

MOST_BYTES = 50 * 2**20
MOST_ROWS = 200_000
LONGEST_LINE = 10_000  # characters
PLACEHOLDERS = {"...", "…", "..", ".", "-", "–", "—", "/", "x", "X", "( )", "()", ""}
GERMAN = (
    "januar",
    "februar",
    "märz",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "dezember",
)
ENGLISH = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
QUARTER = re.compile(
    r"(?:(?:q|quarter|quartal)\s*([1-4])|([1-4])\s*(?:\.|st|nd|rd|th)?\s*(?:quartal|vierteljahr|quarter|qtr))\.?"
)
YEAR = re.compile(r"(1[89]|20|21)\d\d")
FOOTER = ("©", "(c)", "(C)", "Stand:", "Stand ", "Copyright")
FULL_YEAR = re.compile(r"(ganzes )?jahr(esdurchschnitt|essumme)?|(annual|yearly)( average)?|year|insgesamt|total")


class GenesisTable(BaseModel):
    """What an export says about itself."""

    code: str = Field("", description="code of the table, such as 61111-0002")
    title: str = ""
    series: str = Field("", description="heading of the column that was read")
    columns: list[str] = Field([], description="headings of all value columns")
    per_year: int = Field(description="12 for months, 4 for quarters")
    decimals: int = Field(description="most digits after the decimal mark")
    language: str = Field(description="German or English")
    notes: list[str] = Field([], description="how numbers were read; the footer: source, licence, date of the export")
    skipped: int = Field(0, description="rows of whole years, which are no month and no quarter")
    placeholders: dict[str, int] = Field({}, description="how often each sign stands for a missing number")


class Export(NamedTuple):
    """An export as data."""

    prices: pd.DataFrame  # period (start of the month or quarter), value (NaN: missing), mark, line; by period
    quarantine: pd.DataFrame  # path, reason, detail
    table: GenesisTable


class Row(NamedTuple):
    """A line that speaks of a month or quarter."""

    line: int
    year: int
    part: int
    per_year: int
    cells: list[str]


class Dated(NamedTuple):
    """The month or quarter that a line is about."""

    year: int
    part: int  # 1 to `per_year`
    per_year: int  # 12, 4, or 0 for a line about a whole year
    language: str  # empty where the month is spelt the same in both


class Parsed(NamedTuple):
    """The parts of the file."""

    head: list[list[str]]
    rows: list[Row]
    notes: list[str]
    odd: list[tuple[int, str, str]]
    skipped: int
    german: int
    english: int


@stage(phase="Data understanding")
def read_genesis(files: list[Path], series: str = "", decimal: Mark = "auto") -> Export:
    """Read one column of an export.

    Args:
        files: the export, one file.
        series: (part of) the heading of the column to read; the first column of values when empty.
        decimal: the decimal mark; `auto` finds it in the column.

    Raises:
        ContractError: a file that is no such export, or too large.
        UsageError: no column, or more than one, has that heading, or the decimal mark cannot be told.
    """
    file = files[0]
    parsed = _parsed(_lines(file), file.name)
    columns = _headings(parsed)
    chosen = _chosen(columns, series, file.name)
    per_year = Counter(row.per_year for row in parsed.rows).most_common(1)[0][0]
    cells = [row.cells[chosen] for row in parsed.rows if len(row.cells) > chosen and row.per_year == per_year]
    cells = [cell for cell in cells if cell not in PLACEHOLDERS]
    same = parsed.german == parsed.english
    language = "German" if parsed.german > parsed.english or (same and "," in "".join(cells)) else "English"
    heading = f"{columns[chosen]} {_title(parsed.head)}"
    reading = reading_of(cells, heading, language, decimal, file.name)
    records, odd = _values(parsed, chosen, per_year, reading)
    frame = pd.DataFrame(records, columns=["period", "value", "mark", "line", "decimals"])
    frame = frame.astype({"value": "float64", "mark": str, "line": "int64", "decimals": "int64"})
    frame["period"] = pd.to_datetime(frame["period"]).astype("datetime64[us]")
    frame, repeated = _without_copies(frame.sort_values(["period", "line"], ignore_index=True))
    quarantine = pd.DataFrame(
        [(f"{file.name}, line {line}", reason, shorten(detail, 200)) for line, reason, detail in [*odd, *repeated]],
        columns=["path", "reason", "detail"],
    )
    table = GenesisTable(
        code=_code(parsed.head),
        title=_title(parsed.head),
        series=columns[chosen],
        columns=columns,
        per_year=per_year,
        decimals=int(frame["decimals"].max()) if len(frame) else 0,
        language=language,
        notes=[*([reading.why] if reading.why else []), *parsed.notes],
        skipped=parsed.skipped,
        placeholders=dict(Counter(mark or "(empty)" for mark in frame.loc[frame["value"].isna(), "mark"])),
    )
    return Export(frame.drop(columns="decimals"), quarantine, table)


def _lines(file: Path) -> list[str]:
    """Return the lines of a file that may be Latin-1 or UTF-8, with or without a byte-order mark."""
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{file.name}: {file.stat().st_size:,} bytes are no export of prices; give a smaller file.")
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = re.split(r"\r?\n", text) if "\n" in text else text.split("\r")
    return [line.replace("\r", " ") for line in lines]  # exports break a long title by a lone carriage return


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line[:LONGEST_LINE].replace("\0", "")], delimiter=";"), [])]


def _parsed(lines: list[str], name: str) -> Parsed:
    """Part the file into preamble, rows, footer, and lines among the rows that cannot be read."""
    head: list[list[str]] = []
    rows: list[Row] = []
    notes: list[str] = []
    odd: list[tuple[int, str, str]] = []
    languages: Counter[str] = Counter()
    skipped, year, ended = 0, 0, False
    for number, line in enumerate(lines, 1):
        cells = _cells(line)
        if not any(cells):
            continue
        dated = _dated(cells, year)
        ended = ended or bool(re.fullmatch(r"_{3,}", cells[0])) or (bool(rows) and cells[0].startswith(FOOTER))
        if dated is None and not rows:
            head.append(cells)
        elif ended and dated is None:
            notes += [shorten("; ".join(filter(None, cells)), 200)] if cells[0].strip("_") else []
        elif ended or dated is None:
            odd.append((number, "row after the footer" if ended else "no year, or no month or quarter", line))
        elif dated.per_year == 0:
            year, skipped = dated.year, skipped + 1
        else:
            year = dated.year
            languages[dated.language] += 1
            rows.append(Row(number, year, dated.part, dated.per_year, cells[2:]))
    if not 0 < len(rows) <= MOST_ROWS:
        raise ContractError(
            f"{name}: {len(rows):,} lines read `year;month;value`; export one table of prices from GENESIS as CSV, with"
            " years and months in the rows."
        )
    return Parsed(head, rows, notes, odd, skipped, languages["German"], languages["English"])


def is_dated(line: str) -> bool:
    """Tell whether a line is a row of an export: a year, a month or quarter, and at least one value."""
    found = _dated(_cells(line), 0)
    return bool(found and found.per_year)


def _dated(cells: list[str], year: int) -> Dated | None:
    """Return what a line's first two cells date it to, if anything; an empty year is that of the row above."""
    if len(cells) < 3:
        return None
    first, second = cells[:2] if not YEAR.fullmatch(cells[1]) else (cells[1], cells[0])
    first, second = first or (str(year) if year else ""), second.lower()
    if not YEAR.fullmatch(first):
        return None
    if FULL_YEAR.fullmatch(second):
        return Dated(int(first), 0, 0, "")
    if found := QUARTER.fullmatch(second):
        german = "quarter" not in second and "qtr" not in second and not second.startswith("q ")
        return Dated(int(first), int(found[1] or found[2]), 4, "German" if german else "English")
    return _month(int(first), second)


def _month(year: int, text: str) -> Dated | None:
    word = text.rstrip(".")
    for names, language in ((GERMAN, "German"), (ENGLISH, "English")):
        for number, name in enumerate(names, 1):
            short = {name[:3], name[:4], "mrz" if name == "märz" else name[:3], "maerz" if name == "märz" else name}
            if word == name or word in short:
                shared = word in GERMAN and word in ENGLISH
                return Dated(year, number, 12, "" if shared or len(word) <= 4 else language)
    return None


def _headings(parsed: Parsed) -> list[str]:
    """Return a heading for each column of values: what stands above it in the preamble."""
    width = max(max((i for i, cell in enumerate(row.cells, 1) if cell), default=0) for row in parsed.rows)
    above = [cells[2:] for cells in parsed.head if not cells[0] and any(cells[2:])]
    return [
        ", ".join(dict.fromkeys(cells[i] for cells in above if len(cells) > i and cells[i])) or f"column {i + 1}"
        for i in range(width)
    ]


def _chosen(columns: list[str], series: str, name: str) -> int:
    if not columns:
        raise ContractError(f"{name}: the rows hold no values; export the table with its values.")
    if not series:
        return 0
    exact = [i for i, heading in enumerate(columns) if heading.lower() == series.lower()]
    found = exact or [i for i, heading in enumerate(columns) if series.lower() in heading.lower()]
    if len(found) != 1:
        said = "no column" if not found else f"{len(found)} columns"
        there = "; ".join(shorten(heading, 80) for heading in columns[:10])
        raise UsageError(f"{name}: {said} of values with the heading {shorten(series, 80)!r}; choose one of: {there}.")
    return found[0]


def _values(
    parsed: Parsed, column: int, per_year: int, reading: Reading
) -> tuple[list[tuple[pd.Timestamp, float, str, int, int]], list[tuple[int, str, str]]]:
    records, odd = [], list(parsed.odd)
    for row in parsed.rows:
        text = row.cells[column] if len(row.cells) > column else ""
        if row.per_year != per_year:
            odd.append((row.line, "another frequency than most rows", f"{row.year}, {text}"))
            continue
        period = pd.Timestamp(row.year, (row.part - 1) * (12 // per_year) + 1, 1)
        if text in PLACEHOLDERS:
            records.append((period, float("nan"), text, row.line, 0))
        elif (found := number_of(text, reading)) is None:
            odd.append((row.line, "value cannot be read", f"{period:%Y-%m}: {text}"))
        else:
            records.append((period, found[0], "", row.line, found[1]))
    return records, odd


def _without_copies(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[int, str, str]]]:
    """Take out rows that say the same once more; rows that contradict each other stay, for the contract."""
    copies = frame.duplicated(["period", "value"])
    told = [
        (int(line), "the same month twice", f"{period:%Y-%m}: {value}")
        for line, period, value in frame.loc[copies, ["line", "period", "value"]].itertuples(index=False)
    ]
    return frame[~copies].reset_index(drop=True), told


def _texts(head: list[list[str]]) -> Iterator[str]:
    return (shorten("; ".join(filter(None, cells)), 200) for cells in head)


def _code(head: list[list[str]]) -> str:
    found = re.search(r"\d{5}-[0-9A-Za-z]+", " ".join(_texts(head)))
    return found[0] if found else ""


def _title(head: list[list[str]]) -> str:
    lines = [text for text in _texts(head) if not re.search(r"GENESIS|Tabelle:|Table:", text)]
    return lines[0] if lines else ""
