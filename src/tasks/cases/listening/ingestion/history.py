"""How does a user's whole history arrive whole, although runs are killed and the history grows meanwhile?

A walk asks for all pages between two fixed moments, so that new plays move no page, and keeps each page as it comes: a
walk that was killed goes on at the first page that is missing. When all pages are there, one file with the whole
history replaces the one before in one step; only then are the pages removed. Killed in between, the next run finds
either the old history and the pages, or the new history.

The next walk begins two weeks before the end of the last one, because players that were offline hand in plays late,
and what it finds replaces what was known of that time: nothing doubles, and what the user has deleted is gone.
"""

import csv
import hashlib
import io
import json
import logging
import re
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from tasks.cases.listening.ingestion.lastfm import Page, RecentTracks
from tasks.platform.errors import CasebookError, TransientError
from tasks.platform.progress import progress
from tasks.platform.storage import Folder

log = logging.getLogger(__name__)

OVERLAP = 14 * 86_400  # seconds: Last.fm takes plays that are up to two weeks old
HEADER = ["uts", "artist", "album", "track"]
WALKS = 3  # attempts to walk through a history that changes meanwhile
MOST_PAGES = 50_000  # ten million plays
HISTORY = re.compile(r"\Aplays-(\d{1,12})-([0-9a-f]{16})\.csv\Z")
WALK = "walk.json"


class Known(NamedTuple):
    """The history as an earlier run left it."""

    until: int  # seconds since 1970; 0 for nothing
    plays: list[list[str]]


class Walk(BaseModel):
    """A walk that has begun: which plays it is after, in seconds since 1970."""

    since: int
    until: int


class _KeptPage(BaseModel):
    plays: list[list[str]]
    pages: int
    total: int


def sync_history(folder: Folder, tracks: RecentTracks, now: int) -> bytes:
    """Bring the history in `folder` up to date; return it as CSV, the newest play first.

    Args:
        folder: where this user's history and pages are kept.
        tracks: asks the API.
        now: seconds since 1970; the walk ends here, unless one that was begun is finished first.

    Raises:
        TransientError: a passing fault outlasted all attempts, or the history changes faster than it is read.
        CasebookError: the API refuses.
    """
    known = _known(folder)
    since = max(0, known.until - OVERLAP)
    for attempt in range(1, WALKS + 1):
        walk = _begun(folder, since, now)
        found = _walk(folder, tracks, walk, last=attempt == WALKS)
        if found is not None:
            return _commit(folder, known, walk, found)
        _drop_walk(folder)
    raise TransientError(f"{tracks.user}'s history changes faster than it can be read; run again later.")


def _known(folder: Folder) -> Known:
    """Read the newest history that is whole; none when there is none."""
    names = [match for match in map(HISTORY.match, folder.names(".csv")) if match]
    for match in sorted(names, key=lambda found: int(found[1]), reverse=True):
        content = folder.read_bytes(match[0], missing_ok=True)
        if content is not None and _digest(content) == match[2]:
            rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
            return Known(int(match[1]), rows[1:])
    return Known(0, [])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _begun(folder: Folder, since: int, now: int) -> Walk:
    """Return the walk that a killed run has left, when it is after the same plays; else begin one."""
    try:
        walk = Walk.model_validate_json(folder.read_bytes(WALK, missing_ok=True) or b"")
        if walk.since == since and walk.until <= now:
            return walk
    except ValidationError:  # none, or a damaged one
        log.debug("no walk to go on with")
    _drop_walk(folder)
    walk = Walk(since=since, until=now)
    folder.write_bytes(WALK, walk.model_dump_json().encode())
    return walk


def _walk(folder: Folder, tracks: RecentTracks, walk: Walk, last: bool) -> list[list[str]] | None:
    """Return the plays of all pages; None when the history has changed under way, so that pages may have moved."""
    first = _page(folder, tracks, walk, 1)
    if first.pages > MOST_PAGES:
        raise CasebookError(f"Last.fm announces {first.pages:,} pages, more than {MOST_PAGES:,}; ask for another user.")
    plays = list(first.plays)
    for number in progress(range(2, first.pages + 1), f"plays of {tracks.user}", unit="pages"):
        page = _page(folder, tracks, walk, number)
        if (page.total, page.pages) != (first.total, first.pages):
            return None
        plays += page.plays
    if len(plays) != first.total:
        if not last:
            return None
        log.warning("Last.fm counts %d plays of %s and gives %d.", first.total, tracks.user, len(plays))
    return plays


def _page(folder: Folder, tracks: RecentTracks, walk: Walk, number: int) -> Page:
    """Return a page: the one that is kept, or a new one, which is kept before it is used."""
    name = f"page-{walk.until}-{number:06}.json"
    try:
        kept = _KeptPage.model_validate_json(folder.read_bytes(name, missing_ok=True) or b"")
        return Page(kept.plays, kept.pages, kept.total)
    except ValidationError:  # not there, or damaged
        page = tracks.page(number, max(0, walk.since - 1), walk.until)
    folder.write_bytes(name, json.dumps(page._asdict()).encode())
    return page


def _second(play: list[str]) -> int | None:
    return int(play[0]) if play[0].isdecimal() and len(play[0]) < 16 else None


def _commit(folder: Folder, known: Known, walk: Walk, found: list[list[str]]) -> bytes:
    """Join what was known with what was found, and let it replace what was known."""
    before = [play for play in known.plays if (second := _second(play)) is not None and second < walk.since]
    new = [play for play in found if (second := _second(play)) is not None and second >= walk.since]
    undated = [play for play in [*found, *known.plays] if _second(play) is None]
    new.sort(key=lambda play: int(play[0]), reverse=True)  # stable: plays of one second stay as they came
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([*new, *before, *(list(play) for play in dict.fromkeys(map(tuple, undated)))])
    content = text.getvalue().encode("utf-8", "replace")
    name = f"plays-{walk.until}-{_digest(content)}.csv"
    folder.write_bytes(name, content)
    for old in folder.names(".csv"):
        if old != name:
            folder.remove(old)
    _drop_walk(folder)
    return content


def _drop_walk(folder: Folder) -> None:
    """Remove a walk and its pages."""
    folder.remove(WALK)
    for name in folder.names(".json"):
        if name.startswith("page-"):
            folder.remove(name)
