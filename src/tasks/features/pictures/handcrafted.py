"""How far does one get without a network? Texture, gradient orientations and colour, from the pixels alone."""

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tasks.features.pictures.resizing import squash

SIDES = (128, 64, 32)  # texture and orientations are looked at in three scales
COLOUR_SIDES = (64, 32)
PATTERNS = 256
ANGLES = 12
SHADES = 16  # of each opponent colour
CONTRAST = 2  # levels by which a neighbour has to be brighter: what is less is compression noise
FEW = 16  # pictures at a time, so that their pixels stay in the processor's cache
WEIGHTS = {"texture": 1.0, "orientation": 0.4, "layout": 0.4, "colour texture": 0.5, "colour": 0.2}
VERSION = f"handcrafted 2: {SIDES} {COLOUR_SIDES} {PATTERNS} {ANGLES} {SHADES} {CONTRAST} {sorted(WEIGHTS.items())}"


class Handcrafted:
    """Texture, gradients and colour; needs no download, gives the same numbers everywhere.

    Texture: histograms of local binary patterns, in grey at three scales and in the two colour differences at two (T.
    Ojala, M. Pietikainen and T. Maenpaa, "Multiresolution Gray-Scale and Rotation Invariant Texture Classification with
    Local Binary Patterns", PAMI 2002; without its rotation invariance, since pictures have an upright). Gradients:
    histograms of their orientation, of the whole picture and of its quarters, at three scales. Colour: a histogram of
    the two opponent colours relative to brightness. Histograms are taken as square roots, so that their product is the
    Bhattacharyya coefficient. The weights were chosen on the sample; benchmarks/embedding.py shows other data.
    """

    name = "handcrafted"
    digest = hashlib.sha256(VERSION.encode()).hexdigest()
    dimensions = len(SIDES) * (PATTERNS + 5 * ANGLES) + len(COLOUR_SIDES) * 2 * PATTERNS + SHADES**2
    size = (SIDES[0], SIDES[0])

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, dimensions): each of the five parts of a row has its weight as length."""
        rows = [self._embed(images[start : start + FEW]) for start in range(0, len(images), FEW)]
        return np.concatenate([np.zeros((0, self.dimensions), np.float32), *rows])

    def _embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        scales = {SIDES[0]: [squash(image, self.size) for image in images]}
        for side in SIDES[1:]:
            scales[side] = [image.resize((side, side), Image.Resampling.BOX) for image in scales[SIDES[0]]]
        greys = [_stack([image.convert("L") for image in scales[side]]) for side in SIDES]
        chroma = [_stack([image.convert("YCbCr") for image in scales[side]]) for side in COLOUR_SIDES]
        votes = [orientations(grey) for grey in greys]
        parts = {
            "texture": [binary_patterns(grey) for grey in greys],
            "orientation": [_shares(vote.sum(axis=1)) for vote in votes],
            "layout": [_shares(vote.reshape(len(images), -1)) for vote in votes],
            "colour texture": [binary_patterns(picture[..., channel]) for picture in chroma for channel in (1, 2)],
            "colour": [opponent_colours(_stack(scales[COLOUR_SIDES[0]]))],
        }
        return np.hstack([WEIGHTS[name] * _unit(np.hstack(part)) for name, part in parts.items()]).astype(np.float32)

    def classify(self, image: Image.Image) -> None:
        """Return None: these features know no classes."""


def binary_patterns(channel: np.ndarray) -> np.ndarray:
    """Return the histograms of local binary patterns of (n, side, side) pictures, as square roots: (n, PATTERNS).

    `channel` is uint8. Bit by bit, a pattern says which of the eight neighbours of a pixel are brighter than it by more
    than `CONTRAST`.
    """
    side = channel.shape[1]
    centre = channel[:, 1:-1, 1:-1].astype(np.int16) + CONTRAST
    codes = np.zeros(centre.shape, np.uint8)
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    for bit, (row, column) in enumerate(around):
        brighter = channel[:, row : row + side - 2, column : column + side - 2] > centre
        codes |= brighter.view(np.uint8) << np.uint8(bit)
    return _histograms(codes, PATTERNS)


def orientations(grey: np.ndarray) -> np.ndarray:
    """Return the strength of the gradients in each of `ANGLES` unsigned directions, quarter by quarter.

    A gradient between two directions counts for both, by its nearness.

    Args:
        grey: (n, side, side), uint8.

    Returns:
        (n, 4, ANGLES).
    """
    tone = np.sqrt(grey.astype(np.float32) / 255)  # evens out light and shade
    across, down = np.zeros_like(tone), np.zeros_like(tone)
    across[:, :, 1:-1] = tone[:, :, 2:] - tone[:, :, :-2]
    down[:, 1:-1] = tone[:, 2:] - tone[:, :-2]
    strength = np.hypot(across, down)
    angle = np.mod(np.arctan2(down, across), np.float32(np.pi)) * np.float32(ANGLES / np.pi)
    low = np.floor(angle)
    share = angle - low
    first = low.astype(np.int64) % ANGLES
    row, column = np.indices(grey.shape[1:]) * 2 // grey.shape[1]
    place = (np.arange(len(grey))[:, None, None] * 4 + row * 2 + column) * ANGLES
    length = len(grey) * 4 * ANGLES
    votes = np.bincount((place + first).ravel(), (strength * (1 - share)).ravel(), length)
    votes += np.bincount((place + (first + 1) % ANGLES).ravel(), (strength * share).ravel(), length)
    return votes.reshape(len(grey), 4, ANGLES)


def opponent_colours(rgb: np.ndarray) -> np.ndarray:
    """Return the histograms of red against green and of yellow against blue, relative to brightness: (n, SHADES ** 2).

    Args:
        rgb: (n, side, side, 3), uint8.
    """
    rgb = rgb.astype(np.float32)
    level = rgb / (rgb.mean(axis=(1, 2, 3), keepdims=True) + 1e-3) * 110  # the same exposure for all
    red, green, blue = np.moveaxis(level, -1, 0)
    total = red + green + blue + 30
    bins = [1.5 * (red - green) / total, 0.9 * (red + green - 2 * blue) / total]
    first, second = (np.clip((part + 0.5) * SHADES, 0, SHADES - 1).astype(np.int64) for part in bins)
    return _histograms(first * SHADES + second, SHADES**2)


def _stack(images: Sequence[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(image) for image in images])


def _histograms(codes: np.ndarray, bins: int) -> np.ndarray:
    """Return the square roots of the shares of each code in (n, …) pictures of codes: (n, bins)."""
    count = len(codes)
    shifted = codes.reshape(count, -1) + bins * np.arange(count)[:, None]
    shares = np.bincount(shifted.ravel(), minlength=bins * count).reshape(count, bins)
    return np.sqrt(shares / shifted.shape[1])


def _shares(votes: np.ndarray) -> np.ndarray:
    """Return the square root of each share of a row."""
    return np.sqrt(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-9))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
