"""What was listened to, how much, and when? The statistics of a listening history, and of one year of it.

A description: nothing is estimated, each figure is a count that anybody can repeat from the plays. All days, months and
hours are those of the listener's zone. An album is told from others by its artist and its name, a track likewise.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.listening.features import KINDS
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

FULL_FROM, FULL_TO = (1, 7), (12, 25)  # a year whose record begins and ends no later and no earlier is full


class Counts(NamedTuple):
    """Plays by year, month and day, each with the same a year earlier."""

    by_year: pd.DataFrame
    by_month: pd.DataFrame
    by_day: pd.DataFrame


class Habits(NamedTuple):
    """When was listened to music."""

    clock: pd.DataFrame  # year, weekday (0 is Monday), hour, plays: all 168 hours of each year
    streaks: pd.DataFrame  # start, end (days), days, plays: the longest first
    sessions: pd.DataFrame  # year, start (local), minutes, plays, artists: the oldest first


def years_of(plays: pd.DataFrame) -> list[int]:
    """Return the years that have plays, in order."""
    return sorted(plays["local"].dt.year.unique().tolist())


@stage(phase="Evaluation")
def choose_year(plays: pd.DataFrame, year: int) -> int:
    """Return the year to review: the one asked for, or for 0 the latest full one, or the last.

    Raises:
        UsageError: the year has no plays.
    """
    there = years_of(plays)
    if year and year not in there:
        raise UsageError(f"There are no plays in {year}; choose a year from {there[0]} to {there[-1]}, or 0.")
    if year:
        return year
    full = [item for item in there if is_covered(plays, item)]
    return full[-1] if full else there[-1]


def is_covered(plays: pd.DataFrame, year: int) -> bool:
    """Tell whether the record covers a year, from its first week to its last."""
    first, last = plays["local"].min(), plays["local"].max()
    return bool(first < pd.Timestamp(year, *FULL_FROM) + pd.Timedelta(days=1) and last >= pd.Timestamp(year, *FULL_TO))


def recorded_days(plays: pd.DataFrame, year: int) -> pd.DatetimeIndex:
    """Return the days of a year that lie within the record: none before its first play, none after its last."""
    first, last = plays["day"].min(), plays["day"].max()
    return pd.date_range(max(pd.Timestamp(year, 1, 1), first), min(pd.Timestamp(year, 12, 31), last), freq="D")


@stage(phase="Evaluation")
def count_plays(plays: pd.DataFrame) -> Counts:
    """Count plays by year, month and day.

    Args:
        plays: as `mark_plays` returns them, (n, 10), at least one.

    Returns:
        by_year: `year`, `plays`, `artists`, `albums`, `tracks`, `new_artists`, `new_albums`, `new_tracks`,
        `active_days`, `days` (of the year within the record), `per_day`, `before` (plays of the year before).
        by_month: `month` (its first day), `plays`, `new_artists`, `new_albums`, `new_tracks`, `before`.
        by_day: `day`, `plays`, `before` (the same date a year earlier; missing for 29 February).
        Months and days without plays, within the record, count 0; `before` is missing where it lies outside.
    """
    days = pd.date_range(plays["day"].min(), plays["day"].max(), freq="D")
    by_day = plays.groupby("day").size().reindex(days, fill_value=0)
    months = plays["local"].dt.to_period("M")
    every = pd.period_range(months.min(), months.max(), freq="M")
    by_month = _frame(plays, months).reindex(every, fill_value=0)
    before_day = [_before(by_day, day) for day in days]
    day_frame = pd.DataFrame({"day": days, "plays": by_day.to_numpy(), "before": before_day})
    month_frame = by_month.assign(before=by_month["plays"].reindex(every - 12).to_numpy(float))
    month_frame.insert(0, "month", every.to_timestamp())
    return Counts(_years(plays), month_frame.reset_index(drop=True), day_frame.astype({"before": float}))


def _before(by_day: pd.Series, day: pd.Timestamp) -> float:
    """Return the plays of the same date a year earlier."""
    if (day.month, day.day) == (2, 29):
        return float("nan")
    return float(by_day.get(day.replace(year=day.year - 1), float("nan")))


def _frame(plays: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    """Count plays and what was heard for the first time."""
    grouped = plays.groupby(by)
    news = {f"new_{kind}s": grouped[f"first_{kind}"].sum() for kind in KINDS}
    return pd.DataFrame({"plays": grouped.size(), **news})


def _years(plays: pd.DataFrame) -> pd.DataFrame:
    years = plays["local"].dt.year.rename("year")
    frame = _frame(plays, years)
    for kind, keys in KINDS.items():
        named = plays[plays[kind].notna()]
        distinct = named[keys].assign(year=years).drop_duplicates().groupby("year").size()
        frame[f"{kind}s"] = distinct.reindex(frame.index, fill_value=0)
    frame["active_days"] = plays.groupby(years)["day"].nunique()
    frame = frame.reindex(range(frame.index[0], frame.index[-1] + 1), fill_value=0)
    frame["days"] = [len(recorded_days(plays, year)) for year in frame.index]
    frame["per_day"] = frame["plays"] / frame["days"]
    frame["before"] = frame["plays"].shift(1)
    order = [
        "plays",
        "artists",
        "albums",
        "tracks",
        "new_artists",
        "new_albums",
        "new_tracks",
        "active_days",
        "days",
        "per_day",
        "before",
    ]
    return frame[order].rename_axis("year").reset_index()


@stage(phase="Evaluation")
def rank_plays(plays: pd.DataFrame, top: int) -> pd.DataFrame:
    """Rank artists, albums and tracks within the whole record, each year and each month.

    Args:
        plays: as `mark_plays` returns them.
        top: places to keep; what shares a place with the last one kept is cut off by name.

    Returns:
        `period` (`all`, `2023`, `2023-04`), `kind`, `rank` (equal plays share it), `name`, `artist`, `plays`, `share`
        (of the period's plays). A play without album is left out of the albums.
    """
    local = plays["local"]
    periods = {
        "all": pd.Series("all", index=plays.index),
        "year": local.dt.year.astype(str),
        "month": local.dt.to_period("M").astype(str),
    }
    frames = [_ranked(plays, period, kind, keys, top) for period in periods.values() for kind, keys in KINDS.items()]
    return pd.concat(frames, ignore_index=True)


def _ranked(plays: pd.DataFrame, period: pd.Series, kind: str, keys: list[str], top: int) -> pd.DataFrame:
    counted = plays.assign(period=period).dropna(subset=keys).groupby(["period", *keys]).size().rename("plays")
    frame = counted.reset_index()
    frame["rank"] = frame.groupby("period")["plays"].rank(method="min", ascending=False).astype("int64")
    frame["share"] = frame["plays"] / frame["period"].map(period.value_counts())
    frame["kind"], frame["name"] = kind, frame[kind]
    frame = frame.sort_values(["period", "rank", "name", "artist"], kind="stable").groupby("period").head(top)
    return frame[["period", "kind", "rank", "name", "artist", "plays", "share"]]


@stage(phase="Evaluation")
def describe_habits(plays: pd.DataFrame) -> Habits:
    """Count plays by weekday and hour, and find streaks of days and sessions.

    Args:
        plays: as `mark_plays` returns them.
    """
    local = plays["local"]
    years = years_of(plays)
    hours = plays.groupby([local.dt.year, local.dt.dayofweek, local.dt.hour]).size()
    every = pd.MultiIndex.from_product([years, range(7), range(24)], names=["year", "weekday", "hour"])
    clock = hours.rename_axis(every.names).reindex(every, fill_value=0).rename("plays").reset_index()
    return Habits(clock, _streaks(plays), _sessions(plays))


def _streaks(plays: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of days with at least one play each, the longest first, of equal ones the oldest."""
    by_day = plays.groupby("day").size()
    starts = (by_day.index.to_series().diff() != pd.Timedelta(days=1)).cumsum().to_numpy()
    frame = pd.DataFrame({"day": by_day.index, "plays": by_day.to_numpy(), "streak": starts})
    found = frame.groupby("streak").agg(
        start=("day", "first"), end=("day", "last"), days=("day", "size"), plays=("plays", "sum")
    )
    return found.sort_values(["days", "start"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _sessions(plays: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions; minutes are those from the first play's beginning to the last one's."""
    grouped = plays.groupby("session")
    span = grouped["moment"].last() - grouped["moment"].first()
    frame = pd.DataFrame(
        {
            "year": grouped["local"].first().dt.year.astype("int64"),
            "start": grouped["local"].first(),
            "minutes": span.dt.total_seconds() / 60,
            "plays": grouped.size(),
            "artists": grouped["artist"].nunique(),
        }
    )
    return frame.reset_index(drop=True)


def effective_number(counts: np.ndarray) -> float:
    """Return how many equally loved artists would be as diverse: exp of Shannon's entropy (M. Hill, Ecology, 1973).

    Args:
        counts: plays of each artist, (n,), all above 0.
    """
    shares = np.asarray(counts, float) / np.sum(counts)
    return float(np.exp(-np.sum(shares * np.log(shares))))
