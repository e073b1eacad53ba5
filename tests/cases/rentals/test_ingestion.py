"""Reading listings: the publisher's quirks, rows that cannot be read, files that are something else."""

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.rentals.ingestion.currency import places, tell_currency
from tasks.cases.rentals.ingestion.listings import COLUMNS, read_listings
from tasks.cases.rentals.ingestion.prices import read_prices
from tasks.cases.rentals.sample import BREAKING, FREE, HOTELS, ROOMS_OF_HOTEL, ROWS, UNREADABLE, write_rentals
from tasks.cases.rentals.validation import rentals_contract
from tasks.ingestion.files import Ways, locate
from tasks.platform.errors import ContractError, UsageError
from tasks.validation.contract import check_table
from tasks.validation.tables import validate_table

HEADER = ",".join(COLUMNS[:16])  # the short table
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


@pytest.mark.parametrize("lines", [[], [",".join([""] * 16)] * 5])
def test_a_table_of_nothing_has_no_listings(tmp_path: Path, lines: list[str]) -> None:
    listings = read_listings.fn(written(tmp_path, *lines))
    assert len(listings.frame) == 0
    assert len(listings.quarantine) == 0


def test_the_sample_is_the_same_each_time(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        write_rentals(tmp_path / name)
    assert (tmp_path / "a" / "listings.csv").read_bytes() == (tmp_path / "b" / "listings.csv").read_bytes()


@pytest.mark.parametrize(
    ("price", "date", "reason"),
    [
        ("on request", "2019-01-01", "price is no number"),
        ("12,34,567", "2019-01-01", "price is no number"),
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


def test_ids_of_nineteen_digits_are_read_to_the_last(tmp_path: Path) -> None:
    """A float has 53 bits: 557431029483274521 would become 557431029483274496."""
    line = ROW.format(price=50, date="").replace(",1,Ana", ",+557431029483274523.0,Ana")
    ids = [557431029483274521, 557431029483274522, 1008521039996399925, 2**63 - 1]
    lines = [line.replace("7,", f"{number},", 1) for number in [*ids, "-7."]]
    odd = [line.replace("7,", f"{number},", 1) for number in (2**63, 10**19, "1.3E+18")]
    listings = read_listings.fn(written(tmp_path, *lines, *odd))
    assert listings.frame["id"].tolist() == [*ids, -7]
    assert listings.frame["host_id"].tolist() == [557431029483274523] * 5
    assert (listings.frame[["id", "host_id", "minimum_nights"]].dtypes == "int64").all()
    assert listings.quarantine["reason"].tolist() == ["id has too many digits", *["id is no whole number"] * 2]


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
        (b"id,name\n1,2\n", "lacks the columns latitude, longitude, room_type, price"),
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


@pytest.mark.parametrize(
    ("cells", "values", "currency"),
    [
        (["$1,234.00", "$90.00", ""], [1234, 90, np.nan], ""),
        (["1.234,50 €", "90,00 €", "85 €"], [1234.5, 90, 85], "EUR"),
        (["90", "1,234", "12,000"], [90, 1234, 12_000], ""),
        (["90", "1.234", "450.000"], [90, 1234, 450_000], ""),
        (["JPY 12,000", "JPY 9000", "JPY 1,200,000"], [12_000, 9000, 1_200_000], "JPY"),
        (["1 234", "12\u00a0000", "90"], [1234, 12_000, 90], ""),
        (["12.500", "90.00"], [12.5, 90], ""),
        (["350000", "1200000.0", "-5"], [350_000, 1_200_000, -5], ""),
        (["£90", "£1,200", "€80"], [90, 1200, 80], ""),
    ],
)
def test_prices_are_read_as_their_column_is_written(cells: list[str], values: list[float], currency: str) -> None:
    prices = read_prices(pd.Series(cells), "auto", "x.csv")
    np.testing.assert_array_equal(prices.values.to_numpy(), values)
    assert (prices.reasons == "").all()
    assert prices.currency == currency


def test_a_price_that_can_be_two_is_asked_for_or_put_aside() -> None:
    thousands = pd.Series(["450.000", "620.000"])
    with pytest.raises(UsageError, match="say decimal=point or decimal=comma"):
        read_prices(thousands, "auto", "x.csv")
    assert read_prices(thousands, "comma", "x.csv").values.tolist() == [450_000, 620_000]
    assert read_prices(thousands, "point", "x.csv").values.tolist() == [450, 620]
    mixed = read_prices(pd.Series(["1,234.50", "1.234,50", "1.234"]), "auto", "x.csv")
    assert mixed.values.tolist()[:2] == [1234.5, 1234.5]
    assert mixed.reasons.tolist() == ["", "", "price can be read in two ways"]


@given(st.lists(st.floats(0.01, 1e7), min_size=2, max_size=20), st.sampled_from(["$", "€", "", "kr "]))
def test_prices_come_back_from_either_language(values: list[float], sign: str) -> None:
    values = [round(value, 2) for value in values]
    english = [f"{sign}{value:,.2f}" for value in values]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    for cells in (english, german):
        assert read_prices(pd.Series(cells), "auto", "x.csv").values.tolist() == pytest.approx(values)


def test_a_missing_price_is_no_unreadable_one(tmp_path: Path) -> None:
    listings = read_listings.fn(written(tmp_path, *[ROW.format(price=price, date="") for price in (50, "", 60)]))
    assert listings.quarantine.empty
    assert listings.frame["price"].isna().tolist() == [False, True, False]


def test_the_detailed_table_and_one_of_few_columns_are_read(tmp_path: Path) -> None:
    detailed = (
        "id,name,description,host_id,neighbourhood,neighbourhood_cleansed,neighbourhood_group_cleansed,latitude,"
        "longitude,room_type,accommodates,bedrooms,price\n"
        '1008521039996399925,Flat,"Two\nlines",5,"Neighborhood highlights",Gion,,35.0,135.7,Private room,4,2,'
        '"$12,000.00"\nx,Flat,,5,,Gion,,35.0,135.7,Private room,4,2,$90.00\n'
    )
    file = tmp_path / "listings.csv.gz"
    file.write_bytes(gzip.compress(detailed.encode()))
    listings = read_listings.fn(file)
    row = listings.frame.iloc[0]
    assert (row["id"], row["neighbourhood"], row["price"]) == (1008521039996399925, "Gion", 12_000)
    assert (row["accommodates"], row["bedrooms"], row["minimum_nights"]) == (4, 2, 1)
    assert listings.quarantine["path"].tolist() == ["listings.csv.gz, line 4"]
    few = tmp_path / "few.csv"
    few.write_text("price,latitude,longitude,room_type\n90,1,2,Room\n80,1,2,Room\n")
    frame = read_listings.fn(few).frame
    assert frame["id"].tolist() == frame["host_id"].tolist() == [1, 2]
    assert frame["calculated_host_listings_count"].tolist() == [1, 1]


def test_a_damaged_gzip_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "listings.csv.gz"
    file.write_bytes(gzip.compress(HEADER.encode())[:-9])
    with pytest.raises(ContractError, match="is damaged"):
        read_listings.fn(file)


@pytest.mark.parametrize(
    ("source", "place", "told", "wanted", "sign"),
    [
        ("listings.csv", (35.7, 139.7), "", "auto", "JPY"),
        ("listings.csv", (52.5, 13.4), "", "auto", "€"),
        ("listings.csv", (0.0, -30.0), "", "auto", ""),
        ("data/tokyo/listings.csv", (0.0, -30.0), "", "auto", "JPY"),
        ("data/tokyo/listings.csv", (52.5, 13.4), "", "auto", ""),  # a contradiction
        ("listings.csv", (52.5, 13.4), "CHF", "auto", "CHF"),
        ("listings.csv", (52.5, 13.4), "CHF", "USD", "USD"),
        ("listings.csv", (52.5, 13.4), "", "none", ""),
        ("romeo-and-juliet.csv", (0.0, -30.0), "", "auto", ""),
    ],
)
def test_the_currency_is_told_or_none_is_named(
    source: str, place: tuple[float, float], told: str, wanted: str, sign: str
) -> None:
    frame = pd.DataFrame([place] * 3, columns=["latitude", "longitude"])
    assert tell_currency.fn(frame, told, source, wanted) == sign


def test_all_known_places_lie_on_earth_and_bear_codes() -> None:
    known = places()
    assert known["name"].is_unique
    assert known["currency"].str.fullmatch("[A-Z]{3}").all()
    assert known["latitude"].between(-60, 70).all()
    assert known["longitude"].between(-180, 180).all()
    assert known["radius"].between(10, 1000).all()


@pytest.mark.parametrize(
    ("case", "priced", "currency"),
    [("rentals-ids19", 1.0, "€"), ("rentals-price-missing", 0.6, "€"), ("rentals-yen", 1.0, "JPY")],
)
def test_the_tables_of_today_are_read_whole(shared: Path, case: str, priced: float, currency: str) -> None:
    file = shared / "cases" / case / "listings.csv"
    if not file.exists():
        pytest.skip(f"../shared/cases/{case} is missing")
    listings = read_listings.fn(file)
    assert listings.quarantine.empty
    checked = check_table(listings.frame, rentals_contract())
    assert checked.report.passed
    assert checked.quarantine.empty
    assert listings.frame["price"].notna().mean() == pytest.approx(priced, abs=0.1)
    assert tell_currency.fn(listings.frame, listings.currency, str(file), "auto") == currency
    raw = pd.read_csv(file, dtype=str)
    assert listings.frame["id"].astype(str).tolist() == raw["id"].tolist()
