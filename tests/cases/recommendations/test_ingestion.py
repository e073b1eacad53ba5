"""Ratings from a folder, a file or a zip, whole, damaged and hostile."""

import io
import warnings
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tasks.cases.recommendations import ingestion as module
from tasks.cases.recommendations.ingestion import WAYS, of_ratings, read_rating_files
from tasks.cases.recommendations.sample import PLANTED, sample_ratings, write_ratings
from tasks.ingestion.files import Source, locate
from tasks.ingestion.zip_members import Limited
from tasks.platform.errors import ContractError, UsageError

HEADER = "userId,movieId,rating,timestamp\n"
ROWS = "1,10,4.0,964982703\n2,20,3.5,964982704\n"


def located(source: str) -> Source:
    return of_ratings(locate.fn(source, WAYS))


def _file(tmp_path: Path, text: str | bytes, name: str = "ratings.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _zip(tmp_path: Path, members: dict[str, str]) -> Path:
    path = tmp_path / "own.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # names that come twice
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_the_sample_comes_back_and_its_broken_rows_are_named():
    where = located("sample")
    assert [file.name for file in where.files] == ["movies.csv", "ratings.csv"]
    read = read_rating_files.fn(where.files)
    drawn = sample_ratings()
    assert len(read.quarantine) == PLANTED["unreadable"]
    assert read.quarantine["reason"].tolist() == [
        "rating is no number", "timestamp is no whole number", "user is no whole number",
    ]  # fmt: skip
    assert read.quarantine["path"].iloc[0] == f"ratings.csv, line {len(drawn.ratings) + 2}"
    kept = read.ratings.iloc[: len(drawn.ratings)]
    assert (kept.to_numpy() == drawn.ratings.to_numpy()).all()
    assert (read.films["title"] == drawn.films["title"]).all()


def test_the_sample_is_the_same_bytes_each_time(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_ratings(tmp_path / name)
    for file in ("ratings.csv", "movies.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_zip_folder_and_file_are_read_alike(tmp_path: Path):
    text, films = HEADER + ROWS, 'movieId,title,genres\n10,"Signal, The (1999)",Drama\nx,No number,Drama\n'
    folder = tmp_path / "folder"
    folder.mkdir()
    _file(folder, text)
    _file(folder, films, "movies.csv")
    _file(folder, "a,b\n1,2\n", "links.csv")
    packed = _zip(tmp_path, {"ml/ratings.csv": text, "ml/movies.csv": films, "../../ratings.csv.txt": "x"})
    for source in (folder, packed):
        read = read_rating_files.fn(located(str(source)).files)
        assert read.ratings["film"].tolist() == [10, 20]
        assert read.films["title"].tolist() == ["Signal, The (1999)"]
    alone = read_rating_files.fn([_file(tmp_path, text, "mine.csv")])
    assert alone.ratings["rating"].tolist() == [4.0, 3.5]
    assert alone.films.empty


def test_columns_may_stand_in_any_order_and_be_more(tmp_path: Path):
    text = "\ufefftimestamp,note,Id,userId,rating\n5,x,10,1,4\n\n6,y,11,1, 3.5\n"
    read = read_rating_files.fn([_file(tmp_path, text)])
    assert read.ratings.to_dict("list") == {"user": [1, 1], "film": [10, 11], "rating": [4.0, 3.5], "timestamp": [5, 6]}
    assert read.quarantine.empty


@pytest.mark.parametrize("cell", ["nan", "inf", "", "0x1", "five", "4,5"])
def test_a_rating_that_is_no_number_goes_to_quarantine(tmp_path: Path, cell: str):
    read = read_rating_files.fn([_file(tmp_path, f'{HEADER}{ROWS}3,30,"{cell}",5\n')])
    assert len(read.ratings) == 2
    assert read.quarantine["path"].tolist() == ["ratings.csv, line 4"]
    assert np.isfinite(read.ratings["rating"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("userId,rating,timestamp\n1,2,3\n", "lacks the column movieId or Id"),
        ("", "no table of comma-separated values"),
        (b"userId,movieId,rating,timestamp\n\xff\xfe,1,1,1\n", "no table of comma-separated values"),
        (HEADER + "1,2,3,4,5,6\n1,2,3\n1,2,3,4,5,6,7,8\n", "no table of comma-separated values"),
        (HEADER + "1,2,3,4\n1,2,3,4,5\n", "no table of comma-separated values"),
        (b"PK\x03\x04 no zip at all", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(tmp_path: Path, text: str | bytes, message: str):
    with pytest.raises(ContractError, match=message) as caught:
        read_rating_files.fn([_file(tmp_path, text)])
    assert "give ratings.csv" in str(caught.value)


def test_a_zip_without_ratings_and_a_damaged_one_are_refused(tmp_path: Path):
    with pytest.raises(ContractError, match=r"holds no ratings\.csv"):
        read_rating_files.fn(
            [_zip(tmp_path, {"ml/.ratings.csv": "x", "__MACOSX/ratings.csv": "x", "ratings.csv/": ""})]
        )
    packed = bytearray(_zip(tmp_path, {"ratings.csv": HEADER + ROWS * 50}).read_bytes())
    packed[60:80] = bytes(20)
    with pytest.raises(ContractError, match="cannot be read"):
        read_rating_files.fn([_file(tmp_path, bytes(packed), "bad.zip")])


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_BYTES", {"ratings.csv": 2**20, "movies.csv": 2**20})
    packed = _zip(tmp_path, {"ratings.csv": HEADER + "1,10,4.0,964982703\n" * 500_000})
    assert packed.stat().st_size < 2**20
    with pytest.raises(ContractError, match="larger than 1 MB"):
        read_rating_files.fn([packed])
    with pytest.raises(ContractError, match="larger"):
        io.BufferedReader(Limited(io.BytesIO(b"x" * 20), 10, "it")).read()


def test_paths_that_hold_nothing_are_named(tmp_path: Path):
    with pytest.raises(UsageError, match="no such file or folder"):
        located(str(tmp_path / "missing"))
    _file(tmp_path, "a,b\n", "links.csv")
    _file(tmp_path, "a,b\n", "tags.csv")
    with pytest.raises(UsageError, match=r"holds no ratings\.csv"):
        located(str(tmp_path))


def test_the_published_ratings_are_read_as_duckdb_reads_them(shared: Path):
    folder = shared / "data" / "ratings"
    read = read_rating_files.fn(located(str(folder)).files)
    query = f"select count(*), avg(rating), sum(Id), min(timestamp), count(distinct userId) from '{folder}/ratings.csv'"
    expected = duckdb.connect().sql(query).fetchall()[0]
    table = read.ratings
    found = (len(table), table["rating"].mean(), table["film"].sum(), table["timestamp"].min(), table["user"].nunique())
    assert found == pytest.approx(expected)
    assert len(read.films) == 9742
    assert read.quarantine.empty
    assert isinstance(read.films, pd.DataFrame)
