"""Where does a result come from? For each object, which stage made it, from what, with which parameters, when."""

import json
from typing import Any

from tasks.platform.storage import Folder


def write_entry(folder: Folder, digest: str, key: str, entry: dict[str, Any]) -> None:
    """Note in the store `folder` that the stage call `key` has made the object `digest`."""
    folder.write_bytes(f"pedigree/{digest}/{key}.json", json.dumps({**entry, "digest": digest}).encode())


def read_entries(url: str, digest: str) -> list[dict[str, Any]]:
    """List who made an object, the earliest first; an entry that cannot be read is left out.

    Args:
        url: of the store.
        digest: of the object.
    """
    place = Folder(f"{url}/pedigree/{digest}")
    read = (_read(place, name) for name in sorted(place.names(".json")))
    return sorted((entry for entry in read if entry), key=lambda entry: entry["started"] or "")


def _read(place: Folder, name: str) -> dict[str, Any] | None:
    """Return an entry; None when it is damaged, or gone meanwhile."""
    try:
        entry = json.loads(place.read_bytes(name, missing_ok=True) or b"")
    except ValueError:  # no JSON, or no UTF-8
        return None
    return entry if is_entry(entry) else None


def is_entry(entry: Any) -> bool:
    """Tell whether `entry` has what a pedigree is asked for; when the object was made may be unknown (None)."""
    if not isinstance(entry, dict) or not isinstance(entry.get("started"), str | None):
        return False
    inputs = entry.get("inputs")
    return (
        all(isinstance(entry.get(name), str) for name in ("stage", "digest", "key"))
        and isinstance(entry.get("parameters"), dict)
        and isinstance(inputs, dict)
        and all(isinstance(some, list) and all(isinstance(one, str) for one in some) for some in inputs.values())
    )


def is_whole(folder: Folder, digest: str, key: str) -> bool:
    """Tell whether the entry of a stage call can be read."""
    content = folder.read_bytes(f"pedigree/{digest}/{key}.json", missing_ok=True)
    try:
        return content is not None and is_entry(json.loads(content))
    except ValueError:
        return False


def ancestors(url: str, digest: str) -> list[dict[str, Any]]:
    """List the (latest) makers of an object and of all that it comes from, nearest first, each object once."""
    lines: list[dict[str, Any]] = []
    seen: set[str] = set()
    queue = [digest]
    while queue:
        current = queue.pop(0)
        if current in seen:
            continue
        seen.add(current)
        makers = read_entries(url, current)
        if makers:
            lines.append(makers[-1])
            queue += [item for digests in makers[-1]["inputs"].values() for item in digests]
    return lines
