"""Which pictures does a collection hold, and which of its files cannot be used, and why?

`scan_pictures` lists the files, which is cheap and done anew in every run. `read_pictures` decodes each one once and
remembers it by its path and stamp, so that a changed collection costs only what is new in it. Neither the place of the
collection nor any time is in the manifest: the same content as a folder, a zip or a tar gives the same manifest, and
all that comes later stays as it was.
"""

import hashlib
import io
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from PIL import Image

from tasks.ingestion.pictures.decoding import decode, decoder_digest, examine, perceptual_hash
from tasks.ingestion.pictures.entries import PictureError, PictureSource
from tasks.ingestion.pictures.labels import excluded, folder_labels, merged
from tasks.ingestion.pictures.magic import check_name, recognise
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.memo import Memo
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import Unkeyed, stage

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
R = TypeVar("R")

Labels = Literal["auto", "folders", "none"]
Engine = Literal["local", "spark"]

HASH_SIDE = 48  # the perceptual hash looks at 32 x 32: a JPEG is decoded no larger than that needs
CHECKPOINT_PICTURES = 1024
CHECKPOINT_SECONDS = 5.0
PEEK_FROM = 2**20  # a larger file is recognised by its first bytes before all of it is read

COLUMNS = {
    "path": "string",
    "id": "string",
    "label": "string",
    "bytes": "int64",
    "format": "string",
    "mode": "string",
    "width": "int32",
    "height": "int32",
    "orientation": "int8",
    "phash": "uint64",
}
_READ = {name: kind for name, kind in COLUMNS.items() if name != "label"} | {
    "stamp": "string",
    "reason": "string",
    "detail": "string",
}


class Pictures(NamedTuple):
    """The usable pictures (`manifest`, a row each, sorted by path) and the files left out (`quarantine`)."""

    manifest: pd.DataFrame
    quarantine: pd.DataFrame


@stage(phase="Data understanding", live=True)
def scan_pictures(source: str) -> pd.DataFrame:
    """List the files of a folder, zip or tar: columns `path`, `bytes`, `stamp`, `problem`, `detail`, `file`,
    `modified`, sorted by path.

    `stamp` changes when the file does; `problem` is "" or the reason why the file cannot be read.

    Raises:
        UsageError: `source` does not exist or is no archive that can be read.
    """
    with open_source(source) as opened:
        rows = [
            (entry.path, entry.bytes, entry.stamp, entry.problem, entry.detail, entry.file, entry.modified)
            for entry in progress(opened.entries(), "Listing", unit="files")
        ]
    listing = pd.DataFrame(rows, columns=["path", "bytes", "stamp", "problem", "detail", "file", "modified"])
    listing = listing.astype({"bytes": np.int64, "modified": np.int64})
    return listing.sort_values(["path", "problem"], kind="stable", ignore_index=True)


@stage(phase="Data understanding")
def read_pictures(
    listing: pd.DataFrame,
    source: Annotated[str, Unkeyed],
    labels: Labels = "auto",
    exclude: list[str] | None = None,
    merge: list[str] | None = None,
    limit: int | None = None,
    engine: Engine = "local",
) -> Pictures:
    """Decode every listed picture once, and say what each one is.

    Args:
        listing: what `scan_pictures` returned for `source`.
        source: the folder, zip or tar.
        labels: read the top folders as labels always (`folders`), never (`none`), or if there are two or more (`auto`).
        exclude: labels to leave out, as names or patterns such as `BACKGROUND_*`.
        merge: labels to put together, such as `Faces=Faces_easy,Faces` (target=members).
        limit: read at most this many files: a fixed choice, spread over the whole collection.
        engine: `local` (this machine, which remembers what it has read) or `spark`, whose workers read side by side.

    Returns:
        The manifest (`path`, `id`: the start of the content's SHA-256, `label`, `bytes`, `format`, `mode`, `width` and
        `height` in pixels after orientation, `orientation`, `phash`) and the quarantine (`path`, `reason`, `detail`).

    Raises:
        ContractError: fewer than two pictures can be used.
        UsageError: a pattern of `exclude` or `merge` matches nothing, or `labels="folders"` finds no folders.
    """
    files = listing.loc[listing["problem"] == "", ["path", "bytes", "stamp"]].reset_index(drop=True)
    files["label"] = folder_labels(files["path"].tolist())
    left_out = excluded(files["label"].tolist(), exclude or [])
    names = merged([label for label in files["label"] if label not in left_out], merge or [])
    files = _limited(files[~files["label"].isin(left_out)], limit)
    files["label"] = files["label"].map(lambda label: names.get(label, label))
    rows = _read_on_spark(files, source) if engine == "spark" else _read(files, source)
    usable = rows[rows["reason"] == ""].reset_index(drop=True)
    listed = listing.loc[listing["problem"] != "", ["path", "problem", "detail"]].rename(columns={"problem": "reason"})
    quarantine = pd.concat([listed, rows.loc[rows["reason"] != "", ["path", "reason", "detail"]]])
    quarantine = quarantine.sort_values(["path", "reason"], kind="stable", ignore_index=True)
    _require_two(usable, quarantine, source)
    usable["label"] = _chosen(usable["label"], labels)
    return Pictures(usable[list(COLUMNS)].astype({n: k for n, k in COLUMNS.items() if k != "string"}), quarantine)


def load_picture(source: str | Path | PictureSource, path: str, side: int | None = None) -> Image.Image:
    """Return one picture of a collection as RGB, upright; give an open source to load many.

    Raises:
        PictureError: the picture cannot be read any more.
        UsageError: the source is not there any more.
    """
    if isinstance(source, PictureSource):
        return decode(source.read(path), side)
    with open_source(source) as opened:
        return decode(opened.read(path), side)


def thumbnail(source: str | Path | PictureSource, path: str, side: int = 160) -> bytes:
    """Return one picture of a collection as a small JPEG file, its long side at most `side` pixels.

    Raises:
        PictureError: the picture cannot be read any more.
        UsageError: the source is not there any more.
    """
    return small_jpeg(load_picture(source, path, side), side)


@stage(phase="Deployment")
def keep_small(
    manifest: pd.DataFrame, collection: Annotated[str, Unkeyed], side: int = 200, most: int = 5_000
) -> pd.DataFrame:
    """Keep the pictures of a collection small, so that whoever asks a published index sees what it finds.

    Args:
        manifest: of the collection.
        collection: folder or archive that they lie in.
        side: of the small pictures, pixels.
        most: pictures that are kept; the rows of the others, and of those that are gone, are left out.

    Returns:
        `path`, `jpeg`.
    """
    rows = []
    with open_source(collection) as opened:
        for path in progress(manifest["path"].head(most).tolist(), "Making small", unit="pictures"):
            try:
                rows.append((path, thumbnail(opened, path, side)))
            except PictureError:
                continue
    return pd.DataFrame(rows, columns=["path", "jpeg"], dtype=object)


def small_jpeg(picture: Image.Image, side: int) -> bytes:
    """Return a picture as a small JPEG file, its long side at most `side` pixels; the picture itself becomes small."""
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


def _limited(files: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Choose `limit` files by the hash of their paths: the same ones however many others come and go."""
    if limit is not None and len(files) > limit:
        order = [hashlib.sha256(path.encode()).digest() for path in files["path"]]
        chosen = sorted(range(len(files)), key=order.__getitem__)[:limit]
        files = files.iloc[sorted(chosen)]
    return files.reset_index(drop=True)


def _chosen(labels: pd.Series, how: Labels) -> pd.Series:
    found = set(labels) - {""}
    if how == "folders" and not found:
        raise UsageError("labels=folders: no picture lies in a sub-folder; sort them into one per label, or use auto.")
    if how == "folders" or (how == "auto" and len(found) >= 2):
        return labels
    return pd.Series("", index=labels.index, dtype=object)


def _require_two(usable: pd.DataFrame, quarantine: pd.DataFrame, source: str) -> None:
    if len(usable) >= 2:
        return
    counts = Counter(quarantine["reason"]).most_common()
    why = ", ".join(f"{reason}: {count}" for reason, count in counts) or "nothing else is there"
    raise ContractError(f"{source}: {len(usable)} usable pictures, and at least 2 are needed (left out: {why}).")


def _read(files: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a row for each of `files` (columns path, stamp, label), from the memo where it is known there."""
    import pyarrow as pa

    memo = Memo(f"pictures-{decoder_digest()}")
    tables = list(_known(files, memo))
    done = {path for table in tables for path in table["path"].to_pylist()}
    listed = zip(files["path"], files["bytes"], files["stamp"], strict=True)
    new = [item for item in listed if item[0] not in done]
    if new:
        with open_source(source) as opened:
            results = _in_order(lambda item: _examined(opened, *item), new, settings().threads)
            shown = progress(results, "Reading pictures", total=len(new), unit="pictures")
            tables.extend(_checkpointed(shown, memo))
    rows = pa.concat_tables(tables or [_table([])]).to_pandas()
    rows["label"] = rows["path"].map(dict(zip(files["path"], files["label"], strict=True)))
    return rows.drop_duplicates("path").sort_values("path", ignore_index=True)


def _read_on_spark(files: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the same rows, read by Spark's workers in chunks of files; a file that cannot be used is a row too."""
    from tasks.platform.spark_workers import in_chunks

    numbered = files[["path", "bytes", "stamp"]].assign(number=np.arange(len(files)))
    kinds = {"string": "string", "int64": "long", "int32": "int", "int8": "tinyint", "uint64": "long"}
    schema = ", ".join(f"{name} {kinds[kind]}" for name, kind in _READ.items())
    rows = in_chunks(numbered, partial(_examined_all, source=source), schema).toPandas()
    rows["phash"] = rows["phash"].to_numpy(np.int64).view(np.uint64)  # Spark's whole numbers have a sign
    rows["label"] = rows["path"].map(dict(zip(files["path"], files["label"], strict=True)))
    return rows.drop_duplicates("path").sort_values("path", ignore_index=True)


def _examined_all(frames: Iterator[pd.DataFrame], source: str) -> Iterator[pd.DataFrame]:
    """Read the files of a task, in a worker."""
    with open_source(source) as opened:
        for frame in frames:
            listed = zip(frame["path"], frame["bytes"], frame["stamp"], strict=True)
            rows = pd.DataFrame([_examined(opened, *item) for item in listed], columns=list(_READ))
            yield rows.assign(phash=rows["phash"].to_numpy(np.uint64).view(np.int64))


def _known(files: pd.DataFrame, memo: Memo) -> Iterator["pa.Table"]:
    """Yield what earlier runs have found out about files whose path and stamp are still the same."""
    import pyarrow as pa

    stamps = dict(zip(files["path"], files["stamp"], strict=True))
    for segment in memo.segments():
        pairs = zip(segment["path"].to_pylist(), segment["stamp"].to_pylist(), strict=True)
        yield segment.filter(pa.array([stamps.get(path) == stamp for path, stamp in pairs], pa.bool_()))


def _checkpointed(rows: Iterable[dict[str, Any]], memo: Memo) -> Iterator["pa.Table"]:
    """Yield `rows` in tables, each of which is in the memo before the next one is begun."""
    import pyarrow.compute as pc

    pending: list[dict[str, Any]] = []
    since = time.monotonic()

    def flush() -> "pa.Table":
        table = _table(pending)
        # That a file could not be read at all says nothing about its content: the next run tries again.
        memo.append(table.filter(pc.not_equal(table["reason"], "unreadable")))
        return table

    for row in rows:
        pending.append(row)
        if len(pending) >= CHECKPOINT_PICTURES or time.monotonic() - since >= CHECKPOINT_SECONDS:
            yield flush()
            pending, since = [], time.monotonic()
    if pending:
        yield flush()


def _table(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    kinds = {"string": pa.string(), "int64": pa.int64(), "int32": pa.int32(), "int8": pa.int8(), "uint64": pa.uint64()}
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kinds[kind]) for name, kind in _READ.items()]))


def _examined(source: PictureSource, path: str, size: int, stamp: str) -> dict[str, Any]:
    """Read and decode one file; what is wrong with it comes out as its `reason` and `detail`."""
    row: dict[str, Any] = {name: "" if kind == "string" else 0 for name, kind in _READ.items()}
    row |= {"path": path, "stamp": stamp}
    try:
        if size > PEEK_FROM:
            recognise(source.head(path))
        content = source.read(path)
        check_name(path, content)
        header, picture = examine(content, HASH_SIDE)
    except PictureError as error:
        return row | {"reason": error.reason, "detail": error.detail}
    return row | {
        "id": hashlib.sha256(content).hexdigest()[:32],
        "bytes": len(content),
        "format": header.format,
        "mode": header.mode,
        "width": header.width,
        "height": header.height,
        "orientation": header.orientation,
        "phash": perceptual_hash(picture),
    }


def _in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield `work(item)` for each item, in order; a few per thread are under way at any time, whatever their number."""
    with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > 16 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
