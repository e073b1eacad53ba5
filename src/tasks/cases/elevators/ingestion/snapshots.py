"""How do nightly answers become a history that loses and doubles nothing, whatever happens in between?

A snapshot is one immutable Parquet file named after the hour (UTC) in which it was taken. It is written under a hidden
name and renamed when it is whole, so that a run killed at any moment leaves a snapshot or none, and a second run in the
same hour finds that there is one. Nothing else says what the history holds: it is the files that are there.

    <store>/elevators/<service>/20250301T02Z.parquet
    <store>/elevators/<service>/stations.json          names of stations, by number
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pandas as pd

from tasks.cases.elevators.ingestion.facilities import FIELDS, STATES
from tasks.platform.storage import Folder

SLOT = "%Y%m%dT%HZ"
OBSERVED = b"casebook.observed"
LARGEST_SNAPSHOT = 64 * 2**20  # bytes
NAMES = "stations.json"


class Snapshot(NamedTuple):
    """The state of all lifts at one moment."""

    observed: datetime  # with its zone
    rows: pd.DataFrame  # columns tasks.cases.elevators.ingestion.facilities.FIELDS


class Damaged(NamedTuple):
    """A file of the history that cannot be read."""

    name: str
    problem: str


class History(NamedTuple):
    """Many snapshots as two tables."""

    readings: pd.DataFrame  # observed (UTC, without zone), equipment, station, state: one row per lift and snapshot
    lifts: pd.DataFrame  # the latest that is known of each lift: FIELDS but the state, and its station's name


def slot_of(observed: datetime) -> str:
    """Return the name of the hour that a snapshot belongs to."""
    return observed.astimezone(UTC).strftime(SLOT)


def commit_snapshot(folder: Folder, snapshot: Snapshot) -> bool:
    """Add a snapshot to the history in `folder`; return False when its hour has one already, which stays as it is."""
    name = f"{slot_of(snapshot.observed)}.parquet"
    if folder.exists(name):
        return False
    folder.write_bytes(name, _packed(snapshot))
    return True


def _packed(snapshot: Snapshot) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(snapshot.rows[list(FIELDS)], preserve_index=False)
    table = table.replace_schema_metadata({OBSERVED: snapshot.observed.astimezone(UTC).isoformat().encode()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def read_history(folder: Folder) -> Iterator[Snapshot | Damaged]:
    """Yield every snapshot of the history, oldest first, and in place of a file that is damaged what is wrong."""
    for name in sorted(folder.names(".parquet")):
        if not re.fullmatch(r"\d{8}T\d{2}Z\.parquet", name):
            yield Damaged(name, "its name is not that of a snapshot")
            continue
        yield _unpacked(name, folder.read_bytes(name) or b"")


def _unpacked(name: str, content: bytes) -> Snapshot | Damaged:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if len(content) > LARGEST_SNAPSHOT:
        return Damaged(name, f"it has more than {LARGEST_SNAPSHOT:,} bytes")
    try:
        file = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True)
        table = file.read(columns=list(FIELDS))
        observed = datetime.fromisoformat((file.schema_arrow.metadata or {})[OBSERVED].decode())
        rows = table.to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        return Damaged(name, f"it is no whole Parquet file of a snapshot ({type(error).__name__})")
    if observed.tzinfo is None or f"{slot_of(observed)}.parquet" != name or not rows["state"].isin(STATES).all():
        return Damaged(name, "its content does not belong under its name")
    return Snapshot(observed, rows)


def read_names(folder: Folder) -> dict[int, str]:
    """Return the names of stations that the history knows; none when they cannot be read."""
    try:
        held = json.loads(folder.read_bytes(NAMES, missing_ok=True) or b"{}")
    except ValueError:  # only a convenience: they are asked for again
        return {}
    return {int(number): str(name) for number, name in held.items()} if isinstance(held, dict) else {}


def write_names(folder: Folder, names: dict[int, str]) -> None:
    """Keep the names of stations beside the history."""
    kept = {str(number): name for number, name in sorted(names.items())}
    folder.write_bytes(NAMES, json.dumps(kept, ensure_ascii=False).encode())


def assemble(snapshots: Iterable[Snapshot], names: dict[int, str]) -> History:
    """Put snapshots together, oldest first.

    Args:
        snapshots: in any order, at most one for each hour.
        names: of stations, by number; a station without one is called by its number.
    """
    ordered = sorted(snapshots, key=lambda item: item.observed)
    parts = [
        item.rows.assign(observed=pd.Timestamp(item.observed).tz_convert("UTC").tz_localize(None)) for item in ordered
    ]
    if parts:
        whole = pd.concat(parts, ignore_index=True)
    else:
        whole = pd.DataFrame(columns=[*FIELDS, "observed"]).astype({"observed": "datetime64[us]"})
    whole["observed"] = whole["observed"].astype("datetime64[us]")
    latest = whole.drop_duplicates("equipment", keep="last").drop(columns=["state", "explanation", "observed"])
    lifts = latest.sort_values("equipment", ignore_index=True)
    lifts["name"] = [names.get(int(number), f"station {number}") for number in lifts["station"]]
    readings = whole[["observed", "equipment", "station", "state", "explanation"]]
    return History(readings.astype({"state": "category", "explanation": "category"}), lifts)
