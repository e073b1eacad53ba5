"""The server that stays a little: found again, never trusted blindly, gone when nobody uses it, however things end."""

import http.server
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tasks.platform import keys, server
from tasks.platform.api import prefect_api
from tasks.platform.errors import CasebookError
from tasks.platform.lingering import LingeringServer, environment_digest, lingering_server, stop
from tasks.platform.locks import alone, claim_life, in_use, note_of_lingering, starting_lock, unused_for
from tasks.platform.server import TemporaryServer, is_ours, read_note, start_failure
from tasks.platform.settings import prefect_environment, settings


def wait_for(question: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_gone(process: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout
    return not state.strip() or state.startswith("Z")


def lives() -> bool:
    life = claim_life()
    if life is not None:
        os.close(life)
    return life is None


@pytest.fixture
def lingering(home: Path, prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home with a database, where servers stay for three seconds."""
    shutil.copytree(prefect_home, home)
    monkeypatch.setenv("CASEBOOK_SERVER_MINUTES", "0.05")
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    for name, value in prefect_environment().items():
        monkeypatch.setenv(name, value)
    yield
    stop()


@pytest.mark.slow
@pytest.mark.usefixtures("lingering")
def test_commands_share_a_server_which_survives_them_and_not_a_kill(monkeypatch: pytest.MonkeyPatch):
    def once(_: int) -> str:
        with lingering_server() as found:
            assert found
            found.wait()
            return found.url

    with ThreadPoolExecutor(2) as both:
        first, second = both.map(once, range(2))
    assert first == second  # two at once started one
    process = read_note(note_of_lingering())["pid"]
    with prefect_api() as found:
        assert found
        assert found.url == first
        assert os.environ["PREFECT_API_URL"] == f"{first}/api"
        assert os.environ["PREFECT_API_AUTH_STRING"] == keys.auth_string()
        time.sleep(4)  # longer than it stays unused
        assert is_ours(first)
    assert "PREFECT_API_URL" not in os.environ
    os.kill(process, signal.SIGKILL)
    wait_for(lambda: not lives())
    again = once(0)
    assert is_ours(again)
    assert read_note(note_of_lingering())["pid"] != process
    wait_for(lambda: not lives())  # its three seconds are over
    assert not note_of_lingering().exists()
    assert not is_ours(again)


def test_a_program_that_took_the_port_is_not_sent_the_key(home: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []

    class Thief(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"proof": "' + b"0" * 64 + b'"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    monkeypatch.setenv("CASEBOOK_SERVER_START", "0.5")
    settings.cache_clear()
    for name, value in prefect_environment().items():
        monkeypatch.setenv(name, value)
    thief = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Thief)
    threading.Thread(target=thief.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{thief.server_port}/api"
    life = claim_life()
    assert life is not None  # as if the server lived
    keys.write_private(
        note_of_lingering(), f'{{"api_url": "{url}", "pid": {os.getpid()}, "for": "{environment_digest()}"}}'
    )
    with lingering_server() as found:
        assert isinstance(found, LingeringServer)
        with pytest.raises(CasebookError, match="raise CASEBOOK_SERVER_START"):
            found.wait()
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    with prefect_api():
        assert os.environ["PREFECT_API_AUTH_STRING"] == ""  # and the profile is not asked
    os.close(life)
    thief.shutdown()
    thief.server_close()
    assert seen
    assert not any("authorization" in line.lower() or keys.auth_string() in line for line in seen)


def test_other_settings_of_prefect_get_a_server_of_their_own(home: Path):
    life = claim_life()
    keys.write_private(note_of_lingering(), '{"api_url": "http://127.0.0.1:1/api", "pid": 1, "for": "another"}')
    with lingering_server() as found:
        assert found is None
    note_of_lingering().write_text("{dam")
    with lingering_server() as found:
        assert found is None
    assert life is not None
    os.close(life)
    assert stop() == "No server of commands is running."


def test_a_killed_command_uses_nothing_any_more(home: Path):
    program = (
        "import time; from tasks.platform.locks import in_use\nwith in_use(): print('in', flush=True); time.sleep(99)"
    )
    command = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=os.environ)
    assert command.stdout
    assert command.stdout.readline() == b"in\n"
    done = threading.Event()
    threading.Thread(target=lambda: (unused_for(0), done.set()), daemon=True).start()
    assert not done.wait(1)
    command.kill()
    command.wait()
    command.stdout.close()
    assert done.wait(30)


def test_one_starts_at_a_time_and_says_whom_it_waits_for(home: Path):
    with (
        alone(starting_lock(), 1),
        pytest.raises(CasebookError, match="locked by another process"),
        alone(starting_lock(), 0.1),
    ):
        pass
    with in_use(), in_use():
        pass


@pytest.mark.slow
def test_the_server_of_a_killed_command_ends(home: Path, prefect_home: Path):
    shutil.copytree(prefect_home, home)
    program = (
        "import time; from tasks.platform.server import TemporaryServer; from tasks.platform.settings import *\n"
        "apply_prefect_settings(); print(TemporaryServer().process.pid, flush=True); time.sleep(99)"
    )
    command = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=os.environ)
    assert command.stdout
    process = int(command.stdout.readline())
    command.kill()
    command.wait()
    command.stdout.close()
    wait_for(lambda: is_gone(process))


@pytest.mark.parametrize(
    ("said", "ended", "words"),
    [
        ("OSError: [Errno 28] No space left on device", True, "the disk of"),
        ("sqlite3.OperationalError: database or disk is full", True, "the disk of"),
        ("sqlalchemy.exc.DatabaseError: file is not a database", True, "prefect.db cannot be used"),
        ("MemoryError", True, "memory was short"),
        ("[Errno 98] address already in use", True, "its port is taken"),
        ("CasebookError: migration.lock has been locked by another process", True, "creating the database"),
        ("", False, r"\(process 7\) did not answer within 120 seconds; raise CASEBOOK_SERVER_START"),
        ("ModuleNotFoundError: No module named 'x'", True, "tasks.platform.doctor"),
    ],
)
def test_a_failed_start_says_why(tmp_path: Path, home: Path, said: str, ended: bool, words: str):
    home.mkdir()
    (tmp_path / "log").write_text(said)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(start_failure(tmp_path / "log", 7, ended))


def test_a_full_disk_is_named_even_when_the_log_is_empty(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    home.mkdir()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(server.shutil, "disk_usage", lambda place: usage(10, 10, 0))
    assert f"the disk of {home} is full (0 MiB free)" in start_failure(tmp_path / "none", 7, False)


@pytest.mark.slow
def test_a_database_of_another_release_is_named(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    (home / "prefect").mkdir(parents=True)
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as newer:  # whole, so it is not put aside
        newer.execute("CREATE TABLE flow_run (id TEXT)")
        newer.execute("CREATE TABLE alembic_version (version_num TEXT)")
        newer.execute("INSERT INTO alembic_version VALUES ('of the future')")
        newer.commit()
    child = TemporaryServer()
    with pytest.raises(CasebookError, match=r"prefect\.db cannot be used .*; move it away"):
        child.wait()


@pytest.mark.long
def test_two_first_runs_at_once_share_one_migration(home: Path):
    command = [sys.executable, "-m", "tasks.platform.server"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in both:
        _, said = process.communicate(timeout=280)
        assert process.returncode == 0, said
