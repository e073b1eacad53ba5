"""What has it cost so far and what will it, where did it go, what changed, what stands out, what is cheaper?"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.ingestion.needs import FULL_MONTH
from tasks.cases.cloud_costs.training import Forecast
from tasks.cases.cloud_costs.words import money, month_name
from tasks.figures.style import (
    BLUE,
    CATEGORICAL,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    SOFT,
    VERMILLION,
    WIDTH,
    empty,
    new_figure,
    set_title,
    styled,
)
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS, MOST_SERVICES = 10, 5


def cut(name: str, most: int = 32) -> str:
    """Return a name as long as a label may be."""
    return shorten(name, most)


def _amounts(axes: "Axes", code: str, horizontal: bool = False) -> None:
    axis = axes.xaxis if horizontal else axes.yaxis
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if abs(value) >= 10 or value == 0 else f"{value:,.3g}")
    (axes.set_xlabel if horizontal else axes.set_ylabel)(f"cost ({code})")


def _dates(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


@styled
def cumulated_figure(days: pd.DataFrame, forecast: Forecast | None, budget: float, code: str) -> "Figure":
    """Draw what the month has cost so far, what it will, and its budget.

    Args:
        days: `day`, `billed`, `effective`.
        forecast: of the month; None where there are too few days.
        budget: 0 for none.
        code: the currency.
    """
    figure, axes = new_figure(WIDTH, 2.9)
    last = days["day"].iloc[-1]
    month = days[days["day"] >= last.replace(day=1)]
    so_far = month["billed"].cumsum()
    axes.plot(month["day"], so_far, color=BLUE, label="billed so far", marker="o", markersize=3)
    axes.plot(month["day"], month["effective"].cumsum(), color=ORANGE, linestyle="-.", linewidth=1.2, label="effective")
    title = f"{month_name(f'{last:%Y-%m}')} has cost {money(so_far.iloc[-1], code)}"
    if forecast and forecast.days_left:
        ahead = pd.date_range(last, periods=forecast.days_left + 1, freq="D")
        grown = forecast.so_far + np.concatenate([[0.0], np.cumsum(forecast.daily)])
        grown[-1] = forecast.total
        wide = np.sqrt(np.arange(len(ahead)) / forecast.days_left)
        axes.plot(ahead, grown, color=BLUE, linestyle="--", label="forecast")
        axes.fill_between(
            ahead,
            grown - (forecast.total - forecast.low) * wide,
            grown + (forecast.high - forecast.total) * wide,
            color=SKY,
            alpha=0.3,
            linewidth=0,
        )
        title += f" so far and will have cost about {money(forecast.total, code)} at its end"
    if budget:
        axes.axhline(budget, color=VERMILLION, linewidth=1.2, linestyle=":", label="budget")
    axes.set_ylim(bottom=min(0.0, float(so_far.min())))
    axes.set_xlabel("day")
    axes.legend(loc="upper left", labelcolor=MUTED)
    _amounts(axes, code)
    _dates(axes)
    set_title(axes, title, "added up over the month; shaded: 95 % interval" if forecast and forecast.days_left else "")
    return figure


@styled
def daily_figure(daily: pd.DataFrame, code: str) -> "Figure":
    """Draw the effective cost of each day by service, the dearest ones apart.

    Args:
        daily: `day`, `service`, `effective`.
        code: the currency.
    """
    figure, axes = new_figure(WIDTH, 2.9)
    table = daily.pivot_table(index="day", columns="service", values="effective", aggfunc="sum", fill_value=0.0)
    order = table.sum().sort_values(ascending=False, kind="stable").index
    shown, rest = order[:MOST_SERVICES], order[MOST_SERVICES:]
    parts = {cut(str(name), 30): table[name].clip(lower=0) for name in shown}
    if len(rest):
        parts[f"{len(rest)} other{'s' * (len(rest) > 1)}"] = table[rest].sum(axis=1).clip(lower=0)
    bottom = np.zeros(len(table))
    for number, (name, values) in enumerate(parts.items()):
        colour = CATEGORICAL[number] if number < MOST_SERVICES else SOFT
        axes.bar(table.index, values, bottom=bottom, width=0.95, color=colour, label=name, linewidth=0)
        bottom = bottom + values.to_numpy()
    axes.set_xlabel("day")
    _amounts(axes, code)
    _dates(axes)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, labelcolor=MUTED)
    whole = table.clip(lower=0).sum()
    title = "Nothing was charged"
    if whole.sum() > 0:
        title = f"{cut(str(order[0]), 40)} takes {whole[order[0]] / whole.sum():.0%} of the effective cost"
    set_title(axes, title.replace("%", "\u202f%"), "effective cost a day, by service")
    return figure


@styled
def groups_figure(groups: pd.DataFrame, code: str) -> "Figure":
    """Draw billed and effective cost of the dearest services.

    Args:
        groups: of one kind: `name`, `billed`, `effective`.
        code: the currency.
    """
    shown = groups.head(MOST_BARS)
    figure, axes = new_figure(WIDTH, 0.9 + 0.34 * max(1, len(shown)))
    place = np.arange(len(shown))
    axes.barh(place - 0.18, shown["billed"], height=0.34, color=BLUE, label="billed")
    axes.barh(place + 0.18, shown["effective"], height=0.34, color=ORANGE, label="effective")
    axes.set_yticks(place, [cut(str(name)) for name in shown["name"]])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right", labelcolor=MUTED)
    _amounts(axes, code, horizontal=True)
    top = shown.iloc[0]
    set_title(
        axes,
        f"{cut(str(top['name']), 40)} was billed {money(top['billed'], code)}",
        f"the {len(shown)} dearest of {len(groups)}" if len(groups) > len(shown) else "",
    )
    return figure


@styled
def change_figure(parts: pd.DataFrame, before: str, now: str, code: str) -> "Figure":
    """Draw which resources cost more and which less than in the month before.

    Args:
        parts: `resource`, `change`, largest first.
        before: the month before.
        now: the month.
        code: the currency.
    """
    shown = parts[parts["change"].abs() > 0].head(MOST_BARS)
    figure, axes = new_figure(WIDTH, 0.9 + 0.27 * max(1, len(shown)))
    if shown.empty:
        empty(axes, "nothing costs more or less than before")
        return figure
    colours = [VERMILLION if change > 0 else GREEN for change in shown["change"]]
    axes.barh(range(len(shown)), shown["change"], color=colours, height=0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(shown)), [cut(str(name)) for name in shown["resource"]])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    _amounts(axes, code, horizontal=True)
    axes.set_xlabel(f"billed in {month_name(now)} more than in {month_name(before)} ({code})")
    top = shown.iloc[0]
    rose = "more" if top["change"] > 0 else "less"
    set_title(
        axes,
        f"{cut(str(top['resource']), 40)} cost {money(abs(top['change']), code)} {rose}",
        "the same days of both months",
    )
    return figure


@styled
def anomaly_figure(series: pd.DataFrame, event: dict[str, object], code: str) -> "Figure":
    """Draw the days of a resource that stands out.

    Args:
        series: of one resource: `day`, `cost`, `usual`.
        event: its row of the anomalies.
        code: the currency.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    first, last = pd.Timestamp(str(event["first"])), pd.Timestamp(str(event["last"]))
    inside = series["day"].between(first, last)
    axes.bar(series["day"], series["cost"], width=0.9, color=np.where(inside, VERMILLION, SOFT).tolist(), linewidth=0)
    axes.axhline(float(str(event["usual"])), color=INK, linewidth=1, linestyle="--")
    axes.set_xlabel("day")
    _amounts(axes, code)
    _dates(axes)
    title = (
        f"{cut(str(event['resource']), 40)} costs {money(float(str(event['cost'])), code)} a day since {first:%d %B}"
    )
    if not event["goes_on"]:
        when = f"on {first:%d %B}" if first == last else f"from {first:%d %B} to {last:%d %B}"
        title = f"{cut(str(event['resource']), 40)} cost {money(float(str(event['cost'])), code)} a day {when}"
    set_title(axes, title, f"dashed: {money(float(str(event['usual'])), code)}, as before; effective cost")
    return figure


@styled
def choice_figure(offers: pd.DataFrame, hours: float, words: str, code: str) -> "Figure":
    """Draw what the cheapest machine of each way to pay costs a month, by the hours of use.

    Args:
        offers: the cheapest of each model: `model`, `size`, `hourly`.
        hours: of use that were asked for.
        words: what was asked for.
        code: the currency.
    """
    figure, axes = new_figure(WIDTH, 2.9)
    use = np.array([0.0, FULL_MONTH])
    looks = {
        "pay-as-you-go": (BLUE, "-"),
        "spot": (SOFT, ":"),
        "reserved, 1 year": (VERMILLION, "--"),
        "reserved, 3 years": (GREEN, "--"),
        "savings plan, 1 year": (ORANGE, "-."),
        "savings plan, 3 years": (SKY, "-."),
    }
    for row in offers.to_dict("records"):
        colour, line = looks[str(row["model"])]
        fixed = row["model"] not in {"pay-as-you-go", "spot"}
        cost = np.full(2, row["hourly"] * FULL_MONTH) if fixed else row["hourly"] * use
        axes.plot(use, cost * row["machines"], color=colour, linestyle=line, label=f"{row['model']}: {row['size']}")
    axes.axvline(hours, color=INK, linewidth=0.8)
    axes.set_xlim(0, FULL_MONTH)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("hours of use a month (line: as asked for)")
    _amounts(axes, code)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1, labelcolor=MUTED)
    sure = offers[offers["model"] != "spot"]
    best = (sure if len(sure) else offers).sort_values("monthly", kind="stable").iloc[0]
    set_title(axes, f"{best['size']} for {money(best['monthly'], code)} a month, {best['model']}", shorten(words, 90))
    return figure
