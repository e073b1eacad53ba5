"""A table of states, as anyone keeps it, says what the saved answers of the service say."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tasks.cases.elevators.ingestion.flat import as_answers
from tasks.cases.elevators.ingestion.readings import locate_elevators, read_snapshots
from tasks.platform.errors import ContractError, UsageError

OTHERWISE = {"observed": "time", "equipmentnumber": "lift", "stationnumber": "station"}


@pytest.fixture
def table() -> pd.DataFrame:
    times = pd.date_range("2026-03-01 02:15", periods=4, freq="D", tz="UTC")
    rows = [
        {
            "observed": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "equipmentnumber": lift,
            "stationnumber": lift // 10,
            "state": state,
            "stateExplanation": "said",
            "geocoordX": 9.5,
            "geocoordY": 52.25,
            "description": "zu Gleis 1",
        }
        for time in times
        for lift, state in ((101, "ACTIVE"), (102, "inactive"), (201, "UNKNOWN"))
    ]
    return pd.DataFrame(rows)


def read(files: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    seen = read_snapshots.fn(files, [file.name for file in files])
    return seen.readings, seen.lifts


def test_a_table_says_what_the_answers_say(table: pd.DataFrame, tmp_path: Path) -> None:
    answers = []
    for time, rows in table.groupby("observed"):
        answers.append(tmp_path / f"facilities-{str(time).replace('-', '').replace(':', '')}.json")
        told = rows.assign(type="ELEVATOR", state=rows["state"].str.upper()).drop(columns="observed")
        answers[-1].write_text(told.to_json(orient="records"))
    table.to_csv(tmp_path / "states.csv", index=False)
    for mine, theirs in zip(read(as_answers(tmp_path / "states.csv", {})), read(answers), strict=True):
        pd.testing.assert_frame_equal(mine, theirs)


@pytest.mark.parametrize("name", ["states.xlsx", "states.parquet", "states.csv"])
def test_names_and_forms_of_other_people(name: str, table: pd.DataFrame, tmp_path: Path) -> None:
    other = table.rename(columns=OTHERWISE)
    file = tmp_path / name
    if name.endswith("xlsx"):
        other.to_excel(file, index=False)
    elif name.endswith("parquet"):
        other.to_parquet(file)
    else:
        other.to_csv(file, index=False, sep=";")
    files = locate_elevators.fn(str(file), "observed=time,equipmentnumber=lift,stationnumber=station").files
    assert len(files) == 4
    assert len(read(files)[0]) == 12
    with pytest.raises(ContractError, match=r'lacks the columns observed, equipmentnumber, .*--columns "'):
        locate_elevators.fn(str(file))


def test_answers_in_a_folder_go_before_whatever_else_lies_there(table: pd.DataFrame, tmp_path: Path) -> None:
    answer = tmp_path / "facilities-20260301T021500Z.json"
    answer.write_text(json.dumps([{"equipmentnumber": 1, "stationnumber": 1, "state": "ACTIVE", "type": "ELEVATOR"}]))
    (tmp_path / "readme.txt").write_text("my lifts")
    assert locate_elevators.fn(str(tmp_path)).files == [answer]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"observed": "yesterday"}, "12 of 12 rows have no time .*the first: 'yesterday'"),
        ({"observed": ""}, "have no time"),
    ],
)
def test_times_that_cannot_be_read_are_told(
    change: dict[str, str], words: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    table.assign(**change).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ContractError, match=words):
        as_answers(tmp_path / "t.csv", {})
    table.head(0).to_csv(tmp_path / "empty.csv", index=False)
    with pytest.raises(ContractError, match="has no row"):
        as_answers(tmp_path / "empty.csv", {})


def test_rows_that_are_no_lifts_are_put_aside_by_the_reader(table: pd.DataFrame, tmp_path: Path) -> None:
    table.assign(equipmentnumber=[f"x{row}" for row in table.index]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ContractError, match="None of 4 files holds the lifts"):
        read(as_answers(tmp_path / "t.csv", {}))


def test_rows_that_tell_a_lift_twice_are_told(table: pd.DataFrame, tmp_path: Path) -> None:
    table.loc[[0] * 40].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(
        ContractError, match=r"39 of 40 rows tell a lift at a time .*the first: 101 at 2026-03-01T02:15"
    ):
        as_answers(tmp_path / "t.csv", {})


@pytest.mark.parametrize("source", ["sample", "api"])
def test_names_are_for_tables_of_ones_own(source: str) -> None:
    with pytest.raises(UsageError, match="--columns is for tables of your own"):
        locate_elevators.fn(source, "state=Zustand")
