"""Where do the labels of points go so that none covers another?

Each label takes the first of its candidate places that is free: inside the axes, on no other label and on no marker.
When none is free it takes the least crowded one, or is left out.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.figures.style import settled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Offset from the point in units of the gap, and which corner of the text lies there.
BESIDE = (
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (0.8, 0.8, "left", "bottom"),
    (0.8, -0.8, "left", "top"),
    (-0.8, 0.8, "right", "bottom"),
    (-0.8, -0.8, "right", "top"),
    (0, 2.4, "center", "bottom"),
    (0, -2.4, "center", "top"),
)
# For the name of a group of points: clear of the group, else across it.
AROUND = (
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0.8, 0.8, "left", "bottom"),
    (-0.8, 0.8, "right", "bottom"),
    (0.8, -0.8, "left", "top"),
    (-0.8, -0.8, "right", "top"),
    (0, 0, "center", "center"),
    (0, 0.6, "center", "center"),
    (0, -0.6, "center", "center"),
)

Candidate = tuple[float, float, str, str]


def _boxes(point: np.ndarray, width: float, height: float, gap: float, candidates: Sequence[Candidate]) -> np.ndarray:
    """Return one box (left, bottom, right, top) in pixels for each candidate place, shape (candidates, 4)."""
    shift = {"left": 0.0, "bottom": 0.0, "center": -0.5, "right": -1.0, "top": -1.0}
    left = [point[0] + x * gap + shift[ha] * width for x, _, ha, _ in candidates]
    bottom = [point[1] + y * gap + shift[va] * height for _, y, _, va in candidates]
    corner = np.column_stack([left, bottom])
    return np.hstack([corner, corner + np.array([width, height])])


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the shared area of every box (n, 4) with every other (m, 4), shape (n, m)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)


def _costs(
    boxes: np.ndarray, frame: np.ndarray, markers: np.ndarray, taken: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each box what must not be (area on labels or outside), and what had better not be (on markers)."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    outside = area - overlap(boxes, frame[None])[:, 0]
    on_labels = overlap(boxes, np.vstack(taken)).sum(axis=1) if taken else np.zeros(len(boxes))
    return np.where(outside + on_labels < 1, 0, outside + on_labels), overlap(boxes, markers).sum(axis=1)


def place_labels(
    axes: "Axes",
    points: np.ndarray,
    texts: Sequence[str],
    *,
    gap: float | np.ndarray = 6.0,
    markers: np.ndarray | None = None,
    marker_radius: float = 4.0,
    candidates: Sequence[Candidate] = BESIDE,
    may_drop: bool = False,
    taken: list[np.ndarray] | None = None,
    **style: Any,
) -> list[int]:
    """Write `texts` beside `points` (n, 2, data coordinates), the first ones first.

    Args:
        gap: points (1/72 inch) between a point and its label, one for all or (n,).
        markers: (m, 2) positions that labels had better not cover; those of `points` when None.
        marker_radius: half the size of a marker in points.
        candidates: the places to try, best first.
        may_drop: leave a label out when it would cover another or leave the axes at every place.
        taken: boxes (1, 4) in pixels that are taken already; those of the labels written here are added.
        style: what `Axes.annotate` takes for each text.

    Returns:
        The numbers of the texts that were written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = settled(axes)
    renderer = FigureCanvasAgg(figure).get_renderer()
    pixel = renderer.dpi / 72
    frame = np.array(axes.get_window_extent(renderer).extents)
    around = axes.transData.transform(points if markers is None else markers).reshape(-1, 2)
    blocked = np.hstack([around - marker_radius * pixel, around + marker_radius * pixel])
    gaps = np.broadcast_to(np.asarray(gap, float), len(points))
    taken = [] if taken is None else taken
    written = []
    for number, (point, text) in enumerate(zip(axes.transData.transform(points), texts, strict=True)):
        label = axes.annotate(text, points[number], xytext=(0, 0), textcoords="offset points", **style)
        size = label.get_window_extent(renderer)
        boxes = _boxes(point, size.width + 2 * pixel, size.height, gaps[number] * pixel, candidates)
        hard, soft = _costs(boxes, frame, blocked, taken)
        best = int(np.argmin(hard * 1000 + soft))
        if may_drop and hard[best] > 0:
            label.remove()
            continue
        x, y, ha, va = candidates[best]
        label.set(position=(x * gaps[number], y * gaps[number]), ha=ha, va=va, gid=f"halo-label-{number}")
        taken.append(boxes[best][None])
        written.append(number)
    return written
