"""Which flats are for rent, where, and at what price? Reads the listings that Inside Airbnb publishes for a city."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tasks.cases.rentals.sample import write_rentals
from tasks.ingestion.csv_text import NUMBER, read_text_columns, unreadable
from tasks.ingestion.files import Data, Ways, read
from tasks.platform.stage import stage

WHOLE = ("id", "host_id", "minimum_nights", "number_of_reviews", "calculated_host_listings_count", "availability_365")
DECIMAL = ("latitude", "longitude", "price")
TEXT = ("name", "host_name", "neighbourhood_group", "neighbourhood", "room_type")
MISSING_OK = ("name", "host_name", "neighbourhood_group", "last_review", "reviews_per_month")
COLUMNS = (
    "id", "name", "host_id", "host_name", "neighbourhood_group", "neighbourhood", "latitude", "longitude", "room_type",
    "price", "minimum_nights", "number_of_reviews", "last_review", "reviews_per_month",
    "calculated_host_listings_count", "availability_365",
)  # fmt: skip
WHOLE_NUMBER = r"[+-]?[0-9]{1,18}(\.0*)?"  # ids of today have 18 digits, more than a float can tell apart
REMEDY = "give the short listings.csv of a city as Inside Airbnb publishes it"


class Listings(NamedTuple):
    """The rows that could be read, and those that could not."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail


def read_rentals(source: str) -> Data:
    """Find and read the listings of a source (`sample`, `public`, a path or an address)."""
    return read(source, Ways(write_rentals, ["rentals"]), read_listings)


@stage(phase="Data understanding")
def read_listings(file: Path) -> Listings:
    """Read listings; a row whose number or date cannot be read goes to quarantine.

    Args:
        file: CSV in UTF-8 with the publisher's columns; others are left out.

    Returns:
        The listings, sorted by nothing but their place in the file; numbers as int64 and float64, text missing as None,
        `last_review` as datetime64.

    Raises:
        ContractError: not a CSV file in UTF-8, or one without a column that is needed.
    """
    raw, lines = read_text_columns(file, file.name, COLUMNS, REMEDY)
    table, reasons = _typed(raw)
    return Listings(_whole(table[reasons == ""]), unreadable(raw, lines, reasons, file.name))


def _typed(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Turn text into numbers and dates; the second says why a row cannot be read, or is empty."""
    table, reasons = raw.copy(), pd.Series("", index=raw.index)
    for column in (*WHOLE, *DECIMAL, "reviews_per_month"):
        whole = column in WHOLE
        plain = raw[column].str.fullmatch(WHOLE_NUMBER if whole else NUMBER)
        odd = ~plain & ~((column in MISSING_OK) & (raw[column] == ""))
        reasons = reasons.mask(odd & (reasons == ""), f"{column} is no {'whole ' * whole}number")
        text = raw[column].where(plain)
        table[column] = _integers(text) if whole else pd.to_numeric(text, errors="coerce").astype("float64")
    table["last_review"] = pd.to_datetime(raw["last_review"].where(raw["last_review"] != ""), format="%Y-%m-%d",
                                          errors="coerce")  # fmt: skip
    odd = table["last_review"].isna() & (raw["last_review"] != "")
    return table, reasons.mask(odd & (reasons == ""), "last_review is no date as 2020-03-17")


def _integers(text: pd.Series) -> pd.Series:
    """Turn whole numbers, such as 7 and 7.0, into integers without a detour through floats; missing stays missing."""
    numbers = [None if pd.isna(number) else int(number.partition(".")[0]) for number in text]
    return pd.Series(pd.array(numbers, dtype="Int64"), index=text.index)


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """Return the readable rows, numbered anew, in their final types."""
    kinds = dict.fromkeys(WHOLE, "int64") | dict.fromkeys(DECIMAL, "float64")
    table = table.astype(kinds).reset_index(drop=True)
    for column in TEXT:
        table[column] = [text or None for text in table[column]]
    table["last_review"] = table["last_review"].astype("datetime64[us]")
    return table
