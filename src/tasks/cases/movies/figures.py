"""How well can the revenue of a film be predicted, do the intervals hold, and who lacks a revenue? The figures."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    INK,
    MARKERS,
    MUTED,
    ORANGE,
    SOFT,
    VERMILLION,
    WIDTH,
    empty,
    new_figure,
    percent,
    set_title,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TICKS = (0, 1, 10, 50, 100, 200, 400, 600, 900, 1500, 3000)  # millions of dollars
MANY = 2000  # points beyond which a cloud is drawn as a picture


def _root_axis(axis: Any, largest: float) -> None:
    """Label an axis of square roots with millions of dollars."""
    ticks = [tick for tick in TICKS if tick <= largest * 1.02]
    axis.set_ticks(np.sqrt(ticks), [f"{tick:,}" for tick in ticks])


@styled
def predicted_against_actual(revenue: np.ndarray, predictions: pd.DataFrame, r2: float, level: float) -> "Figure":
    """Draw each test film's revenue against its prediction, inside or outside of its interval; axes of square roots.

    Args:
        revenue: (n,) millions of dollars.
        predictions: `predicted` and `inside` (bool), (n,).
        r2: what the title tells.
        level: of the intervals.
    """
    figure, axes = new_figure(WIDTH, 4.2)
    if not len(revenue):
        empty(axes, "no films were tested")
        return figure
    inside = predictions["inside"].to_numpy(bool)
    x, y = np.sqrt(predictions["predicted"].to_numpy(float)), np.sqrt(revenue)
    largest = float(max(x.max(), y.max()))
    for mine, colour, marker, name in ((inside, BLUE, "o", "inside"), (~inside, VERMILLION, "D", "outside")):
        label = f"{name} of the {level * 100:.0f} % interval ({mine.sum():,})"
        axes.scatter(
            x[mine],
            y[mine],
            s=9,
            marker=marker,
            color=colour,
            alpha=0.55,
            linewidths=0,
            rasterized=len(x) > MANY,
            label=label,
        )
    axes.plot([0, largest], [0, largest], color=INK, linewidth=1, linestyle="--", label="as predicted")
    _root_axis(axes.xaxis, largest**2)
    _root_axis(axes.yaxis, largest**2)
    axes.set_xlabel("predicted revenue, millions of dollars (axis of square roots)")
    axes.set_ylabel("actual revenue, millions of dollars")
    axes.legend(loc="upper left", labelcolor=MUTED, handletextpad=0.4)
    amount = f"{percent(r2)} of the variation in revenue can be predicted" if r2 > 0 else "Revenue cannot be predicted"
    set_title(axes, amount, f"{len(x):,} films that neither the model nor its intervals had seen")
    return figure


@styled
def coverage_figure(coverage: pd.DataFrame, level: float) -> "Figure":
    """Draw the coverage of the intervals for films of each size, with 95 % intervals, beside the promised level.

    Args:
        coverage: `by`, `group`, `films`, `coverage`, `low`, `high` (shares).
        level: promised.
    """
    figure, axes = new_figure(WIDTH, 0.9 + 0.25 * len(coverage))
    if coverage.empty:
        empty(axes, "no intervals were tested")
        return figure
    ways = list(dict.fromkeys(coverage["by"]))
    colours = dict(zip(ways, (BLUE, ORANGE, VERMILLION), strict=False))
    places = np.arange(len(coverage)) + 0.6 * coverage["by"].map(ways.index).to_numpy()
    for place, (_, row) in zip(places, coverage.iterrows(), strict=True):
        colour, marker = colours[row["by"]], MARKERS[ways.index(row["by"])]
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2, zorder=2)
        axes.plot(
            row["coverage"],
            place,
            marker,
            color=colour,
            markersize=6,
            markeredgecolor=INK,
            markeredgewidth=0.6,
            zorder=3,
        )
    axes.axvline(level, color=INK, linewidth=1, linestyle="--")
    labels = [f"{row['by']} {row['group']}" for _, row in coverage.iterrows()]
    axes.set_yticks(places, labels)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.tick_params(axis="y", labelcolor=INK)
    low = float(min(coverage["low"].min(), level)) - 0.03
    axes.set_xlim(max(0, low), 1.01)
    ticks = np.arange(np.ceil(max(0, low) * 5) / 5, 1.01, 0.2)
    axes.set_xticks(ticks, [percent(tick) for tick in ticks])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("films inside their interval (dashed: promised)")
    set_title(axes, _coverage_finding(coverage, ways[0], level), "95 % intervals; each group by itself")
    return figure


def _coverage_finding(coverage: pd.DataFrame, way: str, level: float) -> str:
    rows = coverage[coverage["by"] == way]
    missed = rows[(rows["low"] > level) | (rows["high"] < level)]
    worst, best = rows["coverage"].min(), rows["coverage"].max()
    if missed.empty:
        return f"The intervals hold for films of every predicted size: {percent(worst)} to {percent(best)} are covered"
    return f"The intervals do not hold for every predicted size: {percent(worst)} to {percent(best)} are covered"


@styled
def interval_examples(films: pd.DataFrame, level: float) -> "Figure":
    """Draw films without revenue with what they will have earned, and within what range.

    Args:
        films: `title`, `year`, `predicted`, `low`, `high`, in the order to draw.
        level: of the intervals.
    """
    figure, axes = new_figure(WIDTH, 0.8 + 0.24 * max(1, len(films)))
    if films.empty:
        empty(axes, "no film lacks its revenue")
        return figure
    columns = (films[name].to_numpy(float) for name in ("low", "high", "predicted"))
    for place, (low, high, predicted) in enumerate(zip(*columns, strict=True)):
        axes.plot(np.sqrt([low, high]), [place, place], color=SOFT, linewidth=3, solid_capstyle="butt")
        axes.plot(np.sqrt(predicted), place, "o", color=BLUE, markersize=6, markeredgecolor=INK, markeredgewidth=0.6)
    axes.set_yticks(range(len(films)), [f"{_cut(str(row.title))} ({row.year})" for row in films.itertuples()])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(films) - 0.4, -0.6)
    axes.set_xlim(left=-0.2)
    _root_axis(axes.xaxis, float(films["high"].max()))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("revenue, millions of dollars (axis of square roots)")
    first = films.iloc[0]
    finding = f"Most is expected of {_cut(str(first['title']))}: {first['predicted']:,.0f} million dollars"
    set_title(axes, finding, f"bars: {level * 100:.0f} % interval; dots: the expected revenue")
    return figure


def _cut(text: str, most: int = 30) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@styled
def error_curve(concentration: pd.DataFrame, worst: float, error: float) -> "Figure":
    """Draw which share of the squared error the worst films carry.

    Args:
        concentration: `films` and `error`, shares from 0 to 1.
        worst: the share of films that the title tells of.
        error: their share of the squared error.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    axes.plot(concentration["films"], concentration["error"], color=BLUE)
    axes.plot(worst, error, "o", color=VERMILLION, markersize=7, markeredgecolor=INK, markeredgewidth=0.7)
    axes.set_xscale("symlog", linthresh=0.01, linscale=0.5)
    ticks = [0, 0.01, 0.03, 0.1, 0.3, 1]
    axes.set_xticks(ticks, [percent(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(np.linspace(0, 1, 6), [percent(tick) for tick in np.linspace(0, 1, 6)])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("films, those with the largest error first (logarithmic beyond 1 %)")
    axes.set_ylabel("of the squared error")
    set_title(
        axes,
        f"{percent(worst)} of the films carry {percent(error)} of the squared error",
        "test films; RMSE is decided by few of them",
    )
    return figure


@styled
def missing_by_votes(votes: np.ndarray, missing: np.ndarray) -> "Figure":
    """Draw the share of films without revenue by tenths of their votes.

    Args:
        votes: (n,) of all films.
        missing: (n,) bool.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    groups = np.array_split(np.argsort(votes, kind="stable"), 10)
    groups = [rows for rows in groups if len(rows)]
    shares = [float(missing[rows].mean()) for rows in groups]
    axes.bar(range(len(groups)), shares, color=BLUE, width=0.8)
    for place, share in enumerate(shares):
        axes.text(place, share + 0.01, percent(share), ha="center", va="bottom", color=INK)
    axes.set_xticks(range(len(groups)), [_thousands(float(np.median(votes[rows]))) for rows in groups])
    axes.set_yticks([])
    axes.set_ylim(0, max([*shares, 0.05]) * 1.15)
    axes.grid(visible=False)
    axes.set_xlabel("votes, median of each tenth of the films (thousands)")
    least, most = percent(shares[-1]), percent(shares[0])
    set_title(
        axes, f"{most} of the least voted tenth lack a revenue, of the most voted {least}", "share without revenue"
    )
    return figure


def _thousands(votes: float) -> str:
    return f"{votes / 1000:,.0f}" if votes >= 10_000 else f"{votes / 1000:,.1f}"


@styled
def bands_figure(bands: pd.DataFrame, axes_title: str = "") -> "Figure":
    """Draw the share of films in each band of revenue among all, training and test films.

    Args:
        bands: `band`, `all`, `train`, `test` (shares).
        axes_title: the title; worked out when empty.
    """
    figure, axes = new_figure(WIDTH, 2.3)
    for number, (name, colour) in enumerate((("all", SOFT), ("train", BLUE), ("test", ORANGE))):
        _bars(axes, bands[name].to_numpy(float), number, colour, name)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:,.6g}\u202f%")
    axes.set_xticks(np.arange(len(bands)) + 0.27, [str(band) for band in bands["band"]])
    axes.set_xlabel("revenue, millions of dollars")
    axes.set_ylabel("share of films (logarithmic)")
    axes.legend(ncols=3, loc="upper right", labelcolor=MUTED)
    gap = float((bands["train"] - bands["test"]).abs().max())
    set_title(axes, axes_title or f"Training and test films differ by at most {gap * 100:.1f} points in a band")
    return figure


def _bars(axes: "Axes", shares: np.ndarray, number: int, colour: str, name: str) -> None:
    axes.bar(np.arange(len(shares)) + 0.27 * number, np.maximum(shares, 1e-5), width=0.25, color=colour, label=name)
