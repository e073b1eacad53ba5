"""Which rows of a plain table can be read? A CSV with a header, each column a number, a day or a text.

The reader of cases whose files have no quirks of their own; hand it to `tasks.ingestion.files.read`.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from tasks.ingestion.csv_text import NUMBER, read_text_columns, unreadable
from tasks.platform.stage import stage


class Rows(NamedTuple):
    """The rows that could be read, in the order of the file, and those that could not."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail


@stage(phase="Data understanding")
def read_columns(file: Path, columns: dict[str, Literal["number", "day", "text"]], remedy: str) -> Rows:
    """Read the columns of a CSV file in UTF-8; a row with a cell that cannot be read goes to quarantine.

    Args:
        file: the file; columns that are not asked for are left out.
        columns: what each column holds: `number` (float64), `day` (2024-12-31, datetime64) or `text` (not empty).
        remedy: what to do about a wrong file, the end of the error's sentence.

    Raises:
        ContractError: not a CSV file in UTF-8, or one without a column that is needed.
    """
    raw, lines = read_text_columns(file, file.name, list(columns), remedy)
    table, reasons = {}, pd.Series("", index=raw.index)
    for name, kind in columns.items():
        table[name] = _typed(raw[name], kind)
        reasons = reasons.mask(table[name].isna() & (reasons == ""), f"{name} is no {kind}")
    good = pd.DataFrame(table)[reasons == ""].reset_index(drop=True)
    return Rows(good, unreadable(raw, lines, reasons, file.name))


def _typed(cells: pd.Series, kind: str) -> pd.Series:
    """Return the cells of a column as what they are to be, missing where they are not."""
    if kind == "text":
        return cells.where(cells != "")
    if kind == "day":
        whole = cells.where(cells.str.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}"))
        return pd.to_datetime(whole, format="%Y-%m-%d", errors="coerce")
    return pd.to_numeric(cells.where(cells.str.fullmatch(NUMBER)), errors="coerce").astype("float64")
