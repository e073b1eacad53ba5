"""Where does each picture lie in the space of features, when one machine would take too long? Embedding on Spark.

A worker loads the model once, for all of its tasks; a task is a chunk of files. A picture that cannot be read is a row
with the reason, so that one bad file costs no chunk. The mean and the whitening are fitted on a sample that is spread
over the collection; the whitened vectors are written as shards of codes by the workers, and never come together.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd

from tasks.features.pictures.embedders import EmbedderChoice, load_embedder
from tasks.features.pictures.embedding import gone, read_small
from tasks.features.whitening import STRENGTH, Whitening, fit_whitening
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import CasebookError
from tasks.platform.scratch import scratch_array
from tasks.platform.spark_workers import in_chunks
from tasks.platform.stage import Unkeyed, stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SCHEMA = "number long, path string, reason string, detail string, vector binary"
SAMPLE = 50_000  # pictures that mean and whitening are fitted on
TOGETHER = 32  # pictures that are decoded before they are embedded


@stage(phase="Data preparation")
def embed_on_spark(manifest: pd.DataFrame, choice: EmbedderChoice, source: Annotated[str, Unkeyed]) -> "DataFrame":
    """Embed the pictures of a manifest on Spark.

    Args:
        manifest: with the columns `path` and `id`, n rows.
        choice: the embedder.
        source: the folder or archive; every worker sees it under this path.

    Returns:
        `number` (row of the manifest), `path`, `reason` and `detail` ("" for a picture that was embedded), `vector`
        (float16 as bytes; empty where there is a reason).
    """
    rows = pd.DataFrame({"number": np.arange(len(manifest)), "path": manifest["path"], "id": manifest["id"]})
    return in_chunks(rows, partial(_embedded, choice=choice, source=source), SCHEMA)


def _embedded(frames: Iterator[pd.DataFrame], choice: EmbedderChoice, source: str) -> Iterator[pd.DataFrame]:
    """Embed the chunks of a task, in a worker."""
    embedder = load_embedder(choice)
    with open_source(source) as opened:
        for frame in frames:
            for start in range(0, len(frame), TOGETHER):
                part = frame.iloc[start : start + TOGETHER]
                images, problems = [], []
                for path, key in zip(part["path"], part["id"], strict=True):
                    try:
                        images.append(read_small(opened, path, key, embedder.size))
                        problems.append(("", ""))
                    except PictureError as error:
                        problems.append((error.reason, error.detail))
                vectors = iter(embedder.embed(images).astype(np.float16))
                yield part[["number", "path"]].assign(
                    reason=[reason for reason, _ in problems],
                    detail=[detail for _, detail in problems],
                    vector=[b"" if reason else next(vectors).tobytes() for reason, _ in problems],
                )


@stage(phase="Data preparation")
def whiten_by_sample(raw: "DataFrame", dimensions: int = 256, strength: float = STRENGTH) -> Whitening:
    """Fit the whitening on at most `SAMPLE` rows, spread evenly over the collection; on all of a smaller one.

    Args:
        raw: as `embed_on_spark` has it.
        dimensions: components wanted.
        strength: of the whitening.

    Raises:
        CasebookError: a picture could not be read any more.
    """
    from pyspark.sql import functions

    bad = raw.where("reason <> ''").orderBy("number").select("path", "reason", "detail").head(1)
    if bad:
        raise CasebookError(gone(*bad[0]))
    total = raw.count()
    step = -(-total // SAMPLE)
    kept = raw.where(functions.col("number") % max(1, step) == 0).select("number", "vector").orderBy("number")
    return fit_whitening.fn(collected(kept, -(-total // max(1, step))), dimensions, strength)


def collected(rows: "DataFrame", count: int) -> np.ndarray:
    """Return the vectors of `count` rows, in the order that they come in, float16 (count, D) on a scratch file.

    One partition at a time comes to the driver.
    """
    vectors: np.ndarray | None = None
    for place, row in enumerate(rows.select("vector").toLocalIterator()):
        vector = np.frombuffer(row["vector"], np.float16)
        if vectors is None:
            vectors = scratch_array((count, len(vector)), np.float16)
        vectors[place] = vector
    return np.zeros((0, 0), np.float16) if vectors is None else vectors
