"""Which pictures of the collection look like the query? The answer of the index, with paths and labels."""

import numpy as np
import pandas as pd

from tasks.platform.stage import stage
from tasks.training.nearest.hashing import Index, search_index
from tasks.training.nearest.on_spark import scan_on_spark
from tasks.training.nearest.sharded import ShardedIndex

COLUMNS = ["query", "rank", "number", "similarity", "path", "label", "times"]


@stage(phase="Modelling")
def find_neighbours(
    index: Index,
    queries: pd.DataFrame,
    vectors: np.ndarray,
    manifest: pd.DataFrame,
    neighbours: int,
    duplicates: pd.DataFrame | None = None,
    each_once: bool = True,
    engine: str = "local",
) -> pd.DataFrame:
    """Search the index for each query.

    Args:
        index: of the collection.
        queries: `query`, `number` (its own row in the manifest, or -1), `id`, as `Queries.table` has it.
        vectors: of the queries, float16 (q, d).
        manifest: of the collection.
        neighbours: how many to find; fewer come back where the collection is smaller.
        duplicates: `group`, `number`: pictures that are all but the same.
        each_once: show of copies and near-copies one alone, the one that is most like the query.
        engine: `spark` asks the shards of an index by Spark's workers.

    Returns:
        `query`, `rank` (from 1), `number` (row of the manifest), `similarity` (cosine), `path`, `label`, `times` (how
        often the collection holds this content, near-copies counted). Where the collection holds the query itself, its
        file there has rank 0 and comes first; a query that was taken from the collection is left out of its answer.
    """
    if engine == "spark" and isinstance(index, ShardedIndex):
        index.scan = scan_on_spark
    ids = manifest["id"].to_numpy(str)
    codes, times = _contents(ids, duplicates, each_once)
    own = queries["number"].to_numpy()
    known = pd.Series(np.arange(len(ids)), index=ids).groupby(level=0).min()
    parts: list[pd.DataFrame] = []
    for row, (number, key) in enumerate(zip(queries["query"].tolist(), queries["id"].tolist(), strict=True)):
        first = int(known.get(key, -1))
        mine = int(own[row]) if own[row] >= 0 else first
        found = _found(index, np.asarray(vectors[row : row + 1]), codes, codes[mine] if mine >= 0 else -1, neighbours)
        found = found.assign(query=number, rank=np.arange(1, len(found) + 1))
        if first >= 0 and own[row] < 0:
            found = pd.concat([_itself(number, first), found])
        parts.append(found)
    found = pd.concat(parts, ignore_index=True)
    rows = found["number"].to_numpy(np.int64)
    found = found.assign(path=manifest["path"].to_numpy()[rows], label=manifest["label"].to_numpy()[rows])
    return found.assign(times=times[rows])[COLUMNS].astype({"number": "int64", "similarity": "float64"})


def _contents(ids: np.ndarray, duplicates: pd.DataFrame | None, each_once: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the content of each picture, as a number, and how often the collection holds it."""
    codes = pd.factorize(ids)[0].astype(np.int64)
    if duplicates is not None and len(duplicates):
        numbers = duplicates["number"].to_numpy()
        codes[numbers] = codes.max() + 1 + duplicates["group"].to_numpy()
    times = np.unique(codes, return_inverse=True, return_counts=True)
    counted = times[2][times[1]]
    return (codes if each_once else np.arange(len(ids))), counted


def _found(index: Index, vector: np.ndarray, codes: np.ndarray, own: int, wanted: int) -> pd.DataFrame:
    """Return the nearest pictures, each content once, that of the query left out: `number`, `similarity`."""
    ask = wanted + 1
    while True:  # copies may fill any number of places: ask for more until there are enough contents, or no more
        found = search_index.fn(index, vector, min(ask, len(codes)))
        content = codes[found["number"].to_numpy()]
        kept = ~pd.Series(content).duplicated().to_numpy() & (content != own)
        if kept.sum() >= wanted or len(found) < ask:
            return found.loc[kept, ["number", "similarity"]].head(wanted).reset_index(drop=True)
        ask *= 4


def _itself(query: int, number: int) -> pd.DataFrame:
    return pd.DataFrame({"query": [query], "rank": 0, "number": number, "similarity": 1.0})
