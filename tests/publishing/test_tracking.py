"""Tracking and the champion registry, on an SQLite file of each test's own."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.evaluation.champion import ChampionRecord, Decision, decide_promotion, scores_digest
from tasks.evaluation.metrics import Metric
from tasks.platform.errors import CasebookError, TransientError, UsageError
from tasks.platform.settings import settings
from tasks.platform.store import store
from tasks.publishing import champions
from tasks.publishing.registry import ALIAS, embedded_file, mlflow_client, prepare_tracking, registry_identity
from tasks.publishing.tracking import TrackedRun, metric_key, metric_name, read_champion, track_run

MODEL = "similarity-sample"
SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow folder whose database has been made; its migrations take seconds, so each test gets a copy."""
    folder = tmp_path_factory.mktemp("mlflow") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEBOOK_HOME", str(folder))
        settings.cache_clear()
        prepare_tracking()
    settings.cache_clear()
    return folder / "mlflow"


@pytest.fixture
def registry(home: Path, empty_registry: Path) -> Path:
    shutil.copytree(empty_registry, home / "mlflow")
    return home / "mlflow"


def scores(gain: float = 0.0) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 6, 100) / 5 + gain


def decision(promoted: bool = True, against: str | None = None) -> Decision:
    return Decision(promoted=promoted, reason="Because.", primary="precision@5", against=against)


def track(config: dict | None = None, gain: float = 0.0, **more: object) -> TrackedRun:
    given = {
        "flow": "similarity",
        "model": MODEL,
        "config": config or {"features": "handcrafted"},
        "parameters": {"source": "sample", "neighbours": 12},
        "metrics": [Metric(name="precision@5", value=0.5, low=0.4, high=0.6)],
        "decision": decision(),
        "scores": scores(gain),
        "test_data": "t" * 64,
        "artifacts": {},
    }
    return track_run.fn(**given | more)


def alias(model: str = MODEL) -> str:
    with mlflow_client() as client:
        return str(client.get_registered_model(model).aliases[ALIAS])


def set_alias(version: str) -> None:
    with mlflow_client() as client:
        client.set_registered_model_alias(MODEL, ALIAS, version)


# --- names ---


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


@pytest.mark.parametrize("model", ["", "a/b", "../x", ".hidden", "a" * 101, "a b", "a\n", "ä"])
def test_impossible_model_names_are_refused(model):
    with pytest.raises(UsageError, match="cannot name a model"):
        read_champion.fn(model)


# --- tracking ---


def test_run_is_tracked_with_its_figures_parameters_and_files(registry):
    table = pd.DataFrame({"a": [1, 2]})
    stored = {"table": store().put(table), "note": store().put({"x": 1})}
    metrics = [
        Metric(name="precision@5", value=0.5, low=0.4, high=0.6),
        Metric(name="recall@10", value=0.99),
    ]
    parameters = {
        "source": "https://me:s3cret@example.org/x.zip",
        "api_token": "s3cret",
        "list": [1, 2],
        "long": "x" * 9000,
    }
    run = track(metrics=metrics, artifacts=stored, parameters=parameters)
    assert (run.version, run.promoted) == ("1", True)
    with mlflow_client() as client:
        found = client.get_run(run.run_id)
        version = client.get_model_version(MODEL, "1")
        files = {item.path for item in client.list_artifacts(run.run_id)}
        models = {item.path for item in client.list_artifacts(run.run_id, "model")}
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {
        "precision_at_5": 0.5,
        "precision_at_5.low": 0.4,
        "precision_at_5.high": 0.6,
        "recall_at_10": 0.99,
    }
    assert found.data.params["list"] == "[1, 2]"
    assert "s3cret" not in json.dumps(found.data.params)
    assert files == {"metrics.json", "model", "scores.parquet"}
    assert models == {"model/table.parquet", "model/note.json"}
    place = Path(found.info.artifact_uri.removeprefix("file://"))
    assert place.is_relative_to(registry / "artifacts")
    pd.testing.assert_frame_equal(pd.read_parquet(place / "model" / "table.parquet"), table)
    assert pd.read_parquet(place / "scores.parquet")["score"].tolist() == scores().tolist()
    assert version.source == f"{found.info.artifact_uri}/model"
    assert not [file for file in registry.rglob("*") if file.suffix in {".pkl", ".pickle", ".cloudpickle"}]


def test_folders_and_parts_are_logged_as_they_are(registry):
    class Thing:
        def save(self, folder: Path) -> None:
            (folder / "a.json").write_text("{}", "utf-8")

        @classmethod
        def load(cls, folder: Path) -> "Thing":
            raise AssertionError("it is copied, not read")

    run = track(artifacts={"index": store().put(Thing())})
    with mlflow_client() as client:
        assert [item.path for item in client.list_artifacts(run.run_id, "model/index")] == ["model/index/a.json"]


def test_model_that_is_not_promoted_is_a_version_without_alias(registry):
    assert track().version == "1"
    second = track({"features": "worse"}, decision=decision(False, "1"))
    assert (second.version, second.promoted, second.reason) == ("2", False, "Because.")
    assert alias() == "1"


def test_promotion_moves_the_alias(registry):
    track()
    second = track({"features": "better"}, gain=0.2, decision=decision(True, "1"))
    assert second.promoted
    assert alias() == "2"


def test_promotion_against_a_former_champion_moves_nothing(registry):
    track()
    track({"features": "better"}, gain=0.2, decision=decision(True, "1"))
    late = track({"features": "other"}, gain=0.1, decision=decision(True, "1"))
    assert (late.version, late.promoted) == ("3", False)
    assert "in the meantime" in late.reason
    assert track({"features": "first"}, decision=decision(True, None)).promoted is False
    assert alias() == "2"


def test_very_same_model_is_not_registered_twice(registry, monkeypatch):
    first = track()
    monkeypatch.setattr("tasks.publishing.tracking.mlflow_client", None)  # calling it would fail
    monkeypatch.setattr(champions, "mlflow_client", None)
    second = track(decision=decision(False, "1"))
    assert (second.version, second.run_id, second.promoted) == (first.version, first.run_id, True)
    with closing(sqlite3.connect(registry / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM model_versions").fetchone() == (1,)


def test_run_that_fails_is_marked_as_failed(registry):
    broken = store().put({"x": 1})
    store().path(broken).unlink()
    with pytest.raises(OSError, match="No such file"):
        track(artifacts={"gone": broken})
    with mlflow_client() as client:
        experiment = client.get_experiment_by_name("similarity").experiment_id
        assert [run.info.status for run in client.search_runs([experiment])] == ["FAILED"]


def test_experiment_that_was_deleted_in_the_ui_comes_back(registry):
    track()
    with mlflow_client() as client:
        client.delete_experiment(client.get_experiment_by_name("similarity").experiment_id)
    assert track({"features": "other"}, decision=decision(False, "1")).version == "2"


@pytest.mark.parametrize("name", ["../up", "a/b", ""])
def test_artifact_names_stay_in_their_folder(registry, name):
    with pytest.raises(UsageError):
        track(artifacts={name: store().put({"x": 1})})


# --- the champion ---


def test_no_registry_no_champion_and_nothing_is_imported(home):
    code = (
        "import sys\n"
        "from tasks.publishing.tracking import read_champion\n"
        "found = read_champion.fn('similarity-sample')\n"
        "print(found.champion, len(found.scores), len(found.registry))\n"
        "print([name for name in ('mlflow', 'sqlalchemy', 'prefect', 'sklearn', 'scipy') if name in sys.modules])\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(SOURCE), "CASEBOOK_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("None 0 32\n[]\n", "")


def test_champion_is_read_without_mlflow(registry, monkeypatch):
    run = track(metrics=[Metric(name="precision@5", value=0.5), Metric(name="odd", value=float("nan"))])
    monkeypatch.setattr(champions, "mlflow_client", None)  # calling it would fail
    found = read_champion.fn(MODEL)
    assert found.champion == ChampionRecord(
        model=MODEL,
        version="1",
        run_id=run.run_id,
        config={"features": "handcrafted"},
        primary="precision@5",
        metrics={"precision@5": 0.5},
        test_data="t" * 64,
        scores_digest=scores_digest(scores()),
    )
    assert found.scores.tolist() == scores().tolist()
    assert read_champion.fn("another").champion is None


def test_record_from_mlflow_is_the_record_of_the_store(registry):
    track()
    kept = read_champion.fn(MODEL)
    shutil.rmtree(registry.parent / "store" / "champions")
    again = read_champion.fn(MODEL)
    assert again.champion == kept.champion
    assert again.scores.tolist() == kept.scores.tolist()
    assert (registry.parent / "store" / "champions" / f"{MODEL}.json").is_file()


def test_alias_moved_by_hand_is_honoured(registry, monkeypatch):
    track()
    track({"features": "better"}, gain=0.2, decision=decision(True, "1"))
    set_alias("1")
    assert read_champion.fn(MODEL).champion.version == "1"
    monkeypatch.setattr(champions, "mlflow_client", None)  # the second look needs no MLflow
    found = read_champion.fn(MODEL)
    assert found.champion.version == "1"
    assert found.scores.tolist() == scores().tolist()


def test_alias_removed_by_hand_means_no_champion(registry):
    track()
    with mlflow_client() as client:
        client.delete_registered_model_alias(MODEL, ALIAS)
    assert read_champion.fn(MODEL).champion is None


def test_champion_is_no_rival_of_its_own(registry):
    config = {"features": "handcrafted", "path": Path("x")}
    before = read_champion.fn(MODEL, config, "t" * 64, scores())
    track(config)
    after = read_champion.fn(MODEL, config, "t" * 64, scores())
    assert (after.champion, after.registry) == (before.champion, before.registry) == (None, registry_identity())
    better = {"features": "better"}
    before = read_champion.fn(MODEL, better, "t" * 64, scores(0.2))
    assert before.champion.version == "1"
    track(better, gain=0.2, decision=decision(True, "1"))
    after = read_champion.fn(MODEL, better, "t" * 64, scores(0.2))
    assert after.champion == before.champion
    assert after.scores.tolist() == before.scores.tolist()
    assert read_champion.fn(MODEL, better, "t" * 64, scores(0.1)).champion.version == "2"
    assert read_champion.fn(MODEL, better, "other", scores(0.2)).champion.version == "2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config", "{"),
        ("config", "[1]"),
        ("config", "null"),
        ("config", '{"a": NaN}'),
        ("config", '{"a": "\\ud800"}'),
        ("config", "[" * 50_000),
        ("metrics", '{"x": "<script>", "y": true, "z": 1e999}'),
        ("metrics", '{"x": 1' + "0" * 400 + "}"),
        ("metrics", "7"),
        ("scores", "../../../../etc/passwd"),
        ("scores", "0" * 64),
        ("primary", "\x1b[31m" + "x" * 5000),
        ("test_data", "x" * 90_000),
    ],
)
def test_malformed_tags_leave_a_champion_that_stays(registry, name, value):
    track()
    with mlflow_client() as client:
        client.set_model_version_tag(MODEL, "1", f"casebook.{name}", value)
    shutil.rmtree(registry.parent / "store" / "champions")
    found = read_champion.fn(MODEL)
    assert found.champion.version == "1"
    again = read_champion.fn(MODEL)
    assert (again.champion, again.scores.tolist()) == (found.champion, found.scores.tolist())
    if name in {"config", "metrics"}:
        assert getattr(found.champion, name) == {}
    if name == "scores":
        groups = np.arange(100)
        verdict = decide_promotion.fn(
            scores(0.5), groups, scores(), found.champion, found.scores, "precision@5", "t" * 64
        )
        assert not verdict.promoted
        assert "cannot be evaluated" in verdict.reason
    stored = store().put(found.champion)
    assert stored.load(ChampionRecord) == found.champion


def test_version_without_any_tag_is_a_champion_that_cannot_be_evaluated(registry):
    with mlflow_client() as client:
        client.create_registered_model(MODEL)
        client.create_model_version(MODEL, source="file:///nowhere")
        client.set_registered_model_alias(MODEL, ALIAS, "1")
    found = read_champion.fn(MODEL)
    assert found.champion.problem == "its tags casebook.config and casebook.metrics are not readable"
    assert len(found.scores) == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"champion": {"model": "x"}}', b"\xff\xfe" * 100])
def test_damaged_record_in_the_store_is_renewed(registry, content):
    track()
    file = registry.parent / "store" / "champions" / f"{MODEL}.json"
    file.write_bytes(content)
    assert read_champion.fn(MODEL).champion.version == "1"
    assert json.loads(file.read_bytes())["champion"]["version"] == "1"


def test_damaged_scores_in_the_store_are_not_used(registry):
    track()
    file = registry.parent / "store" / "champions" / f"{scores_digest(scores())}.parquet"
    file.write_bytes(champions.pack(scores(0.3)))
    found = read_champion.fn(MODEL)
    assert found.champion.version == "1"
    assert len(found.scores) == 0


# --- the registry itself ---


def test_registry_keeps_its_identity_when_it_is_made_and_loses_it_when_it_is_deleted(home, empty_registry):
    before = registry_identity()
    assert registry_identity() == before
    prepare_tracking()
    assert registry_identity() == before
    file = embedded_file()
    file.unlink()
    after = registry_identity()
    assert after != before
    shutil.copy(empty_registry / "mlflow.db", file)
    assert registry_identity() == before  # as long as nobody prepares anew, a database put back is the one of before


def test_lost_registry_is_made_anew_and_old_records_do_not_count(registry, empty_registry):
    track()
    shutil.rmtree(registry)
    assert read_champion.fn(MODEL).champion is None
    prepare_tracking()
    assert read_champion.fn(MODEL).champion is None
    assert track().version == "1"
    assert read_champion.fn(MODEL).champion.version == "1"


def test_damaged_database_is_named(registry):
    (registry / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(CasebookError, match=r"mlflow\.db refuses: .*move it away"):
        read_champion.fn(MODEL)


def test_database_that_cannot_be_written_is_named(registry):
    track()
    with closing(sqlite3.connect(registry / "mlflow.db")) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        database.commit()
    with pytest.raises(CasebookError, match="disk is full") as caught:
        track({"features": "other"})
    assert type(caught.value) is CasebookError  # and so it is not tried again
    assert "INSERT" not in str(caught.value)


def test_locked_database_is_a_passing_fault(registry):
    def meet_a_lock() -> None:
        with mlflow_client():
            import sqlalchemy.exc

            raise sqlalchemy.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked"))

    with pytest.raises(TransientError, match="does not answer now"):
        meet_a_lock()


def test_server_that_does_not_answer_is_a_passing_fault(monkeypatch):
    monkeypatch.setenv("CASEBOOK_MLFLOW_URI", "http://me:s3cret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings.cache_clear()
    with pytest.raises(TransientError) as caught:
        read_champion.fn(MODEL)
    assert "s3cret" not in str(caught.value)


WORKER = """
import sys
import numpy as np
from tasks.evaluation.champion import Decision
from tasks.publishing.tracking import track_run
number = int(sys.argv[1])
run = track_run.fn("similarity", "similarity-sample", {"n": number}, {}, [],
    Decision(promoted=True, reason="Because.", primary="p"), np.arange(50.0) + number, "t", {})
print(run.version, run.promoted)
"""


def test_two_processes_at_once_leave_one_champion(home, empty_registry):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home / "user"),
        "PYTHONPATH": str(SOURCE),
        "CASEBOOK_HOME": str(home),
    }
    (home / "user").mkdir(parents=True)
    runs = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(n)], env=environment, stdout=-1, stderr=-1, text=True)
        for n in (1, 2)
    ]
    ended = [run.communicate(timeout=200) for run in runs]
    assert [error for _, error in ended] == ["", ""]
    assert sorted(out.split()[0] for out, _ in ended) == ["1", "2"]
    assert sorted(out.split()[1] for out, _ in ended) == ["False", "True"]
    winner = next(out.split()[0] for out, _ in ended if out.split()[1] == "True")
    assert alias() == winner
    assert read_champion.fn(MODEL).champion.version == winner
    assert list((home / "user").iterdir()) == []  # no telemetry, no settings in the user's home
    assert {file.name for file in (home / "mlflow").iterdir()} == {"artifacts", "lock.db", "mlflow.db", "registry.id"}
