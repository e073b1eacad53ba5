"""How is any architecture trained and held against the others on the same pictures? The way of one candidate.

Wiring: what a flow would otherwise say once for each architecture, and again for the champion.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.cases.image_classes.evaluation.open_set import refuse_by_head, refuse_by_network
from tasks.cases.image_classes.evaluation.scores import right_answers, score_candidate, temperature_of
from tasks.cases.image_classes.training.budget import MOST_EPOCHS, PLENTY, Schedule, schedule
from tasks.cases.image_classes.training.candidates import (
    begin_head,
    embed_collections,
    side_of,
    train_head,
    train_network,
)
from tasks.features.pictures.embedders import EmbedderChoice
from tasks.features.pictures.pixels import read_pixels
from tasks.platform.store import Stored


class Learned(NamedTuple):
    """A trained candidate (`tasks.cases.image_classes.training.candidates.Candidate`), and its schedule in words."""

    candidate: Stored
    told: str
    config: dict[str, Any]  # makes it again


@dataclass(frozen=True)
class Lesson:
    """The pictures of a run, parted, and what their training may take."""

    manifest: Stored
    collections: list[str]
    pixels: Stored
    split: Stored
    simple: Stored
    minutes: float

    def fill(self, names: list[str], asked: str, epochs: float, seed: int) -> list[str]:
        """Return the architectures for the budget: wide for the airbench of auto, for many pictures and much time.

        Args:
            names: see `choose_names`.
            asked: what they were chosen for.
            epochs: passes over the pictures; 0 takes what fits into the budget.
            seed: of the schedule.
        """
        if asked.strip().lower() != "auto" or names != ["airbench"] or epochs:
            return names
        plan = self.schedule(self.pixels, "airbench", epochs, seed).load(Schedule).plan
        used_up = plan.epochs < MOST_EPOCHS["airbench"]
        return names if used_up or plan.pictures < PLENTY else ["wide"]

    def learn(self, name: str, epochs: float, features: EmbedderChoice, seed: int) -> Learned:
        """Train one architecture."""
        split = self.split
        looks = features.model_dump(exclude={"why"}) if name in {"transfer", "finetune"} else None
        config: dict[str, Any] = {"architecture": name, "epochs": None, "features": looks, "seed": seed}
        if name == "transfer":
            trained = train_head(self.embedded(features), split.labels, split.part, split.groups, seed)
            return Learned(trained, "", config)
        pixels, begun = self.pixels, dict[str, Any]()
        if name == "finetune":
            told = features.model_copy(update={"why": ""})
            pixels = read_pixels(self.manifest, side_of(told, self.manifest), self.collections)
            head = begin_head(self.embedded(features), split.labels, split.part, split.groups, seed)
            begun = {"features": told, "head": head}
        planned = self.schedule(pixels, name, epochs, seed, **begun)
        trained = train_network(pixels, split.labels, split.part, planned, **begun)
        plan = planned.load(Schedule)
        return Learned(trained, plan.told, config | {"epochs": plan.plan.epochs})

    def schedule(self, pixels: Stored, name: str, epochs: float, seed: int, **begun: Any) -> Stored:
        """Return the schedule of one architecture for the budget; see `schedule`."""
        split, simple = self.split, self.simple
        return schedule(
            pixels, split.labels, split.part, name, self.minutes, epochs, simple.mirror, simple.table, seed, **begun
        )

    def relearn(self, config: dict[str, Any], features: EmbedderChoice) -> Stored:
        """Train the choices of a champion again; the answers for the present test pictures."""
        theirs = config["features"]
        looks_at = EmbedderChoice.model_validate({**theirs, "why": "It is the champion's."}) if theirs else features
        learned = self.learn(config["architecture"], float(config["epochs"] or 0), looks_at, int(config["seed"]))
        return self.right(learned.candidate)

    def embedded(self, features: EmbedderChoice) -> Stored:
        """Return the pretrained features of all pictures."""
        return embed_collections(self.manifest, features, self.collections)

    def score(self, name: str, candidate: Stored) -> dict[str, Any]:
        """Return how a candidate did; see `score_candidate`."""
        scored = score_candidate(
            name,
            candidate.rows,
            candidate.logits,
            candidate.augmented,
            self.split.labels,
            self.split.part,
            candidate.facts,
        )
        return dict(scored.load(dict[str, Any]))

    def right(self, candidate: Stored) -> Stored:
        """Return whether each test picture was told right; see `right_answers`."""
        split = self.split
        return right_answers(
            candidate.rows, candidate.logits, split.labels, split.part, split.groups, self.simple.right
        )

    def temper(self, candidate: Stored) -> Stored:
        """Return the temperature of a candidate's logits."""
        return temperature_of(candidate.rows, candidate.logits, self.split.labels, self.split.part)

    def refuse(self, name: str, candidate: Stored, temperature: Stored, features: EmbedderChoice, seed: int) -> Stored:
        """Return the rule for “none of these”."""
        if name != "transfer":
            return refuse_by_network(candidate.rows, candidate.logits, self.split.part, temperature)
        return refuse_by_head(
            candidate.model,
            self.embedded(features),
            self.split.labels,
            candidate.rows,
            candidate.logits,
            self.split.part,
            temperature,
            candidate.facts,
            seed,
        )
