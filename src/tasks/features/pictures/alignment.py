"""Is one picture another one, edited: turned by a quarter or a few degrees, mirrored, cut, given a border or a mark?

Looks (`tasks.features.pictures.looks`) are laid upon each other. A coarse search finds the best of eight turns and
mirrorings and of some cuts; the place is then refined by the enhanced correlation coefficient (G. Evangelidis and E.
Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization", PAMI 2008). It is an edit
when

- the map between the two is one that editing makes: hardly any shear or change of proportions, a small turn,
- one picture lies within the other, and neither is turned a little and cut much at once, as another photograph is,
- grey values are the same, for another light is another photograph; they may differ where nothing else does, and
- block by block the details agree; a median lets a watermark cover some of them. Lines of text agree with other lines
  of text: what agrees moderately must do so in this place alone.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tasks.features.pictures.looks import SIDE, Looks

COARSE = 16  # pixels of a side in the coarse search
CUTS = ((1.0, 1), (0.92, 3), (0.85, 4), (0.78, 5))  # share of a side that is left, and places tried along it
SCREEN = 0.75  # correlation in the coarse search from which it is worth while to look closer
BOTH = 0.03  # either picture may be the cut: both ways are tried where their correlations are this close
SURELY_UNMOVED = 0.9  # correlation as they are from which the light may differ
TONE, CONTRAST = 14, 0.8  # grey values by which the coarse means may differ, and the least ratio of the contrasts
STEPS, HOPEFUL = (6, 14), 0.8  # of the refinement, and the correlation that the first ones must reach
SLACK = 2.5  # times the tolerances that the first steps must come within
TURN, SHEAR, PROPORTIONS, BEYOND = 3.3, 0.03, 0.021, 0.06  # degrees; shares of the side
TURNED, UNCUT = 0.9, 0.85  # degrees from which a picture counts as turned, and the area that it then has to share
LEAST_AREA = 0.5
BLOCK = 8  # pixels of a side of the blocks
TEXTURED, FEW = 4, 8  # grey values (standard deviation) of a block with details, and how few are too few
DETAILS, SURELY, TONES = 0.7, 0.92, 4.0  # median correlation of the blocks, and median difference of their means
SHIFT, PEAK = 4, 0.25  # pixels of a shift, and by how much the correlation has to fall then where it is below SURELY
EVEN, COLOUR = 3.0, 8.0  # standard deviation of a picture without details; difference of colours of the same one


class Coarse(NamedTuple):
    """A look as the coarse search compares it: unit rows with their means and lengths."""

    cuts: np.ndarray  # (cuts, COARSE ** 2)
    poses: np.ndarray  # (8, COARSE ** 2)
    means: np.ndarray  # of the cuts
    lengths: np.ndarray  # of the cuts


class Place(NamedTuple):
    """Where the best cut was found."""

    score: float
    pose: int
    cut: int


@lru_cache(maxsize=1)
def boxes() -> list[tuple[float, float, float]]:
    """Return the cuts tried: left, top and side, as shares of the side."""
    found = []
    for side, places in CUTS:
        along = [(1 - side) * place / max(1, places - 1) for place in range(places)]
        found += [(left, top, side) for top in along for left in along]
    return found


def posed(grey: np.ndarray, pose: int) -> np.ndarray:
    """Return a look (SIDE, SIDE) under one of the eight turns and mirrorings, 0 to 7; 0 is as it is."""
    return np.ascontiguousarray(np.rot90(grey[:, ::-1] if pose >= 4 else grey, pose % 4))


def coarse(grey: np.ndarray) -> Coarse:
    """Prepare a look (SIDE, SIDE) for the coarse search."""
    import cv2

    rows = []
    for left, top, side in boxes():
        x, y, size = round(left * SIDE), round(top * SIDE), round(side * SIDE)
        rows.append(cv2.resize(grey[y : y + size, x : x + size], (COARSE, COARSE), interpolation=cv2.INTER_AREA))
    cuts = np.stack(rows).reshape(len(rows), -1).astype(np.float32)
    means = cuts.mean(axis=1)
    cuts -= means[:, None]
    lengths = np.maximum(np.linalg.norm(cuts, axis=1), 1)
    cuts /= lengths[:, None]
    whole = cuts[0].reshape(COARSE, COARSE)
    return Coarse(cuts, np.stack([posed(whole, pose).ravel() for pose in range(8)]), means, lengths)


def best_place(inner: Coarse, outer: Coarse) -> Place:
    """Return the cut of `outer` that is most like `inner` as a whole, turned or mirrored."""
    scores = outer.cuts @ inner.poses.T
    cut, pose = np.unravel_index(int(scores.argmax()), scores.shape)
    return Place(float(scores[cut, pose]), int(pose), int(cut))


class Compared(NamedTuple):
    """Two pictures laid upon each other."""

    matrix: np.ndarray  # (2, 3), from pixels of the posed inner look to those of the outer
    details: float  # median correlation of blocks with details
    tones: float  # median difference of the means of the blocks, in grey values
    textured: int  # blocks with details
    peak: float  # how much of `details` a shift costs at least


class Comparer:
    """Compares the pictures of a collection with each other; remembers what the last ones look like."""

    def __init__(self, looks: Looks, sizes: np.ndarray) -> None:
        """Take the looks of n pictures and their `sizes` (n, 2), width and height in pixels."""
        self.looks = looks
        # Two sheets for each picture, one after the other: without its border, and whole.
        self._grey = looks.grey.reshape(-1, SIDE, SIDE)
        self._sizes = np.stack([np.maximum(sizes * looks.left, 1), sizes], axis=1).reshape(-1, 2)
        self._bordered: np.ndarray = np.asarray((looks.left < 1).any(axis=1))
        self._coarse = lru_cache(maxsize=4096)(lambda sheet: coarse(self._grey[sheet]))

    def is_even(self, number: int) -> bool:
        """Tell whether a picture has no details at all."""
        return float(self.looks.grey[number, 0].std()) < EVEN

    def same_colours(self, one: int, other: int) -> bool:
        """Tell whether two pictures without details have the same colours."""
        first, second = (self.looks.colours[number].astype(np.int16) for number in (one, other))
        return float(np.abs(first - second).mean(axis=(0, 1)).max()) <= COLOUR

    def is_edited(self, one: int, other: int) -> bool:
        """Tell whether one of two pictures is the other one edited, as the module says."""
        sheets, others = (range(2 * number, 2 * number + 1 + self._bordered[number]) for number in (one, other))
        return any(self._fits(sheet, another) for sheet in sheets for another in others)

    def _fits(self, one: int, other: int) -> bool:
        """Tell whether one of two sheets is the other one edited."""
        ways = [
            (best_place(self._coarse(inner), self._coarse(outer)), inner, outer)
            for inner, outer in ((one, other), (other, one))
        ]
        best = max(place.score for place, _, _ in ways)
        return any(
            place.score >= max(SCREEN, best - BOTH)
            and (_unmoved_surely(place) or self._same_light(inner, outer, place))
            and (found := self._compared(inner, outer, place)) is not None
            and self._agrees(inner, outer, place, found)
            for place, inner, outer in ways
        )

    def is_same(self, one: int, other: int) -> bool:
        """Tell whether two pictures of similar hashes show the same, perhaps in other tones or cut a little."""
        if self.is_even(one) or self.is_even(other):
            return self.is_even(one) and self.is_even(other) and self.same_colours(one, other)
        found = self._compared(2 * one, 2 * other, Place(1.0, 0, 0))
        return found is not None and (found.textured < FEW or _alike(found))

    def _same_light(self, inner: int, outer: int, place: Place) -> bool:
        first, second = self._coarse(inner), self._coarse(outer)
        contrasts = first.lengths[0] / second.lengths[place.cut]
        means = abs(first.means[0] - second.means[place.cut])
        return bool(CONTRAST <= contrasts <= 1 / CONTRAST and means <= TONE)

    def _compared(self, inner: int, outer: int, place: Place) -> Compared | None:
        import cv2

        first, second = posed(self._grey[inner], place.pose), np.ascontiguousarray(self._grey[outer])
        left, top, side = boxes()[place.cut]
        shift = (side - 1) / 2
        matrix: Any = np.array([[side, 0, left * SIDE + shift], [0, side, top * SIDE + shift]], np.float32)
        everywhere = np.full((SIDE, SIDE), 255, np.uint8)
        try:
            for steps in STEPS:
                until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, steps, 1e-4)
                reached, matrix = cv2.findTransformECC(first, second, matrix, cv2.MOTION_AFFINE, until, everywhere, 3)
                if reached < HOPEFUL or not self._is_editing(inner, outer, place, np.asarray(matrix, float), SLACK):
                    return None
        except cv2.error:  # it does not converge: there is nothing to lay upon each other
            return None
        flags = cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(second, matrix, (SIDE, SIDE), flags=flags | cv2.INTER_LINEAR)
        there = cv2.warpAffine(np.ones_like(second), matrix, (SIDE, SIDE), flags=flags | cv2.INTER_NEAREST)
        details, tones, textured = _blocks(first, laid, there)
        shifts = ((SHIFT, 0), (SHIFT, 1), (-SHIFT, 0), (-SHIFT, 1)) if DETAILS <= details < SURELY else ()
        moved = [_blocks(first, np.roll(laid, shift, axis), there)[0] for shift, axis in shifts]
        return Compared(np.asarray(matrix, float), details, tones, textured, details - max(moved, default=0.0))

    def _agrees(self, inner: int, outer: int, place: Place, found: Compared) -> bool:
        """Tell whether details agree and the map is one that editing makes."""
        if found.textured < FEW or not _alike(found):
            return False
        if found.tones > TONES and not (place.pose == 0 and _unmoved(found.matrix) and found.details >= SURELY):
            return False
        return self._is_editing(inner, outer, place, found.matrix)

    def _is_editing(self, inner: int, outer: int, place: Place, matrix: np.ndarray, slack: float = 1.0) -> bool:
        """Tell whether a map is one that editing makes, within so many times the tolerances."""
        size = self._sizes[inner] if place.pose % 2 == 0 else self._sizes[inner][::-1]
        stretch = np.diag(self._sizes[outer] / SIDE) @ matrix[:, :2] @ np.diag(SIDE / size)
        turn, scale = np.linalg.qr(stretch)
        signs = np.where(np.diag(scale) < 0, -1.0, 1.0)
        turn, scale = turn * signs, scale * signs[:, None]
        degrees = abs(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])))
        area = float(np.linalg.det(matrix[:, :2]))
        corners = np.array([[-0.5, -0.5], [SIDE - 0.5, -0.5], [SIDE - 0.5, SIDE - 0.5], [-0.5, SIDE - 0.5]])
        corners = corners @ matrix[:, :2].T + matrix[:, 2]
        beyond = max((-0.5 - corners).max(), (corners - SIDE + 0.5).max()) / SIDE
        return bool(
            area >= LEAST_AREA / slack
            and np.linalg.det(turn) > 0
            and degrees <= TURN * slack
            and (degrees < TURNED * slack or area >= UNCUT / slack)
            and abs(np.log(scale[0, 0] / scale[1, 1])) <= PROPORTIONS * slack
            and abs(scale[0, 1] / scale[1, 1]) <= SHEAR * slack
            and beyond <= BEYOND * slack
        )


def _unmoved_surely(place: Place) -> bool:
    return place.pose == 0 and place.cut == 0 and place.score >= SURELY_UNMOVED


def _alike(found: Compared) -> bool:
    """Tell whether the details of two pictures agree, and in this place alone unless they agree surely."""
    return found.details >= SURELY or (found.details >= DETAILS and found.peak >= PEAK)


def _unmoved(matrix: np.ndarray) -> bool:
    """Tell whether a map leaves every corner of a look where it is, to a pixel."""
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [SIDE, SIDE, 1], [0, SIDE, 1]])
    return bool(np.abs(corners @ matrix.T - corners[:, :2]).max() <= 1)


def _blocks(first: np.ndarray, second: np.ndarray, there: np.ndarray) -> tuple[float, float, int]:
    """Compare two looks block by block where both are: median correlation, median difference, blocks with details."""
    one, other, whole = (_cut(values) for values in (first, second, there))
    kept = whole.all(axis=1)
    one, other = one[kept], other[kept]
    means = [values.mean(axis=1, keepdims=True) for values in (one, other)]
    tones = np.abs(means[0] - means[1])
    one, other = one - means[0], other - means[1]
    lengths = [np.linalg.norm(values, axis=1) for values in (one, other)]
    textured = np.maximum(*lengths) / BLOCK > TEXTURED
    likeness = (one * other).sum(axis=1) / np.maximum(lengths[0] * lengths[1], 1)
    details = float(np.median(likeness[textured])) if textured.any() else 0.0
    return details, float(np.median(tones)) if len(tones) else np.inf, int(textured.sum())


def _cut(values: np.ndarray) -> np.ndarray:
    """Return the blocks of a look, float32 (blocks, BLOCK ** 2)."""
    count = SIDE // BLOCK
    return values.reshape(count, BLOCK, count, BLOCK).swapaxes(1, 2).reshape(count**2, BLOCK**2).astype(np.float32)
