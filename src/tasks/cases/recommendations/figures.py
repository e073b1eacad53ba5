"""Are the lists and the stars better than the obvious, for which films, and with which settings? The figures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    CATEGORICAL,
    INK,
    MARKERS,
    MUTED,
    SOFT,
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

LIST_NAMES = {
    "ease": "EASE, films that go together",
    "als": "ALS on what was watched",
    "knn": "neighbours of the films watched",
    "popularity": "most liked films",
    "all_time": "most liked of all times",
    "explicit": "highest predicted stars",
    "item_mean": "best films by bias",
}
SHORT_NAMES = {"ease": "EASE", "als": "ALS", "knn": "neighbours of films", "popularity": "the most liked films"}
STAR_NAMES = {
    "als": "biases and ALS",
    "biases": "user and film biases",
    "item_mean": "mean of the film",
    "mean": "mean of all ratings",
}


def _dots(axes: "Axes", names: list[str], values: np.ndarray, low: np.ndarray, high: np.ndarray, best: int) -> None:
    """Draw a dot with its interval on a line for each name; the best is set off."""
    places = np.arange(len(names))
    for place in places:
        colour, marker = (BLUE, "o") if place == best else (MUTED, "D")
        axes.plot([low[place], high[place]], [place, place], color=colour, linewidth=2, zorder=2)
        axes.plot(
            values[place], place, marker, color=colour, markersize=7, markeredgecolor=INK, zorder=3, markeredgewidth=0.6
        )
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


@styled
def list_quality(
    lists: pd.DataFrame, made: str, gain: tuple[float, float, float], users: int, relevant: float
) -> "Figure":
    """Draw NDCG@10 of every method with its interval.

    Args:
        lists: `method`, `ndcg`, `low`, `high`.
        made: the method of the lists that are published.
        gain: of that method over popularity, with its interval.
        users: that were tested.
        relevant: stars from which a film is liked.
    """
    figure, axes = new_figure(WIDTH, 2.5)
    table = lists.sort_values("ndcg", ascending=False, kind="stable")
    names = [LIST_NAMES[name] for name in table["method"]]
    ndcg, low, high = (table[name].to_numpy(float) for name in ("ndcg", "low", "high"))
    _dots(axes, names, ndcg, low, high, list(table["method"]).index(made))
    axes.set_xlim(left=0)
    axes.set_xlabel("NDCG@10 (1: the perfect list)")
    finding = _list_finding(lists.set_index("method")["ndcg"], made, gain)
    set_title(axes, finding, f"{users:,} users; liked: {relevant:g} stars or more in the test part; 95 % intervals")
    return figure


def _list_finding(ndcg: pd.Series, made: str, gain: tuple[float, float, float]) -> str:
    """Say in a sentence how the published lists and popularity compare."""
    who = SHORT_NAMES[made]
    if made == "popularity":
        return "Nothing makes better lists on the validation ratings than the most liked films"
    if gain[2] < 0:
        return f"The most liked films make better lists than {who}"
    if gain[1] <= 0:
        return f"Lists by {who} are not certainly better than the most liked films"
    ratio = ndcg[made] / ndcg["popularity"] if ndcg["popularity"] > 0 else np.inf
    times = f"{ratio:.1f} times as good as" if 1.15 <= ratio < np.inf else "better than"
    return f"Lists by {who} are {times} the most liked films"


@styled
def star_errors(stars: pd.DataFrame, ratings: int, best: str, simple: str) -> "Figure":
    """Draw the RMSE of every method with its interval.

    Args:
        stars: `method`, `rmse`, `low`, `high`.
        ratings: that were tested.
        best: the method that is used.
        simple: the best simple one.
    """
    figure, axes = new_figure(WIDTH, 1.9)
    table = stars.sort_values("rmse", kind="stable")
    names = [STAR_NAMES[name] for name in table["method"]]
    values, low, high = (table[name].to_numpy(float) for name in ("rmse", "low", "high"))
    _dots(axes, names, values, low, high, list(table["method"]).index(best))
    axes.set_xlabel("RMSE of the predicted rating, stars (smaller is better)")
    finding = _star_finding(stars.set_index("method")["rmse"], best, simple)
    set_title(axes, finding, f"{ratings:,} ratings held out; 95 % intervals, whole users drawn")
    return figure


def _star_finding(rmse: pd.Series, best: str, simple: str) -> str:
    """Say in a sentence what taste takes off the error of the best simple prediction."""
    if best != "als":
        return f"Nothing predicts stars better on the validation ratings than the {STAR_NAMES[best]}"
    taste = 1 - rmse["als"] / rmse[simple]
    if taste <= 0:
        return f"Factors for taste do not lower the error of the {STAR_NAMES[simple]}"
    return f"Factors for taste take {percent(taste, 1)} off the error of the {STAR_NAMES[simple]}"


@styled
def error_bands(bands: pd.DataFrame) -> "Figure":
    """Draw the RMSE of every method by how often the film was rated in training.

    Args:
        bands: `band`, `ratings`, and the RMSE of each method.
    """
    figure, axes = new_figure(WIDTH, 2.7)
    places = np.arange(len(bands))
    for name, colour, marker, line in zip(STAR_NAMES, CATEGORICAL, MARKERS, ("-", "--", ":", "-."), strict=False):
        axes.plot(places, bands[name], line, marker=marker, color=colour, label=STAR_NAMES[name], markersize=6)
    labels = [f"{band}\n({count:,})" for band, count in zip(bands["band"], bands["ratings"], strict=True)]
    axes.set_xticks(places, labels)
    axes.set_xlabel("training ratings of the film (in brackets: test ratings)")
    axes.set_ylabel("RMSE, stars")
    axes.legend(labelcolor=MUTED, loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=2)
    if len(bands) < 2:
        finding = "All tested films have about as many ratings"
    else:
        saved = (bands["item_mean"] - bands["als"]).to_numpy()
        where = bands["band"].iloc[int(saved.argmax())]
        finding = f"Most is gained over film means for films with {where.replace('none', 'no')} training ratings"
        finding = finding if saved.max() > 0 else "Nothing is gained over film means, however often a film was rated"
    set_title(axes, finding, f"{bands['ratings'].sum():,} ratings held out, by how often their film was rated before")
    return figure


@styled
def search_figure(table: pd.DataFrame, score: str) -> "Figure":
    """Draw the validation score of every setting that was tried.

    Args:
        table: `rank`, `regularisation`, `alpha`, `others` and the score.
        score: rmse (smaller is better) or ndcg (larger is better).
    """
    figure, axes = new_figure(WIDTH, 2.5)
    if table.empty:
        empty(axes, "no settings were tried")
        return figure
    keys = [name for name in ("regularisation", "alpha", "others") if table[name].nunique() > 1] or ["regularisation"]
    short = {"regularisation": "regularisation", "alpha": "confidence", "others": "not liked"}
    for number, (values, part) in enumerate(table.groupby(keys, sort=True)):
        part = part.sort_values("rank")
        label = ", ".join(f"{short[key]} {value:g}" for key, value in zip(keys, values, strict=True))
        colour, marker = CATEGORICAL[number % 6], MARKERS[number % 6]
        line = ("-", "--", ":", "-.")[number // 6 % 4]
        axes.plot(part["rank"], part[score], line, marker=marker, color=colour, label=label, markersize=5)
    axes.set_xscale("log", base=2)
    ranks = sorted(table["rank"].unique())
    axes.set_xticks(ranks, [str(rank) for rank in ranks])
    axes.minorticks_off()
    axes.set_xlabel("rank (number of factors)")
    axes.set_ylabel("RMSE, stars" if score == "rmse" else "NDCG@10")
    best = table.loc[table[score].idxmin() if score == "rmse" else table[score].idxmax()]
    if table[keys].drop_duplicates().shape[0] <= 8:
        axes.legend(labelcolor=MUTED, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
    what = "stars" if score == "rmse" else "lists"
    set_title(
        axes,
        f"For {what}, rank {best['rank']:.0f} does best among {len(table)} settings",
        "measured on validation ratings, which are taken from the training part",
    )
    return figure


@styled
def list_spread(shown: pd.DataFrame, made: str) -> "Figure":
    """Draw which share of all places on lists the most watched films take, for two methods.

    Args:
        shown: a row per film: `watched`, and on how many lists of each method it is.
        made: the method of the lists that are published.
    """
    figure, axes = new_figure(WIDTH, 2.7)
    table = shown[shown["watched"] > 0].sort_values("watched", ascending=False, kind="stable")
    share = np.arange(1, len(table) + 1) / max(1, len(table))
    lines = (
        ("watched", SOFT, "-", "ratings in training"),
        ("popularity", CATEGORICAL[1], "--", "lists of most liked"),
        (made, BLUE, "-", "the lists published"),
    )
    for name, colour, line, label in lines:
        total = max(1, table[name].sum())
        axes.plot(share, table[name].cumsum() / total, line, color=colour, label=label)
    axes.set_xscale("log")
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0) if tick >= share[0] / 2]
    axes.set_xticks(ticks, [percent(tick, 1 if tick < 0.01 else 0) for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks([0, 0.5, 1], [percent(tick) for tick in (0, 0.5, 1)])
    axes.set_xlabel("most watched films, share of all films (logarithmic)")
    axes.set_ylabel("share of all places")
    axes.legend(labelcolor=MUTED)
    ours, theirs = ((table[name] > 0).sum() for name in (made, "popularity"))
    set_title(
        axes,
        f"The lists show {ours:,} different films, those of the most liked {theirs:,}",
        f"of {len(table):,} films that could be recommended",
    )
    return figure
