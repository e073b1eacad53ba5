"""How reliable is each lift, and how good is a forecast of its state? The figures that answer it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILLION,
    WIDTH,
    empty,
    new_figure,
    percent,
    set_title,
    styled,
)
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

from tasks.cases.elevators.figures.network import RASTER, plural

SPANS = ((1, 1), (2, 2), (3, 3), (4, 7), (8, 14), (15, 10_000))  # days ahead


@styled
def least_reliable(table: pd.DataFrame, network: float, limit: int = 20) -> "Figure":
    """Draw the availability of the least reliable lifts: shrunk, raw, and its 95 % interval.

    Args:
        table: a row per lift: `label`, `shrunk`, `up` (raw share), `low`, `high`; NaN where none is known.
        network: mean availability of all lifts.
        limit: lifts to draw at most.
    """
    known = table.dropna(subset=["shrunk", "low", "high"])
    rows = known.sort_values(["shrunk", "label"], kind="stable").head(limit)
    figure, axes = new_figure(WIDTH, 1.1 + 0.215 * max(3, len(rows)))
    if rows.empty:
        empty(axes, "no lift was read often enough")
        return figure
    y = np.arange(len(rows))
    axes.hlines(y, rows["low"], rows["high"], color=BLUE, linewidth=2, label="95 % interval")
    axes.plot(rows["up"], y, "x", color=MUTED, markersize=5, markeredgewidth=1.4, label="share of its readings")
    axes.plot(
        rows["shrunk"], y, "o", color=BLUE, markersize=6, markeredgecolor=INK, markeredgewidth=0.6, label="estimate"
    )
    axes.axvline(network, color=INK, linestyle="--", linewidth=1, label=f"all lifts ({percent(network, 1)})")
    axes.set_yticks(y, [shorten(str(label), 34) for label in rows["label"]])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(min(0.98, float(np.nanmin([rows["low"].min(), rows["up"].min()])) - 0.02), 1.005)
    axes.xaxis.set_major_formatter(lambda value, _: percent(value))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("availability (share of time in order)")
    below, chance = int((known["high"] < network).sum()), 0.025 * len(known)
    average = f"the average of {percent(network, 1)}"
    set_title(
        axes,
        f"{plural(below, 'lift is', 'lifts are')} less reliable than {average}"
        if below > chance
        else f"No more lifts than by chance are less reliable than {average}",
        f"the {len(rows)} least reliable; {below:,} of {len(known):,} intervals lie below, by chance {chance:.0f}",
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.5 / max(1.0, 0.215 * len(rows))), ncols=2, labelcolor=MUTED)
    return figure


@styled
def all_intervals(table: pd.DataFrame) -> "Figure":
    """Draw the availability of every lift with its interval, in order.

    Args:
        table: a row per lift: `shrunk`, `up`, `low`, `high`.
    """
    known = table.dropna(subset=["shrunk", "low", "high"]).sort_values("shrunk", ignore_index=True)
    figure, axes = new_figure(WIDTH, 2.7)
    if known.empty:
        empty(axes, "no lift was read often enough")
        return figure
    raster = len(known) > RASTER
    axes.vlines(known.index, known["low"], known["high"], color=SKY, linewidth=1 if raster else 1.4, rasterized=raster)
    axes.plot(
        known.index, known["up"], ".", color=MUTED, markersize=3, rasterized=raster, label="share of its readings"
    )
    axes.plot(known.index, known["shrunk"], color=INK, linewidth=1.4, label="estimate (shrunk)")
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    axes.set_xlabel("lifts, from the least to the most reliable")
    axes.set_ylabel("availability")
    axes.set_ylim(max(0.0, float(known["low"].quantile(0.002)) - 0.05), 1.01)
    axes.legend(loc="lower right", labelcolor=MUTED)
    ends = known["shrunk"].quantile([0.05, 0.95])
    width = float((known["high"] - known["low"]).median())
    set_title(
        axes,
        f"Nine lifts in ten are in order between {percent(ends.iloc[0], 1)} and {percent(ends.iloc[1], 1)} of the time",
        f"95 % intervals (bars), half of them narrower than {100 * width:.1f} percentage points",
    )
    return figure


@styled
def forecasts_by_day(by_day: pd.DataFrame, chosen: str, names: dict[str, str]) -> "Figure":
    """Draw how far each forecast is off, by how far ahead it looks.

    Args:
        by_day: `horizon` (days), `n`, and the Brier score of each forecast.
        chosen: the forecast that the run uses.
        names: the forecasts to draw -> their names.
    """
    figure, axes = new_figure(WIDTH, 2.6)
    if by_day.empty:
        empty(axes, "no forecast was tested")
        return figure
    styles = {
        "markov": (BLUE, "-", "o"),
        "shrunk": (ORANGE, "-.", "s"),
        "raw": (MUTED, "--", "D"),
        "as_now": (VERMILLION, ":", "^"),
    }
    spans = _spans(by_day, list(names))
    for name, label in names.items():
        colour, line, marker = styles[name]
        axes.plot(
            range(len(spans)),
            spans[name],
            line,
            marker=marker,
            markersize=5,
            color=colour,
            label=label,
            linewidth=2 if name == chosen else 1.3,
            zorder=3 if name == chosen else 2,
        )
    axes.set_xticks(range(len(spans)), spans["span"].tolist())
    axes.set_ylim(0, None)
    axes.set_xlabel("days ahead")
    axes.set_ylabel("Brier score, lower is better")
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.24), ncols=2, labelcolor=MUTED)
    change = 1 - spans[chosen].iloc[0] / spans["raw"].iloc[0] if spans["raw"].iloc[0] > 0 else np.nan
    finding = "How far the forecasts are off"
    if np.isfinite(change):
        word = "less" if change >= 0 else "more"
        ahead = "For the next day" if spans["span"].iloc[0] == "1" else f"{spans['span'].iloc[0]} days ahead"
        finding = f"{ahead} the forecast errs {percent(abs(change))} {word} than each lift's share of readings"
    set_title(axes, finding, f"{int(by_day['n'].sum()):,} readings that the forecasts had not seen")
    return figure


def _spans(by_day: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Put days ahead together in spans, which hold ever more of them: `span`, and the mean score of each forecast."""
    rows = []
    for low, high in SPANS:
        part = by_day[by_day["horizon"].between(low, high)]
        if part["n"].sum():
            last = min(high, int(by_day["horizon"].max()))
            label = str(low) if low == last else f"{low} to {last}"
            rows.append({"span": label} | {name: np.average(part[name], weights=part["n"]) for name in names})
    return pd.DataFrame(rows)
