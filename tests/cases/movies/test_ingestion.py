"""Films as their publisher writes them, damaged and hostile ones, and what is put aside."""

from pathlib import Path

import pytest

from tasks.cases.movies.ingestion import read_movies
from tasks.cases.movies.report import zeros_of
from tasks.cases.movies.sample import ROWS, sample_movies, write_movies
from tasks.cases.movies.validation import movies_contract
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import ContractError, UsageError
from tasks.validation.contract import check_table

HEAD = "Rank,Title,Year,Score,Metascore,Genre,Vote,Director,Runtime,Revenue,Description\n"


def written(folder: Path, *rows: str, head: str = HEAD, encoding: str = "utf-8") -> Path:
    file = folder / "movies.csv"
    file.write_text(head + "".join(f"{row}\n" for row in rows), encoding=encoding)
    return file


def test_the_sample_comes_back_as_it_was_drawn(tmp_path: Path) -> None:
    write_movies(tmp_path)
    films = read_movies.fn(tmp_path / "movies.csv")
    drawn = sample_movies()
    first = films.frame.head(ROWS)
    assert first["title"].tolist() == drawn.frame["Title"].tolist()
    assert (first["revenue"].isna() == drawn.missing).all()
    assert first["revenue"].dropna().tolist() == drawn.frame["Revenue"][~drawn.missing].tolist()
    assert first["metascore"].isna().tolist() == drawn.frame["Metascore"].isna().tolist()
    assert films.quarantine["reason"].tolist() == ["Revenue is no number", "Vote is no whole number"]
    assert films.quarantine["path"].tolist() == [f"movies.csv, line {ROWS + 2}", f"movies.csv, line {ROWS + 3}"]
    checked = check_table(films.frame, movies_contract())
    assert checked.report.passed
    assert checked.quarantine["title"].tolist() == ["Planted 2", "Planted 3", "Planted 4", "Planted 4"]
    assert (checked.frame["director"] == "").sum() == 1


def test_missing_values_and_quoted_line_breaks(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '1,"A, B\nC",1994,9.3,NA,"Crime, Drama",2011509,NA,142,NA,"x\ny"',
        "",
        "2,D,1994,9,80,Drama,10,E,90,.5,",
        "3,F,1994,inf,80,Drama,10,E,90,1e9,",
        "4,G,1994.5,1,80,Drama,10,E,90,1,",
    )
    films = read_movies.fn(file)
    assert films.frame["title"].tolist() == ["A, B\nC", "D"]
    assert films.frame["revenue"].isna().tolist() == [True, False]
    assert films.frame["director"].tolist() == ["", "E"]
    assert films.quarantine["path"].tolist() == ["movies.csv, line 7", "movies.csv, line 8"]
    assert films.quarantine["reason"].tolist() == ["Score is no number", "Year is no whole number"]


def test_a_wrong_column_a_wrong_encoding_and_a_wrong_path_are_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"lacks the column Revenue.*give a movies.csv"):
        read_movies.fn(written(tmp_path, head=HEAD.replace("Revenue", "Gross")))
    with pytest.raises(ContractError, match="no table of comma-separated values in UTF-8"):
        read_movies.fn(written(tmp_path, "1,Amélie,2001,8,9,Drama,1,J,1,1,", encoding="latin-1"))
    with pytest.raises(ContractError, match="no table"):  # a value more than columns in each row would shift them all
        read_movies.fn(written(tmp_path, "0,1,A,2001,8,9,Drama,1,J,1,1,x", "0,2,B,2001,8,9,Drama,1,J,1,1,x"))
    (tmp_path / "movies.csv").write_bytes(b"")
    with pytest.raises(ContractError, match="no table"):
        read_movies.fn(tmp_path / "movies.csv")
    with pytest.raises(UsageError, match="no such file"):
        locate.fn("/no/such/movies.csv", Ways())


def test_the_original_is_read_whole(shared: Path) -> None:
    films = read_movies.fn(shared / "data" / "movies" / "movies.csv")
    assert films.quarantine.empty
    assert len(films.frame) == 10_000
    assert (films.frame["revenue"].isna().sum(), films.frame["metascore"].isna().sum()) == (2_527 + 70, 3_219)
    assert films.frame["stated_zero"].sum() == 70
    checked = check_table(films.frame, movies_contract())
    assert checked.report.passed
    assert checked.quarantine.empty


def test_a_revenue_of_zero_is_unknown_and_never_learned(shared: Path) -> None:
    films = read_movies.fn(shared / "cases" / "movies-zero-revenue" / "movies.csv").frame
    assert films["stated_zero"].sum() == films["revenue"].isna().sum() == 278
    assert films["revenue"].min() > 0
    (rule,) = [row for row in check_table(films, movies_contract()).report.results if "No revenue is 0" in row.rule]
    assert (rule.severity, rule.passed, rule.broken) == ("warning", False, 278)
    assert zeros_of(films) == [
        "278 films state a revenue of 0 (39.7\u202f% of the list): that is how providers write an unknown one, so it is"
        " taken for missing and foretold like the others."
    ]
    assert zeros_of(films[~films["stated_zero"]]) == []
