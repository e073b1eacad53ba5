"""What in the store does nobody need any more? Old records, what only they refer to, and old run folders.

A record counts as used when a run took its result from there, so its age is the time since then (on object storage,
which knows no such mark, since it was made). An object goes when no
record that stays refers to it. What a champion rests on never goes: whatever its file in `champions/` names, what was
handed over when its model was tracked, the records of that, and all that these come from. The histories of live sources
and the row-wise checkpoints are no results of stages, and stay.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tasks.platform.errors import CasebookError
from tasks.platform.leftovers import DAY, RUN_NAME, newest, remove
from tasks.platform.settings import settings
from tasks.platform.storage import Folder
from tasks.platform.store.contents import Item, objects
from tasks.platform.store.pedigree import is_entry
from tasks.platform.store.results import Store, Stored

YOUNGEST = DAY  # what is younger may belong to a run that goes on, and stays whatever is asked for
DIGEST = re.compile(r"[0-9a-f]{64}")


class Plan(NamedTuple):
    """What is to go."""

    records: list[str]  # keys
    objects: list[Item]
    pedigrees: list[str]  # digests
    runs: list[Path]  # run folders


def plan(place: Store, days: int | None = None, runs: int | None = None) -> Plan:
    """Find what nobody needs any more.

    Args:
        place: the store.
        days: records that were not used, and run folders that were not changed, for so many days go.
        runs: the newest so many run folders of each flow stay; records go that were used before the first of them.

    Raises:
        CasebookError: the file of a champion cannot be read, so nobody knows what it rests on.
    """
    named = _named_by_champions(place)
    old_runs, first = _old_runs(days, runs, named)
    since = max(time.time() - days * DAY if days is not None else 0.0, first if runs is not None else 0.0)
    since = min(since, time.time() - YOUNGEST)
    makers = _makers(place)
    protected = _with_ancestors(_needed_by_champions(named, makers), makers)
    old_records, referred = _old_records(place, since, protected)
    gone, there = [], set(protected)
    for item in objects(place):
        if item.digest in referred | protected or item.changed >= since:
            there.add(item.digest)
        else:
            gone.append(item)
    known = _with_ancestors(there, makers)  # the pedigree of what stays is told to its end
    lost = [
        digest
        for digest, entries in makers.items()
        if digest not in known and max(changed for changed, _ in entries) < since
    ]
    return Plan(old_records, gone, lost, old_runs)


def _old_records(place: Store, since: float, protected: set[str]) -> tuple[list[str], set[str]]:
    """List the keys of the records that are to go, and the digests of what the others refer to."""
    old, referred = [], set[str]()
    for entry in place.folder.walk("records"):
        key = entry.name.rpartition("/")[2]
        stored = place.record(key)
        digests = set(_digests(stored)) if stored else set()
        if entry.changed < since and not digests & protected:
            old.append(key)
        else:
            referred |= digests
    return old, referred


def carry_out(place: Store, what: Plan) -> None:
    """Remove what is to go, records first, so that none ever names an object that has been removed."""
    for key in what.records:
        place.folder.remove(f"records/{key}")
    for item in what.objects:
        place.folder.remove(item.name)
    for digest in what.pedigrees:
        place.folder.remove(f"pedigree/{digest}")
    for run in what.runs:
        remove(run)


def _digests(stored: Stored) -> Iterator[str]:
    yield stored.digest
    for part in stored.parts.values():
        yield from _digests(part)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _named_by_champions(place: Store) -> set[str]:
    """Return every text in the champions' files, and in what MLflow has not been told yet: digests, runs, names."""
    waiting = Folder(str(settings().home / "mlflow" / "outbox"))
    notes = [waiting.read_bytes(name, missing_ok=True) or b"" for name in waiting.names(".json")]
    found = {digest for note in notes for digest in DIGEST.findall(note.decode("utf-8", "replace"))}
    for entry in place.folder.walk("champions"):
        if not entry.name.endswith(".json"):
            continue
        try:
            found |= set(_texts(json.loads(place.folder.read_bytes(entry.name) or b"")))
        except ValueError as error:
            raise CasebookError(
                f"{entry.name} in {place.url} cannot be read, so what that champion rests on is not known; remove the"
                " file when the champion may go, then prune again."
            ) from error
    return found


Makers = dict[str, list[tuple[float, dict[str, Any]]]]  # digest -> when an entry was written, and what it says


def _makers(place: Store) -> Makers:
    """Read the whole pedigree; an entry that cannot be read says nothing."""
    found: Makers = {}
    for entry in place.folder.walk("pedigree"):
        digest = entry.name.split("/")[1]
        try:
            content = json.loads(place.folder.read_bytes(entry.name, missing_ok=True) or b"{}")
        except ValueError:
            content = {}
        found.setdefault(digest, []).append((entry.changed, content if is_entry(content) else {"inputs": {}}))
    return found


def _inputs(entries: Iterable[tuple[float, dict[str, Any]]]) -> set[str]:
    return {digest for _, entry in entries for digests in entry["inputs"].values() for digest in digests}


def _needed_by_champions(named: set[str], makers: Makers) -> set[str]:
    """Return the digests that the champions' files name, and what any stage was given for a model of their names."""
    of_models = [
        item for entries in makers.values() for item in entries if item[1].get("parameters", {}).get("model") in named
    ]
    return {text for text in named if DIGEST.fullmatch(text)} | _inputs(of_models)


def _with_ancestors(digests: set[str], makers: Makers) -> set[str]:
    """Add everything that some objects come from, by whichever stage made them."""
    found, queue = set(digests), list(digests)
    while queue:
        fresh = _inputs(makers.get(queue.pop(), [])) - found
        found |= fresh
        queue += fresh
    return found


def _old_runs(days: int | None, runs: int | None, named: set[str]) -> tuple[list[Path], float]:
    """List the run folders that are to go, and say when the first of those that stay began (0.0 without any)."""
    old: list[Path] = []
    starts: list[float] = []
    output = settings().output
    for flow in sorted(output.iterdir()) if output.is_dir() else []:
        folders = sorted(item for item in flow.iterdir() if RUN_NAME.fullmatch(item.name)) if flow.is_dir() else []
        for place, folder in enumerate(reversed(folders)):
            age = time.time() - newest(folder)
            asked = (days is not None and age > days * DAY) or (runs is not None and place >= runs)
            if asked and age > YOUNGEST and folder.name not in named:
                old.append(folder)
            elif runs is None or place < runs:
                starts.append(datetime.strptime(folder.name[:15], "%Y%m%d-%H%M%S").astimezone().timestamp())
    return old, min(starts, default=0.0)
