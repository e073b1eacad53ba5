"""Which pictures in my collection look like this one? The published index is asked, without another run."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from tasks.evaluation.champions import Champion
from tasks.features.pictures.embedders import EmbedderChoice
from tasks.features.pictures.queries import embed_queries
from tasks.features.whitening import Whitening
from tasks.ingestion.asked import existing
from tasks.platform.errors import IntegrityError
from tasks.publishing.predictions import Answered
from tasks.training.nearest.index import Index
from tasks.training.nearest.neighbours import find_neighbours

KEPT = ("index", "whitening", "manifest", "duplicates")


def predict(
    champion: Champion,
    given: str,
    *,
    neighbours: Annotated[int, Field(ge=1, le=100)] = 12,
    each_once: bool = True,
) -> Answered:
    """Look for a picture, or for every picture of a folder or archive, in the collection of an earlier run.

    Args:
        champion: whose index answers.
        given: path of a picture, or of a folder, zip or tar of pictures.
        neighbours: how many similar pictures to name.
        each_once: name a picture that is there several times once, with how often it is there.
    """
    query = existing(given, "a picture, or a folder of pictures")
    parts = champion.artifacts
    if missing := [name for name in KEPT if name not in parts]:
        raise IntegrityError(f"it was published without {' and '.join(missing)}")
    choice = EmbedderChoice.model_validate({**champion.config["embedder"], "why": "It is the champion's."})
    queries = embed_queries.fn(query, query.name, choice, parts["whitening"].load(Whitening))
    manifest = parts["manifest"].load(pd.DataFrame)
    found = find_neighbours.fn(
        parts["index"].load(Index),
        queries.table,
        queries.vectors,
        manifest,
        neighbours,
        parts["duplicates"].load(pd.DataFrame),
        each_once,
    )
    table = found.assign(query=queries.table["path"].to_numpy()[found["query"].to_numpy()]).drop(columns="number")
    warnings = [f"{row.path}: {row.detail}." for row in queries.quarantine.head(5).itertuples()]
    return Answered(table, _in_words(table, queries.table["path"].tolist()), warnings)


def _in_words(table: pd.DataFrame, asked: list[str]) -> str:
    first = table[(table["query"] == asked[0]) & (table["rank"] > 0)]
    itself = table[(table["query"] == asked[0]) & (table["rank"] == 0)]
    there = f"{asked[0]} is in the collection as {itself['path'].iloc[0]}. " if len(itself) else ""
    if first.empty:
        return f"{there}No other picture of the collection can be compared with {asked[0]}."
    near = f"Most like {asked[0]} is {first['path'].iloc[0]} (cosine {first['similarity'].iloc[0]:.2f})."
    return f"{there}{near}{f' {len(asked):,} pictures were looked for in all.' if len(asked) > 1 else ''}"
