"""How does weight run over age, how wide is the spread beside that, and what changed? The figures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.births.query import LOW, WIDTH
from tasks.cases.births.training import OLD, YOUNG
from tasks.figures.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SOFT,
    VERMILLION,
    empty,
    new_figure,
    percent,
    set_title,
    styled,
)
from tasks.figures.style import (
    WIDTH as FIGURE_WIDTH,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

FEWEST = 200  # births of an age that is drawn
KILOGRAMS = 0.45359237  # of a pound
GROUPS = {15: YOUNG, 30: "30 to 34", 40: OLD}  # of ages, as the histogram numbers them
COLOURS = (VERMILLION, BLUE, PURPLE)


def _to_kilograms(pounds: "ArrayLike") -> "ArrayLike":
    return np.asarray(pounds, float) * KILOGRAMS


def _to_pounds(kilograms: "ArrayLike") -> "ArrayLike":
    return np.asarray(kilograms, float) / KILOGRAMS


def _kilograms(axes: "Axes") -> None:
    """Add an axis in kilograms on the right."""
    right = axes.secondary_yaxis("right", functions=(_to_kilograms, _to_pounds))
    right.set_ylabel("kg")
    right.spines["right"].set_visible(False)


@styled
def curve_figure(curve: pd.DataFrame, title: str, births: int) -> "Figure":
    """Draw the mean weight by the mother's age, as it is and with what else is known held equal.

    Args:
        curve: `age`, `effective`, `mean`, `low`, `high`, `adjusted`, `from`, `to`.
        title: the finding.
        births: how many.
    """
    figure, axes = new_figure(FIGURE_WIDTH, 3.1)
    shown = curve[curve["effective"] >= FEWEST]
    axes.fill_between(shown["age"], shown["low"], shown["high"], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(shown["age"], shown["mean"], "o-", color=BLUE, markersize=3.5, label="as it is")
    known = shown.dropna(subset=["adjusted"])
    axes.plot(
        known["age"],
        known["adjusted"],
        "--",
        color=VERMILLION,
        label="with decade, sex, twins, order and smoking held equal",
    )
    axes.set_xlabel("age of the mother, years")
    axes.set_ylabel("mean weight at birth, pounds")
    _kilograms(axes)
    axes.legend(loc="lower center", labelcolor=MUTED)
    set_title(axes, title, f"{births:,} births; band: 95\u202f% interval; the axis does not start at 0")
    return figure


def quantiles(table: pd.DataFrame, shares: tuple[float, ...]) -> pd.DataFrame:
    """Return quantiles of weight by group of ages, in pounds, from a histogram; straight lines inside a bar.

    Args:
        table: `age_group`, `bin` (lower end / `WIDTH`), `births`.
        shares: the quantiles.
    """
    rows = []
    for group, part in table.groupby("age_group"):
        counts = part.groupby("bin")["births"].sum()
        bins = np.arange(counts.index.min(), counts.index.max() + 1)
        filled = counts.reindex(bins, fill_value=0.0).cumsum().to_numpy() / counts.sum()
        edges = np.append(bins, bins[-1] + 1) * WIDTH
        rows.append([group, *np.interp(shares, np.append(0.0, filled), edges)])
    return pd.DataFrame(rows, columns=["age_group", *map(str, shares)])


@styled
def spread_figure(table: pd.DataFrame, title: str) -> "Figure":
    """Draw where the middle births of each group of ages lie, on an axis from 0.

    Args:
        table: `age_group`, `bin`, `births`.
        title: the finding.
    """
    figure, axes = new_figure(FIGURE_WIDTH, 3.0)
    found = quantiles(table, (0.05, 0.25, 0.5, 0.75, 0.95))
    labels = {15: "under\n20", 20: "20–24", 25: "25–29", 30: "30–34", 35: "35–39", 40: "40 and\nover"}
    places = np.arange(len(found))
    for low, high, width in (("0.05", "0.95", 3), ("0.25", "0.75", 9)):
        axes.vlines(places, found[low], found[high], color=SKY if width == 9 else SOFT, linewidth=width)
    axes.plot(places, found["0.5"], "o", color=INK, markersize=5)
    axes.axhline(LOW, color=VERMILLION, linestyle="--", linewidth=1)
    axes.text(len(found) - 0.55, LOW - 0.1, "2,500 g", color=VERMILLION, ha="right", va="top")
    axes.set_xticks(places, [labels.get(int(group), str(group)) for group in found["age_group"]])
    axes.set_xlim(-0.6, len(found) - 0.4)
    axes.set_ylim(0, max(11.0, float(found["0.95"].max()) * 1.05))
    axes.set_xlabel("age of the mother, years")
    axes.set_ylabel("weight at birth, pounds")
    _kilograms(axes)
    set_title(axes, title, "dot: median; thick: the middle half; thin: nine tenths of the births")
    return figure


@styled
def histogram_figure(table: pd.DataFrame, title: str) -> "Figure":
    """Draw the distribution of weight of three groups of ages.

    Args:
        table: `age_group`, `bin`, `births`.
        title: the finding.
    """
    figure, axes = new_figure(FIGURE_WIDTH, 2.8)
    most = 0.0
    for (group, name), colour in zip(GROUPS.items(), COLOURS, strict=True):
        counts = table[table["age_group"] == group].groupby("bin")["births"].sum()
        if counts.empty:
            continue
        share = counts / counts.sum()
        most = max(most, float(share.max()))
        axes.step((share.index + 0.5) * WIDTH, share, where="mid", color=colour, label=name)
    axes.axvline(LOW, color=INK, linestyle="--", linewidth=0.9)
    axes.set_xlim(0, 12)
    ticks = np.linspace(0, np.ceil(most * 50) / 50, 5) if most else np.array([0.0])
    axes.set_yticks(ticks, [percent(tick, 1) for tick in ticks])
    axes.set_xlabel("weight at birth, pounds (dashed: 2,500 g)")
    axes.set_ylabel(f"share of births per {WIDTH:g} pounds")
    axes.legend(loc="upper left", title="mother's age", labelcolor=MUTED, alignment="left")
    set_title(axes, title, "counted in the warehouse; a single bar is a line of the answer")
    return figure


@styled
def steps_figure(contrasts: pd.DataFrame, title: str) -> "Figure":
    """Draw how the difference of the youngest and the oldest changes as more is held equal.

    Args:
        contrasts: `step`, `group`, `value`, `low`, `high`.
        title: the finding.
    """
    steps = list(dict.fromkeys(contrasts["step"]))
    figure, axes = new_figure(FIGURE_WIDTH, 0.8 + 0.36 * max(1, len(steps)))
    if contrasts.empty:
        empty(axes, "no mothers of 30 to 34 to compare with")
        return figure
    for offset, (group, colour, marker) in zip(
        (-0.13, 0.13), ((YOUNG, VERMILLION, "o"), (OLD, PURPLE, "s")), strict=True
    ):
        part = contrasts[contrasts["group"] == group]
        places = np.array([steps.index(step) for step in part["step"]]) + offset
        axes.hlines(places, part["low"], part["high"], color=colour, linewidth=2)
        axes.plot(part["value"], places, marker, color=colour, markersize=5, label=group)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(steps)), steps)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(steps) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("pounds against births of mothers of 30 to 34")
    axes.locator_params(axis="x", nbins=5)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, title="mother's age", labelcolor=MUTED)
    set_title(axes, title, "bars: 95\u202f% intervals")
    return figure


@styled
def years_figure(years: pd.DataFrame, title: str) -> "Figure":
    """Draw the mean weight by year, and what it had been with mothers as old as those of the first years.

    Args:
        years: `birth_year`, `mean`, `low`, `high`, `expected`.
        title: the finding.
    """
    figure, axes = new_figure(FIGURE_WIDTH, 2.8)
    axes.fill_between(years["birth_year"], years["low"], years["high"], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(years["birth_year"], years["mean"], color=BLUE, label="as it was")
    axes.plot(
        years["birth_year"], years["expected"], "--", color=ORANGE, label="with the mothers' ages of the first years"
    )
    axes.set_xlabel("year")
    axes.set_ylabel("mean weight, pounds")
    _kilograms(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, labelcolor=MUTED, borderaxespad=0.3)
    set_title(axes, title, "band: 95\u202f% interval; the axis does not start at 0")
    return figure


@styled
def gaps_figure(gaps: pd.DataFrame, title: str) -> "Figure":
    """Draw the difference of the youngest and the oldest from mothers of 30 to 34, by decade.

    Args:
        gaps: `decade`, `group`, `value`, `low`, `high`.
        title: the finding.
    """
    figure, axes = new_figure(FIGURE_WIDTH, 2.5)
    decades = sorted(gaps["decade"].unique())
    for offset, (group, colour, marker) in zip(
        (-0.07, 0.07), ((YOUNG, VERMILLION, "o"), (OLD, GREEN, "s")), strict=True
    ):
        part = gaps[gaps["group"] == group]
        places = np.array([decades.index(decade) for decade in part["decade"]]) + offset
        axes.vlines(places, part["low"], part["high"], color=colour, linewidth=2)
        axes.plot(places, part["value"], f"{marker}-", color=colour, markersize=5, linewidth=0.8, label=group)
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set_xticks(range(len(decades)), [f"{decade}s" for decade in decades])
    axes.set_xlim(-0.5, len(decades) - 0.5)
    axes.set_ylabel("pounds against 30 to 34")
    axes.set_xlabel("decade")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, title="mother's age", labelcolor=MUTED)
    set_title(axes, title, "bars: 95\u202f% intervals")
    return figure
