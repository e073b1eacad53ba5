"""Reading runners: trailing separators, other orders of columns, damage, hostile files."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.marathon.ingestion import read_runners, seconds
from tasks.cases.marathon.sample import QUIRKS, RUNNERS, runners, write_marathon
from tasks.cases.marathon.validation import runners_contract
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import CasebookError, ContractError, UsageError
from tasks.validation.contract import check_table, enforce

HEADER = "age,gender,split,final,nationality,size,weight"
ROW = "33,M,01:05:38,02:08:51,DE,183.41,84"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "runners.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_all_runners_of_the_published_file_in_spite_of_the_trailing_separators(shared: Path) -> None:
    read = read_runners.fn(shared / "data" / "marathon" / "marathon.csv")
    assert len(read.frame) == 37_250
    assert read.quarantine.empty
    assert read.frame.iloc[0].tolist() == [33.0, "M", 3938.0, 7731.0, "DE", 183.41, 84.0]
    assert Counter(read.frame["nationality"]) == {"IT": 12_575, "AU": 12_377, "DE": 12_298}
    assert read.frame["final"].iloc[-1] == 10 * 3600 + 68


def test_the_sample_is_read_back_to_the_second_and_its_damage_put_aside(tmp_path: Path) -> None:
    write_marathon(tmp_path)
    read = read_runners.fn(tmp_path / "marathon.csv")
    unreadable = sum(count for name, count in QUIRKS.items() if name != "impossible")
    assert len(read.quarantine) == unreadable
    assert len(read.frame) == RUNNERS + QUIRKS["impossible"]
    truth = runners()
    merged = read.frame.merge(truth, how="right", indicator=True)
    assert (merged["_merge"] == "both").all()
    first = read.quarantine.iloc[0]
    number = int(str(first["path"]).rpartition(" ")[2])
    assert (tmp_path / "marathon.csv").read_text().splitlines()[number - 1].startswith(first["detail"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("33,M,01:05:38,02:08:51,DE,,84", "size missing"),
        ("NA,M,01:05:38,,DE,183,84", "age, final missing"),
        ("33,M,,DNF,DE,183,84", "did not finish"),
        ("33,M,dns,,DE,183,84", "did not start"),
        ("33,M,01:05:38,DQ,DE,183,84", "disqualified"),
        ("33,M,01:65:38,02:08:51,DE,183,84", "split is no time"),
        ("33,M,01:05:38,2h,DE,183,84", "final is no time"),
        ("33,M,01:05:38,٠٢:٠٨:٥١,DE,183,84", "final is no time"),
        ("33,M,01:05:38,02:08:51,DE,inf,84", "size is no number"),
        ("33,M,01:05:38,02:08:51,DE,1e3,84", "size is no number"),
        ("33,M,01:05:38,02:08:51,DE,183", "6 values"),
        ('33,M,01:05:38,02:08:51,DE,183,"84', "not a line"),
    ],
)
def test_a_line_that_cannot_be_read_is_put_aside_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    read = read_runners.fn(written(tmp_path, f"{HEADER};;;; \n{ROW};;;;\n{row};;;;\n\n{ROW};;;;\n"))
    assert len(read.frame) == 2
    assert len(read.quarantine) == 1
    assert read.quarantine["path"].iloc[0] == "runners.csv, line 3"
    assert reason in read.quarantine["reason"].iloc[0]


def test_columns_in_another_order_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeffName,Weight,size,nationality,final,split,gender,age\r\nA,84,183.41,DE,02:08:51,01:05:38,M,33\r\n"
    read = read_runners.fn(written(tmp_path, text))
    assert read.frame.iloc[0].tolist() == [33.0, "M", 3938.0, 7731.0, "DE", 183.41, 84.0]


def test_results_that_call_women_f_and_list_who_gave_up(shared: Path) -> None:
    path = shared / "cases" / "marathon-F-DNF" / "m.csv"
    if not path.exists():
        pytest.skip("no such file beside the checkout")
    read = read_runners.fn(path)
    lines = path.read_text().splitlines()[1:]
    finished = [line.split(",")[1] for line in lines if "DNF" not in line]
    assert Counter(read.frame["gender"]) == {"W": finished.count("F"), "M": finished.count("M")}
    assert read.quarantine["reason"].tolist() == ["did not finish (DNF)"] * sum("DNF" in line for line in lines)
    checked = check_table(read.frame, runners_contract(0.05), read.quarantine)
    enforce(checked.report)
    assert len(checked.frame) == len(finished)


def test_what_is_no_table_of_runners_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"no column weight .*give a table"):
        read_runners.fn(written(tmp_path, "age,gender,split,final,nationality,size\n"))
    with pytest.raises(ContractError, match="no column age"):
        read_runners.fn(written(tmp_path, ""))
    with pytest.raises(ContractError, match="no UTF-8 text"):
        read_runners.fn(written(tmp_path, HEADER.encode() + b"\n33,M,\xff\xfe"))
    with pytest.raises(CasebookError, match="line 2"):
        read_runners.fn(written(tmp_path, f"{HEADER}\n{'9' * 20_000}\n"))
    with pytest.raises(UsageError, match="no such file"):
        locate.fn(str(tmp_path / "none.csv"), Ways())


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_times_are_seconds(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours:02}:{minutes:02}:{rest:02}", "split") == 3600 * hours + 60 * minutes + rest


@given(st.text(max_size=12))
def test_no_other_text_is_a_time(text: str) -> None:
    parts = text.split(":")
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
        return
    with pytest.raises(ValueError, match="no time"):
        seconds(text, "split")
