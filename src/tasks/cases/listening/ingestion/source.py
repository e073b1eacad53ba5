"""Where are the plays? The sample, the user's own exports, or the history that Last.fm keeps: `lastfm:<user>`."""

import re
import time
from datetime import UTC, datetime, timedelta

from tasks.cases.listening.ingestion.history import sync_history
from tasks.cases.listening.ingestion.lastfm import RecentTracks, api_address, lastfm_key
from tasks.cases.listening.sample import write_listening
from tasks.ingestion.files import Source, locate_files
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.storage import Folder
from tasks.platform.store import digest_file
from tasks.platform.text import shorten

PREFIX = "lastfm:"
USER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,31}")


@stage(phase="Data understanding", live=True, retries=2)
def locate_listening(source: str) -> Source:
    """Find the exports, or fetch a user's history from Last.fm.

    Args:
        source: sample, an export, a folder of exports, an https address of one, or `lastfm:<user>`.

    Raises:
        UsageError: a path that does not exist; a name, user or key that Last.fm does not take.
        TransientError: Last.fm does not answer; what has come is kept.
    """
    if source.startswith(PREFIX):
        return _fetched(source.removeprefix(PREFIX).strip())
    if source == "public":
        raise UsageError("public: nobody's listening history is public; give sample, a file, or lastfm:<user>.")
    return locate_files(source, write_listening, originals=(), suffixes=(".csv", ".tsv", ".txt"), several=True)


def _fetched(user: str) -> Source:
    """Return the history of a Last.fm user as a file of the cache."""
    if not USER.fullmatch(user):
        raise UsageError(f"{PREFIX}{shorten(user, 40)}: no name of a Last.fm user; give one, such as {PREFIX}rj.")
    if settings().offline:
        raise CasebookError(f"{PREFIX}{user}: CASEBOOK_OFFLINE forbids the network; unset it, or give an export.")
    name = user.lower()
    history = Folder(f"{settings().store_url}/lastfm/{name}")
    with RecentTracks(user, lastfm_key(), api_address()) as tracks:
        content = sync_history(history, tracks, int(time.time()))
    place = settings().cache_folder / "lastfm"
    Folder(str(place)).write_bytes(f"{name}.csv", content)
    file = place / f"{name}.csv"
    note = "fetched from Last.fm by user.getRecentTracks; the user's own"
    slug = f"lastfm-{re.sub(r'[^a-z0-9]+', '-', name).strip('-')}"
    return Source(name=slug, source=f"{PREFIX}{user}", files=[file], sha256=digest_file(file), note=note)


def latest_possible() -> str:
    """Return until when a play can have been, in UTC: the end of tomorrow, as clocks and zones differ."""
    return (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
