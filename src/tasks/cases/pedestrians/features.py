"""How many people passed in each hour and on each day? Overlapping exports merged, each minute once.

The rules, in order:

1. Records of one export that fall into one minute (or into one hour, when the export is hourly) are added up: a sensor
   that closes two intervals within a minute has counted two groups of people.
2. Where exports of different resolution cover the same hour, the finer one counts, unless its period begins or ends
   within that hour.
3. Where several exports hold the same minute, the later export wins: the one whose period ends later, then the later
   file name. Minutes on which they disagree are counted as conflicts.
4. An hour with a record that carries an incident is flagged and left out of days, averages and models.
5. Exports by the minute hold no record while nobody passes. A gap of up to six hours between two records is taken for
   that; a longer one was not measured, and neither is an hour that an hourly export lacks.
6. A day is whole when each of its hours (23, 24 or 25) was measured without an incident; only whole days are compared.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.stage import stage

LONGEST_SILENCE = 6  # hours without a record that may mean that nobody passed
RESOLUTIONS = (3600, 900, 60)  # seconds
HOUR = pd.Timedelta(hours=1)


class MergeReport(BaseModel):
    """What merging the exports has come across."""

    exports: int
    records: int
    resolutions: dict[str, list[int]]  # of each place, seconds
    minutes: int  # intervals of the merged series
    repeated: int  # intervals that more than one export holds
    conflicts: int  # of these, the exports disagree
    coarser: int  # records left out because a finer export covers their hour
    incidents: int  # intervals with an incident
    unmeasured_hours: int  # between the first and the last record of a place


class Merged(NamedTuple):
    """The merged series and how it came about."""

    minutes: pd.DataFrame  # place, utc, seconds, count, incident, export
    hours: pd.DataFrame  # place, utc, local, count, incident, measured
    days: pd.DataFrame  # place, day, count, hours, whole
    report: MergeReport


def _resolution(times: pd.Series) -> int:
    seconds = times.astype("datetime64[s]").astype("int64")
    return next((step for step in RESOLUTIONS if not (seconds % step).any()), RESOLUTIONS[-1])


def _intervals(records: pd.DataFrame) -> pd.DataFrame:
    """Add up the records of each export by interval: place, export, seconds, utc, count, incident, rank, edge."""
    parts = []
    for (place, export), part in records.groupby(["place", "export"], sort=True):
        seconds, first, last = _resolution(part["utc"]), part["utc"].min(), part["utc"].max()
        sums = part.assign(utc=part["utc"].dt.floor(f"{seconds}s"), incident=part["incident"].ne(""))
        sums = sums.groupby("utc", as_index=False).agg(count=("count", "sum"), incident=("incident", "any"))
        hour = sums["utc"].dt.floor("h")
        edge = ((hour == first.floor("h")) | (hour == last.floor("h"))) & (seconds < 3600)
        parts.append(sums.assign(place=str(place), export=str(export), seconds=seconds, edge=edge, last=last))
    return pd.concat(parts, ignore_index=True)


def _without_coarser(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the finest resolution of each hour that is not cut off within it; all when only cut ones are there."""
    hours = [table["place"], table["utc"].dt.floor("h")]
    finest = table["seconds"].where(~table["edge"]).groupby(hours).transform("min")
    cut_off = finest.isna()
    least = table["seconds"].groupby(hours).transform("min")
    return table[table["seconds"] == finest.where(~cut_off, least)]


def merge_records(records: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Merge overlapping exports so that each interval counts once.

    Args:
        records: `export`, `place`, `utc`, `count`, `incident` (text), one row per record.

    Returns:
        The merged intervals, by place and time, and the counts `repeated`, `conflicts`, `coarser`.
    """
    table = _intervals(records)
    kept = _without_coarser(table).sort_values(["place", "utc", "last", "export"], kind="stable")
    groups = kept.groupby(["place", "utc"])
    sizes = groups["export"].transform("size")
    disagree = groups["count"].transform("nunique") > 1
    winners = kept[~kept.duplicated(["place", "utc"], keep="last")]
    found = {
        "repeated": int((sizes[winners.index] > 1).sum()),
        "conflicts": int(disagree[winners.index].sum()),
        "coarser": len(table) - len(kept),
    }
    columns = ["place", "utc", "seconds", "count", "incident", "export"]
    return winners[columns].reset_index(drop=True), found


def hourly(minutes: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Return every hour from a place's first record to its last; silence counts 0, what was not measured is missing."""
    parts = []
    for place, part in minutes.groupby("place", sort=True):
        sums = part.assign(utc=part["utc"].dt.floor("h")).groupby("utc")
        table = sums.agg(count=("count", "sum"), incident=("incident", "any"), seconds=("seconds", "max"))
        table = table.reindex(pd.date_range(table.index[0], table.index[-1], freq="h", name="utc"))
        there = table["count"].notna()
        fine = (table["seconds"].ffill() < 3600) & (table["seconds"].bfill() < 3600)
        silence = (~there).groupby(there.cumsum()).transform("sum")
        measured = there | (fine & (silence <= LONGEST_SILENCE))
        local = pd.DatetimeIndex(table.index).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        parts.append(
            pd.DataFrame(
                {
                    "place": place,
                    "utc": table.index,
                    "local": local,
                    "count": table["count"].fillna(0).where(measured),
                    "incident": table["incident"].eq(True),
                    "measured": measured,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def daily(hours: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Return the days of each place: `place`, `day`, `count`, `hours` (usable), `whole`."""
    good = hours["measured"] & ~hours["incident"]
    table = hours.assign(day=hours["local"].dt.normalize(), good=good, count=hours["count"].where(good))
    days = table.groupby(["place", "day"], as_index=False).agg(count=("count", "sum"), hours=("good", "sum"))
    starts = days["day"].dt.tz_localize(zone)
    ends = (days["day"] + pd.Timedelta(days=1)).dt.tz_localize(zone)
    return days.assign(whole=days["hours"] == ((ends - starts) / HOUR).round())


@stage(phase="Data preparation")
def merge_exports(records: pd.DataFrame, zone: str) -> Merged:
    """Merge the records of all exports into minutes, hours and days of each place.

    Args:
        records: `export`, `place`, `utc` (naive), `count`, `incident`.
        zone: time zone of the places.
    """
    minutes, found = merge_records(records)
    hours = hourly(minutes, zone)
    report = MergeReport(
        exports=int(records["export"].nunique()),
        records=len(records),
        resolutions={
            str(place): sorted(int(step) for step in np.unique(part["seconds"]))
            for place, part in minutes.groupby("place")
        },
        minutes=len(minutes),
        incidents=int(minutes["incident"].sum()),
        unmeasured_hours=int((~hours["measured"]).sum()),
        **found,
    )
    return Merged(minutes, hours, daily(hours, zone), report)
