"""Any table of series, date and quantity is read, or refused in one sentence that says what to give."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.cases.demand.ingestion.dates import read_dates
from tasks.cases.demand.ingestion.items import read_items
from tasks.cases.demand.ingestion.roles import Roles
from tasks.cases.demand.ingestion.table import Sales, read_table
from tasks.cases.demand.sample import NO_NUMBER, write_sales
from tasks.platform.errors import ContractError, UsageError

ROLES = ("series", "date", "quantity", "price", "promotion", "holiday", "stock")


def read(path: Path, order: str = "auto", **asked: str) -> Sales:
    return read_table.fn(path, dict.fromkeys(ROLES, "") | asked, order)


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_the_sample_is_read_with_every_role_and_its_broken_rows(tmp_path: Path) -> None:
    write_sales(tmp_path)
    sales = read(tmp_path / "sales.csv")
    assert sales.roles == Roles(
        series=["item", "store"],
        date="week",
        quantity="units",
        price="price",
        promotion="promotion",
        holiday="holiday",
        stock="stock",
    )
    assert len(sales.quarantine) == NO_NUMBER
    assert set(sales.quarantine["reason"]) == {"units is no number"}
    assert sales.quarantine["path"].iloc[0] == "sales.csv, line 13"


@hypothesis_settings(max_examples=40)
@given(
    st.lists(st.dates(pd.Timestamp("2020-01-01").date(), pd.Timestamp("2029-12-31").date()), min_size=1, max_size=30)
)
def test_dates_come_back_as_they_were_or_are_asked_for(days: list[Any]) -> None:
    wanted = pd.Series(pd.to_datetime(days)).astype("datetime64[us]")
    for pattern in ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d.%m.%Y"):
        assert read_dates(wanted.dt.strftime(pattern), "auto", "day").tolist() == wanted.tolist()
    plain = (wanted.dt.day > 12).any()
    for pattern, order in (("%d/%m/%Y", "day"), ("%m-%d-%y", "month")):
        text = wanted.dt.strftime(pattern)
        assert read_dates(text, order, "day").tolist() == wanted.tolist()
        if plain:
            assert read_dates(text, "auto", "day").tolist() == wanted.tolist()
        else:
            with pytest.raises(UsageError, match="--date-order day or --date-order month"):
                read_dates(text, "auto", "day")


@pytest.mark.parametrize("odd", ["\x00", "<script>", "2024-01-0\x1b1", "٢٠٢٤-٠١-٠١", "'2024-01-01"])
def test_a_text_that_is_no_date_is_one_row_that_cannot_be_read(tmp_path: Path, odd: str) -> None:
    lines = [f"2024-01-{day:02},a,{day}" for day in range(1, 29)]
    found = read(written(tmp_path / "sales.csv", "\n".join(["date,item,sold", *lines, f"{odd},a,3"]) + "\n"))
    assert len(found.frame) == 28
    assert found.quarantine["reason"].tolist() == ["date is no date"]


def test_a_column_that_mixes_both_orders_is_refused() -> None:
    with pytest.raises(UsageError, match="mixes dates"):
        read_dates(pd.Series(["13/01/2026", "01/13/2026"]), "auto", "day")


def test_days_that_do_not_exist_go_to_quarantine(tmp_path: Path) -> None:
    lines = "\n".join(f"a,{day:02d}/02/2026,1" for day in range(1, 32))
    sales = read(written(tmp_path / "x.csv", f"item,date,units\n{lines}\n"))
    assert len(sales.frame) == 28
    assert set(sales.quarantine["reason"]) == {"date is no date"}


def test_semicolons_decimal_commas_and_german_names_are_read(tmp_path: Path) -> None:
    text = "Artikel;Datum;Menge;Preis\n" + "".join(f"a;{day:02d}.01.2026;1.{day:03d},5;2,99\n" for day in range(1, 29))
    sales = read(written(tmp_path / "x.csv", text))
    assert sales.frame["quantity"].tolist() == [1000.5 + day for day in range(1, 29)]
    assert set(sales.frame["price"]) == {2.99}


@pytest.mark.parametrize(
    ("text", "asked", "says"),
    [
        ("day,a,b\n2026-01-01,1,2\n", {}, "no column is plainly the quantity"),
        ("x,units,sales\n2026-01-01,1,2\n", {}, "units, sales may each be the quantity"),
        ("day,who,units\n2026-01-01,a,1\n2026-01-01,b,1\n", {}, "name the columns that"),
        ("day,units\n2026-01-01,1\n", {"series": "shop"}, "--series shop: no such column"),
        ("day,units\n2026-01-01,1\n", {"series": "units"}, "two things at once"),
    ],
)
def test_what_cannot_be_told_is_asked_for(tmp_path: Path, text: str, asked: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=f"(?i){says}"):
        read(written(tmp_path / "x.csv", text), **asked)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"one\n1\n", b"a,b\n", b"a,a\n1,2\n", b"a,b\n1,2,3\n"])
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises((ContractError, UsageError), match=r"give|column"):
        read(tmp_path / "x.csv")


def test_items_are_read_and_odd_ones_refused(tmp_path: Path) -> None:
    roles = Roles(series=["item"], date="day", quantity="units")
    good = written(tmp_path / "items.csv", "item,stock,lead_time\na,5,2\nb,,1\n")
    found = read_items.fn(str(good), roles, {"service": 0.9, "review": 1.0})
    assert found["series"].tolist() == ["", "a", "b"]
    assert found["service"].iloc[0] == 0.9
    assert np.isnan(found["stock"].iloc[2])
    for text, says in (
        ("item,colour\na,red\n", "has colour"),
        ("stock\n5\n", "lacks item"),
        ("item,lead_time\na,1.5\n", "row 2: lead_time is 1.5; a whole number"),
        ("item,service\na,2\n", "from 0.5 to 0.995"),
        ("item,stock\na,1\na,2\n", "more than once"),
    ):
        with pytest.raises(UsageError, match=says):
            read_items.fn(str(written(tmp_path / "odd.csv", text)), roles, {})
