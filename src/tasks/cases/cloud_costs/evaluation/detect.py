"""Which days of which series of costs are out of the ordinary, beyond what weekdays, persistence and skew do?

On the scale of logarithms (costs scatter in proportion, and to the right) a series is a level, a weekday pattern, over
longer times a steady growth, and an AR(1). Each day is tried as the start of a rise that lasts a day, three days, a
week, or to the end, as in Chen and Liu (1993, Journal of the American Statistical Association 88): the rise is fitted
beside the pattern, and divided by its standard error, with the persistence of what is left. How large the largest such
ratio is by chance is simulated, with innovations at least as skewed to the right as those seen: so the error is that of
all days, lengths and series of a month together.
"""

import functools
from typing import NamedTuple

import numpy as np

WEEK = 7
FEWEST_DAYS = 14
FLOOR = 0.02  # of the logarithm: a fixed price that moves by a per cent or two is no event
LENGTHS = (1, 3, 7, 0)  # days that a rise lasts; 0: to the end, three days at least
GROWING = 40  # days from which a steady growth is told from a rise
SIMULATED = 2_000  # series for each persistence
ERROR = 0.04  # wanted share of months without any event in which one is told
SHAPES = (6.0, 3.0, 1.5)  # of the simulated innovations; their skewness is 0.8, 1.2, 1.6
TAILS = (1.15, 1.45)  # how much farther the upper tail reaches than the lower, from which the next shape is taken
FEWEST_RESTS = 200  # what is left of all series, day by day, has to be as many to tell how skewed it is
PERSISTENCE = (0.0, 0.4, 0.7)  # of the simulated series; the worst of them counts
SMALLEST_RISE = 0.2  # of the logarithm, 22 %
MOST_RISES = 4  # of a series


class Rise(NamedTuple):
    """A rise of a series."""

    series: int
    first: int  # number of its first day
    last: int
    effect: float  # of the logarithm
    score: float  # ratio to what chance exceeds; above 1 stands out


class Trials(NamedTuple):
    """All rises that are tried on series of so many days."""

    first: np.ndarray  # (trials,)
    last: np.ndarray  # (trials,)
    kind: np.ndarray  # (trials,) number of the length
    shape: np.ndarray  # (trials, days) 1 while it lasts


@functools.lru_cache(maxsize=16)
def trials(days: int) -> Trials:
    """Return the rises that are tried on series of `days` days."""
    found = [
        (start, (start + length if length else days) - 1, kind)
        for kind, length in enumerate(LENGTHS)
        for start in range(0 if length == 1 else 2, days - max(length, 3 - 2 * (length == 1)) + 1)
    ]
    first, last, kind = (np.array(part) for part in zip(*found, strict=True))
    day = np.arange(days)
    return Trials(first, last, kind, ((day >= first[:, None]) & (day <= last[:, None])).astype(float))


def _design(weekday: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of level, weekday pattern and, of longer series, a steady growth, (days, k)."""
    columns = [weekday == day for day in np.unique(weekday) if (weekday == day).sum() >= 2]
    growth = [np.linspace(-1, 1, len(weekday))] if len(weekday) >= GROWING else []
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(weekday)), *columns[1:], *growth]).astype(float))
    return np.asarray(basis)


def ratios(logs: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return effect and effect by standard error of every trial in every series.

    Args:
        logs: (series, days).
        basis: orthonormal, (days, k): what is no event.

    Returns:
        Each (series, trials).
    """
    tried = trials(logs.shape[1])
    rest = logs - (logs @ basis) @ basis.T
    shape = tried.shape - (tried.shape @ basis) @ basis.T
    size = (shape**2).sum(axis=1)
    possible = size > 0.2
    size = np.where(possible, size, 1.0)
    effect = rest @ shape.T / size
    free = logs.shape[1] - basis.shape[1] - 1
    # With u what is left beside the rise: sums of u² and of u[t] u[t+1], without holding u for each trial and series.
    whole = (rest**2).sum(axis=1)[:, None] - effect**2 * size
    after, before = rest[:, 1:], rest[:, :-1]
    cross = (after * before).sum(axis=1)[:, None] - effect * (after @ shape[:, :-1].T + before @ shape[:, 1:].T)
    cross = cross + effect**2 * (shape[:, 1:] * shape[:, :-1]).sum(axis=1)
    whole = np.maximum(whole, 1e-12)
    lag = np.clip(cross / whole + 2.0 / logs.shape[1], 0.0, 0.85)
    spread = np.maximum(np.sqrt(whole / free), FLOOR)
    long = np.array([length != 1 for length in LENGTHS])[tried.kind]
    carry = np.where(long, np.sqrt((1 + lag) / (1 - lag)), 1.0)
    return effect, np.where(possible, effect * np.sqrt(size) / (spread * carry), 0.0)


@functools.lru_cache(maxsize=16)
def thresholds(series: int, days: int, shape: float = SHAPES[-1], error: float = ERROR) -> np.ndarray:
    """Return for each length the ratio that any rise in `series` series of `days` days exceeds with chance `error`.

    Innovations follow a gamma distribution of that shape (the smaller, the more skewed); the same draws each time. The
    tail beyond what is simulated is taken as exponential.
    """
    rng = np.random.default_rng([20_261_126, days])
    weekday = np.arange(days) % WEEK
    basis, kind = _design(weekday), trials(days).kind
    share = (error / len(LENGTHS)) / series  # of single series
    limits = []
    for carry in PERSISTENCE:
        shocks = rng.gamma(shape, 1.0, (SIMULATED, days + 30))
        for day in range(1, days + 30):
            shocks[:, day] += carry * shocks[:, day - 1]
        found = ratios(0.12 * shocks[:, 30:], basis)[1]
        limits.append([_upper(found[:, kind == number].max(axis=1), share) for number in range(len(LENGTHS))])
    return np.max(np.array(limits), axis=0)


def _upper(values: np.ndarray, share: float) -> float:
    """Return what a share of the values exceeds, beyond the largest 4 % by an exponential tail."""
    start = float(np.quantile(values, 0.96))
    return float(start + (values[values > start] - start).mean() * np.log(0.04 / share)) if share < 0.04 else start


def shape_of(logs: np.ndarray, basis: np.ndarray) -> float:
    """Return how skewed innovations have to be simulated: as the tails of what is left of all series are, or more."""
    rest = logs - (logs @ basis) @ basis.T
    scale = np.median(np.abs(rest), axis=1, keepdims=True)
    rest = (rest / np.where(scale > 0, scale, 1.0))[scale[:, 0] > FLOOR / 2]
    if rest.size < FEWEST_RESTS:
        return SHAPES[-1]
    low, middle, high = np.quantile(rest, [0.04, 0.5, 0.96])
    return SHAPES[int(np.searchsorted(TAILS, (high - middle) / max(middle - low, 1e-9)))]


def find_rises(costs: np.ndarray, weekday: np.ndarray) -> list[Rise]:
    """Return the rises that stand out in series of daily costs.

    Args:
        costs: (series, days), not negative.
        weekday: of each day, (days,), 0 to 6.
    """
    base = np.maximum(0.05 * np.median(costs, axis=1, keepdims=True), 1e-9)
    logs = np.log(costs + base)
    limits = thresholds(len(costs), costs.shape[1], shape_of(logs, _design(weekday)))
    tried = trials(costs.shape[1])
    found = []
    for number, row in enumerate(logs):
        basis = _design(weekday)
        for _ in range(MOST_RISES):
            effect, ratio = ratios(row[None], basis)
            score = np.where(effect[0] > SMALLEST_RISE, ratio[0] / limits[tried.kind], 0.0)
            best = int(np.argmax(score))
            if score[best] <= 1:
                break
            found.append(
                Rise(number, int(tried.first[best]), int(tried.last[best]), float(effect[0, best]), float(score[best]))
            )
            more = tried.shape[best] - basis @ (basis.T @ tried.shape[best])
            basis = np.column_stack([basis, more / np.linalg.norm(more)])
    return found
