"""What does a network that has seen a million photographs see in a face? The features of MobileNetV2, view by view."""

import os
from functools import lru_cache

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from tasks.cases.masks.features.crops import SIDE
from tasks.features.pictures import litert
from tasks.features.pictures.originals import LABELS, WEIGHTS
from tasks.features.pictures.views import views
from tasks.platform.downloads import fetch, out_of_reach
from tasks.platform.errors import UsageError
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import stage

DIMENSIONS = litert.DIMENSIONS  # 320 channels at 3 x 3 places of the face
BATCH = 256


class Pretrained(BaseModel):
    """Whether pretrained features are to be had."""

    there: bool
    why: str = Field("", description="why not")


@stage(phase="Data preparation", live=True)
def find_pretrained(model: str) -> Pretrained:
    """Say whether the weights of MobileNetV2 are at hand or come quickly.

    Args:
        model: `auto`, `transfer` or `own`.

    Raises:
        UsageError: `transfer`, and the weights cannot be had.
    """
    if model == "own":
        return Pretrained(there=False, why="because a network of its own was asked for")
    why = _missing()
    if why and model == "transfer":
        raise UsageError(
            f"--model transfer: the weights of MobileNetV2 are not to be had ({why}); put the files that"
            " `python -m tasks.platform.doctor` names into the folder of CASEBOOK_MIRROR, or take --model own."
        )
    return Pretrained(there=not why, why=why)


def _missing() -> str:
    why = out_of_reach(WEIGHTS, LABELS)
    return why and f"its weights are neither in the mirror nor in the cache, and {why}"


@lru_cache(maxsize=1)
def network(threads: int) -> litert.MobileNet:
    """Return MobileNetV2 for crops; loaded once."""
    return litert.MobileNet(fetch(WEIGHTS), fetch(LABELS), threads, SIDE)


def embed(pictures: np.ndarray, threads: int) -> np.ndarray:
    """Return the features of crops, float32 (n, 2880), rows of length 1."""
    return network(threads).embed([Image.fromarray(picture) for picture in pictures])


@stage(phase="Data preparation")
def embed_faces(pictures: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Embed crops, or one view of each.

    Args:
        pictures: uint8 (n, side, side, 3).
        number: of the view, from 1; 0 takes the crops as they are.
        seed: of the views.

    Returns:
        float16 (n, 2880).
    """
    seen = views(np.asarray(pictures), number, seed) if number else np.asarray(pictures)
    threads = min(settings().threads, os.cpu_count() or 1)
    result = np.empty((len(seen), DIMENSIONS), np.float16)
    starts = range(0, len(seen), BATCH)
    for start in progress(starts, f"Embedding view {number}", unit=f"x {BATCH} faces"):
        result[start : start + BATCH] = embed(seen[start : start + BATCH], threads)
    return result
