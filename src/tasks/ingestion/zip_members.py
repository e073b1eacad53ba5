"""Where in a zip is the table, and how is it read without trusting what the archive says of its size?"""

import io
import zipfile
from pathlib import PurePosixPath
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
