"""Where may the level of a series change, and which changes explain it best? Parts with a level each, all places tried.

Two tests of changes stand on this: `tasks.evaluation.change_points` splits many short series without anything beside
the level, where sums of the squares give every split in closed form (J. Bai and P. Perron, Journal of Applied
Econometrics 18, 2003, 1-22: least squares over all segmentations); `tasks.training.series.change_dates` looks for one
step at a time beside a regression (`tasks.training.series.regression.scan`).
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from tasks.training.series.regression import colour


class Split(NamedTuple):
    """The best split of each of R series."""

    places: np.ndarray  # (R, m): numbers of the first rows after the changes, rising
    gain: np.ndarray  # (R,): by how much the changes lower the sum of squares


def candidates(length: int, margin: int, taken: Collection[int] = ()) -> np.ndarray:
    """Return the rows at which a part may begin: `margin` rows from both ends and from the changes that are there."""
    rows = np.arange(margin, length - margin + 1)
    near = np.array([any(abs(row - other) < margin for other in taken) for row in rows], dtype=bool)
    return rows[~near]


def step_columns(length: int, rows: np.ndarray) -> np.ndarray:
    """Return (length, len(rows)) with ones from each row on."""
    return (np.arange(length)[:, None] >= np.asarray(rows)[None, :]).astype(float)


def _sums(series: np.ndarray) -> np.ndarray:
    centred = series - series.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(np.cumsum(centred, axis=1).T)


def one_change(series: np.ndarray, margin: int) -> Split:
    """Split each of `series` (R, n) once; `margin` rows are left to either end."""
    sums, n = _sums(series), series.shape[1]
    rows = candidates(n, margin)
    gains = sums[rows - 1] ** 2 * (1 / rows + 1 / (n - rows))[:, None]
    return Split(rows[gains.argmax(axis=0)][:, None], gains.max(axis=0))


def levels(series: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Return the mean of the part that each row is in; `series` (R, n), `changes` (R, m) in rising order."""
    part = (np.arange(series.shape[1])[None, None, :] >= changes[:, :, None]).sum(axis=1)
    result = np.zeros(series.shape)
    for number in range(changes.shape[1] + 1):
        inside = part == number
        means = (series * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
        result += inside * means[:, None]
    return result


def autocorrelated(memory: float, shape: tuple[int, int], chance: np.random.Generator) -> np.ndarray:
    """Return AR(1) series of `shape` (R, n) with variance 1 and autocorrelation `memory` at lag 1."""
    shocks = chance.normal(size=(shape[1], shape[0]))
    return np.ascontiguousarray(colour(shocks, np.ones(shape[1] - 1), memory).T)
