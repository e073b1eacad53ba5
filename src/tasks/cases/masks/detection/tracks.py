"""Which face in this frame is which of the last one, and what is its verdict when it is not to flicker?

Faces are matched by how far their boxes overlap, the best pair first; one that was hidden for some frames is taken up
again. The logits of a face are smoothed over time, so that one bad frame changes nothing, and the verdict changes only
when another one is likelier by a margin.
"""

from dataclasses import dataclass, field

import numpy as np

from tasks.cases.masks.ingestion import WITH
from tasks.cases.masks.training.model import Recognition, verdicts

OVERLAP = 0.25  # of two boxes from which they may be one face
SMOOTHING_SECONDS = 0.35  # in which the weight of a frame falls to 1/e
HIDDEN_SECONDS = 0.7  # after which a face that is gone is forgotten
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


class Tracker:
    """The faces of a film."""

    def __init__(self, known: Recognition) -> None:
        self.known = known
        self.tracks: list[Track] = []
        self._following = 1

    def update(self, boxes: list[Box], logits: np.ndarray, seconds: float) -> list[Track]:
        """Take in the faces of a frame; return their tracks in the same order.

        Args:
            boxes: of the faces.
            logits: (n, classes), of the same faces.
            seconds: of the frame, never falling.
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
        for value, at, place in pairs:
            if value >= OVERLAP and at not in found and place not in taken:
                found[at] = self.tracks[place]
                taken.add(place)
        return [self._renewed(found.get(at), box, logits[at], seconds) for at, box in enumerate(boxes)]

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
