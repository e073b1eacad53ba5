"""Where does each picture of the collection lie, and where is it looked up? On this machine, or on Spark."""

from typing import Literal, NamedTuple

from tasks.cases.similarity.ingestion import Place
from tasks.features.pictures.embedders import EmbedderChoice
from tasks.features.pictures.embedding import embed_pictures
from tasks.features.pictures.on_spark import embed_on_spark, whiten_by_sample
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.platform.store import Stored
from tasks.training.nearest.hashing import build_index
from tasks.training.nearest.on_spark import build_shards, gather_vectors

Engine = Literal["local", "spark"]


class Represented(NamedTuple):
    """A collection as vectors, what made them, and the shards of codes that Spark has written of them."""

    whitening: Stored
    vectors: Stored
    shards: Stored | None = None


def represent(
    manifest: Stored, choice: EmbedderChoice, place: Place, dimensions: int, engine: Engine = "local"
) -> Represented:
    """Turn pictures into whitened vectors.

    Args:
        manifest: of the collection.
        choice: the embedder.
        place: of the collection; Spark's workers see it under the same path.
        dimensions: of the whitened vectors.
        engine: where this is done.
    """
    choice = choice.model_copy(update={"why": ""})
    if engine == "spark":
        embedded = embed_on_spark(manifest, choice, place.collection)
        whitening = whiten_by_sample(embedded, dimensions, choice.strength)
        shards = build_shards(embedded, whitening)
        return Represented(whitening, gather_vectors(shards), shards)
    raw = embed_pictures(manifest, choice, place.collection)
    whitening = fit_whitening(raw, dimensions, choice.strength)
    return Represented(whitening, apply_whitening(raw, whitening))


def index_of(ours: Represented, kind: str) -> Stored:
    """Return the index of a collection: the shards where there are some and hashing is asked for."""
    return ours.shards if ours.shards and kind == "lsh" else build_index(ours.vectors, kind)
