"""Reading listings: the publisher's quirks, rows that cannot be read, files that are something else."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from tasks.cases.rentals.ingestion import COLUMNS, read_listings
from tasks.cases.rentals.sample import BREAKING, FREE, HOTELS, ROOMS_OF_HOTEL, ROWS, UNREADABLE, write_rentals
from tasks.cases.rentals.validation import rentals_contract
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import ContractError, UsageError
from tasks.validation.contract import check_table
from tasks.validation.tables import validate_table

HEADER = ",".join(COLUMNS)
ROW = "7,Flat,1,Ana,Mitte,Alexanderplatz,52.5,13.4,Private room,{price},2,3,{date},0.5,1,10"


def written(folder: Path, *lines: str) -> Path:
    file = folder / "listings.csv"
    file.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
    return file


def test_the_sample_is_read_as_it_was_made(tmp_path: Path) -> None:
    write_rentals(tmp_path)
    listings = read_listings.fn(tmp_path / "listings.csv")
    assert len(listings.quarantine) == UNREADABLE
    sound = ROWS + len(HOTELS) * ROOMS_OF_HOTEL
    assert len(listings.frame) == sound + BREAKING + FREE
    assert listings.frame["name"].str.contains("\n", regex=False).sum() == 20
    checked = validate_table.fn(listings.frame, rentals_contract())
    assert len(checked.quarantine) == BREAKING
    free = next(rule for rule in checked.report.results if rule.rule == "A price is above 0.")
    assert (free.broken, free.severity) == (FREE, "warning")


def test_the_sample_is_the_same_each_time(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        write_rentals(tmp_path / name)
    assert (tmp_path / "a" / "listings.csv").read_bytes() == (tmp_path / "b" / "listings.csv").read_bytes()


@pytest.mark.parametrize(
    ("price", "date", "reason"),
    [
        ("$1,200.00", "2019-01-01", "price is no number"),
        ("", "2019-01-01", "price is no number"),
        ("nan", "2019-01-01", "price is no number"),
        ("1e400", "2019-01-01", "price is no number"),
        ("inf", "2019-01-01", "price is no number"),
        ("60", "01.02.2019", "last_review is no date as 2020-03-17"),
        ("60", "2019-02-30", "last_review is no date as 2020-03-17"),
    ],
)
def test_what_cannot_be_read_is_put_aside_with_its_line(tmp_path: Path, price: str, date: str, reason: str) -> None:
    broken = ROW.format(price=f'"{price}"', date=date).replace("Flat", '"Flat\n\nwith ""garden"""')
    good = ROW.format(price=50, date="2019-01-01")
    listings = read_listings.fn(written(tmp_path, good.replace("Flat", '"A\nB"'), "", broken, good))
    assert len(listings.frame) == 2
    row = listings.quarantine.iloc[0]
    assert (row["path"], row["reason"]) == ("listings.csv, line 5", reason)


def test_an_id_that_is_no_whole_number_is_put_aside(tmp_path: Path) -> None:
    listings = read_listings.fn(written(tmp_path, ROW.format(price=50, date="").replace("7,", "7.5,", 1)))
    assert listings.quarantine["reason"].tolist() == ["id is no whole number"]


def test_ids_of_eighteen_digits_are_read_to_the_last(tmp_path: Path) -> None:
    """A float has 53 bits: 557431029483274521 would become 557431029483274496."""
    line = ROW.format(price=50, date="").replace(",1,Ana", ",+557431029483274523.0,Ana")
    lines = [line.replace("7,", f"{number},", 1) for number in ("557431029483274521", "557431029483274522", "-7.")]
    listings = read_listings.fn(written(tmp_path, *lines, line.replace("7,", f"{10**18},", 1)))
    assert listings.frame["id"].tolist() == [557431029483274521, 557431029483274522, -7]
    assert listings.frame["host_id"].tolist() == [557431029483274523] * 3
    assert (listings.frame[["id", "host_id", "minimum_nights"]].dtypes == "int64").all()
    assert listings.quarantine["reason"].tolist() == ["id is no whole number"]


@pytest.mark.parametrize(("prices", "passed"), [([60.0], False), ([60.0, 61.0], True)])
def test_prices_that_are_all_the_same_break_the_contract(tmp_path: Path, prices: list[float], passed: bool) -> None:
    write_rentals(tmp_path)
    frame = read_listings.fn(tmp_path / "listings.csv").frame
    frame["price"] = np.resize(prices, len(frame))
    checked = check_table(frame, rentals_contract(0.5))
    rule = next(rule for rule in checked.report.results if rule.rule == "Prices differ between listings.")
    assert (rule.severity, rule.passed) == ("critical", passed)
    assert checked.report.passed == passed


def test_missing_reviews_and_names_are_no_error(tmp_path: Path) -> None:
    line = ROW.format(price=50, date="").replace("Flat", "").replace("0.5", "")
    frame = read_listings.fn(written(tmp_path, line)).frame
    assert frame["name"].isna().all()
    assert frame["last_review"].isna().all()
    assert frame["reviews_per_month"].isna().all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no table"),
        (b"\xff\xfe\x00bad", "no table"),
        (b"id,name\n1,2\n", "lacks the columns"),
        (f"{HEADER}\n1,2\n{'3,' * 40}4\n".encode(), "no table"),
    ],
)
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "listings.csv"
    file.write_bytes(content)
    with pytest.raises(ContractError, match=words):
        read_listings.fn(file)


def test_a_wrong_path_is_a_wrong_argument() -> None:
    with pytest.raises(UsageError, match="no such file") as caught:
        locate.fn("/no/such/listings.csv", Ways())
    assert caught.value.exit_status == 2


def test_the_real_listings_are_read_as_duckdb_reads_them(shared: Path) -> None:
    file = shared / "data" / "rentals" / "listings.csv"
    listings = read_listings.fn(file)
    rows, price, rate, names, free = (
        duckdb.connect()
        .sql(
            "SELECT count(*), sum(price), sum(reviews_per_month), count(name), count(*) FILTER (price = 0)"
            f" FROM read_csv('{file}', header=true, quote='\"', escape='\"')"
        )
        .fetchall()[0]
    )
    frame = listings.frame
    assert (len(frame), len(listings.quarantine)) == (rows, 0) == (25_164, 0)
    assert frame["price"].sum() == price
    assert frame["reviews_per_month"].sum() == pytest.approx(rate)
    assert frame["name"].notna().sum() == names
    assert (frame["price"] == 0).sum() == free == 5
    assert np.isfinite(frame[["latitude", "longitude"]]).all().all()


@pytest.mark.parametrize("number", ["2.3491200000000003", "-0.11275999999999999", "5e-05", "+1.5E1", ".25", "7."])
def test_numbers_are_read_as_programs_print_them(tmp_path: Path, number: str) -> None:
    row = ROW.format(price=50, date="2019-01-01").replace(",13.4,", f",{number},")
    listings = read_listings.fn(written(tmp_path, row))
    assert listings.frame["longitude"].tolist() == pytest.approx([float(number)], rel=1e-15)
    assert listings.quarantine.empty
