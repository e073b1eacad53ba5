"""How often does the search for changes cry wolf, and what does it miss? Measured on simulated price indices."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.consumer_prices.features import irregular_spread, spread
from tasks.evaluation.change_points import DRAWS, INFLATION_LAGS, LEAST_YEARS, no_change_test
from tasks.evaluation.intervals import exact_binomial
from tasks.platform.stage import stage

SEED = 2000


class Scenario(NamedTuple):
    """A kind of price index; spreads in per cent per month or quarter."""

    name: str
    planted: str  # empty: no change; else which figure it changes
    memory: float = 0.2  # autocorrelation of the increments from month to month
    season: float = 0.15  # standard deviation of the seasonal pattern
    wander: float = 1.5  # standard deviation of a slow inflation with autocorrelation 0.7, per cent a year
    factor: float = 1.0  # of the irregular spread, after the change
    season_after: float = 0.15


SCENARIOS = (
    Scenario("no change, months independent", "", memory=0.0, season=0.0, season_after=0.0, wander=0.0),
    Scenario("no change, season, autocorrelation 0.5", "", memory=0.5, season=0.3, season_after=0.3, wander=0.0),
    Scenario("no change, season, wandering inflation", ""),
    Scenario("irregular steps × 1.25", "irregular", factor=1.25),
    Scenario("irregular steps × 1.5", "irregular", factor=1.5),
    Scenario("irregular steps × 2", "irregular", factor=2.0),
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
    slow = np.empty((years, draws))
    slow[0] = chance.normal(size=draws)
    for year in range(1, years):
        slow[year] = 0.7 * slow[year - 1] + np.sqrt(1 - 0.7**2) * chance.normal(size=draws)
    noise += np.repeat(slow * scenario.wander / per_year, per_year, axis=0)
    pattern = np.sqrt(2) * np.sin(2 * np.pi * np.arange(count) / per_year)
    noise += (pattern * np.where(after, scenario.season_after, scenario.season))[:, None]
    return np.ascontiguousarray(noise.T).reshape(draws, years, per_year)


def alarms(steps: np.ndarray, rate: float, null_draws: int = DRAWS) -> dict[str, np.ndarray]:
    """Return for each figure which of the indices `steps` (R, years, per_year) it says has changed, (R,)."""
    figures = {
        "inflation": (steps.sum(axis=2), INFLATION_LAGS),
        "spread": (np.log(spread(steps)), 1),
        "irregular": (np.log(irregular_spread(steps)), 1),
    }
    return {name: no_change_test(values, null_draws, lags).p <= rate for name, (values, lags) in figures.items()}


@stage(phase="Evaluation")
def measure_alarms(yearly: pd.DataFrame, per_year: int, false_alarms: float, draws: int = 400) -> pd.DataFrame:
    """Measure the test on simulated indices as long as the one at hand.

    Args:
        yearly: a row per complete calendar year; only their number counts.
        per_year: 12 or 4.
        false_alarms: the rate that the three figures share.
        draws: simulated indices in each scenario.

    Returns:
        `scenario`, `planted`, `figure` (inflation, spread, irregular, any), `share` of the indices that are said to
        have changed, `low`, `high` (exact 95 % interval), `n`.
    """
    rows, years = [], max(len(yearly), LEAST_YEARS)
    for number, scenario in enumerate(SCENARIOS):
        said = alarms(simulate(scenario, draws, years, per_year, SEED + number), false_alarms / 3)
        said["any"] = np.any(list(said.values()), axis=0)
        for figure, hits in said.items():
            low, high = exact_binomial(int(hits.sum()), draws)
            rows.append((scenario.name, scenario.planted, figure, float(hits.mean()), low, high, draws))
    return pd.DataFrame(rows, columns=["scenario", "planted", "figure", "share", "low", "high", "n"])
