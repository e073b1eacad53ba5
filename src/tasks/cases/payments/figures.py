"""Where does a state's money go? Figures of departments, quarters, kinds of vendors and unusual payments."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    CATEGORICAL,
    INK,
    MARKERS,
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

DEPARTMENTS_SHOWN = 12
LINES_SHOWN = 4
MOST_POINTS = 4_000


def dollars(amount: float) -> str:
    """Return an amount as a reader says it: $950, $12.3 thousand, $4.5 million, $1.2 billion."""
    sign = "\u2212" if amount < 0 else ""
    size = abs(amount)
    for limit, word in ((1e9, "billion"), (1e6, "million"), (1e4, "thousand")):
        if size >= limit:
            unit = 1e3 if limit == 1e4 else limit
            return f"{sign}${size / unit:,.1f} {word}"
    return f"{sign}${size:,.0f}"


def _short(amount: float) -> str:
    """Return an amount for the tick of an axis: $10, $1k, $2M, $3bn."""
    for limit, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= limit:
            return f"${amount / limit:,.10g}{letter}"
    return f"${amount:,.10g}"


def _dollar_axis(axis: "object") -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))  # type: ignore[attr-defined]
    axis.set_minor_formatter(NullFormatter())  # type: ignore[attr-defined]


@styled
def spending_by_department(cells: pd.DataFrame, source: str = "") -> "Figure":
    """Draw what each department paid in all, the largest first.

    Args:
        cells: `quarter`, `department`, `cents`.
        source: said below the title.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(WIDTH, 3.4)
    totals = (cells.groupby("department")["cents"].sum() / 100).sort_values(ascending=False, kind="stable")
    if totals.empty:
        empty(axes, "there are no payments")
        return figure
    shown = totals.head(DEPARTMENTS_SHOWN)
    places = np.arange(len(shown))
    axes.barh(places, shown.to_numpy(), color=[BLUE, *[SOFT] * (len(shown) - 1)], height=0.7)
    axes.set_yticks(places, [shorten(name, 30) for name in shown.index])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _dollar_axis(axes.xaxis)
    axes.set_xlabel("paid to vendors, all quarters, dollars")
    for place, value in zip(places, shown, strict=True):
        share = f"  {percent(value / totals.sum())}" if totals.sum() > 0 else ""
        axes.text(max(value, 0), float(place), share, va="center", color=MUTED)
    axes.margins(x=0.1)
    rest = f"the {len(shown)} largest of {len(totals)} departments" if len(totals) > len(shown) else "all departments"
    finding = f"{shorten(totals.index[0], 40)} pays most: {dollars(totals.iloc[0])} of {dollars(totals.sum())}"
    set_title(axes, finding, "; ".join(filter(None, [rest, source])))
    return figure


@styled
def spending_by_quarter(cells: pd.DataFrame) -> "Figure":
    """Draw what the largest departments paid quarter by quarter.

    Args:
        cells: `quarter` (year * 4 + 0 to 3), `department`, `cents`.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(WIDTH, 3.0)
    table = cells.pivot_table(index="quarter", columns="department", values="cents", aggfunc="sum", fill_value=0) / 100
    if table.empty:
        empty(axes, "there are no payments")
        return figure
    table = table.reindex(range(int(table.index.min()), int(table.index.max()) + 1), fill_value=0)
    largest = table.sum().sort_values(ascending=False, kind="stable").index[:LINES_SHOWN]
    years = (table.index.to_numpy() + 1) / 4
    for number, name in enumerate(largest):
        axes.plot(
            years, table[name], color=CATEGORICAL[number], marker=MARKERS[number], markersize=3, label=shorten(name, 28)
        )
    others = table.drop(columns=largest)
    if others.shape[1]:
        mean = others.mean(axis=1)
        axes.plot(years, mean, color=MUTED, linestyle="--", label=f"mean of the other {others.shape[1]}")
    _dollar_axis(axes.yaxis)
    axes.set_xlabel("end of the quarter, year")
    axes.set_ylabel("paid in the quarter, dollars")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    whole = table.sum(axis=1)
    peak = int(whole.idxmax())
    finding = (
        f"The state paid most in {peak // 4} Q{peak % 4 + 1}: {dollars(whole.max())}, {_times(whole)} a usual quarter"
    )
    set_title(axes, finding, f"the {len(largest)} departments that paid most")
    return figure


def _times(whole: pd.Series) -> str:
    usual = float(whole.median())
    return f"{whole.max() / usual:.1f} times" if usual > 0 else "more than"


@styled
def silhouette_by_k(scores: pd.DataFrame, kinds: int) -> "Figure":
    """Draw the silhouette by number of segments, of the vendors and of one cloud of the same shape.

    Args:
        scores: `k`, `silhouette`, `one_cloud`.
        kinds: what was found; 1 when no kinds stand apart.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(WIDTH, 2.6)
    for name, colour, marker, line, label in (
        ("silhouette", BLUE, "o", "-", "the vendors"),
        ("one_cloud", MUTED, "D", "--", "one cloud of the same shape"),
    ):
        axes.plot(scores["k"], scores[name], line, color=colour, marker=marker, markersize=5, label=label)
    gap = scores["silhouette"] - scores["one_cloud"]
    best = scores.loc[gap.idxmax()]
    axes.plot(best["k"], best["silhouette"], "o", markersize=12, markerfacecolor="none", markeredgecolor=INK)
    axes.set_xlabel("number of segments k")
    axes.set_ylabel("mean silhouette")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
    finding = (
        f"At {kinds} kinds the silhouette is {gap.max():.2f} above that of one cloud"
        if kinds > 1
        else f"No kinds stand apart: the best gap to one cloud is {gap.max():.2f}"
    )
    set_title(axes, finding, "on the half of the vendors that the number was chosen on")
    return figure


@styled
def segment_maps(vendors: pd.DataFrame, labels: np.ndarray, naive: np.ndarray) -> "Figure":
    """Draw vendors by how often and how much they are paid, coloured by segment: scaled features beside raw ones.

    Args:
        vendors: `payments`, `median` (log10 of dollars), m rows.
        labels: segment by scaled features, (m,).
        naive: segment by raw features, (m,).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 2.9))
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    chosen = np.sort(np.random.default_rng(1).permutation(len(vendors))[:MOST_POINTS])
    x, y = vendors["payments"].to_numpy()[chosen], 10 ** vendors["median"].to_numpy()[chosen]
    for axes, what, segments in ((left, "scaled features", labels), (right, "raw features", naive)):
        _cloud(axes, x, y, np.asarray(segments)[chosen])
        axes.set_xlabel(f"payments per vendor\n{what}")
    left.set_ylabel("median payment, dollars")
    share = float(np.bincount(naive).max() / len(naive))
    apart = len(np.unique(labels))
    finding = (
        f"On raw features one segment takes {percent(share)} of the vendors; scaled, {apart} kinds come apart"
        if apart > 1
        else "The vendors form one group; k-means on raw features cuts it all the same"
        if len(np.unique(naive)) > 1
        else "The vendors form one group"
    )
    set_title(
        left,
        finding,
        f"each point a vendor{'' if len(chosen) == len(vendors) else f', {len(chosen):,} of {len(vendors):,}'}",
    )
    return figure


def _cloud(axes: "Axes", x: np.ndarray, y: np.ndarray, segments: np.ndarray) -> None:
    from matplotlib.ticker import NullFormatter

    for segment in np.unique(segments):
        part = segments == segment
        axes.scatter(
            x[part],
            y[part],
            s=7,
            color=CATEGORICAL[segment % len(CATEGORICAL)],
            alpha=0.6,
            linewidths=0,
            marker=MARKERS[segment % len(MARKERS)],
            rasterized=True,
        )
        axes.annotate(
            f"{segment + 1}",
            (np.median(x[part]), np.median(y[part])),
            ha="center",
            va="center",
            fontsize=11,
            fontweight="bold",
            color=INK,
            gid=f"halo-{segment}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _dollar_axis(axes.yaxis)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())


@styled
def unusual_payments(unusual: pd.DataFrame, total: int) -> "Figure":
    """Draw unusual payments against what their vendor is usually paid, both logarithmic.

    Args:
        unusual: `dollars`, `usual` (the vendor's median, dollars); the rows listed.
        total: how many there are in all.
    """
    figure, axes = new_figure(WIDTH, 3.0)
    if unusual.empty:
        empty(axes, "no payment is far above its vendor's own")
        return figure
    usual, paid = unusual["usual"].to_numpy(float), unusual["dollars"].to_numpy(float)
    axes.scatter(usual, paid, s=22, color=VERMILLION, alpha=0.8, linewidths=0, marker="D", rasterized=len(paid) > 2_000)
    ends = np.array([usual.min() / 2, usual.max() * 2])
    for factor in (1, 10, 100):
        axes.plot(ends, factor * ends, color=SOFT, linewidth=1, linestyle="-" if factor == 1 else ":", zorder=1)
        axes.text(ends[1], factor * ends[1], f" × {factor}", color=MUTED, va="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _dollar_axis(axes.xaxis)
    _dollar_axis(axes.yaxis)
    axes.set_xlabel("the vendor's median payment, dollars")
    axes.set_ylabel("the payment, dollars")
    ratio = paid / usual
    finding = (
        f"{total:,} payments are far above their vendor's own; the most extreme"
        f"{' listed' if total > len(paid) else ''} is {ratio.max():,.0f} times the median"
        if total > 1
        else f"One payment is far above its vendor's own: {ratio.max():,.0f} times the median"
    )
    set_title(axes, finding, "lines: the median itself, ten and a hundred times as much")
    return figure
