"""How many frames a second are judged, end to end, on this machine? A short film of one test face, in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tasks.cases.masks.detection.judge import Judge
from tasks.cases.masks.detection.look import watch
from tasks.cases.masks.detection.media import Looked
from tasks.cases.masks.training.model import Recognition
from tasks.platform.scratch import passing_folder
from tasks.platform.settings import settings
from tasks.platform.stage import stage

FRAMES, WIDTH, HEIGHT, FACE = 75, 640, 480, 240  # three seconds of a camera's usual picture, and pixels of the face


@stage(phase="Evaluation")
def measure_speed(
    wholes: np.ndarray, rows: np.ndarray, table: pd.DataFrame, lite8: bytes, known: Recognition
) -> dict[str, Any]:
    """Find, judge, draw and write the frames of a film with one face; what is measured once is kept.

    Args:
        wholes: pictures, uint8 (n, side, side, 3).
        rows: (m,) the test pictures.
        table: `found`, the score of each picture's face; the surest one is shown.
        lite8: the 8-bit model.
        known: what goes with it.

    Returns:
        As `look`: kind, name, frames, frames_per_second, most.
    """
    import cv2

    best = rows[int(table["found"].to_numpy()[rows].argmax())]
    face = cv2.resize(np.asarray(wholes[best]), (FACE, FACE), interpolation=cv2.INTER_LINEAR)

    def frames() -> Iterator[tuple[str, float, np.ndarray]]:
        for number in range(FRAMES):
            frame = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
            left = 60 + 4 * number
            frame[120 : 120 + FACE, left : left + FACE] = face[:, : WIDTH - left]
            yield f"frame {number + 1}", number / 25, frame

    looked = Looked("film", "a test picture that moves over 640 x 480 pixels", 25.0, frames())
    with passing_folder("film-") as folder:
        return watch(looked, Judge(lite8, known, settings().threads), known, folder).facts
