"""Which plays does a Last.fm export hold? Its lines as a table, whichever of the usual tools has written it.

Last.fm has no export of its own; people use half a dozen tools. Their files differ in the separator (comma, semicolon,
tab), in having a header or none, in the order and the names of the columns, and in how they write the moment:

    "1",2020-04-13 05:01:31,"Artist","Track","Album"              R, with header and row numbers
    Artist,Album,Track,13 Apr 2020 05:01                          lastfm-to-csv, no header
    uts,utc_time,artist,artist_mbid,album,album_mbid,track,...    mainstream.ghan.nl
    Artist;Album;AlbumId;Track;Date#user                          lastfmstats.com, milliseconds since 1970
    1586754091<tab>Track<tab>Artist<tab>Album<tab>...             lastexport.py, no header

R writes `NA` for an album that is missing, so no album here is called NA. The moment comes out in UTC. A line whose
moment cannot be read, or that has too few fields, goes to quarantine.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel

from tasks.cases.listening.ingestion.moments import read_moments
from tasks.ingestion.plain_tables import spelled_out
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

FIELDS = ("date", "artist", "track", "album")
NAMES = {
    "date": ("uts", "timestamp", "epoch", "date", "utc_time", "datetime", "time", "played_at", "scrobble time"),
    "artist": ("artist", "artist_name", "artist name", "artistname"),
    "track": ("track", "track_name", "track name", "title", "song", "name", "trackname"),
    "album": ("album", "album_name", "album name", "release", "albumname"),
}
LARGEST_FILE = 2**30  # bytes; some ten million plays
MISSING_ALBUM = "NA"
SNIFFED, HEAD = 50, 100_000  # records, and characters, that tell the layout
JUDGED = 20_000  # records that tell which column holds the artists
PLAINLY = 1.2  # as many times more tracks than albums, and albums than artists, there are at least


class Layout(BaseModel):
    """How a file is laid out: which field stands in which column."""

    separator: str
    header: bool
    columns: dict[str, int]

    def told(self) -> str:
        """Return the layout in words."""
        names = {"\t": "tab", ",": "comma", ";": "semicolon"}
        order = ", ".join(sorted(self.columns, key=lambda name: self.columns[name]))
        return f"{'with' if self.header else 'without'} header, {names[self.separator]}, columns {order}"


class Scrobbles(NamedTuple):
    """The plays of all files, and what could not be read."""

    frame: pd.DataFrame  # line, moment (UTC, no zone), artist, track, album (None where missing)
    quarantine: pd.DataFrame  # path, reason, detail
    layouts: list[str]  # one sentence a file
    records: int  # lines that hold anything, headers left out


@stage(phase="Data understanding")
def read_scrobbles(files: list[Path], columns: str = "", export_zone: str = "UTC") -> Scrobbles:
    """Read exports, in the order of the files and of their lines.

    Args:
        files: the exports; several may overlap.
        columns: what the columns of a file without header are, such as `artist,album,track,date`, with `-` for one
            that is not wanted; found out when empty.
        export_zone: the zone that times are written in where they bear none; Last.fm's own are in UTC.

    Raises:
        ContractError: a file is no export of plays, is too large, or says nothing about the order of day and month.
        UsageError: `columns` does not name date, artist and track once each.
    """
    wanted = _given_columns(columns)
    frames, quarantines, layouts, records = [], [], [], 0
    for file in files:
        frame, quarantine, layout, count = _read_file(file, wanted, export_zone)
        records += count
        frames.append(frame)
        quarantines.append(quarantine)
        layouts.append(f"{file.name}: {layout.told()}")
    quarantine = pd.concat(quarantines, ignore_index=True).astype("string")
    return Scrobbles(pd.concat(frames, ignore_index=True), quarantine, layouts, records)


def _given_columns(columns: str) -> dict[str, int]:
    """Read the parameter `columns`."""
    if not columns:
        return {}
    names = [name.strip().lower() for name in columns.split(",")]
    counts = Counter(name for name in names if name not in {"-", ""})
    odd = [name for name, count in counts.items() if name not in FIELDS or count > 1]
    odd += [name for name in FIELDS[:3] if name not in counts]
    if odd:
        raise UsageError(
            f"columns {shorten(columns, 80)!r}: {shorten(odd[0], 40)!r} is unknown, missing or there twice;"
            " name date, artist, track and, where there is one, album, in the file's order, and - for other columns."
        )
    return {name: names.index(name) for name in counts}


def _read_file(file: Path, wanted: dict[str, int], zone: str) -> tuple[pd.DataFrame, pd.DataFrame, Layout, int]:
    text = _text(file)
    layout = _layout(file, text, wanted)
    lines, rows, short, records = [], [], [], -int(layout.header)
    for number, record in _records(file, text, layout.separator):
        records += 1
        if layout.header and records == 0:
            continue
        if len(record) <= max(index for name, index in layout.columns.items() if name != "album"):
            short.append((number, record))
            continue
        lines.append(number)
        rows.append([_field(record, layout.columns.get(name)) for name in FIELDS])
    frame = pd.DataFrame(rows, columns=list(FIELDS), dtype=object)
    frame["album"] = frame["album"].mask(frame["album"].eq(MISSING_ALBUM), None)
    frame.insert(0, "line", [f"{file.name}, line {number}" for number in lines])
    frame["moment"] = read_moments(frame["date"], zone, file.name)
    unread = frame[frame["moment"].isna()]
    found = [(line, "the date cannot be read", _shown(date)) for line, date in unread[["line", "date"]].to_numpy()]
    found += [(f"{file.name}, line {number}", "too few fields", ", ".join(record)) for number, record in short]
    kept = frame.loc[frame["moment"].notna(), ["line", "moment", "artist", "track", "album"]].reset_index(drop=True)
    quarantine = [(path, reason, shorten(detail, 200)) for path, reason, detail in found]
    return kept, pd.DataFrame(quarantine, columns=["path", "reason", "detail"]), layout, records


def _shown(date: object) -> str:
    return f"date “{date or ''}”"


def _field(record: list[str], index: int | None) -> str | None:
    """Return a field without white space around it; None when it is empty or missing."""
    return (record[index].strip() or None) if index is not None and index < len(record) else None


def _text(file: Path) -> str:
    """Return the content of a file: a table of Excel or Parquet, UTF-8, or, where it is no UTF-8, Windows-1252."""
    if file.stat().st_size > LARGEST_FILE:
        raise ContractError(f"{file.name}: larger than {LARGEST_FILE:,} bytes; split the export and name its folder.")
    if (table := spelled_out(file, "give an export of plays, as CSV")) is not None:
        return table
    content = file.read_bytes()
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _records(file: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not empty, each with the number of the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    begin = 1
    try:
        for record in reader:
            if any(field.strip() for field in record):
                yield begin, record
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ContractError(
            f"{file.name}, line {begin}: cannot be read as a table ({error}); mend that line, and run again."
        ) from None


def _layout(file: Path, text: str, wanted: dict[str, int]) -> Layout:
    """Find out separator, header and columns from the first records."""
    head = text[:HEAD]
    best = max(("\t", ";", ","), key=lambda mark: _usual_width(file, head, mark))
    first = [record for _, record in zip(range(SNIFFED), (r for _, r in _records(file, head, best)), strict=False)]
    if not first:
        raise ContractError(f"{file.name}: the file is empty; export the plays again.")
    named = _by_header(first[0])
    if all(name in named for name in FIELDS[:3]):
        return Layout(separator=best, header=True, columns=named)
    columns = wanted
    if not columns:
        many = [record for _, record in zip(range(JUDGED), (r for _, r in _records(file, text, best)), strict=False)]
        columns = _by_content(file, many, best)
    if not columns:
        there = ", ".join(shorten(field, 40) or "(empty)" for field in first[0])
        raise ContractError(
            f"{file.name}: no columns for date, artist and track in its first line ({shorten(there, 300)}), and their"
            " content does not tell which is which; give an export of plays, or say what the columns are where it has"
            " no header, in the file's order and with - for others: --columns date,artist,track,album."
        )
    return Layout(separator=best, header=False, columns=columns)


def _usual_width(file: Path, head: str, mark: str) -> float:
    """Return how many fields a record usually has when `mark` separates them."""
    try:
        widths = [len(r) for _, (_, r) in zip(range(SNIFFED), _records(file, head, mark), strict=False)]
    except ContractError:
        return 0
    return Counter(widths).most_common(1)[0][0] if widths else 0


def _by_header(record: Sequence[str]) -> dict[str, int]:
    """Return the columns that a header names; the more exact of two columns of time."""
    names = [field.strip().lower().partition("#")[0] for field in record]
    found = {field: next((names.index(name) for name in known if name in names), -1) for field, known in NAMES.items()}
    return {field: index for field, index in found.items() if index >= 0}


def _by_content(file: Path, records: Sequence[Sequence[str]], separator: str) -> dict[str, int]:
    """Return the columns of a file without header; none where they do not tell what they are.

    lastexport.py is known by its marks (tabs, seconds since 1970, then track, artist, album). In other files the
    columns as a whole decide; where they do not, four with the date at the end are those of lastfm-to-csv, and others
    are asked for.
    """
    width = min(len(record) for record in records[:SNIFFED])
    for index in range(width):
        texts = pd.Series([record[index] for record in records[:SNIFFED]], dtype=object)
        read = read_moments(texts, "UTC", file.name, strict=False).notna()
        if read.mean() < 0.5 or not (read[0] or not texts[0].strip()):  # a first line in words is an unknown header
            continue
        if index == 0 and width >= 4 and separator == "\t" and texts.str.fullmatch(r"\s*[0-9]+\s*").mean() > 0.5:
            return {"date": 0, "track": 1, "artist": 2, "album": 3}
        told = _by_repeats(records, index)
        return told or ({"artist": 0, "album": 1, "track": 2, "date": 3} if (index, width) == (3, 4) else {})
    return {}


def _by_repeats(records: Sequence[Sequence[str]], date: int) -> dict[str, int]:
    """Tell artist, album and track apart by how often they repeat; nothing where that is not plain.

    An artist has several albums and an album several tracks, so that of the three there are the fewest artists and the
    most tracks; and hardly an album is by two artists.
    """
    width = max(len(record) for record in records)
    table = pd.DataFrame([[*record, *[""] * (width - len(record))] for record in records]).apply(
        lambda c: c.str.strip()
    )
    words = [
        index
        for index in range(width)
        if index != date
        and (table[index] != "").mean() > 0.5
        and not table[index].str.fullmatch(r"[0-9a-f-]{36}|[0-9]*|https?://.*").mean() > 0.5
    ]
    kinds = {index: table.loc[table[index] != "", index].nunique() for index in words}
    order = sorted(words, key=lambda index: kinds[index])
    apart = all(kinds[low] * PLAINLY <= kinds[high] for low, high in pairwise(order))
    if len(order) not in (2, 3) or not apart:
        return {}
    artist, *_, track = order
    for whose in order[1:]:
        own = table.loc[table[whose] != "", [artist, whose]].drop_duplicates()
        if len(own) > PLAINLY * kinds[whose]:
            return {}
    album = {"album": order[1]} if len(order) == 3 else {}
    return {"date": date, "artist": artist, "track": track, **album}
