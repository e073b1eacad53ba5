"""Which pictures lie behind an address of object storage, and how is each read without a copy of all of them?

The credentials are those that fsspec's file systems find by themselves; none is taken from the address.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tasks.ingestion.buckets import answering, file_system, is_of_storage
from tasks.ingestion.pictures.entries import Entry, PictureError, PictureSource, escape, is_hidden, too_large, unescape
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.settings import settings
from tasks.platform.text import shorten


class StoredSource(PictureSource):
    """The files below an address such as `s3://bucket/pictures`."""

    def __init__(self, address: str) -> None:
        """Open an address.

        Raises:
            UsageError: it holds credentials, or cannot be opened.
            CasebookError: the settings forbid the network.
        """
        if settings().offline:
            raise CasebookError(f"CASEBOOK_OFFLINE forbids to read {shorten(address, 200)}; give a path.")
        self._address, self._shown = address, shorten(address, 200)
        self._system, root = file_system(address)
        self._root = root.rstrip("/")

    def close(self) -> None:
        """Nothing stays open between two reads."""

    def entries(self) -> Iterator[Entry]:
        """Yield the files in the order of their names.

        Raises:
            UsageError: nothing is there, or it may not be read.
            TransientError: the storage does not answer.
        """
        with answering(self._address):
            found = {str(name): info for name, info in self._system.find(self._root, detail=True).items()}
        if not found:
            raise UsageError(f"{self._shown}: nothing is there; check the address.")
        self.skipped = 0
        for name in sorted(found):
            inner = name.removeprefix(self._root).lstrip("/") or name.rpartition("/")[2]
            if any(map(is_hidden, inner.split("/"))):
                self.skipped += 1
                continue
            size = int(found[name].get("size") or 0)
            path, stamp = escape(inner), _stamp(found[name])
            problem = too_large(size)
            if problem:
                yield Entry(path, size, stamp, problem.problem, problem.detail)
            else:
                yield Entry(path, size, stamp)

    def _first(self, path: str, size: int) -> bytes:
        name = f"{self._root}/{unescape(path)}"
        try:
            return bytes(self._system.cat_file(name, start=0, end=size))
        except Exception as error:
            if not (isinstance(error, ValueError) or is_of_storage(error)):
                raise
            raise PictureError("unreadable", f"the storage does not give it ({type(error).__name__})") from error


def _stamp(info: dict[str, Any]) -> str:
    """Return what changes with a file; storages name it in different ways."""
    names = ("size", "ETag", "etag", "md5Hash", "content_md5", "mtime", "last_modified", "LastModified", "created")
    values = (info.get(name) for name in names)
    return "-".join(value.isoformat() if isinstance(value, datetime) else str(value) for value in values if value)
