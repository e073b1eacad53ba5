"""From crops to a published model: the stages in their order, whichever of the two kinds of model it is."""

from dataclasses import dataclass
from typing import Any

from tasks.cases.masks.features.crops import Way
from tasks.cases.masks.features.embed import Pretrained, embed_faces
from tasks.cases.masks.training.model import calibrate, fit_network, fit_transfer
from tasks.cases.masks.training.network import VIEWS
from tasks.cases.masks.training.recipes import (
    Choice,
    Recipe,
    choose_recipe,
    compare_network,
    compare_recipes,
)
from tasks.platform.store import Stored


@dataclass(frozen=True)
class Engine:
    """What models of one run have in common."""

    crops: Stored
    groups: Stored
    split: Stored
    pretrained: Pretrained
    way: Way
    classes: list[str]
    costs: tuple[float, float]  # of letting pass wrongly, of stopping wrongly
    seed: int

    def features(self) -> dict[str, Stored]:
        """Embed the faces, the whole pictures, and the views that recipes learn from."""
        views = {
            f"view{number}": embed_faces(self.crops.wholes if number == VIEWS else self.crops.faces, number, self.seed)
            for number in range(1, VIEWS + 1)
        }
        plain = {"face0": embed_faces(self.crops.faces, 0, 0), "whole0": embed_faces(self.crops.wholes, 0, 0)}
        return plain | views

    def plain(self) -> Stored:
        """Return the whole pictures as features where there are some, else as pixels."""
        return embed_faces(self.crops.wholes, 0, 0) if self.pretrained.there else self.crops.wholes

    def choose(self, compare_own: bool) -> Stored:
        """Compare recipes on left out sources; the parts are `choice`, `table` and `right`.

        Args:
            compare_own: whether a small network is compared too; it is where there are no pretrained features.
        """
        split, count = self.split, len(self.classes)
        transfer, network = None, None
        if self.pretrained.there:
            transfer = compare_recipes(
                self.features(), split.y, self.groups.sources, split.train, split.left_out, count
            )
        if compare_own or transfer is None:
            crops = self.crops
            network = compare_network(crops.faces, crops.wholes, split.y, split.train, split.left_out, count, self.seed)
        parts: list[Any] = [part for found in (transfer, network)
                            for part in ((found.table, found.logits) if found else (None, None))]  # fmt: skip
        return choose_recipe(*parts, split.y, split.train, self.pretrained.why)

    def fit(self, recipe: Recipe) -> Stored:
        """Fit a recipe on all learning pictures; the parts are `model`, `lite`, `lite8` and `unseen`."""
        split, count = self.split, len(self.classes)
        if recipe.own:
            return fit_network(self.crops.faces, self.crops.wholes, split.y, split.train, split.folds, count, self.seed)
        return fit_transfer(self.features(), split.y, self.groups.sources, split.train, split.folds, recipe, count)

    def inputs(self, recipe: Recipe, crops: Stored) -> Stored:
        """Return what a model of this recipe looks at, for all pictures of `crops`."""
        pictures = crops.wholes if recipe.crop == "whole" else crops.faces
        return pictures if recipe.own else embed_faces(pictures, 0, 0)

    def calibrate(self, fitted: Stored, choice: Choice) -> Stored:
        """Return the record that goes with the weights (`Recognition`)."""
        return calibrate(
            fitted.unseen, self.split.y, self.split.train, self.classes, choice.recipe, self.way.detect, *self.costs
        )
