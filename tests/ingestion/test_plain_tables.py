"""Tables as people save them: the same cells whatever mark, encoding, decimal sign, container and names."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.ingestion.files import Ways, locate
from tasks.ingestion.plain_tables import Wanted, parse_columns, plain
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.store import digest_file

WANTED = Wanted(["Title", "Year", "Revenue"], ["Genre"], remedy="give a movies.csv")
TABLE = pd.DataFrame(
    {
        "Title": ["Café", "Der Weg; 2", 'Say "no"'],
        "Year": ["1999", "2004", "2010"],
        "Revenue": ["1234.5", "0.75", "12"],
        "Genre": ["Drama", "", "Crime, War"],
    }
)


def text_of(table: pd.DataFrame, sep: str = ",", comma: bool = False) -> str:
    if comma:
        table = table.assign(Revenue=table["Revenue"].str.replace(".", ",", regex=False))
    return table.to_csv(index=False, sep=sep)


def excel(path: Path, table: pd.DataFrame, above: int = 0) -> None:
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"x": ["nothing here"]}).to_excel(book, sheet_name="About", index=False)
        typed = table.assign(Year=table["Year"].astype(int), Revenue=table["Revenue"].astype(float))
        typed.to_excel(book, sheet_name="Films", index=False, startrow=above)


WAYS: dict[str, Callable[[Path], object]] = {
    "semicolons.csv": lambda path: path.write_text(text_of(TABLE, ";", comma=True)),
    "tabs.tsv": lambda path: path.write_text(text_of(TABLE, "\t")),
    "bars.txt": lambda path: path.write_text(text_of(TABLE, "|")),
    "windows.csv": lambda path: path.write_bytes(text_of(TABLE, ";", comma=True).encode("cp1252")),
    "utf16.csv": lambda path: path.write_bytes(text_of(TABLE, "\t").encode("utf-16")),
    "packed.csv": lambda path: path.write_bytes(gzip.compress(text_of(TABLE).encode())),
    "above.csv": lambda path: path.write_text("Films of the year\nby someone\n" + text_of(TABLE)),
    "case.csv": lambda path: path.write_text(text_of(TABLE.rename(columns={"Title": "title", "Year": " YEAR "}))),
    "book.xlsx": lambda path: excel(path, TABLE, above=2),
    "table.parquet": lambda path: TABLE.to_parquet(path),
}


@pytest.mark.parametrize("name", WAYS)
def test_every_way_to_save_it_gives_the_same_table(name: str, tmp_path: Path) -> None:
    WAYS[name](file := tmp_path / name)
    made = plain(file, WANTED, {})
    assert made != file
    assert made.name.endswith(".csv")
    found = pd.read_csv(made, dtype=str, keep_default_na=False)
    found["Revenue"] = found["Revenue"].astype(float)
    pd.testing.assert_frame_equal(found, TABLE.assign(Revenue=TABLE["Revenue"].astype(float)), check_dtype=False)
    assert plain(file, WANTED, {}) == made  # made once


def test_a_plain_table_is_read_where_it_lies(tmp_path: Path) -> None:
    (file := tmp_path / "plain.csv").write_text("\ufeff" + text_of(TABLE))
    assert plain(file, WANTED, {}) == file
    file.write_text("title,YEAR,revenue;;;;\nA,1,2;;;;\n")
    assert plain(file, Wanted(WANTED.needed, loose=True), {}) == file
    file.write_bytes(gzip.compress(text_of(TABLE).encode()))
    assert plain(file, Wanted(WANTED.needed, packed=True), {}) == file


def test_what_a_reader_can_do_by_itself_is_left_to_it(tmp_path: Path) -> None:
    """Payments put a line aside that is no UTF-8, and sales come with three marks: neither is written once more."""
    (file := tmp_path / "lines.csv").write_bytes(text_of(TABLE).encode() + "Café,1,2,x\n".encode("latin-1"))
    assert plain(file, Wanted(WANTED.needed, by_line=True), {}) == file
    with pytest.raises(ContractError, match="it could be"):
        plain(file, Wanted(WANTED.needed), {})
    file.write_text(text_of(TABLE, ";"))
    assert plain(file, Wanted(marks=",;\t"), {}) == file
    assert plain(file, Wanted(WANTED.needed, marks=",;\t"), {}) == file
    assert plain(file, Wanted(), {}) != file


def test_columns_by_other_names_are_asked_for_with_a_guess_and_then_taken(tmp_path: Path) -> None:
    theirs = {"Revenue": "Revenue (Millions), worldwide", "Title": "Film = name"}
    (file := tmp_path / "other.csv").write_text(text_of(TABLE.rename(columns=theirs)))
    with pytest.raises(ContractError) as refused:
        plain(file, WANTED, {})
    assert '--columns "Title=?,Revenue=Revenue (Millions), worldwide"' in str(refused.value)
    called = parse_columns("title = Film = name, Revenue=Revenue (Millions), worldwide", WANTED)
    assert called == theirs
    found = pd.read_csv(plain(file, WANTED, called), dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(found, TABLE, check_dtype=False)
    with pytest.raises(ContractError, match="no column 'Nothing'"):
        plain(file, WANTED, {"Title": "Nothing"})


def test_a_column_that_was_there_gives_way_to_the_one_that_is_named(tmp_path: Path) -> None:
    (file := tmp_path / "two.csv").write_text("Title,Year,Revenue,Gross\nA,1999,1,7\n")
    found = pd.read_csv(plain(file, WANTED, {"Revenue": "Gross"}))
    assert found["Revenue"].tolist() == [7]


def test_the_way_in_takes_the_names_and_only_for_tables_of_the_users_own(tmp_path: Path) -> None:
    ways = Ways(lambda folder: (folder / "films.csv").write_text(text_of(TABLE)), wanted=WANTED)
    (file := tmp_path / "films.tsv").write_text(text_of(TABLE.rename(columns={"Revenue": "Gross"}), "\t"))
    where = locate.fn(str(file), ways, "Revenue=Gross")
    assert list(pd.read_csv(where.file).columns) == list(TABLE)
    assert where.sha256 == digest_file(file)
    assert locate.fn("sample", ways).file.read_text() == text_of(TABLE)
    with pytest.raises(UsageError, match="--columns is for tables of your own"):
        locate.fn("sample", ways, "Revenue=Gross")


@pytest.mark.parametrize("text", ["Revenue", "=x", "Sales=x", "Revenue=", "Revenue=a,Revenue=b", "x,Revenue=a"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--columns"):
        parse_columns(text, WANTED)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bad.parquet", b"PAR1nothing", "no whole Parquet"),
        ("bad.xlsx", b"PK\x03\x04nothing", "damaged"),
        ("empty.csv", b"", "no text|lacks"),
        ("zeros.csv", bytes(500), "no text"),
        ("cut.csv", gzip.compress(text_of(TABLE).encode())[:-12], "damaged"),
        ("other.csv", b"a,b\n1,2\n", "lacks the columns Title, Year, Revenue"),
        ("quote.csv", b'Title;Year;Revenue\n"endless;1;2\n', "no table"),
    ],
)
def test_what_is_no_table_is_one_sentence(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ContractError, match=words):
        plain(tmp_path / name, WANTED, {})


def test_what_a_comma_means_is_decided_by_the_file_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    wanted = Wanted(["a", "b"])
    file.write_text("a;b;c\n1,234;5;x\n7,500;6;y\n")  # thousands or thousandths: nobody can know
    assert pd.read_csv(plain(file, wanted, {}), dtype=str)["a"].tolist() == ["1,234", "7,500"]
    file.write_text("a;b;c\n1,234;5,5;x\n7,500;6;y\n")  # the other column tells
    assert pd.read_csv(plain(file, wanted, {}))["a"].tolist() == [1.234, 7.5]
    file.write_text("a;b;c\n1,234;5.5;x\n7,500;6;y\n")
    assert pd.read_csv(plain(file, wanted, {}), dtype=str)["a"].tolist() == ["1,234", "7,500"]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6),
    sep=st.sampled_from(";\t|"),
)
def test_no_text_is_changed_on_the_way(cells: list[tuple[str, str]], sep: str, tmp_path: Path) -> None:
    table = pd.DataFrame(cells, columns=["Title", "Genre"]).assign(Year="x", Revenue="y")
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, sep=sep, quoting=1)
    (file := tmp_path / "texts.csv").write_text(buffer.getvalue(), newline="")
    found = pd.read_csv(plain(file, WANTED, {}), dtype=str, keep_default_na=False)
    assert found[["Title", "Genre"]].to_numpy().tolist() == table[["Title", "Genre"]].to_numpy().tolist()


def test_a_bare_carriage_return_in_a_cell_is_no_end_of_a_row(tmp_path: Path) -> None:
    table = TABLE.assign(Title=["one\rtwo", "\r=1+1", "a\r\nb"])
    table.to_parquet(file := tmp_path / "table.parquet")
    found = pd.read_csv(plain(file, WANTED, {}), dtype=str, keep_default_na=False)
    assert found["Title"].tolist() == table["Title"].tolist()
    assert found["Year"].tolist() == table["Year"].tolist()
