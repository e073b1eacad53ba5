"""At what time of day, on which weekdays and days is music heard? Clock, week and calendar of a listening history."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import BLUE, INK, MUTED, PAPER, SOFT, WIDTH, empty, new_figure, percent, set_title, styled

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEKDAY_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _shades() -> "Colormap":
    """Return a scale from light to dark blue: it keeps its order in grey."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("plays", ["#e8f1f8", "#7fb6dc", BLUE, "#00304f"])


def busiest_hours(hours: np.ndarray, width: int = 4) -> tuple[int, float]:
    """Return the hour at which the fullest `width` hours in a row begin, and their share of all; hours is (24,)."""
    sums = np.array([hours[(np.arange(width) + start) % 24].sum() for start in range(24)])
    start = int(sums.argmax())
    return start, float(sums[start] / hours.sum())


@styled
def listening_clock(clock: pd.DataFrame, year: int, zone: str) -> "Figure":
    """Draw the plays by hour of the day on a dial of 24 hours, midnight on top.

    Args:
        clock: `year`, `hour`, `plays`.
        year: the year.
        zone: name of the listener's time zone, for the title.
    """
    from matplotlib.figure import Figure

    hours = clock[clock["year"] == year].groupby("hour")["plays"].sum().reindex(range(24), fill_value=0).to_numpy()
    figure = Figure(figsize=(WIDTH, 4.2))
    axes = figure.add_subplot(projection="polar")
    if not hours.sum():
        empty(axes, f"no plays in {year}")
        return figure
    share = hours / hours.sum()
    angle = (np.arange(24) + 0.5) * 2 * np.pi / 24
    best = np.arange(24) == hours.argmax()
    axes.bar(angle, share, width=2 * np.pi / 24 * 0.92, color=np.where(best, "#00304f", BLUE).tolist(), zorder=2)
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    axes.set_xticks(np.arange(0, 24, 3) * 2 * np.pi / 24, [f"{hour}:00" for hour in range(0, 24, 3)])
    rings = _rings(float(share.max()))
    axes.set_yticks(rings, [percent(ring, 0 if ring >= 0.01 else 1) for ring in rings])
    axes.set_rlabel_position(0.5 * 360 / 24 + 15 * int(share.argmin()))  # type: ignore[attr-defined]
    axes.tick_params(axis="y", labelsize=9)
    axes.spines["polar"].set_color(SOFT)
    axes.set_ylim(0, share.max() * 1.02)
    start, most = busiest_hours(hours)
    finding = f"{percent(most)} of the plays of {year} begin between {start}:00 and {(start + 4) % 24}:00"
    set_title(axes, finding, f"share of plays by hour of the day, time of {zone}; the fullest hour is darkest")
    return figure


def _rings(largest: float) -> list[float]:
    step = next(item for item in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if largest / item <= 4)
    return [round(step * ring, 2) for ring in range(1, int(largest / step) + 1)] or [largest]


@styled
def week_heat(clock: pd.DataFrame, year: int, zone: str) -> "Figure":
    """Draw the plays of a year by weekday and hour.

    Args:
        clock: `year`, `weekday` (0 is Monday), `hour`, `plays`.
        year: the year.
        zone: name of the listener's time zone.
    """
    import seaborn as sns

    figure, axes = new_figure(WIDTH, 2.3)
    rows = clock[clock["year"] == year]
    table = rows.pivot_table(index="weekday", columns="hour", values="plays", aggfunc="sum", fill_value=0)
    table = table.reindex(index=range(7), columns=range(24), fill_value=0)
    if not table.to_numpy().sum():
        empty(axes, f"no plays in {year}")
        return figure
    sns.heatmap(
        table,
        ax=axes,
        cmap=_shades(),
        linewidths=0.6,
        linecolor=PAPER,
        vmin=0,
        cbar_kws={"label": "plays", "pad": 0.02, "aspect": 12},
    )
    axes.set_yticks(np.arange(7) + 0.5, WEEKDAYS, rotation=0)
    axes.set_xticks(np.arange(0, 24, 3), [f"{hour}" for hour in range(0, 24, 3)], rotation=0)
    axes.set_xlabel(f"hour of the day, time of {zone}")
    axes.set_ylabel("")
    axes.grid(visible=False)
    figure.axes[-1].grid(visible=False)
    figure.axes[-1].yaxis.label.set_color(MUTED)
    sums = table.sum(axis=1)
    day = int(sums.idxmax())
    share = float(sums.max() / sums.sum())
    finding = f"{WEEKDAY_NAMES[day]} are the fullest days of {year}, with {percent(share)} of the plays"
    set_title(axes, finding, "plays by weekday and hour; a day like any other would have 14 %".replace(" %", "\u202f%"))
    return figure


@styled
def calendar_heat(by_day: pd.DataFrame, year: int) -> "Figure":
    """Draw the plays of each day of a year in a calendar: weeks from left to right, Monday on top.

    Args:
        by_day: `day`, `plays`; days outside the record are left blank.
        year: the year.
    """
    import seaborn as sns

    figure, axes = new_figure(WIDTH, 1.7)
    rows = by_day[by_day["day"].dt.year == year]
    if rows.empty:
        empty(axes, f"no plays in {year}")
        return figure
    offset = pd.Timestamp(year, 1, 1).dayofweek
    place = rows["day"].dt.dayofyear.to_numpy() - 1 + offset
    grid = np.full((7, 54), np.nan)
    grid[place % 7, place // 7] = rows["plays"]
    sns.heatmap(
        pd.DataFrame(grid),
        ax=axes,
        cmap=_shades(),
        linewidths=0.5,
        linecolor=PAPER,
        vmin=0,
        cbar_kws={"label": "plays a day", "pad": 0.02, "aspect": 9},
    )
    starts = [(pd.Timestamp(year, month, 1).dayofyear - 1 + offset) // 7 for month in range(1, 13)]
    axes.set_xticks(np.array(starts) + 0.5, MONTHS, rotation=0, ha="left")
    axes.set_yticks([0.5, 2.5, 4.5, 6.5], [WEEKDAYS[i] for i in (0, 2, 4, 6)], rotation=0)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlabel("")
    axes.grid(visible=False)
    figure.axes[-1].grid(visible=False)
    figure.axes[-1].yaxis.label.set_color(MUTED)
    best = rows.loc[rows["plays"].idxmax()]
    active = int((rows["plays"] > 0).sum())
    finding = f"Music on {active:,} of {len(rows):,} days of {year}; most on {best['day']:%Y-%m-%d}: {best['plays']:,}"
    set_title(axes, finding, "plays of each day; days outside the record are blank")
    return figure
