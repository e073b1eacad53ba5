"""How good is a search for similar things, and what does it cost? The figures that answer it.

Frames in, `matplotlib.figure.Figure` out. Column names are those of the metrics: `precision@5`, `recall@10`,
`ms_per_query`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.evaluation.words import metric_words
from tasks.figures.labels import place_labels
from tasks.figures.style import (
    BLUE,
    CATEGORICAL,
    INK,
    MARKERS,
    MUTED,
    SOFT,
    WIDTH,
    empty,
    new_figure,
    percent,
    set_title,
    styled,
)
from tasks.platform.text import capital, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plain_number(value: float) -> str:
    """Return `value` as a reader writes it: 0.05, 2.6, 130, 12,000."""
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else "–"
    return (
        f"{value:,.{max(0, 1 - int(np.floor(np.log10(abs(value)))))}f}".rstrip("0").rstrip(".")
        if abs(value) < 10
        else f"{value:,.0f}"
    )


def signed(value: float) -> str:
    """Return `value` with two decimals and a true minus sign."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "\u2212")


def _log_ticks(axes: "Axes", low: float, high: float) -> None:
    """Label a logarithmic x axis with plain numbers, one, two or three to the decade as room allows."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = np.log10(high / low)
    steps = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0, 3.0) if decades < 4 else (1.0,)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=30))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _index_finding(frame: pd.DataFrame, chosen: str, exact: str) -> str:
    used, reference = frame[frame["index"] == chosen], frame[frame["index"] == exact]
    if used.empty:
        return "What each index finds, and what a query costs"
    row = used.iloc[0]
    share = f"{shorten(chosen, 34)}: {percent(row['recall@10'], 1)} of the true neighbours found"
    if reference.empty or chosen == exact or not row["ms_per_query"] > 0:
        return share
    ratio = float(reference.iloc[0]["ms_per_query"]) / float(row["ms_per_query"])
    if not 0.95 < ratio < 1.05:
        words = (f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}") if ratio > 1 else f"{1 / ratio:.1f}"
        return f"{share}, {words} times {'faster' if ratio > 1 else 'slower'} than {shorten(exact, 34)}"
    return f"{share} in the time of {shorten(exact, 34)}"


@styled
def index_quality(frame: pd.DataFrame, chosen: str = "", exact: str = "exact") -> "Figure":
    """Draw recall@10 against milliseconds per query (logarithmic), one labelled point for each index.

    Args:
        frame: columns `index` (name), `recall@10` (0 to 1), `ms_per_query` (> 0), optionally `bytes_per_vector`.
        chosen: name of the index that the run uses; it is set off.
        exact: name of the exact search that the finding compares with.
    """
    figure, axes = new_figure(WIDTH, 3.0)
    names = [str(name) for name in frame["index"]] if len(frame) else []
    points = frame[["ms_per_query", "recall@10"]].to_numpy(float) if len(frame) else np.empty((0, 2))
    known = np.isfinite(points).all(axis=1) & (points[:, 0] > 0)
    points, names = points[known], [name for name, is_known in zip(names, known, strict=True) if is_known]
    if not len(points):
        empty(axes, "no index was measured")
        return figure
    _log_ticks(axes, points[:, 0].min() / 2.2, points[:, 0].max() * 3.2)
    axes.set_ylim(-0.06, 1.1)
    axes.set_yticks(np.linspace(0, 1, 6), [percent(tick) for tick in np.linspace(0, 1, 6)])
    axes.set_xlabel("milliseconds per query (logarithmic scale)")
    for point, name in zip(points, names, strict=True):
        used = name == chosen
        axes.scatter(
            point[0],
            point[1],
            s=70 if used else 42,
            marker="D" if used else "o",
            color=BLUE if used else SOFT,
            edgecolors=INK,
            linewidths=0.8,
            zorder=3,
        )
    set_title(
        axes, _index_finding(frame, chosen, exact), "recall at 10: share of the ten true nearest that the index finds"
    )
    order = sorted(range(len(names)), key=lambda i: names[i] != chosen)
    place_labels(
        axes, points[order], [shorten(names[i], 34) for i in order], markers=points, gap=8, marker_radius=5, color=INK
    )
    return figure


def _interval(axes: "Axes", row: pd.Series, y: float, colour: str, marker: str) -> None:
    if pd.notna(row.get("low")) and pd.notna(row.get("high")):
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2, zorder=2)
    axes.plot(row["value"], y, marker, color=colour, markersize=7, markeredgecolor=INK, markeredgewidth=0.7, zorder=3)


@styled
def precision_compared(frame: pd.DataFrame, finding: str = "") -> "Figure":
    """Draw the metrics of several kinds of features with their 95 % intervals, dot and whisker.

    Args:
        frame: columns `features` (name), `metric`, `value`, optionally `low` and `high` (0 to 1); the features stand in
            the order of the frame.
        finding: the title; worked out from the first metric when empty.
    """
    features = list(dict.fromkeys(frame["features"])) if len(frame) else []
    metrics = list(dict.fromkeys(frame["metric"])) if len(frame) else []
    legend = 0.2 * -(-len(metrics) // _legend_columns(metrics))
    figure, axes = new_figure(WIDTH, 0.75 + legend + 0.3 * max(1, len(features)) * max(1.6, len(metrics) * 0.8))
    if not features:
        empty(axes, "no features were compared")
        return figure
    gap = 0.6 / max(1, len(metrics))
    for _, row in frame[frame["value"].notna()].iterrows():
        place = metrics.index(row["metric"])
        y = features.index(row["features"]) + (place - (len(metrics) - 1) / 2) * gap
        _interval(axes, row, y, CATEGORICAL[place % len(CATEGORICAL)], MARKERS[place % len(MARKERS)])
    axes.set_yticks(range(len(features)), [shorten(str(name), 28) for name in features])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(features) - 0.45, -0.55)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of right pictures, 1 is best")
    set_title(
        axes, finding or _precision_finding(frame[frame["metric"] == metrics[0]].dropna(subset="value"), metrics[0])
    )
    _metric_legend(axes, metrics)
    return figure


def _precision_finding(rows: pd.DataFrame, metric: str) -> str:
    """Return who reaches what, the best first: "Precision at 1: imagenet 0.951, handcrafted 0.710"."""
    ordered = rows.sort_values("value", ascending=False, kind="stable").head(4)
    reached = [f"{shorten(str(row['features']), 24)} {row['value']:.3f}" for _, row in ordered.iterrows()]
    return f"{capital(metric_words(shorten(metric, 30)))}: {', '.join(reached) or 'not measured'}"


def _legend_columns(metrics: Sequence[str]) -> int:
    """Return how many of the metrics' names stand side by side above the axes, beside the names of the features."""
    longest = max((len(metric_words(shorten(str(metric), 30))) for metric in metrics), default=0)
    return max(1, min(3, len(metrics), int((WIDTH - 2.0) / (0.5 + 0.075 * longest))))


def _metric_legend(axes: "Axes", metrics: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=CATEGORICAL[i % len(CATEGORICAL)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=7,
            markeredgecolor=INK,
            markeredgewidth=0.7,
            linewidth=2,
            label=metric_words(shorten(str(metric), 30)),
        )
        for i, metric in enumerate(metrics)
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=_legend_columns(metrics),
        labelcolor=MUTED,
        borderaxespad=0.3,
        columnspacing=1.6,
        handlelength=1.8,
    )


@styled
def similarity_distribution(same: np.ndarray, different: np.ndarray) -> "Figure":
    """Draw how similar pairs of the same label are, and pairs of different labels.

    Args:
        same: (n,) cosine similarities of pairs that share their label; -1 to 1.
        different: (m,) cosine similarities of pairs that do not.
    """
    figure, axes = new_figure(WIDTH, 2.4)
    groups = [("same label", same, BLUE), ("different labels", different, MUTED)]
    kept = [(name, np.asarray(values, float).ravel(), colour) for name, values, colour in groups]
    kept = [(name, values[np.isfinite(values)], colour) for name, values, colour in kept]
    kept = [group for group in kept if group[1].size]
    if not kept:
        empty(axes, "no pairs to compare")
        return figure
    low, high = min(v.min() for _, v, _ in kept), max(v.max() for _, v, _ in kept)
    edges = np.linspace(low, max(high, low + 1e-3), 61)
    peaks, tops = [], []
    for name, values, colour in kept:
        share = np.histogram(values, edges)[0] / values.size
        axes.stairs(
            share,
            edges,
            fill=name == "same label",
            color=colour,
            alpha=0.35 if name == "same label" else 1,
            linewidth=1.6,
        )
        if name == "same label":
            axes.stairs(share, edges, color=colour, linewidth=1.6)
        at = int(share.argmax())
        peaks.append([(edges[at] + edges[at + 1]) / 2, share[at]])
        tops.append(f"{name}, median {signed(np.median(values))}")
    axes.set_ylim(0, max(peak[1] for peak in peaks) * 1.28)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    axes.set_xlabel("cosine similarity of a pair of pictures")
    medians = [float(np.median(values)) for _, values, _ in kept]
    finding = (
        f"Pictures of one label are {'closer' if medians[0] > medians[1] else 'no closer'}: "
        f"median similarity {signed(medians[0])} against {signed(medians[1])}"
        if len(kept) == 2
        else f"Median similarity of pairs with {kept[0][0]}: {signed(medians[0])}"
    )
    set_title(axes, finding, "share of pairs")
    above = (
        (0, 1, "center", "bottom"),
        (1, 1, "left", "bottom"),
        (-1, 1, "right", "bottom"),
        (0, 3.5, "center", "bottom"),
    )
    place_labels(axes, np.array(peaks), tops, gap=5, marker_radius=1, candidates=above, color=INK)
    return figure


def _worst_and_best(frame: pd.DataFrame, limit: int) -> tuple[pd.DataFrame, int]:
    """Return the rows to draw, best first, and how many of the middle are left out."""
    ordered = frame.sort_values(["value", "label"], ascending=[False, True], kind="stable").reset_index(drop=True)
    if len(ordered) <= limit:
        return ordered, 0
    half = limit // 2
    return pd.concat([ordered.head(half), ordered.tail(half)]), len(ordered) - 2 * half


@styled
def precision_by_label(frame: pd.DataFrame, metric: str = "precision@5", limit: int = 24) -> "Figure":
    """Draw the precision of each label; of more than `limit` labels the best and the worst.

    Args:
        frame: columns `label`, `value` (0 to 1), `n` (pictures of the label), optionally `low` and `high`.
        metric: name of the metric, for the axis.
        limit: labels to draw at most.
    """
    rows, left_out = _worst_and_best(frame[frame["value"].notna()], limit) if len(frame) else (frame, 0)
    figure, axes = new_figure(WIDTH, 0.75 + 0.225 * (len(rows) + (left_out > 0)))
    if rows.empty:
        empty(axes, "no labels to compare")
        return figure
    half = limit // 2
    places = [i + (1 if left_out and i >= half else 0) for i in range(len(rows))]
    for y, (_, row) in zip(places, rows.iterrows(), strict=True):
        axes.plot([0, row["value"]], [y, y], color=SOFT, linewidth=1, zorder=1)
        _interval(axes, row, y, BLUE, "o")
    names = [f"{shorten(str(row['label']), 26) or '(no label)'}  ({int(row['n']):,})" for _, row in rows.iterrows()]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelcolor=INK)
    if left_out:
        axes.text(0.01, half, f"… {left_out:,} labels between", color=MUTED, va="center", fontstyle="italic")
    axes.set_ylim(max(places) + 0.7, -0.7)
    axes.set_xlim(0, 1.02)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{metric_words(metric)} (number of pictures in brackets)")
    best, worst = rows.iloc[0], rows.iloc[-1]
    finding = f"{shorten(str(best['label']), 24)} is found best ({best['value']:.2f}), "
    finding += f"{shorten(str(worst['label']), 24)} worst ({worst['value']:.2f})"
    set_title(axes, finding if len(rows) > 1 else f"{shorten(str(best['label']), 24)}: {best['value']:.2f}")
    return figure
