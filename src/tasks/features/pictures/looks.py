"""What is on a picture, small enough to be compared with thousands: grey values with and without the border, colours.

A look hardly changes when a picture is compressed, scaled or given a border of one tone. What is taken for a border may
belong to the picture, such as the wall behind a vase, so the whole is kept too. Whether one picture is
another one turned, mirrored or cut is told from looks by `tasks.features.pictures.alignment`.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from tasks.features.pictures.embedding import Work, each_content
from tasks.ingestion.pictures.decoding import decoder_digest
from tasks.platform.memo import Memo
from tasks.platform.scratch import scratch_array
from tasks.platform.stage import Unkeyed, stage

SEEN = 96  # pixels of a side that the border is looked for in
SIDE, COLOURS = 64, 8  # pixels of a side of what is kept: grey values, and colours
MOST_BORDER = 0.3  # of a side
EVEN, STEADY = 24, 16  # grey values that a line of the border spans at most, and may be off its first line
LENGTH = 2 * SIDE**2 + 3 * COLOURS**2 + 2


class Looks(NamedTuple):
    """The looks of pictures, apart."""

    grey: np.ndarray  # uint8 (n, 2, SIDE, SIDE), without the border and with it, the sides stretched as need be
    colours: np.ndarray  # uint8 (n, COLOURS, COLOURS, 3)
    left: np.ndarray  # float (n, 2), shares of width and height that are left without the border


def look(pictures: Sequence[Image.Image]) -> np.ndarray:
    """Return the looks of pictures of SEEN x SEEN pixels, uint8 (n, LENGTH)."""
    import cv2

    rows = np.empty((len(pictures), LENGTH), np.uint8)
    for row, picture in zip(rows, pictures, strict=True):
        rgb, grey = np.asarray(picture), np.asarray(picture.convert("L"))
        top, bottom = _border(grey)
        left, right = _border(grey.T)
        inside = (slice(top, bottom), slice(left, right))
        for part, seen in enumerate((grey[inside], grey)):
            small = cv2.resize(seen, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            row[part * SIDE**2 : (part + 1) * SIDE**2] = small.ravel()
        row[2 * SIDE**2 : -2] = cv2.resize(rgb[inside], (COLOURS, COLOURS), interpolation=cv2.INTER_AREA).ravel()
        row[-2:] = np.rint(255 * np.array([right - left, bottom - top]) / SEEN)
    return rows


def apart(rows: np.ndarray) -> Looks:
    """Return the parts of looks (n, LENGTH)."""
    grey = rows[:, : 2 * SIDE**2].reshape(-1, 2, SIDE, SIDE)
    return Looks(grey, rows[:, 2 * SIDE**2 : -2].reshape(-1, COLOURS, COLOURS, 3), rows[:, -2:] / 255)


@stage(phase="Data preparation")
def look_at_pictures(manifest: pd.DataFrame, source: Annotated[str, Unkeyed]) -> np.ndarray:
    """Return the looks of a collection, uint8 (n, LENGTH), each content looked at once and remembered.

    Args:
        manifest: with the columns `path` and `id`, n rows.
        source: folder or archive of the pictures.

    Raises:
        CasebookError: a picture is gone, or is not the one of the manifest any more.
    """
    rows = scratch_array((len(manifest), LENGTH), np.uint8)
    digest = hashlib.sha256(Path(__file__).read_bytes() + decoder_digest().encode()).hexdigest()
    each_content(manifest, source, Memo(f"looks/{digest[:16]}"), lambda: Work((SEEN, SEEN), look), rows)
    return rows


def _border(grey: np.ndarray) -> tuple[int, int]:
    """Return the first row of `grey` that is no border, and the row from which it is border again."""
    wide = grey.astype(np.int16)
    even, tone = np.ptp(wide, axis=1) <= EVEN, wide.mean(axis=1)
    most = int(MOST_BORDER * len(grey))
    top = _run(even[:most] & (np.abs(tone[:most] - tone[0]) <= STEADY))
    bottom = _run((even & (np.abs(tone - tone[-1]) <= STEADY))[::-1][:most])
    return top, len(grey) - bottom


def _run(true: np.ndarray) -> int:
    """Return how many of the first values are all true."""
    return len(true) if true.all() else int(true.argmin())
