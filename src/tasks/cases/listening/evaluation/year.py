"""What was this year in music, in figures, and how does it stand against the year before on the same dates?

The plays of a day are a draw from a habit, so their mean has an interval: whole weeks are drawn, because the days of a
week are alike. The year before is the baseline; only dates that the record covers in both years are compared.
"""

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.cases.listening.evaluation.statistics import effective_number, is_covered, recorded_days
from tasks.evaluation.intervals import bootstrap
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage

FEWEST_SAME = 14  # dates that both years have, below which they are not compared


class Favourite(BaseModel):
    """What was played most."""

    name: str
    artist: str
    plays: int


class YearReview(BaseModel):
    """One year of a listening history."""

    year: int
    full: bool = Field(description="whether the record covers the year from its first week to its last")
    first: str = Field(description="first and last day of the year within the record")
    last: str
    plays: int
    days: int
    active_days: int
    per_day: float
    per_day_low: float | None
    per_day_high: float | None
    same_dates: int = Field(description="dates that the record has in both years")
    plays_same_dates: int
    before_same_dates: int
    change_low: float | None = Field(description="ends of the interval of the difference in plays a day, same dates")
    change_high: float | None
    artists: int
    albums: int
    tracks: int
    new_artists: int
    new_artist_plays: int = Field(description="plays of artists first heard in this year")
    favourites: dict[str, Favourite]
    top10_share: float = Field(description="share of plays that the ten most played artists have")
    effective_artists: float
    streak_days: int
    streak_start: str
    busiest_day: str
    busiest_day_plays: int
    busiest_hour: int
    busiest_hour_plays: int
    sessions: int
    session_minutes: float = Field(description="median")
    session_low: float | None
    session_high: float | None
    longest_session_minutes: float
    longest_session_start: str

    @property
    def change(self) -> float | None:
        """Return the relative change against the year before on the same dates; None where it cannot be told."""
        if self.same_dates < FEWEST_SAME or not self.before_same_dates:
            return None
        return self.plays_same_dates / self.before_same_dates - 1


@stage(phase="Evaluation")
def review_year(
    plays: pd.DataFrame,
    by_day: pd.DataFrame,
    by_year: pd.DataFrame,
    clock: pd.DataFrame,
    sessions: pd.DataFrame,
    year: int,
) -> YearReview:
    """Sum up one year.

    Args:
        plays: as `tasks.cases.listening.features.mark_plays` returns them.
        by_day: as `count_plays` returns it, and `by_year` as well.
        by_year: a row for each year.
        clock: as `describe_habits` returns it, and `sessions` as well.
        sessions: a row for each session.
        year: one that has plays.
    """
    of_year = plays[plays["local"].dt.year == year]
    row = by_year[by_year["year"] == year].iloc[0]
    days = by_day[by_day["day"].dt.year == year].reset_index(drop=True)
    recorded = recorded_days(plays, year)
    artists = of_year.groupby("artist").size()
    new = of_year.loc[of_year["first_artist"], "artist"]
    hours = clock[clock["year"] == year].groupby("hour")["plays"].sum()
    busiest = days.loc[days["plays"].idxmax()]
    streak_days, streak_start = _longest_run(days)
    return YearReview(
        year=year,
        full=is_covered(plays, year),
        first=f"{recorded[0]:%Y-%m-%d}",
        last=f"{recorded[-1]:%Y-%m-%d}",
        plays=len(of_year),
        days=len(recorded),
        active_days=int(row["active_days"]),
        per_day=len(of_year) / len(recorded),
        artists=int(row["artists"]),
        albums=int(row["albums"]),
        tracks=int(row["tracks"]),
        new_artists=int(row["new_artists"]),
        new_artist_plays=int(of_year["artist"].isin(new).sum()),
        favourites=_favourites(of_year),
        top10_share=float(artists.nlargest(10).sum() / len(of_year)),
        effective_artists=effective_number(artists.to_numpy()),
        streak_days=streak_days,
        streak_start=streak_start,
        busiest_day=f"{busiest['day']:%Y-%m-%d}",
        busiest_day_plays=int(busiest["plays"]),
        busiest_hour=int(hours.idxmax()),
        busiest_hour_plays=int(hours.max()),
        **_compared(days),
        **_sessions(sessions[sessions["year"] == year]),
    )


def _favourites(plays: pd.DataFrame) -> dict[str, Favourite]:
    """Return the most played artist, album and track; of equal ones the first by name."""
    found = {}
    for kind, keys in (("artist", ["artist"]), ("album", ["album", "artist"]), ("track", ["track", "artist"])):
        counted = plays.dropna(subset=keys).groupby(keys).size()
        if counted.empty:
            continue
        key = counted.idxmax()
        name, artist = key if isinstance(key, tuple) else (key, key)
        found[kind] = Favourite(name=name, artist=artist, plays=int(counted.max()))
    return found


def _longest_run(days: pd.DataFrame) -> tuple[int, str]:
    """Return how many days in a row have plays at most within the year, and the first of them."""
    active = days["plays"] > 0
    runs = days[active].groupby((~active).cumsum()[active])["day"].agg(["size", "first"])
    best = runs.loc[runs["size"].idxmax()]
    return int(best["size"]), f"{best['first']:%Y-%m-%d}"


def _interval(values: pd.Series, groups: pd.Series | None = None, statistic: object = np.mean) -> list[float | None]:
    """Return the ends of an interval; None each where the values tell none."""
    if not len(values) or (groups is not None and groups.nunique() < 2):
        return [None, None]
    ends = bootstrap(values.to_numpy(float), statistic, groups=groups)  # type: ignore[arg-type]
    return [float(end) if np.isfinite(end) else None for end in ends]


def _compared(days: pd.DataFrame) -> dict[str, float | int | None]:
    """Return plays a day with their interval, and the difference to the year before on the same dates."""
    weeks = days["day"].dt.to_period("W").astype(str)
    low, high = _interval(days["plays"], weeks)
    same = days[days["before"].notna()]
    enough = len(same) >= FEWEST_SAME
    ends = _interval(same["plays"] - same["before"], weeks[same.index]) if enough else [None, None]
    return {
        "per_day_low": low,
        "per_day_high": high,
        "same_dates": len(same),
        "plays_same_dates": int(same["plays"].sum()),
        "before_same_dates": int(same["before"].sum()),
        "change_low": ends[0],
        "change_high": ends[1],
    }


def _sessions(sessions: pd.DataFrame) -> dict[str, float | int | str | None]:
    """Return the sessions that begin in the year, in figures."""
    if sessions.empty:  # the only one of a single play that began the year before
        return {
            "sessions": 0,
            "session_minutes": 0.0,
            "session_low": None,
            "session_high": None,
            "longest_session_minutes": 0.0,
            "longest_session_start": "",
        }
    low, high = _interval(sessions["minutes"], None, np.median)
    longest = sessions.loc[sessions["minutes"].idxmax()]
    return {
        "sessions": len(sessions),
        "session_minutes": float(sessions["minutes"].median()),
        "session_low": low,
        "session_high": high,
        "longest_session_minutes": float(longest["minutes"]),
        "longest_session_start": f"{longest['start']:%Y-%m-%d %H:%M}",
    }


def _against_before(review: YearReview) -> list[Metric]:
    """Return the plays a day on the dates that both years have, with the year before as the baseline."""
    if review.change is None:
        return []
    before, now = (count / review.same_dates for count in (review.before_same_dates, review.plays_same_dates))
    shift = (None if end is None else before + end for end in (review.change_low, review.change_high))
    low, high = shift
    return [
        Metric(
            name="plays_per_day_same_dates",
            value=now,
            unit="plays",
            low=low,
            high=high,
            baseline=before,
            n=review.same_dates,
            note=f"baseline: the same dates of {review.year - 1}; interval of the difference",
        )
    ]


@stage(phase="Evaluation")
def measure_year(review: YearReview, plays: pd.DataFrame, records: int, quarantined: int) -> list[Metric]:
    """Return the figures of the run: those of the data's completeness first, then those of the year.

    Args:
        review: of the year.
        plays: all plays that count, with `album`.
        records: lines that were read.
        quarantined: lines that were put aside.
    """
    whole = plays[["moment", "artist", "track", "album"]].notna().all(axis=1)
    minutes = {"low": review.session_low, "high": review.session_high}
    return [
        Metric(
            name="accounted",
            value=(len(plays) + quarantined) / records,
            n=records,
            note="plays counted and lines put aside, as a share of the lines read",
        ),
        Metric(
            name="complete",
            value=float(whole.mean()),
            n=len(plays),
            note="share of plays with moment, artist, track and album",
        ),
        Metric(name="plays_all", value=len(plays), unit="plays", n=records, note="of the whole record"),
        Metric(name="quarantined", value=quarantined, unit="lines", n=records),
        Metric(name="plays", value=review.plays, unit="plays", n=review.days, note=f"of {review.year}"),
        Metric(
            name="plays_per_day",
            value=review.per_day,
            unit="plays",
            low=review.per_day_low,
            high=review.per_day_high,
            n=review.days,
        ),
        *_against_before(review),
        Metric(name="artists", value=review.artists, unit="artists", n=review.plays),
        Metric(
            name="new_artists",
            value=review.new_artists,
            unit="artists",
            n=review.artists,
            note="first heard in this year, as far as the record goes back",
        ),
        Metric(
            name="effective_artists",
            value=review.effective_artists,
            unit="artists",
            n=review.artists,
            note="as many equally loved artists would be as diverse",
        ),
        Metric(name="streak_days", value=review.streak_days, unit="days", n=review.days),
        Metric(name="sessions", value=review.sessions, unit="sessions", n=review.plays),
        Metric(
            name="session_minutes",
            value=review.session_minutes,
            unit="min",
            n=review.sessions,
            note="median",
            **minutes,
        ),
    ]
