"""How good are the models of the price, what do they look at, and when does Spark pay? Figures of the results."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.rentals.figures.money import label, money
from tasks.figures.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
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
    from matplotlib.figure import Figure

CLOUD = 2_000
MOST_FEATURES = 14
MODEL_NAMES = {
    "mean": "mean price",
    "median": "median price",
    "linear": "least squares",
    "ridge": "ridge",
    "lasso": "lasso",
    "tree": "decision tree",
    "forest": "random forest",
    "forest_log": "random forest of logarithms",
    "boosting": "gradient boosting",
    "boosting_log": "gradient boosting of logarithms",
    "blend_log": "blend of forest and boosting of logarithms",
}
FEATURE_NAMES = {"host_id": "price level of the host", "neighbourhood": "price level of the neighbourhood"}


@styled
def model_errors(scores: pd.DataFrame, chosen: str, mean: str, currency: str) -> "Figure":
    """Draw the RMSE and the mean absolute error of every model with their 95 % intervals, side by side.

    Args:
        scores: `model`, `rmse`, `mae`, each with `_low` and `_high`.
        chosen: the model of the typical price; it is set off.
        mean: the model of the mean price; it is set off by its RMSE.
        currency: of the prices; empty when it is not known.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(scores)))
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(scores))
    for axes, name, text, best in ((left, "rmse", "RMSE", mean), (right, "mae", "mean absolute error", chosen)):
        for place, row in zip(places, scores.to_dict("records"), strict=True):
            used = row["model"] == best
            colour = BLUE if used else MUTED
            axes.plot([row[f"{name}_low"], row[f"{name}_high"]], [place, place], color=colour, linewidth=2)
            axes.plot(
                row[name],
                place,
                "D" if used else "o",
                color=colour,
                markersize=7,
                markeredgecolor=INK,
                markeredgewidth=0.7,
            )
        axes.set_xlim(0)
        axes.set_xlabel(label(text, currency))
        axes.grid(visible=False, axis="y")
    left.set_yticks(places, [MODEL_NAMES.get(name, name) for name in scores["model"]])
    left.tick_params(axis="y", labelcolor=INK)
    left.set_ylim(len(scores) - 0.5, -0.5)
    table = scores.set_index("model")
    error = float(table["mae"][chosen])
    gain = 1 - error / float(table["mae"]["median"])
    name = MODEL_NAMES.get(chosen, chosen)
    set_title(
        left,
        f"{name.capitalize()} is off by {money(error, currency)} on average,"
        f" {percent(gain)} less than the median price",
        "test listings; dots with 95 % intervals, whole hosts drawn",
    )
    return figure


@styled
def foretold(predictions: pd.DataFrame, model: str, currency: str) -> "Figure":
    """Draw foretold against true prices of the test, both logarithmic.

    Args:
        predictions: `price` and a column named as the model, a night; `seen`.
        model: the column.
        currency: of the prices; empty when it is not known.
    """
    from matplotlib.ticker import FuncFormatter

    figure, axes = new_figure(WIDTH, 4.2)
    table = predictions[(predictions["price"] > 0) & (predictions[model] > 0)]
    if table.empty:
        empty(axes, "no price was foretold")
        return figure
    low = float(min(table["price"].min(), table[model].min())) * 0.85
    high = float(max(table["price"].max(), table[model].max())) * 1.2
    axes.plot([low, high], [low, high], color=INK, linewidth=1)
    many = len(table) > CLOUD
    for seen, colour, marker, host in ((True, BLUE, "o", "host known"), (False, ORANGE, "^", "host never seen")):
        part = table[table["seen"] == seen]
        axes.scatter(
            part["price"],
            part[model],
            s=7,
            color=colour,
            marker=marker,
            alpha=0.5,
            linewidths=0,
            rasterized=many,
            label=f"{host} ({len(part):,})",
        )
    for axis in (axes.xaxis, axes.yaxis):
        axis.axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.minorticks_off()
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_xlabel(label("true price", currency, "a night, logarithmic scale"))
    axes.set_ylabel(label("foretold price", currency))
    axes.legend(loc="upper left", markerscale=2)
    inside = float(((table[model] / table["price"]).between(1 / 1.5, 1.5)).mean())
    set_title(
        axes,
        f"{percent(inside)} of the prices are foretold to within a factor of 1.5",
        f"{len(table):,} test listings; on the line the price is right",
    )
    return figure


@styled
def importances(table: pd.DataFrame, currency: str) -> "Figure":
    """Draw how much the mean absolute error grows when a column is shuffled, the most important first.

    Args:
        table: `feature`, `increase`, `sd` (money).
        currency: of the prices; empty when it is not known.
    """
    top = table.head(MOST_FEATURES)
    figure, axes = new_figure(WIDTH, 0.7 + 0.24 * len(top))
    places = np.arange(len(top))
    axes.barh(places, top["increase"], xerr=top["sd"], height=0.65, color=BLUE, ecolor=INK, capsize=2)
    names = [FEATURE_NAMES.get(name, name.replace("_", " ")) for name in top["feature"]]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label("rise of the mean absolute error when shuffled", currency))
    set_title(
        axes,
        f"The model looks first at {names[0]}, then at {names[1]}",
        "mean and standard deviation of three shuffles",
    )
    return figure


@styled
def scaling(rows: list[int], pandas: list[float], spark: list[float], wins: int | None, would: int | None) -> "Figure":
    """Draw the seconds of the preparation by rows on both engines, both axes logarithmic.

    Args:
        rows: measured numbers of rows.
        pandas: seconds of each.
        spark: seconds of each.
        wins: number of rows at which Spark was faster; None when at none.
        would: where straight lines cross beyond; None when nowhere.
    """
    from matplotlib.ticker import FuncFormatter

    figure, axes = new_figure(WIDTH, 2.9)
    for seconds, name, colour, style, marker in (
        (pandas, "pandas", BLUE, "-", "o"),
        (spark, "Spark", VERMILLION, "--", "D"),
    ):
        axes.plot(
            rows, seconds, style, color=colour, marker=marker, markeredgecolor=INK, markeredgewidth=0.7, label=name
        )
    axes.set(xscale="log", yscale="log")
    axes.minorticks_off()
    for axis, text in ((axes.xaxis, "{:,.0f}"), (axes.yaxis, "{:g}")):
        axis.set_major_formatter(FuncFormatter(lambda value, _, text=text: text.format(value)))
    axes.set_xticks(rows, [f"{count:,}" for count in rows])
    everything = [*pandas, *spark]
    ticks = [
        t
        for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
        if min(everything) / 1.6 <= t <= max(everything) * 1.6
    ]
    axes.set_yticks(ticks)
    axes.set_ylim(min(everything) / 1.6, max(everything) * 1.6)
    axes.set_xlabel("rows (logarithmic scale)")
    axes.set_ylabel("seconds")
    axes.legend(loc="upper left")
    axes.spines["left"].set_color(SOFT)
    set_title(axes, scaling_finding(rows, wins, would), "reading and preparing the listings; the better of two times")
    return figure


def scaling_finding(rows: list[int], wins: int | None, would: int | None) -> str:
    """Say from how many rows on Spark is faster."""
    if wins is not None:
        return f"Spark overtakes pandas at {wins:,} rows on this machine"
    if len(rows) < 2:
        return f"pandas is ahead of Spark at {rows[-1]:,} rows on this machine; more were not measured"
    if would is None:
        return f"pandas stays ahead of Spark up to {rows[-1]:,} rows on this machine, and no crossing is in sight"
    scale = 10 ** max(0, len(str(int(would))) - 2)  # two digits, rounded up: never below what was measured
    rounded = -(-int(would) // scale) * scale
    return f"pandas is ahead of Spark up to {rows[-1]:,} rows; Spark would win from about {rounded:,} on this machine"
