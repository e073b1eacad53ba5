"""Pinned downloads: where does a public original come from, and is what we hold the file that was meant?

Every public file that a case uses is registered (`tasks.platform.originals`) with its address, SHA-256, size and
licence. `fetch` looks in the mirror folder (`CASEBOOK_MIRROR`, by file name; an air-gapped site fills it by hand), then
in the cache, then asks the network, and hands out nothing whose checksum is not the registered one.
"""

import contextlib
import hashlib
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from tasks.platform.addresses import refusal
from tasks.platform.digests import digest_file
from tasks.platform.errors import CasebookError, IntegrityError, UsageError
from tasks.platform.masking import mask_addresses, reveal
from tasks.platform.originals import ORIGINALS, Original, all_originals
from tasks.platform.settings import settings
from tasks.platform.transfer import Wanted, transfer

__all__ = [
    "ORIGINALS",
    "Original",
    "available",
    "cached_path",
    "fetch",
    "fetch_address",
    "original",
    "out_of_reach",
    "verify",
]

log = logging.getLogger(__name__)

ATTEMPTS = 5  # requests per file, the first one included
QUICK_SECONDS = 3.0  # how long the network may take for what is not a must


def original(name: str) -> Original:
    """Return the registered original called `name`.

    Raises:
        UsageError: no original has that name.
    """
    found = ORIGINALS.get(name) or all_originals().get(name)
    if found is None:
        raise UsageError(f"no pinned download is called {name!r}; there are {', '.join(sorted(ORIGINALS))}.")
    return found


def cached_path(item: Original) -> Path:
    """Return where `item` lies in the cache, whether it is there or not; another version never takes its place."""
    return settings().cache_folder / f"{item.sha256[:12]}-{item.file_name}"


def available(name: str) -> Path | None:
    """Return the verified file of the original `name` from the mirror or the cache, or None; never uses the network.

    Raises:
        UsageError: no original has that name.
        IntegrityError: the file is there with another checksum (one in the cache is removed, one in the mirror stays).
    """
    item = original(name)
    mirror = settings().mirror
    if mirror is not None and (mirror / item.file_name).is_file():
        verify(mirror / item.file_name, item, "replace it in the mirror folder that CASEBOOK_MIRROR names")
        return mirror / item.file_name
    path = cached_path(item)
    if not path.is_file():
        return None
    try:
        verify(path, item, "the damaged copy was removed from the cache, run again to download it anew")
    except IntegrityError:
        path.unlink(missing_ok=True)
        raise
    return path


def fetch(name: str, attempts: int = ATTEMPTS, timeout: float | None = None) -> Path:
    """Return the verified file of the original `name`: from the mirror, else the cache, else the network.

    Args:
        name: that it was registered by.
        attempts: how often a passing fault (timeout, broken connection, 5xx, 429) may be met before giving up.
        timeout: seconds to wait for a connection or a read; the setting `network_timeout` when None.

    Raises:
        UsageError: no original has that name.
        IntegrityError: the content has another checksum than the registered one; the message names both.
        TransientError: the network failed `attempts` times.
        CasebookError: the network must not be used, or the server refuses for good.
    """
    item = original(name)
    found = available(name)
    if found is not None:
        return found
    if settings().offline:
        raise CasebookError(
            f"{item.file_name} ({item.url}) is neither in the mirror nor in the cache, and CASEBOOK_OFFLINE forbids "
            f"the network: {_by_hand(item)}."
        )
    target = cached_path(item)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with _one_at_a_time(target.with_name(target.name + ".lock"), item):
        found = available(name)  # another process may have fetched it while this one waited
        if found is None:
            _download(item, part, max(1, attempts), timeout or settings().network_timeout)
            part.replace(target)
            found = target
    return found


def out_of_reach(*names: str) -> str:
    """Return why originals are neither at hand nor come quickly, to follow on "and"; "" when they are here now.

    For files that are not a must: the network is asked once and may take `QUICK_SECONDS`.

    Raises:
        IntegrityError: a file is not the registered one, which is a finding and not a missing network.
    """
    if all(available(name) for name in names):
        return ""
    if settings().offline:
        return "CASEBOOK_OFFLINE forbids the network"
    try:
        for name in names:
            fetch(name, attempts=1, timeout=min(QUICK_SECONDS, settings().network_timeout))
    except IntegrityError:
        raise
    except CasebookError:
        return f"the network does not give {'it' if len(names) == 1 else 'them'}"
    return ""


def fetch_address(url: str, folder: Path, most: int) -> Path:
    """Return a file fetched from an https address that nobody has pinned, fetched anew each time.

    Args:
        url: the address.
        folder: where the file is kept, under the digest of its address (without what is secret in it).
        most: bytes; a longer answer is refused.

    Raises:
        UsageError: the address is not https.
        TransientError: the network failed.
        CasebookError: the network must not be used, or the server refuses for good.
    """
    address, url = reveal(url), mask_addresses(url)
    shown = url.partition("?")[0]
    if reason := refusal(address):
        raise UsageError(f"{shown}: it {reason}; give an https address, or the path of a file.")
    if settings().offline:
        raise CasebookError(f"CASEBOOK_OFFLINE forbids to fetch {shown}; give the path of a file.")
    folder.mkdir(parents=True, exist_ok=True)
    ending = "".join(PurePosixPath(urlsplit(url).path).suffixes[-2:])
    target = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}{ending}"
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        transfer(Wanted(address, most, "check the address", url), part, ATTEMPTS, settings().network_timeout)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _by_hand(item: Original) -> str:
    """Say how a person provides the file."""
    how = item.upload_hint or f"download {item.url} elsewhere"
    return f"{how} and put it as {item.file_name} into the folder that CASEBOOK_MIRROR names"


# --- checksums -------------------------------------------------------------------------------------------------------


def verify(path: Path, item: Original, remedy: str) -> None:
    """Check the content of `path` against the registered SHA-256; a file that did not change is hashed once.

    Raises:
        IntegrityError: the checksum differs; the message names the file, both checksums and `remedy`.
    """
    digest = digest_file(path)
    if digest != item.sha256:
        raise IntegrityError(
            f"{path} ({path.stat().st_size:,} bytes) has SHA-256 {digest}, but {item.name} is pinned to {item.sha256} "
            f"({item.bytes:,} bytes): {remedy}."
        )


# --- one process at a time -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _one_at_a_time(path: Path, item: Original) -> Iterator[None]:
    """Hold the lock file `path`; the system releases it when the process ends, however it ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.warning("Another process is downloading %s; waiting for it.", item.file_name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _download(item: Original, part: Path, attempts: int, timeout: float) -> None:
    """Bring `part` to the registered content, going on where an earlier download stopped."""
    begun = part.is_file() and part.stat().st_size > 0
    try:
        _download_once(item, part, attempts, timeout)
    except IntegrityError:
        if not begun:
            raise
        # What an earlier run left may be damaged or belong to an older file: a clean start tells.
        log.warning("The unfinished download of %s did not fit; starting it anew.", item.file_name)
        _download_once(item, part, attempts, timeout)


def _download_once(item: Original, part: Path, attempts: int, timeout: float) -> None:
    """Transfer and verify; a wrong part is removed."""
    remedy = _by_hand(item)
    try:
        transfer(Wanted(item.url, item.bytes, remedy), part, attempts, timeout)
        verify(part, item, f"{item.url} does not give the pinned file, so the download was removed; {remedy}")
    except IntegrityError:
        part.unlink(missing_ok=True)
        raise
