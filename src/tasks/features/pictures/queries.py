"""What is being looked for? Query pictures in the same space as the collection's vectors.

What was learnt from the collection (the mean, the whitening) is applied to a query as it is: a query teaches nothing.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from tasks.features.pictures.embedders import EmbedderChoice, load_embedder
from tasks.features.pictures.resizing import squash
from tasks.features.whitening import Whitening
from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.entries import PictureError, plain
from tasks.ingestion.pictures.magic import check_name
from tasks.ingestion.pictures.manifest import small_jpeg
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

MOST_BYTES = 256 * 2**20  # of one query picture
BATCH = 64
TOP_SCORES = 8
THUMBNAILS, THUMBNAIL = 16, 320  # the first queries are kept as a report shows them, and their long side in pixels


class Queries(NamedTuple):
    """Query pictures.

    `table` has a row per query: `query` (its number), `path`, `number` (its row in the manifest, or -1 when it is not
    part of the collection), `id` (of its content, as a manifest has it), `jpeg` (small, of the first ones; else empty).
    `vectors` is float16 (q, d). `scores` has what the classifier calls each query: `query`, `label`, `score`.
    `quarantine` names the files that could not be used.
    """

    table: pd.DataFrame
    vectors: np.ndarray
    scores: pd.DataFrame
    quarantine: pd.DataFrame


@stage(phase="Data preparation")
def embed_queries(query: Path, title: str, choice: EmbedderChoice, whitening: Whitening) -> Queries:
    """Embed a picture, or every picture of a folder or archive.

    A query is decoded and brought to size as the collection is, so that the same picture gives the same vector. The
    small version for the report is made here too: the file may be gone when the report is written.

    Args:
        query: the picture or folder, or a link to one.
        title: what the report calls a single picture.
        choice: the embedder of the collection.
        whitening: as fitted on the collection.

    Raises:
        UsageError: there is no usable picture.
    """
    embedder = load_embedder(choice)
    rows: list[dict[str, Any]] = []
    vectors: list[np.ndarray] = []
    scores: list[tuple[int, str, float]] = []
    problems: list[tuple[str, str, str]] = []
    batch: list[Image.Image] = []

    def flush() -> None:
        if batch:
            vectors.append(embedder.embed(batch))
            batch.clear()

    for path, content in contents(query, title, problems):
        try:
            check_name(path, content)
            image = decode(content, max(embedder.size))
            jpeg = small_jpeg(decode(content, THUMBNAIL), THUMBNAIL) if len(rows) < THUMBNAILS else b""
        except PictureError as error:
            problems.append((path, error.reason, error.detail))
            continue
        scores += [(len(rows), label, score) for label, score in (embedder.classify(image) or [])[:TOP_SCORES]]
        key = hashlib.sha256(content).hexdigest()[:32]
        rows.append({"query": len(rows), "path": path, "number": -1, "id": key, "jpeg": jpeg})
        batch.append(squash(image, embedder.size))
        if len(batch) == BATCH:
            flush()
    flush()
    if not rows:
        reasons = "; ".join(f"{path}: {detail}" for path, _, detail in problems[:3]) or "the folder is empty"
        raise UsageError(f"No picture to look for in {query} ({reasons}); give another query.")
    return Queries(
        pd.DataFrame(rows),
        whitening.apply(np.concatenate(vectors)),
        pd.DataFrame(scores, columns=["query", "label", "score"]).astype({"query": "int64", "score": "float64"}),
        pd.DataFrame(problems, columns=["path", "reason", "detail"]).astype(str),
    )


def contents(query: Path, title: str, problems: list[tuple[str, str, str]]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the bytes of each query; what cannot be read goes to `problems`."""
    if query.is_file() and not is_archive(query):
        try:
            if query.stat().st_size > MOST_BYTES:
                problems.append((title, "too-large", f"{query.stat().st_size:,} bytes"))
                return
            content = query.read_bytes()
        except OSError as error:
            problems.append((title, "unreadable", plain(error)))
            return
        yield title, content
        return
    with open_source(query) as source:
        for entry in source.entries():
            if entry.problem:
                problems.append((entry.path, entry.problem, entry.detail))
                continue
            try:
                content = source.read(entry.path, MOST_BYTES)
            except PictureError as error:
                problems.append((entry.path, error.reason, error.detail))
                continue
            yield entry.path, content


def is_archive(path: Path) -> bool:
    """Tell whether a file is a zip or tar archive."""
    import tarfile
    import zipfile

    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


@stage(phase="Data preparation")
def own_queries(manifest: pd.DataFrame, vectors: np.ndarray, count: int = 6) -> Queries:
    """Take pictures of the collection itself as queries, spread evenly over it; each is left out of its own answer."""
    numbers = np.unique(np.linspace(0, len(manifest) - 1, min(count, len(manifest))).round().astype(np.int64))
    table = pd.DataFrame(
        {
            "query": range(len(numbers)),
            "path": manifest["path"].iloc[numbers].tolist(),
            "number": numbers,
            "id": manifest["id"].iloc[numbers].tolist(),
            "jpeg": b"",
        }
    )
    empty = pd.DataFrame(
        {"query": pd.Series(dtype="int64"), "label": pd.Series(dtype=str), "score": pd.Series(dtype=float)}
    )
    return Queries(
        table, np.asarray(vectors[numbers]), empty, pd.DataFrame(columns=["path", "reason", "detail"], dtype=str)
    )
