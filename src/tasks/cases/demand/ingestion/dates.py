"""Which day does a date mean? The order of day and month is decided by the whole column, or asked for.

03/04/2026 is a day in March or in April. One 13/04/2026 in the column decides for all of it; where no row does, nobody
can know, and the reader is asked rather than guessed for.
"""

import pandas as pd

from tasks.platform.errors import UsageError

PARTED = r"^([0-9]{1,2})([./-])([0-9]{1,2})[./-]([0-9]{4}|[0-9]{2})([ T].*)?$"
ISO = r"^[0-9]{4}[-/.]?[0-9]{2}([-/.]?[0-9]{2})?([ T].*)?$"
ORDERS = {"day": ("day", "month"), "month": ("month", "day")}


def looks_like_dates(cells: pd.Series) -> bool:
    """Tell whether most of a column's texts (empty ones left out) are written as dates."""
    there = cells[cells != ""].head(2_000)
    return bool(len(there) and (there.str.match(ISO) | there.str.match(PARTED)).mean() > 0.9 and not _numbers(there))


def _numbers(cells: pd.Series) -> bool:
    """Tell plain numbers from dates: 20260131 is a date only where it can be one."""
    plain = cells.str.fullmatch("[0-9]+")
    if not plain.any():
        return False
    return bool(pd.to_datetime(cells[plain], format="%Y%m%d", errors="coerce").isna().any())


def read_dates(cells: pd.Series, order: str, name: str) -> pd.Series:
    """Return the days (datetime64, without time) that texts mean, missing where a text is none.

    Args:
        cells: texts.
        order: `day` or `month` first where a date has the year last; `auto` to see it from the column.
        name: of the column, for messages.

    Raises:
        UsageError: the order cannot be told, or the column mixes both.
    """
    whole = cells.str.extract(r"^([0-9]{4})[-/.]?([0-9]{2})(?:[-/.]?([0-9]{2}))?(?:[ T].*)?$")
    parted = cells.str.extract(PARTED)
    parts = {"year": whole[0], "month": whole[1], "day": whole[2].fillna("01")}
    last = parted[0].notna()
    if last.any():
        names = ORDERS[_order(parted[last].astype({0: int, 2: int}), order, name)]
        year = parted[3].where(parted[3].str.len() == 4, "20" + parted[3])
        for part, found in zip((*names, "year"), (parted[0], parted[2], year), strict=True):
            parts[part] = parts[part].mask(last, found)
    # As float64: Arrow's texts become numbers whose missing ones pandas does not make dates of.
    numbers = pd.DataFrame(
        {part: pd.to_numeric(values, errors="coerce").astype("float64") for part, values in parts.items()}
    )
    return pd.to_datetime(numbers.where(numbers.notna().all(axis=1)), errors="coerce").astype("datetime64[us]")


def _order(parted: pd.DataFrame, order: str, name: str) -> str:
    if order != "auto":
        return order
    first, second = int((parted[0] > 12).sum()), int((parted[2] > 12).sum())
    if first and second:
        raise UsageError(
            f"{name} mixes dates with the day first ({first:,} rows) and with the month first ({second:,});"
            " write them all alike, best as 2026-01-31, or name the order of most by --date-order day or month."
        )
    if first or second:
        return "day" if first else "month"
    if (parted[1] == ".").all():
        return "day"  # dots are written by those who put the day first
    raise UsageError(
        f"Whether {name} has the day or the month first cannot be told: no row has a number above 12 in either place"
        f" ({parted[0].iloc[0]}{parted[1].iloc[0]}{parted[2].iloc[0]}{parted[1].iloc[0]}{parted[3].iloc[0]});"
        " say it by --date-order day or --date-order month."
    )
