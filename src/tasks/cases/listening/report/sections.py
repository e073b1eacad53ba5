"""The parts of the report on a year in music: figures and tables, section by section."""

import pandas as pd
from pydantic import BaseModel

from tasks.cases.listening.evaluation.year import YearReview
from tasks.cases.listening.features import KINDS
from tasks.cases.listening.figures.clock import calendar_heat, listening_clock, week_heat
from tasks.cases.listening.figures.plays import counted, discoveries, plays_by_day, plays_by_month, top_bars
from tasks.figures.style import percent
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.tables import figure_block


class Asked(BaseModel):
    """What the run was asked for."""

    zone: str
    export_zone: str
    session_gap: int
    double_seconds: int
    layouts: list[str]
    records: int


def by_day_figure(by_day: pd.DataFrame, year: int) -> Block:
    """Return the plays added up day by day."""
    rows = by_day[by_day["day"].dt.year == year]
    alt = f"Line of plays added up through {year}, ending at {rows['plays'].sum():,}, beside that of {year - 1}."
    return figure_block(
        plays_by_day(by_day, year), alt, "From the plays of the export. Same dates lie above each other."
    )


def clock_figure(clock: pd.DataFrame, year: int, zone: str) -> Block:
    """Return the listening clock."""
    return figure_block(
        listening_clock(clock, year, zone),
        f"Dial of 24 hours with the share of the plays of {year} in each hour.",
        "The moment is that of the beginning of a play, on the listener's clock, daylight saving included.",
    )


def against_before(review: YearReview, by_month: pd.DataFrame, by_year: pd.DataFrame) -> Section:
    """Return the section on the year before."""
    titles = {
        "year": "Year",
        "plays": "Plays",
        "before": "Year before",
        "per_day": "Plays a day",
        "artists": "Artists",
        "albums": "Albums",
        "tracks": "Tracks",
        "new_artists": "New artists",
        "active_days": "Days with music",
        "days": "Days in the record",
    }
    formats = dict.fromkeys(titles, ",.0f") | {"year": "d", "per_day": ".1f"}
    drawing = plays_by_month(by_month, review.year)
    alt = f"Bars of the plays in each month of {review.year}, with marks for the same months of {review.year - 1}."
    return Section(
        title="Against the year before",
        intro=_change_sentence(review),
        blocks=[
            figure_block(drawing, alt, "Months at the ends of the record may be recorded in part only."),
            Table.from_frame(by_year, titles, formats, caption="Each year of the record."),
        ],
    )


def _change_sentence(review: YearReview) -> str:
    if review.change is None:
        return (
            f"The record has {review.same_dates} dates in both {review.year} and {review.year - 1}: too few to compare"
            " the two years fairly."
        )
    now, before = (count / review.same_dates for count in (review.plays_same_dates, review.before_same_dates))
    text = f"On the {review.same_dates} dates that both years have: {now:.1f} plays a day against {before:.1f}."
    if review.change_low is None or review.change_high is None:
        return text
    sure = (
        "more than week-to-week variation explains"
        if review.change_low > 0 or review.change_high < 0
        else "no more than week-to-week variation explains"
    )
    ends = f"{review.change_low:+.1f} to {review.change_high:+.1f}".replace("-", "\u2212")
    return f"{text} The difference has a 95 % interval of {ends} plays a day (whole weeks drawn): {sure}."


def favourites(plays: pd.DataFrame, ranks: pd.DataFrame, year: int) -> Section:
    """Return the section on artists, albums and tracks."""
    blocks: list[Block] = []
    for kind, keys in KINDS.items():
        rows = ranks[(ranks["period"] == str(year)) & (ranks["kind"] == kind)].reset_index(drop=True)
        before = plays[plays["local"].dt.year == year - 1].dropna(subset=keys).groupby(keys).size()
        wanted = rows["name"] if kind == "artist" else pd.MultiIndex.from_frame(rows[["artist", "name"]])
        rows = rows.assign(before=before.reindex(wanted).to_numpy(float))
        said = ", ".join(
            f"{row.name_} {row.plays}" for row in rows.head(3).rename(columns={"name": "name_"}).itertuples()
        )
        caption = f"Diamonds: plays in {year - 1}, as recorded." if rows["before"].notna().any() else ""
        alt = f"Bars of the most played {kind}s of {year}: {said or 'none'}."
        blocks.append(figure_block(top_bars(rows, year, kind), alt, caption))
    blocks.append(_by_month_table(ranks, year))
    return Section(
        title="Artists, albums and tracks", intro="Plays without an album are left out of the albums.", blocks=blocks
    )


def _by_month_table(ranks: pd.DataFrame, year: int) -> Table:
    """Return the favourites of each month."""
    first = ranks[ranks["period"].str.startswith(f"{year}-")].drop_duplicates(["period", "kind"])
    first = first.assign(told=[f"{name} ({n})" for name, n in zip(first["name"], first["plays"], strict=True)])
    table = first.pivot(index="period", columns="kind", values="told").reset_index()
    titles = {"period": "Month", **{kind: kind.capitalize() for kind in KINDS if kind in table}}
    return Table.from_frame(
        table, titles, caption="Most played in each month, with plays; of equal ones the first by name."
    )


def when_heard(clock: pd.DataFrame, by_day: pd.DataFrame, review: YearReview, zone: str) -> Section:
    """Return the section on weekdays, hours and days."""
    year = review.year
    return Section(
        title="When was it?",
        blocks=[
            figure_block(week_heat(clock, year, zone), f"Grid of weekday by hour with the plays of {year}."),
            figure_block(
                calendar_heat(by_day, year),
                f"Calendar of {year} with the plays of each day; most on {review.busiest_day}.",
            ),
        ],
    )


def habits(review: YearReview, streaks: pd.DataFrame, sessions: pd.DataFrame, asked: Asked) -> Section:
    """Return the section on streaks and sessions."""
    longest = sessions[sessions["year"] == review.year].nlargest(5, "minutes", keep="first")
    text = (
        f"The longest streak of {review.year} began on {review.streak_start} and lasted"
        f" {counted(review.streak_days, 'day')}. There were {counted(review.sessions, 'session')}, of"
        f" {review.session_minutes:.0f} minutes in the median from the beginning of the first play to that of the last;"
        " a session ends when no play begins for"
        f" {counted(asked.session_gap, 'minute')}."
    )
    days = streaks.head(5).assign(
        start=streaks["start"].dt.strftime("%Y-%m-%d"), end=streaks["end"].dt.strftime("%Y-%m-%d")
    )
    begun = longest.assign(start=longest["start"].dt.strftime("%Y-%m-%d %H:%M"))
    return Section(
        title="Streaks and sessions",
        intro=text,
        blocks=[
            Table.from_frame(
                days,
                {"start": "From", "end": "To", "days": "Days", "plays": "Plays"},
                {"plays": ",.0f"},
                caption="Longest streaks of the whole record.",
            ),
            Table.from_frame(
                begun,
                {"start": "Begun", "minutes": "Minutes", "plays": "Plays", "artists": "Artists"},
                {"minutes": ",.0f"},
                caption=f"Longest sessions of {review.year}.",
            ),
        ],
    )


def discovered(by_month: pd.DataFrame, plays: pd.DataFrame, review: YearReview, recorded_from: pd.Timestamp) -> Section:
    """Return the section on what was new."""
    of_year = plays[plays["local"].dt.year == review.year]
    first = of_year[of_year["first_artist"]].set_index("artist")["day"]
    found = of_year[of_year["artist"].isin(first.index)].groupby("artist").size().rename("plays").reset_index()
    found["first"] = found["artist"].map(first).dt.strftime("%Y-%m-%d")
    found = found.sort_values(["plays", "artist"], ascending=[False, True]).head(10)
    drawing = discoveries(by_month, review.year, recorded_from)
    share = percent(review.new_artist_plays / review.plays)
    begins = recorded_from.year == review.year
    return Section(
        title="Discoveries",
        intro=(
            f"{counted(review.new_artists, 'artist')} first heard in {review.year} made up {share} of its plays."
            + (f" The record begins in {review.year}: until then nothing was known." if begins else "")
        ),
        blocks=[
            figure_block(drawing, "Bars of the artists first heard in each month of the record."),
            Table.from_frame(
                found,
                {"artist": "Artist", "first": "First heard", "plays": f"Plays in {review.year}"},
                caption=f"Artists first heard in {review.year}, by plays.",
            ),
        ],
    )


def put_aside(counts: dict[str, int], asked: Asked) -> Section:
    """Return the section on what was put aside, and how the files were read."""
    frame = pd.DataFrame({"reason": list(counts), "lines": list(counts.values())})
    layout = Text(paragraphs=[f"Read as: {'; '.join(asked.layouts)}."])
    blocks: list[Block] = [layout]
    if len(frame):
        blocks.append(Table.from_frame(frame, {"reason": "Reason", "lines": "Lines"}, {"lines": ",.0f"}))
    else:
        blocks.append(Text(paragraphs=["No line was put aside."]))
    return Section(title="What was put aside", blocks=blocks)
