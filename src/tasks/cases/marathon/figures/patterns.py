"""Which of many comparisons count, and how sure is that? The figures that answer it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    SOFT,
    VERMILLION,
    WIDTH,
    empty,
    new_figure,
    set_title,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_DIGITS = 15  # of a corrected p; smaller ones are drawn at this height


@styled
def relation_matrix(table: pd.DataFrame, labels: dict[str, str], source: str) -> "Figure":
    """Draw Spearman's correlation of every pair: women below the diagonal, men above.

    Args:
        table: one row per pair and sex: `one`, `other` (keys of `labels`), `among`, `value`.
        labels: short name of each measure, in order.
        source: where the data are from.
    """
    names = list(labels)
    cells = np.full((len(names), len(names)), np.nan)
    for one, other, among, value in table[["one", "other", "among", "value"]].itertuples(index=False):
        low, high = sorted((names.index(one), names.index(other)))
        cells[(high, low) if among == "women" else (low, high)] = value
    figure, axes = new_figure(WIDTH, 4.4)
    axes.imshow(cells, cmap="RdBu", vmin=-1, vmax=1)
    for row, column in zip(*np.nonzero(np.isfinite(cells)), strict=True):
        value = cells[row, column]
        text = f"{value:.2f}".replace("-0.00", "0.00").replace("-", "\u2212")
        axes.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 else INK)
    axes.set_xticks(range(len(names)), list(labels.values()), rotation=40, ha="right")
    axes.set_yticks(range(len(names)), list(labels.values()))
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    strong = int((np.abs(table["value"]) >= 0.1).sum())
    set_title(
        axes,
        f"{strong} of {len(table)} relations of two measures reach a correlation of 0.1",
        f"Spearman within nationalities; women below the diagonal, men above. {source}",
    )
    return figure


STATES = {
    "none": ("nothing", SOFT, "o"),
    "echo": ("echo of a finding", GREEN, "^"),
    "consequence": ("consequence of a finding", VERMILLION, "s"),
    "finding": ("finding", BLUE, "D"),
}


@styled
def all_comparisons(table: pd.DataFrame, level: float, source: str) -> "Figure":
    """Draw the effect of every comparison against its corrected p.

    Args:
        table: `times_smallest` (effect over the smallest of interest, signed), `adjusted`, `state`.
        level: up to which a corrected p counts.
        source: where the data are from.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure, axes = new_figure(WIDTH, 3.3)
    floor = 10.0**-MOST_DIGITS
    for state, (name, colour, marker) in STATES.items():
        part = table[table["state"] == state]
        if part.empty:
            continue
        axes.scatter(
            part["times_smallest"],
            -np.log10(part["adjusted"].clip(lower=floor)),
            s=26 if state == "finding" else 14,
            color=colour,
            marker=marker,
            alpha=0.85,
            linewidths=0,
            label=f"{name} ({len(part)})",
            zorder=3,
        )
    reach = max(2.0, float(table["times_smallest"].abs().max()) * 1.3)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(-reach, reach)
    ticks = [value for value in (1, 3, 10, 30, 100, 300) if value <= reach]
    axes.set_xticks([*(-value for value in reversed(ticks)), 0, *ticks])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\u2212")))
    axes.xaxis.set_minor_locator(NullLocator())
    for end in (-1, 1):
        axes.axvline(end, color=MUTED, linestyle=":", linewidth=1)
    axes.axhline(-np.log10(level), color=MUTED, linestyle=":", linewidth=1)
    axes.set_ylim(-0.8, MOST_DIGITS + 0.8)
    axes.set_xlabel("effect, in multiples of the smallest of interest")
    axes.set_ylabel(f"−log10 of the corrected p (up to {MOST_DIGITS})")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    found = int((table["state"] == "finding").sum())
    set_title(
        axes,
        f"{found or 'None'} of {len(table):,} comparisons stand{'s' if found == 1 else ''} for itself"
        if found <= 1
        else f"{found} of {len(table):,} comparisons stand for themselves",
        f"dotted: level {level:g} after correction, and the smallest effect of interest. {source}",
    )
    return figure


@styled
def shuffled_copies(smallest: list[float], own: float, level: float, findings: int, source: str) -> "Figure":
    """Draw the smallest corrected p of each shuffled copy, and that of the data (`own`)."""
    figure, axes = new_figure(WIDTH, 2.4)
    if not smallest:
        empty(axes, "no shuffled copies were asked for")
        set_title(axes, "How often the search finds something where there is nothing was not measured", source)
        return figure
    values = np.log10(np.clip(smallest, 1e-12, 1.0))
    edges = np.linspace(min(-4.0, values.min()), 0, 33)
    axes.hist(values, bins=edges.tolist(), color=SOFT)
    axes.axvline(np.log10(level), color=VERMILLION, linestyle="--")
    axes.text(
        np.log10(level) - 0.05,
        0.95,
        f"level {level:g}",
        transform=axes.get_xaxis_transform(),
        ha="right",
        va="top",
        color=MUTED,
    )
    axes.set_xlabel("smallest corrected p of a copy, log10")
    axes.set_ylabel("copies")
    below = "below 1e-12" if own < 1e-12 else f"{own:.2g}"
    set_title(
        axes,
        f"{findings} of {len(smallest)} shuffled copies lead{'s' if findings == 1 else ''} to a finding",
        f"the data themselves: {below}. {source}",
    )
    return figure
