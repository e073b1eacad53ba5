"""What does a table of products hold? Any CSV, a row per product; what is a number is seen from the values."""

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.sample import write_products
from tasks.ingestion.csv_text import NUMBER, read_strictly, unreadable
from tasks.ingestion.files import Data, Ways, read
from tasks.ingestion.plain_tables import Wanted
from tasks.platform.errors import ContractError
from tasks.platform.stage import Unkeyed, stage

REMEDY = "give a CSV with a row per product: its inputs, and a column with the result"
NO_PUBLIC = (
    "The quality case has no public original that is pinned; give a CSV of your own by --source, such as ai4i2020.csv"
    " of the UCI Machine Learning Repository (data set 601), or take the sample."
)
MISSING = ("", "na", "nan", "n/a", "null", "none", "?", "-")
MOSTLY = 0.9  # of a column's values are numbers: then it is a column of numbers, and a text in it an error
MOST_BYTES = 512 * 2**20
MOST_COLUMNS = 1_000


class Products(NamedTuple):
    """The rows that could be read, and those that could not."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail


def read_products(source: str) -> Data:
    """Find and read the products of a source (`sample`, a path or an address)."""
    return read(source, Ways(write_products, no_public=NO_PUBLIC, wanted=Wanted(remedy=REMEDY)), read_table)


@stage(phase="Data understanding")
def read_table(file: Path, name: Annotated[str, Unkeyed] = "") -> Products:
    """Read a table of any columns; a row with a text in a column of numbers goes to quarantine.

    Args:
        file: CSV in UTF-8 with a header.
        name: for messages; that of the file by default.

    Returns:
        The rows in the order of the file: columns of numbers as float64 with NaN, others as text with None where
        nothing stands.

    Raises:
        ContractError: not a CSV file in UTF-8, one that is too large, or one without rows or without two columns.
    """
    name = name or file.name
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{name} is larger than {MOST_BYTES // 2**20} MB; {REMEDY}.")
    raw = read_strictly(file, name, REMEDY, dtype=str, keep_default_na=False, skip_blank_lines=True)
    raw = raw.fillna("").rename(columns=lambda column: str(column).strip()).apply(lambda column: column.str.strip())
    if raw.columns.duplicated().any() or not 2 <= raw.shape[1] <= MOST_COLUMNS or raw.empty:
        raise ContractError(
            f"{name} has {len(raw):,} rows and {raw.shape[1]:,} columns, some of which may share a name; {REMEDY}."
        )
    blank = raw.apply(lambda column: column.str.lower().isin(MISSING))
    table, reasons = {}, pd.Series("", index=raw.index)
    for column in raw.columns:
        table[column], odd = _typed(raw[column], blank[column])
        reasons = reasons.mask(odd & (reasons == ""), f"{column} is no number")
    lines = pd.Series(range(2, len(raw) + 2), index=raw.index)
    good = pd.DataFrame(table, index=raw.index)[reasons == ""].reset_index(drop=True)
    return Products(good, unreadable(raw, lines, reasons, name))


def _typed(text: pd.Series, blank: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return a column as numbers or text, and which of its values cannot be read."""
    plain = text.str.fullmatch(NUMBER) & ~blank
    there = int((~blank).sum())
    if there and plain.sum() >= MOSTLY * there:
        numbers = pd.to_numeric(text.where(plain), errors="coerce").astype("float64")
        return numbers.where(np.isfinite(numbers)), ~plain & ~blank
    return text.astype(object).mask(blank, None), pd.Series(False, index=text.index)
