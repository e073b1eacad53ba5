"""Spark gives the same answer as DuckDB, on Parquet and on CSV, and says where it has no connector."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bigquery_server import BigQuery, serve

from tasks.cases.births.query import births_question
from tasks.cases.births.sample import write_rows
from tasks.ingestion.warehouse.bigquery import Limits, Table
from tasks.ingestion.warehouse.duck import ask_files
from tasks.ingestion.warehouse.spark import ask_connector, ask_spark
from tasks.platform.errors import CasebookError, ContractError
from tasks.platform.settings import settings

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]
BY = [
    "without_year",
    "without_sex",
    "without_bin",
    "broken",
    "birth_year",
    "decade",
    "age",
    "age_group",
    "sex",
    "plural",
    "birth_order",
    "smoker",
    "bin",
]


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = {name: float for name in frame.columns if name not in BY}
    keys = dict.fromkeys(["birth_year", "decade", "age", "age_group", "bin"], "Int64")
    texts = dict.fromkeys(["broken", "sex", "plural", "birth_order", "smoker"], object)
    frame = frame.astype(numbers).astype(keys).astype(texts)
    return frame.where(frame.notna(), None).astype(keys).sort_values(BY, ignore_index=True)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_spark_and_duckdb_agree(kind: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "b.parquet", 20_000)
    file = tmp_path / f"b.{kind}"
    if kind == "csv":
        pd.read_parquet(tmp_path / "b.parquet").to_csv(file, index=False)
    question = births_question(1970, 2005, "CA")
    ours, theirs = (ask.fn([file], question, "give others") for ask in (ask_spark, ask_files))
    one, other = in_order(ours.frame), in_order(theirs.frame)
    assert len(one) == len(other) > 1_000
    pd.testing.assert_frame_equal(one[BY], other[BY], check_dtype=False)
    numbers = [name for name in one.columns if name not in BY]
    np.testing.assert_allclose(one[numbers].to_numpy(float), other[numbers].to_numpy(float), rtol=1e-9)
    assert ours.bill.rows == theirs.bill.rows == 20_000


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "b.parquet").write_bytes(b"no")
    with pytest.raises(ContractError, match="cannot be read by Spark") as told:
        ask_spark.fn([tmp_path / "b.parquet"], births_question(1900, 2100), "give others")
    assert "\n" not in str(told.value)


def test_without_the_connector_it_is_said_where_it_comes_from_and_the_key_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    with serve(BigQuery(tmp_path)) as api:
        monkeypatch.setenv("CASEBOOK_BIGQUERY_ENDPOINT", api.address)
        monkeypatch.setenv("CASEBOOK_BIGQUERY_SERVICE_ACCOUNT", json.dumps(api.account()))
        settings.cache_clear()
        table = Table(name="some-project.samples.natality", modified="", rows=1, size=1, absent=[])
        with pytest.raises(CasebookError, match=r"spark\.jars\.packages") as told:
            ask_connector.fn(table, births_question(1900, 2100), 1, Limits())
    assert "PRIVATE" not in str(told.value)
    left: list[Any] = [file for file in home.rglob("*") if file.is_file() and b"PRIVATE" in file.read_bytes()]
    assert left == []
