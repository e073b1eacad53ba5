"""How would another camera, another light and another head show this face? Views that keep what a picture shows.

Turned, stretched, moved and mirrored; darker, paler, tinted or grey; out of focus, compressed, noisy. What the
sources of pictures differ in by accident becomes common to all classes, so that a model cannot go by it.
"""

import numpy as np

TURN = 12.0  # degrees at most
STRETCH = (0.88, 1.14)  # of each side
MOVE = 0.05  # of the side


def view(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return another view of a picture, uint8 of the same shape (side, side, 3); all draws come from `rng`."""
    return _taken(_lit(_moved(picture, rng), rng), rng)


def views(pictures: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Return one view of each of `pictures`, uint8 (n, side, side, 3); the same for a `number`."""
    result = np.empty_like(pictures)
    for row, picture in enumerate(pictures):
        result[row] = view(picture, np.random.default_rng([seed, number, row]))
    return result


def _moved(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    import cv2

    side = picture.shape[0]
    angle = np.deg2rad(rng.uniform(-TURN, TURN))
    wide, high = rng.uniform(*STRETCH, 2)
    if rng.random() < 0.5:  # pictures that were squeezed to a square before they came here
        wide *= rng.uniform(0.8, 1.25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([wide * (-1 if rng.random() < 0.5 else 1), high])
    centre = np.full(2, (side - 1) / 2)
    move = centre - matrix @ centre + rng.uniform(-MOVE, MOVE, 2) * side
    return cv2.warpAffine(picture, np.column_stack([matrix, move]), (side, side), borderMode=cv2.BORDER_REPLICATE)


def _lit(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    values = 255 * (picture.astype(np.float32) / 255) ** rng.uniform(0.6, 1.5)
    mean = values.mean()
    values = (values - mean) * rng.uniform(0.6, 1.3) + mean + rng.uniform(-35, 35)
    values *= rng.uniform(0.85, 1.15, 3)
    if rng.random() < 0.2:
        values[:] = values.mean(axis=2, keepdims=True)
    return values.clip(0, 255).astype(np.uint8)


def _taken(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    import cv2

    side = picture.shape[0]
    if rng.random() < 0.4:
        small = int(rng.integers(side // 4, side))
        picture = cv2.resize(cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), (side, side))
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
        picture = np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR))
    if rng.random() < 0.2:
        noisy = picture + rng.normal(0, rng.uniform(3, 15), picture.shape)
        picture = noisy.clip(0, 255).astype(np.uint8)
    return picture
