"""What can be seen in a small picture without learning? Where which edges stand, and where which colours are."""

import numpy as np

CELLS = 8  # a side
ANGLES = 8
COLOUR_CELLS = 4
BLOCK = 2048


def gradient_features(pixels: np.ndarray) -> np.ndarray:
    """Return histograms of gradients in 8 x 8 cells and the mean colours of 4 x 4, float32 (n, 560).

    Contrast is evened out over blocks of 2 x 2 cells (N. Dalal and B. Triggs, CVPR 2005, with one block per cell).

    Args:
        pixels: uint8 (n, side, side, 3), side a multiple of 8.
    """
    parts = [_features(np.asarray(pixels[start : start + BLOCK])) for start in range(0, len(pixels), BLOCK)]
    width = CELLS**2 * ANGLES + COLOUR_CELLS**2 * 3
    return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)


def _features(pixels: np.ndarray) -> np.ndarray:
    count = len(pixels)
    tone = np.sqrt(pixels.astype(np.float32) / 255)
    grey = tone @ np.array([0.299, 0.587, 0.114], np.float32)
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), "edge")
    across, down = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2], padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    strength = np.hypot(across, down)
    angle = np.mod(np.arctan2(down, across) * np.float32(ANGLES / np.pi), ANGLES)
    low = np.floor(angle).astype(np.int64) % ANGLES
    share = angle - np.floor(angle)
    votes = np.zeros((count, CELLS, CELLS, ANGLES), np.float32)
    for number in range(ANGLES):  # a gradient between two directions counts for both
        here = strength * ((low == number) * (1 - share) + ((low + 1) % ANGLES == number) * share)
        votes[..., number] = _cells(here[..., None], CELLS)[..., 0]
    energy = np.pad((votes**2).sum(axis=3), ((0, 0), (0, 1), (0, 1)), "edge")
    around = energy[:, :-1, :-1] + energy[:, 1:, :-1] + energy[:, :-1, 1:] + energy[:, 1:, 1:]
    votes /= np.sqrt(around + 1e-3)[..., None]
    colours = _cells(tone, COLOUR_CELLS)
    return np.concatenate([votes.reshape(count, -1), colours.reshape(count, -1)], axis=1)


def _cells(values: np.ndarray, cells: int) -> np.ndarray:
    """Return the means over `cells` x `cells` places of (n, side, side, c)."""
    count, side, _, channels = values.shape
    edge = side // cells
    return values.reshape(count, cells, edge, cells, edge, channels).mean(axis=(2, 4))
