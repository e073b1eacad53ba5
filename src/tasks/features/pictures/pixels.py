"""What does a network see that is trained from the start? The pixels of a collection, all of one size.

Small pictures are kept as they are, photographs made small: a network of one's own learns from few pictures better, and
in the time there is, when they are small.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import numpy as np
import pandas as pd

from tasks.features.pictures.resizing import squash
from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.entries import PictureError, PictureSource
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import CasebookError
from tasks.platform.progress import progress
from tasks.platform.scratch import scratch_array
from tasks.platform.settings import settings
from tasks.platform.stage import Unkeyed, stage

SIDES = (16, 24, 32, 48, 64)
CHUNK = 512
THUMBNAIL = 16  # pixels a side of what near-duplicates are told by


def fitting_side(manifest: pd.DataFrame) -> int:
    """Return the side in pixels to work with: that of `SIDES` nearest to the median short side, at most 64."""
    short = float(manifest[["width", "height"]].min(axis=1).median())
    return min(SIDES, key=lambda side: abs(side - short))


@stage(phase="Data preparation")
def read_pixels(manifest: pd.DataFrame, side: int, sources: Annotated[list[str], Unkeyed]) -> np.ndarray:
    """Read the pictures of a manifest as squares.

    Args:
        manifest: `path` and `id`, n rows; where there are several collections also `collection` (from 0) and `file`,
            the path there.
        side: pixels.
        sources: the folder or archive of each collection.

    Returns:
        uint8 (n, side, side, 3), RGB, on a scratch file.

    Raises:
        CasebookError: a picture is gone, or is not the one of the manifest any more.
    """
    pixels = scratch_array((len(manifest), side, side, 3), np.uint8)
    of = manifest["collection"].to_numpy() if "collection" in manifest else np.zeros(len(manifest), int)
    paths = manifest["file" if "file" in manifest else "path"].tolist()
    keys = manifest["id"].tolist()
    for number, source in enumerate(sources):
        rows = np.flatnonzero(of == number)
        with open_source(source) as opened, ThreadPoolExecutor(settings().threads) as pool:
            read = _reader(opened, paths, keys, side)
            chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
            for chunk in progress(chunks, "Reading pixels", unit=f"x {CHUNK} pictures"):
                for row, picture in zip(chunk, pool.map(read, chunk.tolist()), strict=True):
                    pixels[row] = picture
    return pixels


def _reader(source: PictureSource, paths: Sequence[str], keys: Sequence[str], side: int) -> Callable[[int], np.ndarray]:
    def read(row: int) -> np.ndarray:
        try:
            content = source.read(paths[row])
            if not hashlib.sha256(content).hexdigest().startswith(keys[row]):
                raise CasebookError(f"{paths[row]} has changed since the collection was read: run again.")
            return np.asarray(squash(decode(content, side), (side, side)))
        except PictureError as error:
            raise CasebookError(f"{paths[row]} cannot be read any more ({error.detail}): run again.") from error

    return read


@stage(phase="Data preparation")
def pixel_vectors(pixels: np.ndarray) -> np.ndarray:
    """Return small pictures as rows by which near-duplicates are told, float16 (n, d), each without its mean.

    Args:
        pixels: uint8 (n, side, side, 3), side at least 16.
    """
    side = pixels.shape[1]
    edges = np.linspace(0, side, THUMBNAIL + 1).astype(int)
    rows = scratch_array((len(pixels), THUMBNAIL**2 * 3), np.float16)
    for start in range(0, len(pixels), 4096):
        block = np.asarray(pixels[start : start + 4096], np.float32) / 255
        block = np.add.reduceat(np.add.reduceat(block, edges[:-1], axis=1), edges[:-1], axis=2)
        area = np.diff(edges)
        block /= (area[:, None] * area[None, :])[None, :, :, None]
        flat = block.reshape(len(block), -1)
        rows[start : start + 4096] = flat - flat.mean(axis=1, keepdims=True)
    return rows
