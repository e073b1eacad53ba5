"""Which number does a cell mean? Decimal points and commas, told by the columns of a file as a whole."""

import re

import numpy as np
import pandas as pd

MISSING = ("", "null", "none", "nan", "na", "n/a", "-")
POINT = (
    r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,6})(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?|[+-]?\.[0-9]{1,30}"
)
COMMA = r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:\.[0-9]{3}){1,6})(?:,[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?"
SIGNS = re.compile(r"[\s\u00a0\u202f€$£¥]|^(?:EUR|USD|CHF|GBP)|(?:EUR|USD|CHF|GBP)$")
MOSTLY = 0.9  # of a column's cells are numbers: then it is a column of numbers


def blanks(cells: pd.Series) -> pd.Series:
    """Tell which cells hold nothing, (n,) bool."""
    codes, once = pd.factorize(cells, use_na_sentinel=False)  # tables repeat themselves: each text is looked at once
    nothing = np.array([str(text).strip().lower() in MISSING for text in once], dtype=bool)
    return pd.Series(nothing[codes], index=cells.index)


def decimal_comma(columns: list[pd.Series]) -> bool:
    """Tell whether the numbers of a file have a decimal comma: some do, and none can only have a point."""
    text = pd.concat(columns) if columns else pd.Series([], dtype=str)
    text = text[~blanks(text)].astype(str).str.replace(SIGNS, "", regex=True)
    only_point = text.str.fullmatch(POINT) & ~text.str.fullmatch(COMMA)
    only_comma = text.str.fullmatch(COMMA) & ~text.str.fullmatch(POINT)
    return bool(only_comma.any() and not only_point.any())


def is_numeric(cells: pd.Series) -> bool:
    """Tell whether nearly all cells of a column that hold anything are numbers, whatever their decimal sign."""
    text = cells[~blanks(cells)].astype(str).str.replace(SIGNS, "", regex=True)
    return bool(len(text)) and float((text.str.fullmatch(POINT) | text.str.fullmatch(COMMA)).mean()) >= MOSTLY


def without_comma(cells: pd.Series) -> pd.Series:
    """Return the numbers of a column with a decimal comma as they are written with a point; other cells as they are."""
    bare = cells.astype(str).str.replace(SIGNS, "", regex=True)
    numbers = bare.str.fullmatch(COMMA)
    pointed = bare.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return cells.mask(numbers, pointed)
