"""Which face in this frame is which of the last one, and what is its verdict when it is not to flicker?

Faces are matched by how far their boxes overlap, the best pair first; one that was hidden for some frames is taken up
again. Where a film is cut, another face may stand at the same place: one that looks nothing like what was there just
before is a new one, whose verdict owes nothing to the one before. The logits of a face are smoothed over time, so that
one bad frame changes nothing, and the verdict changes only when another one is likelier by a margin.
"""

from dataclasses import dataclass, field

import numpy as np

from tasks.cases.masks.ingestion import WITH
from tasks.cases.masks.training.model import Recognition, verdicts

OVERLAP = 0.25  # of two boxes from which they may be one face
SMOOTHING_SECONDS = 0.35  # in which the weight of a frame falls to 1/e
HIDDEN_SECONDS = 0.7  # after which a face that is gone is forgotten
# Normalized cross-correlation, from which what is at a place, or a little beside it, is what was there a moment ago. On
# moving faces of labelled pictures, 12,000 pairs of frames of one face, 0.04 to 0.24 s apart, had at least 0.79; of 102
# cuts from one face to another 95 % had less than 0.6 (`benchmarks/masks.py cuts`).
LIKE = 0.6
MOMENT = 0.25  # seconds, after which a face may look different
LOOK, BESIDE = 16, 0.25  # pixels of the square that is compared; share of a box that a face moves by in a moment
FLAT = 4.0  # standard deviation of a colour's values below which there is nothing to compare
MARGIN = 0.1  # of chance by which a threshold of one half must be passed before a verdict changes

Box = tuple[float, float, float, float]


@dataclass
class Track:
    """One face over time."""

    number: int
    box: Box
    logits: np.ndarray
    seen: float  # seconds
    verdict: int = -1
    chances: np.ndarray = field(default_factory=lambda: np.zeros(0))
    look: np.ndarray | None = None  # uint8, small: what was in the box when it was seen


def overlap(one: Box, other: Box) -> float:
    """Return the share of two boxes (x, y, width, height) that both cover, of what either covers."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def part_of(frame: np.ndarray, box: Box, beside: float = 0.0) -> np.ndarray | None:
    """Return what lies in a box, as far as it lies in the frame, at `LOOK` pixels to the box's side.

    None where less than half of a side lies there.

    Args:
        frame: uint8 (height, width, 3).
        box: of a face.
        beside: of the box's sides that is shown around it.
    """
    import cv2

    x, y, width, height = box
    if min(width, height) < 1:
        return None
    left, top = max(0, round(x - beside * width)), max(0, round(y - beside * height))
    shown = frame[top : max(0, round(y + (1 + beside) * height)), left : max(0, round(x + (1 + beside) * width))]
    size = round(shown.shape[1] * LOOK / width), round(shown.shape[0] * LOOK / height)
    return cv2.resize(shown, size, interpolation=cv2.INTER_AREA) if min(size) >= LOOK // 2 else None


def likeness(look: np.ndarray | None, frame: np.ndarray, box: Box) -> float:
    """Return how alike what is in a box, or a little beside it, is to what was there: normalized cross-correlation.

    1 where nothing tells: less than half of the box lies in the frame, or nothing is to be seen in it.

    Args:
        look: what was in the box in a frame before, of `part_of`.
        frame: uint8 (height, width, 3).
        box: of a face in the frame before.
    """
    import cv2

    there = part_of(frame, box, BESIDE)
    if look is None or there is None or look.std(axis=(0, 1)).max() < FLAT:
        return 1.0
    if there.shape[0] < look.shape[0] or there.shape[1] < look.shape[1]:
        return 1.0
    return float(cv2.matchTemplate(there, look, cv2.TM_CCOEFF_NORMED).max())


class Tracker:
    """The faces of a film."""

    def __init__(self, known: Recognition) -> None:
        self.known = known
        self.tracks: list[Track] = []
        self._following = 1

    def update(
        self, boxes: list[Box], logits: np.ndarray, seconds: float, frame: np.ndarray | None = None
    ) -> list[Track]:
        """Take in the faces of a frame; return their tracks in the same order.

        Args:
            boxes: of the faces.
            logits: (n, classes), of the same faces.
            seconds: of the frame, never falling.
            frame: uint8 (height, width, 3); without it boxes alone tell which face is which.
        """
        self.tracks = [track for track in self.tracks if seconds - track.seen <= HIDDEN_SECONDS]
        found: dict[int, Track] = {}
        pairs = sorted(
            (
                (overlap(track.box, box), at, place)
                for place, track in enumerate(self.tracks)
                for at, box in enumerate(boxes)
            ),
            reverse=True,
        )
        taken: set[int] = set()
        others: list[tuple[int, int]] = []  # faces that stand where another one was a moment ago
        for value, at, place in pairs:
            if value < OVERLAP or at in found or place in taken:
                continue
            track = self.tracks[place]
            recent = seconds - track.seen <= MOMENT
            if frame is not None and recent and likeness(track.look, frame, track.box) < LIKE:
                others.append((at, place))
            else:
                found[at] = track
                taken.add(place)
        gone = {place for at, place in others if at not in found} - taken
        self.tracks = [track for place, track in enumerate(self.tracks) if place not in gone]
        tracks = [self._renewed(found.get(at), box, logits[at], seconds) for at, box in enumerate(boxes)]
        for track in tracks:
            track.look = None if frame is None else part_of(frame, track.box)
        return tracks

    def _renewed(self, track: Track | None, box: Box, logits: np.ndarray, seconds: float) -> Track:
        if track is None:
            track = Track(self._following, box, np.array(logits, np.float64), seconds)
            self._following += 1
            self.tracks.append(track)
        else:
            keep = float(np.exp(-max(0.0, seconds - track.seen) / SMOOTHING_SECONDS))
            track.logits = keep * track.logits + (1 - keep) * np.asarray(logits, np.float64)
            track.box, track.seen = box, seconds
        told, chances = verdicts(track.logits[None], self.known)
        track.chances = chances[0]
        if track.verdict < 0 or self._surely(int(told[0]), track):
            track.verdict = int(told[0])
        return track

    def _surely(self, told: int, track: Track) -> bool:
        """Tell whether a new verdict is likelier than the one before by the margin."""
        proper, threshold = self.known.classes.index(WITH), self.known.threshold
        margin = 2 * MARGIN * min(threshold, 1 - threshold)  # a threshold near 0 or 1 leaves no room for more
        chance = float(track.chances[proper])
        if told == track.verdict:
            return True
        if track.verdict == proper:
            return chance < threshold - margin
        if told == proper:
            return chance >= threshold + margin
        return bool(track.chances[told] >= track.chances[track.verdict] + MARGIN)
