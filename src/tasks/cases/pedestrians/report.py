"""When did the square empty, by how much, and has it recovered? Everything of one run, put into its report."""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.pedestrians import figures
from tasks.cases.pedestrians.features import MergeReport
from tasks.cases.pedestrians.figures import plain_date
from tasks.evaluation.metrics import Metric
from tasks.features.calendars import TWO_HARMONICS_FROM
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.platform.text import shorten
from tasks.publishing.blocks import Block, Figure, Section, Table, Text
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

GOOD_DAYS, GOOD_WIDTH = 3, 0.20  # of the change date either way, and of the drop's interval
RECOVERED = -0.10  # the last days are at most this much below the expected week, surely
MOST_PLACES = 30
TWO_YEARS = 700  # days


class Answered(BaseModel):
    """What was found at the place that the answer is about."""

    place: str
    date: pd.Timestamp | None = None
    sentence: str
    verdict: Verdict

    model_config = {"arbitrary_types_allowed": True}


@stage(phase="Deployment")
def describe_pedestrians(
    merged: MergeReport,
    hours: pd.DataFrame,
    days: pd.DataFrame,
    changes: pd.DataFrame,
    places: pd.DataFrame,
    expected: pd.DataFrame,
    weekdays: pd.DataFrame,
    months: pd.DataFrame,
    scored: pd.DataFrame,
    metrics: list[Metric],
    place: str,
    false_alarms: float,
) -> Findings:
    """Say what was found.

    Args:
        merged: what merging has come across.
        hours: of all places.
        days: of all places.
        changes: relative changes of all places.
        places: one row per place.
        expected: expected counts of all days.
        weekdays: averages by weekday and period.
        months: averages by month.
        scored: held-out days with their errors.
        metrics: of the run.
        place: which the answer is about.
        false_alarms: accepted for each place.
    """
    answered = answer(place, changes, places, false_alarms)
    here = {
        name: frame[frame["place"] == place]
        for name, frame in {"hours": hours, "days": expected, "weekdays": weekdays, "months": months}.items()
    }
    return Findings(
        answer=answered.sentence,
        verdict=answered.verdict,
        hero=[_daily(here["days"], answered)],
        sections=[
            _certainty(answered, changes, places, here["days"]),
            _weeks(here["hours"], here["weekdays"], answered),
            _calendar(here["days"], here["months"], answered),
            _places(changes, places),
            _model(scored),
            _merging(merged, days),
        ],
        metrics=metrics,
        limits=limits(days, places, answered),
    )


def _interval(low: float, high: float) -> str:
    """Return an interval of relative changes, as shares of less or more."""
    near, far = sorted([low, high], key=abs)
    if low < 0 < high:
        return f"{_signed(low)} to {_signed(high)}"
    return f"{abs(near):.0%} to {abs(far):.0%}".replace("%", "\u202f%")


def _signed(value: float) -> str:
    return f"{value:+.0%}".replace("-", "\u2212").replace("%", "\u202f%")


def _recovery(row: pd.Series) -> str:
    low, value, high = (float(row[f"recent_{name}"]) for name in ("low", "value", "high"))
    told = (
        f"In the last {int(row['recent_days'])} days it was {percent(abs(value))} {'below' if value < 0 else 'above'}"
    )
    told += f" the expected week (95 %: {_interval(low, high)})"
    if low >= RECOVERED:
        return f"{told}: it has recovered."
    if high < 0:
        return f"{told}: it has not recovered."
    return f"{told}, so it cannot be told whether it has recovered."


def answer(place: str, changes: pd.DataFrame, places: pd.DataFrame, false_alarms: float) -> Answered:
    """Say when a place emptied, by how much, and whether it has recovered; and whether that is sure enough."""
    row = places[places["place"] == place].iloc[0]
    main = changes[(changes["place"] == place) & changes["main"]]
    name = shorten(place, 60)
    if main.empty:
        told = f"At {name}, no drop was found in {int(row['days'])} days from {plain_date(row['first'])} to"
        told += f" {plain_date(row['last'])} (p = {row['p_value']:.2g} for no change at all)."
        reason = f"Without a drop there is no interval to judge; {percent(false_alarms)} false alarms were accepted."
        return Answered(place=place, sentence=told, verdict=Verdict(met=None, sentence=reason))
    drop = main.iloc[0]
    told = f"{name} emptied on {plain_date(drop['date'])}: {percent(-drop['value'])} fewer people came than expected"
    told += f" (95 %: {_interval(drop['high'], drop['low'])}). {_recovery(row)}"
    return Answered(place=place, date=drop["date"], sentence=told, verdict=_verdict(drop))


def _verdict(drop: pd.Series) -> Verdict:
    days = int(max((drop["last"] - drop["date"]).days, (drop["date"] - drop["first"]).days))
    width = float(drop["high"] - drop["low"])
    met = days <= GOOD_DAYS and width <= GOOD_WIDTH
    sentence = (
        f"The date is sure to {days} day{'s' * (days != 1)} either way and the drop's interval is"
        f" {100 * width:.0f} points wide; good is {GOOD_DAYS} days and {100 * GOOD_WIDTH:.0f} points."
    )
    return Verdict(met=met, sentence=sentence)


def _daily(days: pd.DataFrame, answered: Answered) -> Figure:
    finding = (
        answered.sentence.split(" (")[0]
        if answered.date is not None
        else "No drop: the counts stay in the expected week"
    )
    drawing = figures.daily_counts(days, answered.place, answered.date, finding)
    return figure_block(
        drawing,
        f"Counts of each whole day at {answered.place} as points, with means of seven days. {answered.sentence}",
        "Each point is a whole day without an incident; the lines are means of seven days. What was expected is learned"
        " from the days before the drop: weekday, public holidays, Advent, the days between the years, trend and"
        " season.",
    )


def _certainty(answered: Answered, changes: pd.DataFrame, places: pd.DataFrame, days: pd.DataFrame) -> Section:
    row = places[places["place"] == answered.place].iloc[0]
    mine = changes[changes["place"] == answered.place]
    recent = row["recent_from"] if answered.date is not None else None
    blocks: list[Block] = [
        figure_block(
            figures.deviation(days, answered.place, answered.date, recent),
            "Each day's count as a share of the expected count, with the mean of seven days.",
            "1 is the expected week. The dashed line is the date of the drop, the shaded days decide about recovery.",
        )
    ]
    if len(mine):
        blocks.append(_changes_table(mine, "Every change of level that was found here, tested one after the other."))
    return Section(
        title="How sure is that?",
        intro="The date is the one at which a step explains the logarithm of the daily counts best, beside the expected"
        " week, its yearly course, and errors that depend on those of the day before. How often chance alone yields as"
        " good a step, and how far date and height may be off, is simulated with the day-to-day shocks of this series;"
        " for the first, errors as slow as the days allow and weeks fuller or emptier by school holidays are in it.",
        blocks=blocks,
    )


def _changes_table(changes: pd.DataFrame, caption: str, with_place: bool = False) -> Table:
    table = changes.assign(**{name: changes[name].dt.strftime("%Y-%m-%d") for name in ("date", "first", "last")})
    titles = {"place": "place"} if with_place else {}
    titles |= {"date": "first changed day", "first": "earliest", "last": "latest", "value": "change", "low": "from"}
    titles |= {"high": "to", "statistic": "sup-F", "p_value": "p"}
    formats = {"value": "+.1%", "low": "+.1%", "high": "+.1%", "statistic": ".0f", "p_value": ".4f"}
    return Table.from_frame(table, titles, formats, caption=caption + " Ranges are 95 % intervals.")


def _weeks(hours: pd.DataFrame, weekdays: pd.DataFrame, answered: Answered) -> Section:
    drawn = [
        (
            figures.week_profile(hours, answered.place, answered.date),
            "Average count of each hour of the week, before and after the change.",
            "Means per hour, since the periods differ in length. Hours with incidents are left out.",
        ),
        (
            figures.weekday_bars(weekdays, answered.place, answered.date),
            "Average count of each weekday with its interval, before and after the change.",
            "Means of whole days with bootstrap intervals; public holidays are among them.",
        ),
        (
            figures.hourly_counts(hours, answered.place, answered.date),
            "Counts of each hour around the change.",
            "Three weeks before and after the change, or the last six weeks when there is none; local time. A triangle"
            " marks an hour with an incident of the sensor.",
        ),
    ]
    return Section(title="What does a week look like?", blocks=[figure_block(*item) for item in drawn])


def _calendar(days: pd.DataFrame, months: pd.DataFrame, answered: Answered) -> Section:
    drawing = figures.calendar_map(days, answered.place, answered.date)
    caption = "Blank days are not whole: hours are missing or carry an incident."
    table = Table.from_frame(
        months,
        {
            "month": "month",
            "mean": "pedestrians a day, mean",
            "expected": "expected",
            "share": "share of the expected",
            "days": "whole days",
        },
        {"mean": ",.0f", "expected": ",.0f", "share": ".0%", "days": ",.0f"},
        caption="Averages, not sums: the first and the last month are cut off, and months differ in length.",
    )
    alt = "Calendar of daily counts: weekdays from top to bottom, weeks from left to right."
    return Section(title="The days in a calendar", blocks=[figure_block(drawing, alt, caption), table])


def compared(changes: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return one row per place: its drop, if one was found, and its recent level."""
    main = changes.loc[changes["main"], ["place", "value", "low", "high"]]
    return places.merge(main, on="place", how="left").sort_values(["value", "place"], ignore_index=True)


def _places(changes: pd.DataFrame, places: pd.DataFrame) -> Section:
    table = compared(changes, places)
    shown = table.assign(date=pd.to_datetime(table["date"]).dt.strftime("%Y-%m-%d"))
    blocks: list[Block] = [
        figure_block(
            figures.places_compared(table.head(MOST_PLACES)),
            "Drop and present level of each place, with intervals.",
            "A place without a drop is named with the p-value of no change at all.",
        ),
        Table.from_frame(
            shown,
            {
                "place": "place",
                "days": "whole days",
                "mean": "pedestrians a day, mean",
                "date": "emptied on",
                "value": "drop",
                "recent_value": "last days",
                "p_value": "p",
            },
            {"days": ",.0f", "mean": ",.0f", "value": "+.1%", "recent_value": "+.1%", "p_value": ".4f"},
            caption="Means of whole days, since the places are not measured for the same time.",
        ),
    ]
    others = changes[~changes["main"]]
    if len(others):
        blocks.append(_changes_table(others, "Changes other than the largest drop.", with_place=True))
    return Section(title="Side by side", blocks=blocks)


def _model(scored: pd.DataFrame) -> Section:
    if scored.empty:
        text = "There are too few calm weeks before the change to forecast any of them from the days before."
        return Section(title="How good is the expected week?", blocks=[Text(paragraphs=[text])])
    mean, naive = (float(np.expm1(scored[name].mean())) for name in ("error", "naive_error"))
    weeks = scored.groupby(["place", "origin"], as_index=False)[["error", "naive_error"]].mean()
    weeks["origin"] = weeks["origin"].dt.strftime("%Y-%m-%d")
    text = (
        f"Each Monday the next seven days were forecast from the days before, for {len(scored)} days of"
        f" {scored['week'].nunique()} weeks before anything changed: a day is off by about {percent(mean)}, and by"
        f" {percent(naive)} when the same weekday a week earlier is taken instead."
    )
    table = Table.from_frame(
        weeks,
        {"place": "place", "origin": "week of", "error": "expected week", "naive_error": "a week earlier"},
        {"error": ".3f", "naive_error": ".3f"},
        caption="Mean absolute error of the logarithm of the daily count; 0.1 is about 10 %.",
        limit=26,
    )
    return Section(title="How good is the expected week?", blocks=[Text(paragraphs=[text]), table])


def _merging(merged: MergeReport, days: pd.DataFrame) -> Section:
    steps = {3600: "hourly", 900: "quarter-hourly", 60: "by the minute"}
    kinds = "; ".join(
        f"{name}: {', '.join(steps[step] for step in found)}" for name, found in merged.resolutions.items()
    )
    rows = [
        ["records", merged.records],
        ["intervals after merging, each once", merged.minutes],
        ["intervals that more than one export held", merged.repeated],
        ["of these, with different counts (the later export was taken)", merged.conflicts],
        ["coarser intervals left out because a finer export covers their hour", merged.coarser],
        ["intervals with an incident, left out", merged.incidents],
        ["hours that were not measured", merged.unmeasured_hours],
        ["days", len(days)],
        ["whole days", int(days["whole"].sum())],
    ]
    return Section(
        title=f"How {merged.exports} exports became one series",
        intro=shorten(kinds, 600),
        blocks=[Table(columns=["what", "number"], rows=rows, caption="Every interval counts once, in UTC.")],
    )


def limits(days: pd.DataFrame, places: pd.DataFrame, answered: Answered) -> list[str]:
    """Say what the run does not show."""
    short = sorted(set(days["place"]) - set(places["place"]))
    row = places[places["place"] == answered.place].iloc[0]
    said = [
        "The date says when people stayed away, not why: whatever else changed on that day is in it.",
        "Shopping Sundays, markets and the weather are not known to the expected week, and neither are the dates of"
        " school holidays: the test allows for about 12 % more or fewer people in them and around Christmas.",
        "Public holidays are those of a German state; where other days are off, these look like weekdays.",
        "The false-alarm rate and the coverage of the intervals hold for each place, for errors like an AR(1) process.",
        "A second or third change at one place is found by chance more often than the first: take it as a hint.",
    ]
    if row["days"] < TWO_HARMONICS_FROM:
        said.append(
            f"{int(row['days'])} days do not show a whole year: its course is taken for one smooth wave, left free"
            " together with the trend, so that a season is not taken for a change. A sharper season cannot be told from"
            " a change, and a slow change cannot be told from a season."
        )
    elif row["days"] < TWO_YEARS:
        said.append(
            f"{int(row['days'])} days hold no day of the year twice: its course is a smooth one of two waves, and what"
            " comes back every year in a few weeks looks like a change."
        )
    if short:
        said.append(f"Too few whole days at {shorten(', '.join(short), 200)}: left out of the comparison.")
    return said
