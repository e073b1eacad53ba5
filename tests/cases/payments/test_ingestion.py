"""Do both engines read the same from the worst of files? Row by row, cent by cent, against plain Python."""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.cases.payments.ingestion.amounts import cents_of
from tasks.cases.payments.ingestion.ledger import Ledger
from tasks.cases.payments.ingestion.lines import LONGEST_LINE, PAIR, REASONS, line_pattern, read_header
from tasks.cases.payments.ingestion.source import choose_engine, payment_ways
from tasks.cases.payments.ingestion.with_pandas import clean_with_pandas, quarter_number
from tasks.cases.payments.ingestion.with_spark import clean_with_spark, count_with_spark
from tasks.cases.payments.sample.payments import FILE, write_payments
from tasks.ingestion.files import locate
from tasks.platform.errors import ContractError, IntegrityError, UsageError

HEADER = "Quarter Ending,Department,UnitNo,Vendor Number,Vendor,Amount,Account"
COLUMNS = ["quarter", "department", "vendor", "name", "account", "cents"]

# Lines of a hostile file: what they hold, and the reason or the cents that are right.
LINES: list[tuple[bytes, str | int]] = [
    (b"03/31/2015,Health,1,0001,ACME,12.34,Rent", 1234),
    (b"03/31/2015,Health,1,0001,ACME,12.34,Rent", 1234),
    (b'2015-06-30T00:00:00.000,"Food, Markets",1,0002,"SMITH, ""BOB""","$1,234.50",Rent\r', 123450),
    (b"2015-09-30, \xc2\xa0Health\t,1, 0003 ,\xc3\x89CLAIR, (12.00) ,", -1200),
    (b"12/31/2015 12:00:00 AM,Health,1,0004,#x,-$5.005,Rent", -501),
    (b"12/31/2015,Health,1,0004,#x,$-5.004,Rent", -500),
    (b"12/31/2015,Health,1,0004,,.5,Rent", 50),
    (b"12/31/2015,Health,1,0004,,5.,Rent", 500),
    (b"12/31/2015,Health,1,0004,,0000000000000009.999,Rent", 1000),
    (b"12/31/2015,Health,1,0004,,9999999999.99,Rent", 999_999_999_999),
    (b"12/31/2015,Health,1,0004,,-0.00,Rent", 0),
    (b"\xef\xbb\xbf12/31/2015,Health,1,0004,,1,Rent", 100),
    (b'12/31/2015,Health,1,0004,"","""",Rent', "amount"),
    (b"12/31/2015,Health,1,0004,,10000000000.00,Rent", "large"),
    (b'12/31/2015,Health,1,0004,,"12,34.00",Rent', "amount"),
    (b"12/31/2015,Health,1,0004,,(-5),Rent", "amount"),
    (b"12/31/2015,Health,1,0004,,(5,Rent", "amount"),
    (b"12/31/2015,Health,1,0004,,.,Rent", "amount"),
    (b"12/31/2015,Health,1,0004,,1e5,Rent", "amount"),
    (b"12/31/2015,Health,1,0004,,NaN,Rent", "amount"),
    ("12/31/2015,Health,1,0004,,١٢,Rent".encode(), "amount"),
    (b"12/31/2015,Health,1,0004,, \xc2\xa0,Rent", "blank"),
    (b"12/31/2015,Health,1, ,,1,Rent", "vendor"),
    (b'12/31/2015,"",1,0004,,1,Rent', "department"),
    (b"12/30/2015,Health,1,0004,,1,Rent", "quarter"),
    (b"2015-02-30,Health,1,0004,,1,Rent", "quarter"),
    (b"31.12.2015,Health,1,0004,,1,Rent", "quarter"),
    (b",Health,1,0004,,1,Rent", "quarter"),
    (b"12/31/2015,Health,1,0004,,1", "fields"),
    (b"12/31/2015,Health,1,0004,,1,Rent,", "fields"),
    (b'12/31/2015,Health,1,0004,"open,1,Rent', "fields"),
    (b'12/31/2015,Health,1,0004,a"b,"c,1,Rent', "fields"),
    (b'12/31/2015,Health,1,0004,"a"b,1,Rent', "fields"),
    (b' "12/31/2015",Health,1,0004,,1,Rent', "fields"),
    (b"   ", "fields"),
    (b"#12/31/2015", "fields"),
    (b"12/31/2015,Health,1,0004,nul\x00,1,Rent", "control"),
    (b"12/31/2015,Health,1,0004,lone\rreturn,1,Rent", "control"),
    (b"12/31/2015,Health,1,0004,\xff\xfe,1,Rent", "encoding"),
    (b"12/31/2015,Health,1,0004,caf\xe9,1,Rent", "encoding"),
    (b"12/31/2015,Health,1,0004,\xed\xa0\x80,1,Rent", "encoding"),
    (b"," * (LONGEST_LINE + 1), "long"),
    (b'"' * LONGEST_LINE, "fields"),
    ("12/31/2015,Health,1,0004,line\u2028separator\u0085,1,Rent".encode(), 100),
    (b"12/31/2015,Health,1,0004,=cmd|'/c'!A1,1,Rent", 100),
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a BOM, blank lines, the header again, and no line break at its end."""
    file = tmp_path_factory.mktemp("hostile") / "pay ments.csv"
    header = HEADER.encode()
    lines = [
        b"\xef\xbb\xbf" + header,
        *(line for line, _ in LINES[:20]),
        b"",
        b"\r",
        header,
        *(x for x, _ in LINES[20:]),
    ]
    file.write_bytes(b"\n".join(lines))
    return file


def right_answers() -> tuple[list[int], dict[str, int]]:
    cents = sorted(answer for _, answer in LINES if isinstance(answer, int))
    reasons = [answer for _, answer in LINES if isinstance(answer, str)]
    return cents, {reason: reasons.count(reason) for reason in REASONS}


def plain(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(
        (int(q), str(d), str(v), str(n), str(a), int(c)) for q, d, v, n, a, c in rows[COLUMNS].itertuples(index=False)
    )


def test_arrow_reads_the_hostile_file_right(hostile: Path) -> None:
    cleaned = clean_with_pandas.fn([hostile])
    cents, reasons = right_answers()
    rows = cleaned.rows.rows_of(COLUMNS)
    assert sorted(rows["cents"]) == cents
    assert dict(zip(cleaned.tally["reason"], cleaned.tally["lines"], strict=True)) == reasons
    assert cleaned.good == len(cents)
    assert 'SMITH, "BOB"' in set(rows["name"])
    assert {"Health", "Food, Markets"} == set(rows["department"])
    raw = hostile.read_bytes().split(b"\n")
    for path, reason in zip(cleaned.quarantine["path"], cleaned.quarantine["reason"], strict=True):
        line = raw[int(path.rpartition("line ")[2]) - 1]
        assert REASONS[str(dict(LINES)[line])] == reason


def test_spark_reads_the_same_to_the_row_and_the_cent(hostile: Path, spark: Any) -> None:
    arrow = clean_with_pandas.fn([hostile, hostile])
    rows = clean_with_spark.fn([hostile, hostile]).cache()
    counted = count_with_spark.fn(rows)
    assert plain(rows.where("cents IS NOT NULL").toPandas()) == plain(arrow.rows.rows_of(COLUMNS))
    assert counted.tally["lines"].tolist() == arrow.tally["lines"].tolist()
    assert counted.good == arrow.good
    assert sorted(counted.quarantine["reason"]) == sorted(arrow.quarantine["reason"])
    rows.unpersist()


def test_blocks_do_not_change_what_is_read(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = clean_with_pandas.fn([hostile])
    monkeypatch.setattr("tasks.cases.payments.ingestion.with_pandas.BLOCK", 5_000)
    parts = clean_with_pandas.fn([hostile])
    assert plain(parts.rows.rows_of(COLUMNS)) == plain(whole.rows.rows_of(COLUMNS))
    pd.testing.assert_frame_equal(parts.quarantine, whole.quarantine)


def test_the_sample_is_read_as_it_was_written(tmp_path: Path) -> None:
    truth = write_payments(tmp_path, 6_000)
    cleaned = clean_with_pandas.fn([tmp_path / FILE])
    lines = dict(zip(cleaned.tally["reason"], cleaned.tally["lines"], strict=True))
    broken = truth.broken
    assert lines["fields"] == broken["cut"] + broken["quote"]
    assert (lines["blank"], lines["amount"], lines["quarter"]) == (broken["blank"], broken["text"], broken["quarter"])
    assert cleaned.good + sum(lines.values()) == truth.rows == 6_000
    rows = cleaned.rows.rows_of(COLUMNS)
    cells = rows.groupby(["quarter", "department"], observed=True)["cents"].agg(["size", "sum"]).reset_index()
    got = {(int(q), str(d)): (int(n), int(c)) for q, d, n, c in cells.itertuples(index=False)}
    wanted = truth.totals[["quarter", "department", "payments", "cents"]]
    assert got == {(int(q), str(d)): (int(n), int(c)) for q, d, n, c in wanted.itertuples(index=False)}


def test_a_ledger_goes_through_the_store_and_is_read_by_buckets(hostile: Path, tmp_path: Path) -> None:
    from tasks.platform.store import store

    stored = store().put(clean_with_pandas.fn([hostile]).rows)
    ledger = store().load(stored, Ledger)
    parts = [plain(ledger.rows_of(COLUMNS, low, low + 16)) for low in range(0, 64, 16)]
    assert sorted(row[-1] for part in parts for row in part) == right_answers()[0]
    assert store().put(ledger).digest == stored.digest
    with pytest.raises(IntegrityError, match="no ledger"):
        Ledger.load(tmp_path)


@given(
    st.one_of(
        st.decimals(-(10**9), 10**9, places=2).map(str),
        st.from_regex(r"\A-?\$?[0-9]{1,3}(,[0-9]{3}){0,2}(\.[0-9]{0,5})?\Z"),
        st.from_regex(r"\A\(?\$?[0-9]{0,4}\.?[0-9]{0,4}\)?\Z"),
        st.text("0123456789.,-$() eE", max_size=12),
    )
)
@hypothesis_settings(max_examples=200, deadline=None)
def test_amounts_are_what_decimal_arithmetic_says(text: str) -> None:
    import pyarrow as pa

    cents, problems = cents_of(pa.array([text.strip(" ")]))
    wanted = by_decimal(text.strip(" "))
    if wanted is None:
        assert problems["amount"][0] or problems["blank"][0] or problems["large"][0]
    else:
        assert not any(problem[0] for problem in problems.values())
        assert cents[0] == wanted


def by_decimal(text: str) -> int | None:
    """Return the cents of an amount by plain Python, None for what is none."""
    sign = 1
    if text.startswith("(") and text.endswith(")"):
        sign, text = -1, text[1:-1]
    elif text[:1] == "-":
        sign, text = -1, text[1:]
    elif text[:2] == "$-":
        sign, text = -1, text[2:]
    text = text.removeprefix("$") if not (sign < 0 and "$-" in text) else "x"
    if not re.fullmatch(r"(([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]{0,12})?|\.[0-9]{1,12})", text, re.ASCII):
        return None
    number = Decimal(text.replace(",", ""))
    return None if number >= 10**10 else sign * int((number * 100).quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3/31/2015", 2015 * 4),
        ("12/31/1999", 1999 * 4 + 3),
        ("2015-06-30 00:00:00", 8061),
        ("06/31/2015", 0),
        ("", 0),
        ("2015-06-30T00:00:01", 0),
        ("06/30/15", 0),
        ("06/30/2015\n", 0),
    ],
)
def test_quarters(text: str, number: int) -> None:
    assert quarter_number(text) == number


def test_a_wrong_file_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(ContractError, match=r"no column Quarter Ending, .*Amount.*\(a,b\)"):
        read_header(file)
    file.write_text(HEADER + ",amount\n")
    with pytest.raises(ContractError, match="Amount more than once"):
        read_header(file)
    file.write_bytes((HEADER + "\r" + HEADER + "\r").encode())
    with pytest.raises(ContractError, match="carriage return"):
        read_header(file)
    file.write_bytes(b"")
    with pytest.raises(ContractError, match="empty"):
        read_header(file)
    with pytest.raises(UsageError, match=r"data\.vermont\.gov"):
        locate.fn("public", payment_ways(5_000))
    with pytest.raises(UsageError, match="no such file"):
        locate.fn(str(tmp_path / "none.csv"), payment_ways(5_000))


def test_a_file_without_line_breaks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cases.payments.ingestion.with_pandas.BLOCK", 1_000)
    file = tmp_path / "endless.csv"
    file.write_text(HEADER + "\n" + "x" * 5_000)
    with pytest.raises(ContractError, match="no line break"):
        clean_with_pandas.fn([file])


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "turned.csv"
    file.write_text("amount,VENDOR,vendor_number,quarter_ending,account,department\n1.5,A,7,2015-03-31,R,D\n")
    rows = clean_with_pandas.fn([file]).rows.rows_of(COLUMNS)
    assert plain(rows) == [(8060, "D", "7", "A", "R", 150)]


def test_the_engine_follows_the_size_of_the_files(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as stream:
        stream.truncate(9 * 2**30)  # sparse
    assert choose_engine("auto", [file]) == "spark"
    assert choose_engine("pandas", [file]) == "pandas"
    file.write_bytes(b"")
    assert choose_engine("auto", [file]) == "pandas"


def test_the_line_pattern_takes_exactly_the_fields() -> None:
    pattern = line_pattern(3).replace(r"\z", r"\Z")
    assert re.search(pattern, 'a,"b ""q"", c",'.replace('""', PAIR))
    for line, is_right in (('a,"",' + '"' * 4, True), ('a,""b,c', False), ("a,b", False), ('a,b"c,d', False)):
        assert bool(re.search(pattern, line.replace('""', PAIR))) == is_right
