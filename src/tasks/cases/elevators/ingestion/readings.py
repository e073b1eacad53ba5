"""Where do the states of the lifts come from? The sample, saved answers, or the service with a history of runs."""

import hashlib
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel

from tasks.cases.elevators.ingestion.facilities import (
    Facilities,
    is_station,
    parse_answer,
    parse_facilities,
    parse_station,
)
from tasks.cases.elevators.ingestion.fasta import SERVICE, Fasta, NotFoundError, credentials, service_address
from tasks.cases.elevators.ingestion.flat import WANTED, as_answers
from tasks.cases.elevators.ingestion.snapshots import (
    Damaged,
    Snapshot,
    assemble,
    commit_snapshot,
    read_history,
    read_names,
    slot_of,
    write_names,
)
from tasks.cases.elevators.sample import write_elevators
from tasks.ingestion.files import Data, Source, locate_files, noted
from tasks.ingestion.plain_tables import SUFFIXES, parse_columns
from tasks.platform.errors import CasebookError, ContractError, UsageError
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.storage import Folder

TIME = re.compile(
    r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?:[T_ -]?(\d\d)[:h_-]?(\d\d)(?:[:m_-]?(\d\d)(?:\.\d{1,9})?)?)?"
    r"(?: ?(Z|UTC|\+\d\d[:_]?\d\d|-\d\d:\d\d))?(?!\d)"
)
EPOCH = re.compile(r"(?<!\d)(1\d{9})(?:\d{3})?(?!\d)")  # seconds, or milliseconds, since 1970
LARGEST_FILE = 64 * 2**20  # bytes
UNREADABLE = "an answer that cannot be read"


class Service(BaseModel):
    """How the service answered in this run."""

    address: str = ""
    taken: str = ""  # the hour of the snapshot
    new: bool = False  # whether it was the first of its hour
    requests: int = 0
    faults: dict[str, int] = {}
    unnamed: int = 0  # stations whose name is not known yet
    snapshots: int = 0  # in the whole history


class Observed(NamedTuple):
    """All that was seen of the lifts."""

    readings: pd.DataFrame  # observed, equipment, station, state, explanation
    lifts: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail
    service: Service


@stage(phase="Data understanding", live=True)
def locate_elevators(source: str, columns: str = "") -> Source:
    """Find the saved answers, tables of states, or the service; a service has no files.

    Raises:
        UsageError: no such file, folder or service.
    """
    if source != "api" and not re.match(r"https?://", source, re.IGNORECASE):
        called = parse_columns(columns, WANTED)
        if called and source == "sample":
            raise UsageError("--columns is for tables of your own; the sample is read as it is.")
        where = locate_files(source, write_elevators, (), (".json", *SUFFIXES), several=True)
        answers = [file for file in where.files if file.suffix.lower() == ".json"]
        answers = answers or [answer for file in where.files for answer in as_answers(file, called)]
        return where.model_copy(update={"files": answers})
    if columns:
        raise UsageError("--columns is for tables of your own; the service is read as it is.")
    address = service_address(source)
    name = "api" if address == SERVICE else f"service-{hashlib.sha256(address.encode()).hexdigest()[:6]}"
    note = "FaSta (Station Facilities Status) v2 of Deutsche Bahn, CC BY 4.0" if source == "api" else "a FaSta server"
    return Source(name=name, source=source, files=[], sha256="", note=note)


def file_time(name: str) -> datetime | None:
    """Return the time in the name of a saved answer, such as facilities-20250301T021500Z.json, as UTC; None for none.

    Without an offset, such as +01:00, it is UTC. Digits that go on beyond a date, and are no seconds since 1970, tell
    none.
    """
    found = TIME.search(name)
    if not found:
        epoch = EPOCH.search(name)
        return datetime.fromtimestamp(int(epoch[1]), UTC) if epoch else None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        return (datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _offset(found[7])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(text: str | None) -> timedelta:
    """Return how far a zone, such as +01:00, is ahead of UTC."""
    if not text or text[0] not in "+-":
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 15 or minutes > 59:
        raise ValueError(f"no offset {text}")
    return timedelta(hours=hours, minutes=minutes) * (1 if text[0] == "+" else -1)


def _quarantine(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["path", "reason", "detail"]).astype("object")


@stage(phase="Data understanding")
def read_snapshots(files: list[Path], names: list[str], max_quarantined: float = 0.05) -> Observed:
    """Read saved answers of `/facilities` (and of `/stations/{number}`, for the names) from JSON files.

    Args:
        files: the files.
        names: their names, which tell when each was saved (UTC).
        max_quarantined: share of the files that may be unreadable, and of an answer's facilities that may be malformed.

    Raises:
        ContractError: no file holds a single lift, or too many cannot be read.
    """
    aside: list[tuple[str, str, str]] = []
    found: dict[str, Snapshot] = {}
    stations: dict[int, str] = {}
    for file, name in progress(sorted(zip(files, names, strict=True), key=_by_time), "reading answers", len(files)):
        saved = file_time(name)
        if saved and slot_of(saved) in found:
            aside.append((name, "a second answer within the same hour", f"{saved:%Y-%m-%d %H:%M}"))
            continue
        try:
            snapshot = _read_file(file, name, stations, aside, max_quarantined)
        except ContractError as error:
            aside.append((name, UNREADABLE, str(error)))
            continue
        if snapshot:
            found[slot_of(snapshot.observed)] = snapshot
    _refuse_files(found, aside, len(files), max_quarantined)
    history = assemble(found.values(), stations)
    return Observed(
        history.readings, history.lifts, _quarantine(aside), Service(snapshots=_snapshots(history.readings))
    )


def _refuse_files(found: dict[str, Snapshot], aside: list[tuple[str, str, str]], files: int, most: float) -> None:
    """Stop when no file holds a lift, or too many cannot be read."""
    bad = [row for row in aside if row[1] == UNREADABLE]
    if not found:
        raise ContractError(
            f"None of {files:,} files holds the lifts of an answer to /facilities"
            + (f" (the first: {bad[0][2].rstrip('.')})" if bad else "")
            + "; save answers as facilities-<year><month><day>T<hour><minute>Z.json."
        )
    if len(bad) > most * files:
        raise ContractError(
            f"{len(bad):,} of {files:,} files cannot be read (the first: {bad[0][2].rstrip('.')}); take them out of the"
            " folder, or raise --max-quarantined."
        )


def _by_time(item: tuple[Path, str]) -> tuple[str, str]:
    saved = file_time(item[1])
    return (saved.isoformat() if saved else "", item[1])


def _read_file(
    file: Path, name: str, stations: dict[int, str], aside: list[tuple[str, str, str]], most: float
) -> Snapshot | None:
    """Read one saved answer; names of stations are added to `stations`, rows put aside to `aside`."""
    if file.stat().st_size > LARGEST_FILE:
        raise ContractError(f"{name} has more than {LARGEST_FILE:,} bytes.")
    answer = parse_answer(file.read_bytes(), name)
    several = answer if isinstance(answer, list) and answer and all(map(is_station, answer)) else None
    if several or is_station(answer):
        stations.update(parse_station(item, name) for item in several or [answer])
        return None
    facilities = parse_facilities(answer, name)
    saved = file_time(name)
    if saved is None:
        raise ContractError(f"The name of {name} does not tell when it was saved.")
    _refuse_rubbish(facilities, name, most)
    aside += [(f"{name}, facility {at}", reason, detail) for at, reason, detail in facilities.rejected]
    return Snapshot(saved, facilities.rows)


def _refuse_rubbish(facilities: Facilities, what: str, most: float) -> None:
    bad, good = len(facilities.rejected), len(facilities.rows)
    if not good or bad > most * (bad + good):
        first = f" (the first: {facilities.rejected[0][1]})" if bad else ""
        raise ContractError(
            f"{what} holds {good:,} lifts and {bad:,} malformed facilities{first}; ask the service again later."
        )


@stage(phase="Data understanding", live=True)
def take_snapshot(
    source: str, name: str, per_minute: int = 60, lookups: int = 100, max_quarantined: float = 0.05
) -> Observed:
    """Ask the service for the state of all lifts, add it to the history, and return the whole history.

    The snapshot is kept before anything else is asked, so that a fault after it loses nothing.

    Args:
        source: `api`, or the address of a server that speaks the API.
        name: of the history.
        per_minute: requests a minute at most.
        lookups: names of stations to ask for at most in this run.
        max_quarantined: share of the answer's facilities that may be malformed.

    Raises:
        TransientError, CasebookError: the service does not answer, or refuses.
        ContractError: what it answers is malformed.
        UsageError: no client id or key.
    """
    if settings().offline:
        raise CasebookError("CASEBOOK_OFFLINE forbids to ask the service; give saved answers as the source.")
    address, folder = service_address(source), history_folder(name)
    names = read_names(folder)
    with Fasta(address, credentials(address), per_minute) as client:
        facilities = parse_facilities(client.get("/facilities", {"type": "ELEVATOR"}), "The answer to /facilities")
        _refuse_rubbish(facilities, "The answer to /facilities", max_quarantined)
        snapshot = Snapshot(datetime.now(UTC), facilities.rows)
        new = commit_snapshot(folder, snapshot)
        names |= look_up_names(client, _missing(facilities.rows, names)[:lookups])
    write_names(folder, names)
    aside = [("/facilities", reason, f"facility {at}: {detail}") for at, reason, detail in facilities.rejected]
    whole = list(read_history(folder))
    aside += [(item.name, "a damaged snapshot", item.problem) for item in whole if isinstance(item, Damaged)]
    history = assemble([item for item in whole if isinstance(item, Snapshot)], names)
    service = Service(
        address=address,
        taken=slot_of(snapshot.observed),
        new=new,
        requests=client.requests,
        faults=dict(client.faults),
        unnamed=len(_missing(history.lifts, names)),
        snapshots=_snapshots(history.readings),
    )
    return Observed(history.readings, history.lifts, _quarantine(aside), service)


def _snapshots(readings: pd.DataFrame) -> int:
    return int(readings["observed"].nunique())


def read_elevators(source: str, per_minute: int, lookups: int, max_quarantined: float, columns: str = "") -> Data:
    """Find and read the states of the lifts: saved answers, or the history of a service with a new snapshot.

    Args:
        source: `sample`, `api`, the address of a server that speaks the API, or a file or folder of saved answers or
            of tables of states.
        per_minute: requests a minute at most.
        lookups: names of stations to ask for at most in this run.
        max_quarantined: share of an answer's facilities, or of the files, that may be malformed.
        columns: what the columns of the user's own table are called, as `parse_columns` reads it.
    """
    where = locate_elevators(source, columns).load(Source)
    observed = (
        read_snapshots(where.files, [file.name for file in where.files], max_quarantined)
        if where.files
        else take_snapshot(source, where.name, per_minute, lookups, max_quarantined)
    )
    service = observed.service.load(Service)
    taken = f"; snapshot {service.taken} {'added' if service.new else 'was there already'}" if service.taken else ""
    many = f"{service.snapshots:,} snapshot{'s' * (service.snapshots != 1)}"
    told = where.model_copy(update={"note": f"{where.note}; {many}{taken}"})
    return noted(Data(told, observed.readings, observed.quarantine, observed))


def history_folder(name: str) -> Folder:
    """Return the folder of a history, below that of the store.

    Raises:
        UsageError: a name that cannot be one of a folder.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise UsageError("The name of a history is made of small letters, digits and hyphens.")
    return Folder(f"{settings().store_url.rstrip('/')}/elevators/{name}")


def _missing(rows: pd.DataFrame, names: dict[int, str]) -> list[int]:
    """Return the stations without a name, those with the most lifts first."""
    counts = Counter(int(number) for number in rows["station"] if int(number) not in names)
    return [number for number, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def look_up_names(client: Fasta, numbers: list[int], seconds: float = 600.0) -> dict[int, str]:
    """Ask the service for the names of stations; one that cannot be had is left for another run.

    Args:
        client: of the service.
        numbers: of the stations, most wanted first.
        seconds: that all of this may take.
    """
    names: dict[int, str] = {}
    until = time.monotonic() + seconds
    for number in progress(numbers, "names of stations", len(numbers)):
        if time.monotonic() > until:
            break
        try:
            told, name = parse_station(client.get(f"/stations/{number}"), f"The answer to /stations/{number}")
        except (NotFoundError, ContractError):
            client.faults["no name"] += 1
            continue
        except CasebookError:  # the snapshot is safe; names are asked for again in the next run
            client.faults["names given up"] += 1
            break
        if told == number:
            names[number] = name
    return names
