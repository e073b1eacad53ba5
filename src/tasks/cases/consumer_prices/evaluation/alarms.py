"""How often does the search for changes cry wolf, and what does it miss? Measured on simulated price indices."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.consumer_prices.features import irregular_spread, spread
from tasks.evaluation.change_points import DRAWS, LEAST_YEARS, SHARES, Verdict, no_change_test
from tasks.evaluation.intervals import exact_binomial
from tasks.platform.stage import stage
from tasks.training.series.wandering import wanderings

SEED = 2000
AS_FOUND = "no change, as persistent as found here"
WALK = 0.98  # an autocorrelation from which on a series has no standard deviation to speak of


class Scenario(NamedTuple):
    """A kind of price index; spreads in per cent per month or quarter."""

    name: str
    planted: str  # empty: no change; else which figure it changes
    memory: float = 0.2  # autocorrelation of the increments from month to month
    season: float = 0.15  # standard deviation of the seasonal pattern
    wander: float = 1.5  # standard deviation of a slow inflation, per cent a year; of a random walk, its innovations'
    level_memory: float = 0.7  # autocorrelation of the slow inflation from year to year; 1 is a random walk
    unrest: float = (
        0.0  # standard deviation of the logarithm of the irregular spread; of a random walk, its innovations'
    )
    spread_memory: float = 0.7  # autocorrelation of that logarithm
    factor: float = 1.0  # of the irregular spread, after the change
    season_after: float = 0.15


SCENARIOS = (
    Scenario("no change, months independent", "", memory=0.0, season=0.0, season_after=0.0, wander=0.0),
    Scenario("no change, season, autocorrelation 0.5", "", memory=0.5, season=0.3, season_after=0.3, wander=0.0),
    Scenario("no change, season, wandering inflation", ""),
    Scenario(
        "no change, inflation and unrest with autocorrelation 0.9", "", level_memory=0.9, unrest=0.4, spread_memory=0.9
    ),
    Scenario(
        "no change, inflation and unrest are random walks",
        "",
        wander=0.7,
        level_memory=1.0,
        unrest=0.15,
        spread_memory=1.0,
    ),
    Scenario("irregular steps × 1.5", "irregular", factor=1.5),
    Scenario("irregular steps × 2", "irregular", factor=2.0),
    Scenario("irregular steps × 3", "irregular", factor=3.0),
    Scenario("only the seasonal pattern × 3", "spread", season_after=0.45),
)


def simulate(scenario: Scenario, draws: int, years: int, per_year: int, seed: int = SEED) -> np.ndarray:
    """Return increments of `draws` indices, per cent, (draws, years, per_year); what changes does so after 60 %."""
    chance = np.random.default_rng(seed)
    count = years * per_year
    shocks = chance.normal(size=(count, draws))
    noise = np.empty_like(shocks)
    noise[0] = shocks[0]
    for step in range(1, count):
        noise[step] = scenario.memory * noise[step - 1] + np.sqrt(1 - scenario.memory**2) * shocks[step]
    after = np.arange(count) >= round(0.6 * years) * per_year
    noise *= np.where(after, scenario.factor, 1.0)[:, None] * 0.25
    unrest = scenario.unrest * _slow(scenario.spread_memory, (years, draws), chance)
    noise *= np.repeat(np.exp(unrest), per_year, axis=0)
    slow = scenario.wander * _slow(scenario.level_memory, (years, draws), chance)
    noise += np.repeat(slow / per_year, per_year, axis=0)
    pattern = np.sqrt(2) * np.sin(2 * np.pi * np.arange(count) / per_year)
    noise += (pattern * np.where(after, scenario.season_after, scenario.season))[:, None]
    return np.ascontiguousarray(noise.T).reshape(draws, years, per_year)


def _slow(memory: float, shape: tuple[int, int], chance: np.random.Generator) -> np.ndarray:
    """Draw (years, draws) with variance 1; a random walk with innovations of variance 1 where `memory` is 1."""
    series = wanderings(memory, 0.0, shape[::-1], chance).T
    return series if memory >= 1 else series * np.sqrt(1 - memory**2)


def alarms(steps: np.ndarray, rate: float, null_draws: int = DRAWS) -> dict[str, np.ndarray]:
    """Return for each figure which of the indices `steps` (R, years, per_year) it says has changed, (R,)."""
    figures = {
        "inflation": steps.sum(axis=2),
        "spread": np.log(spread(steps)),
        "irregular": np.log(irregular_spread(steps)),
    }
    return {name: no_change_test(values, name == "spread", null_draws).p <= rate for name, values in figures.items()}


def as_found(tests: list[Verdict]) -> Scenario:
    """Return the scenario without a change whose inflation and unrest are as persistent as those of the series."""
    memory = {test.name: float(np.clip(test.memory, 0, 1)) for test in tests}
    level, spread_memory = memory["inflation"], max(memory["spread"], memory["irregular"])
    return Scenario(
        f"{AS_FOUND} (inflation {level:.2f}, unrest {spread_memory:.2f})",
        "",
        level_memory=level,
        wander=1.5 if level < WALK else 0.7,
        unrest=0.4 if spread_memory < WALK else 0.15,
        spread_memory=spread_memory,
    )


@stage(phase="Evaluation")
def measure_alarms(
    yearly: pd.DataFrame, per_year: int, false_alarms: float, tests: list[Verdict], draws: int = 400
) -> pd.DataFrame:
    """Measure the test on simulated indices as long as the one at hand.

    Args:
        yearly: a row per complete calendar year; only their number counts.
        per_year: 12 or 4.
        false_alarms: the rate that the three figures share.
        tests: what the test says of the series at hand; its persistence makes a scenario of its own.
        draws: simulated indices in each scenario.

    Returns:
        `scenario`, `planted`, `figure` (inflation, spread, irregular, any), `share` of the indices that are said to
        have changed, `low`, `high` (exact 95 % interval), `n`.
    """
    rows, years = [], max(len(yearly), LEAST_YEARS)
    for number, scenario in enumerate((*SCENARIOS, as_found(tests))):
        said = alarms(simulate(scenario, draws, years, per_year, SEED + number), false_alarms / SHARES)
        said["any"] = np.any(list(said.values()), axis=0)
        for figure, hits in said.items():
            low, high = exact_binomial(int(hits.sum()), draws)
            rows.append((scenario.name, scenario.planted, figure, float(hits.mean()), low, high, draws))
    return pd.DataFrame(rows, columns=["scenario", "planted", "figure", "share", "low", "high", "n"])
