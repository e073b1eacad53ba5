"""How is a frame annotated? A box for each face: green for a mask worn properly, else red."""

import numpy as np

GREEN, RED = (46, 160, 67), (218, 54, 51)  # RGB
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def colour_of(verdict: str) -> tuple[int, int, int]:
    """Return the colour of a verdict."""
    from tasks.cases.masks.ingestion import WITH

    return GREEN if verdict == WITH else RED


def draw_box(frame: np.ndarray, box: tuple[float, float, float, float], verdict: str, confidence: float) -> None:
    """Draw a face's box and words into a frame, RGB uint8, in place."""
    import cv2

    colour = colour_of(verdict)
    height, width = frame.shape[:2]
    unit = max(1, round(min(height, width) / 240))
    x, y = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(width - 1, round(box[0] + box[2])), min(height - 1, round(box[1] + box[3]))
    cv2.rectangle(frame, (x, y), (right, bottom), colour, 2 * unit)
    words = f"{verdict} {confidence:.0%}" if confidence < 0.995 else f"{verdict} >99%"  # none is certain
    scale = 0.45 * unit
    (wide, high), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, unit)
    top = y - high - below - 2 * unit
    top = top if top >= 0 else min(bottom, height - high - below - 2 * unit)
    left = max(0, min(x, width - wide - 2 * unit))
    cv2.rectangle(frame, (left, top), (left + wide + 2 * unit, top + high + below + 2 * unit), colour, cv2.FILLED)
    cv2.putText(
        frame, words, (left + unit, top + high + unit), cv2.FONT_HERSHEY_SIMPLEX, scale, WHITE, unit, cv2.LINE_AA
    )


def draw_rate(frame: np.ndarray, words: str) -> None:
    """Write words (frames per second) into the lower left corner of a frame, RGB uint8, in place."""
    import cv2

    unit = max(1, round(min(frame.shape[:2]) / 240))
    place = (4 * unit, frame.shape[0] - 5 * unit)
    for colour, thick in ((BLACK, 3 * unit), (WHITE, unit)):
        cv2.putText(frame, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * unit, colour, thick, cv2.LINE_AA)
