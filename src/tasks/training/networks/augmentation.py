"""How does a picture look another time? Moved by some pixels, mirrored every other time, and with a square cut out.

What is drawn depends on seed, epoch and the number of the picture only, so that a training that was interrupted goes on
with the pictures that it would have seen.
"""

from typing import Literal

import numpy as np


def shifted(pictures: np.ndarray, rows: np.ndarray, columns: np.ndarray, most: int) -> np.ndarray:
    """Return pictures moved by `rows` and `columns` pixels (each from -most to most); edges are mirrored.

    Args:
        pictures: (n, height, width, c).
        rows: (n,) int.
        columns: (n,) int.
        most: the largest of them.
    """
    if not most:
        return pictures
    height, width = pictures.shape[1:3]
    mode: Literal["reflect", "edge"] = "reflect" if most < min(height, width) else "edge"
    padded = np.pad(pictures, ((0, 0), (most, most), (most, most), (0, 0)), mode)
    result = np.empty_like(pictures)
    for row in range(-most, most + 1):
        for column in range(-most, most + 1):
            which = np.flatnonzero((rows == row) & (columns == column))
            if len(which):
                top, left = most + row, most + column
                result[which] = padded[which, top : top + height, left : left + width]
    return result


def mirrored(numbers: np.ndarray, epoch: int, seed: int, count: int) -> np.ndarray:
    """Return which pictures are mirrored in an epoch, bool (n,).

    Half of them in the first epoch, drawn; from then on each one every other time, so that two epochs show both views
    of all (K. Jordan 2024, section 3.6: alternating flip).
    """
    first = np.random.default_rng([seed, 1]).random(count) < 0.5
    return first[numbers] ^ bool(epoch % 2)


def augmented(
    pictures: np.ndarray, numbers: np.ndarray, epoch: int, seed: int, most: int, mirror: bool, count: int
) -> np.ndarray:
    """Return the pictures of a batch as an epoch shows them.

    Args:
        pictures: uint8 (n, side, side, c).
        numbers: (n,) of the pictures among all.
        epoch: from 0.
        seed: of the training.
        most: pixels that a picture is moved by at most.
        mirror: whether pictures are mirrored.
        count: of all pictures.
    """
    draws = np.random.default_rng([seed, 2, epoch]).integers(-most, most + 1, (2, count))[:, numbers]
    moved = shifted(pictures, draws[0], draws[1], most)
    if mirror:
        flip = mirrored(numbers, epoch, seed, count)
        moved = np.where(flip[:, None, None, None], moved[:, :, ::-1], moved)
    return moved


def cut_out(pictures: np.ndarray, numbers: np.ndarray, epoch: int, seed: int, size: int, count: int) -> np.ndarray:
    """Return pictures (n, side, side, c), each without a square of `size` pixels, drawn anew in each epoch.

    What is cut out shows the mean colour of the picture (T. DeVries and G. Taylor, "Improved regularization of
    convolutional neural networks with cutout", 2017, has grey). The other arguments are those of `augmented`.
    """
    side = pictures.shape[1]
    corners = np.random.default_rng([seed, 7, epoch]).integers(0, side - size + 1, (2, count))[:, numbers]
    inside = [(np.arange(side) >= corner[:, None]) & (np.arange(side) < corner[:, None] + size) for corner in corners]
    cut = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    colour = pictures.mean(axis=(1, 2), keepdims=True).round().astype(pictures.dtype)
    return np.where(cut, colour, pictures)


def views(pictures: np.ndarray, mirror: bool) -> list[tuple[float, np.ndarray]]:
    """Return the views of test-time augmentation, each with its weight: as it is, moved by a pixel, and mirrored.

    K. Jordan 2024, section 3.5: half of the weight on the picture, a quarter on each of two moves; each also mirrored.
    """
    ones = np.ones(len(pictures), int)
    up, down = shifted(pictures, -ones, -ones, 1), shifted(pictures, ones, ones, 1)
    moved = [(0.5, pictures), (0.25, up), (0.25, down)]
    if not mirror:
        return moved
    return [(weight / 2, view) for weight, picture in moved for view in (picture, picture[:, :, ::-1])]
