"""What the user names as a source: a path that must be there, or an address to fetch, and a short name for either."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.platform.errors import UsageError
from tasks.platform.settings import settings
from tasks.platform.text import shorten

MOST_BYTES = 20 * 2**30  # of a file behind an address
FETCHED = "fetched from the given address; its content is not pinned"
OWN = "the user's own"


def is_address(source: str) -> bool:
    """Tell an address from a path."""
    return bool(re.match(r"[a-z][a-z0-9+.-]*://", source, re.IGNORECASE))


def existing(source: str, give: str) -> Path:
    """Return the absolute path of a file or folder.

    Args:
        source: the path as the user typed it.
        give: what to give instead where there is nothing.

    Raises:
        UsageError: there is nothing at that path.
    """
    path = Path(source).expanduser().absolute()
    if not source or not path.exists():
        raise UsageError(f"{source or 'an empty source'}: no such file or folder; give {give}.")
    return path


def fetched(url: str, suffixes: Sequence[str] = ()) -> Path:
    """Return the file behind an https address, fetched into the cache.

    Args:
        url: the address.
        suffixes: the endings that a file may have, in lower case; any where none is said. An address without an ending
            is taken at its word.

    Raises:
        UsageError: an address of another kind of file, or that is not https.
        CasebookError: a download that failed.
    """
    from tasks.platform.downloads import fetch_address

    suffix = Path(unquote(urlsplit(url).path)).suffix.lower()
    if suffixes and suffix and suffix not in suffixes:
        raise UsageError(f"{shorten(url, 200)}: an address of a {' or '.join(suffixes)} file is wanted.")
    return fetch_address(url, settings().cache_folder / "addresses", MOST_BYTES)


def name_of(source: str, otherwise: str = "data") -> str:
    """Return a name that tells sources apart, from letters, digits and hyphens; secrets of an address do not show.

    Args:
        source: a path, or an address.
        otherwise: the word for a source whose last part holds neither letter nor digit.
    """
    if is_address(source):
        whole = urlsplit(source)._replace(query="", fragment="").geturl()
        last = Path(urlsplit(source).path).stem
    else:
        path = Path(source).expanduser().resolve()
        whole, last = str(path), path.stem
    words = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:32]
    return f"{words or otherwise}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"
