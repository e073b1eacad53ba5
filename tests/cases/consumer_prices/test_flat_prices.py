"""A table of months and values, as anyone keeps it, is read as the export that says the same."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.cases.consumer_prices.ingestion.flat import as_export
from tasks.cases.consumer_prices.ingestion.genesis import read_genesis
from tasks.cases.consumer_prices.ingestion.source import read_prices
from tasks.platform.errors import ContractError, UsageError

MONTHS = pd.period_range("1990-01", periods=60, freq="M")
VALUES = [100 + 0.5 * place for place in range(60)]


def read_back(file: Path, **columns: str) -> pd.DataFrame:
    return read_genesis.fn([as_export(file, columns)], "", "auto").prices


def save(
    file: Path, months: list[str], separator: str = ",", decimal: str = ".", names: tuple[str, str] = ("month", "value")
) -> Path:
    pd.DataFrame(dict(zip(names, (months, VALUES), strict=True))).to_csv(
        file, index=False, sep=separator, decimal=decimal
    )
    return file


@pytest.mark.parametrize(
    "form", ["%Y-%m", "%Y-%m-01", "%Y-%m-28", "%Y/%m", "%YM%m", "%m/%Y", "%m.%Y", "01.%m.%Y", "%Y-%m-01 00:00:00"]
)
def test_months_are_read_however_they_are_written(form: str, tmp_path: Path) -> None:
    read = read_back(save(tmp_path / "p.csv", list(MONTHS.strftime(form))))
    assert list(read["period"]) == list(MONTHS.to_timestamp())
    assert list(read["value"]) == VALUES


@pytest.mark.parametrize("form", ["%Y-Q%q", "%YQ%q", "Q%q %Y"])
def test_quarters_too(form: str, tmp_path: Path) -> None:
    quarters = pd.period_range("1990Q1", periods=60, freq="Q")
    read = read_back(save(tmp_path / "p.csv", list(quarters.strftime(form))))
    assert list(read["period"]) == list(quarters.to_timestamp())


def test_names_marks_and_commas_of_other_people(tmp_path: Path) -> None:
    file = save(tmp_path / "p.csv", list(MONTHS.strftime("%Y-%m-01")), ";", ",", ("DATE", "CPI all items"))
    with pytest.raises(ContractError, match=r'lacks the columns month, value .*--columns "month='):
        as_export(file, {})
    assert list(read_back(file, month="DATE", value="CPI all items")["value"]) == VALUES
    parts = pd.DataFrame({"year": MONTHS.year, "month": MONTHS.month, "value": VALUES})
    parts.to_excel(tmp_path / "p.xlsx", index=False)
    assert list(read_back(tmp_path / "p.xlsx")["value"]) == VALUES


def test_what_may_be_two_months_is_put_aside_and_not_guessed(tmp_path: Path) -> None:
    file = save(tmp_path / "p.csv", list(MONTHS.strftime("%m/01/%Y")))
    with pytest.raises(ContractError, match="0 lines read"):
        read_back(file)


def test_an_export_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("head\n;;Index\n1990;Januar;100,0\n", "latin-1")
    assert as_export(file, {}) == file


def test_rubbish_gets_one_sentence(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"\x00\xff" * 90, b"a", b"month\n", b"month,value\n" * 3)):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(content)
        with pytest.raises(ContractError):
            read_back(file)


def test_the_sample_takes_no_names() -> None:
    with pytest.raises(UsageError, match="--columns is for tables of your own"):
        read_prices("sample", "", "auto", "month=DATE")
