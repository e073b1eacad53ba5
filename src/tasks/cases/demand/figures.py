"""What will be sold, how far off are forecasts, are intervals right, what do the orders cost? The figures."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    GREEN,
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

SHOWN = 104  # periods of history that are drawn
COSTS = {
    "holding": (SOFT, "holding stock"),
    "shortage": (VERMILLION, "lost sales"),
    "ordering": (ORANGE, "orders"),
    "waste": (GREEN, "thrown away"),
}


def short(value: float) -> str:
    """Return a quantity as a reader wants it: 1,234 or 12.3 million."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if abs(value) >= size:
            return f"{value / size:,.3g}{word}"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:,.3g}"


@styled
def forecast_figure(
    history: pd.DataFrame, test: pd.DataFrame, future: pd.DataFrame, name: str, unit: str, what: str
) -> "Figure":
    """Draw the demand of one series or sum: history, the forecast of the test, and what is to come.

    Args:
        history: `date`, `demand`.
        test: `date`, `value`.
        future: `date`, `value`, `q05`, `q95`.
        name: of the series.
        unit: of the periods.
        what: is counted, for the axis.
    """
    figure, axes = new_figure(WIDTH, 3.0)
    late = history.tail(SHOWN)
    axes.plot(late["date"], late["demand"], color=INK, linewidth=1.1, label="sold")
    axes.plot(test["date"], test["value"], color=ORANGE, linestyle="--", label="test forecast")
    axes.fill_between(
        future["date"], future["q05"], future["q95"], color=BLUE, alpha=0.25, linewidth=0, label="90 % interval"
    )
    axes.plot(future["date"], future["value"], color=BLUE, label="forecast")
    axes.set_ylim(0, 1.05 * max(late["demand"].max(), future["q95"].max()) or 1.0)
    axes.set_ylabel(what if len(what) < 30 else f"{what[:28]}…")
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    axes.xaxis.set_major_locator(_ticks())
    axes.xaxis.set_major_formatter(_months())
    axes.legend(loc="lower left", ncols=2, labelcolor=MUTED)
    before = float(history["demand"].tail(len(future)).sum())
    change = float(future["value"].sum()) / before - 1 if before else 0.0
    told = "as much as" if abs(change) < 0.005 else f"{percent(abs(change))} {'more' if change > 0 else 'less'} than"
    set_title(
        axes,
        f"In the next {len(future)} {unit}s {short(float(future['value'].sum()))} are expected, {told} in the last"
        f" {len(future)}",
        f"{name}; dashed: forecast of the test {unit}s, before they were seen",
    )
    return figure


def _ticks() -> Any:
    from matplotlib.dates import AutoDateLocator

    return AutoDateLocator(minticks=3, maxticks=6)


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _months() -> Any:
    from matplotlib.dates import DateFormatter

    return DateFormatter("%b %Y")


@styled
def models_figure(models: pd.DataFrame, baseline: str) -> "Figure":
    """Draw the error of each model in the test.

    Args:
        models: `model`, `wape`.
        baseline: name of the strongest simple forecast in validation.
    """
    table = models.sort_values("wape", ignore_index=True)
    figure, axes = new_figure(WIDTH, 0.7 + 0.26 * len(table))
    colours = [BLUE if name == "chosen" else ORANGE if name == baseline else SOFT for name in table["model"]]
    axes.barh(range(len(table)), 100 * table["wape"], color=colours, height=0.65)
    for place, value in enumerate(table["wape"]):
        axes.text(100 * value, place, f" {100 * value:.2f}", va="center", color=INK)
    axes.set_yticks(range(len(table)), table["model"])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("weighted absolute error in the test (% of demand)")
    value = {str(row["model"]): float(row["wape"]) for row in table.to_dict("records")}
    set_title(
        axes,
        f"The chosen forecast is off by {100 * value['chosen']:.1f}\u202f% of demand, the best simple one by"
        f" {100 * value[baseline]:.1f}\u202f%",
        "blue: chosen, orange: the simple one that did best in validation",
    )
    return figure


@styled
def coverage_figure(coverage: pd.DataFrame, inside: float) -> "Figure":
    """Draw how often demand stayed below each quantile.

    Args:
        coverage: `told`, `below`, `low`, `high`.
        inside: share of demands inside their 90 % interval.
    """
    figure, axes = new_figure(WIDTH, 2.9)
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
    for row in coverage.to_dict("records"):
        axes.plot([row["told"]] * 2, [row["low"], row["high"]], color=SOFT, linewidth=3)
    axes.scatter(coverage["told"], coverage["below"], s=30, color=BLUE, edgecolors=INK, linewidths=0.6, zorder=3)
    ticks = np.linspace(0, 1, 6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [percent(tick) for tick in ticks])
    axes.set_xlabel("quantile that was told (dashed: as told)")
    axes.set_ylabel("demands at or below it")
    set_title(axes, f"{percent(inside, 1)} of the test demands lie in their 90\u202f% interval", "bars: 95 % intervals")
    return figure


@styled
def replay_figure(rules: pd.DataFrame, naive: str) -> "Figure":
    """Draw what each rule cost in the replay, by kind of cost.

    Args:
        rules: `rule`, the costs, `fill_rate`.
        naive: name of the naive rule.
    """
    figure, axes = new_figure(WIDTH, 0.9 + 0.42 * len(rules))
    left = np.zeros(len(rules))
    for name, (colour, label) in COSTS.items():
        values = rules[name].to_numpy()
        if values.sum() > 0:
            axes.barh(range(len(rules)), values, left=left, color=colour, height=0.55, label=label)
            left += values
    for place, (end, fill) in enumerate(zip(left, rules["fill_rate"], strict=True)):
        axes.text(end, place, f" {percent(fill, 1)} served", va="center", color=INK)
    axes.set_yticks(range(len(rules)), rules["rule"])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(rules) - 0.4, -0.6)
    axes.set_xlim(0, float(left.max()) * 1.3 or 1.0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.xaxis.set_major_locator(_few())
    axes.set_xlabel("cost in the replay (in units of the costs given)")
    if left.any():
        axes.legend(loc="lower right", labelcolor=MUTED)
    cost = dict(zip(rules["rule"], left, strict=True))
    saved = 1 - cost["forecast quantiles"] / cost[naive] if cost[naive] else 0.0
    set_title(
        axes,
        f"Orders by forecast quantiles cost {percent(abs(saved))} {'less' if saved >= 0 else 'more'} than by {naive}",
        "the test periods played again; share of demand served beside each bar",
    )
    return figure
