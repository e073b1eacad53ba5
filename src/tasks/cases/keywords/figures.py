"""How do words look? Zipf's law, the words that mark a document, and what MinHash finds of what there is."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import BLUE, INK, MUTED, ORANGE, WIDTH, empty, new_figure, percent, set_title, styled
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 6
FIT_RANKS = (10, 1000)


@styled
def draw_zipf(frequencies: pd.DataFrame) -> "Figure":
    """Draw how often a word occurs against its rank, both axes logarithmic, with the line that fits the middle.

    Args:
        frequencies: `rank`, `word`, `count`, the most frequent first.
    """
    figure, axes = new_figure(WIDTH, 3.4)
    middle = frequencies[frequencies["rank"].between(*FIT_RANKS) & (frequencies["count"] > 1)]
    if len(middle) < 10:
        empty(axes, "too few words")
        set_title(axes, "Too few words for a law of frequencies")
        return figure
    slope, level = np.polyfit(np.log(middle["rank"]), np.log(middle["count"]), 1)
    axes.loglog(
        frequencies["rank"], frequencies["count"], ".", color=BLUE, markersize=3, rasterized=True, label="words"
    )
    ends = np.array([1, frequencies["rank"].max()])
    line = np.exp(level) * ends**slope
    axes.loglog(ends, line, "--", color=ORANGE, label=f"slope −{-slope:.2f}, fitted to ranks 10 to 1,000")
    axes.set_ylim(bottom=0.7)
    for row in frequencies.head(3).itertuples():
        axes.annotate(
            shorten(str(row.word), 20), (row.rank, row.count), xytext=(4, 4), textcoords="offset points", color=MUTED
        )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel("rank of the word")
    axes.set_ylabel("occurrences")
    axes.legend(loc="lower left")
    share = frequencies["count"].head(100).sum() / frequencies["count"].sum()
    many = f"The 100 most frequent words make {percent(share)} of the text"
    set_title(axes, many, f"{len(frequencies):,} words; Zipf's law says a slope of −1, here it is −{-slope:.2f}")
    return figure


@styled
def draw_keywords(keywords: pd.DataFrame, documents: list[str]) -> "Figure":
    """Draw the key words of some documents as small bar charts.

    Args:
        keywords: `document`, `rank`, `word`, `count`, `weight`.
        documents: which to show, at most six; those without key words are left out.
    """
    from matplotlib.figure import Figure

    shown = [name for name in documents if (keywords["document"] == name).any()][:PANELS]
    if not shown:
        figure, axes = new_figure(WIDTH, 2.0)
        empty(axes, "no key words")
        set_title(axes, "No document has a word that it does not share with too many others")
        return figure
    rows = -(-len(shown) // 2)
    figure = Figure(figsize=(WIDTH, 0.4 + 1.75 * rows))
    grid = figure.subplots(rows, 2, squeeze=False, sharex=True)
    for axes, document in zip(grid.flat, shown, strict=False):
        part = keywords[keywords["document"] == document].head(8).iloc[::-1]
        axes.barh([shorten(word, 18) for word in part["word"]], part["weight"], color=BLUE, height=0.7)
        axes.set_title(shorten(document, 34), fontsize=9, color=INK, loc="left")
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", labelsize=9)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel("TF-IDF weight")
    first = keywords[(keywords["document"] == shown[0]) & (keywords["rank"] == 1)]["word"].iloc[0]
    set_title(grid[0, 0], f"“{shorten(str(first), 24)}” marks {shorten(shown[0], 40)}; each document has its own words")
    return figure


@styled
def draw_minhash(found: pd.DataFrame, exact: pd.DataFrame, tables: int) -> "Figure":
    """Draw which share of the pairs MinHash finds, by how similar they are, against what theory says.

    Args:
        found: `first`, `second`, `jaccard`: the pairs that hashing found.
        exact: the same, complete.
        tables: number of hash functions.
    """
    figure, axes = new_figure(WIDTH, 2.9)
    if exact.empty:
        empty(axes, "no two documents are that similar")
        set_title(axes, "No two documents are similar enough to look for")
        return figure
    ours = set(zip(found["first"], found["second"], strict=True))
    hit = np.array([pair in ours for pair in zip(exact["first"], exact["second"], strict=True)])
    groups = pd.qcut(exact["jaccard"].rank(method="first"), min(6, len(exact)), labels=False)
    table = pd.DataFrame({"jaccard": exact["jaccard"], "hit": hit, "group": groups}).groupby("group")
    middle, share, size = table["jaccard"].mean(), table["hit"].mean(), table.size()
    grid = np.linspace(0, 1, 200)
    axes.plot(grid, 1 - (1 - grid) ** tables, color=ORANGE, linestyle="--", label=f"theory, {tables} hash functions")
    spread = np.sqrt(share * (1 - share) / size)
    axes.errorbar(middle, share, yerr=1.96 * spread, fmt="o", color=BLUE, capsize=2, label="measured, 95 %")
    axes.set_xlim(0, min(1.0, float(exact["jaccard"].max()) * 1.5))
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("Jaccard index of the two word sets")
    axes.set_ylabel("share of pairs found")
    axes.legend(loc="lower right")
    set_title(
        axes,
        f"MinHash finds {percent(float(hit.mean()))} of the similar pairs with {tables} hash functions",
        f"{len(exact):,} pair{'s' if len(exact) > 1 else ''} truly similar",
    )
    return figure
