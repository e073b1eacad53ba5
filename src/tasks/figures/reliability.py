"""Is a chance of 80 % right 8 times in 10? The figure of told chances against what happened."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import BLUE, INK, SOFT, WIDTH, new_figure, percent, set_title, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def reliability_figure(
    reliability: pd.DataFrame,
    error: float,
    told: str,
    happened: str,
    detail: str = "bars: exact 95 % intervals",
    zoomed: bool = False,
) -> "Figure":
    """Draw the share that happened against the chance that was told, with its intervals.

    Args:
        reliability: `told`, `happened`, `low`, `high`, `n`; see `tasks.evaluation.calibration`.
        error: expected calibration error.
        told: label of the chances.
        happened: label of the shares.
        detail: what the points are.
        zoomed: begin the axes at the least chance or share, not at 0.
    """
    figure, axes = new_figure(WIDTH, 3.0)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    axes.vlines(reliability["told"], reliability["low"], reliability["high"], color=SOFT, linewidth=2)
    axes.scatter(
        reliability["told"], reliability["happened"], s=28, color=BLUE, edgecolors=INK, linewidths=0.6, zorder=3
    )
    if zoomed and len(reliability):
        low = max(0.0, float(reliability[["told", "low"]].min().min()) - 0.04)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: percent(value))
    else:
        low = -0.02
        ticks = np.linspace(0, 1, 6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(ticks, [percent(value) for value in ticks])
    axes.set_xlim(low, 1.02)
    axes.set_ylim(low, 1.05)
    axes.set_xlabel(f"{told} (dashed: as told)")
    axes.set_ylabel(happened)
    set_title(axes, f"Told chances are off by {percent(error, 1)} on average", detail)
    return figure
