"""When did the square empty, and how does a week look now? Daily and hourly counts, profiles, calendar, places.

Frames in, `matplotlib.figure.Figure` out. Counts are pedestrians; days and hours are local.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    INK,
    MARKERS,
    MUTED,
    SKY,
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
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
SOURCE = "counts: hystreet exports"
WINDOW = pd.Timedelta(days=21)  # on either side of a change, in the hourly figure


def plain_date(day: pd.Timestamp) -> str:
    """Return a date as it is read: 20 March 2020."""
    return f"{day.day} {day:%B %Y}"


def _thousands(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _dates(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _mark(axes: "Axes", day: pd.Timestamp | None) -> None:
    if day is not None:
        axes.axvline(float(_number(day)), color=VERMILLION, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)


def _number(day: pd.Timestamp) -> float:
    from matplotlib.dates import date2num

    return float(date2num(day.to_pydatetime()))


@styled
def daily_counts(days: pd.DataFrame, place: str, change: pd.Timestamp | None, finding: str) -> "Figure":
    """Draw the counts of one place per day against what was expected.

    Args:
        days: `day`, `count`, `whole`, `expected` of that place.
        place: its name.
        change: date of the drop; None when there is none.
        finding: the title.
    """
    figure, axes = new_figure(WIDTH, 3.0)
    whole = days[days["whole"]]
    if whole.empty:
        empty(axes, "no whole day was measured")
        return figure
    index = pd.DatetimeIndex(whole["day"])
    smooth, usual = (
        pd.Series(whole[name].to_numpy(), index=index).rolling("7D").mean() for name in ("count", "expected")
    )
    axes.fill_between(index, smooth, usual, where=(smooth < usual).to_numpy(), color=SKY, alpha=0.45, linewidth=0)
    axes.plot(index, usual, color=INK, linewidth=1.2, linestyle=(0, (1.5, 1)), label="expected, mean of seven days")
    axes.plot(index, smooth, color=BLUE, linewidth=1.6, label="counted, mean of seven days")
    before = whole["day"] < change if change is not None else np.ones(len(whole), bool)
    axes.plot(whole["day"][before], whole["count"][before], "o", color=SOFT, markersize=2.4, label="a day")
    if change is not None:
        axes.plot(
            whole["day"][~before],
            whole["count"][~before],
            "D",
            color=VERMILLION,
            markersize=2.6,
            label=f"a day since {change:%-d %B}",
        )
    _mark(axes, change)
    axes.set_ylim(0, None)
    axes.set_ylabel("pedestrians a day")
    _thousands(axes)
    _dates(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, columnspacing=1.2)
    set_title(axes, finding, f"{shorten(place, 40)}; {SOURCE}")
    return figure


@styled
def deviation(days: pd.DataFrame, place: str, change: pd.Timestamp | None, recent: pd.Timestamp | None) -> "Figure":
    """Draw each day's count as a share of the expected one, with its mean over seven days.

    Args:
        days: `day`, `count`, `whole`, `expected` of one place.
        place: its name.
        change: date of the drop; None when there is none.
        recent: first of the last days that tell whether it has recovered; None without a drop.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    whole = days[days["whole"] & (days["count"] > 0)]
    share = pd.Series((whole["count"] / whole["expected"]).to_numpy(), index=pd.DatetimeIndex(whole["day"]))
    if share.empty:
        empty(axes, "no whole day was measured")
        return figure
    smooth = share.map(np.log).rolling("7D").mean().map(np.exp)
    axes.axhline(1, color=INK, linewidth=0.9)
    axes.plot(share.index, share, "o", color=SOFT, markersize=2.4, label="a day")
    axes.plot(smooth.index, smooth, color=BLUE, label="mean of seven days")
    if recent is not None:
        axes.axvspan(_number(recent), _number(share.index[-1]), color=SKY, alpha=0.3, linewidth=0, label="last days")
    _mark(axes, change)
    axes.set_yscale("log")
    ticks = [tick for tick in (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4) if share.min() * 0.8 <= tick <= share.max() * 1.2]
    axes.set_yticks(ticks, [percent(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylabel("share of the expected count")
    _dates(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    finding = f"In the last week, {percent(float(smooth.iloc[-1]))} of the expected people came"
    set_title(axes, finding, f"{shorten(place, 40)}; logarithmic scale; {SOURCE}")
    return figure


@styled
def hourly_counts(hours: pd.DataFrame, place: str, change: pd.Timestamp | None) -> "Figure":
    """Draw the counts per hour of three weeks before and after a change, or of the last six weeks without one.

    Args:
        hours: `local`, `count`, `incident`, `measured` of one place.
        place: its name.
        change: date of the drop.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    middle = change if change is not None else hours["local"].max() - WINDOW
    near = hours[(hours["local"] >= middle - WINDOW) & (hours["local"] < middle + WINDOW)]
    if near.empty:
        empty(axes, "no hour was measured")
        return figure
    axes.fill_between(near["local"], near["count"].fillna(0), color=BLUE, linewidth=0, step="post", rasterized=True)
    wrong = near[near["incident"]]
    axes.plot(wrong["local"], np.zeros(len(wrong)), "v", color=INK, markersize=4, clip_on=False)
    _mark(axes, change)
    axes.set_ylim(0, None)
    axes.set_ylabel("pedestrians an hour")
    _thousands(axes)
    _dates(axes)
    top = near.loc[near["count"].idxmax()]
    detail = f"{shorten(place, 40)}; {SOURCE}"
    finding = f"The busiest of these hours, {top['local']:%A %-d %B, %-H:00}, saw {top['count']:,.0f} people"
    if change is not None:
        peaks = [near.loc[mask, "count"].quantile(0.95) for mask in (near["local"] < change, near["local"] >= change)]
        finding = f"Busy hours: {peaks[0]:,.0f} people before the change, {peaks[1]:,.0f} after"
        detail = f"{shorten(place, 40)}; busy: only 5 % of hours had more"
    set_title(axes, finding, detail)
    return figure


def _periods(frame: pd.DataFrame, time: str, change: pd.Timestamp | None) -> list[tuple[str, pd.DataFrame]]:
    """Part a frame at the change; one part without."""
    if change is None:
        return [("all days", frame)]
    early = frame[time] < change
    return [(f"before {change:%-d %B %Y}", frame[early]), ("since", frame[~early])]


STYLES = ((BLUE, "-", "o"), (VERMILLION, "--", "D"))


@styled
def week_profile(hours: pd.DataFrame, place: str, change: pd.Timestamp | None) -> "Figure":
    """Draw the average count of each hour of the week, before and after the change: means, since the periods differ.

    Args:
        hours: `local`, `count`, `incident`, `measured` of one place.
        place: its name.
        change: date of the drop.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    usable = hours[hours["measured"] & ~hours["incident"]]
    peaks = []
    for (label, part), (colour, line, _) in zip(_periods(usable, "local", change), STYLES, strict=False):
        slot = part["local"].dt.weekday * 24 + part["local"].dt.hour
        means = part["count"].groupby(slot).mean().reindex(range(168))
        axes.plot(means.index, means, linestyle=line, color=colour, label=label, linewidth=1.4)
        if means.notna().any():
            peaks.append((label, int(means.idxmax()), float(means.max())))
    if not peaks:
        empty(axes, "no hour was measured")
        return figure
    axes.set_xticks(np.arange(7) * 24 + 12, DAYS)
    axes.tick_params(axis="x", length=0)
    for edge in range(24, 168, 24):
        axes.axvline(edge, color=SOFT, linewidth=0.6)
    axes.grid(visible=False, axis="x")
    axes.set_xlim(0, 168)
    axes.set_ylim(0, None)
    axes.set_ylabel("pedestrians an hour, mean")
    _thousands(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
    day, hour = divmod(peaks[0][1], 24)
    finding = f"The busiest hour of the week: {DAYS[day]} {hour}:00, {peaks[0][2]:,.0f} people"
    if len(peaks) > 1:
        day, hour = divmod(peaks[1][1], 24)
        finding += f"; since the change {DAYS[day]} {hour}:00, {peaks[1][2]:,.0f}"
    set_title(axes, finding, f"{shorten(place, 40)}; {SOURCE}")
    return figure


@styled
def weekday_bars(table: pd.DataFrame, place: str, change: pd.Timestamp | None) -> "Figure":
    """Draw the average count of each weekday with its 95 % interval, before and after the change.

    Args:
        table: `period` (before, since), `weekday` (0 to 6), `mean`, `low`, `high`, `days`.
        place: its name.
        change: date of the drop.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    periods = list(dict.fromkeys(table["period"]))
    if not periods:
        empty(axes, "no whole day was measured")
        return figure
    width = 0.8 / len(periods)
    for number, period in enumerate(periods):
        part = table[table["period"] == period]
        at = part["weekday"] + (number - (len(periods) - 1) / 2) * width
        axes.bar(
            at,
            part["mean"],
            width * 0.92,
            color=(BLUE, VERMILLION)[number],
            label=period,
            hatch=("", "////")[number],
            edgecolor="white",
            linewidth=0,
        )
        reach = np.abs(part[["low", "high"]].to_numpy().T - part["mean"].to_numpy())
        axes.errorbar(at, part["mean"], yerr=np.nan_to_num(reach), fmt="none", ecolor=INK, elinewidth=1)
    axes.set_xticks(range(7), DAYS)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("pedestrians a day, mean")
    _thousands(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
    set_title(axes, _weekday_finding(table, periods), f"{shorten(place, 40)}; whole days, 95 % intervals; {SOURCE}")
    return figure


def _weekday_finding(table: pd.DataFrame, periods: list[str]) -> str:
    first = table[table["period"] == periods[0]].set_index("weekday")["mean"]
    if len(periods) == 1:
        return f"{DAYS[int(first.idxmax())]} is the busiest day, {DAYS[int(first.idxmin())]} the quietest"
    ratio = (table[table["period"] == periods[1]].set_index("weekday")["mean"] / first).dropna() - 1
    if ratio.empty:
        return "No weekday was measured both before and since the change"
    least, most = int(ratio.idxmax()), int(ratio.idxmin())
    said = [f"{NAMES[day]} {ratio[day]:+.0%}".replace("%", "\u202f%").replace("-", "\u2212") for day in (least, most)]
    return f"From {said[0]} to {said[1]}: how the weekdays changed"


@styled
def calendar_map(days: pd.DataFrame, place: str, change: pd.Timestamp | None) -> "Figure":
    """Draw one cell per day, weeks from left to right: the darker, the fewer people.

    Args:
        days: `day`, `count`, `whole` of one place; days that are not whole stay empty.
        place: its name.
        change: date of the drop.
    """
    whole = days[days["whole"]]
    figure, axes = new_figure(WIDTH, 2.0)
    if whole.empty:
        empty(axes, "no whole day was measured")
        return figure
    monday = whole["day"].min() - pd.Timedelta(days=int(whole["day"].min().weekday()))
    week = ((whole["day"] - monday).dt.days // 7).to_numpy()
    cells = np.full((7, int(week.max()) + 1), np.nan)
    cells[whole["day"].dt.weekday.to_numpy(), week] = whole["count"]
    drawn = axes.imshow(cells, aspect="auto", cmap="cividis", norm=_log_norm(cells), interpolation="none")
    axes.set_yticks(range(7), DAYS)
    starts = pd.date_range(monday, periods=cells.shape[1], freq="7D")
    months = [number for number, day in enumerate(starts) if day.day <= 7]
    months = months[:: max(1, len(months) // 10 + (len(months) % 10 > 0 and len(months) > 10))]
    axes.set_xticks(months, [f"{starts[number]:%b}\n{starts[number]:%Y}" for number in months])
    axes.grid(visible=False)
    if change is not None:
        at = (change - monday).days
        axes.plot(at // 7, at % 7, "D", color=VERMILLION, markersize=5, markeredgecolor="white", markeredgewidth=0.8)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.95, pad=0.02, aspect=14)
    ticks = _ticks(cells)
    bar.set_ticks(ticks, labels=[f"{tick:,.0f}" for tick in ticks])
    bar.ax.minorticks_off()
    bar.set_label("pedestrians a day", color=MUTED)
    low, high = whole.loc[whole["count"].idxmin()], whole.loc[whole["count"].idxmax()]
    finding = f"From {low['count']:,.0f} people on {low['day']:%a %-d %b %Y} to {high['count']:,.0f} on "
    finding += f"{high['day']:%a %-d %b %Y}"
    detail = (
        f"{shorten(place, 40)}; logarithmic; the diamond is the change" if change is not None else shorten(place, 40)
    )
    set_title(axes, finding, detail)
    return figure


def _log_norm(cells: np.ndarray) -> "LogNorm":
    from matplotlib.colors import LogNorm

    return LogNorm(max(1.0, float(np.nanmin(cells))), max(2.0, float(np.nanmax(cells))), clip=True)


def _ticks(cells: np.ndarray) -> list[float]:
    steps = [base * 10**power for power in range(7) for base in (1, 2, 5)]
    inside = [float(step) for step in steps if max(1.0, np.nanmin(cells)) <= step <= np.nanmax(cells)]
    return inside[:: max(1, len(inside) // 4)]


@styled
def places_compared(table: pd.DataFrame) -> "Figure":
    """Draw the drop and the level of the last days of each place, with 95 % intervals.

    Args:
        table: `place`, `p_value`, `value`, `low`, `high`, `recent_value`, `recent_low`, `recent_high`; relative
            changes, missing where no drop was found.
    """
    figure, axes = new_figure(WIDTH, 1.1 + 0.55 * max(1, len(table)))
    if table.empty:
        empty(axes, "no place has enough whole days")
        return figure
    for number, row in enumerate(table.to_dict("records")):
        if pd.isna(row["value"]):
            said = f"no drop found (p = {row['p_value']:.2g})" if pd.notna(row["p_value"]) else "no drop found"
            axes.text(0.01, number, said, color=MUTED, va="center", fontstyle="italic")
            continue
        pairs = (("", BLUE, MARKERS[0], -0.13), ("recent_", VERMILLION, MARKERS[1], 0.13))
        for prefix, colour, marker, shift in pairs:
            low, value, high = (row[f"{prefix}{name}"] for name in ("low", "value", "high"))
            axes.plot([low, high], [number + shift] * 2, color=colour, linewidth=2)
            axes.plot(
                value, number + shift, marker, color=colour, markersize=6.5, markeredgecolor=INK, markeredgewidth=0.7
            )
    axes.plot([], [], MARKERS[0], color=BLUE, label="after the drop")
    axes.plot([], [], MARKERS[1], color=VERMILLION, label="in the last days")
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(table)), [shorten(str(name), 28) for name in table["place"]])
    axes.set_ylim(len(table) - 0.5, -0.5)
    low = float(np.nanmin([-0.1, *table[["low", "recent_low"]].min().dropna()]))
    high = float(np.nanmax([0.1, *table[["high", "recent_high"]].max().dropna()]))
    axes.set_xlim(low - 0.05, high + (0.05 if table["value"].notna().all() else 0.5))
    from matplotlib.ticker import PercentFormatter

    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="\u202f%"))
    axes.set_xlabel("difference from the expected week")
    figure.legend(loc="outside lower center", ncols=2)
    found = table[table["value"].notna()]
    finding = f"{len(found)} of {len(table)} places emptied"
    if len(table) == 1:
        finding = "The place emptied" if len(found) else "No drop was found"
    set_title(axes, finding, f"95 % intervals; {SOURCE}")
    return figure
