"""What has a user of Last.fm played? The API method user.getRecentTracks, page by page, within its rate limit.

https://www.last.fm/api/show/user.getRecentTracks: pages of at most 200 plays, the newest first; the track that is
playing now comes on top of every page and has no date; a page with a single play holds it without a list; errors are
JSON with a number. Last.fm allows five requests a second, averaged over five minutes.

The key comes from the environment (CASEBOOK_LASTFM_KEY) or from Prefect's Secret block `casebook-lastfm-key`. It goes
into the request and nowhere else: httpx would log the address with the key in it, so its log is silenced meanwhile.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.platform.addresses import refusal
from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.retries import PASSING_STATUS, PassingFaultError, ask_again, retry_after
from tasks.platform.settings import settings
from tasks.platform.text import shorten

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

ADDRESS = "https://ws.audioscrobbler.com/2.0/"
KEY_VARIABLE, KEY_BLOCK, ADDRESS_VARIABLE = "CASEBOOK_LASTFM_KEY", "casebook-lastfm-key", "CASEBOOK_LASTFM_URL"
PAGE = 200  # plays
ATTEMPTS = 5
LARGEST_ANSWER = 8 * 2**20  # bytes
PASSING_ERRORS = frozenset({8, 11, 16, 29})  # failed, offline, temporary, rate limit
KEY_ERRORS = frozenset({4, 10, 26})


class Page(NamedTuple):
    """One page of plays."""

    plays: list[list[str]]  # moment (seconds since 1970, or empty), artist, album, track
    pages: int
    total: int


def lastfm_key() -> str:
    """Return the user's key of the API.

    Raises:
        UsageError: there is none.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        from prefect.blocks.system import Secret

        with contextlib.suppress(ValueError):  # Prefect's way to say that there is no such block
            block: Any = Secret.load(KEY_BLOCK)
            key = str(block.get()).strip()
    if not key:
        raise UsageError(
            f"Last.fm wants a key: get one at last.fm/api/account/create, and set {KEY_VARIABLE} or Prefect's Secret"
            f" block {KEY_BLOCK}."
        )
    return key


def api_address() -> str:
    """Return where the API is: Last.fm, or the server that CASEBOOK_LASTFM_URL names (Libre.fm speaks it too).

    Raises:
        UsageError: the address is not https.
    """
    address = os.environ.get(ADDRESS_VARIABLE, "") or ADDRESS
    if refusal(address):
        raise UsageError(f"{ADDRESS_VARIABLE}: the key is sent to https addresses only; give one.")
    return address


class RecentTracks:
    """Asks for pages of a user's plays between two moments; use it as a context."""

    def __init__(self, user: str, key: str, address: str, interval: float = 0.25, first_wait: float = 1.0) -> None:
        """Prepare to ask.

        Args:
            user: name at Last.fm.
            key: of the API.
            address: of the API.
            interval: seconds between two requests at least.
            first_wait: seconds before the second attempt; it doubles each time, with jitter.
        """
        self.user, self.interval, self.first_wait = user, interval, first_wait
        self._key, self._address, self._last = key, address, 0.0
        self._client: httpx.Client | None = None

    def __enter__(self) -> "RecentTracks":
        import httpx

        self._client = httpx.Client(timeout=settings().network_timeout, follow_redirects=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            self._client.close()

    def page(self, number: int, since: int, until: int) -> Page:
        """Return page `number`, from 1, of the plays after `since` and before `until` (seconds since 1970).

        Raises:
            TransientError: every attempt met a passing fault.
            UsageError: the key or the user is refused.
            CasebookError: the history is private, or the API refuses for another reason.
        """

        def failed(fault: Exception, attempt: int) -> None:
            log.warning("Last.fm, page %d: %s (attempt %d of %d)", number, fault, attempt, ATTEMPTS)

        try:
            return ask_again(
                lambda: self._ask(number, since, until), ATTEMPTS, failed, time.sleep, first_wait=self.first_wait
            )
        except PassingFaultError as fault:
            raise TransientError(
                f"Last.fm does not give page {number} of {self.user}'s plays ({fault}; attempts: {ATTEMPTS});"
                " run again later, the pages that are here are kept."
            ) from None

    def _ask(self, number: int, since: int, until: int) -> Page:
        """Make one request."""
        import httpx

        if self._client is None:
            raise RuntimeError("RecentTracks is a context: with RecentTracks(…) as tracks")
        time.sleep(max(0.0, self._last + self.interval - time.monotonic()))
        self._last = time.monotonic()
        query = {
            "method": "user.getrecenttracks",
            "user": self.user,
            "api_key": self._key,
            "format": "json",
            "limit": str(PAGE),
            "page": str(number),
            "from": str(since),
            "to": str(until),
        }
        try:
            with _silent_httpx(), self._client.stream("GET", self._address, params=query) as answer:
                content = b""
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_ANSWER:
                        raise CasebookError(f"Last.fm, page {number}: an answer of more than {LARGEST_ANSWER:,} bytes.")
        except httpx.HTTPError as error:  # its text may hold the address, and so the key
            raise PassingFaultError(type(error).__name__) from None
        return self._judged(answer.status_code, retry_after(answer.headers.get("retry-after", "")), content, number)

    def _judged(self, status: int, wait: float | None, content: bytes, number: int) -> Page:
        """Sort an answer into a page, a passing fault, and a final one."""
        import json

        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict) and "error" in answer:
            self._refused(answer, wait)
        if status in PASSING_STATUS:
            raise PassingFaultError(f"HTTP {status}", wait)
        if status != 200:
            raise CasebookError(
                f"Last.fm answers HTTP {status} to page {number} of {shorten(self.user, 40)}; check the user's name."
            )
        page = _page(answer)
        if page is None:
            raise PassingFaultError("an answer that is no page of plays")
        return page

    def _refused(self, answer: dict[str, Any], wait: float | None) -> None:
        """Raise what an error of the API stands for."""
        code = answer["error"] if isinstance(answer["error"], int) else -1
        said = shorten(str(answer.get("message", "")).replace(self._key, "•••"), 120)
        if code in PASSING_ERRORS:
            raise PassingFaultError(f"error {code}: {said}", wait)
        if code in KEY_ERRORS:
            raise UsageError(f"Last.fm refuses the key (error {code}: {said}); set {KEY_VARIABLE} to a valid one.")
        if code == 17:
            raise CasebookError(f"The history of {self.user} is private (error 17); open it in Last.fm's settings.")
        raise UsageError(f"Last.fm refuses the user {self.user!r} (error {code}: {said}); check the name.")


@contextlib.contextmanager
def _silent_httpx() -> Iterator[None]:
    """Keep httpx from logging the address of a request, which holds the key."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore.http11", "httpcore.http2", "httpcore.proxy")]

    def refuse(_: logging.LogRecord) -> bool:
        return False

    for logger in loggers:
        logger.addFilter(refuse)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(refuse)


def _page(answer: Any) -> Page | None:
    """Read a page; None when the answer is none."""
    try:
        content = answer["recenttracks"]
        pages, total = int(content["@attr"]["totalPages"]), int(content["@attr"]["total"])
        tracks = content.get("track", [])
        tracks = tracks if isinstance(tracks, list) else [tracks]
        if pages < 0 or total < 0 or pages > total:
            return None
        plays = [_play(track) for track in tracks if not _is_playing(track)]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Page(plays, pages, total)


def _is_playing(track: dict[str, Any]) -> bool:
    return str(track.get("@attr", {}).get("nowplaying", "")).lower() == "true"


def _play(track: dict[str, Any]) -> list[str]:
    """Return moment, artist, album and track as text; what is missing is empty and goes to quarantine later."""
    date = track.get("date")
    artist, album = track.get("artist"), track.get("album")
    fields = (
        date.get("uts") if isinstance(date, dict) else "",
        (artist.get("#text") or artist.get("name")) if isinstance(artist, dict) else artist,
        album.get("#text") if isinstance(album, dict) else album,
        track.get("name"),
    )
    return [str(field) if isinstance(field, str | int) else "" for field in fields]
