"""What does a collection of pictures look like, and what is on a picture? The figures that answer it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.figures.labels import AROUND, overlap, place_labels
from tasks.figures.style import (
    BLUE,
    CATEGORICAL,
    INK,
    MUTED,
    PAPER,
    SOFT,
    VERMILLION,
    WIDTH,
    empty,
    new_figure,
    percent,
    set_title,
    settled,
    styled,
)
from tasks.platform.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_LABELS = 12  # six colours in two shapes are the most that one can tell apart
MOST_NAMES = 24
THUMBNAIL = 27  # points
GAP = 4  # points between a thumbnail and its own point
AROUND_POINT = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], float)
DRAWN_ONE_BY_ONE = 1500  # more points than this go into one image, so that the SVG stays small


@styled
def class_scores(scores: Sequence[tuple[str, float]], top: int = 8) -> "Figure":
    """Draw what a classifier calls a picture: the `top` names with the highest scores, as horizontal bars.

    Args:
        scores: (name, score) pairs, scores 0 to 1, in any order.
        top: bars to draw at most.
    """
    best = sorted(((name, score) for name, score in scores if np.isfinite(score)), key=lambda pair: -pair[1])[:top]
    figure, axes = new_figure(WIDTH, 0.2 + 0.27 * max(1, len(best)))
    if not best:
        empty(axes, "no scores")
        return figure
    values = [score for _, score in best]
    axes.barh(range(len(best)), values, height=0.62, color=[BLUE] + [SOFT] * (len(best) - 1))
    widest = max(*values, 1e-9)
    for place, value in enumerate(values):
        axes.text(
            value + widest * 0.015,
            place,
            percent(value, 1) if value >= 0.001 else "< 0.1\u202f%",
            va="center",
            color=INK,
        )
    axes.set_yticks(range(len(best)), [shorten(name, 30) for name, _ in best])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(best) - 0.4, -0.6)
    axes.set_xlim(0, widest * 1.16)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    set_title(axes, f"ImageNet’s best guess: {shorten(best[0][0], 36)} ({percent(best[0][1])})")
    return figure


def _by_size(labels: Sequence[str]) -> list[str]:
    """Return the labels, the largest first, without the empty one."""
    counts = Counter(label for label in labels if label)
    return sorted(counts, key=lambda label: (-counts[label], label))


def _middle(xy: np.ndarray) -> np.ndarray:
    """Return the member of `xy` (n, 2) that is nearest to the group's median: a place where the group really is."""
    return xy[np.argmin(((xy - np.median(xy, axis=0)) ** 2).sum(axis=1))]


def _bounds(axes: "Axes", xy: np.ndarray) -> None:
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = np.maximum((high - low) * 0.07, 1e-3 + np.abs(high) * 1e-6)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _points(axes: "Axes", xy: np.ndarray, labels: Sequence[str], coloured: Sequence[str]) -> None:
    """Draw one dot per picture; the rest in grey first, then the coloured labels, each in a colour and shape."""
    rasterized = len(xy) > DRAWN_ONE_BY_ONE
    size = float(np.clip(6000 / max(1, len(xy)), 2, 16))
    place = {label: number for number, label in enumerate(coloured)}
    group = np.array([place.get(label, -1) for label in labels], int)
    for number in range(-1, len(coloured)):
        members = xy[group == number]
        if len(members):
            colour = SOFT if number < 0 else CATEGORICAL[number % len(CATEGORICAL)]
            shape = "o" if number < len(CATEGORICAL) else "^"
            axes.scatter(
                members[:, 0],
                members[:, 1],
                s=size,
                color=colour,
                marker=shape,
                linewidths=0,
                rasterized=rasterized,
                alpha=0.65 if number < 0 else 0.85,
                zorder=1 if number < 0 else 2,
            )


def _thumbnails(
    axes: "Axes", xy: np.ndarray, pictures: Mapping[int, np.ndarray], limit: int, marks: np.ndarray
) -> list[np.ndarray]:
    """Show pictures (number -> (h, w, 3) uint8) beside their points, as many as cover no point and no `marks`.

    Returns:
        Their boxes in pixels, (1, 4) each.
    """
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    settled(axes)
    pixel = axes.figure.dpi / 72
    half = THUMBNAIL / 2 * pixel
    spots = axes.transData.transform(np.vstack([xy[np.isfinite(xy).all(axis=1)], *[marks] * bool(len(marks))]))
    room = np.array(axes.get_window_extent().extents)
    boxes: list[np.ndarray] = []
    for number, picture in pictures.items():
        if len(boxes) >= limit:
            break
        centre = axes.transData.transform(xy[number])
        for step in (half + GAP * pixel) * AROUND_POINT:
            box = np.concatenate([centre + step - half, centre + step + half])[None]
            if _is_free(box, spots, boxes, room):
                image = OffsetImage(
                    picture, zoom=THUMBNAIL / max(picture.shape[:2]), interpolation="antialiased", dpi_cor=True
                )
                across, down = (float(part) for part in step / pixel)
                axes.add_artist(
                    AnnotationBbox(
                        image, xy[number], (across, down), boxcoords="offset points", frameon=False, pad=0, zorder=2.5
                    )
                )
                boxes.append(box)
                break
    return boxes


def _is_free(box: np.ndarray, spots: np.ndarray, boxes: list[np.ndarray], room: np.ndarray) -> bool:
    """Tell whether a box (1, 4) lies in the room and covers neither a spot (n, 2) nor another box."""
    low, high = box[0, :2], box[0, 2:]
    covers = ((spots > low - 2) & (spots < high + 2)).all(axis=1).any()
    inside = (low >= room[:2]).all() and (high <= room[2:]).all()
    return bool(inside and not covers and (not boxes or overlap(box, np.vstack(boxes)).sum() <= 0))


def _map_finding(labels: Sequence[str], neighbours: Sequence[int]) -> str:
    named = [labels[number] for number in neighbours if labels[number]]
    if not named:
        return f"{len(labels):,} pictures; near to each other means alike"
    label, count = Counter(named).most_common(1)[0]
    name = shorten(label, 26)
    if count == len(neighbours):
        return (
            f"All {count} neighbours of the query are “{name}”"
            if count > 1
            else f"The neighbour of the query is “{name}”"
        )
    return f"{count} of {len(neighbours)} neighbours of the query are “{name}”"


def _mark_query(axes: "Axes", query: np.ndarray, neighbours: np.ndarray) -> None:
    axes.scatter(neighbours[:, 0], neighbours[:, 1], s=42, facecolors="none", edgecolors=INK, linewidths=0.9, zorder=4)
    axes.scatter(
        query[:, 0], query[:, 1], s=210, marker="*", color=VERMILLION, edgecolors=PAPER, linewidths=1, zorder=5
    )


@styled
def collection_map(
    xy: np.ndarray,
    labels: Sequence[str],
    query_xy: np.ndarray | None = None,
    neighbours: Sequence[int] = (),
    thumbnails: Mapping[int, np.ndarray] | None = None,
    most_thumbnails: int = 60,
) -> "Figure":
    """Draw the collection as a map: one dot per picture, the labels on their groups, the query as a star.

    Up to twelve labels have a colour and shape each; of more labels the twelve largest, the rest is grey. Names are
    written where there is room. Above 1,500 pictures the dots are one image inside the SVG.

    Args:
        xy: (n, 2) coordinates, such as those of `tasks.features.projection`; rows that are not finite are left out.
        labels: n labels, "" where there is none.
        query_xy: (m, 2) coordinates of the query pictures.
        neighbours: numbers (rows of `xy`) of the query's neighbours; they get a ring.
        thumbnails: number -> (h, w, 3) uint8 small picture; the first ones take precedence where room is short.
        most_thumbnails: pictures to show at most.

    Raises:
        ValueError: `labels` has not one entry for each row of `xy`.
    """
    if len(xy) != len(labels):
        raise ValueError(f"{len(labels)} labels for {len(xy)} pictures")
    figure, axes = new_figure(WIDTH, 4.6)
    positions = np.asarray(xy, float).reshape(-1, 2)
    kept = np.isfinite(positions).all(axis=1)
    query = np.empty((0, 2)) if query_xy is None else np.asarray(query_xy, float).reshape(-1, 2)
    query = query[np.isfinite(query).all(axis=1)]
    if not kept.any():
        empty(axes, "the collection has no pictures to map")
        return figure
    _bounds(axes, np.vstack([positions[kept], query]))
    shown = [label for label, is_kept in zip(labels, kept, strict=True) if is_kept]
    names = _by_size(shown)
    _points(axes, positions[kept], shown, names[:FEW_LABELS])
    ringed = positions[[number for number in neighbours if kept[number]]].reshape(-1, 2)
    _mark_query(axes, query, ringed)
    legend = "star: the query; rings: its neighbours" if len(query) else ""
    set_title(axes, _map_finding(labels, list(neighbours)), legend)
    chosen = {number: picture for number, picture in (thumbnails or {}).items() if kept[number]}
    marks = np.vstack([query, ringed])
    taken = _thumbnails(axes, positions, chosen, most_thumbnails, marks)
    _write_names(axes, positions[kept], shown, names, marks, taken)
    return figure


def _reach(axes: "Axes", members: np.ndarray, centre: np.ndarray) -> float:
    """Return how far, in points, a group reaches from its centre: nine tenths of it lie nearer."""
    pixels = axes.transData.transform(members) - axes.transData.transform(centre)
    return float(np.quantile(np.hypot(*pixels.T), 0.9)) * 72 / axes.figure.dpi


def _write_names(
    axes: "Axes", xy: np.ndarray, shown: Sequence[str], names: Sequence[str], marks: np.ndarray, taken: list[np.ndarray]
) -> None:
    """Write each label beside its group, the large ones first; where there is no room it is left out."""
    settled(axes)
    of = np.array(shown, object)
    least = THUMBNAIL / 2 if taken else 4.0
    step = max(1, len(xy) // DRAWN_ONE_BY_ONE)
    markers = np.vstack([xy[::step], np.repeat(marks, 4, axis=0)])
    for start, stop, colour in ((0, FEW_LABELS, INK), (FEW_LABELS, MOST_NAMES, MUTED)):
        part = names[start:stop]
        if part:
            groups = [xy[of == name] for name in part]
            centres = np.array([_middle(members) for members in groups])
            reach = [_reach(axes, members, centre) for members, centre in zip(groups, centres, strict=True)]
            place_labels(
                axes,
                centres,
                [shorten(name, 24) for name in part],
                gap=np.clip(reach, least, 32) + 4,
                markers=markers,
                marker_radius=2.5,
                candidates=AROUND,
                may_drop=True,
                taken=taken,
                color=colour,
                fontsize=9,
                fontweight="bold" if start == 0 else "normal",
                zorder=6,
            )
