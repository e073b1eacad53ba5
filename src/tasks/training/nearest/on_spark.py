"""Which vectors are nearest, asked of many machines? Spark's workers write the shards of codes, and scan them.

Driver and workers see the folder of the index under one path, as they do the store.
"""

import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.features.whitening import Whitening
from tasks.platform.scratch import scratch_array, scratch_folder
from tasks.platform.spark_workers import as_asked, in_chunks
from tasks.platform.stage import stage
from tasks.training.nearest.hashing import BITS, rotation
from tasks.training.nearest.sharded import PER_SHARD, Ranked, ShardedIndex
from tasks.training.nearest.shards import Asked, Listed, cosines, open_shard, scan_shard, write_shard

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FOUND = "query int, shard int, number long, distance int, similarity float"


@stage(phase="Modelling")
def build_shards(raw: "DataFrame", whitening: Whitening, per_shard: int = PER_SHARD) -> ShardedIndex:
    """Whiten vectors and write them as shards of codes, by Spark's workers.

    Args:
        raw: `number` and `vector` (float16 as bytes), n rows.
        whitening: of these vectors.
        per_shard: vectors of a shard, at most about.

    Returns:
        The index; `number` is the id of a vector.
    """
    folder = scratch_folder().absolute() / f"index-{uuid.uuid4().hex}"
    folder.mkdir()
    shards = max(1, -(-raw.count() // per_shard))
    parts = raw.select("number", "vector").repartitionByRange(shards, "number")
    work = as_asked(partial(_written, folder=folder, whitening=whitening))
    listed = parts.mapInPandas(work, "name string, count long, first long").toPandas().sort_values("first")
    kept = [Listed(name=name, count=count) for name, count in zip(listed["name"], listed["count"], strict=True)]
    names = {item.name for item in kept}
    for file in folder.iterdir():  # of a worker that died, or was overtaken
        if file.stem not in names:
            file.unlink()
    return ShardedIndex.of_shards(folder, whitening.dimensions, kept)


def _written(frames: Iterator[pd.DataFrame], folder: Path, whitening: Whitening) -> Iterator[pd.DataFrame]:
    """Write the rows of a task as one shard, in a worker."""
    numbers, vectors = [], []
    for frame in frames:
        if len(frame):
            rows = np.stack([np.frombuffer(vector, np.float16) for vector in frame["vector"]])
            numbers.append(frame["number"].to_numpy(np.int64))
            vectors.append(whitening.apply(rows))
    if numbers:
        frame_of = rotation(whitening.dimensions, BITS)
        shard = write_shard(folder, np.concatenate(numbers), np.concatenate(vectors), frame_of)
        first = int(min(part.min() for part in numbers))
        yield pd.DataFrame({"name": [shard.name], "count": [shard.count], "first": [first]})


@stage(phase="Modelling")
def gather_vectors(index: ShardedIndex) -> np.ndarray:
    """Return all vectors of an index by ascending id, float16 (n, d), on a scratch file."""
    numbers = index.ids
    vectors = scratch_array((len(numbers), index.dimensions), np.float16)
    for item in index.shards:
        shard = index.open(item)
        kept = ~np.isin(shard.numbers, index.gone)
        vectors[np.searchsorted(numbers, shard.numbers[kept])] = shard.vectors[kept]
    return vectors


def scan_on_spark(index: ShardedIndex, asked: Asked, shards: Sequence[int]) -> Iterator[tuple[int, int, Ranked]]:
    """Ask some shards by Spark's workers, a task for each; set it as the `scan` of an index."""
    known = index.shards
    listed = pd.DataFrame(
        [(place, known[number].name, known[number].count) for place, number in enumerate(shards)],
        columns=["number", "name", "count"],
    )
    folder = (index.folder.absolute(), index.dimensions, index.bits)
    found = in_chunks(listed, partial(_scanned, place=folder, gone=index.gone, asked=asked), FOUND, chunk=1).toPandas()
    for _, part in found.groupby(["query", "shard"], sort=False):
        query, place = int(part["query"].iloc[0]), int(part["shard"].iloc[0])
        columns = (part["number"].to_numpy(np.int64), part["distance"].to_numpy(np.int32))
        yield query, shards[place], Ranked(*columns, part["similarity"].to_numpy(np.float32))


def _scanned(
    frames: Iterator[pd.DataFrame], place: tuple[Path, int, int], gone: np.ndarray, asked: Asked
) -> Iterator[pd.DataFrame]:
    """Scan the shards of a task, in a worker, which keeps their codes for the next query."""
    folder, dimensions, bits = place
    for frame in frames:
        for number, name, count in zip(frame["number"], frame["name"], frame["count"], strict=True):
            shard = open_shard(folder, name, int(count), dimensions, bits)
            for query, near in scan_shard(shard, gone, asked):
                similarity = cosines(shard, near.places, asked.vectors[query])
                columns = {"number": near.numbers, "distance": near.distances, "similarity": similarity}
                kinds = {"query": "int32", "shard": "int32", "distance": "int32"}
                yield pd.DataFrame({"query": query, "shard": number, **columns}).astype(kinds)
