"""Where in a zip is the table, and how is it read, or a gzip file, without trusting what it says of its size?"""

import gzip
import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tasks.platform.errors import ContractError


def find_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    """Return the member whose file name is `name`, the one least deep when there are several; None without one.

    Nothing is extracted by its path, so that no member can land outside.
    """
    found = [
        item
        for item in archive.infolist()
        if not item.is_dir()
        and PurePosixPath(item.filename).name.lower() == name
        and not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(item.filename).parts)
    ]
    return min(found, key=lambda item: (item.filename.count("/"), item.filename), default=None)


def is_gzip(file: Path) -> bool:
    """Tell by its first bytes whether a file is packed by gzip."""
    with file.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def unpacked(file: Path, most: int, name: str, remedy: str) -> bytes:
    """Return what a file holds, unpacked where gzip has packed it.

    Raises:
        ContractError: it holds more than `most` bytes, or is damaged; the sentence ends in `remedy`.
    """
    with gzip.open(file) if is_gzip(file) else file.open("rb") as stream:
        try:
            return Limited(stream, most, name).read()  # type: ignore[arg-type]
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ContractError(f"{name} is damaged ({str(error)[:80]}); fetch it again, or {remedy}.") from None


class Limited(io.RawIOBase):
    """A binary file of which at most `most` bytes can be read: more raises, whatever a header promised.

    Raises:
        ContractError: on reading more.
    """

    def __init__(self, file: IO[bytes], most: int, name: str) -> None:
        super().__init__()
        self._file, self._left, self._most, self._called = file, most, most, name

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`; return the number of bytes."""
        content = self._file.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise ContractError(f"{self._called} is larger than {self._most / 2**20:,.0f} MB; give a smaller file.")
        buffer[: len(content)] = content
        return len(content)
