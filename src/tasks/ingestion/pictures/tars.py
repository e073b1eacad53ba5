"""Which files does a tar archive hold, and how is each of them read without unpacking the others?

A compressed tar can be read from its start only, so it is unpacked once into a scratch file, where every entry is one
seek away; the scratch file is used again by later runs and removed after a week without use.
"""

import bz2
import gzip
import lzma
import os
import shutil
import struct
import tarfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from tasks.ingestion.pictures.entries import (
    CHUNK,
    MAX_RATIO,
    Entry,
    PictureError,
    PictureSource,
    clean,
    damaged,
    escape,
    is_hidden,
    outside,
    plain,
    sha256_of,
    too_large,
)
from tasks.platform.errors import UsageError
from tasks.platform.settings import settings

# From here on the ratio tells a bomb; and the room that unpacking leaves on the disk.
TAR_RATIO_MATTERS_FROM = 2**30
ROOM_LEFT = 512 * 2**20
SCRATCH_DAYS = 7

_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


def open_tar(path: Path, start: bytes) -> "TarSource":
    """Open the tar at `path`, plain or compressed as its first bytes `start` say.

    Raises:
        UsageError: the file is no tar, or it is broken as a whole.
    """
    for magic, opener in _COMPRESSED.items():
        if start.startswith(magic):
            return TarSource(path, _unpacked(path, opener))
    return TarSource(path, path)


def is_compressed(start: bytes) -> bool:
    """Tell whether a file begins as one of the compressed forms that a tar comes in."""
    return start.startswith(tuple(_COMPRESSED))


class _Member(NamedTuple):
    offset: int
    size: int


class TarSource(PictureSource):
    """The files of a tar archive; `tar` is the same archive without compression."""

    def __init__(self, path: Path, tar: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._index: dict[str, _Member] = {}
        self._problems: list[Entry] = []
        self._hidden = 0
        self._file = tar.open("rb")
        try:
            self._read_index(tar.stat().st_size)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the archive."""
        self._file.close()

    def _read_index(self, length: int) -> None:
        """Note where each file lies, in one pass that jumps from header to header and keeps no header."""
        at = 0
        try:
            tar = tarfile.TarFile(fileobj=self._file, mode="r", encoding="utf-8")
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]
                if tar.offset <= at:
                    raise tarfile.ReadError("a header that leads backwards")
                at = tar.offset
                self._add(member)
            self._file.seek(at)
            rest = self._file.read(512)
            if rest.strip(b"\0"):
                raise tarfile.ReadError("no valid header there")
        except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, struct.error) as error:
            if not self._index and not self._problems:
                raise UsageError(f"{self._path}: a broken tar archive ({plain(error)}); give a whole one.") from error
            detail = f"what follows byte {at:,} of {length:,} cannot be read ({plain(error)})"
            self._problems.append(Entry("(rest of the archive)", problem="damaged-archive-entry", detail=detail))

    def _add(self, member: tarfile.TarInfo) -> None:
        path = escape(clean(member.name))
        if member.isdir():
            return
        if any(is_hidden(part) for part in path.split("/") if part != ".."):
            self._hidden += 1
            return
        problem = outside(member.name)
        if problem is None and (not member.isreg() or member.issparse()):
            problem = Entry(path, problem="not-a-file", detail="a link, device or sparse file, not a regular file")
        if problem:
            self._problems.append(problem)
            return
        if path in self._index:
            detail = "the archive holds this name again; the last one counts"
            self._problems.append(Entry(path, problem="duplicate-name", detail=detail))
        self._index[path] = _Member(member.offset_data, member.size)

    def entries(self) -> Iterator[Entry]:
        """Yield the files in the order of their names, after those that cannot be used."""
        self.skipped = self._hidden
        digest = sha256_of(self._path)
        yield from sorted(self._problems, key=lambda entry: entry.path)
        for path, (offset, size) in sorted(self._index.items()):
            large = too_large(size)
            stamp = f"{digest[:32]}-{offset}"
            yield replace(large, path=path) if large else Entry(path, size, stamp)

    def _first(self, path: str, size: int) -> bytes:
        if path not in self._index:
            raise PictureError("unreadable", "the archive no longer holds this entry")
        offset, length = self._index[path]
        wanted = min(size, length)
        with self._lock:
            self._file.seek(offset)
            content = self._file.read(wanted)
        if len(content) < wanted:
            raise damaged(f"the archive ends after {len(content):,} of the {length:,} bytes of the entry")
        return content


def _unpacked(path: Path, opener: Callable[[Path], Any]) -> Path:
    """Unpack a compressed tar into the scratch folder, once for its content, and return the plain tar.

    Raises:
        UsageError: the archive is broken or a bomb, or the disk is too small for it.
    """
    folder = settings().home / "scratch"
    target = folder / f"{sha256_of(path)}.tar"
    if target.is_file():
        os.utime(target)
        return target
    folder.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    part = folder / f"{uuid.uuid4().hex}.part"
    try:
        with opener(path) as packed, part.open("wb") as file:
            _copy_bounded(packed, file, path)
        if not tarfile.is_tarfile(part):
            raise UsageError(f"{path}: compressed, but not a tar archive; give a zip or tar of pictures.")
        part.replace(target)
    except (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
        if getattr(error, "errno", None):  # the disk, not the content
            raise UsageError(f"{path}: cannot be unpacked below {folder} ({plain(error)}).") from error
        raise UsageError(f"{path}: a broken compressed tar archive ({plain(error)}); give a whole one.") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _copy_bounded(packed: IO[bytes], file: IO[bytes], path: Path) -> None:
    limit = max(TAR_RATIO_MATTERS_FROM, MAX_RATIO * path.stat().st_size)
    written = 0
    while piece := packed.read(CHUNK):
        if written % (64 * CHUNK) == 0 and shutil.disk_usage(file.name).free < ROOM_LEFT:
            raise UsageError(
                f"{path}: no room to unpack it below {Path(file.name).parent}; free some or set CASEBOOK_HOME."
            )
        written += len(piece)
        if written > limit:
            raise UsageError(f"{path}: unpacks to more than {limit:,} bytes, which no collection of pictures does.")
        file.write(piece)


def _tidy(folder: Path) -> None:
    """Remove what no run has used for a week: unpacked archives, and parts that a killed run has left."""
    oldest = time.time() - SCRATCH_DAYS * 86400
    for file in (*folder.glob("*.tar"), *folder.glob("*.part")):
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)
