"""A linear regression whose errors depend on the day before, and a scan for the date of a step, for many series.

The model is `y = X b + d 1[t >= date] + u` with `u` a stationary AR(1) process; missing days are bridged, since the
correlation over a gap of g days is rho^g. For a given rho the series is whitened and the regression is generalised
least squares. All functions take many series at once, because the distributions of the test and of the interval are
found by simulation: a scan of 400 series of 200 days takes about as long as a single one would in a loop.
"""

from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

LOWEST, HIGHEST, GRID = -0.4, 0.96, 0.04  # of the correlation by which a series is whitened


class Scanned(NamedTuple):
    """The best step of each of B series."""

    place: np.ndarray  # (B,) int: number of the date among the candidates
    step: np.ndarray  # (B,) its height
    error: np.ndarray  # (B,) standard error of the height
    statistic: np.ndarray  # (B,) the largest F over all dates
    raw: np.ndarray  # (B,) persistence of the residuals, biased downwards


def whiten(values: np.ndarray, gaps: np.ndarray, rho: float) -> np.ndarray:
    """Return (n, k) with the serial correlation taken out; `gaps` (n - 1,) are the days from row to row."""
    decay = np.sign(rho) ** gaps * np.abs(rho) ** gaps
    scale = np.sqrt(1 - decay**2)
    return np.concatenate([values[:1], (values[1:] - decay[:, None] * values[:-1]) / scale[:, None]])


def colour(shocks: np.ndarray, gaps: np.ndarray, rho: float) -> np.ndarray:
    """Return (n, k) with the serial correlation put in: what `whiten` takes out."""
    decay = np.sign(rho) ** gaps * np.abs(rho) ** gaps
    scale = np.sqrt(1 - decay**2)
    series = shocks.copy()
    for number in range(1, len(series)):
        series[number] = decay[number - 1] * series[number - 1] + scale[number - 1] * shocks[number]
    return series


def persistence(residuals: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return how much of a deviation is left on the next day, for residuals (n, B): (B,).

    It is the larger of the correlation from one day to the next and the root of that over two days, the latter less its
    own noise: waves that are slower than AR(1) do not show in neighbouring days, and would be taken for steps.
    """
    days = np.concatenate([[0], np.cumsum(gaps)])
    power = (residuals**2).mean(axis=0)
    found = []
    for lag in (1, 2):
        pairs = np.flatnonzero(days[lag:] - days[:-lag] == lag)
        if not len(pairs):
            return np.zeros(residuals.shape[1])
        found.append((residuals[pairs] * residuals[pairs + lag]).mean(axis=0) / np.where(power > 0, power, 1.0))
    excess = found[1] - len(days) ** -0.5
    return np.maximum(found[0], np.where(excess > 0, np.sqrt(np.maximum(excess, 0.0)), -1.0))


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra on one thread: with matrices this small, several wait for each other most of the time."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def _rounded(rho: np.ndarray) -> np.ndarray:
    return np.round(np.clip(rho, LOWEST, HIGHEST) / GRID) * GRID


def _projected(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    basis = np.linalg.qr(design)[0]
    return values - basis @ (basis.T @ values)


def _scan(series: np.ndarray, design: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return place, step, error, statistic (B,) and residuals (n, B) of ordinary least squares with the best step."""
    rest, free = _projected(design, series), _projected(design, steps)
    power = (free**2).sum(axis=0)
    usable = power > 1e-6
    product = free.T @ rest
    gain = np.where(usable[:, None], product**2 / np.where(usable, power, 1.0)[:, None], 0.0)
    place = gain.argmax(axis=0)
    rows = np.arange(series.shape[1])
    height = product[place, rows] / np.where(usable, power, 1.0)[place]
    left = rest - free[:, place] * height
    spread = (left**2).sum(axis=0) / max(1, len(series) - design.shape[1] - 1)
    spread = np.maximum(spread, 1e-12)
    return place, height, np.sqrt(spread / np.where(usable, power, 1.0)[place]), gain[place, rows] / spread, left


def scan(series: np.ndarray, design: np.ndarray, steps: np.ndarray, gaps: np.ndarray) -> Scanned:
    """Find the step that explains each series best, serial correlation allowed for.

    A first scan by ordinary least squares yields residuals and their correlation; with the series whitened by it, the
    second yields date, height and the largest F (D. Andrews, Econometrica 61, 1993: sup-F).

    Args:
        series: (n, B).
        design: the regression without a step, (n, p), of full rank.
        steps: the candidates, (n, T).
        gaps: (n - 1,) days from row to row.
    """
    raw = persistence(_scan(series, design, steps)[4], gaps)
    rounded = _rounded(raw)
    found = np.empty((4, series.shape[1]))
    for rho in np.unique(rounded):
        chosen = rounded == rho
        white = [whiten(part, gaps, float(rho)) for part in (series[:, chosen], design, steps)]
        found[:, chosen] = np.array(_scan(*white)[:4])
    return Scanned(found[0].astype(int), found[1], found[2], found[3], raw)


def coefficient(
    series: np.ndarray, design: np.ndarray, column: np.ndarray, gaps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coefficient of `column` (n,) beside a design (n, p), its error and the raw correlation, (B,) each."""
    found = scan(series, design, column[:, None], gaps)
    return found.step, found.error, found.raw


def simulate(shocks: np.ndarray, gaps: np.ndarray, rho: float, count: int, chance: np.random.Generator) -> np.ndarray:
    """Return `count` series of AR(1) errors (n, count): the observed shocks (n,), centred, drawn again."""
    drawn = chance.choice(shocks - shocks.mean(), size=(len(gaps) + 1, count))
    return colour(drawn, gaps, rho)
