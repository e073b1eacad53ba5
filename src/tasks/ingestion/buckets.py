"""Which files lie behind an address of object storage? abfs://, s3:// and gs://, copied into the cache, bounded.

The credentials are those that fsspec's file systems find by themselves (environment, profile, identity of the machine);
none is taken from the address. A copy is used again as long as the storage says that its file is unchanged.
"""

import contextlib
import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.text import shorten

SCHEMES = {"abfs": "azure", "abfss": "azure", "az": "azure", "s3": "s3", "gs": "gcs", "gcs": "gcs"}  # -> our extra
LIBRARIES = {"botocore", "aiobotocore", "google", "gcsfs", "azure", "adlfs", "aiohttp"}  # with errors of their own
UNKNOWN_USER = ("Credential", "Auth", "Token")  # in the names of such errors
MOST_FILES = 10_000
MOST_BYTES = 20 * 2**30  # of all files together


def is_bucket(source: str) -> bool:
    """Tell an address of object storage from any other and from a path."""
    return urlsplit(source).scheme.lower() in SCHEMES if "://" in source else False


def fetched_below(source: str, suffixes: Sequence[str]) -> list[Path]:
    """Return copies of the files behind an address, by name, in folders as they lie there.

    Args:
        source: the address of a file, or of a folder with files at any depth.
        suffixes: the endings that a file may have, in lower case.

    Raises:
        UsageError: an address that holds credentials, nothing readable, or too much.
        TransientError: the storage does not answer.
    """
    if settings().offline:
        raise CasebookError(f"CASEBOOK_OFFLINE forbids to read {shorten(source, 200)}; give a path.")
    shown = shorten(source, 200)
    with answering(source):
        system, root = file_system(source)
        found = {str(name): info for name, info in system.find(root, detail=True).items()}
        wanted = [name for name in sorted(found) if name.lower().endswith(tuple(suffixes))]
        total = sum(int(found[name].get("size") or 0) for name in wanted)
        if not wanted or len(wanted) > MOST_FILES or total > MOST_BYTES:
            told = f"{len(wanted):,} files of {' or '.join(suffixes)}, {total / 2**20:,.0f} MB"
            raise UsageError(f"{shown} holds {told}; give the address of at least one and at most {MOST_FILES:,}.")
        base = root.rpartition("/")[0] if wanted == [root] else root
        folder = settings().cache_folder / "buckets" / hashlib.sha256(source.encode()).hexdigest()[:16]
        return [_copied(system, name, base, found[name], folder) for name in progress(wanted, "fetching", len(wanted))]


@contextlib.contextmanager
def answering(source: str) -> Iterator[None]:
    """Say in a sentence why a storage gives nothing, whichever of its libraries' errors says so.

    Raises:
        UsageError: nothing is at the address, or it may not be read.
        TransientError: the storage does not answer.
    """
    shown = shorten(source, 200)
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"{shown}: nothing is there; check the address.") from None
    except PermissionError:
        raise UsageError(
            f"{shown}: the storage refuses to be read; check the credentials in the environment."
        ) from None
    except Exception as error:
        if not is_of_storage(error):
            raise
        name = type(error).__name__
        if any(word in name for word in UNKNOWN_USER):
            raise UsageError(
                f"{shown}: no credentials for it are to be found ({name}); give them by the environment."
            ) from None
        raise TransientError(f"{shown} does not answer ({name}); run again later.") from None


def is_of_storage(error: Exception) -> bool:
    """Tell whether an error says that a storage gives nothing: one of the system, or of the storage's own library."""
    modules = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return isinstance(error, OSError) or bool(modules & LIBRARIES)


def file_system(source: str) -> tuple[Any, str]:
    """Return fsspec's file system of an address, and the path there.

    Raises:
        UsageError: the address holds credentials, cannot be opened, or needs a package that is not installed.
    """
    import fsspec

    if urlsplit(source).password or "?" in source:
        raise UsageError("The address of the storage holds credentials; give them by the environment.")
    scheme = urlsplit(source).scheme.lower()
    try:
        return fsspec.core.url_to_fs(source)  # type: ignore[no-any-return]
    except ImportError:
        extra = SCHEMES[scheme]
        raise UsageError(f"{scheme}:// needs a package that is not installed; install casebook[{extra}].") from None
    except ValueError as error:
        raise UsageError(f"{shorten(source, 200)} cannot be opened ({shorten(str(error), 120)}).") from None


def _copied(system: Any, name: str, base: str, info: dict[str, Any], folder: Path) -> Path:
    """Return the copy of a file, fetched unless the same version of it is there."""
    inner = PurePosixPath(name.removeprefix(base).lstrip("/"))
    parts = [re.sub(r"[^\w.=+@ -]", "_", part) for part in inner.parts if part not in {"", ".", ".."}]
    state = "|".join(
        str(info.get(key, "")) for key in ("size", "ETag", "etag", "mtime", "last_modified", "LastModified")
    )
    version = hashlib.sha256(f"{name}|{state}".encode()).hexdigest()[:12]
    target = folder.joinpath(version, *parts)
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            system.get_file(name, str(part))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target
