"""What price stands in a cell? `90`, `$1,234.00`, `1.234,00 €`, `JPY 12 000`, or nothing at all.

A mark before three digits can part thousands or decimals. What it parts is decided by the column as a whole: by cells
that can be read in one way only, then by cells without a mark, which nobody writes beside prices of three decimals.
Where nothing decides, the user is asked.
"""

import re
from collections import Counter
from typing import Literal, NamedTuple

import pandas as pd

from tasks.ingestion.csv_text import NUMBER
from tasks.platform.errors import UsageError
from tasks.platform.text import shorten

Mark = Literal["auto", "comma", "point"]
GAPS = r"(?<=[0-9])[ \u00a0\u2009\u202f'’](?=[0-9]{3}(?![0-9]))"  # between thousands
BY_POINT = re.compile(rf"(?:[+-]?[1-9][0-9]{{0,2}}(?:,[0-9]{{3}}){{1,4}}(?:\.[0-9]{{1,6}})?)|(?:{NUMBER})")
BY_COMMA = re.compile(r"[+-]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3}){1,4}|[0-9]{1,15})(?:,[0-9]{1,6})?")
SIGNED = re.compile(
    r"(?P<minus>[+-]?)(?P<before>[A-Z]{3}|[A-Z]{0,3}[$€£¥₩₹₺₽₱฿₫₪₴₦]|kr\.?|zł|Kč|Ft|lei|Fr\.|R)?\s*(?P<number>[-+0-9.,eE]+)\s*"
    r"(?P<after>[A-Z]{3}|[$€£¥₩₹₺₽₱฿₫₪₴₦]|kr\.?|zł|Kč|Ft|lei|Fr\.)?"
)
OWN_SIGN = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₺": "TRY",
    "₩": "KRW",
    "₱": "PHP",
    "฿": "THB",
    "₫": "VND",
    "₪": "ILS",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "lei": "RON",
    "₽": "RUB",
    "₴": "UAH",
    "₦": "NGN",
}
"""Signs of one currency. `$` is none: Inside Airbnb puts it before prices in whatever currency a city has."""


class Prices(NamedTuple):
    """The prices of a column."""

    values: pd.Series  # (n,) float64, NaN where nothing stands or none can be read
    reasons: pd.Series  # (n,) why one cannot be read, else empty
    currency: str  # code that most of the cells name; empty where none does, or several do


def read_prices(cells: pd.Series, wanted: Mark, name: str) -> Prices:
    """Read a column of prices.

    Args:
        cells: text without blanks around it, (n,); an empty cell is a price that is not known.
        wanted: what the decimal mark is; `auto` decides it by the column.
        name: of the file.

    Raises:
        UsageError: every price can be read in two ways.
    """
    found = cells.str.replace(GAPS, "", regex=True).map(SIGNED.fullmatch)
    numbers = found.map(lambda match: match["minus"] + match["number"] if match else "")
    point = numbers.map(lambda text: bool(BY_POINT.fullmatch(text)))
    comma = numbers.map(lambda text: bool(BY_COMMA.fullmatch(text)))
    doubtful = point & comma & numbers.str.contains("[.,]")
    if wanted != "auto":
        by_point, by_comma = point & (wanted == "point"), comma & (wanted == "comma")
    else:
        by_point, by_comma = _decided(point, comma, doubtful, numbers, name)
    plain = numbers.where(~by_point, numbers.str.replace(",", ""))
    plain = plain.where(~by_comma, numbers.str.replace(".", "").str.replace(",", "."))
    values = pd.to_numeric(plain.where(by_point | by_comma), errors="coerce").astype("float64")
    odd = (cells != "") & values.isna()
    reasons = pd.Series("", index=cells.index).mask(odd, "price is no number")
    return Prices(values, reasons.mask(odd & doubtful, "price can be read in two ways"), _currency(found))


def _decided(
    point: pd.Series, comma: pd.Series, doubtful: pd.Series, numbers: pd.Series, name: str
) -> tuple[pd.Series, pd.Series]:
    """Return which cells are read with the point as decimal mark, and which with the comma."""
    marked = numbers.str.contains("[.,]")
    votes = int((point & ~comma & marked).sum()), int((comma & ~point).sum())
    if votes[0] and votes[1]:  # mixed: each cell must speak for itself
        return point & ~doubtful, comma & ~point
    if votes[0] or votes[1]:
        return (point, comma & False) if votes[0] else (point & False, comma)
    if not doubtful.any():
        return point, comma & False
    if (point & ~marked).any():  # the mark parts thousands
        dotted = numbers.str.contains(".", regex=False)
        return point & ~dotted, comma & dotted
    example = shorten(str(numbers[doubtful].iloc[0]), 20)
    raise UsageError(
        f"{name}: the price {example!r} can be read with the point or the comma as its decimal mark, and nothing in the"
        " column tells which; say decimal=point or decimal=comma."
    )


def _currency(found: pd.Series) -> str:
    """Return the currency that nine in ten of the priced cells name, by code or by a sign of its own."""
    signs = [match["before"] or match["after"] or "" for match in found if match]
    codes = Counter(OWN_SIGN.get(sign, sign if re.fullmatch("[A-Z]{3}", sign) else "") for sign in signs)
    best, count = codes.most_common(1)[0] if codes else ("", 0)
    return best if count >= 0.9 * len(signs) else ""
