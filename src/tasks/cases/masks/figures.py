"""What could be had without looking, does it hold elsewhere, and are chances true? The figures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SOFT,
    VERMILLION,
    WIDTH,
    new_figure,
    percent,
    set_title,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS = {
    "accuracy": "faces, people never seen",
    "accuracy_test": "another source",
    "accuracy_left_out": "left out of learning",
    "accuracy_8bit": "8-bit form",
    "accuracy_naive_split": "naive random split",
    "baseline": "8 x 8 colours",
    "accuracy_metadata_files": "files only, as they came",
    "accuracy_metadata_only": "files only, after normalisation",
    "majority": "the commonest class",
}


@styled
def scores_figure(rows: pd.DataFrame, finding: str) -> "Figure":
    """Draw accuracies with their intervals, real ones and controls apart.

    Args:
        rows: `name` (of LABELS), `value`, `low`, `high`, `control` (bool).
        finding: the title.
    """
    figure, axes = new_figure(WIDTH, 0.75 + 0.3 * len(rows))
    for place, row in enumerate(rows.iloc[::-1].to_dict("records")):
        colour = ORANGE if row["control"] else BLUE
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [place, place], color=SOFT, linewidth=3, solid_capstyle="butt")
        axes.plot(
            row["value"],
            place,
            "D" if row["control"] else "o",
            color=colour,
            markersize=6,
            markeredgecolor=INK,
            markeredgewidth=0.6,
        )
        axes.annotate(
            percent(row["value"], 1),
            (row["value"], place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=MUTED,
        )
    axes.set_yticks(range(len(rows)), [LABELS[name] for name in rows["name"].iloc[::-1]])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    left = min(0.5, float(rows["value"].min()) - 0.05)
    axes.set_xlim(max(0.0, left), 1.02)
    ticks = [value for value in (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0) if value >= left]
    axes.set_xticks(ticks, [percent(value) for value in ticks])
    axes.set_xlabel("share judged right (bars: 95 % intervals)")
    set_title(axes, finding)
    return figure


@styled
def recipes_figure(table: pd.DataFrame, chosen: str, by_source: bool) -> "Figure":
    """Draw how each recipe does on left out sources.

    Args:
        table: `recipe`, `accuracy`, `worst`.
        chosen: the recipe taken.
        by_source: whether whole sources were left out.
    """
    figure, axes = new_figure(WIDTH, 0.9 + 0.34 * len(table))
    for place, row in enumerate(table.iloc[::-1].to_dict("records")):
        mine = row["recipe"] == chosen
        axes.plot([row["worst"], row["accuracy"]], [place, place], color=SOFT, linewidth=2)
        axes.plot(row["worst"], place, "|", color=MUTED, markersize=9)
        axes.plot(
            row["accuracy"],
            place,
            "o",
            color=VERMILLION if mine else BLUE,
            markersize=7,
            markeredgecolor=INK,
            markeredgewidth=0.6,
        )
        axes.annotate(
            percent(row["accuracy"], 1),
            (row["accuracy"], place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=MUTED,
        )
    axes.set_yticks(range(len(table)), table["recipe"].iloc[::-1])
    axes.set_ylim(-0.6, len(table) - 0.3)
    low = float(table["worst"].min())
    step = next(size for size in (0.02, 0.05, 0.1, 0.2) if (1 - low) / size <= 6 or size == 0.2)
    ticks = [1 - step * number for number in range(int((1 - low) / step + 0.5) + 1)]
    axes.set_xticks(ticks, [percent(value) for value in ticks])
    axes.set_xlim(min(ticks[-1], low) - step / 3, 1 + step / 3)
    axes.set_xlabel("share judged right (bars: to the worst round)")
    first, best = table["accuracy"].iloc[0], float(table.loc[table["recipe"] == chosen, "accuracy"].iloc[0])
    what = "sources" if by_source else "groups"
    title = f"On left out {what} “{table['recipe'].iloc[0]}” reaches {percent(first, 1)}"
    set_title(axes, title if chosen == table["recipe"].iloc[0] else f"{title}, the chosen recipe {percent(best, 1)}")
    return figure
