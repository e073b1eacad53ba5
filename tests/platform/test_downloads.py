"""Pinned downloads against a server that breaks off, lies, redirects, and changes its mind."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.platform import retries, transfer
from tasks.platform.downloads import ORIGINALS, Original, available, cached_path, fetch
from tasks.platform.errors import CasebookError, IntegrityError, TransientError, UsageError
from tasks.platform.settings import settings

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes
OTHER = CONTENT[:-1] + b"?"

Behaviour = Callable[[BaseHTTPRequestHandler], None]


def send(
    handler: BaseHTTPRequestHandler,
    status: int = 200,
    body: bytes = b"",
    length: int | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: BaseHTTPRequestHandler, content: bytes = CONTENT) -> None:
    """Answer as a good server does, ranges included."""
    wanted = handler.headers.get("Range")
    if wanted is None:
        return send(handler, 200, content)
    start = int(wanted.removeprefix("bytes=").rstrip("-"))
    if start >= len(content):
        return send(handler, 416, headers={"Content-Range": f"bytes */{len(content)}"})
    spans = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
    return send(handler, 206, content[start:], headers=spans)


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    """Promise everything, send 100,000 bytes, close."""
    send(handler, 200, CONTENT[:100_000], length=len(CONTENT))


def refuses(status: int, **headers: str) -> Behaviour:
    return lambda handler: send(handler, status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def redirects(location: str) -> Behaviour:
    return lambda handler: send(handler, 302, headers={"Location": location})


def sends(content: bytes) -> Behaviour:
    return lambda handler: send(handler, 200, content)


def sends_without_length(content: bytes) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return behave


class Server:
    """Answers the requests for /file in the order of `script`; the last behaviour stays."""

    def __init__(self) -> None:
        self.script: list[Behaviour] = [whole]
        self.ranges: list[str | None] = []
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.ranges.append(self.headers.get("Range"))
                behave = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                try:
                    behave(self)
                except ConnectionError:
                    self.close_connection = True  # the client went away, which some tests are about

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in list(os.environ):
        if name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)
    running = Server()
    item = Original(
        name="thing",
        file_name="thing.bin",
        url=f"{running.url}/file",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        licence="none",
        what="a test file",
    )
    monkeypatch.setitem(ORIGINALS, "thing", item)
    yield running
    running.stop()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between attempts are noted instead of waited; those of other threads are none of ours."""
    noted: list[float] = []
    monkeypatch.setattr(retries, "time", SimpleNamespace(sleep=noted.append, time=time.time))
    return noted


def use(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CASEBOOK_{name.upper()}", str(value))
    settings.cache_clear()


def part() -> Path:
    path = cached_path(ORIGINALS["thing"])
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".part")


def test_the_registry_is_sound():
    for name, item in ORIGINALS.items():
        assert name == item.name
        assert item.url.startswith("https://")
    assert len({item.file_name for item in ORIGINALS.values()}) == len(ORIGINALS)


def test_the_models_of_the_mirror_are_the_registered_ones(shared: Path, monkeypatch: pytest.MonkeyPatch):
    if not (shared / "models").is_dir():
        pytest.skip("no folder `shared/models` beside the checkout")
    use(monkeypatch, mirror=shared / "models", offline=1)
    for name in ("mobilenet_v2", "imagenet_labels"):
        assert fetch(name).parent == shared / "models"
        assert fetch(name).stat().st_size == ORIGINALS[name].bytes


@pytest.mark.parametrize("file_name", ["../x", "a/b", "/etc/passwd", ".hidden", "a\\b", "..", ""])
def test_a_file_name_never_leaves_its_folder(file_name: str):
    with pytest.raises(ValidationError):
        Original(name="x", file_name=file_name, url="https://x", sha256="0" * 64, bytes=1, licence="", what="")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="mobilenet_v2"):
        fetch("mobilenet_v3")


def test_a_good_server_is_asked_once(server: Server):
    assert available("thing") is None
    path = fetch("thing")
    assert path.read_bytes() == CONTENT
    assert available("thing") == path == fetch("thing")
    assert server.ranges == [None]
    assert not part().exists()


def test_a_broken_download_goes_on_where_it_stopped(server: Server, waits: list[float]):
    server.script = [breaks_off, whole]
    assert fetch("thing").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-"]
    assert len(waits) == 1


def test_an_unfinished_download_of_an_earlier_run_is_used(server: Server):
    part().write_bytes(CONTENT[:1234])
    assert fetch("thing").read_bytes() == CONTENT
    assert server.ranges == ["bytes=1234-"]


def test_a_server_that_ignores_the_range_starts_anew(server: Server):
    part().write_bytes(b"x" * 5000)
    server.script = [sends(CONTENT)]
    assert fetch("thing").read_bytes() == CONTENT


def test_a_part_of_something_else_is_thrown_away(server: Server):
    part().write_bytes(b"x" * 5000)
    assert fetch("thing").read_bytes() == CONTENT
    assert server.ranges == ["bytes=5000-", None]


def test_a_part_that_is_too_long_is_thrown_away(server: Server):
    part().write_bytes(CONTENT + b"more")
    assert fetch("thing").read_bytes() == CONTENT


def test_a_part_that_is_whole_needs_no_network(server: Server):
    part().write_bytes(CONTENT)
    assert fetch("thing").read_bytes() == CONTENT
    assert server.ranges == []


@pytest.mark.parametrize("span", ["bytes 0-307199/307200", "bytes 1234-9999/10000", "nonsense", "bytes */307200"])
def test_a_range_that_was_not_asked_for_starts_anew(server: Server, waits: list[float], span: str):
    part().write_bytes(CONTENT[:1234])
    server.script = [lambda handler: send(handler, 206, b"?" * 100, headers={"Content-Range": span}), whole]
    assert fetch("thing").read_bytes() == CONTENT
    assert server.ranges == ["bytes=1234-", None]


def test_a_range_that_the_server_does_not_have_starts_anew(server: Server, waits: list[float]):
    part().write_bytes(CONTENT[:1234])
    server.script = [refuses(416), whole]
    assert fetch("thing").read_bytes() == CONTENT


def test_passing_faults_are_met_with_growing_waits(server: Server, waits: list[float]):
    server.script = [refuses(500), refuses(503), refuses(429), whole]
    assert fetch("thing").read_bytes() == CONTENT
    assert [0.5 * 2**n <= wait <= 1.5 * 2**n for n, wait in enumerate(waits)] == [True] * 3


def test_a_server_may_ask_for_a_wait_but_not_for_any_wait(server: Server, waits: list[float]):
    server.script = [
        refuses(429, Retry_After="7"),
        refuses(503, Retry_After="86400"),
        refuses(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        refuses(503, Retry_After="soon"),
        whole,
    ]
    assert fetch("thing").read_bytes() == CONTENT
    for wait, asked in zip(waits, [7.0, retries.LONGEST_WAIT, 0.0], strict=False):
        assert asked <= wait <= min(asked + 0.2, retries.LONGEST_WAIT)
    assert 4 <= waits[3] <= 12


def test_passing_faults_end_at_the_number_of_attempts(server: Server, waits: list[float]):
    server.script = [refuses(500)]
    with pytest.raises(TransientError, match=r"HTTP 500.*CASEBOOK_MIRROR"):
        fetch("thing", attempts=3)
    assert len(server.ranges) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 304])
def test_a_refusal_is_final(server: Server, waits: list[float], status: int):
    server.script = [refuses(status)]
    with pytest.raises(CasebookError, match=rf"HTTP {status}.*thing\.bin") as caught:
        fetch("thing")
    assert not isinstance(caught.value, TransientError)
    assert len(server.ranges) == 1
    assert waits == []


def test_nobody_there_is_a_passing_fault(server: Server, waits: list[float], monkeypatch: pytest.MonkeyPatch):
    free = ORIGINALS["thing"].model_copy(update={"url": "http://127.0.0.1:9/file"})
    monkeypatch.setitem(ORIGINALS, "thing", free)
    with pytest.raises(TransientError, match="ConnectError"):
        fetch("thing", attempts=2, timeout=1)
    assert len(waits) == 1


def test_a_server_that_says_nothing_is_not_waited_for(server: Server):
    server.script = [lambda handler: server.release.wait(20) and None]
    with pytest.raises(TransientError, match="ReadTimeout"):
        fetch("thing", attempts=1, timeout=0.2)


def test_wrong_content_names_both_checksums_and_leaves_nothing(server: Server, waits: list[float]):
    server.script = [sends(OTHER)]
    with pytest.raises(IntegrityError) as caught:
        fetch("thing")
    message = str(caught.value)
    assert hashlib.sha256(OTHER).hexdigest() in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert "thing.bin" in message
    assert len(server.ranges) == 1
    assert list(settings().cache_folder.glob("*thing.bin*")) == [part().with_suffix(".lock")]


def test_a_shorter_file_names_both_checksums(server: Server):
    server.script = [sends(b"<html>not found</html>")]
    with pytest.raises(IntegrityError, match=hashlib.sha256(b"<html>not found</html>").hexdigest()):
        fetch("thing")
    assert not part().exists()


@pytest.mark.parametrize("behave", [sends, sends_without_length])
def test_a_longer_answer_is_cut_off(server: Server, behave: Callable[[bytes], Behaviour]):
    server.script = [behave(CONTENT * 50)]
    with pytest.raises(IntegrityError, match=r"more than the 307,200 bytes"):
        fetch("thing")
    assert not part().exists()


def test_a_wrong_part_and_a_wrong_server_end_in_an_error(server: Server):
    part().write_bytes(b"x" * 5000)
    server.script = [lambda handler: whole(handler, OTHER)]
    with pytest.raises(IntegrityError, match=hashlib.sha256(OTHER).hexdigest()):
        fetch("thing")
    assert not part().exists()


def test_a_redirect_on_this_machine_is_followed(server: Server):
    server.script = [redirects("/elsewhere"), redirects(f"{server.url}/there"), whole]
    assert fetch("thing").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://127.0.0.1.example.org:80/x", "http://127.0.0.1:x@example.org/"],
)
def test_a_redirect_away_from_https_is_refused(server: Server, location: str):
    server.script = [redirects(location)]
    with pytest.raises(CasebookError, match=r"leads to an address that is (no address|a .* only https)"):
        fetch("thing")
    assert len(server.ranges) == 1


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:99999999/"])
def test_a_redirect_to_no_address_is_an_error(server: Server, location: str):
    server.script = [redirects(location)]
    with pytest.raises(CasebookError, match=r"thing\.bin"):
        fetch("thing", attempts=1)


def test_redirects_in_a_circle_end(server: Server):
    server.script = [redirects("/file")]
    with pytest.raises(CasebookError, match="redirects more than 5 times"):
        fetch("thing")
    assert len(server.ranges) == 6


def test_https_never_leads_to_this_machine():
    wanted = transfer.Wanted("https://example.org/x", 1, "do")
    for address in ("http://127.0.0.1:80/", "http://example.org/", "file:///x"):
        with pytest.raises(CasebookError, match=r"only https|this machine|no address"):
            transfer.check_address(wanted, address)


def test_the_mirror_is_used_in_place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "thing.bin").write_bytes(CONTENT)
    use(monkeypatch, mirror=tmp_path, offline=1)
    assert fetch("thing") == available("thing") == tmp_path / "thing.bin"
    assert server.ranges == []


def test_a_wrong_file_in_the_mirror_is_an_error_and_stays(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "thing.bin").write_bytes(OTHER)
    use(monkeypatch, mirror=tmp_path)
    with pytest.raises(IntegrityError, match=hashlib.sha256(OTHER).hexdigest()):
        fetch("thing")
    assert (tmp_path / "thing.bin").read_bytes() == OTHER
    (tmp_path / "thing.bin").write_bytes(CONTENT)
    assert fetch("thing") == tmp_path / "thing.bin"


def test_a_mirror_without_the_file_leads_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, mirror=tmp_path / "missing")
    assert fetch("thing") == cached_path(ORIGINALS["thing"])


def test_a_damaged_cache_is_noticed_and_replaced_by_the_next_run(server: Server):
    path = fetch("thing")
    path.write_bytes(OTHER)
    with pytest.raises(IntegrityError, match="run again"):
        available("thing")
    assert fetch("thing").read_bytes() == CONTENT


def test_offline_says_what_to_do(server: Server, monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, offline=1)
    with pytest.raises(CasebookError) as caught:
        fetch("thing")
    for word in (f"{server.url}/file", "thing.bin", "CASEBOOK_MIRROR", "CASEBOOK_OFFLINE"):
        assert word in str(caught.value)
    assert server.ranges == []


def test_a_verified_file_is_hashed_once(server: Server, monkeypatch: pytest.MonkeyPatch):
    path = fetch("thing")
    os.utime(path, (1, 1))  # what was written a moment ago might still change unseen
    available("thing")
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    assert available("thing") == path


def test_two_at_once_download_once(server: Server):
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        server.release.wait(0.3)
        whole(handler)

    server.script = [slowly]
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(fetch("thing").read_bytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 4
    assert len(server.ranges) == 1


CHILD = """
import sys
from tasks.platform.downloads import ORIGINALS, Original, fetch
ORIGINALS["thing"] = Original.model_validate_json(sys.argv[1])
fetch("thing")
"""


def test_a_killed_download_goes_on_in_the_next_run(server: Server, home: Path):
    def stalls(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, CONTENT[:200_000], length=len(CONTENT))
        handler.wfile.flush()
        server.release.wait(60)

    server.script = [stalls, whole]
    environment = os.environ | {"CASEBOOK_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([sys.executable, "-c", CHILD, ORIGINALS["thing"].model_dump_json()], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not (part().exists() and part().stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    had = part().stat().st_size
    assert 0 < had <= 200_000
    assert fetch("thing").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={had}-"]


@given(st.text(max_size=40))
def test_any_retry_after_gives_a_wait_or_none(value: str):
    wait = retries.retry_after(value)
    assert wait is None or wait >= 0
