"""MLflow as the mirror of the store: every run once, whatever breaks on the way; an SQLite file for each test."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.evaluation.metrics import Metric
from tasks.figures.style import figure_to_svg, new_figure
from tasks.platform.errors import CasebookError, TransientError
from tasks.platform.settings import settings
from tasks.platform.store import store
from tasks.publishing.blocks import Figure
from tasks.publishing.outbox import Note, outbox
from tasks.publishing.registry import embedded_file, mlflow_client
from tasks.publishing.report import Findings
from tasks.publishing.tracking import ALIAS, MOST_TRIES, hand_on, metric_key, metric_name, mirror

MODEL = "similarity-sample"
START = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)


@pytest.fixture
def registry(home: Path, empty_registry: Path) -> Path:
    shutil.copytree(empty_registry, home / "mlflow")
    return home / "mlflow"


def note(tmp_path: Path, night: int = 1, **more: Any) -> Note:
    """A run of a night, with its folder, its findings and its model."""
    figure, axes = new_figure(4, 2)
    axes.plot([1, 2], [3, 4])
    findings = Findings(
        answer="Of the 12 pictures, 12 show a cup.",
        metrics=[Metric(name="precision@5", value=0.9 + night / 100, low=0.8, high=0.97, baseline=0.05)],
        hero=[Figure(svg=figure_to_svg(figure), alt="a line")],
    )
    folder = tmp_path / "reports" / "similarity" / f"run-{night}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "result.json", "neighbours.csv"):
        (folder / name).write_text(name)
    given: dict[str, Any] = {
        "flow": "similarity",
        "run": f"run-{night}",
        "title": f"mobilenet · sample · night {night}",
        "question": "Which pictures?",
        "command": "python flows/similarity.py",
        "folder": folder,
        "started": START + timedelta(days=night),
        "ended": START + timedelta(days=night, seconds=20),
        "parameters": {"source": "sample", "neighbours": 12},
        "findings": store().put(findings),
        "stages": [],
        "store": settings().store_url,
        "model": MODEL,
        "config": {"features": "mobilenet"},
        "primary": "precision@5",
        "decision": "Because.",
        "version": night,
        "fresh": True,
        "artifacts": {"index": store().put(np.arange(9.0))},
    }
    return Note(**given | more)


def leave(item: Note) -> str:
    name = f"{item.started:%Y%m%d%H%M%S%f}-{item.run}.json"
    outbox().write_bytes(name, item.model_dump_json().encode())
    return name


def runs() -> list[Any]:
    with mlflow_client() as client:
        experiment = client.get_experiment_by_name("similarity")
        return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])


def files_of(run: Any, path: str | None = None) -> set[str]:
    with mlflow_client() as client:
        return {item.path for item in client.list_artifacts(run.info.run_id, path)}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("precision@5", "precision_at_5"),
        ("map@10_no_duplicates", "map_at_10_no_duplicates"),
        ("ms_per_query", "ms_per_query"),
        ("rmse", "rmse"),
        ("look_at_me", "look:5f:at_me"),
        ("a:b", "a:3a:b"),
        ("a/b", "a:2f:b"),
        ("..", ":2e::2e:"),
        ("%", ":25:"),
    ],
)
def test_metric_names_go_to_mlflow_and_back(name, key):
    assert metric_key(name) == key
    assert metric_name(key) == name


@given(st.text(min_size=1, max_size=12))
def test_every_metric_name_comes_back(name):
    key = metric_key(name)
    assert metric_name(key) == name
    assert all(character.isascii() and (character.isalnum() or character in "_-.: ") for character in key)


@example("_at@")
@example("@at_")
@given(st.text(alphabet="@_at:35e.", min_size=1, max_size=12))
def test_names_made_of_what_the_mapping_uses_come_back(name):
    assert metric_name(metric_key(name)) == name


@pytest.mark.parametrize("name", ["", "x" * 251])
def test_impossible_metric_names_are_refused(name):
    with pytest.raises(ValueError, match="cannot name a metric"):
        metric_key(name)


def test_two_nights_are_two_runs_that_can_be_told_apart_and_compared(registry: Path, tmp_path: Path) -> None:
    for night in (1, 2):
        leave(note(tmp_path, night, fresh=night == 1, version=1))
    assert hand_on() == 0
    assert outbox().names() == []
    first, second = runs()
    assert [run.info.run_name for run in (first, second)] == [f"mobilenet · sample · night {n}" for n in (1, 2)]
    assert [run.info.status for run in (first, second)] == ["FINISHED"] * 2
    assert [run.data.metrics["precision_at_5"] for run in (first, second)] == pytest.approx([0.91, 0.92])
    assert first.data.metrics["precision_at_5.low"] == 0.8
    assert first.data.metrics["run_seconds"] == 20
    assert first.data.params["neighbours"] == "12"
    assert first.data.tags["casebook.run"] == "run-1"
    assert "12 show a cup" in first.data.tags["mlflow.note.content"]
    assert (second.info.start_time - first.info.start_time) == 24 * 3600 * 1000
    assert files_of(second) == {"report.html", "result.json", "neighbours.csv", "figures", "model"}
    assert files_of(second, "figures") == {"figures/figure-01.svg"}
    assert files_of(second, "model") == {"model/index.npy"}


def test_the_alias_follows_the_champion_of_the_store(registry: Path, tmp_path: Path) -> None:
    for night, version in ((1, 1), (2, 1), (3, 3)):  # the second night finds the champion as it was
        leave(note(tmp_path, night, fresh=night == version, version=version))
    assert hand_on() == 0
    with mlflow_client() as client:
        champion = client.get_model_version_by_alias(MODEL, ALIAS)
        assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2
    assert champion.tags["casebook.version"] == "3"
    assert champion.run_id == runs()[2].info.run_id


def test_a_run_without_a_model_is_a_run_too(registry: Path, tmp_path: Path) -> None:
    leave(note(tmp_path, model="", config={}, primary="", version=None, fresh=False, artifacts={}))
    assert hand_on() == 0
    (run,) = runs()
    assert run.data.metrics["precision_at_5"] == pytest.approx(0.91)
    with mlflow_client() as client:
        assert client.search_registered_models() == []


def test_a_note_handed_on_twice_is_one_run(registry: Path, tmp_path: Path) -> None:
    item = note(tmp_path)
    assert mirror(item) == mirror(item)
    assert len(runs()) == 1
    with mlflow_client() as client:
        assert len(client.search_model_versions(f"name = '{MODEL}'")) == 1


def test_a_folder_and_parts_are_logged_as_they_are(registry: Path, tmp_path: Path) -> None:
    from typing import NamedTuple

    class Two(NamedTuple):
        one: np.ndarray
        other: dict[str, int]

    mirror(note(tmp_path, artifacts={"pair": store().put(Two(np.arange(3.0), {"a": 1}))}))
    assert files_of(runs()[0], "model") == {"model/pair-one.npy", "model/pair-other.json"}


@pytest.mark.parametrize("name", ["../index", "a/b", ".hidden", ""])
def test_names_of_artifacts_stay_in_their_folder(registry: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name an artifact"):
        mirror(note(tmp_path, artifacts={name: store().put(np.arange(3.0))}))


def test_an_experiment_that_was_deleted_in_the_ui_comes_back(registry: Path, tmp_path: Path) -> None:
    mirror(note(tmp_path))
    with mlflow_client() as client:
        client.delete_experiment(client.get_experiment_by_name("similarity").experiment_id)
    mirror(note(tmp_path, 2))
    assert len(runs()) == 2


def test_a_report_folder_that_is_gone_loses_only_its_files(registry: Path, tmp_path: Path) -> None:
    item = note(tmp_path)
    shutil.rmtree(item.folder)
    leave(item)
    assert hand_on() == 0
    assert files_of(runs()[0]) == {"figures", "model"}


@pytest.mark.parametrize("content", [b"", b"{", b'{"flow": 3}', b"\xff\x00"])
def test_a_note_that_cannot_be_read_does_not_hold_up_the_others(
    registry: Path, tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    outbox().write_bytes("20200101-odd.json", content)
    leave(note(tmp_path))
    assert hand_on() == 0
    assert len(runs()) == 1
    assert "20200101-odd.json: not readable" in capfd.readouterr().err


def test_what_mlflow_refuses_stays_is_tried_again_and_put_aside_at_last(
    registry: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = leave(note(tmp_path))
    with closing(sqlite3.connect(registry / "mlflow.db")) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        database.commit()
    for _ in range(MOST_TRIES - 1):
        assert hand_on() == 1
        assert name in outbox().names()
    assert hand_on() == 0
    said = capfd.readouterr().err
    assert "disk is full" in said
    assert "INSERT" not in said
    assert (registry / "outbox" / "refused" / name).is_file()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"", b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_database_is_one_sentence_and_no_run_is_lost(
    registry: Path, tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (registry / "mlflow.db").write_bytes(content)
    leave(note(tmp_path))
    assert hand_on() == 0
    said = capfd.readouterr().err
    assert "Traceback" not in said
    if content:
        assert "MLflow's mirror of the runs was damaged" in said
        assert [file.read_bytes() for file in registry.glob("mlflow.db.damaged-*")] == [content]
    assert len(runs()) == 1


def test_a_locked_database_is_a_passing_fault(registry: Path) -> None:
    def meet_a_lock() -> None:
        with mlflow_client():
            import sqlalchemy.exc

            raise sqlalchemy.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked"))

    with pytest.raises(TransientError, match="does not answer now"):
        meet_a_lock()


def test_a_server_that_does_not_answer_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CASEBOOK_MLFLOW_URI", "http://me:s3cret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings.cache_clear()
    with pytest.raises(CasebookError) as caught:
        mirror(note(tmp_path))
    assert isinstance(caught.value, TransientError)
    assert "s3cret" not in str(caught.value)
    assert embedded_file() is None


def test_two_helpers_at_once_show_each_run_once(registry: Path, tmp_path: Path) -> None:
    for night in range(1, 5):
        leave(note(tmp_path, night, fresh=False))
    two = [subprocess.Popen([sys.executable, "-m", "tasks.publishing.tracking"]) for _ in range(2)]
    assert [process.wait(timeout=120) for process in two] == [0, 0]
    assert [run.data.tags["casebook.run"] for run in runs()] == [f"run-{night}" for night in range(1, 5)]


def test_a_helper_killed_at_any_moment_loses_no_run(registry: Path, tmp_path: Path) -> None:
    for night in range(1, 4):
        leave(note(tmp_path, night, fresh=False))
    helper = subprocess.Popen([sys.executable, "-m", "tasks.publishing.tracking"])
    while len(outbox().names(".json")) == 3:
        assert helper.poll() is None
    helper.kill()
    helper.wait()
    assert hand_on() == 0
    finished = [run.data.tags["casebook.run"] for run in runs() if run.info.status == "FINISHED"]
    assert sorted(finished) == ["run-1", "run-2", "run-3"]


def test_a_run_that_a_killed_helper_began_is_not_shown_as_running_for_ever(registry: Path, tmp_path: Path) -> None:
    item = note(tmp_path)
    with mlflow_client() as client:
        experiment = client.create_experiment("similarity")
        begun = client.create_run(experiment, tags={"casebook.run": item.run})
    leave(item)
    assert hand_on() == 0
    (shown,) = runs()
    assert shown.info.status == "FINISHED"
    assert shown.info.run_id != begun.info.run_id


def test_a_champion_whose_run_was_killed_before_it_left_a_note_is_registered_by_the_next(
    registry: Path, tmp_path: Path
) -> None:
    for night in (2, 3):  # they find themselves as the champion, version 1
        leave(note(tmp_path, night, fresh=False, version=1))
    assert hand_on() == 0
    with mlflow_client() as client:
        (version,) = client.search_model_versions(f"name = '{MODEL}'")
        assert version.tags["casebook.run"] == "run-2"
        assert client.get_model_version_by_alias(MODEL, ALIAS).version == version.version


def test_a_damaged_count_of_refusals_holds_up_nothing(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = leave(note(tmp_path))
    outbox().write_bytes(f"{name}.tries", b"\xff")

    def refuse(_: Note) -> str:
        raise CasebookError("no")

    monkeypatch.setattr("tasks.publishing.tracking.mirror", refuse)
    assert hand_on() == 1
    assert outbox().read_bytes(f"{name}.tries") == b"1"
