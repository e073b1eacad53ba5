"""What does the published model say of the faces in one frame? Found, cut and judged as what it learned from."""

from typing import NamedTuple

import numpy as np

from tasks.cases.masks.features.crops import HOW_TO_GET, SIDE
from tasks.cases.masks.features.embed import embed
from tasks.cases.masks.training.model import Recognition
from tasks.cases.masks.training.network import small
from tasks.features.pictures.faces import Face, align, detector, detector_at_hand, whole
from tasks.platform.errors import UsageError
from tasks.training.networks.litert import LiteModel

SURE = 0.6  # score from which something in a frame is a face
AROUND = 0.12  # of a face's box that belongs to a crop where crops are not aligned
DETECTOR_SIDE = 320


class Found(NamedTuple):
    """The faces of one frame."""

    faces: list[Face]
    crops: np.ndarray  # uint8 (n, SIDE, SIDE, 3)


def require_detector() -> None:
    """Refuse what needs the detector where its file is missing.

    Raises:
        UsageError: with what to do.
    """
    if missing := detector_at_hand():
        raise UsageError(f"--look-at: faces are found by a detector that is not to be had ({missing}); {HOW_TO_GET}.")


def find_faces(frame: np.ndarray, known: Recognition, alone: bool) -> Found:
    """Find and cut out the faces of a frame, RGB uint8.

    Args:
        frame: of any size.
        known: how the model's pictures were cut.
        alone: whether it is a picture, which may be all face: then margins are tried when nothing is found.
    """
    finder = detector(DETECTOR_SIDE, SURE)
    faces = finder.find(frame, 0.15 if alone else 0.0)
    if alone and not faces:
        main = finder.find_main(frame)
        faces = [main] if main else []
    cut = [align(frame, face, SIDE, alone=known.alone) if known.detect else _boxed(frame, face) for face in faces]
    return Found(faces, np.stack(cut) if cut else np.zeros((0, SIDE, SIDE, 3), np.uint8))


def _boxed(frame: np.ndarray, face: Face) -> np.ndarray:
    x, y, width, height = face.box
    left, top = max(0, round(x - AROUND * width)), max(0, round(y - AROUND * height))
    right, bottom = round(x + (1 + AROUND) * width), round(y + (1 + AROUND) * height)
    part = frame[top:bottom, left:right]
    return whole(part if part.size else frame, SIDE)


class Judge:
    """The 8-bit model, ready to answer."""

    def __init__(self, lite8: bytes, known: Recognition, threads: int) -> None:
        self._model, self._known, self._threads = LiteModel(lite8), known, threads

    def logits(self, crops: np.ndarray) -> np.ndarray:
        """Return the logits of crops, float32 (n, classes)."""
        if not len(crops):
            return np.zeros((0, len(self._known.classes)), np.float32)
        seen = small(crops) if self._known.own else embed(crops, self._threads)
        return self._model(seen)
