"""Which faults of a machine end a run that nobody programmed, and what is to be said of them? One sentence each.

Memory that is short, a disk that is full, a place that cannot be written, a server that went away under a run: they
come as whatever the library at hand makes of them, deep inside, and are known here by what lies at the bottom.
"""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tasks.platform import server
from tasks.platform.errors import CasebookError
from tasks.platform.settings import settings
from tasks.platform.storage import is_url
from tasks.platform.text import shorten

AGAIN = "what was done is kept, and the same command goes on from there"
LONGEST = 1_900  # characters of what is said
FULL = {errno.ENOSPC, errno.EDQUOT}
SHORT = (
    "cannot allocate memory",
    "out of memory",
    "outofmemory",
    "bad_alloc",
    "insufficient memory",
    "failed to allocate",
    "can't start new thread",
    "resource temporarily unavailable",
    "could not create a primitive",
    "oom when allocating",
    "thread constructor failed",
    "pthread_create",
    "terminatedworkererror",
    "unable to allocate",
)
OF_THE_SERVER = {"httpx", "httpcore", "websockets"}  # modules
GONE = {"ObjectNotFound", "Failed to reach API"}


def explained(error: BaseException) -> CasebookError | None:
    """Return what to tell the user of an error of ours, or of a fault of the machine; None when it is neither."""
    if isinstance(error, CasebookError):
        return error
    chain = list(_chain(error))
    if short_of_memory(error):
        return CasebookError(
            f"Memory was short; end other programs, take a part of the data, or set CASEBOOK_THREADS=1: {AGAIN}."
        )
    if (full := full_place()) or any(isinstance(item, OSError) and item.errno in FULL for item in chain):
        return CasebookError(f"The disk of {full or _named(chain)} is full; free some space there: {AGAIN}.")
    for item in _causes(error):  # what was caught on the way does not count
        if isinstance(item, OSError) and not isinstance(item, ConnectionError | TimeoutError):
            what = f"{item.filename or 'The system'}: {item.strerror or item}"
            return CasebookError(f"{what}; mend it, then run the same command again.")
        if isinstance(item, OSError) or _is_of_the_server(item):
            return CasebookError(_server_fault(error))
    return None


def told(error: Exception) -> int:
    """Tell the user of a fault in one sentence on standard error; return the exit status. Call it in an `except`.

    Raises:
        Exception: `error` itself, a fault of ours, whose traceback is wanted.
    """
    known = explained(error)
    if known is None:
        raise error
    print(f"casebook: {shorten(str(known), LONGEST)}", file=sys.stderr, flush=True)  # names of files hold line breaks
    return known.exit_status


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the error first."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        item = queue.pop(0)
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        queue += [item.__cause__, item.__context__]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    item: BaseException | None = error
    while item is not None:
        yield item
        item = item.__cause__


def _is_of_the_server(error: BaseException) -> bool:
    """Tell whether an error is one of talking to a Prefect server."""
    modules = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return bool(modules & OF_THE_SERVER) or any(word in f"{type(error).__name__} {error}"[:300] for word in GONE)


def short_of_memory(error: BaseException) -> bool:
    """Tell whether an error came from a lack of memory, of the machine or of a GPU."""
    return any(_is_short_of_memory(item) for item in _chain(error))


def _is_short_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if isinstance(error, CasebookError):
        return False
    said = f"{type(error).__name__} {str(error)[:2000]}".lower()
    return any(word in said for word in SHORT)


def full_place() -> Path | None:
    """Return the place of ours whose disk is full; None when there is room everywhere."""
    chosen = settings()
    store = [] if is_url(chosen.store_url) else [Path(chosen.store_url)]
    for place in (chosen.home, *store, chosen.output, Path(tempfile.gettempdir())):
        there = next((item for item in (place, *place.absolute().parents) if item.exists()), None)
        if there and shutil.disk_usage(there).free < server.LITTLE_DISK / 20:
            return place
    return None


def _named(chain: list[BaseException]) -> str:
    names = [item.filename for item in chain if isinstance(item, OSError) and item.filename]
    return str(names[0]) if names else str(settings().home)


def _api_url() -> str:
    """Return the address of the API that the run reported to; it is out of the environment when a command ends."""
    prefect = sys.modules.get("prefect.settings")
    return os.environ.get("PREFECT_API_URL") or str(prefect.PREFECT_API_URL.value() or "" if prefect else "")


def _server_fault(error: BaseException) -> str:
    """Say that the Prefect server failed under the run.

    One whose database is damaged is ended, so that the next command starts another, which puts the database aside.
    """
    from tasks.platform import databases, lingering

    url = _api_url()
    said = shorten(str(error), 200) or type(error).__name__
    if url and not server.healthy(url):
        return f"The Prefect server at {url} went away under the run ({said}); run again: {AGAIN}."
    if not databases.prefect_is_whole():
        lingering.stop()
        return f"Prefect's database {databases.of_prefect()} is damaged; run again: it is put aside then, and {AGAIN}."
    log = settings().home / "server" / "prefect.log"
    return f"The Prefect server at {url} failed ({said}); its log is {log}; run again: {AGAIN}."
