"""The store: every result of a stage, once, by the digest of its content, with its pedigree.

Layout below the store's folder or URL:

    objects/<aa>/<digest><suffix>   what stages returned, in open formats
    records/<key>                   Prefect's result records: which stage key gave which object (JSON)
    pedigree/<digest>/<key>.json    which stage made the object, from what, with which parameters, when
    memo/<name>/                    row-wise checkpoints, see tasks.platform.memo

Writes are atomic. A damaged or missing object is noticed before it is used, and the stage that made it runs again.
"""

import base64
import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.platform.errors import IntegrityError
from tasks.platform.kinds import kind_named, kind_of
from tasks.platform.settings import settings
from tasks.platform.storage import Folder, is_url

SCRATCH_SECONDS = 24 * 3600  # what a killed run left in the scratch folder is removed after a day


class Stored(BaseModel):
    """The small record that travels from stage to stage in place of the data."""

    model_config = ConfigDict(frozen=True)

    kind: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    uri: str = Field("", description="place of the object, relative to the store")
    bytes: int = 0
    key: str = Field("", description="key of the stage that returned it")
    stage: str = ""
    summary: dict[str, Any] = {}
    parts: dict[str, "Stored"] = Field({}, description="the fields, when the stage returned several things")

    def __getattr__(self, name: str) -> "Stored":
        parts = self.__dict__.get("parts") or {}
        if name in parts:
            return parts[name]
        raise AttributeError(
            f"{self.__dict__.get('stage') or 'a stored result'} has no part {name!r}; it has {sorted(parts)}"
        )

    def load(self, wanted: Any = None) -> Any:
        """Read the object from the store in force, as the type `wanted` (the plain type of its kind by default)."""
        return store().load(self, wanted)


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_path(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's relative names and contents."""
    if not path.is_dir():
        return digest_file(path)
    total = hashlib.sha256()
    for file in sorted(item for item in path.rglob("*") if item.is_file()):
        total.update(f"{file.relative_to(path).as_posix()}\0{digest_file(file)}\n".encode())
    return total.hexdigest()


class Store:
    """Results in a folder or behind an fsspec URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder = Folder(url)
        self.local_root = None if is_url(url) else Path(self.folder.root)

    def scratch_base(self) -> Path:
        """Return the folder for what is unfinished, on the file system of the store; what is a day old goes."""
        base = self.local_root / ".scratch" if self.local_root else settings().home / "scratch"
        base.mkdir(parents=True, exist_ok=True)
        for old in base.iterdir():
            if time.time() - old.lstat().st_mtime > SCRATCH_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        return base

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield an empty folder on the file system of the store; it is removed afterwards."""
        with tempfile.TemporaryDirectory(
            dir=self.scratch_base(), prefix="write-", ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)

    def put(self, value: Any, stage: str = "", key: str = "") -> Stored:
        """Write `value`, and the fields of a named tuple each on its own.

        Raises:
            TypeError: no open format is known for the type of the value.
        """
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            parts = {name: self.put(part, stage, key) for name, part in zip(value._fields, value, strict=True)}
            whole = hashlib.sha256("".join(f"{name}={part.digest};" for name, part in parts.items()).encode())
            return Stored(kind="parts", digest=whole.hexdigest(), stage=stage, key=key, parts=parts)
        kind = kind_of(value)
        with self.scratch() as folder:
            path = folder / f"object{kind.suffix}"
            kind.write(value, path)
            digest = digest_path(path)
            size = sum(item.stat().st_size for item in path.rglob("*")) if path.is_dir() else path.stat().st_size
            stored = Stored(
                kind=kind.name,
                digest=digest,
                uri=f"objects/{digest[:2]}/{digest}{kind.suffix}",
                bytes=size,
                key=key,
                stage=stage,
                summary=kind.summary(value, path),
            )
            if not (path.is_dir() and self.intact(stored)):
                self.folder.put(path, stored.uri)
        return stored

    def path(self, stored: Stored) -> Path:
        """Return a local path of the object; one of a remote store is fetched into the home folder first."""
        if stored.uri != f"objects/{stored.digest[:2]}/{stored.digest}{kind_named(stored.kind).suffix}":
            raise IntegrityError(
                f"The stored record of {stored.stage or stored.digest} names the odd place {stored.uri!r}."
            )
        if self.local_root:
            return self.local_root / stored.uri
        copy = settings().home / "fetched" / Path(stored.uri).name
        if not copy.exists() or digest_path(copy) != stored.digest:
            partial = copy.with_name(f".{uuid.uuid4().hex}")
            self.folder.get(stored.uri, partial)
            shutil.rmtree(copy, ignore_errors=True) if copy.is_dir() else copy.unlink(missing_ok=True)
            partial.replace(copy)
        return copy

    def intact(self, stored: Stored) -> bool:
        """Tell whether the object is there and its content is what the record says (the whole content is read)."""
        if stored.parts:
            return all(self.intact(part) for part in stored.parts.values())
        try:
            path = self.path(stored)
            return path.exists() and digest_path(path) == stored.digest
        except (OSError, IntegrityError):
            return False

    def load(self, stored: Stored, wanted: Any = None) -> Any:
        """Read the object as the type `wanted`.

        Raises:
            IntegrityError: the object is missing.
        """
        if stored.kind == "parts":
            raise TypeError(f"{stored.stage} returned several things; take one of {sorted(stored.parts)}")
        path = self.path(stored)
        if not path.exists():
            raise IntegrityError(
                f"The object {stored.uri} is missing from the store {self.url}; run again to recompute it."
            )
        return kind_named(stored.kind).read(path, wanted)

    def record(self, key: str) -> Stored | None:
        """Return what Prefect's result record of a stage key holds, or None when there is none that can be trusted.

        Prefect would read a record with whatever serializer the record itself names; only plain JSON is let through.
        """
        content = self.folder.read_bytes(f"records/{key}", missing_ok=True)
        if content is None:
            return None
        try:
            outer = json.loads(content)
            serializer = outer["metadata"]["serializer"]
            if (
                serializer.get("type") != "json"
                or serializer.get("object_decoder")
                or serializer.get("jsonlib") != "json"
            ):
                return None
            return Stored.model_validate_json(_unwrap(outer["result"]))
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
            return None

    def evict_damaged(self, key: str) -> bool:
        """Remove the record of a stage key whose object is damaged or missing, so that the stage runs again."""
        if not self.folder.exists(f"records/{key}"):
            return False
        stored = self.record(key)
        if stored is not None and self.intact(stored):
            return False
        self.folder.remove(f"records/{key}")
        return True

    def write_pedigree(self, stored: Stored, entry: dict[str, Any]) -> None:
        """Note who made an object (and each of its parts)."""
        for name, part in (stored.parts or {"": stored}).items():
            content = json.dumps({**entry, "part": name, "digest": part.digest, "kind": part.kind, "uri": part.uri})
            self.folder.write_bytes(f"pedigree/{part.digest}/{stored.key}.json", content.encode())

    def pedigree(self, digest: str) -> list[dict[str, Any]]:
        """List who made an object: stage, key, parameters, digests of the inputs, start and seconds."""
        place = Folder(f"{self.url}/pedigree/{digest}")
        entries = [json.loads(place.read_bytes(name) or b"{}") for name in sorted(place.names(".json"))]
        return sorted(entries, key=lambda entry: str(entry.get("started")))

    def lineage(self, digest: str) -> list[dict[str, Any]]:
        """List every ancestor of an object, nearest first, each object once (its latest maker)."""
        lines: list[dict[str, Any]] = []
        seen: set[str] = set()
        queue = [digest]
        while queue:
            current = queue.pop(0)
            if current in seen:
                continue
            seen.add(current)
            makers = self.pedigree(current)
            if makers:
                lines.append(makers[-1])
                queue += [item for digests in makers[-1]["inputs"].values() for item in digests]
        return lines


def _unwrap(result: Any) -> str:
    """Return the text that a Prefect result record holds: JSON itself, or JSON in base64."""
    if not isinstance(result, str):
        return json.dumps(result)
    try:
        json.loads(result)
    except ValueError:
        return base64.b64decode(result).decode()
    return result


@lru_cache(maxsize=8)
def _open(url: str) -> Store:
    return Store(url)


def store() -> Store:
    """Return the store that the settings name."""
    return _open(settings().store_url)
