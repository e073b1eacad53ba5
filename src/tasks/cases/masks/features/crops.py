"""What does a face look like in one crop, one size and one encoding, whatever file it came from?

Where the detector finds a face, it is turned and scaled so that eyes, nose and mouth come to their places, and cut
tight: hair, collar and background say where a picture comes from, not what is worn. All outside of its box is grey. A
picture that ends below the mouth would otherwise show its last row drawn out over the chin, as a cloth hangs there, and
how closely pictures are cut differs from source to source. Where no face is found, and where there is no detector, the
whole picture is taken. Either way every class gets the same square of uncompressed pixels.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.features.pictures.faces import align, detector, detector_at_hand, whole
from tasks.features.pictures.likeness import FACE
from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.entries import PictureError, PictureSource
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import Unkeyed, stage

SIDE = 96  # pixels of a crop
LARGEST = 640  # long side at which a face is looked for in a picture


class Way(BaseModel):
    """How faces are cut out."""

    detect: bool
    why: str = Field("", description="one sentence, where no detector is used")


class Crops(NamedTuple):
    """The pictures of a manifest, row by row, in one size and encoding."""

    faces: np.ndarray  # uint8 (n, SIDE, SIDE, 3), RGB: the face alone, or the whole picture where none was found
    wholes: np.ndarray  # uint8 (n, SIDE, SIDE, 3): the whole picture, stretched to a square
    looks: np.ndarray  # uint8 (n, FACE, FACE, 3): the face with what is around it, to tell pictures that are alike
    table: pd.DataFrame  # found (score of the face, 0 for none), width of the face in pixels


@stage(phase="Data preparation", live=True)
def choose_way(faces: Literal["auto", "detect", "whole"]) -> Way:
    """Choose whether faces are looked for.

    Args:
        faces: `detect`, `whole`, or `auto`: detect where the detector's file is at hand or comes quickly.

    Raises:
        UsageError: `detect`, and the detector's file cannot be had.
    """
    if faces == "whole":
        return Way(detect=False, why="The whole pictures are taken, because that was asked for.")
    missing = detector_at_hand()
    if missing and faces == "detect":
        raise UsageError(f"--faces detect: the face detector is not to be had ({missing}); {HOW_TO_GET}.")
    return Way(detect=not missing, why=missing and f"The whole pictures are taken: {missing}.")


HOW_TO_GET = (
    "put yunet_n_640_640.onnx into the folder that CASEBOOK_MIRROR names (`python -m tasks.platform.doctor` says"
    " where it comes from), or give pictures that are cut to the face already and --faces whole"
)


@stage(phase="Data preparation")
def cut_faces(manifest: pd.DataFrame, detect: bool, source: Annotated[str, Unkeyed]) -> Crops:
    """Bring the pictures of a manifest to one crop, size and encoding.

    Args:
        manifest: with `path` and `id`, n rows.
        detect: whether faces are looked for.
        source: the folder or archive.

    Raises:
        CasebookError: a picture is gone, or is not the one of the manifest any more.
    """
    count = len(manifest)
    faces, wholes, looks = (np.empty((count, side, side, 3), np.uint8) for side in (SIDE, SIDE, FACE))
    scores, widths = np.zeros(count), np.zeros(count)
    items = list(zip(manifest["path"], manifest["id"], strict=True))
    with open_source(source) as opened, ThreadPoolExecutor(min(settings().threads, os.cpu_count() or 1)) as pool:
        results = _in_order(pool, opened, items, detect)
        for row, result in enumerate(progress(results, "Cutting out faces", total=count, unit="pictures")):
            faces[row], wholes[row], looks[row], scores[row], widths[row] = result
    return Crops(faces, wholes, looks, pd.DataFrame({"found": scores, "width": widths}))


Cut = tuple[np.ndarray, np.ndarray, np.ndarray, float, float]


def _in_order(
    pool: ThreadPoolExecutor, source: PictureSource, items: list[tuple[str, str]], detect: bool
) -> Iterator[Cut]:
    """Yield the crops of the items, a few hundred in memory at a time."""
    for start in range(0, len(items), 256):
        yield from pool.map(lambda item: _cut(source, item[0], item[1], detect), items[start : start + 256])


def _cut(source: PictureSource, path: str, key: str, detect: bool) -> Cut:
    try:
        content = source.read(path)
        if not hashlib.sha256(content).hexdigest().startswith(key):
            raise CasebookError(f"{path} has changed since the collection was read: run again.")
        image = decode(content, LARGEST)
    except PictureError as error:
        raise CasebookError(f"{path} cannot be read any more ({error.detail}): run again.") from error
    image.thumbnail((LARGEST, LARGEST))
    picture = np.asarray(image)
    stretched = whole(picture, SIDE)
    face = detector().find_main(picture) if detect else None
    if face is None:
        return stretched, stretched, whole(stretched, FACE), 0.0, 0.0
    around = whole(align(picture, face, SIDE), FACE)
    return align(picture, face, SIDE, alone=True), stretched, around, face.score, face.box[2]
