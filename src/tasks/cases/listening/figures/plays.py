"""How much was listened to, to whom, and what was new? The figures of a listening history that count.

Frames in, `matplotlib.figure.Figure` out; their columns are those of `count_plays` and `rank_plays`.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    INK,
    MUTED,
    SOFT,
    VERMILLION,
    WIDTH,
    empty,
    new_figure,
    percent,
    set_title,
    styled,
)
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
MONTH_STARTS = [int(pd.Timestamp(2023, month, 1).dayofyear) for month in range(1, 13)]


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one: 1 play, 1,204 plays."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def changed(now: float, before: float) -> str:
    """Return how much more or less `now` is than `before`: 5 % more, 12 % fewer, as many."""
    change = now / before - 1
    if round(abs(change) * 100) == 0:
        return "about as many"
    return f"{percent(abs(change))} {'more' if change > 0 else 'fewer'}"


@styled
def plays_by_month(by_month: pd.DataFrame, year: int) -> "Figure":
    """Draw the plays of each month of a year as bars, with a mark for the same month of the year before.

    Args:
        by_month: `month`, `plays`, `before` (NaN where there is no record).
        year: the year.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    rows = by_month[by_month["month"].dt.year == year]
    if rows.empty:
        empty(axes, f"no plays in {year}")
        return figure
    places = rows["month"].dt.month.to_numpy() - 1
    axes.bar(places, rows["plays"], width=0.62, color=BLUE, label=str(year))
    known = rows["before"].notna().to_numpy()
    if known.any():
        axes.plot(
            places[known],
            rows["before"][known],
            "D",
            color=VERMILLION,
            markeredgecolor=INK,
            markeredgewidth=0.7,
            markersize=6,
            label=f"same month of {year - 1}",
        )
        top = max(rows["plays"].max(), rows["before"].max())
        axes.set_ylim(0, max(1, top) * 1.2)
        axes.legend(loc="upper left", ncols=2, labelcolor=MUTED, borderaxespad=0.1)
    axes.set_xticks(range(12), MONTHS)
    axes.set_xlim(-0.6, 11.6)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("plays a month")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    best = rows.loc[rows["plays"].idxmax()]
    name = MONTH_NAMES[best["month"].month - 1]
    finding = f"{name} was the fullest month of {year}: {counted(best['plays'], 'play')}"
    set_title(axes, finding, f"months within the record; {len(rows)} of 12")
    return figure


def _day_of_year(days: pd.Series) -> np.ndarray:
    """Return the day of a year without 29 February, 1 to 365: the same date has the same number in every year."""
    number = days.dt.dayofyear.to_numpy()
    return number - (days.dt.is_leap_year & (days.dt.month > 2)).to_numpy().astype(int)


@styled
def plays_by_day(by_day: pd.DataFrame, year: int) -> "Figure":
    """Draw how the plays of a year add up day by day, against the year before.

    Args:
        by_day: `day`, `plays`.
        year: the year.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    ends = {}
    for which, colour, line in ((year - 1, VERMILLION, (0, (4, 2))), (year, BLUE, "-")):
        rows = by_day[by_day["day"].dt.year == which]
        if rows.empty:
            continue
        total, place = rows["plays"].cumsum().to_numpy(), _day_of_year(rows["day"])
        axes.plot(place, total, color=colour, linestyle=line, linewidth=2)
        ends[which] = (float(place[-1]), float(total[-1]))
    for which, end in ends.items():
        axes.annotate(
            f" {which}: {end[1]:,.0f}",
            end,
            xytext=(3, _nudge(which, ends)),
            textcoords="offset points",
            color=INK,
            va="center",
            gid=f"halo-{which}",
            annotation_clip=False,
        )
    axes.set_xticks(MONTH_STARTS, MONTHS)
    axes.set_xlim(1, 440)
    axes.spines["bottom"].set_bounds(1, 365)
    axes.set_ylim(0, None)
    axes.set_ylabel("plays since 1 January")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    set_title(axes, _by_day_finding(by_day, year), "plays added up day by day, within the record")
    return figure


def _nudge(year: int, ends: dict[int, tuple[float, float]]) -> float:
    """Return by how many points a label moves up so that the labels of two lines that end together stay apart."""
    (place, total), others = ends[year], [end for which, end in ends.items() if which != year]
    highest = max(end[1] for end in ends.values())
    if not others or abs(place - others[0][0]) > 60 or abs(total - others[0][1]) > 0.09 * highest:
        return 0
    above = (total, year) > (others[0][1], min(which for which in ends if which != year))
    return 6 if above else -6


def _by_day_finding(by_day: pd.DataFrame, year: int) -> str:
    rows = by_day[by_day["day"].dt.year == year]
    if rows.empty:
        return f"No plays in {year}"
    same = by_day.set_index("day")["plays"]
    dates = [day for day in rows["day"] if (day.month, day.day) != (2, 29)]
    pairs = [(same[day], same[day.replace(year=year - 1)]) for day in dates if day.replace(year=year - 1) in same.index]
    now, before = (sum(pair[place] for pair in pairs) for place in (0, 1))
    total = counted(rows["plays"].sum(), "play")
    if not before or len(pairs) < 14:
        return f"{total} in {year}, {rows['plays'].mean():.1f} a day"
    where = f"than in {year - 1}" if now != before else f"as in {year - 1}"
    where = where if "about" not in changed(now, before) else f"as in {year - 1}"
    within = "" if len(pairs) >= 365 else f" on the {len(pairs)} dates that both years have"
    return f"{total} in {year}: {changed(now, before)} {where}{within}"


@styled
def top_bars(ranks: pd.DataFrame, year: int, kind: str) -> "Figure":
    """Draw the most played artists, albums or tracks of a year, with a mark for the year before.

    Args:
        ranks: `name`, `artist`, `plays`, `before` (NaN where it was not among the ranked), in their order.
        year: the year.
        kind: `artist`, `album` or `track`.
    """
    figure, axes = new_figure(WIDTH, 0.7 + 0.27 * max(2, len(ranks)))
    if ranks.empty:
        empty(axes, f"no {kind}s in {year}")
        return figure
    places = np.arange(len(ranks))
    axes.barh(places, ranks["plays"], height=0.66, color=BLUE, label=str(year))
    if ranks["before"].notna().any():
        axes.plot(
            ranks["before"],
            places,
            "D",
            color=VERMILLION,
            markeredgecolor=INK,
            markeredgewidth=0.7,
            markersize=5.5,
            label=str(year - 1),
            clip_on=False,
        )
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, labelcolor=MUTED, borderaxespad=0.1)
    names = [
        shorten(str(row.name_) if kind == "artist" else f"{row.name_} · {row.artist}", 38)
        for row in ranks.rename(columns={"name": "name_"}).itertuples()
    ]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(ranks) - 0.4, -0.6)
    axes.set_xlim(0, max(ranks["plays"].max(), ranks["before"].max() if ranks["before"].notna().any() else 0) * 1.06)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("plays")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    first = ranks.iloc[0]
    finding = f"{shorten(str(first['name']), 50)} leads the {kind}s of {year} with {counted(first['plays'], 'play')}"
    set_title(axes, finding, f"{percent(first['share'])} of all plays of the year")
    return figure


@styled
def discoveries(by_month: pd.DataFrame, year: int, recorded_from: pd.Timestamp) -> "Figure":
    """Draw how many artists and tracks were heard for the first time, month by month over the whole record.

    Args:
        by_month: `month`, `plays`, `new_artists`, `new_tracks`.
        year: the year that is reviewed; its months are set off.
        recorded_from: the record's first day: what was heard before it counts as new.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    if by_month.empty:
        empty(axes, "no plays")
        return figure
    places = np.arange(len(by_month))
    ours = (by_month["month"].dt.year == year).to_numpy()
    axes.bar(places, by_month["new_artists"], width=0.8, color=np.where(ours, BLUE, SOFT).tolist())
    _month_ticks(axes, by_month["month"])
    axes.set_ylim(0, max(1, by_month["new_artists"].max()) * 1.08)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("new artists a month")
    new = int(by_month["new_artists"][ours].sum())
    fresh = by_month["new_tracks"][ours].sum() / max(1, by_month["plays"][ours].sum())
    finding = f"{counted(new, 'new artist')} in {year}; {percent(fresh)} of its plays were tracks never heard before"
    set_title(axes, finding, f"new: first play since the record began on {recorded_from:%Y-%m-%d}; {year} in blue")
    return figure


def _month_ticks(axes: "Axes", months: pd.Series) -> None:
    """Label Januaries with their year, or every month where the record is short."""
    step = 1 if len(months) <= 14 else 3 if len(months) <= 30 else 12
    chosen = [place for place, month in enumerate(months) if (month.month - 1) % step == 0]
    labels = [
        f"{MONTHS[months.iloc[place].month - 1]}\n{months.iloc[place].year}"
        if months.iloc[place].month == 1 or place == chosen[0]
        else MONTHS[months.iloc[place].month - 1]
        for place in chosen
    ]
    axes.set_xticks(chosen, labels)
