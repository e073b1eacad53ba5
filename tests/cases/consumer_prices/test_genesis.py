"""Exports of GENESIS: read as published, and nothing that is odd in them is taken for a number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.cases.consumer_prices.ingestion.genesis import Export, read_genesis
from tasks.cases.consumer_prices.sample import KNOWN, genesis_text, write_consumer_prices
from tasks.platform.errors import ContractError, UsageError

HEAD = "GENESIS-Tabelle: 61111-0002\r\nVerbraucherpreisindex;;\r\n;;Bayern;Hessen\r\n;;2015=100;2015=100\r\n"


def read(folder: Path, text: str, series: str = "", encoding: str = "latin-1") -> Export:
    file = folder / "prices.csv"
    file.write_bytes(text.encode(encoding))
    return read_genesis.fn([file], series)


def test_bavaria_as_published(shared: Path) -> None:
    file = shared / "data" / "consumer_prices" / "61111-202z.csv"
    export = read_genesis.fn([file])
    rows = [line.split(";") for line in file.read_bytes().decode("latin-1").splitlines() if line[:4].isdigit()]
    assert len(export.prices) == len(rows) == 612
    expected = [float(value.replace(",", ".")) if value != "..." else np.nan for _, _, value in rows]
    np.testing.assert_array_equal(export.prices["value"], expected)
    assert export.prices["period"].tolist() == list(pd.date_range("1970-01", "2020-12", freq="MS"))
    assert export.prices["value"].iloc[0] == 29.6
    assert export.prices["value"].notna().sum() == 601
    assert export.quarantine.empty
    table = export.table
    assert (table.code, table.per_year, table.decimals, table.language) == ("61111-202z", 12, 1, "German")
    assert table.placeholders == {"...": 11}
    assert table.notes[0].startswith("© Bayerisches Landesamt für Statistik")


def test_the_sample_is_the_series_of_statsmodels(tmp_path: Path) -> None:
    from statsmodels.datasets import macrodata

    write_consumer_prices(tmp_path)
    export = read_genesis.fn([tmp_path / "us-consumer-prices.csv"])
    np.testing.assert_array_equal(export.prices["value"].dropna(), macrodata.load_pandas().data["cpi"])
    assert export.table.per_year == 4
    assert export.prices["value"].notna().sum() == KNOWN
    assert str(export.prices["period"].iloc[KNOWN - 1]) == "2009-07-01 00:00:00"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.one_of(st.none(), st.integers(1, 10**8).map(lambda n: n / 10)), min_size=1, max_size=40),
    per_year=st.sampled_from([4, 12]),
)
def test_what_is_written_is_read(tmp_path: Path, values: list[float | None], per_year: int) -> None:
    text = genesis_text([100.5, *values], 1990, per_year)
    prices = read(tmp_path, text).prices
    np.testing.assert_array_equal(prices["value"], [100.5, *(np.nan if value is None else value for value in values)])


def test_english_months_points_and_thousands(tmp_path: Path) -> None:
    text = "Table: 61111-0002\n;;Index\n2020;January;1,029.6\n2020;Mar;101.25\n2020;December;99\n"
    export = read(tmp_path, text)
    assert export.prices["value"].tolist() == [1029.6, 101.25, 99.0]
    assert export.prices["period"].dt.month.tolist() == [1, 3, 12]
    assert (export.table.language, export.table.decimals) == ("English", 2)


def test_german_thousands_and_foreign_point(tmp_path: Path) -> None:
    export = read(tmp_path, HEAD + "2020;Januar;1.029,6\n2020;März;29.6\n2020;Mai;1.029\n2020;Dez.;99,1p\n")
    assert export.prices["value"].tolist() == [1029.6, 29.6, 99.1]
    assert export.quarantine["detail"].tolist() == ["2020-05: 1.029"]  # a column of both marks does not say which
    assert "mixed" in export.table.notes[0]


@pytest.mark.parametrize("name", ["rebased.csv", "rebased-trimmed.csv"])
def test_an_export_saved_again_in_another_language_is_what_it_was(shared: Path, name: str) -> None:
    file = shared / "cases" / "prices-xlsx-resaved" / name
    if not file.exists():
        pytest.skip("no such file beside the checkout")
    export = read_genesis.fn([file])
    rows = [line.split(";") for line in file.read_text().splitlines() if line[:4].isdigit()]
    np.testing.assert_array_equal(export.prices["value"], [float(value) for _, _, value in rows])
    assert export.table.language == "German"
    assert "which is not that of the export's language" in export.table.notes[0]


MONTHS = ("Januar", "Februar", "März", "April")
PLAIN = "Verbraucherpreisindex;;\r\n;;Bayern\r\n"


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        (HEAD, ("99.876", "100.123", "100.456", "101.000"), (99.876, 100.123, 100.456, 101)),  # its base is 100
        (HEAD, ("99,876", "100,123", "100,456", "101,000"), (99.876, 100.123, 100.456, 101)),
        (PLAIN, ("99.876", "100.12", "100.456", "101"), (99.876, 100.12, 100.456, 101)),  # 100.12 decides
        (PLAIN, ("998", "999", "1.000", "1.002"), (998, 999, 1000, 1002)),  # no month is a thousandth of the next
        (PLAIN, ("998,5", "999", "1.000", "1.002"), (998.5, 999, 1000, 1002)),
        (PLAIN, ("0.998", "1.000", "1.001", "1.002"), (0.998, 1, 1.001, 1.002)),  # no thousands begin with 0
        (PLAIN, ("99,876", "100,123", "100,456", "101,000"), (99.876, 100.123, 100.456, 101)),  # German, by a comma
    ],
)
def test_the_column_decides_what_its_marks_mean(
    tmp_path: Path, head: str, values: tuple[str, ...], expected: tuple[float, ...]
) -> None:
    text = head + "".join(f"2020;{month};{value}\n" for month, value in zip(MONTHS, values, strict=True))
    assert read(tmp_path, text).prices["value"].tolist() == list(expected)


def test_what_nothing_decides_is_asked_for(tmp_path: Path) -> None:
    text = PLAIN + "".join(f"2020;{month};1{number}0.123\n" for number, month in enumerate(MONTHS))
    with pytest.raises(UsageError, match="say decimal=point or decimal=comma"):
        read(tmp_path, text)
    file = tmp_path / "prices.csv"
    assert read_genesis.fn([file], "", "point").prices["value"].tolist() == [100.123, 110.123, 120.123, 130.123]
    assert read_genesis.fn([file], "", "comma").prices["value"].tolist() == [100_123, 110_123, 120_123, 130_123]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    prices = read(tmp_path, HEAD + "2020;Januar;29,6\n2020;März;29,7\n© Amt\n", encoding=encoding).prices
    assert prices["period"].dt.month.tolist() == [1, 3]


def test_every_placeholder_is_missing_and_named(tmp_path: Path) -> None:
    signs = ["...", ".", "-", "/", "x", ""]
    text = HEAD + "2019;Dezember;1,0\n"
    months = ["Januar", "Februar", "März", "April", "Mai", "Juni"]
    text += "".join(f"2020;{month};{sign}\n" for month, sign in zip(months, signs, strict=True))
    export = read(tmp_path, text)
    assert export.prices["value"].notna().sum() == 1
    assert sum(export.table.placeholders.values()) == 6
    assert export.quarantine.empty


def test_what_cannot_be_read_is_in_quarantine_with_its_line(tmp_path: Path) -> None:
    text = HEAD + (
        "2020;Januar;29,6\n2020;Brumaire;29,7\n2020;März;29,6,1\n2020;April;nan\n2020;Mai;1e5\n2020;Juni;inf\n"
        "2020;Juli;٣\n2020;1. Quartal;5\n2020;Januar;29,6\n2020;Jahr;29,6\n99999;Mai;1\n____\n2021;Januar;30\n© Amt\n"
    )
    export = read(tmp_path, text, encoding="utf-8")
    assert export.prices["value"].tolist() == [29.6]
    assert export.quarantine["path"].tolist()[0].startswith("prices.csv, line ")
    assert len(export.quarantine) == 10
    assert set(export.quarantine["reason"]) == {
        "no year, or no month or quarter",
        "value cannot be read",
        "another frequency than most rows",
        "the same month twice",
        "row after the footer",
    }
    assert export.table.skipped == 1
    assert export.table.notes == ["© Amt"]


def test_contradicting_rows_stay_for_the_contract(tmp_path: Path) -> None:
    prices = read(tmp_path, HEAD + "2020;Januar;29,6\n2020;Januar;92,6\n2020;Februar;29,7\n").prices
    assert prices["value"].tolist() == [29.6, 92.6, 29.7]


def test_an_empty_year_goes_on_and_columns_may_be_swapped(tmp_path: Path) -> None:
    prices = read(tmp_path, HEAD + "2019;Dezember;1\n2020;Januar;2\n;Februar;3\nMärz;2020;4\n").prices
    assert prices["period"].dt.strftime("%Y-%m").tolist() == ["2019-12", "2020-01", "2020-02", "2020-03"]


def test_columns_are_chosen_by_heading(tmp_path: Path) -> None:
    text = HEAD + "2020;Januar;1;2\n2020;Februar;3;4\n"
    assert read(tmp_path, text).prices["value"].tolist() == [1, 3]
    assert read(tmp_path, text, "hessen").prices["value"].tolist() == [2, 4]
    for wrong in ("Sachsen", "2015"):
        with pytest.raises(UsageError, match="Bayern, 2015=100; Hessen, 2015=100"):
            read(tmp_path, text, wrong)


@pytest.mark.parametrize("text", ["", "\n\n", "a;b;c\n1;2;3\n", "<html>", "\x00" * 100, "2020;Januar\n"])
def test_what_is_no_export_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError, match="export"):
        read(tmp_path, text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "prices.csv"
    file.write_bytes(content + b"\n2020;Januar;29,6\n")
    try:
        export = read_genesis.fn([file])
    except ContractError:
        return
    assert export.prices["value"].dropna().map(np.isfinite).all()
