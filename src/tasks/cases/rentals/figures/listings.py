"""Where are flats dear, how far do prices reach, and what goes with the price? Figures of the listings themselves."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.cases.rentals.figures.money import label, money
from tasks.figures.style import BLUE, GRID, INK, MUTED, VERMILLION, WIDTH, empty, new_figure, percent, set_title, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLOUD = 2_000  # points; more are drawn as a picture
MOST_POINTS = 30_000
SEED = 5
NARROW = 10  # characters of a line below a small panel
SCATTERED = ("price", "distance_km", "number_of_reviews", "availability_365", "minimum_nights")
CORRELATED = (
    "distance_km",
    "minimum_nights",
    "number_of_reviews",
    "reviews_per_month",
    "host_listings",
    "availability_365",
    "listing_number",
    "square_metres",
    "rooms",
    "guests",
)
LABELS = {
    "price": "price",
    "distance_km": "to the centre (km)",
    "number_of_reviews": "reviews",
    "reviews_per_month": "reviews per month",
    "availability_365": "free days a year",
    "minimum_nights": "minimum nights",
    "host_listings": "listings of the host",
    "listing_number": "number of the listing",
    "square_metres": "square metres (in the name)",
    "rooms": "rooms (in the name)",
    "guests": "guests (in the name)",
}


def _sampled(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(frame) <= most:
        return frame
    return frame.iloc[np.sort(np.random.default_rng(SEED).choice(len(frame), most, replace=False))]


@styled
def price_map(derived: pd.DataFrame, currency: str) -> "Figure":
    """Draw every listing where it lies, coloured by its price; dear ones on top.

    Args:
        derived: `longitude`, `latitude` (degrees), `price` (a night), `distance_km`.
        currency: of the prices; empty when it is not known.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter

    figure, axes = new_figure(WIDTH, 4.3)
    table = _sampled(derived[derived["price"] > 0], MOST_POINTS).sort_values("price", kind="stable")
    if table.empty:
        empty(axes, "no listing has a price")
        return figure
    low, high = np.maximum(table["price"].quantile([0.02, 0.98]).to_numpy(), 1.0)
    points = axes.scatter(
        table["longitude"],
        table["latitude"],
        c=table["price"],
        s=7 if len(table) <= CLOUD else 3,
        cmap="viridis",
        norm=LogNorm(low, max(high, low * 1.01)),
        linewidths=0,
        rasterized=len(table) > CLOUD,
    )
    axes.set_aspect(1 / np.cos(np.radians(float(table["latitude"].median()))))
    for limits, column in ((axes.set_xlim, "longitude"), (axes.set_ylim, "latitude")):
        left, right = table[column].quantile([0.002, 0.998])
        margin = max((right - left) * 0.04, 0.002)
        limits(left - margin, right + margin)
    axes.set_xlabel("longitude (degrees)")
    axes.set_ylabel("latitude (degrees)")
    bar = figure.colorbar(points, ax=axes, shrink=0.75, extend="both", label=label("price", currency, "a night"))
    steps = (step * 10.0**power for power in range(-1, 9) for step in (1, 2, 3, 5))
    ticks = [value for value in steps if low <= value <= high]
    bar.set_ticks(ticks)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    bar.ax.minorticks_off()
    set_title(axes, _map_finding(derived, currency), f"{len(table):,} listings, dear ones drawn last")
    return figure


def _map_finding(derived: pd.DataFrame, currency: str) -> str:
    near, far = derived["distance_km"].quantile([0.25, 0.75])
    inside = float(derived.loc[derived["distance_km"] <= near, "price"].median())
    outside = float(derived.loc[derived["distance_km"] >= far, "price"].median())
    return (
        f"Half of the flats within {near:.1f} km of the centre cost {money(inside, currency)} or more;"
        f" beyond {far:.1f} km it is {money(outside, currency)}"
    )


@styled
def price_tail(price: pd.Series, currency: str) -> "Figure":
    """Draw how many listings ask for at least a price, both axes logarithmic.

    Args:
        price: a night, (n,).
        currency: of the prices; empty when it is not known.
    """
    from matplotlib.ticker import FuncFormatter

    figure, axes = new_figure(WIDTH, 2.9)
    values = np.sort(price[price > 0].to_numpy(np.float64))
    if not len(values):
        empty(axes, "no listing has a price")
        return figure
    share = 1 - np.arange(len(values)) / len(values)
    axes.step(values, share, color=BLUE, where="pre")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.minorticks_off()
    axes.set_xlabel(label("price", currency, "a night, logarithmic scale"))
    axes.set_ylabel("listings that ask for at least that")
    edge = float(np.quantile(values, 0.99))
    axes.axvline(edge, color=VERMILLION, linestyle="--", linewidth=1.2)
    axes.annotate(
        f"1 % from {money(edge, currency)} on", (edge, 0.5), xytext=(5, 0), textcoords="offset points", color=INK
    )
    around = (values - values.mean()) ** 2
    dearest = around[-max(1, round(len(values) / 100)) :]
    carried = float(dearest.sum() / max(around.sum(), 1e-12))
    set_title(
        axes,
        f"The dearest 1 % of the flats make {percent(carried)} of the variance of the price",
        f"{len(values):,} listings; median {money(float(np.median(values)), currency)},"
        f" mean {money(float(values.mean()), currency)}, highest {money(values[-1], currency)}",
    )
    return figure


@styled
def scatter_matrix(derived: pd.DataFrame) -> "Figure":
    """Draw each pair of some columns against each other, ranks in place of values; histograms on the diagonal.

    Args:
        derived: the columns `SCATTERED`.
    """
    from matplotlib.figure import Figure

    table = _sampled(derived[list(SCATTERED)], CLOUD).rank(pct=True)
    figure = Figure(figsize=(WIDTH, 5.2))
    grid = figure.subplots(len(SCATTERED), len(SCATTERED))
    for row, down in enumerate(SCATTERED):
        for column, across in enumerate(SCATTERED):
            _panel(grid[row, column], table, derived, down, across)
            if row == len(SCATTERED) - 1:
                grid[row, column].set_xlabel(fill(LABELS[across], NARROW))
            if column == 0:
                grid[row, column].set_ylabel(fill(LABELS[down], NARROW))
    relation = derived[list(SCATTERED)].corr("spearman")["price"].drop("price")
    strongest = str(relation.abs().idxmax())
    set_title(
        grid[0, 0],
        f"Of these, {LABELS[strongest]} goes with the price most closely:"
        f" a rank correlation of {relation[strongest]:.2f}".replace("-", "−"),
        f"ranks of {len(table):,} listings; on the diagonal the distribution of the values to the 99th percentile",
    )
    return figure


def _panel(axes: "Axes", table: pd.DataFrame, derived: pd.DataFrame, down: str, across: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if down == across:
        values = derived[across]
        axes.hist(values[values <= values.quantile(0.99)], bins=20, color=MUTED)
        return
    axes.scatter(table[across], table[down], s=1.5, color=BLUE, linewidths=0, alpha=0.35, rasterized=True)


@styled
def correlations(derived: pd.DataFrame) -> "Figure":
    """Draw how closely each number goes with the price: correlation of values, and of ranks.

    Args:
        derived: `price` and the columns `CORRELATED`.
    """
    columns = [column for column in CORRELATED if derived[column].nunique() > 1]
    plain = derived[columns].corrwith(derived["price"])
    ranks = derived[columns].rank().corrwith(derived["price"].rank())
    order = ranks.abs().sort_values().index
    figure, axes = new_figure(WIDTH, 0.7 + 0.26 * len(order))
    places = np.arange(len(order))
    axes.hlines(places, 0, ranks[order], color=GRID, linewidth=2)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.plot(ranks[order], places, "o", color=BLUE, markersize=7, label="of ranks (Spearman)")
    axes.plot(plain[order], places, "D", color=VERMILLION, markersize=5, label="of values (Pearson)")
    axes.set_yticks(places, [LABELS[column] for column in order])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(-1, 1)
    axes.set_xlabel("correlation with the price")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2)
    best = order[-1]
    set_title(
        axes,
        f"{LABELS[best].capitalize()}: {ranks[best]:+.2f} by ranks, {plain[best]:+.2f} by values".replace("-", "−"),
        "a few very high prices can hide a relation from the correlation of values",
    )
    return figure
