"""From crops to a published model and its judgements: the same stages for both kinds of model, and for both sources."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.cases.masks.evaluation.scores import judge, rescored
from tasks.cases.masks.features.crops import Way, cut_faces
from tasks.cases.masks.features.embed import Pretrained, embed_faces
from tasks.cases.masks.features.groups import group_faces
from tasks.cases.masks.features.split import drop_known, select
from tasks.cases.masks.ingestion import Place, locate_faces, read_faces
from tasks.cases.masks.training.model import calibrate, fit_network, fit_transfer
from tasks.cases.masks.training.network import VIEWS
from tasks.cases.masks.training.recipes import (
    Choice,
    Recipe,
    choose_recipe,
    compare_network,
    compare_recipes,
    recipe_named,
)
from tasks.platform.store import Stored


class Fitted(NamedTuple):
    """A model, and what goes with it."""

    choice: Choice
    model: Stored  # the parts `model`, `lite`, `lite8`
    known: Stored  # `Recognition`


@dataclass(frozen=True)
class Engine:
    """What models of one run have in common."""

    manifest: Stored
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
        parts: list[Any] = [
            part for found in (transfer, network) for part in ((found.table, found.logits) if found else (None, None))
        ]
        return choose_recipe(*parts, split.y, split.train, self.pretrained.why)

    def fit(self, recipe: Recipe) -> Stored:
        """Fit a recipe on all learning pictures; the parts are `model`, `lite`, `lite8` and `unseen`."""
        split, count = self.split, len(self.classes)
        if recipe.own:
            return fit_network(self.crops.faces, self.crops.wholes, split.y, split.train, split.folds, count, self.seed)
        return fit_transfer(self.features(), split.y, self.groups.sources, split.train, split.folds, recipe, count)

    def fit_and_calibrate(self, choice: Choice) -> Fitted:
        """Fit the chosen recipe, with the record that goes with the weights."""
        fitted, split = self.fit(choice.recipe), self.split
        known = calibrate(
            fitted.unseen, split.y, split.train, self.classes, choice.recipe, self.way.detect, *self.costs
        )
        return Fitted(choice, fitted, known)

    def inputs(self, recipe: Recipe, crops: Stored) -> Stored:
        """Return what a model of this recipe looks at, for all pictures of `crops`."""
        pictures = crops.wholes if recipe.crop == "whole" else crops.faces
        return pictures if recipe.own else embed_faces(pictures, 0, 0)

    @property
    def y_test(self) -> Stored:
        """The classes of the test pictures."""
        return select(self.split.y, self.split.test)

    @property
    def groups_test(self) -> Stored:
        """The groups of the test pictures."""
        return select(self.groups.groups, self.split.test)

    @property
    def groups_train(self) -> Stored:
        """The groups of the learning pictures."""
        return select(self.groups.groups, self.split.train)

    def judge(self, ours: Fitted) -> Stored:
        """Judge the test pictures; the parts are `table` and `right`."""
        inputs = self.inputs(ours.choice.recipe, self.crops)
        return judge(
            inputs,
            ours.model.lite,
            ours.model.lite8,
            ours.known,
            self.y_test,
            self.split.test,
            self.manifest,
            self.groups_test,
            self.crops.table,
        )

    def judge_elsewhere(self, ours: Fitted, test: str, worn: str, absent: str, wrong: str) -> tuple[Stored, Stored]:
        """Judge another source whole, its copies of pictures of the first dropped.

        Returns:
            The judgements, with the parts `table` and `right`, and how many pictures were dropped.
        """
        place = locate_faces(test, test=True).load(Place)
        data = read_faces(place, worn, absent, wrong, learn=False)
        cut = cut_faces(data.frame, self.way.detect, place.collection)
        groups = group_faces(data.frame, cut.looks, cut.wholes, cut.table)
        crops = self.crops
        kept = drop_known(
            data.frame,
            groups.groups,
            cut.looks,
            cut.wholes,
            cut.table,
            self.manifest,
            crops.looks,
            crops.wholes,
            crops.table,
            self.classes,
            self.groups.facts,
        )
        judged = judge(
            self.inputs(ours.choice.recipe, cut),
            ours.model.lite,
            ours.model.lite8,
            ours.known,
            kept.y,
            kept.rows,
            data.frame,
            kept.groups,
            cut.table,
        )
        return judged, kept.facts

    def rescore(self, config: dict[str, Any]) -> Stored:
        """Score the test pictures under another model's choices."""
        recipe = recipe_named(str(config["recipe"]))
        model = self.fit(recipe)
        return rescored(self.inputs(recipe, self.crops), model.lite, recipe, self.split.test, self.y_test)
