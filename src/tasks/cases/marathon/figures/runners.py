"""How do runners differ, and how do their times hang together? Violins, a joint plot, distributions, a regression.

Frames in, `matplotlib.figure.Figure` out. A frame of runners has one row per runner, with `sex` (women, men),
`nationality`, and measures in the units that the axes name.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    INK,
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEXES = {"women": (VERMILLION, "D", "--"), "men": (BLUE, "o", "-")}
MOST_GROUPS = 12  # nationalities shown side by side


@styled
def group_violins(
    frame: pd.DataFrame, measure: str, label: str, marked: Collection[tuple[str, str]], finding: str, source: str
) -> "Figure":
    """Draw a measure in every sex and nationality; those in `marked` (sex, nationality) stand out."""
    import seaborn as sns
    from matplotlib.figure import Figure

    shown = [str(name) for name in frame["nationality"].value_counts().index[:MOST_GROUPS]]
    names = sorted(shown)
    figure = Figure(figsize=(WIDTH, 3.1))
    both = figure.subplots(1, 2, sharey=True)
    for axes, sex in zip(both, SEXES, strict=True):
        part = frame[(frame["sex"] == sex) & frame["nationality"].isin(names)]
        colours = {name: (BLUE if (sex, name) in marked else SOFT) for name in names}
        if len(part):
            sns.violinplot(
                data=part,
                x="nationality",
                y=measure,
                order=names,
                hue="nationality",
                hue_order=names,
                palette=colours,
                inner="quart",
                linewidth=0.8,
                linecolor=INK,
                cut=0,
                density_norm="width",
                legend=False,
                ax=axes,
            )
        else:
            empty(axes, f"no {sex}")
        axes.set_xlabel(f"{sex} of")
        axes.set_ylabel(label if axes is both[0] else "")
        axes.grid(visible=False, axis="x")
    set_title(both[0], finding, f"{len(frame):,} runners; lines: quartiles; blue: found to stand out. {source}")
    return figure


@styled
def joint_times(frame: pd.DataFrame, source: str) -> "Figure":
    """Draw half-way against final times, with the distribution of each at its side."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(WIDTH, 4.3))
    grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
    axes = figure.add_subplot(grid[1, 0])
    above, beside = figure.add_subplot(grid[0, 0], sharex=axes), figure.add_subplot(grid[1, 1], sharey=axes)
    split, final = frame["split"].to_numpy() / 3600, frame["final"].to_numpy() / 3600
    cells = axes.hexbin(split, final, gridsize=48, mincnt=1, bins="log", cmap="Blues", linewidths=0, rasterized=True)
    ends = np.array([split.min(), split.max()])
    axes.plot(ends, 2 * ends, color=VERMILLION, linestyle="--")
    axes.set_ylim(final.min() * 0.97, final.max() * 1.02)
    axes.set_xlabel("time at half way (h)")
    axes.set_ylabel("final time (h)")
    above.hist(split, bins=60, color=SOFT)
    beside.hist(final, bins=60, orientation="horizontal", color=SOFT)
    for side in (above, beside):
        side.set_axis_off()
    inset = axes.inset_axes((0.64, 0.07, 0.32, 0.03))
    bar = figure.colorbar(cells, cax=inset, orientation="horizontal")
    bar.ax.set_title("runners per cell", fontsize=9, color=MUTED)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    figure.get_layout_engine().set(wspace=0, hspace=0, w_pad=0, h_pad=0)  # type: ignore[union-attr, call-arg]
    slower = float((final > 2 * split).mean())
    set_title(
        above,
        f"{percent(slower)} of the runners take longer for the second half than for the first",
        f"dashed: even halves. {source}",
    )
    return figure


@styled
def fraction_distribution(frame: pd.DataFrame, source: str) -> "Figure":
    """Draw how the split fraction is distributed among women and among men."""
    import seaborn as sns

    figure, axes = new_figure(WIDTH, 2.7)
    medians = {}
    for sex, (colour, _, line) in SEXES.items():
        values = 100 * frame.loc[frame["sex"] == sex, "split_fraction"]
        if len(values) < 2:
            continue
        medians[sex] = float(values.median())
        sns.kdeplot(
            x=values,
            color=colour,
            linestyle=line,
            ax=axes,
            label=f"{sex} (median {medians[sex]:.1f})",
            warn_singular=False,  # runners who are all alike have no curve
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlabel("split fraction, 1 − 2 · split / final (%)")
    axes.set_ylabel("density")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right")
    mean = frame["split_fraction"].mean()
    way = "longer" if mean > 0 else "less"
    set_title(
        axes,
        f"On average the second half takes {way} by {percent(abs(mean), 1)} of the time",
        f"right of 0: slower second half. {source}",
    )
    return figure


def _by_age(part: pd.DataFrame) -> pd.DataFrame:
    """Return mean final hours per year of age with the half width of its 95 % interval, of years with 20 runners."""
    table = (part["final"] / 3600).groupby(part["age"].astype(int)).agg(["mean", "std", "size"])
    table = table[table["size"] >= 20]
    return table.assign(half=1.96 * table["std"] / np.sqrt(table["size"]))


@styled
def times_by_age(frame: pd.DataFrame, source: str) -> "Figure":
    """Draw the regression of final time on age: the mean at each age and a fitted parabola."""
    figure, axes = new_figure(WIDTH, 3.1)
    fastest = {}
    for sex, (colour, marker, line) in SEXES.items():
        part = frame[frame["sex"] == sex]
        table = _by_age(part)
        if len(table) < 4:
            continue
        ages = table.index.to_numpy(float)
        curve = np.polynomial.Polynomial.fit(part["age"], part["final"] / 3600, 2)
        fitted = curve(ages)
        fastest[sex] = float(ages[np.argmin(fitted)])
        axes.errorbar(
            ages, table["mean"], table["half"], fmt=marker, color=colour, markersize=3, linewidth=0.8, alpha=0.6
        )
        axes.plot(ages, fitted, color=colour, linestyle=line, label=sex)
    axes.set_xlabel("age (years)")
    axes.set_ylabel("final time (h)")
    if fastest:
        axes.legend(loc="upper left")
    found = ", ".join(f"{sex} are fastest at {age:.0f}" for sex, age in fastest.items())
    set_title(
        axes,
        f"By the fitted curves {found} years" if fastest else "Too few runners for a regression on age",
        f"means with 95 % intervals, and a fitted parabola. {source}",
    )
    return figure


@styled
def pair_grid(frame: pd.DataFrame, labels: dict[str, str], source: str, most: int = 1_500) -> "Figure":
    """Draw every pair of measures (`labels`: column -> axis label) as points, and each measure's density."""
    import seaborn as sns
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    names = list(labels)
    shown = frame.sample(min(most, len(frame)), random_state=0)
    figure = Figure(figsize=(WIDTH, WIDTH * 0.98))
    grid: Any = figure.subplots(len(names), len(names), sharex="col", squeeze=False)
    for row, column in np.ndindex(grid.shape):
        axes = grid[row, column]
        if column > row:
            axes.set_axis_off()
            continue
        _pair(axes, shown, names[column], names[row], sns)
        axes.grid(visible=False)
        axes.set_xlabel(labels[names[column]] if row == len(names) - 1 else "")
        axes.set_ylabel(labels[names[row]] if column == 0 and row else "")
        if column == row or column:
            axes.set_yticklabels([])
    marks = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=4)
        for colour, marker, _ in SEXES.values()
    ]
    figure.legend(marks, list(SEXES), loc="upper right", bbox_to_anchor=(0.98, 0.86))
    set_title(
        grid[0, 0],
        "Every pair of measures at a glance, women and men apart",
        f"{len(shown):,} runners drawn at random of {len(frame):,}. {source}",
    )
    return figure


def _pair(axes: "Axes", frame: pd.DataFrame, across: str, up: str, sns: Any) -> None:
    for sex, (colour, marker, line) in SEXES.items():
        part = frame[frame["sex"] == sex]
        if len(part) < 2:
            continue
        if across == up:
            sns.kdeplot(x=part[across], color=colour, linestyle=line, linewidth=1.0, ax=axes, warn_singular=False)
        else:
            axes.scatter(
                part[across], part[up], s=3, color=colour, marker=marker, alpha=0.35, linewidths=0, rasterized=True
            )
