"""How is any model learned from the products of a run, and asked about those kept aside? The same way for each.

Wiring: what the flow would otherwise say once for the model, again for the baseline, and again for the champion.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.cases.quality.evaluation.scores import loss_of
from tasks.cases.quality.ingestion.roles import Roles
from tasks.cases.quality.training.models import compare_models, fit_model, predict_products
from tasks.platform.store import Stored


@dataclass(frozen=True)
class Learner:
    """Products for learning and for testing, and what is an input."""

    split: Stored  # `tasks.cases.quality.features.split.SplitProducts`
    recipe: Stored
    roles: Roles
    seed: int

    @cached_property
    def compared(self) -> Stored:
        """Every model and baseline in cross-validation (`Candidates`)."""
        split = self.split
        return compare_models(split.train, split.y_train, self.recipe, self.roles.kind, split.folds, self.seed)

    def learn(self, name: str) -> tuple[Stored, Stored]:
        """Fit a model or baseline (`Fitted`), and predict the products kept aside."""
        split, recipe, kind = self.split, self.recipe, self.roles.kind
        fitted = fit_model(
            split.train, split.y_train, recipe, kind, self.compared.out_of_fold, name, split.folds, self.seed
        )
        classes = len(self.roles.names)
        return fitted, predict_products(split.test, fitted.model, fitted.calibration, recipe, kind, name, classes)

    def rescore(self, config: dict[str, Any]) -> Stored:
        """Score the products kept aside under another model's choices."""
        return loss_of(self.split.y_test, self.learn(str(config["model"]))[1], self.roles.kind)
