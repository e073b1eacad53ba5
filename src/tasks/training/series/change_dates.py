"""When did the level change, by how much, and could it be chance? Steps in a series beside an expected week.

Method: sup-F over all dates (D. Andrews, Econometrica 61, 1993, 821-856) of a step in the logarithm of daily counts,
beside the regression of the expected week and with AR(1) errors. Textbook critical values and standard errors are too
small for half a year of correlated days, so three things are simulated with the shocks of the series itself:

- the correlation: residuals understate it, so the one whose simulated residuals look like the observed (D. Andrews,
  Econometrica 61, 1993, 139-165: median-unbiased estimation),
- the false-alarm rate: how often a series without any step has a larger sup-F. For it the correlation is taken as high
  as the days allow (`CAUTIOUS`), since a slow wave looks like a step, and what else is known to shift a series for some
  weeks (`unrest`) is in the simulated series too,
- the interval of the step: bootstrap-t, in which the date is searched for anew in every simulated series.

Further steps are searched for beside those found (J. Bai and P. Perron, Econometrica 66, 1998), each tested in the same
way, and then every date is found again beside all others.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tasks.training.series.regression import (
    HIGHEST,
    LOWEST,
    Scanned,
    coefficient,
    one_thread,
    persistence,
    scan,
    simulate,
    whiten,
)
from tasks.training.series.segmentation import candidates, step_columns

CORRELATIONS = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.87, 0.92, 0.96, 0.99])
CAUTIOUS = 0.15  # of series with the correlation taken for the null, this share look as little correlated as this one
PILOTS = 60  # simulated series for each correlation
SIMULATIONS = 399
LEVEL = 0.95
SEED = 20_200_321


class Effect(NamedTuple):
    """A difference of logarithms with its interval."""

    value: float
    low: float
    high: float


class Step(NamedTuple):
    """One step: its row in the series (the first after the change), its height, and how sure it is."""

    row: int
    first: int  # interval of the row
    last: int
    effect: Effect
    statistic: float
    p_value: float


Unrest = Callable[[int, np.random.Generator], np.ndarray]
"""Draws (n, count) of what shifts a series for a while without being a step, in the units of the series."""


class Errors(NamedTuple):
    """What the errors of a series are like."""

    rho: float
    shocks: np.ndarray  # (n,)


def unbiased_errors(
    residuals: np.ndarray,
    gaps: np.ndarray,
    design: np.ndarray,
    steps: np.ndarray,
    chance: np.random.Generator,
    quantile: float = 0.5,
) -> Errors:
    """Return correlation and shocks of residuals (n,) whose correlation the fit has biased downwards.

    Args:
        residuals: what regression and step leave, (n,).
        gaps: (n - 1,) days from row to row.
        design: the regression, (n, p).
        steps: the step that was fitted, or all among which it was chosen, (n, T).
        chance: of the simulation.
        quantile: where the observed correlation lies among those of series with the returned one; below 0.5, cautious.
    """
    observed = float(persistence(residuals[:, None], gaps)[0])
    shocks = whiten(residuals[:, None], gaps, float(np.clip(observed, LOWEST, HIGHEST)))[:, 0]
    medians = []
    for rho in CORRELATIONS:
        drawn = simulate(shocks, gaps, float(rho), PILOTS, chance)
        medians.append(float(np.quantile(scan(drawn, design, steps, gaps).raw, quantile)))
    rho = float(np.interp(observed, np.maximum.accumulate(medians), CORRELATIONS))
    freedom = len(residuals) / max(1, len(residuals) - design.shape[1] - 1)
    return Errors(rho, whiten(residuals[:, None], gaps, rho)[:, 0] * np.sqrt(freedom))


def _residuals(series: np.ndarray, design: np.ndarray, column: np.ndarray) -> np.ndarray:
    both = np.column_stack([design, column])
    return series - both @ np.linalg.lstsq(both, series, rcond=None)[0]


def sup_f(
    series: np.ndarray,
    design: np.ndarray,
    steps: np.ndarray,
    gaps: np.ndarray,
    chance: np.random.Generator,
    unrest: Unrest | None = None,
) -> tuple[Scanned, float]:
    """Return the best step and its false-alarm probability: the share of series without a step with a larger sup-F.

    Args:
        series: (n,).
        design: regression without the step, (n, p).
        steps: candidates, (n, T).
        gaps: (n - 1,) days from row to row.
        chance: of the simulation.
        unrest: what else shifts a series without a step.
    """
    found = scan(series[:, None], design, steps, gaps)
    residuals = _residuals(series, design, steps[:, found.place[0]])
    errors = unbiased_errors(residuals, gaps, design, steps, chance, CAUTIOUS)
    drawn = simulate(errors.shocks, gaps, errors.rho, SIMULATIONS, chance)
    null = scan(drawn + unrest(SIMULATIONS, chance) if unrest else drawn, design, steps, gaps)
    larger = int((null.statistic >= found.statistic[0]).sum())
    return found, (1 + larger) / (1 + SIMULATIONS)


def step_interval(
    series: np.ndarray, design: np.ndarray, rows: np.ndarray, gaps: np.ndarray, chance: np.random.Generator
) -> tuple[Scanned, Effect, tuple[int, int]]:
    """Return the best step among `rows`, its height with a bootstrap-t interval, and the interval of its row."""
    steps = step_columns(len(series), rows)
    found = scan(series[:, None], design, steps, gaps)
    place, height, error = int(found.place[0]), float(found.step[0]), float(found.error[0])
    column = steps[:, place]
    errors = unbiased_errors(_residuals(series, design, column), gaps, design, column[:, None], chance)
    drawn = height * column[:, None] + simulate(errors.shocks, gaps, errors.rho, SIMULATIONS, chance)
    again = scan(drawn, design, steps, gaps)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile((again.step - height) / again.error, ends)
    first, last = np.quantile(rows[again.place], ends, method="closest_observation")
    return found, Effect(height, height - high * error, height - low * error), (int(first), int(last))


def level_interval(
    series: np.ndarray, design: np.ndarray, column: np.ndarray, gaps: np.ndarray, chance: np.random.Generator
) -> Effect:
    """Return the level of the days marked in `column` (n,) against the design, with a bootstrap-t interval."""
    with one_thread():
        return _level(series, design, column, gaps, chance)


def _level(
    series: np.ndarray, design: np.ndarray, column: np.ndarray, gaps: np.ndarray, chance: np.random.Generator
) -> Effect:
    height, error, _ = coefficient(series[:, None], design, column, gaps)
    errors = unbiased_errors(_residuals(series, design, column), gaps, design, column[:, None], chance)
    drawn = height[0] * column[:, None] + simulate(errors.shocks, gaps, errors.rho, SIMULATIONS, chance)
    again, spread, _ = coefficient(drawn, design, column, gaps)
    low, high = np.quantile((again - height[0]) / spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Effect(float(height[0]), float(height[0] - high * error[0]), float(height[0] - low * error[0]))


def find_steps(
    series: np.ndarray,
    design: np.ndarray,
    gaps: np.ndarray,
    margin: int = 7,
    false_alarms: float = 0.05,
    most: int = 3,
    seed: int = SEED,
    unrest: Unrest | None = None,
) -> tuple[list[Step], float, float]:
    """Find the steps of a series.

    Args:
        series: logarithms of daily counts, (n,).
        design: the expected week, (n, p), of full rank.
        gaps: (n - 1,) days from row to row.
        margin: days between two steps, and from a step to either end.
        false_alarms: share of series without a (further) step in which one is found all the same.
        most: steps to look for.
        seed: of the simulations.
        unrest: what shifts the series for a while without being a step, such as school holidays.

    Returns:
        The steps by date, and statistic and p-value of the first search, whether it found one or not; NaN and 1 when
        the series is too short for any.
    """
    chance = np.random.default_rng(seed)
    with one_thread():
        return _found(series, design, gaps, margin, false_alarms, most, chance, unrest)


def _found(
    series: np.ndarray,
    design: np.ndarray,
    gaps: np.ndarray,
    margin: int,
    false_alarms: float,
    most: int,
    chance: np.random.Generator,
    unrest: Unrest | None,
) -> tuple[list[Step], float, float]:
    rows: list[int] = []
    tests: list[tuple[float, float]] = []
    while len(rows) < most:
        free = candidates(len(series), margin, rows)
        beside = np.column_stack([design, step_columns(len(series), np.array(rows, int))])
        if not len(free) or len(series) <= beside.shape[1] + 2 * margin:
            break
        found, p_value = sup_f(series, beside, step_columns(len(series), free), gaps, chance, unrest)
        tests.append((float(found.statistic[0]), p_value))
        if p_value > false_alarms:
            break
        rows = _relocated(series, design, gaps, margin, [*rows, int(free[found.place[0]])])
    first = tests[0] if tests else (float("nan"), 1.0)
    return _measured(series, design, gaps, margin, rows, tests, chance), *first


def _relocated(series: np.ndarray, design: np.ndarray, gaps: np.ndarray, margin: int, rows: list[int]) -> list[int]:
    """Find each date again beside the others, until none moves."""
    for _ in range(5):
        before = list(rows)
        for number in range(len(rows)):
            others = [row for place, row in enumerate(rows) if place != number]
            free = candidates(len(series), margin, others)
            beside = np.column_stack([design, step_columns(len(series), np.array(others, int))])
            found = scan(series[:, None], beside, step_columns(len(series), free), gaps)
            rows[number] = int(free[found.place[0]])
        if rows == before:
            break
    return rows


def _measured(
    series: np.ndarray,
    design: np.ndarray,
    gaps: np.ndarray,
    margin: int,
    rows: list[int],
    tests: list[tuple[float, float]],
    chance: np.random.Generator,
) -> list[Step]:
    steps = []
    for number, row in enumerate(rows):
        others = [other for other in rows if other != row]
        # Between its neighbours: beyond them it would be another step.
        low = max([other for other in others if other < row], default=0)
        high = min([other for other in others if other > row], default=len(series))
        free = candidates(len(series), margin, others)
        free = free[(free > low) & (free < high)]
        beside = np.column_stack([design, step_columns(len(series), np.array(others, int))])
        found, effect, (first, last) = step_interval(series, beside, free, gaps, chance)
        place = int(free[found.place[0]])
        steps.append(Step(place, first, last, effect, *tests[number]))
    return sorted(steps, key=lambda step: step.row)
