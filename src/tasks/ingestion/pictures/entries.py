"""What does a collection of files look like, whichever way it is kept: as a folder, a zip or a tar?

A `PictureSource` lists its files as `Entry` records and reads them by path, in bounded pieces, from any thread. What it
cannot give is still listed, with the reason, so that nothing disappears without a word.

Paths are relative, with forward slashes, and always valid text: a byte that is no UTF-8 and an ASCII control character
are written `\\xNN`, a backslash is written `\\\\`, and nothing else is changed; `unescape` gives the exact name back.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.platform.errors import CasebookError

MAX_FILE_BYTES = 256 * 2**20
CHUNK = 2**20
# Pictures hardly shrink in an archive (a blank bitmap does, by a factor of a thousand): what grows more than this AND
# is large is a bomb.
MAX_RATIO = 200

_SYSTEM_FILES = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir"}
_CONTROL_OR_RAW = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")
_LEADS_OUT = re.compile(r"^(/|[A-Za-z]:)|\\|(^|/)\.\.(/|$)")
_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4})")


class PictureError(CasebookError):
    """One file that cannot be used; `reason` is the short code and `detail` the sentence for the quarantine."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a source: escaped path, size in bytes, a stamp that changes with its content, and what is wrong.

    `file` is the same for all names of one file (hard and symbolic links), "" where names cannot share one; `modified`
    is when it was last changed, in nanoseconds since 1970, 0 where that is not known.
    """

    path: str
    bytes: int = 0
    stamp: str = ""
    problem: str = ""
    detail: str = ""
    file: str = ""
    modified: int = 0


class PictureSource(ABC):
    """A collection of files that can be listed in a fixed order, and read by path from any thread."""

    #: Hidden and system files that `entries` has passed over.
    skipped: int = 0

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Yield every visible file, the unusable ones with their `problem`, in an order that depends on names only."""

    @abstractmethod
    def _first(self, path: str, size: int) -> bytes:
        """Return the first `size` bytes of a file, fewer only at its end."""

    @abstractmethod
    def close(self) -> None:
        """Close the open files."""

    def head(self, path: str, size: int = 512) -> bytes:
        """Return the first bytes of a file, to recognise it without reading the rest.

        Raises:
            PictureError: the file cannot be read.
        """
        return self._first(path, size)

    def read(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a whole file of at most `limit` bytes, whatever size it was listed with.

        Raises:
            PictureError: the file is larger than `limit` (`too-large`) or cannot be read.
        """
        content = self._first(path, limit + 1)
        if len(content) > limit:
            raise PictureError("too-large", f"the file is larger than {limit / 2**20:,.0f} MiB")
        return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def escape(name: str) -> str:
    """Turn a name as the system gives it (undecodable bytes as surrogates) into text that any file can hold."""
    return _CONTROL_OR_RAW.sub(_escape_one, name)


def _escape_one(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x5C:
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def unescape(path: str) -> str:
    """Return the name that `escape` was given."""
    return _ESCAPED.sub(_unescape_one, path)


def _unescape_one(match: re.Match[str]) -> str:
    if match[1] == "\\":
        return "\\"
    code = int(match[1][1:], 16)
    return chr(code + 0xDC00) if match[1][0] == "x" and code >= 0x80 else chr(code)


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder name is hidden or belongs to an operating system, not to the collection."""
    return name.startswith(".") or name.lower() in _SYSTEM_FILES


def too_large(size: int) -> Entry | None:
    """Return the problem of a file that is listed with too many bytes, or None."""
    if size <= MAX_FILE_BYTES:
        return None
    detail = f"the file has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read"
    return Entry("", size, "", "too-large", detail)


def outside(name: str) -> Entry | None:
    """Return the problem of an archive entry whose name is absolute or climbs out of the archive, or None."""
    if not _LEADS_OUT.search(name):
        return None
    return Entry(escape(name), problem="outside-archive", detail="the name leads out of the archive")


def clean(name: str) -> str:
    """Drop the empty and `.` parts of a name in an archive, as extracting it would."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def damaged(detail: str) -> PictureError:
    """Return the error of an archive entry that cannot be unpacked."""
    return PictureError("damaged-archive-entry", detail)


def plain(error: Exception) -> str:
    """Say what an exception said, without the place: the same fault reads the same on every machine."""
    message = error.strerror if isinstance(error, OSError) else str(error)
    return (message or str(error) or type(error).__name__).lower()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
