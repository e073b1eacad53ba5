"""Files in a folder or behind any fsspec URL, with atomic writes."""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple


def is_url(location: str) -> bool:
    """Tell whether `location` is an fsspec URL (s3://…, memory://…) and not a local path."""
    scheme, mark, _ = location.partition("://")
    return bool(mark) and scheme.isalnum() and scheme not in {"file", "local"}


@contextlib.contextmanager
def _swapping(folder: Path) -> Iterator[None]:
    """Keep out others who would swap something in `folder`; a file system without such locks goes without."""
    number = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


class Entry(NamedTuple):
    """A file below a folder."""

    name: str
    bytes: int
    changed: float  # seconds since 1970


class Folder:
    """A folder, local or remote. Names are relative, with forward slashes.

    A local write goes to a temporary name first and is renamed, so that a reader sees a whole file or none; object
    stores give the same promise themselves.
    """

    def __init__(self, location: str) -> None:
        self.remote: Any = None
        self.root = location.removeprefix("file://").rstrip("/")
        if is_url(location):
            import fsspec

            self.remote, self.root = fsspec.core.url_to_fs(location)

    def _path(self, name: str) -> str:
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"{name!r} leaves its folder")
        return f"{self.root}/{name}"

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write `content` to `name`: whole or not at all."""
        if self.remote is not None:
            self.remote.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            self.remote.pipe_file(self._path(name), content)
            return
        path = Path(self._path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with scratch.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def read_bytes(self, name: str, missing_ok: bool = False) -> bytes | None:
        """Return the content of `name`; None when it is missing and `missing_ok`.

        Raises:
            FileNotFoundError: `name` is missing and not `missing_ok`.
        """
        try:
            return (
                self.remote.cat_file(self._path(name))
                if self.remote is not None
                else Path(self._path(name)).read_bytes()
            )
        except FileNotFoundError:
            if missing_ok:
                return None
            raise

    def put(self, source: Path, name: str, intact: Callable[[], bool] = lambda: False) -> None:
        """Move the file or folder `source` to `name`; what stands there already is replaced.

        A folder cannot be replaced in one step: for a moment there is none. So `intact` is asked whether another one
        has put a folder as good there meanwhile, which others may be reading; then it stays, and `source` goes.
        """
        if self.remote is not None:
            with contextlib.suppress(FileNotFoundError):
                self.remote.rm(self._path(name), recursive=True)
            self.remote.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            self.remote.put(str(source), self._path(name), recursive=source.is_dir())
            return
        target = Path(self._path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if not source.is_dir():
            source.replace(target)
            return
        aside = target.with_name(f".{uuid.uuid4().hex}.old")
        with _swapping(target.parent):
            if target.exists() and intact():
                aside = source
            else:
                with contextlib.suppress(FileNotFoundError):
                    target.replace(aside)
                source.replace(target)
        shutil.rmtree(aside, ignore_errors=True)

    def made(self, name: str, make: Callable[[Path], object], intact: Callable[[], bool]) -> Path:
        """Return the folder `name` of a local folder; where it is not `intact`, `make` fills another one in its place.

        Several may ask at once: each makes its own, and the first one to end stays.
        """
        target = Path(self._path(name))
        if not intact():
            part = target.with_name(f".{uuid.uuid4().hex}.part")
            part.mkdir(parents=True)
            try:
                make(part)
                self.put(part, name, intact)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return target

    def get(self, name: str, target: Path) -> None:
        """Copy the file or folder `name` to the local path `target`."""
        if self.remote is None:
            raise ValueError("a local folder is read in place")
        target.parent.mkdir(parents=True, exist_ok=True)
        self.remote.get(self._path(name), str(target), recursive=self.remote.isdir(self._path(name)))

    def exists(self, name: str) -> bool:
        """Tell whether `name` is there."""
        return self.remote.exists(self._path(name)) if self.remote is not None else Path(self._path(name)).exists()

    def touch(self, name: str) -> None:
        """Note that `name` has been used now; object stores have no such note, nor has a folder that is read-only."""
        if self.remote is None:
            with contextlib.suppress(OSError):
                os.utime(self._path(name) if name else self.root)

    def remove(self, name: str) -> None:
        """Remove the file or folder `name`; one that is missing is no error."""
        if self.remote is not None:
            with contextlib.suppress(FileNotFoundError):
                self.remote.rm(self._path(name), recursive=True)
            return
        path = Path(self._path(name))
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def walk(self, below: str = "") -> Iterator[Entry]:
        """Yield the visible files below a folder of this one, in the order of their names; none when there is none."""
        top = self._path(below) if below else self.root
        if self.remote is not None:
            found = self.remote.find(top, detail=True)
            listed = [
                Entry(path[len(self.root) + 1 :], int(info.get("size") or 0), _moment(info))
                for path, info in ((str(path), info) for path, info in found.items())
            ]
        else:
            files = (item for item in Path(top).rglob("*") if item.is_file() and not item.is_symlink())
            states = [(item.relative_to(self.root).as_posix(), item.stat()) for item in files]
            listed = [Entry(name, state.st_size, state.st_mtime) for name, state in states]
        yield from sorted(entry for entry in listed if not any(part.startswith(".") for part in entry.name.split("/")))

    def names(self, suffix: str = "") -> list[str]:
        """List the visible files directly in this folder whose name ends in `suffix`; none when it does not exist."""
        try:
            if self.remote is not None:
                found = [str(path).rpartition("/")[2] for path in self.remote.ls(self.root, detail=False, refresh=True)]
            else:
                found = os.listdir(self.root)  # noqa: PTH208 - a name list is all that is wanted
        except FileNotFoundError:
            return []
        return [name for name in found if name.endswith(suffix) and not name.startswith(".")]


def _moment(info: dict[str, Any]) -> float:
    """Return when a remote file was changed; now where its file system does not tell, so that it counts as new."""
    for name in ("LastModified", "mtime", "updated", "last_modified", "created"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return time.time()
