"""Which files does a zip archive hold, and how are they read without trusting what the archive says of itself?

Entries are never extracted by name, so none can land outside; sizes are checked while reading.
"""

import lzma
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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

RATIO_MATTERS_FROM = 32 * 2**20

_ZIP_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, RuntimeError, OverflowError),
)


class ZipSource(PictureSource):
    """The files of a zip archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._zip = zipfile.ZipFile(path)
        except _ZIP_FAULTS as error:
            raise UsageError(f"{path}: a broken zip archive ({error}); give a whole one.") from error
        self._files = [(_zip_name(item), item) for item in self._zip.infolist() if not item.is_dir()]
        # A name that comes twice: the last one counts, as when the archive is extracted.
        self._index = {escape(clean(name)): item for name, item in self._files if not outside(name)}

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()

    def entries(self) -> Iterator[Entry]:
        """Yield the files in the order of their names."""
        self.skipped = 0
        digest = sha256_of(self._path)
        for name, item in sorted(self._files, key=lambda pair: (escape(clean(pair[0])), pair[1].header_offset)):
            path = escape(clean(name))
            if any(is_hidden(part) for part in path.split("/") if part != ".."):
                self.skipped += 1
                continue
            stamp = f"{digest[:32]}-{item.CRC:08x}-{item.header_offset}"
            yield outside(name) or self._problem(path, item) or Entry(path, item.file_size, stamp)

    def _problem(self, path: str, item: zipfile.ZipInfo) -> Entry | None:
        if self._index[path] is not item:
            return Entry(
                path, problem="duplicate-name", detail="the archive holds this name again; the last one counts"
            )
        kind = stat.S_IFMT(item.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            return Entry(path, problem="not-a-file", detail="a link or device, not a regular file")
        if item.flag_bits & 1:
            return Entry(path, problem="encrypted", detail="the entry asks for a password")
        if item.file_size > RATIO_MATTERS_FROM and item.file_size > MAX_RATIO * max(1, item.compress_size):
            detail = f"{item.compress_size:,} bytes that claim to unpack to {item.file_size:,}"
            return Entry(path, problem="decompression-bomb", detail=detail)
        large = too_large(item.file_size)
        return replace(large, path=path) if large else None

    def _first(self, path: str, size: int) -> bytes:
        item = self._index.get(path)
        if item is None:
            raise PictureError("unreadable", "the archive no longer holds this entry")
        # bzip2 and LZMA unpack all of the input that one read takes in, so it must be little.
        step = CHUNK if item.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else 4096
        pieces: list[bytes] = []
        try:
            with self._lock:  # opening and closing count references to the file, which threads must not do at once
                file = self._zip.open(item)
            try:
                while size > 0 and (piece := file.read(min(step, size))):
                    pieces.append(piece)
                    size -= len(piece)
            finally:
                with self._lock:
                    file.close()
        except NotImplementedError as error:  # before the others: it is a RuntimeError
            raise PictureError(
                "unsupported", f"the entry is packed in a way that is not read here ({error})"
            ) from error
        except _ZIP_FAULTS as error:
            raise damaged(f"the entry cannot be unpacked ({plain(error)})") from error
        return b"".join(pieces)


def _zip_name(item: zipfile.ZipInfo) -> str:
    """Return the name of a zip entry; many tools write UTF-8 without saying so, which then reads as code page 437."""
    if item.flag_bits & 0x800:
        return item.orig_filename
    try:
        return item.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return item.orig_filename
