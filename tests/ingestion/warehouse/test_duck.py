"""Files asked by DuckDB: the columns they need, cells and lines that cannot be read, odd names, hostile files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.cases.births.query import LOW, births_question
from tasks.cases.births.sample import QUIRKS, draw_births, write_rows
from tasks.ingestion.warehouse.duck import ask_files
from tasks.ingestion.warehouse.question import Answer, bytes_of, dollars
from tasks.platform.errors import ContractError

QUESTION = births_question(1900, 2100)


def ask(*files: Path, state: str = "", years: tuple[int, int] = (1900, 2100)) -> Answer:
    return ask_files.fn(list(files), births_question(*years, state), "give others")


def good(answer: Answer) -> pd.DataFrame:
    """Return the sums by year and age."""
    frame = answer.frame
    return frame[(frame["broken"] == "") & (frame["without_year"] == 0)]


def test_the_sums_are_those_of_the_raw_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "b.parquet", 30_000)
    raw = pd.read_parquet(tmp_path / "b.parquet")
    raw = raw[raw["weight_pounds"].between(0.2, 20) & raw["mother_age"].notna()].astype({"mother_age": int})
    told = good(ask(tmp_path / "b.parquet")).set_index(["birth_year", "age"]).sort_index()
    weight, stands = raw["weight_pounds"], raw["record_weight"]
    rows = raw.assign(
        records=1,
        births=stands,
        squares=stands**2,
        pounds=stands * weight,
        pounds_squared=stands * weight**2,
        low=stands * (weight < LOW),
        dated=stands * raw["gestation_weeks"].between(17, 47),
        early=stands * raw["gestation_weeks"].between(17, 36),
    )
    names = ["records", "births", "squares", "pounds", "pounds_squared", "low", "dated", "early"]
    wanted = rows.groupby(["year", "mother_age"])[names].sum()
    assert len(told) == len(wanted)
    np.testing.assert_allclose(told[names].to_numpy(float), wanted.to_numpy(float), rtol=1e-9)


def test_broken_rows_are_counted_by_reason_and_listed(tmp_path: Path) -> None:
    write_rows(tmp_path / "b.parquet", 20_000)
    told = ask(tmp_path / "b.parquet")
    broken = told.frame[(told.frame["broken"] != "") & (told.frame["without_year"] == 0)]
    assert broken.set_index("broken")["records"].to_dict() == QUIRKS
    assert len(told.quarantine) == sum(QUIRKS.values())
    assert set(told.quarantine["reason"]) == {
        "The weight is known.",
        "The weight lies between 0.2 and 20 pounds.",
        "The mother's age is known.",
    }


def test_only_the_columns_that_are_asked_are_read(tmp_path: Path) -> None:
    write_rows(tmp_path / "b.parquet", 20_000)
    bill = ask(tmp_path / "b.parquet").bill
    assert 0 < bill.bytes_scanned < bill.bytes_whole == (tmp_path / "b.parquet").stat().st_size
    assert bill.rows == 20_000
    assert bill.cost == bill.cost_whole == 0


def test_csv_and_parquet_give_the_same_and_a_folder_is_one_table(tmp_path: Path) -> None:
    frame = draw_births(6_000)
    frame.to_parquet(tmp_path / "whole.parquet")
    frame.iloc[:2_500].to_csv(tmp_path / "a.csv", index=False)
    frame.iloc[2_500:, ::-1].to_csv(tmp_path / "b.csv", index=False)
    by = [
        "without_year",
        "without_sex",
        "without_bin",
        "birth_year",
        "decade",
        "age",
        "age_group",
        "sex",
        "plural",
        "birth_order",
        "smoker",
        "bin",
    ]
    one, other = (
        answer.frame.sort_values(by, ignore_index=True)
        for answer in (ask(tmp_path / "whole.parquet"), ask(tmp_path / "a.csv", tmp_path / "b.csv"))
    )
    pd.testing.assert_frame_equal(one, other)


def test_cells_and_lines_that_cannot_be_read_are_counted_with_their_line(tmp_path: Path) -> None:
    frame = draw_births(500).astype(object)
    frame.loc[3, "weight_pounds"] = "heavy"
    frame.loc[5, "mother_age"] = "25.5"
    frame.loc[6, "mother_age"] = "25.0"
    frame.loc[7, "is_male"] = "perhaps"
    frame.loc[8, "year"] = ""
    text = frame.to_csv(index=False).splitlines()
    text[10] += ",more,and more"
    text[20] = "1999,1999"
    (tmp_path / "b.csv").write_text("\ufeff" + "\n".join(text) + "\n", "utf-8")
    told = ask(tmp_path / "b.csv")
    broken = told.frame[(told.frame["broken"] != "") & (told.frame["without_year"] == 0)]
    assert broken.set_index("broken")["records"].to_dict() == {"weight": 1, "age": 1, "sex": 1, "year": 1}
    assert told.bill.lost == 2
    assert told.bill.rows == 500
    paths = told.quarantine["path"].tolist()
    assert {"b.csv, line 11", "b.csv, line 21"} <= set(paths)


def test_names_are_no_patterns(tmp_path: Path) -> None:
    odd = tmp_path / "it's [a]*.parquet"
    draw_births(300).to_parquet(odd)
    draw_births(900).to_parquet(tmp_path / "it's abc.parquet")
    assert ask(odd).bill.rows == 300


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("b.parquet", b"PAR1 no PAR1", "cannot be read"),
        ("b.parquet", b"", "cannot be read"),
        ("b.csv", b"year,weight_pounds\n1999,7\n", "lacks the columns mother_age, is_male, plurality"),
        ("b.csv", b"", "."),
        ("b.csv", b"\xff\xfe\x00year" * 50, "."),
    ],
)
def test_files_that_are_no_table_are_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ContractError, match=said) as told:
        ask(tmp_path / name)
    assert "give others" in str(told.value)
    assert "\n" not in str(told.value)


def test_columns_of_a_wrong_type_are_broken_rows_and_no_crash(tmp_path: Path) -> None:
    frame = draw_births(300)
    frame.assign(weight_pounds=frame["weight_pounds"].map(lambda value: f"{value} lb")).to_parquet(
        tmp_path / "b.parquet"
    )
    told = ask(tmp_path / "b.parquet")
    assert set(told.frame["broken"]) == {"weight"}
    frame.assign(weight_pounds=pd.Timestamp("2020-01-01")).to_parquet(tmp_path / "c.parquet")
    assert set(ask(tmp_path / "c.parquet").frame["broken"]) == {"weight"}


def test_infinite_and_missing_weights_are_broken(tmp_path: Path) -> None:
    frame = draw_births(300)
    frame.loc[:3, "weight_pounds"] = [np.inf, -np.inf, np.nan, 7.0]
    frame.to_parquet(tmp_path / "b.parquet")
    told = ask(tmp_path / "b.parquet")
    broken = told.frame[(told.frame["broken"] != "") & (told.frame["without_year"] == 0)]
    assert broken["records"].sum() == 3


def test_years_and_state_are_values(tmp_path: Path) -> None:
    frame = draw_births(5_000)
    frame.to_parquet(tmp_path / "b.parquet")
    there = frame["year"].between(1980, 1989) & (frame["state"] == "CA")
    assert good(ask(tmp_path / "b.parquet", state="CA", years=(1980, 1989)))["records"].sum() == there.sum() > 0
    for hostile in ("CA' OR '1'='1", "'; DROP VIEW asked_rows; --", "{rows}", "?", "CA\x00"):
        assert good(ask(tmp_path / "b.parquet", state=hostile)).empty
        assert hostile not in births_question(1900, 2100, hostile).sql or hostile in {"?", "{rows}"}


def test_two_kinds_of_files_are_refused(tmp_path: Path) -> None:
    draw_births(300).to_parquet(tmp_path / "a.parquet")
    draw_births(300).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ContractError, match="two kinds"):
        ask(tmp_path / "a.parquet", tmp_path / "b.csv")


def test_bytes_and_dollars_for_people() -> None:
    assert [bytes_of(value) for value in (12, 1_500, 8.2e9, 2.19e13)] == ["12 bytes", "1.5 kB", "8.2 GB", "21.9 TB"]
    assert [dollars(value) for value in (0, 0.00006, 0.045, 1.5, 1234.5)] == [
        "$0",
        "$6e-05",
        "$0.045",
        "$1.50",
        "$1,234.50",
    ]


OTHERWISE = {"weight_pounds": 'Weight "lb"', "mother_age": "Age, mother", "is_male": "Boy"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_that_are_called_otherwise_are_named(suffix: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "b.parquet", 20_000)
    table = pd.read_parquet(tmp_path / "b.parquet")
    other = table.rename(columns=OTHERWISE).assign(MOTHER_AGE=99)  # a column of that name means another thing here
    file = tmp_path / f"other{suffix}"
    other.to_parquet(file) if suffix == ".parquet" else other.to_csv(file, index=False)
    told = ask_files.fn([file], births_question(1900, 2100, called=OTHERWISE), "give others")
    keys = ["birth_year", "age"]  # groups come in any order
    found, known = (
        good(answer).dropna(axis=1).set_index(keys).sort_index() for answer in (told, ask(tmp_path / "b.parquet"))
    )
    pd.testing.assert_frame_equal(found, known)
    assert told.bill.bytes_scanned > 0
    with pytest.raises(ContractError, match=r'say so by --columns "weight_pounds=.*,is_male='):
        ask(file)
    with pytest.raises(ContractError, match="has no column 'Gewicht'"):
        ask_files.fn([file], births_question(1900, 2100, called={"weight_pounds": "Gewicht"}), "give others")
