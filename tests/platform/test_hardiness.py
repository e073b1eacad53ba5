"""What kills, damage, full disks and short memory leave: healed, put aside, told in one sentence, or gone with age."""

import errno
import getpass
import os
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.ingestion.files import Ways, locate
from tasks.platform import databases, faults, flow_runs, keys
from tasks.platform.api import prefect_api
from tasks.platform.databases import is_whole, mended
from tasks.platform.errors import UsageError
from tasks.platform.hosting import one_migration_at_a_time
from tasks.platform.leftovers import DAY, tidy_up
from tasks.platform.scratch import passing_folder
from tasks.platform.settings import apply_prefect_settings, settings

HEX = "0123456789abcdef" * 2


def make_old(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    for item in [*path.rglob("*"), path]:
        os.utime(item, (moment, moment))


@pytest.mark.parametrize(
    "name",
    [
        f"home/prefect/.{HEX}.part",  # the profile
        f"home/mlflow/.{HEX}.db-journal",
        f"home/mlflow/.{HEX}.db-wal",
        f"reports/.{HEX}.part",  # the page of all results
        f"reports/movies/.{HEX}.part",
        "home/scratch/data-docs-x/gx/site.html",
        "home/running/a-flow-run",
    ],
)
def test_what_a_kill_leaves_goes_with_its_age(tmp_path: Path, home: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text("x")
    users = tmp_path / "reports" / "film.part"
    users.parent.mkdir(exist_ok=True)
    users.write_text("the user's own")
    home.mkdir(exist_ok=True)
    make_old(tmp_path, 8)
    tidy_up()
    assert not file.exists()
    assert users.exists()


def test_what_is_dated_ahead_of_the_clock_goes_too(home: Path) -> None:
    left = home / "scratch" / "write-x" / "object.json"
    left.parent.mkdir(parents=True)
    left.write_text("x")
    make_old(left.parent, -5000)  # the clock was in another decade
    tidy_up()
    assert left.exists()
    assert abs(left.stat().st_mtime - time.time()) < DAY  # from now on it ages
    make_old(home, -5000)  # the look itself as well
    make_old(left.parent, 2)
    tidy_up()
    assert not left.exists()


def test_passing_folders_lie_where_leftovers_are_looked_for(home: Path) -> None:
    with passing_folder("asked-") as folder:
        assert folder.parent == home / "scratch"
    assert not folder.exists()


def half_written(file: Path, patch: pytest.MonkeyPatch) -> list[str]:
    """Names that are there while a private file is written."""
    seen: list[str] = []
    patch.setattr(Path, "replace", lambda self, to: seen.append(self.name))
    keys.write_private(file, "text")
    return seen


def test_a_private_file_half_written_is_known_as_a_leftover(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.platform.leftovers import OWN_NAME

    assert all(OWN_NAME.fullmatch(name) for name in half_written(home / "server" / "note.json", monkeypatch))


def database(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE flow_run (id TEXT PRIMARY KEY, name TEXT)")
        made.executemany("INSERT INTO flow_run VALUES (?, ?)", ((str(n), "run" * 40) for n in range(500)))
        made.commit()


DAMAGES: dict[str, Any] = {
    "flip": lambda old: bytes(byte ^ 0x55 if place % 997 == 0 else byte for place, byte in enumerate(old)),
    "truncate": lambda old: old[: len(old) // 3],
    "zero": lambda old: bytes(len(old)),
    "swap": lambda old: old[:4096] + old[8192:12288] + old[4096:8192] + old[12288:],
    "half": lambda old: old[: len(old) // 2] + bytes(len(old) - len(old) // 2),
}


@pytest.mark.parametrize("way", DAMAGES)
def test_a_damaged_database_is_put_aside_and_never_removed(
    tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.db"
    database(file)
    assert not mended(file, "flow_run", "History")
    content = DAMAGES[way](file.read_bytes())
    file.write_bytes(content)
    assert mended(file, "flow_run", "History")
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("x.db.damaged-")
    assert aside.read_bytes() == content
    assert f"History was damaged: {file} is now {aside.name}" in capsys.readouterr().err


def test_no_damage_makes_the_look_at_a_database_fail(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    database(file)
    content, random_ = file.read_bytes(), random.Random(1)  # repeatable
    found = []
    for number in range(200):
        damaged = bytearray(content)
        for _ in range(1 + number // 4):
            damaged[random_.randrange(len(content) if number % 2 else 600)] ^= 1 << random_.randrange(8)
        file.write_bytes(damaged)
        found.append(is_whole(file, "flow_run"))
    assert 0 < sum(found) < 150  # the rest of the flips changed what a value says


def test_a_database_of_another_program_is_none_of_ours_and_a_locked_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    assert is_whole(file)  # missing: it will be made
    database(file)
    assert is_whole(file)
    assert not is_whole(file, "experiments")
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert is_whole(file, "flow_run")
    file.write_bytes(b"")
    assert is_whole(file, "flow_run")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"active = 3", b"profiles = 3"])
def test_damaged_profiles_are_put_aside(home: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(home / "prefect" / "profiles.toml"))
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    file = keys.private_folder(home / "prefect") / "profiles.toml"
    file.write_bytes(content)
    apply_prefect_settings()
    assert not file.exists()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with prefect_api():
        assert keys.auth_string() in file.read_text()
    assert [item.read_bytes() for item in file.parent.glob("*.damaged-*")] == [content]


def test_a_damaged_key_and_a_damaged_mark_are_no_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "key").write_bytes(b"\xff" * 64)
    with pytest.raises(UsageError, match="is damaged; remove it"):
        keys.secret()
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    database(home / "prefect" / "prefect.db")
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as made:
        made.execute("CREATE TABLE alembic_version (version_num TEXT)")
        made.execute("INSERT INTO alembic_version VALUES ('a')")
        made.commit()
    (home / "prefect" / "migrated").write_bytes(b"\xff\xfe")
    with one_migration_at_a_time():
        pass
    with one_migration_at_a_time():  # the mark has been made anew
        assert (home / "prefect" / "migrated").read_text().startswith("a ")


def test_a_user_without_a_home_gets_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    settings.cache_clear()
    settings()
    assert Path("~/x").expanduser() == home / "x"
    assert getpass.getuser() == "casebook"


def write_numbers(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.csv").write_text(f"n\n{number}\n")


@pytest.mark.parametrize("way", ["flip", "delete", "add", "note"])
def test_a_damaged_sample_is_written_anew(home: Path, way: str) -> None:
    ways = Ways(sample=write_numbers, suffixes=(".csv",), several=True)
    first = locate.fn("sample", ways)
    file = first.files[1]
    {
        "flip": lambda: file.write_text("n\n7\n"),
        "delete": file.unlink,
        "add": lambda: file.with_name("x.csv").write_text("x"),
        "note": lambda: file.parent.with_name(f"{file.parent.name}.json").write_text("{"),
    }[way]()
    assert locate.fn("sample", ways) == first
    assert [item.read_text() for item in first.files] == [f"n\n{number}\n" for number in range(3)]


def caught(error: Exception, context: Exception) -> Exception:
    error.__context__ = context
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "Memory was short"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Memory was short"),
        (caused(ValueError("odd"), MemoryError()), "Memory was short"),
        (RuntimeError("can't start new thread"), "Memory was short"),
        (RuntimeError("java.lang.OutOfMemoryError: Java heap space"), "Memory was short"),
        (OSError(errno.ENOSPC, "No space left on device", "/there/x"), "The disk of /there/x is full"),
        (caused(RuntimeError("task"), OSError(errno.EDQUOT, "Quota", "/there/x")), "The disk of /there/x is full"),
        (OSError(errno.EROFS, "Read-only file system", "/there/x"), "/there/x: Read-only file system; mend it"),
        (UsageError("Say so."), "Say so."),
        (ZeroDivisionError("a fault of ours"), None),
        (KeyError("a fault of ours"), None),
        (caught(KeyError("a fault of ours"), FileNotFoundError(errno.ENOENT, "No such file", "x")), None),
        (
            caught(KeyError("what full disks lead to"), OSError(errno.ENOSPC, "No space", "/x")),
            "The disk of /x is full",
        ),
    ],
)
def test_faults_of_the_machine_are_one_sentence_and_our_own_stay_tracebacks(error: Exception, said: str | None) -> None:
    told = faults.explained(error)
    assert (told is None) if said is None else (told is not None and str(told).startswith(said)), told


def test_a_full_disk_is_told_by_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(free=10)
    room = SimpleNamespace(free=10**12)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: full if Path(place).name == "narrow" else room)
    monkeypatch.setenv("CASEBOOK_STORE", str(tmp_path / "narrow" / "store"))
    (tmp_path / "narrow").mkdir()
    settings.cache_clear()
    told = faults.explained(RuntimeError("a library that hides the reason"))
    assert str(told).startswith(f"The disk of {tmp_path / 'narrow' / 'store'} is full")


def test_a_server_that_went_away_is_told_and_a_damaged_database_ends_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    told = faults.explained(httpx.ConnectError("All connection attempts failed"))
    assert "went away under the run" in str(told)
    monkeypatch.setattr(faults.server, "healthy", lambda url: True)
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    database(home / "prefect" / "prefect.db")
    assert "failed (" in str(faults.explained(httpx.ReadError("broken")))
    databases.of_prefect().write_bytes(b"no database" * 500)
    assert "is damaged; run again" in str(faults.explained(httpx.ReadError("broken")))


def test_a_run_whose_process_was_killed_is_not_shown_as_running_for_ever(home: Path, prefect_server: str) -> None:
    from prefect import Flow
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    def demo() -> None:
        """Stand for a flow."""

    with get_client(sync_client=True) as client:
        dead, living = (client.create_flow_run(Flow(demo), state=Running()) for _ in range(2))
        folder = keys.private_folder(home / "running")
        (folder / str(dead.id)).write_text("")
        (folder / "00000000-0000-0000-0000-000000000000").write_text("")  # of a database that is no more
        run: Any = SimpleNamespace(prefect=str(living.id), ended=False)
        flow_runs._keep_alive(run)
        flow_runs.conclude_killed()
        states = [client.read_flow_run(item.id).state for item in (dead, living)]
    assert [state.type.value for state in states if state] == ["CRASHED", "RUNNING"]
    assert [item.name for item in folder.iterdir()] == [str(living.id)]
    run.ended = True
    flow_runs._keep_alive(SimpleNamespace(prefect="another", ended=True))  # type: ignore[arg-type]
    flow_runs.conclude_killed()
    assert not (folder / str(living.id)).exists()


def test_a_deployment_that_runs_once_at_a_time_runs_again_after_a_kill(home: Path, prefect_server: str) -> None:
    from prefect import Flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.states import Pending, Running

    def demo() -> None:
        """Stand for a flow."""

    limit = ConcurrencyLimitConfig.model_validate({"limit": 1, "collision_strategy": "CANCEL_NEW"})
    with get_client(sync_client=True) as client:
        flow = client.create_flow(Flow(demo))
        deployment = client.create_deployment(
            flow_id=flow,
            name="once",
            concurrency_options={"collision_strategy": limit.collision_strategy},
            concurrency_limit=limit.limit,
        )
        runs = [client.create_flow_run_from_deployment(deployment) for _ in range(3)]
        for state in (Pending(), Running()):
            client.set_flow_run_state(runs[0].id, state)
        client.set_flow_run_state(runs[1].id, Pending())
        before = client.read_flow_run(runs[1].id).state
        (keys.private_folder(home / "running") / str(runs[0].id)).write_text("")  # its process was killed
        flow_runs.conclude_killed()
        client.set_flow_run_state(runs[2].id, Pending())
        after = client.read_flow_run(runs[2].id).state
        client.delete_deployment(deployment)
    assert before is not None
    assert after is not None
    assert (before.type.value, after.type.value) == ("CANCELLED", "PENDING")


def test_what_is_told_is_one_line_whatever_a_file_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert faults.told(UsageError(f"a\n\x1b[31mcasebook: b\u202e\r.csv: no such file.{'x' * 100_000}")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("casebook: a ␛[31mcasebook: b[U+202E]␍.csv: no such file.")
    assert len(said) < 2_100
