"""The API of Last.fm, spoken by a server of ours that fails, lies, dies and changes its mind."""

import csv
import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks.cases.listening.ingestion import history as lastfm_history
from tasks.cases.listening.ingestion.history import OVERLAP, sync_history
from tasks.cases.listening.ingestion.lastfm import PAGE, RecentTracks, api_address, lastfm_key
from tasks.cases.listening.ingestion.scrobbles import read_scrobbles
from tasks.cases.listening.ingestion.source import locate_listening
from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.settings import settings
from tasks.platform.storage import Folder

KEY = "0123456789abcdef-secret"
NOW = 1_700_000_000


class LastFm(ThreadingHTTPServer):
    """Serves a list of plays; `script` holds what to answer, instead of a page, to the next requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plays: list[tuple[int, str, str, str]] = []
        self.script: list[Any] = []
        self.asked: list[dict[str, str]] = []
        self.playing = True
        self.after_page: Any = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/2.0/"


class Handler(BaseHTTPRequestHandler):
    server: LastFm

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.asked.append(query)
        step = self.server.script.pop(0) if self.server.script else None
        if step == "hang up":
            self.close_connection = True
            return
        status, body, headers = step if isinstance(step, tuple) else (200, self._page(query), {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        if self.server.after_page:
            self.server.after_page(int(query["page"]))

    def _page(self, query: dict[str, str]) -> Any:
        if query.get("api_key") != KEY:
            return {"error": 10, "message": f"Invalid API key {query.get('api_key')}"}
        since, until, page = int(query["from"]), int(query["to"]), int(query["page"])
        found = sorted((play for play in self.server.plays if since < play[0] < until), reverse=True)
        limit = int(query["limit"])
        tracks: Any = [as_track(play) for play in found[(page - 1) * limit : page * limit]]
        if self.server.playing:
            now = {
                "artist": {"#text": "Now"},
                "album": {"#text": ""},
                "name": "Playing",
                "@attr": {"nowplaying": "true"},
            }
            tracks = [now, *tracks]
        pages = -(-len(found) // limit)
        attributes = {"page": str(page), "perPage": str(limit), "totalPages": str(pages), "total": str(len(found))}
        return {"recenttracks": {"track": tracks[0] if len(tracks) == 1 else tracks, "@attr": attributes}}


def as_track(play: tuple[int, str, str, str]) -> dict[str, Any]:
    second, artist, album, track = play
    return {
        "artist": {"#text": artist, "mbid": ""},
        "album": {"#text": album},
        "name": track,
        "date": {"uts": str(second), "#text": "some day"},
    }


@pytest.fixture
def server() -> Iterator[LastFm]:
    instance = LastFm()
    instance.plays = [(NOW - 100 * n, f"Artist {n % 7}", f"Album {n % 11}", f"Track {n}") for n in range(1, 851)]
    thread = threading.Thread(target=instance.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield instance
    instance.shutdown()
    instance.server_close()
    thread.join()


def sync(server: LastFm, folder: Path, now: int = NOW, key: str = KEY) -> list[tuple[int, str, str, str]]:
    with RecentTracks("rj", key, server.address, interval=0.0, first_wait=0.001) as tracks:
        content = sync_history(Folder(str(folder)), tracks, now)
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    assert rows[0] == ["uts", "artist", "album", "track"]
    return [(int(row[0]), row[1], row[2], row[3]) for row in rows[1:]]


def test_all_pages_arrive_once_newest_first(server: LastFm, tmp_path: Path) -> None:
    assert sync(server, tmp_path) == sorted(server.plays, reverse=True)
    assert [int(query["page"]) for query in server.asked] == [1, 2, 3, 4, 5]
    assert {query["to"] for query in server.asked} == {str(NOW)}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("playing", [True, False])
@pytest.mark.parametrize("count", [0, 1, PAGE, PAGE + 1])
def test_small_and_even_histories(server: LastFm, tmp_path: Path, count: int, playing: bool) -> None:
    server.plays, server.playing = server.plays[:count], playing
    assert sync(server, tmp_path) == server.plays


FAULTS: list[Any] = [
    (500, b"oops", {}),
    (503, b"", {"Retry-After": "0"}),
    (429, {"error": 29, "message": "Rate limit exceeded"}, {}),
    (200, {"error": 8, "message": "Operation failed"}, {}),
    (200, b"<html>not json", {}),
    (200, b"[" * 100_000, {}),
    (200, {"recenttracks": {"track": []}}, {}),
    (200, {"recenttracks": {"track": ["text"], "@attr": {"totalPages": "1", "total": "1"}}}, {}),
    (200, {"recenttracks": {"track": [], "@attr": {"totalPages": "-1", "total": "x"}}}, {}),
    (200, b"null", {}),
    "hang up",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_met_with_another_attempt(server: LastFm, tmp_path: Path, fault: Any) -> None:
    server.script = [None, fault, None, fault, fault]
    assert sync(server, tmp_path) == sorted(server.plays, reverse=True)


def test_a_fault_that_stays_is_transient_and_keeps_the_pages(server: LastFm, tmp_path: Path) -> None:
    server.script = [None, None, *[(500, b"", {})] * 5]
    with pytest.raises(TransientError, match="page 3"):
        sync(server, tmp_path)
    before = len(server.asked)
    assert sync(server, tmp_path, NOW + 50) == sorted(server.plays, reverse=True)
    assert [int(query["page"]) for query in server.asked[before:]] == [3, 4, 5]


@pytest.mark.parametrize("killed_at", [1, 2, 3, 5, 8, 9, 11])
def test_a_run_killed_at_any_write_loses_and_doubles_nothing(
    server: LastFm, tmp_path: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Die before and after each write and removal in turn, as kill -9 would, then run again later with new plays."""
    calls = 0
    for name in ("write_bytes", "remove"):
        whole = getattr(Folder, name)

        def dying(self: Folder, *args: Any, whole: Any = whole) -> None:
            nonlocal calls
            calls += 1
            if calls == killed_at:
                raise KeyboardInterrupt
            whole(self, *args)

        monkeypatch.setattr(Folder, name, dying)
    with pytest.raises(KeyboardInterrupt):
        sync(server, tmp_path)
    monkeypatch.undo()
    server.plays += [(NOW + 10, "New", "", "Play")]
    sync(server, tmp_path, NOW + 60)
    assert sync(server, tmp_path, NOW + 120) == sorted(server.plays, reverse=True)


def test_the_next_walk_is_short_and_takes_late_and_deleted_plays(server: LastFm, tmp_path: Path) -> None:
    server.plays = [(NOW - 40_000 * n, "A", "B", f"T{n}") for n in range(1, 600)]
    sync(server, tmp_path)
    server.plays.remove((NOW - 40_000, "A", "B", "T1"))
    server.plays += [
        (NOW + 5, "A", "B", "new"),
        (NOW - OVERLAP + 1, "A", "B", "late"),
        (NOW - OVERLAP, "A", "B", "edge"),
    ]
    before = len(server.asked)
    assert sync(server, tmp_path, NOW + 100) == sorted(server.plays, reverse=True)
    assert len(server.asked) == before + 1
    assert sync(server, tmp_path, NOW + 100) == sorted(server.plays, reverse=True)


def test_pages_that_move_are_walked_again(server: LastFm, tmp_path: Path) -> None:
    def late(page: int) -> None:
        if page == 2 and len(server.plays) == 850:
            server.plays.append((NOW - 55, "Late", "", "Upload"))

    server.after_page = late
    found = sync(server, tmp_path)
    assert found == sorted(server.plays, reverse=True)
    assert len(found) == 851


def test_a_history_that_never_rests_is_transient(server: LastFm, tmp_path: Path) -> None:
    server.after_page = lambda page: server.plays.append((NOW - 1 - len(server.asked), "L", "", "U"))
    with pytest.raises(TransientError, match="changes faster"):
        sync(server, tmp_path)


def test_a_damaged_page_and_a_damaged_history_are_fetched_again(server: LastFm, tmp_path: Path) -> None:
    server.script = [None, None, *[(500, b"", {})] * 5]
    with pytest.raises(TransientError):
        sync(server, tmp_path)
    next(tmp_path.glob("page-*-000001.json")).write_text('{"plays": [["x"')
    assert sync(server, tmp_path) == sorted(server.plays, reverse=True)
    file = next(tmp_path.glob("plays-*.csv"))
    file.write_bytes(file.read_bytes()[:1000])
    assert sync(server, tmp_path, NOW + 9) == sorted(server.plays, reverse=True)


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        ((403, {"error": 10, "message": f"Invalid API key {KEY}"}, {}), UsageError, "CASEBOOK_LASTFM_KEY"),
        ((404, {"error": 6, "message": "User not found"}, {}), UsageError, "check the name"),
        ((403, {"error": 17, "message": "Login required"}, {}), CasebookError, "private"),
        ((302, b"", {"Location": "http://evil.example/"}), CasebookError, "HTTP 302"),
        ((200, b"x" * (9 * 2**20), {}), CasebookError, "more than"),
        ((200, {"error": [], "message": {}}, {}), UsageError, "refuses"),
    ],
)
def test_a_refusal_is_one_sentence_without_the_key(
    server: LastFm, tmp_path: Path, step: Any, kind: type[CasebookError], words: str
) -> None:
    server.script = [step]
    with pytest.raises(kind, match=words) as caught:
        sync(server, tmp_path)
    assert not isinstance(caught.value, TransientError)
    assert KEY not in str(caught.value)
    assert len(server.asked) == 1


def test_plays_that_lack_fields_are_kept_for_quarantine(server: LastFm, tmp_path: Path) -> None:
    odd = {"name": None, "artist": 5, "album": [], "date": {"uts": None}}
    page = {"track": [odd, as_track((NOW - 5, "A", "", "T"))], "@attr": {"totalPages": "1", "total": "2"}}
    server.script = [(200, {"recenttracks": page}, {})]
    with RecentTracks("rj", KEY, server.address, interval=0.0) as tracks:
        content = sync_history(Folder(str(tmp_path / "store")), tracks, NOW)
    (tmp_path / "export.csv").write_bytes(content)
    result = read_scrobbles.fn([tmp_path / "export.csv"])
    assert result.frame["artist"].tolist() == ["A"]
    assert result.quarantine["reason"].tolist() == ["the date cannot be read"]


def test_the_rate_limit_is_kept(server: LastFm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    clock = SimpleNamespace(sleep=waits.append, monotonic=lambda: 100.0)  # in this module only: other threads sleep too
    monkeypatch.setattr("tasks.cases.listening.ingestion.lastfm.time", clock)
    with RecentTracks("rj", KEY, server.address) as tracks:
        sync_history(Folder(str(tmp_path)), tracks, NOW)
    assert waits[1:] == [0.25] * 4


def test_a_source_of_lastfm_becomes_an_export_and_the_key_stays_hidden(
    server: LastFm, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CASEBOOK_LASTFM_KEY", KEY)
    monkeypatch.setenv("CASEBOOK_LASTFM_URL", server.address)
    settings.cache_clear()
    server.plays = server.plays[:30]
    server.script = [(500, b"", {"Retry-After": "0"})]
    with caplog.at_level(logging.DEBUG):
        where = locate_listening.fn("lastfm:RJ")
    assert (where.name, where.source) == ("lastfm-rj", "lastfm:RJ")
    assert "attempt 1" in caplog.text
    assert KEY not in caplog.text
    assert KEY not in where.model_dump_json()
    result = read_scrobbles.fn(where.files)
    assert len(result.frame) == 30
    assert result.frame["moment"].astype("int64").tolist() == [play[0] * 10**6 for play in server.plays]
    kept = [file for file in home.rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept if KEY.encode() in file.read_bytes()]
    assert locate_listening.fn("lastfm:RJ").sha256 == where.sha256


@pytest.mark.parametrize("user", ["", "a", "../../etc", "a b", "a/b", "x" * 60, "1user"])
def test_no_user_name_is_one_sentence(user: str) -> None:
    with pytest.raises(UsageError, match="no name of a Last"):
        locate_listening.fn(f"lastfm:{user}")


def test_other_wrong_sources_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        locate_listening.fn("/no/such/file.csv")
    with pytest.raises(UsageError, match="public"):
        locate_listening.fn("public")
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE"):
        locate_listening.fn("lastfm:rj")


def test_the_key_goes_to_safe_addresses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("http://ws.audioscrobbler.com/2.0/", "ftp://127.0.0.1:21/", "http://127.0.0.1.evil.example:80/"):
        monkeypatch.setenv("CASEBOOK_LASTFM_URL", address)
        with pytest.raises(UsageError, match="https addresses only"):
            api_address()


def test_the_key_comes_from_the_environment_or_a_secret_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.system import Secret

    class Block:
        def get(self) -> str:
            return KEY

    def absent(name: str) -> Block:
        raise ValueError(f"Unable to find block document named {name}")

    monkeypatch.setattr(Secret, "load", absent)
    with pytest.raises(UsageError, match="CASEBOOK_LASTFM_KEY"):
        lastfm_key()
    monkeypatch.setattr(Secret, "load", lambda name: Block() if name == "casebook-lastfm-key" else absent(name))
    assert lastfm_key() == KEY
    monkeypatch.setenv("CASEBOOK_LASTFM_KEY", " other ")
    assert lastfm_key() == "other"


def test_pages_are_bounded(server: LastFm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lastfm_history, "MOST_PAGES", 2)
    with pytest.raises(CasebookError, match="more than"):
        sync(server, tmp_path)
