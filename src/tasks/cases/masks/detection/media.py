"""Which frames does what was named hold: a picture, a folder of them, a film, or a camera?

A camera is `camera`, or `camera:1` for the second one. Whatever cannot be opened is told in one sentence.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.labels import PICTURE_SUFFIXES
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import ContractError, UsageError

FILMS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ogv", ".gif")
LARGEST_SIDE = 1280  # of a frame; larger ones are made smaller
USUAL_RATE = 25.0  # frames a second of a film that does not say its own, and of one that a camera makes
MOST_FRAMES = 54_000  # of a film: half an hour at 30 a second
MOST_PICTURES = 2_000
MOST_BYTES = 64 * 2**20  # of one picture
CAMERA = re.compile(r"camera(?::(\d{1,2}))?")
GIVE = "give a picture, a folder of pictures, a film, or camera"


@dataclass(frozen=True)
class Looked:
    """What is looked at."""

    kind: str  # pictures, film or camera
    name: str
    rate: float  # frames a second, 0 for pictures
    frames: Iterator[tuple[str, float, np.ndarray]]  # name, seconds, RGB uint8


def open_media(look_at: str, seconds: float) -> Looked:
    """Open what is to be looked at.

    Args:
        look_at: a picture, a folder or archive of pictures, a film, or `camera`.
        seconds: that a camera is looked through.

    Raises:
        UsageError: there is no such file, or no such camera.
        ContractError: it holds no picture that can be read.
    """
    if match := CAMERA.fullmatch(look_at):
        return _camera(int(match[1] or 0), seconds)
    path = Path(look_at).expanduser().absolute()
    if not path.exists():
        raise UsageError(f"{look_at}: no such file or folder; {GIVE}.")
    if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES and path.suffix.lower() != ".gif":
        return Looked("pictures", path.name, 0.0, iter([(path.name, 0.0, _picture(path))]))
    if path.is_file() and path.suffix.lower() in FILMS:
        return _film(path)
    return Looked("pictures", path.name, 0.0, _folder(look_at))


def bounded(frame: np.ndarray) -> np.ndarray:
    """Return a frame whose long side is at most `LARGEST_SIDE`, its sides even, as films want them."""
    import cv2

    height, width = frame.shape[:2]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    size = (max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2))
    return frame if size == (width, height) else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _rgb(frame: Any) -> np.ndarray:
    import cv2

    return cv2.cvtColor(bounded(frame), cv2.COLOR_BGR2RGB)  # in one go; a view with a negative stride is copied often


def _picture(path: Path) -> np.ndarray:
    if path.stat().st_size > MOST_BYTES:
        raise ContractError(
            f"{path.name} has {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}; give a smaller one."
        )
    try:
        return bounded(np.asarray(decode(path.read_bytes(), LARGEST_SIDE)))
    except PictureError as error:
        raise ContractError(f"{path.name}: {error.detail}; {GIVE}.") from error


def _folder(look_at: str) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yield the pictures of a folder or archive; what is no picture is passed over."""
    count = 0
    with open_source(look_at) as source:
        for entry in source.entries():
            if count >= MOST_PICTURES:
                return
            try:
                if entry.problem:
                    continue
                frame = bounded(np.asarray(decode(source.read(entry.path, MOST_BYTES), LARGEST_SIDE)))
            except PictureError:
                continue
            count += 1
            yield entry.path, 0.0, frame
    if not count:
        raise ContractError(f"{look_at}: holds no picture that can be read; {GIVE}.")


def _film(path: Path) -> Looked:
    import cv2

    capture = cv2.VideoCapture(str(path))
    rate = float(capture.get(cv2.CAP_PROP_FPS) or 0)
    rate = rate if 1 <= rate <= 240 else USUAL_RATE
    good, first = capture.read() if capture.isOpened() else (False, None)
    if not good:
        capture.release()
        raise ContractError(f"{path.name} is no film that can be read here, or an empty one; {GIVE}.")

    def frames() -> Iterator[tuple[str, float, np.ndarray]]:
        good, frame = True, first
        try:
            for number in range(MOST_FRAMES):
                if not good:
                    return
                yield f"frame {number + 1}", number / rate, _rgb(frame)
                good, frame = capture.read()
        finally:
            capture.release()

    return Looked("film", path.name, rate, frames())


def _camera(number: int, seconds: float) -> Looked:
    import cv2

    capture = cv2.VideoCapture(number)
    good, first = capture.read() if capture.isOpened() else (False, None)
    if not good:
        capture.release()
        raise UsageError(
            f"camera:{number} cannot be opened: none is connected, or this user may not use it; connect one, name"
            " another (camera:1), or give a film."
        )

    def frames() -> Iterator[tuple[str, float, np.ndarray]]:
        start, good, frame, count = time.monotonic(), True, first, 0
        try:
            while good and (now := time.monotonic() - start) < seconds:
                count += 1
                yield f"frame {count}", now, _rgb(frame)
                good, frame = capture.read()
        finally:
            capture.release()

    return Looked("camera", f"camera:{number}", USUAL_RATE, frames())
