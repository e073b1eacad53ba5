"""Where are the faces in a picture, and how does each look when all are brought to one place and size? YuNet.

YuNet (W. Wu and others, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research, 2023) gives a
box and five marks: the eyes, the tip of the nose, the corners of the mouth, guessed where something hides them. A face
is brought to its place by the turn, scale and move that take its marks closest to those of a mean face.
"""

import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.features.pictures.originals import FACES
from tasks.platform.downloads import fetch, out_of_reach
from tasks.platform.errors import IntegrityError

SIDE = 320  # pixels of the square that is searched: smallest faces about a thirtieth of the picture
MARGINS = (0.15, 0.5)  # of the long side, laid around a picture that may be all face; the second when the first fails
LEAST = 0.4  # score of a face in a picture that is meant to show one
LEAST_SCALE = 0.01  # of a crop to its picture
LEAST_BOX = 4  # pixels of each side of a face's box that lie in its picture; with fewer the whole picture is shown
GREY = 127  # of what lies around a picture
OVERLAP = 0.3  # of two boxes above which they are one face
# Marks of a mean face in a square of 112 pixels: J. Deng and others, "ArcFace", 2019 (InsightFace's template); the
# person's right eye first. Moved up, so that the chin is in.
MEAN_FACE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]], np.float32
) - np.array([0, 10], np.float32)


class Face(NamedTuple):
    """One face: box `x, y, width, height`, marks (5, 2) and score 0 to 1; places in pixels of the picture."""

    box: tuple[float, float, float, float]
    marks: np.ndarray
    score: float


class FaceDetector:
    """YuNet at one size of input; one for each thread."""

    def __init__(self, weights: Path, side: int = SIDE, least: float = LEAST) -> None:
        """Load the network.

        Raises:
            IntegrityError: OpenCV cannot read the file.
        """
        import cv2

        # What it says of back ends on standard error is nobody's concern; an error is raised all the same.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        cv2.setNumThreads(1)  # the network is small: threads that wait for each other take longer
        try:
            self._network: Any = cv2.FaceDetectorYN.create(str(weights), "", (side, side), least, OVERLAP, 200)
        except cv2.error as error:
            raise IntegrityError(f"{weights} is no network that OpenCV can read: fetch it anew.") from error
        self._side = side

    def find(self, picture: np.ndarray, margin: float = 0.0) -> list[Face]:
        """Return the faces of an RGB picture, uint8 (height, width, 3), the largest first.

        Args:
            picture: of any size.
            margin: laid around the picture, as a share of its long side, for faces that fill it.
        """
        import cv2

        height, width = picture.shape[:2]
        border = round(margin * max(height, width))
        scale = self._side / (max(height, width) + 2 * border)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, size, interpolation=how)
        square = np.full((self._side, self._side, 3), GREY, np.uint8)
        left, top = (self._side - size[0]) // 2, (self._side - size[1]) // 2
        square[top : top + size[1], left : left + size[0]] = small[:, :, ::-1]  # the network was trained on BGR
        found = self._network.detect(square)[1]
        return [] if found is None else _faces(found, (left, top), scale)

    def find_main(self, picture: np.ndarray) -> Face | None:
        """Return the face that a picture is about, or None: the largest, with wider margins where none is found."""
        for margin in MARGINS:
            if faces := self.find(picture, margin):
                return max(faces, key=lambda face: face.box[2] * face.box[3] * face.score)
        return None


def _faces(found: np.ndarray, corner: tuple[int, int], scale: float) -> list[Face]:
    faces = []
    for row in np.asarray(found, np.float32):
        x, y, width, height = ((row[:4] - np.array([*corner, 0, 0])) / scale).tolist()
        marks = (row[4:14].reshape(5, 2) - np.array(corner)) / scale
        if np.isfinite(row).all() and width > 0 and height > 0:
            faces.append(Face((x, y, width, height), marks.astype(np.float32), float(row[14])))
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def similarity_transform(marks: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Return the turn, scale and move, (2, 3), that takes `marks` (n, 2) closest to `to` (n, 2), by least squares."""
    start, end = np.asarray(marks, np.float64), np.asarray(to, np.float64)
    middle, target = start.mean(axis=0), end.mean(axis=0)
    (x, y), (u, v) = (start - middle).T, (end - target).T
    size = max(float(x @ x + y @ y), 1e-9)
    a, b = float(x @ u + y @ v) / size, float(x @ v - y @ u) / size
    matrix = np.array([[a, -b], [b, a]])
    return np.column_stack([matrix, target - matrix @ middle])


def align(picture: np.ndarray, face: Face, side: int, zoom: float = 1.0, alone: bool = False) -> np.ndarray:
    """Return a face brought to its place, uint8 (side, side, 3); what lies outside of the picture repeats its edge.

    Args:
        picture: RGB, uint8.
        face: one of its faces.
        side: of the square in pixels.
        zoom: 1 shows brows to chin and little else; less shows more around.
        alone: whether only the face's box is shown and all around it is grey, so that a picture that ends at the face
            looks like one that goes on around it.
    """
    import cv2

    if alone:
        picture, face = _boxed(picture, face)
    centre = np.array([56.0, 56.0])
    place = ((MEAN_FACE - centre) * zoom + centre) * side / 112
    matrix = similarity_transform(face.marks, place)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < LEAST_SCALE:  # marks that are all over the place
        return whole(picture, side)
    if scale < 0.5:  # warping looks at four pixels only: what is to become much smaller is made smaller first
        part, corner = _around(picture, matrix, side)
        size = [max(1, round(2 * scale * length)) for length in (part.shape[1], part.shape[0])]
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        ratio = np.array([small.shape[1] / part.shape[1], small.shape[0] / part.shape[0]])
        picture, matrix = small, similarity_transform((face.marks - corner) * ratio, place)
    border = cv2.BORDER_CONSTANT if alone else cv2.BORDER_REPLICATE
    grey = (GREY, GREY, GREY)
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=grey)


def _boxed(picture: np.ndarray, face: Face) -> tuple[np.ndarray, Face]:
    """Return the part of a picture that lies in a face's box, and the face in that part."""
    height, width = picture.shape[:2]
    x, y, across, down = face.box
    left, top = (round(min(max(value, 0), most)) for value, most in ((x, width), (y, height)))
    right, bottom = (round(min(max(value, 0), most)) for value, most in ((x + across, width), (y + down, height)))
    if min(right - left, bottom - top) < LEAST_BOX:
        return picture, face
    marks = face.marks - np.array([left, top], np.float32)
    return picture[top:bottom, left:right], Face((x - left, y - top, across, down), marks, face.score)


def _around(picture: np.ndarray, matrix: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of a picture that a square of `side` pixels shows under `matrix`, and its upper left corner."""
    square = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64)
    corners = (square - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limit = np.array([picture.shape[1], picture.shape[0]])
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2, low + 1, limit).astype(int)
    return picture[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def whole(picture: np.ndarray, side: int) -> np.ndarray:
    """Return the whole picture as a square, its sides stretched as need be, uint8 (side, side, 3)."""
    import cv2

    how = cv2.INTER_AREA if max(picture.shape[:2]) > side else cv2.INTER_LINEAR
    return cv2.resize(picture, (side, side), interpolation=how)


_local = threading.local()


def detector(side: int = SIDE, least: float = LEAST) -> FaceDetector:
    """Return this thread's detector; it is loaded once.

    Raises:
        CasebookError: the detector's file cannot be had, with what to do.
    """
    kept: dict[tuple[int, float], FaceDetector] = _local.__dict__.setdefault("detectors", {})
    if (side, least) not in kept:
        kept[side, least] = FaceDetector(fetch(FACES), side, least)
    return kept[side, least]


def detector_at_hand() -> str:
    """Return "" where the detector's file is there or comes quickly, else why it does not.

    Raises:
        IntegrityError: the file is there and is not the registered one.
    """
    why = out_of_reach(FACES)
    return why and f"its file is neither in the mirror nor in the cache, and {why}"
