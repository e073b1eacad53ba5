"""Parquet from strangers: nested values as text, and no size believed."""

import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ingestion.workbooks import parquet_columns, sheets
from tasks.platform.errors import ContractError


def cells(path: Path, table: Any) -> dict[str, list[str]]:
    pq.write_table(table, path / "t.parquet")
    return parquet_columns(path / "t.parquet", "t.parquet", "give a CSV")


def test_nested_values_become_json(tmp_path: Path) -> None:
    table = pa.table(
        {
            "texts": [["ab", "cd"], ["<script>planted()</script>"], None],  # no pairs, though each has two letters
            "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64())),
            "odd": pa.array([[({"k": 1}, b"\x1b")], [], None], pa.map_(pa.struct({"k": pa.int64()}), pa.binary())),
            "record": [{"x": "1", "y": [1]}, {"x": None, "y": []}, None],
        }
    )
    assert cells(tmp_path, table) == {
        "texts": ['["ab", "cd"]', '["<script>planted()</script>"]', ""],
        "map": ['{"a": 1}', "[]", ""],
        "odd": ['{"{\\"k\\": 1}": "b\'\\\\x1b\'"}', "[]", ""],
        "record": ['{"x": "1", "y": [1]}', '{"x": null, "y": []}', ""],
    }


@pytest.mark.parametrize("nested", [False, True])
def test_a_text_that_comes_a_hundred_thousand_times_is_refused_before_it_is_unpacked(
    tmp_path: Path, nested: bool
) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 2**20]))
    if nested:
        texts = pa.ListArray.from_arrays(pa.array([0, 100_000], pa.int32()), texts)
    with pytest.raises(ContractError, match=r"^t\.parquet holds more than 1,024 MB or 2,000,000 rows; split it\.$"):
        cells(tmp_path, pa.table({"a": texts}))


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["a\x1b[31m", "a\x1b[31m"])
    with pytest.raises(ContractError, match=r"has 'a␛\[31m' for the name of several columns; give a CSV\.$"):
        cells(tmp_path, table)


@pytest.mark.parametrize(
    ("inside", "told"), [(["a/flats.csv", "b\x1b.csv"], r"a/flats\.csv, b␛\.csv"), ([], "nothing")]
)
def test_a_zip_archive_is_told_from_a_workbook(tmp_path: Path, inside: list[str], told: str) -> None:
    with zipfile.ZipFile(tmp_path / "flats.zip", "w") as archive:
        for name in inside:
            archive.writestr(name, "price\n1\n")
    with pytest.raises(ContractError, match=rf"is a zip archive and no workbook \(in it: {told}\); unpack it, or"):
        next(sheets(tmp_path / "flats.zip", "flats.zip", "give a CSV"))
