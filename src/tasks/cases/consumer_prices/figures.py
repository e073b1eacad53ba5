"""How did prices rise, how unsteady were they, and how will they go on? The figures that show it."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    SOFT,
    VERMILLION,
    WIDTH,
    new_figure,
    percent,
    set_title,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Step(NamedTuple):
    """A level that holds for some years, and the 95 % interval of the year in which it began."""

    first: int
    last: int
    level: float
    low: int
    high: int


def _legend(axes: "Axes", columns: int = 3) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        labelcolor=MUTED,
        borderaxespad=0.3,
        columnspacing=1.4,
        handlelength=1.8,
    )


@styled
def price_level(series: pd.DataFrame, line: pd.DataFrame, finding: str, unit: str) -> "Figure":
    """Draw the index with its regression line and band.

    Args:
        series: `period`, `value`.
        line: `period`, `fit`, `low`, `high`.
        finding: the title.
        unit: of the index, such as 2015 = 100.
    """
    figure, axes = new_figure(WIDTH, 2.7)
    axes.fill_between(line["period"], line["low"], line["high"], color=SKY, alpha=0.35, linewidth=0, label="95 % band")
    axes.plot(line["period"], line["fit"], color=VERMILLION, linestyle="--", label="regression line")
    axes.plot(series["period"], series["value"], color=BLUE, linewidth=1.8, label="index")
    axes.set_ylabel(f"price index, {unit}" if unit else "price index")
    set_title(axes, finding)
    _legend(axes)
    return figure


@styled
def price_increments(series: pd.DataFrame, column: str, finding: str, label: str) -> "Figure":
    """Draw the increments as thin bars.

    Args:
        series: `period` and the increments, NaN where there is none.
        column: `absolute` or `relative`.
        finding: the title.
        label: of the axis, with its unit.
    """
    figure, axes = new_figure(WIDTH, 2.1)
    known = series.dropna(subset=column)
    values = known[column].to_numpy()
    for sign, colour in ((values >= 0, BLUE), (values < 0, VERMILLION)):
        axes.vlines(known["period"][sign], 0, values[sign], color=colour, linewidth=0.7, rasterized=len(values) > 2000)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_ylabel(label)
    set_title(axes, finding, "rises in blue above the line, falls in red below")
    return figure


@styled
def yearly_levels(
    yearly: pd.DataFrame, column: str, steps: list[Step], finding: str, label: str, detail: str = ""
) -> "Figure":
    """Draw a yearly figure and the levels that the test found, with the interval of each change.

    Args:
        yearly: `year` and the figure.
        column: which.
        steps: the levels in order; a single one when nothing changed.
        finding: the title.
        label: of the axis, with its unit.
        detail: what it rests on.
    """
    figure, axes = new_figure(WIDTH, 2.3)
    for number, step in enumerate(steps):
        if number:
            axes.axvspan(
                step.low,
                step.high,
                color=ORANGE,
                alpha=0.22,
                linewidth=0,
                label="95 % interval of the change" if number == 1 else None,
            )
        axes.plot(
            [step.first - 0.4, step.last + 0.4],
            [step.level] * 2,
            color=VERMILLION,
            linewidth=2.4,
            label="level" if number == 0 else None,
        )
    axes.plot(yearly["year"], yearly[column], color=BLUE, marker="o", markersize=3.2, linewidth=0.9, label="each year")
    if yearly[column].min() >= 0:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(label)
    set_title(axes, finding, detail)
    _legend(axes)
    return figure


@styled
def seasonal_pattern(pattern: pd.DataFrame, finding: str) -> "Figure":
    """Draw the mean increment of each month before and after.

    Args:
        pattern: `month` (its short name), `regime` (two or fewer), `mean`, `low`, `high` (per cent), in order.
        finding: the title.
    """
    figure, axes = new_figure(WIDTH, 2.3)
    regimes = list(dict.fromkeys(pattern["regime"]))
    looks = ((MUTED, "s", "--"), (BLUE, "o", "-"))[-len(regimes) :]
    for number, (regime, (colour, marker, line)) in enumerate(zip(regimes, looks, strict=True)):
        rows = pattern[pattern["regime"] == regime]
        at = np.arange(len(rows)) + (number - (len(regimes) - 1) / 2) * 0.16
        axes.vlines(at, rows["low"], rows["high"], color=colour, linewidth=1.4)
        axes.plot(
            at, rows["mean"], color=colour, marker=marker, linestyle=line, linewidth=1, markersize=4.5, label=regime
        )
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.set_xticks(range(pattern["month"].nunique()), list(dict.fromkeys(pattern["month"])))
    axes.set_ylabel("mean step, %")
    set_title(axes, finding, "mean of each month with its 95 % interval")
    _legend(axes)
    return figure


@styled
def price_forecast(series: pd.DataFrame, ahead: pd.DataFrame, finding: str, unit: str, years: int = 8) -> "Figure":
    """Draw the last years and the forecast with its interval.

    Args:
        series: `period`, `value`.
        ahead: `period`, `forecast`, `low`, `high`.
        finding: the title.
        unit: of the index.
        years: of the past to show.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    past = series[series["period"] >= series["period"].iloc[-1] - pd.DateOffset(years=years)]
    last = past.iloc[-1]
    period = [last["period"], *ahead["period"]]
    bands = {name: [last["value"], *ahead[name]] for name in ("forecast", "low", "high")}
    axes.fill_between(period, bands["low"], bands["high"], color=ORANGE, alpha=0.3, linewidth=0, label="95 % interval")
    axes.plot(period, bands["forecast"], color=VERMILLION, linestyle="--", linewidth=2, label="forecast")
    axes.plot(past["period"], past["value"], color=BLUE, linewidth=1.8, label="index")
    axes.set_ylabel(f"price index, {unit}" if unit else "price index")
    set_title(axes, finding)
    _legend(axes)
    return figure


@styled
def backtest_errors(by_step: pd.DataFrame, chosen: str, finding: str, label: str) -> "Figure":
    """Draw how far each model is off at each step.

    Args:
        by_step: `step` and a column for each model, per cent.
        chosen: the model in use.
        finding: the title.
        label: of the horizontal axis.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    looks = [("naive", SOFT, ":"), ("seasonal_naive", MUTED, "-."), ("drift", ORANGE, "--"), (chosen, BLUE, "-")]
    for name, colour, line in {look[0]: look for look in looks}.values():
        axes.plot(
            by_step["step"],
            by_step[name],
            color=colour,
            linestyle=line,
            linewidth=2.4 - 0.8 * (name != chosen),
            label=name.replace("_", " "),
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel("mean absolute error, %")
    set_title(axes, finding)
    _legend(axes, 4)
    return figure


@styled
def coverage_figure(by_step: pd.DataFrame, finding: str, label: str) -> "Figure":
    """Draw the share of what came that lay inside the intervals, at each step.

    Args:
        by_step: `step`, `coverage` (0 to 1).
        finding: the title.
        label: of the horizontal axis.
    """
    figure, axes = new_figure(WIDTH, 2.0)
    axes.axhspan(0.92, 0.98, color=GREEN, alpha=0.18, linewidth=0, label="92 to 98 %")
    axes.axhline(0.95, color=GREEN, linestyle="--", linewidth=1, label="promised")
    axes.plot(by_step["step"], by_step["coverage"], color=BLUE, marker="o", markersize=4, label="measured")
    bottom = min(0.8, float(by_step["coverage"].min()) - 0.02)
    axes.set_ylim(bottom, 1.01)
    ticks = [tick for tick in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0) if tick >= bottom]
    axes.set_yticks(ticks, [percent(tick) for tick in ticks])
    axes.set_xlabel(label)
    set_title(axes, finding)
    _legend(axes)
    return figure
