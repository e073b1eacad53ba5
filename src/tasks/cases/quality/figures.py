"""How well are faulty products told, are chances what they say, by which rules do products fail? The figures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.quality.features.inputs import parts_of
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

SHARES = np.linspace(0, 1, 6)
LONGEST = 46  # characters of a label
DRAWN_POINTS = 2_000
CHARTED = 600  # rows of a control chart that can be told apart


def cut(text: str, most: int = LONGEST) -> str:
    """Shorten a label."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _wrapped(text: str, most: int = LONGEST) -> str:
    """Break a label at blanks into lines."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


@styled
def curve_figure(curve: pd.DataFrame, value: float, simple: float, base: float, name: str, n: int) -> "Figure":
    """Draw precision against recall for the model and the simple baseline.

    Args:
        curve: `recall`, `precision`, `baseline`.
        value: average precision of the model.
        simple: that of the baseline.
        base: share of faulty products.
        name: of the baseline.
        n: products tested.
    """
    figure, axes = new_figure(WIDTH, 3.2)
    axes.plot(curve["recall"], curve["precision"], color=BLUE, label="model")
    axes.plot(curve["recall"], curve["baseline"], color=ORANGE, linestyle="--", label=name)
    axes.axhline(base, color=SOFT, linewidth=1, label="no model")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.03)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(SHARES, [percent(share) for share in SHARES])
    axes.set_xlabel("faulty products that are found (recall)")
    axes.set_ylabel("alarms that are right (precision)")
    axes.legend(loc="best", labelcolor=MUTED)
    set_title(
        axes,
        f"Average precision {value:.2f}, the simple model {simple:.2f}",
        f"{n:,} products that the model had not seen, {percent(base, 1)} of them faulty",
    )
    return figure


@styled
def rules_figure(rules: pd.DataFrame) -> "Figure":
    """Draw the share of faulty products under each told rule, with its interval, beside that of all products.

    Args:
        rules: the told ones: `rule`, `n`, `precision`, `low`, `high`, `base`.
    """
    labels = [_wrapped(f"{row.rule} ({row.n:,})") for row in rules.itertuples()]
    figure, axes = new_figure(WIDTH, 0.7 + sum(0.16 + 0.16 * (label.count("\n") + 1) for label in labels))
    if rules.empty:
        empty(axes, "no rule holds on the products that were kept aside")
        return figure
    for place, row in enumerate(rules.to_dict("records")):
        axes.plot([row["low"], row["high"]], [place, place], color=SOFT, linewidth=3, solid_capstyle="butt")
        axes.plot(row["precision"], place, "o", color=BLUE, markersize=6, markeredgecolor=INK, markeredgewidth=0.6)
    axes.axvline(float(rules["base"].iloc[0]), color=VERMILLION, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(rules)), labels)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(rules) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.set_xticks(SHARES, [percent(share) for share in SHARES])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("faulty products under the rule (dashed: all)")
    found = percent(float(rules["precision"].iloc[0]))
    set_title(
        axes,
        f"{len(rules)} rule{'s' * (len(rules) > 1)} hold on products kept aside; under the first, {found} are faulty",
        "number of products in brackets; bars: exact intervals",
    )
    return figure


@styled
def importance_figure(importance: pd.DataFrame, metric: str) -> "Figure":
    """Draw how much the model loses when one input is shuffled.

    Args:
        importance: `input`, `loss`, `spread`.
        metric: what it loses of.
    """
    shown = importance.head(12)
    figure, axes = new_figure(WIDTH, 0.7 + 0.26 * max(1, len(shown)))
    axes.barh(
        range(len(shown)),
        shown["loss"],
        xerr=shown["spread"],
        color=BLUE,
        height=0.6,
        error_kw={"ecolor": INK, "elinewidth": 1},
    )
    axes.set_yticks(range(len(shown)), [cut(str(name), 34) for name in shown["input"]])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"loss of {metric} when the input is shuffled")
    set_title(
        axes,
        f"The model rests most on {parts_of(str(shown['input'].iloc[0]))[0]}",
        "test products, five shuffles each; bars: standard deviation",
    )
    return figure


@styled
def chart_figure(
    points: pd.DataFrame, limits: dict[str, float | str], before: float, by_chance: float, p: float
) -> "Figure":
    """Draw the last rows of a control chart with its limits, alarms and failures.

    Args:
        points: `row`, `value`, `alarm`, `faulty`.
        limits: `input`, `centre`, `low`, `high`.
        before: share of failures that an alarm precedes.
        by_chance: that by chance.
        p: of that, corrected.
    """
    name, unit = parts_of(str(limits["input"]))
    figure, axes = new_figure(WIDTH, 2.8)
    shown = points.tail(CHARTED)
    axes.plot(shown["row"], shown["value"], color=SOFT, linewidth=0.7, rasterized=True)
    for mask, colour, marker, label in (
        (shown["alarm"], BLUE, "s", "alarm"),
        (shown["faulty"], VERMILLION, "D", "faulty"),
    ):
        axes.scatter(
            shown["row"][mask],
            shown["value"][mask],
            s=14,
            color=colour,
            marker=marker,
            linewidths=0,
            zorder=3,
            label=label,
            rasterized=True,
        )
    for end, style in (("low", "--"), ("centre", "-"), ("high", "--")):
        axes.axhline(float(limits[end]), color=INK, linewidth=0.9, linestyle=style)
    axes.set_xlabel("product, in order")
    axes.set_ylabel(cut(f"{name} ({unit})" if unit else name, 34))
    axes.margins(y=0.16)
    axes.legend(loc="upper right", ncols=2, labelcolor=MUTED, handletextpad=0.2, borderpad=0.1)
    told = "announces failures" if p < 0.05 else "does not announce failures"
    set_title(
        axes,
        f"The chart of {name} {told}: an alarm stands before {percent(before)} of the failures, by chance"
        f" before {percent(by_chance)}",
        "dashed: limits by the moving range; last training products",
    )
    return figure


@styled
def what_if_figure(curves: pd.DataFrame, what: str) -> "Figure":
    """Draw the answer for single products, and its mean, as one input takes other values.

    Args:
        curves: of one input: `value`, `product` (-1: the mean), `answer`.
        what: the answer, for the axis.
    """
    name, unit = parts_of(str(curves["input"].iloc[0]))
    figure, axes = new_figure(WIDTH, 2.6)
    for number, line in curves.groupby("product"):
        mean = int(str(number)) < 0
        axes.plot(
            line["value"],
            line["answer"],
            color=BLUE if mean else SOFT,
            linewidth=2.2 if mean else 0.5,
            zorder=3 if mean else 1,
            alpha=1 if mean else 0.7,
        )
    whole = curves[curves["product"] < 0]
    low, high = whole["answer"].min(), whole["answer"].max()
    if "chance" in what:
        ticks = [tick for tick in SHARES if tick <= max(0.2, curves["answer"].max() * 1.2)]
        axes.set_yticks(ticks, [percent(tick) for tick in ticks])
        told = f"{percent(low, 1)} to {percent(high, 1)}"
    else:
        told = f"{low:,.4g} to {high:,.4g}"
    at = whole["value"].iloc[int(np.argmax(whole["answer"]))]
    axes.set_xlabel(f"{name} ({unit})" if unit else name)
    axes.set_ylabel(what)
    set_title(
        axes,
        f"Over the values of {name} the mean answer runs from {told}, highest at {at:,.4g} {unit}".rstrip(),
        "blue: mean of 300 training products; grey: single ones",
    )
    return figure


@styled
def values_figure(y: np.ndarray, predictions: pd.DataFrame, rmse: float, simple: float, target: str) -> "Figure":
    """Draw measured against predicted values with the width of the intervals.

    Args:
        y: measured, (n,).
        predictions: `value`, `low`, `high`.
        rmse: of the model.
        simple: of the baseline.
        target: name of the column.
    """
    name, unit = parts_of(target)
    figure, axes = new_figure(WIDTH, 3.4)
    value = predictions["value"].to_numpy()
    order = np.argsort(value)
    axes.fill_between(
        value[order],
        predictions["low"].to_numpy()[order],
        predictions["high"].to_numpy()[order],
        color=SOFT,
        alpha=0.35,
        linewidth=0,
        label="90 % interval",
    )
    axes.scatter(value, y, s=9, color=BLUE, alpha=0.6, linewidths=0, rasterized=len(y) > DRAWN_POINTS)
    ends = [float(min(value.min(), y.min())), float(max(value.max(), y.max()))]
    axes.plot(ends, ends, color=INK, linewidth=1, linestyle="--", label="as predicted")
    axes.set_xlabel(f"predicted {name}" + f" ({unit})" * bool(unit))
    axes.set_ylabel(f"measured {name}" + f" ({unit})" * bool(unit))
    axes.legend(loc="upper left", labelcolor=MUTED)
    set_title(
        axes,
        f"The typical error is {rmse:,.3g} {unit}".rstrip() + f", the simple model's {simple:,.3g}",
        f"{len(y):,} products that the model had not seen",
    )
    return figure


@styled
def confusion_figure(y: np.ndarray, guess: np.ndarray, classes: list[str]) -> "Figure":
    """Draw which class is taken for which, as shares of each true class.

    Args:
        y: true classes, (n,).
        guess: those predicted, (n,).
        classes: their names.
    """
    figure, axes = new_figure(WIDTH, 0.9 + 0.3 * len(classes))
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (y.astype(int), guess.astype(int)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axes.text(column, row, percent(share), ha="center", va="center", color="#1f2328")
    axes.set_xticks(range(len(classes)), [cut(name, 10) for name in classes])
    axes.set_yticks(range(len(classes)), [cut(name, 18) for name in classes])
    axes.grid(visible=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    worst = int(np.argmin(np.diag(shares)))
    set_title(
        axes, f"{classes[worst]} is found least often: {percent(shares[worst, worst])}", "shares of each true class"
    )
    return figure
