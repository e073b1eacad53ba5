"""What is to be known of an item before it is ordered: stock, lead time, pack, costs? A CSV by item, and defaults."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.demand.ingestion.roles import Roles
from tasks.cases.demand.ingestion.table import JOIN
from tasks.ingestion.asked import existing
from tasks.ingestion.csv_text import NUMBER, read_strictly
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.platform.text import shorten

FIELDS = {  # what a column may be called: least and largest value
    "stock": (0.0, 1e12),
    "on_order": (0.0, 1e12),
    "lead_time": (0.0, 60.0),
    "review": (1.0, 60.0),
    "pack": (0.0, 1e9),
    "minimum": (0.0, 1e12),
    "shelf_life": (0.0, 10_000.0),
    "service": (0.5, 0.995),
    "unit_cost": (0.0, 1e12),
    "price": (0.0, 1e12),
    "holding_cost": (0.0, 1e12),
    "shortage_cost": (0.0, 1e12),
    "order_cost": (0.0, 1e12),
}
WHOLE = ("lead_time", "review", "shelf_life")


class Usual(NamedTuple):
    """What holds of an item that is not named: fields of `FIELDS`."""

    lead_time: float
    review: float
    pack: float
    minimum: float
    shelf_life: float
    service: float


@stage(phase="Data preparation", live=True)
def read_items(items: str, roles: Roles, defaults: dict[str, float]) -> pd.DataFrame:
    """Read what is known of single items.

    Args:
        items: path of a CSV with the series' columns and any of `FIELDS`; empty for none.
        roles: of the table of sales.
        defaults: field -> value of the items that the CSV does not name.

    Returns:
        `series` (empty for the defaults, the first row) and the fields, NaN where the CSV is silent.

    Raises:
        UsageError: no such file, a column that is not taken, a value that cannot be.
    """
    first = pd.DataFrame([{"series": ""} | {name: defaults.get(name, np.nan) for name in FIELDS}])
    if not items:
        return first
    path = existing(items, "a CSV with the columns of the series and what is known of each item")
    if path.is_dir():
        raise UsageError(f"--items {items}: that is a folder; give a CSV.")
    return pd.concat([first, _read(path, roles)], ignore_index=True)


def _read(path: Path, roles: Roles) -> pd.DataFrame:
    raw = read_strictly(path, path.name, "give a CSV of items", dtype=str, keep_default_na=False).fillna("")
    raw = raw.rename(columns=lambda name: str(name).strip()).apply(lambda cells: cells.str.strip())
    keys = roles.series
    odd = [str(name) for name in raw.columns if name not in (*FIELDS, *keys)]
    absent = [name for name in keys if name not in raw.columns]
    if odd or absent or raw.columns.duplicated().any() or raw.empty:
        what = f"lacks {', '.join(absent)}" if absent else f"has {shorten(', '.join(odd) or 'no rows', 200)}"
        raise UsageError(
            f"--items {path.name} {what}; give the columns {', '.join(keys) or '(none)'} and any of"
            f" {', '.join(FIELDS)}."
        )
    table: dict[str, Any] = {"series": raw[keys].agg(JOIN.join, axis=1) if keys else "all"}
    for name in FIELDS:
        table[name] = _field(raw[name], name, path.name) if name in raw.columns else np.nan
    frame = pd.DataFrame(table)
    twice = frame["series"].duplicated()
    if twice.any():
        raise UsageError(f"--items {path.name} names {shorten(frame['series'][twice].iloc[0], 80)} more than once.")
    return frame


def _field(cells: pd.Series, name: str, file: str) -> pd.Series:
    low, high = FIELDS[name]
    numbers = pd.to_numeric(cells.where(cells.str.fullmatch(NUMBER)), errors="coerce")
    bad = (cells != "") & ~numbers.between(low, high)
    if name in WHOLE:
        bad |= numbers.notna() & (numbers % 1 != 0)
    if bad.any():
        what = "a whole number" if name in WHOLE else "a number"
        raise UsageError(
            f"--items {file}, row {int(bad.to_numpy().argmax()) + 2}: {name} is {shorten(cells[bad].iloc[0], 40)};"
            f" {what} from {low:g} to {high:g} is wanted."
        )
    return numbers.astype("float64")
