"""How good are the nearest pictures by any kind of features? Asked for ours, for simple ones, and for the champion's.

Wiring: what the flow would otherwise say for each of them.
"""

from dataclasses import dataclass
from typing import Any

from tasks.cases.similarity.evaluation import picture_cases
from tasks.cases.similarity.features import Engine, represent
from tasks.cases.similarity.ingestion import Place
from tasks.evaluation.retrieval import per_query_scores
from tasks.features.pictures.embedders import EmbedderChoice
from tasks.platform.store import Stored


@dataclass(frozen=True)
class Scoring:
    """A collection, with the pictures that are there more than once."""

    manifest: Stored
    duplicates: Stored
    place: Place
    engine: Engine

    def scores(self, embedder: EmbedderChoice, dimensions: int) -> Stored:
        """Return the leave-one-out scores of the labelled pictures; see `per_query_scores`."""
        ours = represent(self.manifest, embedder, self.place, dimensions, self.engine)
        return per_query_scores(self.manifest, ours.vectors, self.duplicates)

    def rescore(self, config: dict[str, Any]) -> Stored:
        """Return the test cases under another model's choices."""
        embedder = EmbedderChoice.model_validate({**config["embedder"], "why": "It is the champion's."})
        return picture_cases(self.scores(embedder, int(config["dimensions"])))
