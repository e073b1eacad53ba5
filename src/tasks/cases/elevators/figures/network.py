"""Which lifts are out of order, where, since when, and how reliable are they? The figures that answer it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.labels import place_labels
from tasks.figures.style import (
    INK,
    MUTED,
    ORANGE,
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
    from matplotlib.figure import Figure

RASTER = 2000  # points above which a cloud is drawn as a picture
MONTH = 28  # days
NAMED = 16  # stations named on the map at most


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its word: 1 lift, 2 lifts."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def by_station(now: pd.DataFrame) -> pd.DataFrame:
    """Sum up the lifts of each station: `name`, `longitude`, `latitude` (means), `lifts`, `out`, `unknown`."""
    table = now.assign(out=now["state"].eq("INACTIVE"), unknown=now["state"].eq("UNKNOWN"))
    return table.groupby("station", as_index=False).agg(
        name=("name", "first"),
        longitude=("longitude", "mean"),
        latitude=("latitude", "mean"),
        lifts=("out", "size"),
        out=("out", "sum"),
        unknown=("unknown", "sum"),
    )


@styled
def map_of_lifts(now: pd.DataFrame, moment: str) -> "Figure":
    """Draw the stations by longitude and latitude, those with a lift out of order set off.

    Args:
        now: a row per lift: `station`, `name`, `longitude`, `latitude` (degrees; NaN where unknown), `state`.
        moment: when the states were read, for the detail line.
    """
    places = by_station(now).dropna(subset=["longitude", "latitude"])
    figure, axes = new_figure(WIDTH, 5.9)
    out, unknown = int(now["state"].eq("INACTIVE").sum()), int(now["state"].eq("UNKNOWN").sum())
    if places.empty:
        empty(axes, "no lift has a known place")
        return figure
    _draw_places(axes, places)
    # A degree of longitude is shorter than one of latitude by the cosine of the latitude.
    axes.set_aspect(1 / np.cos(np.radians(places["latitude"].mean())))
    axes.margins(0.14, 0.07)
    axes.set_xlabel("longitude (degrees east)")
    axes.set_ylabel("latitude (degrees north)")
    stations = now.loc[now["state"] == "INACTIVE", "station"].nunique()
    finding = f"{plural(out, 'lift is', 'lifts are')} out of order at {plural(stations, 'station')}"
    told = f"; {unknown:,} of {len(now):,} not told" if unknown else f" of {len(now):,} lifts"
    set_title(
        axes, finding if out else f"None of {plural(len(now), 'lift')} is out of order", f"state on {moment}{told}"
    )
    order = places.sort_values(["out", "lifts", "name"], ascending=[False, False, True]).head(NAMED)
    labels = [
        shorten(str(row["name"]), 24) + (f" ({int(row['out'])} of {int(row['lifts'])})" if row["out"] else "")
        for _, row in order.iterrows()
    ]
    place_labels(
        axes,
        order[["longitude", "latitude"]].to_numpy(),
        labels,
        markers=places[["longitude", "latitude"]].to_numpy(),
        gap=6,
        may_drop=True,
        color=INK,
        fontsize=9,
    )
    return figure


def _draw_places(axes: "Axes", places: pd.DataFrame) -> None:
    some, quiet = places["out"] > 0, (places["out"] == 0) & (places["unknown"] > 0)
    kinds = (
        (~some & ~quiet, "o", SKY, 22, "all lifts in order"),
        (quiet, "s", ORANGE, 26, "a lift not told, none out of order"),
        (some, "D", VERMILLION, 42, "a lift out of order"),
    )
    for chosen, marker, colour, size, label in kinds:
        part = places[chosen]
        if len(part):
            axes.scatter(
                part["longitude"],
                part["latitude"],
                s=size,
                marker=marker,
                color=colour,
                edgecolors=INK,
                linewidths=0.6,
                label=f"{label} ({plural(len(part), 'station')})",
                rasterized=len(part) > RASTER,
                zorder=3 if marker == "D" else 2,
            )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=1, labelcolor=MUTED, handletextpad=0.4)


@styled
def network_over_time(nights: pd.DataFrame) -> "Figure":
    """Draw the share of lifts out of order at each snapshot, and the share whose state was not told.

    Args:
        nights: `observed`, `out` and `unknown` (shares of the lifts of the snapshot).
    """
    figure, axes = new_figure(WIDTH, 2.4)
    if nights.empty:
        empty(axes, "no snapshot")
        return figure
    frame = nights.sort_values("observed")
    times = frame["observed"].to_numpy()
    smooth = frame.rolling(f"{MONTH}D", on="observed", center=True)["out"].mean()
    axes.vlines(times, 0, frame["unknown"], color=SOFT, linewidth=1, label="state not told")
    axes.plot(times, frame["out"], ".", color=VERMILLION, markersize=4, label="out of order")
    if len(frame) > MONTH:
        axes.plot(times, smooth, color=INK, linewidth=1.6, label="mean of four weeks")
    axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0 if axes.get_ylim()[1] > 0.05 else 1))
    axes.set_ylabel("share of the lifts")
    axes.legend(loc="upper right", ncols=3, labelcolor=MUTED, columnspacing=1.2, handletextpad=0.4)
    axes.set_ylim(0, max(0.01, float(frame[["out", "unknown"]].max().max()) * 1.28))
    _dates(axes)
    mean, top = float(frame["out"].mean()), float(frame["out"].max())
    worst = pd.Timestamp(frame["observed"].iloc[int(frame["out"].argmax())])
    set_title(
        axes,
        f"On average {percent(mean, 1)} of the lifts are out of order, at most {percent(top, 1)}"
        f" ({worst.day} {worst:%B %Y})",
        f"{plural(len(frame), 'snapshot')}, share of the lifts read",
    )
    return figure


def _dates(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


@styled
def longest_outages(table: pd.DataFrame, limit: int = 15) -> "Figure":
    """Draw the longest outages over time: surely out of order, and possibly.

    Args:
        table: a row per outage, longest first: `label`, `start`, `end`, `after`, `before` (NaT for none), `at_least`
            (days), `ongoing`.
        limit: outages to draw at most.
    """
    rows = table.head(limit)
    figure, axes = new_figure(WIDTH, 0.9 + 0.225 * max(3, len(rows)))
    if rows.empty:
        empty(axes, "no outage was seen")
        return figure
    from matplotlib.dates import date2num

    y = np.arange(len(rows))
    start, end = date2num(rows["start"]), date2num(rows["end"])
    after, before = date2num(rows["after"].fillna(rows["start"])), date2num(rows["before"].fillna(rows["end"]))
    axes.barh(y, before - after, left=after, height=0.34, color=SOFT, label="possibly")
    axes.barh(
        y,
        np.maximum(end - start, 0.15),
        left=start,
        height=0.62,
        color=VERMILLION,
        edgecolor=INK,
        linewidth=0.5,
        label="surely out of order",
    )
    axes.xaxis_date()
    _dates(axes)
    names = [f"{shorten(str(row['label']), 30)}{' (still)' if row['ongoing'] else ''}" for _, row in rows.iterrows()]
    axes.set_yticks(y, names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    first = rows.iloc[0]
    set_title(
        axes,
        f"The longest outage, at least {plural(round(first['at_least']), 'day')}: {shorten(str(first['label']), 40)}",
        f"the {len(rows)} longest of {plural(len(table), 'outage')} that the snapshots show",
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.32 / max(0.7, 0.2 * len(rows))), ncols=2, labelcolor=MUTED)
    return figure
