"""Which number, which day does a cell mean? Decimal points and commas, month-first, day-first, ISO and German dates."""

import numpy as np
import pandas as pd

from tasks.ingestion.numbers import COMMA, POINT, SIGNS, blanks


def to_numbers(cells: pd.Series, comma: bool) -> tuple[pd.Series, pd.Series]:
    """Return cells as numbers, and which of them can be none.

    Args:
        cells: text, (n,).
        comma: whether the decimal mark is a comma.

    Returns:
        float64 with NaN where nothing stands or no number, and bool, each (n,).
    """
    empty = blanks(cells)
    text = cells.str.replace(SIGNS, "", regex=True)
    right = text.str.fullmatch(COMMA if comma else POINT) & ~empty
    text = text.str.replace("." if comma else ",", "", regex=False)
    if comma:
        text = text.str.replace(",", ".", regex=False)
    numbers = pd.to_numeric(text.where(right), errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers)), ~right & ~empty


def to_days(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return cells as moments without zone (UTC), and which of them can be none.

    Slashes are month-first, as Azure writes them, unless one of the file's dates can only be day-first.
    """
    empty = blanks(cells)
    text = cells.str.strip().str.replace(r"(?:\s*UTC|Z|[+]00:?00)$", "", regex=True)
    found = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[ns]")
    date = text.str.extract(r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
    first, second = (pd.to_numeric(date[part], errors="coerce") for part in (0, 1))
    day_first = bool((first > 12).any() and not (second > 12).any())
    kinds = (
        (r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?", "ISO8601"),
        (r"\d{8}(?:\.0)?", "%Y%m%d"),
        (
            r"\d{1,2}/\d{1,2}/\d{4}(?: \d{1,2}:\d{2}(?::\d{2})?(?: [AaPp][Mm])?)?",
            "%d/%m/%Y" if day_first else "%m/%d/%Y",
        ),
        (r"\d{1,2}\.\d{1,2}\.\d{4}(?: \d{1,2}:\d{2}(?::\d{2})?)?", "%d.%m.%Y"),
    )
    for pattern, form in kinds:
        fits = text.str.fullmatch(pattern) & ~empty
        whole = text[fits] if form == "ISO8601" else text[fits].str.split(r"[ .]0$| ", regex=True).str[0]
        found[fits] = pd.to_datetime(whole, format=form, errors="coerce")
    possible = found.between("1990-01-01", "2100-01-01")
    return found.where(possible), ~possible & ~empty
