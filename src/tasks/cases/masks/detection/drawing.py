"""How is a frame annotated? A box for each face: green for a mask worn properly, else red."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

Box = tuple[float, float, float, float]  # x, y, width, height
Corners = tuple[int, int, int, int]  # left, top, right, bottom

GREEN, RED = (46, 160, 67), (218, 54, 51)  # RGB
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
SCALES = (0.45, 0.36, 0.28)  # of the words, on a frame of 240 pixels


class _Place(NamedTuple):
    """Where words may stand."""

    corners: Corners
    scale: float
    thick: int
    high: int  # of the letters above their line


def colour_of(verdict: str) -> tuple[int, int, int]:
    """Return the colour of a verdict."""
    from tasks.cases.masks.ingestion import WITH

    return GREEN if verdict == WITH else RED


def draw_faces(frame: np.ndarray, faces: Iterable[tuple[Box, str, float]], written: Sequence[Corners] = ()) -> None:
    """Draw the box and the words of each face (box, verdict, confidence) into a frame, RGB uint8, in place.

    The words of a face stand above its box, or wherever they hide no other face and no other words; where there is no
    such place they are smaller, and at last where they hide least. `written` are the places of words that are to come.
    """
    import cv2

    height, width = frame.shape[:2]
    unit = max(1, round(min(height, width) / 240))
    marked = [(_corners(box, width, height), verdict, confidence) for box, verdict, confidence in faces]
    for (left, top, right, bottom), verdict, _ in marked:
        cv2.rectangle(frame, (left, top), (right, bottom), colour_of(verdict), 2 * unit)
    taken = [corners for corners, _, _ in marked]
    for number, (corners, verdict, confidence) in enumerate(marked):
        words = f"{verdict} {confidence:.0%}" if confidence < 0.995 else f"{verdict} >99%"  # none is certain
        others = [*taken[:number], *taken[number + 1 :], *written]
        places = [place for scale in SCALES for place in _places(corners, words, scale * unit, width, height)]
        best = min(places, key=lambda place: sum(_shared(place.corners, other) for other in others))
        x, y, *end = best.corners
        cv2.rectangle(frame, (x, y), (end[0], end[1]), colour_of(verdict), cv2.FILLED)
        origin = (x + unit, y + best.high + unit)
        cv2.putText(frame, words, origin, cv2.FONT_HERSHEY_SIMPLEX, best.scale, WHITE, best.thick, cv2.LINE_AA)
        taken.append(best.corners)


def _corners(box: Box, width: int, height: int) -> Corners:
    x, y, wide, high = box
    return max(0, round(x)), max(0, round(y)), min(width - 1, round(x + wide)), min(height - 1, round(y + high))


def _places(corners: Corners, words: str, scale: float, width: int, height: int) -> list[_Place]:
    """Return where words can stand at a scale: above the box and below it, from its left and up to its right."""
    import cv2

    unit, thick = max(1, round(min(height, width) / 240)), max(1, round(scale / SCALES[0]))
    (wide, high), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    wide, tall = wide + 2 * unit, high + below + 2 * unit
    left, top, right, bottom = corners
    found = []
    for y in (top - tall, bottom):
        for x in (left, right - wide):
            x, y = max(0, min(x, width - wide)), max(0, min(y, height - tall))
            found.append(_Place((x, y, x + wide, y + tall), scale, thick, high))
    return found


def _shared(one: Corners, other: Corners) -> int:
    """Return the pixels that two rectangles share."""
    wide, high = (min(one[at + 2], other[at + 2]) - max(one[at], other[at]) for at in (0, 1))
    return max(0, wide) * max(0, high)


def place_of_rate(frame: np.ndarray, words: str) -> Corners:
    """Return where `draw_rate` writes words."""
    import cv2

    unit = max(1, round(min(frame.shape[:2]) / 240))
    (wide, high), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, SCALES[0] * unit, unit)
    bottom = frame.shape[0] - unit
    return unit, bottom - high - below - 4 * unit, wide + 5 * unit, bottom


def draw_rate(frame: np.ndarray, words: str) -> None:
    """Write words (frames per second) into the lower left corner of a frame, RGB uint8, in place: white on black."""
    import cv2

    unit = max(1, round(min(frame.shape[:2]) / 240))
    left, top, right, bottom = place_of_rate(frame, words)
    below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, SCALES[0] * unit, unit)[1]
    cv2.rectangle(frame, (left, top), (right, bottom), BLACK, cv2.FILLED)
    at = (left + 2 * unit, bottom - below - 2 * unit)
    cv2.putText(frame, words, at, cv2.FONT_HERSHEY_SIMPLEX, SCALES[0] * unit, WHITE, unit, cv2.LINE_AA)
