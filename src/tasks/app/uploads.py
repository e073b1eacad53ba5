"""What strangers upload: is it what it says, and small enough? Checked before anything looks at it.

The name that a browser sends is never used: what was uploaded lies in a folder of its own while it is asked about.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.entries import PictureError
from tasks.platform.errors import UsageError
from tasks.platform.hosting import UPLOAD_MEGABYTES
from tasks.platform.scratch import passing_folder

MOST_MEGABYTES = UPLOAD_MEGABYTES
PICTURES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
TABLES = ["csv", "txt"]
LONGEST_SIDE = 2048  # pixels that a picture is decoded to at most to be checked


def bounded(content: bytes) -> bytes:
    """Return content that is not empty and not too large.

    Raises:
        UsageError: it is either.
    """
    if not content:
        raise UsageError("The file is empty.")
    if len(content) > MOST_MEGABYTES * 2**20:
        raise UsageError(f"The file has {len(content) / 2**20:,.0f} MB; at most {MOST_MEGABYTES} MB are taken.")
    return content


@contextlib.contextmanager
def picture(content: bytes) -> Iterator[Path]:
    """Yield the path of an uploaded picture that can be decoded.

    Raises:
        UsageError: it is empty, too large, or no picture that is read.
    """
    try:
        decode(bounded(content), LONGEST_SIDE)
    except PictureError as error:
        raise UsageError(f"That is no picture that can be read: {error.detail}.") from None
    with laid(content, "your picture") as path:
        yield path


@contextlib.contextmanager
def table(content: bytes) -> Iterator[Path]:
    """Yield the path of an uploaded table; whoever reads it says what is wrong with its columns.

    Raises:
        UsageError: it is empty, too large, or no text.
    """
    if b"\0" in bounded(content)[:4096]:
        raise UsageError("That is no table of text; save it as CSV.")
    with laid(content, "your table.csv") as path:
        yield path


@contextlib.contextmanager
def laid(content: bytes, name: str) -> Iterator[Path]:
    """Yield a file with this content, which goes afterwards."""
    with passing_folder("uploaded-") as folder:
        path = folder / name
        path.write_bytes(content)
        yield path
