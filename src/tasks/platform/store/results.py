"""What does a stage return? A small record, `Stored`, that stands for an object in the store, and the store itself."""

import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.platform.digests import combined, digest_files, digest_path, remember
from tasks.platform.errors import IntegrityError
from tasks.platform.kinds import kind_named, kind_of
from tasks.platform.leftovers import tidy_up
from tasks.platform.scratch import scratch_folder
from tasks.platform.settings import settings
from tasks.platform.storage import Folder, is_url
from tasks.platform.store.pedigree import ancestors, is_whole, read_entries, write_entry
from tasks.platform.store.records import result_text


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


class Store:
    """Results in a folder or behind an fsspec URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder = Folder(url)
        self.local_root = None if is_url(url) else Path(self.folder.root)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield an empty folder on the file system of the store; it is removed afterwards."""
        base = scratch_folder(self.url)
        with tempfile.TemporaryDirectory(dir=base, prefix="write-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def put(self, value: Any, stage: str = "", key: str = "") -> Stored:
        """Write `value`, and the fields of a named tuple each on its own.

        Raises:
            TypeError: no open format is known for the type of the value.
        """
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            parts = {name: self.put(part, stage, key) for name, part in zip(value._fields, value, strict=True)}
            return Stored(kind="parts", digest=_whole(parts), stage=stage, key=key, parts=parts)
        kind = kind_of(value)
        with self.scratch() as folder:
            path = folder / f"object{kind.suffix}"
            kind.write(value, path)
            files = digest_files(path)
            digest = combined(files)
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
                self.folder.put(path, stored.uri, intact=lambda: self.intact(stored))
                if self.local_root:
                    remember(self.local_root / stored.uri, files)
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
            return stored.digest == _whole(stored.parts) and all(map(self.intact, stored.parts.values()))
        try:
            path = self.path(stored)
            return path.exists() and digest_path(path) == stored.digest
        except (OSError, IntegrityError):
            return False

    def load(self, stored: Stored, wanted: Any = None) -> Any:
        """Read the object as the type `wanted`.

        Raises:
            IntegrityError: the object is missing, or its content is not what the record says.
        """
        if stored.kind == "parts":
            raise TypeError(f"{stored.stage} returned several things; take one of {sorted(stored.parts)}")
        path = self.path(stored)
        if not path.exists():
            raise IntegrityError(
                f"The object {stored.uri} is missing from the store {self.url}; run again to recompute it."
            )
        if digest_path(path) != stored.digest:
            raise IntegrityError(
                f"The object {stored.uri} of the store {self.url} is damaged or has been exchanged; run again to"
                " recompute it."
            )
        return kind_named(stored.kind).read(path, wanted)

    def record(self, key: str) -> Stored | None:
        """Return what Prefect's result record of a stage key holds, or None when there is none that can be trusted."""
        content = self.folder.read_bytes(f"records/{key}", missing_ok=True)
        text = None if content is None else result_text(content)
        try:
            stored = None if text is None else Stored.model_validate_json(text)
        except ValidationError:
            return None
        return stored if stored and stored.key == key else None  # else it is the record of another stage

    def evict_damaged(self, key: str) -> bool:
        """Remove the record of a stage key whose object is damaged or missing, so that the stage runs again.

        A record that is good is marked as used now.
        """
        if not self.folder.exists(f"records/{key}"):
            return False
        stored = self.record(key)
        if stored is not None and self.intact(stored):
            self.folder.touch(f"records/{key}")
            return False
        self.folder.remove(f"records/{key}")
        return True

    def write_pedigree(self, stored: Stored, entry: dict[str, Any]) -> None:
        """Note who made an object (and each of its parts)."""
        for name, part in (stored.parts or {"": stored}).items():
            write_entry(
                self.folder, part.digest, stored.key, {**entry, "part": name, "kind": part.kind, "uri": part.uri}
            )

    def renew_pedigree(self, stored: Stored, entry: dict[str, Any]) -> None:
        """Note anew who made an object, where that is missing or cannot be read."""
        if not all(is_whole(self.folder, part.digest, stored.key) for part in (stored.parts or {"": stored}).values()):
            self.write_pedigree(stored, entry)

    def pedigree(self, digest: str) -> list[dict[str, Any]]:
        """List who made an object: stage, key, parameters, digests of the inputs, start and seconds."""
        return read_entries(self.url, digest)

    def lineage(self, digest: str) -> list[dict[str, Any]]:
        """List every ancestor of an object, nearest first, each object once (its latest maker)."""
        return ancestors(self.url, digest)


def _whole(parts: dict[str, Stored]) -> str:
    """Return the digest of several things together."""
    return hashlib.sha256("".join(f"{name}={part.digest};" for name, part in parts.items()).encode()).hexdigest()


@lru_cache(maxsize=8)
def _open(url: str) -> Store:
    tidy_up()
    return Store(url)


def store() -> Store:
    """Return the store that the settings name."""
    return _open(settings().store_url)
