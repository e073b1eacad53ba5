"""Which pictures of the collection look like the query? The answer of the index, with paths and labels."""

import numpy as np
import pandas as pd

from tasks.platform.stage import stage
from tasks.training.nearest.hashing import Index, search_index


@stage(phase="Modelling")
def find_neighbours(
    index: Index, queries: pd.DataFrame, vectors: np.ndarray, manifest: pd.DataFrame, neighbours: int
) -> pd.DataFrame:
    """Search the index for each query.

    Args:
        index: of the collection.
        queries: `query`, `number` (its own row in the manifest, or -1), as `Queries.table` has it.
        vectors: of the queries, float16 (q, d).
        manifest: of the collection.
        neighbours: how many to find; fewer come back where the collection is smaller.

    Returns:
        `query`, `rank` (from 1), `number` (row of the manifest), `similarity` (cosine), `path`, `label`; a picture that
        is itself the query is left out of its own answer.
    """
    own = queries["number"].to_numpy()
    found = search_index.fn(index, np.asarray(vectors), neighbours + int((own >= 0).any()))
    found = found[found["number"].to_numpy() != own[found["query"].to_numpy()]]
    found = found.sort_values(["query", "rank"], kind="stable", ignore_index=True)
    found["rank"] = found.groupby("query").cumcount() + 1
    found = found[found["rank"] <= neighbours].reset_index(drop=True)
    rows = found["number"].to_numpy()
    return found.assign(path=manifest["path"].to_numpy()[rows], label=manifest["label"].to_numpy()[rows])
