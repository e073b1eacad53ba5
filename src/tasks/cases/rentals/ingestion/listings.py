"""Which flats are for rent, where, and at what price? Reads the listings that Inside Airbnb publishes for a city.

Both of its tables are read: the short listings.csv, and the detailed listings.csv.gz, whose columns have other names. A
column that is not needed may be missing; a price may be too, and is then what the flow foretells.
"""

import io
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tasks.cases.rentals.ingestion.prices import Mark, read_prices
from tasks.cases.rentals.sample import write_rentals
from tasks.ingestion.csv_text import NUMBER, read_text_columns, unreadable
from tasks.ingestion.files import Data, Ways, read
from tasks.ingestion.plain_tables import Wanted
from tasks.ingestion.zip_members import is_gzip, unpacked
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

WHOLE = ("id", "host_id", "minimum_nights", "number_of_reviews", "calculated_host_listings_count", "availability_365")
DECIMAL = ("latitude", "longitude", "reviews_per_month", "accommodates", "bedrooms")
TEXT = ("name", "host_name", "neighbourhood_group", "neighbourhood", "room_type")
MISSING_OK = ("reviews_per_month", "accommodates", "bedrooms")
NEEDED = ("latitude", "longitude", "room_type", "price")
COLUMNS = (
    "id",
    "name",
    "host_id",
    "host_name",
    "neighbourhood_group",
    "neighbourhood",
    "latitude",
    "longitude",
    "room_type",
    "price",
    "minimum_nights",
    "number_of_reviews",
    "last_review",
    "reviews_per_month",
    "calculated_host_listings_count",
    "availability_365",
    "accommodates",
    "bedrooms",
)
DETAILED = {"neighbourhood_cleansed": "neighbourhood", "neighbourhood_group_cleansed": "neighbourhood_group"}
USUAL = {"minimum_nights": "1", "number_of_reviews": "0", "availability_365": "0", "neighbourhood": "unknown"}
WHOLE_NUMBER = r"[+-]?[0-9]{1,19}(\.0*)?"  # ids of today have 19 digits, more than a float can tell apart
LARGEST = 2**63 - 1
MOST_BYTES = 2 * 2**30  # of a table, unpacked
REMEDY = "give the listings.csv or listings.csv.gz of a city as Inside Airbnb publishes it"


class Listings(NamedTuple):
    """The rows that could be read, those that could not, and the currency that the columns name (empty for none)."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail
    currency: str


WANTED = Wanted(NEEDED, [name for name in (*COLUMNS, *DETAILED) if name not in NEEDED], packed=True, remedy=REMEDY)


def read_rentals(source: str, decimal: Mark = "auto", columns: str = "") -> Data:
    """Find and read the listings of a source (`sample`, `public`, a path or an address)."""
    ways = Ways(write_rentals, ["rentals"], (".csv", ".gz"), wanted=WANTED)
    return read(source, ways, read_listings, decimal, columns=columns)


@stage(phase="Data understanding")
def read_listings(file: Path, decimal: Mark = "auto") -> Listings:
    """Read listings; a row whose number or date cannot be read goes to quarantine.

    Args:
        file: CSV in UTF-8, also gzipped, with the publisher's columns; others are left out.
        decimal: the decimal mark of the prices; `auto` decides by the column.

    Returns:
        The listings, sorted by nothing but their place in the file; numbers as int64 and float64, text missing as None,
        a price missing as NaN, `last_review` as datetime64. Without ids rows are numbered; without hosts each row has
        one of its own.

    Raises:
        ContractError: not a CSV file in UTF-8, or one without a column that is needed.
        UsageError: prices that can be read in two ways.
    """
    optional = [column for column in (*COLUMNS, *DETAILED, "currency") if column not in NEEDED]
    raw, lines = read_text_columns(_unpacked(file), file.name, (*COLUMNS, *DETAILED, "currency"), REMEDY, optional)
    raw, currency = _completed(raw), _named(raw["currency"])
    table, reasons = _typed(raw)
    prices = read_prices(raw["price"], decimal, file.name)
    table["price"], reasons = prices.values, reasons.mask(reasons == "", prices.reasons)
    return Listings(
        _whole(table[reasons == ""]), unreadable(raw, lines, reasons, file.name), currency or prices.currency
    )


def read_asked(file: Path) -> tuple[pd.DataFrame, set[str]]:
    """Read flats whose price is asked for; a price that stands there is not looked at.

    Returns:
        The flats as `read_listings` returns them, and the columns that the file leaves out.

    Raises:
        ContractError: a column that is needed is missing, or a row cannot be read.
    """
    optional = [column for column in (*COLUMNS, *DETAILED) if column not in NEEDED or column == "price"]
    raw, lines = read_text_columns(_unpacked(file), file.name, (*COLUMNS, *DETAILED), REMEDY, optional)
    if raw.empty:
        raise ContractError(f"{file.name} holds no flat.")
    given = {DETAILED.get(column, column) for column in raw.columns if (raw[column] != "").any()}
    table, reasons = _typed(_completed(raw).assign(price=""))
    odd = reasons.mask((reasons == "") & ~table["latitude"].between(-90, 90), "latitude is none")
    odd = odd.mask((odd == "") & ~table["longitude"].between(-180, 180), "longitude is none")
    if (odd != "").any():
        raise ContractError(f"{file.name}, line {lines[odd != ''].iloc[0]}: {odd[odd != ''].iloc[0]}; mend the row.")
    return _whole(table.assign(price=float("nan"))), set(COLUMNS) - given


def _unpacked(file: Path) -> io.BytesIO | Path:
    """Return a table as it is, or what a gzip file holds, within bounds."""
    return io.BytesIO(unpacked(file, MOST_BYTES, file.name, REMEDY)) if is_gzip(file) else file


def _completed(raw: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of the detailed table their short names, and those that are missing as a whole a value."""
    raw = raw.copy()
    for detailed, short in DETAILED.items():
        if (raw[detailed] != "").any():  # there the short name is a text of the host's
            raw[short] = raw[detailed]
    for column, value in USUAL.items():
        if (raw[column] == "").all():
            raw[column] = value
    for column in ("id", "host_id"):
        if (raw[column] == "").all():
            raw[column] = [str(number) for number in range(1, len(raw) + 1)]
    if (raw["calculated_host_listings_count"] == "").all():
        raw["calculated_host_listings_count"] = raw.groupby("host_id")["host_id"].transform("size").astype(str)
    return raw[list(COLUMNS)]


def _named(cells: pd.Series) -> str:
    """Return the currency that a column of codes names alone."""
    codes = {code for code in cells.astype(str).str.upper().unique() if code}
    code = codes.pop() if len(codes) == 1 else ""
    return code if re.fullmatch("[A-Z]{3}", code) else ""


def _typed(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Turn text into numbers and dates; the second says why a row cannot be read, or is empty."""
    table, reasons = raw.copy(), pd.Series("", index=raw.index)
    for column in (*WHOLE, *DECIMAL):
        whole = column in WHOLE
        plain = raw[column].astype(str).str.fullmatch(WHOLE_NUMBER if whole else NUMBER)
        odd = ~plain & ~((column in MISSING_OK) & (raw[column] == ""))
        reasons = reasons.mask(odd & (reasons == ""), f"{column} is no {'whole ' * whole}number")
        text = raw[column].where(plain)
        table[column] = _integers(text) if whole else pd.to_numeric(text, errors="coerce").astype("float64")
        if whole:
            reasons = reasons.mask(plain & table[column].isna() & (reasons == ""), f"{column} has too many digits")
    table["last_review"] = pd.to_datetime(
        raw["last_review"].where(raw["last_review"] != ""), format="%Y-%m-%d", errors="coerce"
    )
    odd = table["last_review"].isna() & (raw["last_review"] != "")
    return table, reasons.mask(odd & (reasons == ""), "last_review is no date as 2020-03-17")


def _integers(text: pd.Series) -> pd.Series:
    """Turn whole numbers, such as 7 and 7.0, into integers without a detour through floats.

    What is missing, or larger than 64 bits hold, is missing.
    """
    numbers = [None if pd.isna(number) else int(number.partition(".")[0]) for number in text]
    held = [number if number is not None and abs(number) <= LARGEST else None for number in numbers]
    return pd.Series(pd.array(held, dtype="Int64"), index=text.index)


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """Return the readable rows, numbered anew, in their final types."""
    kinds = dict.fromkeys(WHOLE, "int64") | dict.fromkeys((*DECIMAL, "price"), "float64")
    table = table.astype(kinds).reset_index(drop=True)
    for column in TEXT:
        table[column] = [text or None for text in table[column]]
    table["last_review"] = table["last_review"].astype("datetime64[us]")
    return table
