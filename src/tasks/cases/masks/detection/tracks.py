"""Which face in this frame is which of the last one, and what is its verdict when it is not to flicker?

Faces are matched by how far their boxes overlap, the best pair first; one that was hidden for some frames is taken up
again. The logits of a face are smoothed over time, so that one bad frame changes nothing, and the verdict changes only
when another one is likelier by a margin. Where a film is cut, all faces are new ones, whose verdicts owe nothing to
those before; that another one steps in front of the same ground is not seen.
"""

from dataclasses import dataclass, field

import numpy as np

from tasks.cases.masks.ingestion import WITH
from tasks.cases.masks.training.model import Recognition, verdicts

OVERLAP = 0.25  # of two boxes from which they may be one face
SMOOTHING_SECONDS = 0.35  # in which the weight of a frame falls to 1/e
HIDDEN_SECONDS = 0.7  # after which a face that is gone is forgotten
# Correlation of the middle of a frame, made small, with the best place in the next one, below which the film was cut
# between them. In films of one and of five faces before a grey ground that sway by up to 110 pixels, frames of a scene
# that were 0.04 to 0.24 s apart had at least 0.73, and 98 % of those on both sides of a cut less than 0.6
# (`benchmarks/masks.py cuts`).
CUT = 0.6
SMALL, ASIDE = (32, 18), (4, 2)  # pixels of a small frame, and by how many its middle may have moved
FLAT = 4.0  # standard deviation of a colour's values below which a frame shows nothing
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


def overlap(one: Box, other: Box) -> float:
    """Return the share of two boxes (x, y, width, height) that both cover, of what either covers."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def reduced(frame: np.ndarray) -> np.ndarray | None:
    """Return a frame, uint8 (height, width, 3), at `SMALL` pixels; None where nothing is to be seen in it."""
    import cv2

    small = cv2.resize(frame, SMALL, interpolation=cv2.INTER_AREA)
    return small if small.std(axis=(0, 1)).max() >= FLAT else None


def correlation(before: np.ndarray, frame: np.ndarray) -> float:
    """Return how alike two frames of `reduced` are, -1 to 1, whatever their light and if the camera moved a little.

    Normalized cross-correlation of the middle of the first with the place in the second that is most like it.
    """
    import cv2

    x, y = ASIDE
    return float(cv2.matchTemplate(frame, before[y:-y, x:-x], cv2.TM_CCOEFF_NORMED).max())


class Tracker:
    """The faces of a film."""

    def __init__(self, known: Recognition) -> None:
        self.known = known
        self.tracks: list[Track] = []
        self._following = 1
        self._before: np.ndarray | None = None  # the last frame in which something was to be seen, made small

    def update(
        self, boxes: list[Box], logits: np.ndarray, seconds: float, frame: np.ndarray | None = None
    ) -> list[Track]:
        """Take in the faces of a frame; return their tracks in the same order.

        Args:
            boxes: of the faces.
            logits: (n, classes), of the same faces.
            seconds: of the frame, never falling.
            frame: uint8 (height, width, 3); without it cuts are not seen.
        """
        if frame is not None and self._is_cut(frame):
            self.tracks = []
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
        for value, at, place in pairs:
            if value >= OVERLAP and at not in found and place not in taken:
                found[at] = self.tracks[place]
                taken.add(place)
        return [self._renewed(found.get(at), box, logits[at], seconds) for at, box in enumerate(boxes)]

    def _is_cut(self, frame: np.ndarray) -> bool:
        """Tell whether a frame shows another scene than the one before."""
        small, before = reduced(frame), self._before
        if small is None:
            return False
        self._before = small
        return before is not None and correlation(before, small) < CUT

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
