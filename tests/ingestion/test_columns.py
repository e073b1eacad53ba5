"""Plain tables: what each kind of column takes, and where the rest goes."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.ingestion.columns import read_columns
from tasks.platform.errors import ContractError

COLUMNS = {"day": "day", "sold": "number", "place": "text"}


def test_each_cell_is_read_as_its_column_says_or_its_row_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    file.write_text(
        "place,sold,day,more\n"
        "Ulm,1.5e2,2024-12-31,x\n"
        "Ulm,many,2024-12-31,x\n"
        "Ulm,,2024-12-31,x\n"
        "Ulm,inf,2024-12-31,x\n"
        "Ulm,1,31.12.2024,x\n"
        "Ulm,1,2024-02-30,x\n"
        ",1,2024-12-31,x\n"
    )
    frame, quarantine = read_columns.fn(file, COLUMNS, "give another")
    expected = {"day": [pd.Timestamp(2024, 12, 31)], "sold": [150.0], "place": ["Ulm"]}
    pd.testing.assert_frame_equal(frame, pd.DataFrame(expected), check_dtype=False)
    assert frame["sold"].dtype == "float64"
    assert quarantine["reason"].tolist() == ["sold is no number"] * 3 + ["day is no day"] * 2 + ["place is no text"]
    assert quarantine["path"].iloc[0] == "days.csv, line 3"
    assert quarantine["detail"].iloc[0] == "2024-12-31, many, Ulm"


def test_a_table_of_no_readable_row_is_an_empty_table(tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    file.write_text("place,sold,day\nUlm,many,today\n")
    frame, quarantine = read_columns.fn(file, COLUMNS, "give another")
    assert list(frame.columns) == ["day", "sold", "place"]
    assert (len(frame), len(quarantine)) == (0, 1)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    file.write_text("sold,day\n1,2024-12-31\n")
    with pytest.raises(ContractError, match=r"lacks the column place .*give another"):
        read_columns.fn(file, COLUMNS, "give another")
