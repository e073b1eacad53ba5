"""What is each column of a sales table: which series, which day, how much, and what else is known?"""

import re
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel

from tasks.cases.demand.ingestion.dates import looks_like_dates
from tasks.platform.errors import UsageError
from tasks.platform.text import shorten

SERIES = re.compile(
    r"(?i)^(store|item|sku|product|article|series|unique_id|shop|location|region|category|department|dept|warehouse|"
    r"branch|family|state|artikel|filiale)([ _]?(id|nr|no|number|name|code|nbr))?$"
)
DATE = re.compile(r"(?i)^(date|day|week|month|datum|tag|woche|monat|ds|timestamp|period|(week|order|sales?)[ _]?date)$")
QUANTITY = re.compile(
    r"(?i)^(quantity|qty|units|units?[ _]sold|sold|(weekly|daily|monthly|unit|item|store)?[ _]?sales|demand|volume|"
    r"menge|absatz|y)$"
)
EXTRAS = {
    "price": re.compile(r"(?i)^((unit|sell|sales?)[ _]?)?(price|preis)$"),
    "promotion": re.compile(r"(?i)^(is[ _]?|on[ _]?)?(promo|promotion|promoted|aktion|discounted)([ _]?flag)?$"),
    "holiday": re.compile(r"(?i)^(is[ _]?)?(holiday|feiertag)s?([ _]?flag)?$"),
    "stock": re.compile(r"(?i)^(stock|inventory|on[ _]hand|stock[ _]on[ _]hand|bestand)$"),
}
NONE = "none"


class Asked(NamedTuple):
    """What the user calls the columns: empty where one is to be found, `none` for one that the table has not."""

    series: str
    date: str
    quantity: str
    price: str
    promotion: str
    holiday: str
    stock: str


class Roles(BaseModel):
    """Which column is what; an empty name for what the table does not have."""

    series: list[str] = []
    date: str
    quantity: str
    price: str = ""
    promotion: str = ""
    holiday: str = ""
    stock: str = ""

    @property
    def numbers(self) -> dict[str, str]:
        """Role -> column of the columns that hold numbers."""
        names = ("quantity", "price", "promotion", "holiday", "stock")
        return {role: getattr(self, role) for role in names if getattr(self, role)}


def find_roles(raw: pd.DataFrame, asked: dict[str, str], numeric: list[str]) -> Roles:
    """Find the columns that a sales table has, from what the user named, their names and their values.

    Args:
        raw: the table as text.
        asked: role -> what the user named; empty where it is to be found, `none` for a role that no column has.
        numeric: the columns that hold numbers.

    Raises:
        UsageError: a column that does not exist, or one that has to be named.
    """
    columns = [str(name) for name in raw.columns]
    series = [_named(part, columns, "series") for part in asked["series"].split(",") if part.strip() not in ("", NONE)]
    date = _named(asked["date"], columns, "date") or _only(
        [name for name in columns if DATE.match(name)]
        or [name for name in columns if name not in series and looks_like_dates(raw[name])],
        "date",
        columns,
    )
    quantity = _named(asked["quantity"], columns, "quantity") or _only(
        [name for name in numeric if QUANTITY.match(name) and name != date], "quantity", columns
    )
    taken = {date, quantity, *series}
    extras = {}
    for role, pattern in EXTRAS.items():
        fits = [name for name in numeric if pattern.match(name) and name not in taken]
        extras[role] = (
            "" if asked[role] == NONE else _named(asked[role], columns, role) or (fits[0] if len(fits) == 1 else "")
        )
    taken |= set(extras.values())
    if not series and asked["series"].strip() != NONE:
        series = [name for name in columns if SERIES.match(name) and name not in taken]
        repeated = bool(raw[date].duplicated().any())
        if not series and repeated:
            raise UsageError(
                f"{date} names the same day more than once, and no column is plainly the series; name the columns that"
                f" tell series apart by --series (there are {_there(columns)}), or --series none to sum them up."
            )
    twice = [name for name in (date, quantity, *extras.values()) if name and name in series]
    if twice or date == quantity:
        raise UsageError(f"{(twice or [date])[0]} cannot be two things at once; name other columns.")
    return Roles(series=series, date=date, quantity=quantity, **extras)


def _there(columns: list[str]) -> str:
    return shorten(", ".join(columns), 300)


def _named(name: str, columns: list[str], role: str) -> str:
    """Return the column that a user named, whatever the case of its letters; empty where none was named."""
    name = name.strip()
    if not name or name in columns:
        return name
    fits = [column for column in columns if column.lower() == name.lower()]
    if len(fits) != 1:
        raise UsageError(f"--{role} {shorten(name, 80)}: no such column; there are {_there(columns)}.")
    return fits[0]


def _only(fits: list[str], role: str, columns: list[str]) -> str:
    if len(fits) == 1:
        return fits[0]
    why = f"{', '.join(fits[:5])} may each be the {role}" if fits else f"no column is plainly the {role}"
    raise UsageError(f"{why[0].upper()}{why[1:]}; name it by --{role}, one of {_there(columns)}.")
