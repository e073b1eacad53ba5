"""What did the sensors count? Exports of hystreet.com as published, one row per record, several files at once.

The format: semicolons, `location;time_of_measurement;counted_pedestrians;type;incidents`, one record per hour down to
one every few minutes, times with the offset that was in force. Later exports name some columns otherwise; cities that
publish their sensors, such as Zurich, write commas and times in UTC (`2021-09-29T22:00:00Z`). An export by the day is
refused: what it counts is no hour.
"""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.pedestrians.originals import ORIGINALS
from tasks.cases.pedestrians.sample import write_pedestrians
from tasks.ingestion.files import Data, Ways, read
from tasks.ingestion.plain_tables import Wanted, spelled_out
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

PLACE, TIME, COUNT, TYPE, INCIDENTS = "location", "time_of_measurement", "counted_pedestrians", "type", "incidents"
NAMES = {"pedestrians_count": COUNT, "collection_type": TYPE, "timestamp": TIME, "location_name": PLACE}
MOST_LONE = 3  # records of a place that may lie a day apart by chance
LARGEST_FILE = 2**30  # bytes
NO_INCIDENT = {"", "-", "none", "keine", "nan", "null"}


class Recorded(NamedTuple):
    """Records that can be read, and rows that cannot."""

    frame: (
        pd.DataFrame
    )  # export, place, utc (naive), offset (minutes; NaN in UTC), count, kind, incident, year, offset_error
    quarantine: pd.DataFrame  # path, reason, detail


WANTED = Wanted([PLACE, TIME, COUNT], [TYPE, INCIDENTS], remedy="give an export of hystreet.com")


def read_pedestrians(source: str, zone: str, columns: str = "") -> Data:
    """Find and read the exports of a source (`sample`, `public`, a file, a folder or an address), in a time zone."""
    # The reader knows the marks and the names of several publishers; only other names are made plain before.
    ways = Ways(write_pedestrians, sorted(ORIGINALS), several=True, wanted=WANTED if columns else None)
    return read(source, ways, read_hystreet, zone, columns=columns)


@stage(phase="Data understanding")
def read_hystreet(files: list[Path], zone: str = "Europe/Berlin") -> Recorded:
    """Read exports of hystreet.

    Args:
        files: the exports.
        zone: time zone whose offsets the records should bear.

    Raises:
        ContractError: a file is no such export.
        UsageError: a file is larger than 1 GiB.
    """
    parts = [_read_export(file) for file in files]
    for file, part in zip(files, parts, strict=True):
        _refuse_days(file, part.frame)
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    quarantine = pd.concat([part.quarantine for part in parts], ignore_index=True)
    return Recorded(described(frame, zone), quarantine)


def described(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Add what the contract looks at: `year`, and `offset_error` in minutes against the zone's own offset."""
    local = frame["utc"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    right = (local - frame["utc"]).dt.total_seconds() / 60
    return frame.assign(year=frame["utc"].dt.year, offset_error=(frame["offset"] - right).fillna(0))


def _refuse_days(path: Path, frame: pd.DataFrame) -> None:
    """Refuse an export that has a record a day.

    Raises:
        ContractError: the records of a place are all a day apart, or further.
    """
    for place, times in frame.groupby("place")["utc"]:
        hours = np.diff(np.unique(times.to_numpy())) / np.timedelta64(1, "h")
        if len(hours) >= MOST_LONE and hours.min() >= 23:
            raise ContractError(
                f"{path.name}: one record a day at {shorten(str(place), 60)}, where hours are wanted; export it with"
                " the resolution hour, or leave the file out."
            )


def _read_export(path: Path) -> Recorded:
    rows, odd = _rows(path)
    table = pd.DataFrame({name: [row[number] for row in rows] for number, name in enumerate(_FIELDS)}, dtype=str)
    table["line"] = [row[-1] for row in rows]
    text = table[TIME].str.replace(r"\s*(Z|[+-]\d\d:?\d\d)$", r" \1", regex=True)
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)T", r"\1 ", regex=True)
    utc = pd.to_datetime(text, format="%Y-%m-%d %H:%M:%S %z", errors="coerce", utc=True)
    whole = table[COUNT].str.fullmatch(r"[0-9]{1,9}")
    place = table[PLACE].str.replace(r"\s+", " ", regex=True).str.replace(" ,", ",").str.strip()
    broken = [
        (utc.isna(), "no time with an offset", TIME),
        (~whole, "no count", COUNT),
        (place.eq(""), "no place", PLACE),
    ]
    for mask, reason, column in broken:
        odd += [(line, reason, value) for line, value in zip(table["line"][mask], table[column][mask], strict=True)]
    good = utc.notna() & whole & place.ne("")
    offset = table[TIME].str.extract(r"([+-])([0-9][0-9]):?([0-9][0-9])$")
    minutes = offset[1].astype(float) * 60 + offset[2].astype(float)
    incident = table[INCIDENTS].str.strip()
    frame = pd.DataFrame(
        {
            "export": path.name,
            "place": place,
            "utc": utc.dt.tz_localize(None),
            "offset": minutes.where(offset[0].ne("-"), -minutes),  # none in UTC
            "count": pd.to_numeric(table[COUNT].where(whole)),
            "kind": table[TYPE].str.strip(),
            "incident": incident.mask(incident.str.lower().isin(NO_INCIDENT), ""),
        }
    )[good]
    return Recorded(frame.astype({"count": "int64"}).reset_index(drop=True), _quarantine(path, odd))


_FIELDS = (PLACE, TIME, COUNT, TYPE, INCIDENTS)


def _quarantine(path: Path, odd: list[tuple[int, str, str]]) -> pd.DataFrame:
    """Return one row for each line that cannot be read, with the first reason."""
    first = {line: (reason, detail) for line, reason, detail in sorted(odd, reverse=True)}
    rows = [(f"{path.name}, line {line}", first[line][0], shorten(first[line][1], 80)) for line in sorted(first)]
    return pd.DataFrame(rows, columns=["path", "reason", "detail"], dtype=str)


def _rows(path: Path) -> tuple[list[tuple], list[tuple[int, str, str]]]:
    """Return place, time, count, type, incidents and line number of each row, and the rows of another width."""
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        header = next(reader, [])
        places = _places(path, header)
        rows, odd = [], []
        for row in reader:
            if len(row) == len(header):
                rows.append((*[row[place] if place >= 0 else "" for place in places], reader.line_num))
            elif row:
                odd.append((reader.line_num, f"{len(row)} fields instead of {len(header)}", ";".join(row)[:200]))
    except csv.Error as error:
        raise ContractError(f"{path.name}, line {reader.line_num}: {error}; export the file again.") from error
    if not rows:
        raise ContractError(f"{path.name} holds no records; leave the file out, or export it again.")
    return rows, odd


def _separator(text: str) -> str:
    """Return the separator of the first line: the one that parts it into more fields."""
    first = text.partition("\n")[0]
    return "," if first.count(",") > first.count(";") else ";"


def _places(path: Path, header: list[str]) -> list[int]:
    """Return the number of each field's column; -1 for a type or incidents that the export lacks."""
    names = [re.sub(r"\W+", "_", name.strip().lower()) for name in header]
    names = [NAMES.get(name, name) for name in names]
    absent = [name for name in (PLACE, TIME, COUNT) if name not in names]
    if absent:
        raise ContractError(
            f"{path.name}: column {absent[0]!r} is missing among {shorten(', '.join(names), 160)};"
            " an export of hystreet.com, with semicolons or commas, is wanted."
        )
    return [names.index(name) if name in names else -1 for name in _FIELDS]


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST_FILE:
        raise UsageError(f"{path.name} is larger than {LARGEST_FILE:,} bytes; split it by period.")
    if (table := spelled_out(path, "give an export of hystreet.com, as CSV")) is not None:
        return table
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
