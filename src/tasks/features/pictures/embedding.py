"""Where does each picture lie in the space of features? Raw vectors of a collection, each content embedded once.

What has been embedded is remembered by the digest of its content, for each embedder, in segments of a few hundred
pictures: a later run, and the next one after a kill -9, embeds only pictures whose content is new.
"""

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from tasks.features.pictures.embedders import EmbedderChoice, load_embedder
from tasks.features.pictures.resizing import squash
from tasks.ingestion.pictures.decoding import decode, decoder_digest
from tasks.ingestion.pictures.entries import PictureError, PictureSource
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import CasebookError
from tasks.platform.memo import Memo
from tasks.platform.progress import progress
from tasks.platform.scratch import scratch_array
from tasks.platform.settings import settings
from tasks.platform.stage import Unkeyed, stage

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

CHUNK = 256  # pictures between two checkpoints, one to two seconds of work


@stage(phase="Data preparation")
def embed_pictures(manifest: pd.DataFrame, choice: EmbedderChoice, source: Annotated[str, Unkeyed]) -> np.ndarray:
    """Embed the pictures of a manifest.

    Args:
        manifest: with the columns `path` and `id`, n rows.
        choice: the embedder.
        source: where the pictures are: folder, archive or `sample`.

    Returns:
        float16 (n, D), row i for manifest row i, on a scratch file.

    Raises:
        CasebookError: a picture is gone, or is not the one of the manifest any more.
    """
    vectors = scratch_array((len(manifest), choice.dimensions), np.float16)

    def prepare() -> Work:
        embedder = load_embedder(choice)
        return Work(embedder.size, embedder.embed)

    each_content(manifest, source, memo_of(choice), prepare, vectors)
    return vectors


class Work(NamedTuple):
    """What is done with pictures: the size that they are brought to, and the function of a list of them to rows."""

    size: tuple[int, int]
    rows: Callable[[list[Image.Image]], np.ndarray]


def each_content(
    manifest: pd.DataFrame, source: str, memo: Memo, prepare: Callable[[], Work], vectors: np.ndarray
) -> None:
    """Fill `vectors`, a row for each of the manifest; what the memo knows is taken from there, the rest is worked out.

    Args:
        manifest: with the columns `path` and `id`.
        source: folder or archive of the pictures.
        memo: of this work; new rows are added to it, a few hundred at a time.
        prepare: gives the work; called only when there is something new.
        vectors: (n, d), filled in place.

    Raises:
        CasebookError: a picture is gone, or is not the one of the manifest any more.
    """
    rows = pd.Series(np.arange(len(manifest)), index=manifest["id"].to_numpy(str))
    rows_of = {str(key): group.to_numpy() for key, group in rows.groupby(level=0)}
    known = recall(memo, rows_of, vectors)
    new = [key for key in dict.fromkeys(manifest["id"]) if key not in known]
    if not new:
        return
    work = prepare()
    paths = dict(zip(manifest["id"], manifest["path"], strict=True))
    with open_source(source) as opened, ThreadPoolExecutor(settings().threads) as pool:
        read = _reader(opened, paths, work.size)
        chunks = [new[start : start + CHUNK] for start in range(0, len(new), CHUNK)]
        ahead = pool.map(read, chunks[0])
        writing: Future[None] | None = None
        for number, keys in enumerate(progress(chunks, "looking at pictures", unit=f"x {CHUNK} pictures")):
            small = list(ahead)
            # The next pictures are read while these are embedded, so that no processor waits.
            ahead = pool.map(read, chunks[number + 1]) if number + 1 < len(chunks) else iter(())
            chunk = work.rows(small).astype(vectors.dtype)
            if writing:
                writing.result()
            writing = pool.submit(memo.append, as_table(keys, chunk))
            for key, vector in zip(keys, chunk, strict=True):
                vectors[rows_of[key]] = vector
        if writing:
            writing.result()
    log.info("%d pictures looked at, %d known before", len(new), len(known))


def memo_of(choice: EmbedderChoice) -> Memo:
    """Return the memory of an embedder: its rows depend on the weights, on the preparation and on the decoder."""
    digest = hashlib.sha256(f"{choice.digest} {decoder_digest()}".encode()).hexdigest()
    return Memo(f"vectors/{choice.kind}-{digest[:16]}")


def recall(memo: Memo, rows_of: dict[str, np.ndarray], vectors: np.ndarray) -> set[str]:
    """Write what the memo holds into `vectors`, segment by segment; return the ids that it held.

    Args:
        memo: segments with the columns `id` and `vector` (fixed-size list).
        rows_of: rows of `vectors` by id.
        vectors: (n, D), filled in place.
    """
    known: set[str] = set()
    for segment in memo.segments():
        found = segment["vector"].combine_chunks()
        if found.type.list_size != vectors.shape[1]:
            continue
        values = found.flatten().to_numpy(zero_copy_only=False).reshape(-1, vectors.shape[1])
        for number, key in enumerate(segment["id"].to_pylist()):
            if key in rows_of:
                vectors[rows_of[key]] = values[number]
                known.add(key)
    return known


def as_table(keys: list[str], vectors: np.ndarray) -> "pa.Table":
    """Return a segment of the memo: `id` and `vector` (fixed-size list)."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(vectors).ravel())
    return pa.table({"id": keys, "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])})


def _reader(source: PictureSource, paths: dict[str, str], size: tuple[int, int]) -> Callable[[str], Image.Image]:
    """Return the function that gets one picture by its id, in the size that the embedder looks at.

    It runs in a thread for each processor; what a chunk keeps of a picture is small, whatever the size of its file.
    """

    def read(key: str) -> Image.Image:
        try:
            return read_small(source, paths[key], key, size)
        except PictureError as error:
            raise CasebookError(gone(paths[key], error.reason, error.detail)) from error

    return read


def read_small(source: PictureSource, path: str, key: str, size: tuple[int, int]) -> Image.Image:
    """Return a picture of a collection in the `size` (width, height) that an embedder looks at.

    Raises:
        PictureError: it cannot be read any more, or (reason `changed`) its content is not that of the id `key`.
    """
    content = source.read(path)
    if not hashlib.sha256(content).hexdigest().startswith(key):
        raise PictureError("changed", "its content is another one")
    return squash(decode(content, side=max(size)), size)


def gone(path: str, reason: str, detail: str) -> str:
    """Say that a picture of the manifest is not there as it was."""
    if reason == "changed":
        return f"{path} has changed since the collection was read: run again."
    return f"{path} cannot be read any more ({detail}): run again."
