"""CSV as text: what a hostile table must not do to the reader."""

import io
from pathlib import Path

import pandas as pd
import pytest

from tasks.ingestion.csv_text import MOST_COLUMNS, read_strictly
from tasks.platform.errors import ContractError


def wide(columns: int, mark: str = ",") -> bytes:
    return mark.join(f"c{number}" for number in range(columns)).encode() + b"\n" + mark.encode() * (columns - 1) + b"\n"


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\r\n"])
@pytest.mark.parametrize("mark", [",", ";"])
def test_a_million_columns_are_refused_before_they_become_a_million_objects(
    tmp_path: Path, mark: str, before: bytes
) -> None:
    file = tmp_path / "wide.csv"
    file.write_bytes(before + wide(1_000_000, mark))
    for given in (file, io.BytesIO(file.read_bytes())):
        with pytest.raises(ContractError, match=r"^wide\.csv holds more than 10,000 columns; give another\.$"):
            read_strictly(given, "wide.csv", "give another", sep=mark, dtype=str)


def test_as_many_columns_as_are_read_are_read() -> None:
    content = b"\xef\xbb\xbf" + wide(MOST_COLUMNS)
    assert read_strictly(io.BytesIO(content), "x", "y", dtype=str).shape == (1, MOST_COLUMNS)
    long = wide(3) + b"a,b,c\n" * MOST_COLUMNS  # the marks of the rows are not those of the header
    pd.testing.assert_frame_equal(
        read_strictly(io.BytesIO(long), "x", "y", dtype=str), pd.read_csv(io.BytesIO(long), dtype=str)
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_header_ends_with_its_line_whatever_ends_lines(end: bytes) -> None:
    content = end.join([b"a,b,c", *[b"1,2,3"] * MOST_COLUMNS])
    assert read_strictly(io.BytesIO(content), "x", "y", dtype=str).shape == (MOST_COLUMNS, 3)
