"""The history: whatever is killed, doubled or damaged, each hour counts once and none is lost."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from fasta_server import Api, facility, serve
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.cases.elevators.ingestion import readings as stages
from tasks.cases.elevators.ingestion.facilities import parse_facilities
from tasks.cases.elevators.ingestion.snapshots import (
    Damaged,
    Snapshot,
    assemble,
    commit_snapshot,
    read_history,
    read_names,
    slot_of,
)
from tasks.platform.errors import CasebookError, ContractError, TransientError, UsageError
from tasks.platform.settings import settings
from tasks.platform.storage import Folder

ROOT = Path(__file__).resolve().parents[3]
NIGHT = datetime(2025, 3, 1, 2, 10, tzinfo=UTC)

KILLED = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from tasks.cases.elevators.ingestion.facilities import parse_facilities
from tasks.cases.elevators.ingestion.snapshots import Snapshot, commit_snapshot
from tasks.platform.storage import Folder
rename = pathlib.Path.replace
def killed(self, target):
    if sys.argv[2] == "after":
        rename(self, target)
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = killed
rows = parse_facilities([{"equipmentnumber": 7, "stationnumber": 1, "state": "ACTIVE"}], "it").rows
commit_snapshot(Folder(sys.argv[1]), Snapshot(datetime(2025, 3, 2, 2, 10, tzinfo=UTC), rows))
"""


def snapshot(hours: float = 0, state: str = "ACTIVE", equipment: int = 7) -> Snapshot:
    rows = parse_facilities([facility(equipment, state=state)], "it").rows
    return Snapshot(NIGHT + timedelta(hours=hours), rows)


def whole(folder: Folder) -> pd.DataFrame:
    return assemble([item for item in read_history(folder) if isinstance(item, Snapshot)], {}).readings


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_between_write_and_commit_loses_and_doubles_nothing(tmp_path: Path, moment: str) -> None:
    folder = Folder(str(tmp_path / "history"))
    commit_snapshot(folder, snapshot())
    process = subprocess.run(
        [sys.executable, "-c", KILLED, folder.root, moment],
        cwd=ROOT,
        env={"PYTHONPATH": "src"},
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    assert len(folder.names(".parquet")) == (1 if moment == "before" else 2)
    assert not [item for item in read_history(folder) if isinstance(item, Damaged)]
    again = commit_snapshot(folder, snapshot(24))  # the same command once more, in the same hour
    assert again == (moment == "before")
    assert whole(folder)["observed"].tolist() == [pd.Timestamp("2025-03-01 02:10"), pd.Timestamp("2025-03-02 02:10")]


def test_the_first_of_an_hour_stays(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    assert commit_snapshot(folder, snapshot())
    before = (tmp_path / "20250301T02Z.parquet").read_bytes()
    assert not commit_snapshot(folder, snapshot(0.7, "INACTIVE"))
    assert (tmp_path / "20250301T02Z.parquet").read_bytes() == before
    assert commit_snapshot(folder, snapshot(0.9, "INACTIVE"))


@hypothesis_settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hours=st.lists(st.integers(0, 200).map(lambda tenth: tenth / 10), max_size=25))
def test_any_runs_in_any_order_count_once_an_hour(tmp_path_factory: pytest.TempPathFactory, hours: list[float]) -> None:
    folder = Folder(str(tmp_path_factory.mktemp("history")))
    for hour in hours:
        commit_snapshot(folder, snapshot(hour))
    readings = whole(folder)
    assert len(readings) == len({slot_of(NIGHT + timedelta(hours=hour)) for hour in hours})
    assert readings["observed"].is_monotonic_increasing


def test_the_hour_is_that_of_utc() -> None:
    assert slot_of(datetime.fromisoformat("2025-06-01T00:30:00+02:00")) == "20250531T22Z"


def test_damaged_files_are_named_and_the_others_read(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    for hour in range(5):
        commit_snapshot(folder, snapshot(hour))
    files = sorted(tmp_path.iterdir())
    files[0].write_bytes(b"")
    content = bytearray(files[1].read_bytes())
    content[40] ^= 0xFF  # within the data
    files[1].write_bytes(content)
    files[2].write_bytes(files[2].read_bytes()[:-200])
    files[3].rename(tmp_path / "20300101T00Z.parquet")
    (tmp_path / "notes.parquet").write_bytes(b"x")
    found = list(read_history(folder))
    assert {item.name for item in found if isinstance(item, Damaged)} == {
        files[0].name,
        files[1].name,
        files[2].name,
        "20300101T00Z.parquet",
        "notes.parquet",
    }
    assert [slot_of(item.observed) for item in found if isinstance(item, Snapshot)] == ["20250301T06Z"]


def test_a_history_behind_an_object_store() -> None:
    folder = Folder("memory://casebook-test/elevators/api")
    assert commit_snapshot(folder, snapshot())
    assert not commit_snapshot(folder, snapshot(0.2))
    assert len(whole(folder)) == 1


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No backoff, so that no test waits."""
    monkeypatch.setattr("tasks.platform.retries.random", SimpleNamespace(uniform=lambda low, high: 0.0))


def test_one_request_in_five_fails_and_the_run_is_complete(hasty: None) -> None:
    api = Api(
        [
            facility(number, station=1 + number // 3, state=state)
            for number, state in zip(range(3, 63), ["ACTIVE", "INACTIVE", "UNKNOWN"] * 20, strict=True)
        ]
    )
    kinds = [(500, {}, b""), (429, {"Retry-After": "0"}, b""), (200, {}, b"<html>"), (503, {}, b"")]
    api.fault = lambda number, path: kinds[number // 5 % 4] if number % 5 == 1 else None
    with serve(api):
        seen = stages.take_snapshot.fn(api.address, "service-x", per_minute=6000)
        again = stages.take_snapshot.fn(api.address, "service-x", per_minute=6000)
    assert len(seen.readings) == 60
    assert seen.readings["state"].value_counts().to_dict() == {"ACTIVE": 20, "INACTIVE": 20, "UNKNOWN": 20}
    assert set(seen.lifts["name"]) == {f"Ort {number}" for number in range(2, 22)}
    assert seen.service.new
    assert seen.service.unnamed == 0
    assert sum(seen.service.faults.values()) >= 5
    assert again.service.requests <= 3  # the names are known
    assert len(again.readings) == 60 * again.readings["observed"].nunique()


def test_names_are_asked_for_a_few_at_a_time_and_the_snapshot_does_not_depend_on_them(hasty: None) -> None:
    api = Api([facility(number, station=number) for number in range(1, 11)])
    api.fault = lambda number, path: (404, {}, b"") if path.endswith("/3") else None
    with serve(api):
        first = stages.take_snapshot.fn(api.address, "service-y", per_minute=6000, lookups=4)
        second = stages.take_snapshot.fn(api.address, "service-y", per_minute=6000, lookups=20)
        api.fault = lambda number, path: (401, {}, b"") if "stations" in path else None
        third = stages.take_snapshot.fn(api.address, "service-y", per_minute=6000)
    assert (first.service.unnamed, second.service.unnamed, third.service.unnamed) == (7, 1, 1)
    assert "station 3" in set(third.lifts["name"])
    assert third.service.faults == {"names given up": 1}
    assert len(read_names(stages.history_folder("service-y"))) == 9


def test_malformed_facilities_are_counted_and_too_many_refused(hasty: None) -> None:
    api = Api([*(facility(number) for number in range(1, 40)), {"equipmentnumber": None}])
    with serve(api):
        seen = stages.take_snapshot.fn(api.address, "service-z", lookups=0)
        assert seen.quarantine["reason"].tolist() == ["no equipment number"]
        api.facilities = [facility(1), {}, {}]
        with pytest.raises(ContractError, match="1 lifts and 2 malformed"):
            stages.take_snapshot.fn(api.address, "service-w", lookups=0)
    assert stages.history_folder("service-w").names() == []


def test_a_failed_run_adds_nothing(hasty: None) -> None:
    api = Api([facility(1)])
    api.fault = lambda number, path: (503, {}, b"")
    with serve(api), pytest.raises(TransientError):
        stages.take_snapshot.fn(api.address, "service-v")
    assert stages.history_folder("service-v").names() == []


def test_offline_and_odd_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError):
        stages.history_folder("../../etc")
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE"):
        stages.take_snapshot.fn("http://127.0.0.1:9", "service-u")


def test_secrets_are_in_no_file_of_the_history(hasty: None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEBOOK_DB_CLIENT_ID", "client-4711-abc")
    monkeypatch.setenv("CASEBOOK_DB_API_KEY", "key-0815-very-secret")
    api = Api([facility(1, description="echo key-0815-very-secret"), {"state": "client-4711-abc"}])
    with serve(api):
        seen = stages.take_snapshot.fn(api.address, "service-t", max_quarantined=0.5)
    text = seen.lifts.to_csv() + seen.quarantine.to_csv() + seen.service.model_dump_json()
    assert "very-secret" not in text
    assert "4711" not in text
    assert all(b"very-secret" not in file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert "echo" in text


# --- saved answers ---------------------------------------------------------------------------------------------------


def save(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def read(files: list[Path], most: float = 0.05) -> stages.Observed:
    return stages.read_snapshots.fn(files, [file.name for file in files], most)


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("facilities-20250301T021407Z.json", "2025-03-01T02:14:07"),
        ("f-2025-03-01_02-14.json", "2025-03-01T02:14:00"),
        ("2025-03-01.json", "2025-03-01T00:00:00"),
        ("2025-03-01T02:14:07Z.json", "2025-03-01T02:14:07"),
        ("2025-02-31.json", None),
        ("latest.json", None),
        ("2025-03-01T02:15:00+01:00.json", "2025-03-01T01:15:00"),
        ("2025-03-01T02:15:00-05:00.json", "2025-03-01T07:15:00"),
        ("20250301T0215+0530.json", "2025-02-28T20:45:00"),
        ("2025-03-01T02:15:00.123456+00:00.json", "2025-03-01T02:15:00"),
        ("2025-03-01T02:15:00+99:00.json", None),
        ("1740787200.json", "2025-03-01T00:00:00"),
        ("facilities-1720200315000.json", "2024-07-05T17:25:15"),
        ("1720200315.json", "2024-07-05T17:25:15"),
        ("2025030102.json", None),
        ("202503010215001.json", None),
        ("12025-03-01.json", None),
    ],
)
def test_the_time_is_in_the_name(name: str, time: str | None) -> None:
    found = stages.file_time(name)
    assert (found.replace(tzinfo=None).isoformat() if found else None) == time


def test_saved_answers_are_put_together_and_the_rest_is_told(tmp_path: Path) -> None:
    import json

    files = [
        save(tmp_path, f"2025-03-{day:02}T0210.json", json.dumps([facility(1), facility(2, state="INACTIVE")]))
        for day in range(1, 21)
    ]
    files.append(save(tmp_path, "2025-03-01T0255.json", json.dumps([facility(9)])))  # the same hour
    files.append(save(tmp_path, "2025-03-25T0210.json", json.dumps([facility(1), facility(2)])[:90]))
    files.append(
        save(tmp_path, "station-1.json", json.dumps({"stationnumber": 1, "name": "Ulm Hbf", "facilities": []}))
    )
    seen = read(files)
    assert len(seen.readings) == 40
    assert set(seen.lifts["name"]) == {"Ulm Hbf"}
    assert sorted(seen.quarantine["reason"]) == ["a second answer within the same hour", stages.UNREADABLE]
    with pytest.raises(ContractError, match="1 of 23 files cannot be read"):
        read(files, 0.01)


def test_no_answer_at_all_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="None of 1 files holds the lifts"):
        read([save(tmp_path, "2025-03-01.json", "{}")], 1.0)
    with pytest.raises(ContractError, match="does not tell when it was saved"):
        read([save(tmp_path, "latest.json", '[{"equipmentnumber": 1, "stationnumber": 1, "state": "ACTIVE"}]')], 1.0)


def test_a_source_is_found_or_refused(tmp_path: Path) -> None:
    where = stages.locate_elevators.fn("http://127.0.0.1:8000/v2")
    assert where.files == []
    assert where.name.startswith("service-")
    assert stages.locate_elevators.fn("api").name == "api"
    with pytest.raises(UsageError, match="no such file or folder"):
        stages.locate_elevators.fn(str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"no \.json or \.csv"):
        stages.locate_elevators.fn(str(tmp_path))


def test_names_with_an_offset_are_read_in_utc(shared: Path) -> None:
    folder = shared / "cases" / "elevators-offset-names"
    if not folder.exists():
        pytest.skip("../shared/cases/elevators-offset-names is missing")
    seen = read(sorted(folder.glob("*.json")))
    moments = sorted(seen.readings["observed"].unique())
    assert len(moments) == 24
    assert pd.Timestamp(moments[0]).tz_localize(None) == pd.Timestamp("2025-02-28 23:15")
