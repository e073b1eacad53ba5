"""When was it? Moments as the tools of Last.fm's users write them, read as UTC.

Seconds or milliseconds since 1970, ISO 8601, `13 Apr 2020, 05:01`, `13.04.2020 05:01`, and `13/04/2020 05:01` or
`04/13/2020 05:01`: which of the two a file means is told by its own dates, or not at all. All may bear an offset.
"""

import re
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError, UsageError
from tasks.platform.text import shorten

EPOCH = re.compile(r"\A\d{1,10}\Z")
EPOCH_MILLISECONDS = re.compile(r"\A\d{12,13}\Z")
WITH_OFFSET = re.compile(r"\A\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?\s?(Z|UTC|[+-]\d{2}:?\d{2})\Z")
OFFSET = re.compile(r"\A(.*\d) ?(Z|UTC|GMT|[+-]\d{2}:?\d{2})\Z")
FORMATS = tuple(
    f"{day}{clock}"
    for day in (
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
        "%d %b %Y, %H:%M",
        "%d %b %Y %H:%M",
        "%d.%m.%Y %H:%M",
        "%Y/%m/%d %H:%M",
    )
    for clock in ("", ":%S")
)
DAY_FIRST = ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y, %H:%M", "%d/%m/%Y, %H:%M:%S")
MONTH_FIRST = tuple(form.replace("%d/%m", "%m/%d") for form in DAY_FIRST)


def time_zone(name: str) -> str:
    """Return the name of a time zone.

    Raises:
        ValueError: it is none of the IANA database.
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # a missing key, a name that is a path or a folder
        raise ValueError(
            f"{shorten(name, 40)!r} is no time zone; give a name of the IANA database, such as Europe/Berlin"
        ) from None
    return name


def read_moments(texts: pd.Series, zone: str, where: str, strict: bool = True) -> pd.Series:
    """Read moments as UTC.

    Args:
        texts: (n,) text, or missing.
        zone: the zone of times without an offset. A time that the change to summer leaves out is not read; of the two
            that the change to winter gives, the first is taken.
        where: name of the file, for the error.
        strict: whether dates that do not tell day from month are an error; else they are read day first.

    Returns:
        datetime64[us] (n,), without a zone, in UTC; NaT for what cannot be read.

    Raises:
        ContractError: day and month cannot be told apart.
        UsageError: no such zone.
    """
    try:
        home = time_zone(zone)
    except ValueError as error:
        raise UsageError(f"export_zone: {error}.") from None
    clean = texts.fillna("").astype(str).str.strip()
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    for pattern, unit in ((EPOCH, "s"), (EPOCH_MILLISECONDS, "ms")):
        chosen = clean.str.match(pattern)
        numbers = pd.to_numeric(clean[chosen]).to_numpy(np.int64)
        found[chosen] = numbers.astype(f"datetime64[{unit}]").astype("datetime64[us]")
    chosen = clean.str.match(WITH_OFFSET)
    absolute = pd.to_datetime(clean[chosen], format="ISO8601", utc=True, errors="coerce")
    found[chosen] = absolute.dt.tz_localize(None).astype("datetime64[us]")
    left = clean[found.isna() & clean.ne("")]
    parts = left.str.extract(OFFSET).dropna()
    if len(parts):  # a time in another form than ISO 8601, with its offset
        told = _local(parts[0], where, strict) - parts[1].map(_ahead)
        found[told.index] = told
    local = _local(left.drop(parts.index), where, strict).dropna()
    first = np.ones(len(local), bool)
    there = local.dt.tz_localize(home, ambiguous=first, nonexistent="NaT").dt.tz_convert("UTC").dt.tz_localize(None)
    found[there.index] = there
    return found


def _ahead(offset: str) -> pd.Timedelta:
    """Return how far a zone, such as +01:00, is ahead of UTC."""
    if offset[0] not in "+-":
        return pd.Timedelta(0)
    return pd.Timedelta(minutes=int(f"{offset[0]}1") * (60 * int(offset[1:3]) + int(offset[-2:])))


def _local(texts: pd.Series, where: str, strict: bool) -> pd.Series:
    """Read times without an offset, one format after the other."""
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    for form in (*FORMATS, *_slashed(texts[texts.str.match(r"\A\d{1,2}/\d{1,2}/\d{4}")], where, strict)):
        left = texts[found.isna()]
        if left.empty:
            break
        found = found.fillna(pd.to_datetime(left, format=form, errors="coerce").astype("datetime64[us]"))
    return found


def _slashed(texts: pd.Series, where: str, strict: bool) -> tuple[str, ...]:
    """Return the formats of dates with slashes: those that all the dates together allow."""
    if texts.empty:
        return ()
    parts = texts.str.extract(r"\A([0-9]{1,2})/([0-9]{1,2})/").astype(int)
    first, second = int((parts[0] > 12).sum()), int((parts[1] > 12).sum())
    if first == second and strict:
        raise ContractError(
            f"{where}: dates such as {shorten(str(texts.iloc[0]), 40)!r} do not tell day from month; export them in"
            " another form, such as 2020-04-13 05:01."
        )
    return DAY_FIRST if first >= second else MONTH_FIRST
