"""What lies in the store, how much of it, and is it what its name says?"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tasks.platform.digests import digest_path
from tasks.platform.kinds import KINDS
from tasks.platform.storage import Entry
from tasks.platform.store.results import Store

OBJECT_NAME = re.compile(r"(?P<digest>[0-9a-f]{64})(?P<suffix>\.\w+)?")


class Item(NamedTuple):
    """An object of the store: a file, or a folder of files."""

    name: str
    digest: str
    kind: str
    bytes: int
    changed: float  # seconds since 1970, of its newest file


def objects(place: Store) -> list[Item]:
    """List the objects."""
    files: dict[str, list[Entry]] = defaultdict(list)
    for entry in place.folder.walk("objects"):
        files["/".join(entry.name.split("/")[:3])].append(entry)
    found = []
    for name, entries in files.items():
        match = OBJECT_NAME.fullmatch(name.rpartition("/")[2])
        if match:
            size, changed = sum(entry.bytes for entry in entries), max(entry.changed for entry in entries)
            found.append(Item(name, match["digest"], kinds_of(match["suffix"] or ""), size, changed))
    return found


def kinds_of(suffix: str) -> str:
    """Return the kinds whose objects end in `suffix`."""
    return " or ".join(kind.name for kind in KINDS if kind.suffix == suffix) or f"unknown ({suffix})"


class Size(NamedTuple):
    """How much there is of one kind."""

    kind: str
    number: int
    bytes: int


def sizes(place: Store) -> list[Size]:
    """Return what takes the space: objects by kind, the largest first, then whatever else lies in the store."""
    totals: dict[str, list[int]] = defaultdict(list)
    for item in objects(place):
        totals[item.kind].append(item.bytes)
    rest: dict[str, list[int]] = defaultdict(list)
    for entry in place.folder.walk():
        room = entry.name.partition("/")[0]
        if room != "objects":
            rest[room].append(entry.bytes)
    kinds = sorted((Size(kind, len(found), sum(found)) for kind, found in totals.items()), key=lambda size: -size.bytes)
    return kinds + [Size(f"({room})", len(found), sum(found)) for room, found in sorted(rest.items())]


def damaged(place: Store) -> Iterator[Item]:
    """Yield the objects whose content is not what their name says; every byte is read."""
    for item in objects(place):
        if place.local_root:
            if digest_path(place.local_root / item.name) != item.digest:
                yield item
            continue
        with place.scratch() as scratch:
            copy = scratch / "copy"
            place.folder.get(item.name, copy)
            if digest_path(copy) != item.digest:
                yield item
