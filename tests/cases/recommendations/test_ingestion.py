"""Ratings from a folder, a file or a zip, whole, damaged and hostile."""

import io
import warnings
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tasks.cases.recommendations.ingestion import read as module
from tasks.cases.recommendations.ingestion.read import WAYS, of_ratings, read_rating_files
from tasks.cases.recommendations.sample import PLANTED, REPLACED, sample_ratings, write_ratings
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
        "rating is no number",
        "timestamp is no whole number",
        "user is no whole number",
    ]
    assert read.quarantine["path"].iloc[0] == f"ratings.csv, line {len(drawn.ratings) + 2}"
    assert read.replaced == REPLACED
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
    monkeypatch.setattr(module, "MOST_BYTES", {"ratings": 2**20, "films": 2**20})
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


BARE = {
    "ml-1m/ratings.dat": "1::10::4::964982703\n2::20::3::964982704\n",
    "ml-1m/movies.dat": "10::Signal, The (1999)::Drama|War\n20::Pok\xe9mon: One|Two (1998)::Comedy\n",
    "ml-100k/u.data": "1\t10\t4\t964982703\n2\t20\t3\t964982704\n",
    "ml-100k/u.item": "10|Signal, The (1999)|01-Jan-1999||http://x|"
    + "|".join("0" * 8 + "1" + "0" * 8 + "1" + "0")
    + "\n20|Pok\xe9mon: One (1998)|01-Jan-1998||http://x|"
    + "|".join("0" * 5 + "1" + "0" * 13)
    + "\n",
}


@pytest.mark.parametrize("size", ["ml-1m", "ml-100k"])
@pytest.mark.parametrize("packed", [True, False])
def test_files_without_a_header_are_read_by_their_names(tmp_path: Path, size: str, packed: bool):
    files = {name: text.encode("latin-1") for name, text in BARE.items() if name.startswith(size)}
    if packed:
        source = tmp_path / "own.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        source = tmp_path / size
        source.mkdir()
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
    read = read_rating_files.fn(located(str(source)).files)
    assert read.quarantine.empty
    assert read.ratings.to_dict("list") == {
        "user": [1, 2],
        "film": [10, 20],
        "rating": [4.0, 3.0],
        "timestamp": [964982703, 964982704],
    }
    assert read.films["title"].tolist()[0] == "Signal, The (1999)"
    assert read.films["title"].tolist()[1].startswith("Pok\xe9mon: One")
    assert read.films["genres"].tolist() == ["Drama|War", "Comedy"]


def test_days_are_turned_into_seconds_and_odd_ones_put_aside(tmp_path: Path):
    text = '"userId","movieId","rating","timestamp"\n1,10,4.0,"2000-07-30 18:45:03"\n2,20,3.5,"2000-13-30 18:45:03"\n'
    read = read_rating_files.fn([_file(tmp_path, text + "3,30,5,2000-07-31\n", "rating.csv")])
    assert read.ratings["timestamp"].tolist() == [964982703, 965001600]
    assert read.quarantine["reason"].tolist() == ["timestamp is no whole number"]


def test_goodbooks_have_no_times_and_other_names(tmp_path: Path):
    _file(tmp_path, "user_id,book_id,rating\n1,10,5\n2,20,3\n")
    _file(tmp_path, "book_id,goodreads_book_id,title\n10,7,Signal\n", "books.csv")
    read = read_rating_files.fn(located(str(tmp_path)).files)
    assert read.ratings["timestamp"].tolist() == [0, 0]
    assert read.films["title"].tolist() == ["Signal"]


def test_a_scale_of_ten_is_halved(tmp_path: Path):
    read = read_rating_files.fn([_file(tmp_path, HEADER + "1,10,10,5\n2,20,1,6\n")], 10)
    assert read.ratings["rating"].tolist() == [5.0, 0.5]


def test_who_rates_anew_is_taken_at_the_last_word(tmp_path: Path):
    rows = "1,10,4.0,200\n1,20,3.0,150\n1,10,1.0,100\n2,10,2.0,7\n2,10,5.0,7\n"
    read = read_rating_files.fn([_file(tmp_path, HEADER + rows)])
    assert read.replaced == 2
    assert read.ratings[["user", "film", "rating"]].to_numpy().tolist() == [[1, 10, 4], [1, 20, 3], [2, 10, 5]]


@pytest.mark.parametrize("name", ["ratings-kaggle-20m", "ratings-rerated"])
def test_what_people_bring_is_read(shared: Path, name: str):
    folder = shared / "cases" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    read = read_rating_files.fn(located(str(folder)).files)
    file = next(folder.glob("rating*.csv"))
    lines = duckdb.connect().sql(f"select count(*), count(distinct (userId, movieId)) from '{file}'").fetchall()[0]
    assert read.quarantine.empty
    assert len(read.ratings) == lines[1]
    assert read.replaced == lines[0] - lines[1]
    assert read.ratings["timestamp"].between(789_000_000, 2_000_000_000).all()
