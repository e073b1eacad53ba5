"""Which forecasts does a run ask for? The same grid and models in validation, in the test, in the replay, and ahead.

Wiring: what the flow would otherwise say once for each of them, and again for the champion.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.cases.demand.evaluation.scores import score_forecasts
from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.training.boosting import fit_boosting
from tasks.cases.demand.training.choose import choose_models, used_models
from tasks.cases.demand.training.forecast import ENGINES, models_for
from tasks.cases.demand.training.reconcile import choose_adding, chosen_forecasts
from tasks.platform.store import Stored


@dataclass(frozen=True)
class Forecaster:
    """The grid of a run, and every model that is tried on it."""

    prepared: Stored  # `tasks.cases.demand.features.panel.Prepared`
    engine: str
    seed: int

    @cached_property
    def time(self) -> Clock:
        """The clock of the grid."""
        found: Clock = self.prepared.clock.load(Clock)
        return found

    @cached_property
    def models(self) -> list[str]:
        """Names of the models that are tried on so many series."""
        return models_for(self.prepared.series.summary["rows"])

    @cached_property
    def boosted(self) -> dict[int, Stored]:
        """The global models: first period that each must not know -> model."""
        cutoffs = [*self.time.origins, self.time.test, self.time.periods]
        grid = self.prepared
        return {cutoff: fit_boosting(grid.panel, grid.clock, cutoff, self.seed) for cutoff in cutoffs}

    def forecast(self, origins: list[int], steps: int, models: list[str], numbers: list[int] | None = None) -> Stored:
        """Forecast the series `numbers`, all by default, so many steps from each origin by each model."""
        grid, cutoffs, boosted = self.prepared, list(self.boosted), list(self.boosted.values())
        return ENGINES[self.engine](
            grid.panel, grid.series, grid.clock, boosted, cutoffs, origins, steps, models, numbers or []
        )

    @cached_property
    def validation(self) -> Stored:
        """Forecasts by each model whose targets lie before the test, on which every choice is made."""
        return self.forecast(self.time.origins, self.time.horizon, self.models)

    @cached_property
    def test(self) -> Stored:
        """Forecasts of the test by each model."""
        return self.forecast([self.time.test], self.time.horizon, self.models)

    def choose(self, ways: dict[str, str]) -> "Choice":
        """Choose models and how they add up, on the validation.

        Args:
            ways: kind of series -> way of choosing that is taken whatever its error.
        """
        series, models = self.prepared.series, self.models
        chosen = choose_models(self.validation, series, models, ways)
        return Choice(self, chosen, choose_adding(self.validation, series, chosen.weights, models))

    def rescore(self, config: dict[str, Any]) -> Stored:
        """Score the test under another model's choices."""
        return self.choose(dict(config["ways"])).scored


@dataclass(frozen=True)
class Choice:
    """Models that were chosen, and how their forecasts are made to add up."""

    of: Forecaster
    chosen: Stored  # `tasks.cases.demand.training.choose.Chosen`
    adding: Stored

    @cached_property
    def used(self) -> list[str]:
        """Names of the models that have a weight."""
        found: list[str] = used_models(self.chosen.weights, self.of.models).load(list[str])
        return found

    def taken(self, forecasts: Stored, models: list[str]) -> Stored:
        """Return what is chosen of the forecasts by `models`."""
        return chosen_forecasts(forecasts, self.of.prepared.series, self.chosen.weights, self.adding, models)

    def forecast(self, origins: list[int], steps: int, numbers: list[int] | None = None) -> Stored:
        """Forecast with the models that have a weight; see `Forecaster.forecast`."""
        return self.taken(self.of.forecast(origins, steps, self.used, numbers), self.used)

    @cached_property
    def validation(self) -> Stored:
        """The chosen forecasts of the validation."""
        return self.taken(self.of.validation, self.of.models)

    @cached_property
    def test(self) -> Stored:
        """The chosen forecasts of the test."""
        return self.taken(self.of.test, self.of.models)

    @cached_property
    def scored(self) -> Stored:
        """Score of every test case, with that of the best simple forecast; see `score_forecasts`."""
        return score_forecasts(self.test, self.of.test, self.of.prepared.series, self.chosen.baseline)
