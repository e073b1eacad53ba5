"""Where is the model right, where is it wrong, how did it learn, and is its sureness deserved? The figures."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.figures.style import (
    BLUE,
    CATEGORICAL,
    INK,
    MARKERS,
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
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CELLS = 20  # classes of a confusion matrix that can be read
MOST_BARS = 24
LONGEST = 22  # characters of a label
SHARES = np.linspace(0, 1, 6)


def confused_pairs(confusion: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Return the pairs of classes that are mixed up, the most frequent first: `given`, `told`, `count`, `share`."""
    rows, columns = np.nonzero(confusion * (1 - np.eye(len(classes), dtype=int)))
    names = np.array(classes, dtype=object)
    total = confusion.sum(axis=1)
    frame = pd.DataFrame(
        {
            "given": names[rows],
            "told": names[columns],
            "count": confusion[rows, columns],
            "share": confusion[rows, columns] / np.maximum(total[rows], 1),
        }
    )
    return frame.sort_values("count", ascending=False, kind="stable", ignore_index=True)


@styled
def confusion_figure(confusion: np.ndarray, classes: list[str]) -> "Figure":
    """Draw which class is told for which; of many classes the pairs that are mixed up most often.

    Args:
        confusion: (k, k) counts, rows are the classes as given.
        classes: k names.
    """
    right, total = int(np.trace(confusion)), int(confusion.sum())
    pairs = confused_pairs(confusion, classes)
    finding = f"{right:,} of {total:,} test pictures are told right"
    if len(pairs):
        first = pairs.iloc[0]
        finding += f"; most often {shorten(first['given'], LONGEST)} is taken for {shorten(first['told'], LONGEST)}"
    if len(classes) > MOST_CELLS:
        return _pairs_figure(pairs, finding, total)
    size = max(2.6, 0.31 * len(classes))
    figure, axes = new_figure(WIDTH, size)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        dark = shares[row, column] > 0.5
        axes.text(
            column, row, f"{confusion[row, column]:,}", ha="center", va="center", color="#ffffff" if dark else "#1f2328"
        )
    names = [shorten(name, LONGEST) for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), names)
    axes.grid(visible=False)
    axes.set_xlabel("told")
    axes.set_ylabel("given")
    set_title(axes, finding, "test pictures of each class; colour: share of the row")
    return figure


def _pairs_figure(pairs: pd.DataFrame, finding: str, total: int) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    shown = pairs.head(MOST_BARS // 2)
    figure, axes = new_figure(WIDTH, 0.7 + 0.22 * max(3, len(shown)))
    if shown.empty:
        empty(axes, "no class is mixed up with another")
    else:
        names = [
            f"{shorten(a, LONGEST)} → {shorten(b, LONGEST)}" for a, b in zip(shown["given"], shown["told"], strict=True)
        ]
        axes.barh(range(len(shown)), shown["count"], color=VERMILLION, height=0.6)
        axes.set_yticks(range(len(shown)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, float(shown["count"].max()) * 1.05)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"test pictures of {total:,}")
        axes.grid(visible=False, axis="y")
    set_title(axes, finding, "given class → told class")
    return figure


@styled
def curves_figure(histories: dict[str, pd.DataFrame]) -> "Figure":
    """Draw the accuracy of each network after each epoch, on pictures that it learns from and on others.

    Args:
        histories: rows with `epoch`, `accuracy` and, where pictures were kept aside, `validation_accuracy`.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(WIDTH, 2.8)
    finding = []
    for number, (name, rows) in enumerate(histories.items()):
        colour = CATEGORICAL[number % len(CATEGORICAL)]
        axes.plot(
            rows["epoch"],
            rows["accuracy"],
            color=colour,
            linestyle=":",
            marker=MARKERS[number],
            markersize=3,
            label=f"{name}, learned from (augmented)",
        )
        if "validation_accuracy" in rows:
            axes.plot(
                rows["epoch"],
                rows["validation_accuracy"],
                color=colour,
                marker=MARKERS[number],
                markersize=4,
                label=f"{name}, kept aside",
            )
            last = float(rows["validation_accuracy"].iloc[-1])
            finding.append(
                f"{name} reaches {percent(last, 1)} after {len(rows)} {'epoch' if len(rows) == 1 else 'epochs'}"
            )
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy")
    axes.set_xlim(0.5, max((len(rows) for rows in histories.values()), default=1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylim(0, 1.02)
    axes.set_yticks(SHARES, [percent(share) for share in SHARES])
    axes.legend(loc="lower right", labelcolor=MUTED)
    set_title(axes, "; ".join(finding) or "Accuracy by epoch", "on pictures kept aside, in the precision of training")
    return figure


@styled
def classes_figure(per_class: pd.DataFrame) -> "Figure":
    """Draw the share told right of each class with its interval; of many classes the best and the worst.

    Args:
        per_class: `class`, `n`, `recall`, `low`, `high`.
    """
    rows = per_class[per_class["n"] > 0].sort_values(["recall", "class"], ascending=[False, True], kind="stable")
    left = max(0, len(rows) - MOST_BARS)
    if left:
        rows = pd.concat([rows.head(MOST_BARS // 3), rows.tail(MOST_BARS - MOST_BARS // 3)])
    figure, axes = new_figure(WIDTH, 0.7 + 0.2 * len(rows))
    places = np.arange(len(rows))
    axes.hlines(places, rows["low"], rows["high"], color=SOFT, linewidth=3)
    axes.plot(rows["recall"], places, "o", color=BLUE, markersize=5, markeredgecolor=INK, markeredgewidth=0.6)
    axes.set_yticks(
        places, [f"{shorten(name, LONGEST)} ({n:,})" for name, n in zip(rows["class"], rows["n"], strict=True)]
    )
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks(SHARES, [percent(share) for share in SHARES])
    axes.set_xlabel("test pictures of the class told right (bars: exact 95 % intervals)")
    best, worst = rows.iloc[0], rows.iloc[-1]
    finding = (
        f"{shorten(best['class'], LONGEST)} is told best ({percent(best['recall'])}),"
        f" {shorten(worst['class'], LONGEST)} worst ({percent(worst['recall'])})"
        if best["recall"] > worst["recall"]
        else f"All classes are told right equally often ({percent(best['recall'])})"
    )
    set_title(axes, finding, f"class (test pictures){f'; {left} classes between are left out' if left else ''}")
    return figure


@styled
def scores_figure(rows: pd.DataFrame, title: str) -> "Figure":
    """Draw the chances of the likeliest classes of one picture.

    Args:
        rows: `class`, `chance`, `refused`, the likeliest first.
        title: what the picture is called.
    """
    figure, axes = new_figure(WIDTH, 0.6 + 0.22 * len(rows))
    refused = bool(rows["refused"].iloc[0])
    colours = [SOFT if refused else ORANGE if number == 0 else SOFT for number in range(len(rows))]
    axes.barh(range(len(rows)), rows["chance"], color=colours, height=0.62, edgecolor=INK, linewidth=0.5)
    for number, chance in enumerate(rows["chance"]):
        axes.text(float(chance) + 0.01, number, percent(float(chance), 1), va="center", color=MUTED)
    axes.set_yticks(range(len(rows)), [shorten(name, LONGEST) for name in rows["class"]])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_xticks(SHARES, [percent(share) for share in SHARES])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("chance")
    first: Any = rows.iloc[0]
    told = shorten(str(first["class"]), LONGEST)
    finding = f"none of these (nearest: {told})" if refused else f"{told}, {percent(float(first['chance']))}"
    set_title(axes, f"{shorten(title, 40)}: {finding}")
    return figure


@styled
def compared_figure(scored: list[dict[str, Any]], simple: float) -> "Figure":
    """Draw accuracy against training time of the architectures.

    Args:
        scored: `name`, `accuracy`, `accuracy_tta`, `seconds`.
        simple: accuracy of the simple model.
    """
    figure, axes = new_figure(WIDTH, 2.7)
    for number, row in enumerate(scored):
        axes.plot(
            row["seconds"],
            row["accuracy"],
            MARKERS[number % len(MARKERS)],
            markersize=8,
            color=CATEGORICAL[number % len(CATEGORICAL)],
            markeredgecolor=INK,
            label=row["name"],
        )
    axes.axhline(simple, color=SOFT, linestyle="--", label="simple model")
    axes.set_xlim(0, 1.15 * max(row["seconds"] for row in scored))
    axes.set_xlabel("seconds of training on this machine")
    axes.set_ylabel("accuracy on the test pictures")
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    axes.legend(loc="best", labelcolor=MUTED)
    best = max(scored, key=lambda row: row["accuracy"])
    quick = min(scored, key=lambda row: row["seconds"])
    finding = f"{best['name']} is right most often ({percent(best['accuracy'], 1)} in {best['seconds']:,.0f}\u202fs)"
    if quick["name"] != best["name"]:
        finding += f", {quick['name']} is quickest ({percent(quick['accuracy'], 1)} in {quick['seconds']:,.0f}\u202fs)"
    set_title(axes, finding, "accuracy against time of training")
    return figure
