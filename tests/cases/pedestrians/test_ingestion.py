"""Exports of hystreet: read as published, damaged rows put aside, what is no export refused in one sentence."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.pedestrians.ingestion import read_hystreet
from tasks.cases.pedestrians.validation import pedestrian_contract
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import CasebookError, ContractError, UsageError
from tasks.validation.contract import check_table, enforce

HEADER = "location;time_of_measurement;counted_pedestrians;type;incidents"
GOOD = 'Platz , Ort;2020-03-29 03:00:00 +0200;7;regular;""'


def export(folder: Path, *lines: str, header: str = HEADER, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_record_is_read_with_its_offset_and_incident(tmp_path: Path) -> None:
    rows = [GOOD, "Platz , Ort;2020-03-29 01:59:59 +0100;0;regular;Laserausfall", ""]
    frame, quarantine = read_hystreet.fn([export(tmp_path, *rows)])
    assert quarantine.empty
    assert list(frame["utc"].astype(str)) == ["2020-03-29 01:00:00", "2020-03-29 00:59:59"]
    assert list(frame["offset"]) == [120, 60]
    assert list(frame["count"]) == [7, 0]
    assert list(frame["incident"]) == ["", "Laserausfall"]
    assert set(frame["place"]) == {"Platz, Ort"}


def test_other_names_a_bom_and_missing_incidents_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("\ufefflocation;time of measurement;pedestrians count\nPlatz;2020-01-01 00:00:00 +0100;3\n")
    frame, _ = read_hystreet.fn([path])
    assert list(frame["count"]) == [3]
    assert list(frame["incident"]) == [""]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('Platz;2020-02-30 00:00:00 +0100;7;regular;""', "no time"),
        ('Platz;2020-02-20 00:00:00;7;regular;""', "no time"),
        ('Platz;2020-02-20 00:00:00 +0100;-7;regular;""', "no count"),
        ('Platz;2020-02-20 00:00:00 +0100;7.5;regular;""', "no count"),
        ('Platz;2020-02-20 00:00:00 +0100;٣٤٥;regular;""', "no count"),  # digits of another script
        (f'Platz;2020-02-20 00:00:00 +0100;{"9" * 40};regular;""', "no count"),
        (' ;2020-02-20 00:00:00 +0100;7;regular;""', "no place"),
        ("Platz;2020-02-20 00:00:00 +0100;7", "3 fields"),
    ],
)
def test_a_damaged_row_is_named_by_its_line(tmp_path: Path, line: str, reason: str) -> None:
    frame, quarantine = read_hystreet.fn([export(tmp_path, GOOD, line, GOOD)])
    assert len(frame) == 2
    assert list(quarantine["path"]) == ["x.csv, line 3"]
    assert reason in quarantine["reason"][0]
    with pytest.raises(ContractError, match=reason):
        enforce(check_table(frame, pedestrian_contract(0.1), quarantine).report)


@pytest.mark.parametrize("header", ["a;b;c", "a,b,c", "", "location;time_of_measurement;type"])
def test_no_export_is_one_sentence_with_the_column(tmp_path: Path, header: str) -> None:
    with pytest.raises(ContractError, match=r"x\.csv: column '\w+' is missing"):
        read_hystreet.fn([export(tmp_path, GOOD, header=header)])


@pytest.mark.parametrize("name", ["zurich.csv", "zurich-semicolon.csv"])
def test_the_open_data_of_zurich_are_read_with_commas_and_in_utc(shared: Path, name: str) -> None:
    path = shared / "cases" / "pedestrians-zurich" / name
    if not path.exists():
        pytest.skip("no such file beside the checkout")
    lines = path.read_text().splitlines()
    frame, quarantine = read_hystreet.fn([path], "Europe/Zurich")
    assert quarantine.empty
    assert len(frame) == len(lines) - 1
    fields = lines[1].replace(",", ";").split(";")
    first = frame.iloc[0]
    assert str(first["utc"]) == fields[0].replace("T", " ").removesuffix("Z")
    assert (first["place"], first["count"], first["kind"]) == (fields[2], int(fields[7]), fields[11])
    assert pedestrians_pass(frame)


def pedestrians_pass(frame: pd.DataFrame) -> bool:
    report = check_table(frame, pedestrian_contract()).report
    return report.passed and all(rule.passed for rule in report.results)


def test_days_are_not_taken_for_hours(shared: Path, tmp_path: Path) -> None:
    path = shared / "cases" / "pedestrians-daily" / "day.csv"
    if not path.exists():
        pytest.skip("no such file beside the checkout")
    with pytest.raises(ContractError, match=r"day\.csv: one record a day at Münsterplatz, Ulm, where hours are wanted"):
        read_hystreet.fn([path])
    few = [f'Platz;2020-07-0{day} 12:00:00 +0200;7;regular;""' for day in (1, 2, 3)]
    assert len(read_hystreet.fn([export(tmp_path, *few)]).frame) == 3  # a sensor that was hardly ever on


def test_an_empty_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no records"):
        read_hystreet.fn([export(tmp_path)])


def test_a_path_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no such file"):
        locate.fn("/no/such/export.csv", Ways(several=True))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=30), max_size=6))
def test_nonsense_ends_in_rows_or_in_one_sentence(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("odd") / "odd.csv"
    path.write_bytes("\n".join([HEADER, GOOD, *lines]).encode())
    try:
        frame, quarantine = read_hystreet.fn([path])
    except CasebookError:  # a field without an end, for one
        return
    assert len(frame) >= 1
    assert len(frame) + len(quarantine) <= len(path.read_text().splitlines()) + 1


def test_an_offset_that_was_not_in_force_is_a_warning(tmp_path: Path) -> None:
    rows = [f'Platz;2020-07-01 {hour:02}:00:00 +0200;7;regular;""' for hour in range(24)]
    frame, _ = read_hystreet.fn([export(tmp_path, *rows, rows[0].replace("+0200", "+0100"))])
    report = check_table(frame, pedestrian_contract()).report
    assert report.passed
    assert [(r.severity, r.broken) for r in report.results if not r.passed] == [("warning", 1)]


def test_impossible_records_break_the_contract(tmp_path: Path) -> None:
    rows = [f'Platz;2020-07-01 {hour:02}:00:00 +0200;7;regular;""' for hour in range(24)]
    odd = ['Platz;1999-07-01 00:00:00 +0200;7;regular;""', 'Platz;2020-07-02 00:00:00 +0200;999999;regular;""']
    frame, _ = read_hystreet.fn([export(tmp_path, *rows, *odd)])
    checked = check_table(frame, pedestrian_contract())
    assert len(checked.quarantine) == 2
    assert not checked.report.passed


@pytest.mark.parametrize("name", ["x.xlsx", "x.parquet"])
def test_a_workbook_or_parquet_is_read_like_its_csv(tmp_path: Path, name: str) -> None:
    rows = [GOOD, "Platz , Ort;2020-03-29 01:59:59 +0100;0;regular;Laserausfall"]
    expected, _ = read_hystreet.fn([export(tmp_path, *rows)])
    cells = pd.read_csv(tmp_path / "x.csv", sep=";", keep_default_na=False)
    file = tmp_path / name
    cells.to_excel(file, index=False) if name == "x.xlsx" else cells.to_parquet(file)
    frame, quarantine = read_hystreet.fn([file])
    assert quarantine.empty
    pd.testing.assert_frame_equal(frame.drop(columns="export"), expected.drop(columns="export"))
