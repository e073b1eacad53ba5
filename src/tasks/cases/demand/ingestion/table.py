"""What was sold, of what, when? Any CSV with a row per series and day; what cannot be read goes to quarantine."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.demand.ingestion.dates import read_dates
from tasks.cases.demand.ingestion.roles import Asked, Roles, find_roles
from tasks.cases.demand.sample import write_sales
from tasks.ingestion.csv_text import NUMBER, read_strictly, unreadable
from tasks.ingestion.files import Data, Ways, read
from tasks.ingestion.plain_tables import Wanted
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

REMEDY = "give a CSV with a row per series and day: what was sold, when, how much"
NO_PUBLIC = (
    "The demand case has no public original that is pinned; give a CSV of your own by --source, such as the weekly"
    " sales of 45 stores that Kaggle publishes as Walmart's, or take the sample."
)
FLAGS = {"true": "1", "yes": "1", "y": "1", "false": "0", "no": "0", "n": "0"}
DECIMAL_COMMA = r"[+-]?[0-9]{1,3}(\.?[0-9]{3})*,[0-9]+"
MISSING = ("", "na", "nan", "n/a", "null", "none", "-")
MOST_BYTES = 2 * 2**30
MARKS = ",;\t"
JOIN = " · "  # between the parts of a series' name


class Sales(NamedTuple):
    """The rows that could be read, which column was what, and the rows that could not be read."""

    frame: pd.DataFrame  # series, the key columns as key_1 …, date, quantity; price, promotion, holiday, stock
    roles: Roles
    quarantine: pd.DataFrame  # path, reason, detail


def read_sales(source: str, asked: Asked, date_order: str) -> Data:
    """Find and read the sales of a source (`sample`, a path or an address)."""
    ways = Ways(write_sales, no_public=NO_PUBLIC, wanted=Wanted(remedy=REMEDY, marks=MARKS))
    return read(source, ways, read_table, asked._asdict(), date_order)


@stage(phase="Data understanding")
def read_table(file: Path, asked: dict[str, str], date_order: str) -> Sales:
    """Read a table of sales; a row whose date or numbers cannot be read goes to quarantine.

    Args:
        file: CSV in UTF-8 with a header; separated by commas, semicolons or tabs.
        asked: role -> column that the user named; empty where it is to be found.
        date_order: `auto`, `day` or `month` first.

    Raises:
        ContractError: not a CSV file in UTF-8, one that is too large, or without rows.
        UsageError: a column, or the order of day and month, has to be named.
    """
    raw = _raw(file)
    numeric = [str(name) for name in raw.columns if _holds_numbers(raw[name])]
    roles = find_roles(raw, asked, numeric)
    dates = _each_once(raw[roles.date], lambda texts: read_dates(texts, date_order, roles.date))
    reasons = pd.Series(np.where(dates.isna(), f"{roles.date} is no date", ""), index=raw.index)
    keys = {f"key_{number}": raw[name] for number, name in enumerate(roles.series, 1)}
    table = {"series": _joined(list(keys.values()), raw.index), **keys, "date": dates}
    for role, column in roles.numbers.items():
        table[role], odd = _numbers(raw[column])
        reasons = reasons.mask(odd & (reasons == ""), f"{column} is no number")
    for name, column in zip(keys, roles.series, strict=True):
        reasons = reasons.mask((table[name] == "") & (reasons == ""), f"{column} is empty")
    bad, lines = (reasons != "").to_numpy(), pd.Series(np.arange(2, len(raw) + 2), index=raw.index)
    frame = pd.DataFrame(table)[~bad].reset_index(drop=True)
    return Sales(frame, roles, unreadable(raw[bad].astype(object), lines[bad], reasons[bad], file.name))


def _raw(file: Path) -> pd.DataFrame:
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{file.name} is larger than {MOST_BYTES // 2**20} MB; {REMEDY}.")
    with file.open("rb") as opened:
        head = opened.read(65_536).splitlines()[:1]
    first = head[0].decode("utf-8", "replace") if head else ""
    separator = max(MARKS, key=first.count)
    raw = read_strictly(file, file.name, REMEDY, dtype="string[pyarrow]", keep_default_na=False, sep=separator)
    raw = raw.fillna("").rename(columns=lambda column: str(column).strip()).apply(lambda cells: cells.str.strip())
    if raw.columns.duplicated().any() or raw.shape[1] < 2 or raw.empty:
        raise ContractError(
            f"{file.name} has {len(raw):,} rows and {raw.shape[1]:,} columns, some of which may share a name; {REMEDY}."
        )
    return raw


def _plain(cells: pd.Series) -> pd.Series:
    """Return numbers as programs write them: a decimal comma becomes a point, yes and no become 1 and 0."""
    if cells.str.fullmatch(DECIMAL_COMMA).any() and not cells.str.fullmatch(r"[+-]?[0-9]+\.[0-9]{1,2}").any():
        cells = cells.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return cells.replace(FLAGS) if cells.str.lower().isin(list(FLAGS)).any() else cells


def _holds_numbers(cells: pd.Series) -> bool:
    there = cells[~cells.str.lower().isin(MISSING)].head(5_000).str.lower()
    return bool(len(there) and _plain(there).str.fullmatch(NUMBER).mean() > 0.5)


def _each_once(cells: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Return what `read` makes of texts, each of which it sees once: a table of sales repeats its dates and amounts."""
    codes, texts = pd.factorize(cells)
    return pd.Series(read(pd.Series(texts)).to_numpy()[codes], index=cells.index)


def _numbers(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return a column as float64 with NaN where nothing stands, and which of its texts are no numbers."""
    numbers = _each_once(cells, _read_numbers)
    absent = _each_once(cells, lambda texts: texts.str.lower().isin(MISSING))
    return numbers, numbers.isna() & ~absent


def _read_numbers(texts: pd.Series) -> pd.Series:
    plain = _plain(texts.str.lower())
    good = plain.str.fullmatch(NUMBER).astype(bool)
    numbers = pd.to_numeric(plain.where(good), errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def _joined(keys: list[pd.Series], index: pd.Index) -> pd.Series:
    if not keys:
        return pd.Series("all", index=index, dtype="string[pyarrow]")
    name = keys[0]
    for key in keys[1:]:
        name = name + JOIN + key
    return name
