"""Do steps of the level explain short series better than a slow wandering does?

A series that remembers its past goes up and down by itself, and one that hardly moves from year to year but is measured
with noise hides it. The likelihood of the best one or two steps on top of a wandering is therefore held against that
of the best wandering alone: AR(1) up to the random walk, with independent noise of several sizes beside it. Levels are
left out of the likelihood (restricted maximum likelihood: D. Harville, JASA 72, 1977), and a step is fitted by
generalised least squares at every place, so that a jump counts by how unlikely it is for the wandering at hand.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tasks.training.series.segmentation import autocorrelated, candidates, step_columns

MEMORIES = (0.5, 0.7, 0.85, 0.95, 1.0)
NOISES = (0.0, 1.0, 3.0)  # standard deviation of the noise, in those of the wandering's innovations
FITTED = (*((memory, 0.0) for memory in (-0.3, 0.0, 0.3)), *((m, noise) for m in MEMORIES for noise in NOISES))
FAR = 100.0  # variance of the start of a random walk; its level is left out anyway


class _Cell(NamedTuple):
    """One wandering, ready to be fitted: what whitens it, and steps after whitening."""

    whiten: np.ndarray  # (n, n)
    level: np.ndarray  # (n,): the constant, whitened, of length 1
    constant: float
    steps: np.ndarray  # (K, n): whitened, without the constant, of length 1
    together: np.ndarray  # (K, K): their products


class Ratios(NamedTuple):
    """What one step and two steps explain, of R series; each field (R,) or (R, 2)."""

    one: np.ndarray  # logarithm of the likelihood ratio
    two: np.ndarray
    place: np.ndarray  # number of the first row after the best step
    places: np.ndarray  # of the best two


def wanderings(memory: float, noise: float, shape: tuple[int, int], chance: np.random.Generator) -> np.ndarray:
    """Draw (R, n) series: AR(1) with innovations of variance 1, a random walk at `memory` 1, with noise beside it."""
    if memory >= 1:
        walk = np.cumsum(chance.normal(size=shape), axis=1)
    else:
        walk = autocorrelated(memory, shape, chance) / np.sqrt(1 - memory**2)
    return walk + noise * chance.normal(size=shape)


def _covariance(n: int, memory: float, noise: float) -> np.ndarray:
    rows = np.arange(n)
    if memory >= 1:
        walk = np.minimum.outer(rows, rows) + FAR
    else:
        walk = memory ** np.abs(rows[:, None] - rows).astype(float) / (1 - memory**2)
    return walk + (noise**2 + 1e-9) * np.eye(n)


@lru_cache(maxsize=16)
def _cells(n: int, margin: int) -> list[_Cell]:
    cells = []
    for memory, noise in FITTED:
        root = np.linalg.cholesky(_covariance(n, memory, noise))
        whiten = np.linalg.inv(root)
        level = whiten @ np.ones(n)
        square = float(level @ level)
        level /= np.sqrt(square)
        constant = -float(np.log(np.diag(root)).sum()) - 0.5 * np.log(square)
        steps = whiten @ step_columns(n, candidates(n, margin))
        steps -= np.outer(level, level @ steps)
        steps = np.ascontiguousarray((steps / np.sqrt((steps**2).sum(axis=0))).T)
        cells.append(_Cell(whiten, level, constant, steps, steps @ steps.T))
    return cells


def likelihood_ratios(series: np.ndarray, margin: int) -> Ratios:
    """Hold the best step, and the best two, against the best wandering without any.

    Args:
        series: (R, n).
        margin: rows between two steps, and from a step to either end; two of them have to fit in.
    """
    draws, n = series.shape
    still, best = np.full(draws, -np.inf), np.full((2, draws), -np.inf)
    at = np.zeros((3, draws), np.int64)  # the best step; the best two
    scale = np.maximum(series.std(axis=1, keepdims=True), 1e-300)
    scaled = ((series - series.mean(axis=1, keepdims=True)) / scale).T
    for cell in _cells(n, margin):
        rest = cell.whiten @ scaled
        rest -= np.outer(cell.level, cell.level @ rest)
        total = (rest**2).sum(axis=0)
        still = np.maximum(still, _likelihood(cell, total, n))
        along = cell.steps @ rest
        square = along**2
        two, first, second = _two_steps(cell, along, square, margin)
        for row, gain, places in ((0, square.max(axis=0), [square.argmax(axis=0)]), (1, two, [first, second])):
            value = _likelihood(cell, total - gain, n)
            better = value > best[row]
            best[row][better] = value[better]
            for number, place in enumerate(places, row):
                at[number][better] = place[better]
    rows = candidates(n, margin)[at]
    return Ratios(best[0] - still, best[1] - still, rows[0], rows[1:].T)


def _two_steps(
    cell: _Cell, along: np.ndarray, square: np.ndarray, margin: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the best two steps explain, and their numbers, each (R,); `along` and `square` (K, R)."""
    count, draws = along.shape
    gain, first, second = np.full(draws, -1.0), np.zeros(draws, np.int64), np.zeros(draws, np.int64)
    for a in range(count - margin):
        shared = cell.together[a, a + margin :, None]
        more = (along[a + margin :] - shared * along[a]) ** 2 / (1 - shared**2)
        b = more.argmax(axis=0)
        value = square[a] + more[b, np.arange(draws)]
        better = value > gain
        gain[better], first[better], second[better] = value[better], a, b[better] + a + margin
    return gain, first, second


def _likelihood(cell: _Cell, squares: np.ndarray, n: int) -> np.ndarray:
    return cell.constant - 0.5 * (n - 1) * np.log(np.maximum(squares, 1e-12))


@lru_cache(maxsize=16)
def _usual_memory(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the median autocorrelation at lag 1 of series of n rows, and the true one that it belongs to."""
    chance, true = np.random.default_rng(n), np.round(np.arange(-0.5, 1.01, 0.05), 2)
    seen = [np.median(lag_one(wanderings(float(memory), 0.0, (2_000, n), chance))) for memory in true]
    return np.maximum.accumulate(seen), true


def lag_one(series: np.ndarray) -> np.ndarray:
    """Return the autocorrelation of series (R, n) at lag 1, (R,)."""
    rest = series - series.mean(axis=1, keepdims=True)
    return (rest[:, 1:] * rest[:, :-1]).sum(axis=1) / np.maximum((rest**2).sum(axis=1), 1e-300)


def persistence(series: np.ndarray) -> float:
    """Return the autocorrelation of `series` (n,) at lag 1, without the bias of its estimate (at most 1).

    It is the one of which the estimate's median would be what was found (D. Andrews, Econometrica 61, 1993).
    """
    seen, true = _usual_memory(len(series))
    return float(np.interp(lag_one(series[None, :])[0], seen, true))
