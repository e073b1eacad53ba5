"""What does the large network say of the pictures at hand? Views of them, and its features of each, worked out once.

A view is a part of a picture, brought to a small square; the teacher sees the same part in the size that it is used to
(L. Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022).
"""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydantic import BaseModel

from tasks.features.pictures import litert
from tasks.features.pictures.embedders import choose_embedder, load_embedder
from tasks.features.pictures.resizing import squash
from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.progress import progress
from tasks.platform.settings import settings

SIDE = 96  # pixels of a stored view
AREA = (0.2, 1.0)  # of the picture that a view shows; the first view of each shows all of it
STRETCH = (0.75, 1.33)  # of a view's sides
CHUNK = 256
APART = 5  # every fifth file name is kept apart from the training, and every twelfth class
CLASSES_APART = 12


class Shown(NamedTuple):
    """A picture of a collection, and how many views of it are drawn."""

    source: str
    path: str
    views: int


class Views(NamedTuple):
    """Views and what the teacher says of them: uint8 (n, SIDE, SIDE, 3), float16 (n, grid, grid, channels)."""

    pictures: np.ndarray
    features: np.ndarray


class Progress(BaseModel):
    """How far the views of a folder are done, and of what they are made."""

    digest: str
    done: int


def is_apart(path: str) -> bool:
    """Tell whether a picture is kept apart from the training: every fifth by its file name, or by its class.

    By the name, and not by the content: Caltech's Faces and Faces_easy show the same photographs under one name, and
    pictures of one name are then on the same side.
    """
    folder, _, name = path.rpartition("/")
    return _number(name) % APART == 0 or is_class_apart(folder)


def is_class_apart(label: str) -> bool:
    """Tell whether all pictures of a class are kept apart."""
    return _number(f"class {label}") % CLASSES_APART == 0


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def list_pictures(source: str, views: int, most: int = 0) -> list[Shown]:
    """List the pictures of a collection that may be learned from; of more than `most` those spread evenly over it."""
    with open_source(source) as opened:
        paths = [entry.path for entry in opened.entries() if not entry.problem and not is_apart(entry.path)]
    if most and len(paths) > most:
        paths = [paths[number] for number in np.linspace(0, len(paths) - 1, 2 * most).astype(int)[::2]]
    return [Shown(source, path, views) for path in paths]


def make_views(shown: Sequence[Shown], folder: Path, seed: int = 0) -> Views:
    """Draw the views and ask the teacher; what an interrupted call has done is not done again.

    Args:
        shown: the pictures; those that cannot be decoded are an error, since a training is repeated on what it had.
        folder: for the two arrays, some 33 KB a view.
        seed: of all draws.
    """
    choice = choose_embedder.fn("imagenet")
    rounds = range(max(picture.views for picture in shown))
    plan = [(picture, number) for number in rounds for picture in shown if number < picture.views]
    told = json.dumps([[p.path, n] for p, n in plan]) + f"{choice.digest} {seed} {SIDE} {AREA} {STRETCH}"
    digest = hashlib.sha256(told.encode()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "views.json"
    done = _done(record, digest)
    pictures = _array(folder / "views.npy", (len(plan), SIDE, SIDE, 3), np.uint8, done)
    features = _array(folder / "features.npy", (len(plan), choice.dimensions), np.float16, done)
    starts = range(done, len(plan), CHUNK)
    teacher = load_embedder(choice) if starts else None
    with _Reader(shown) as reader, ThreadPoolExecutor(settings().threads) as pool:
        for start in progress(starts, "Asking the teacher", unit=f"x {CHUNK} views"):
            part = plan[start : start + CHUNK]
            drawn = list(pool.map(lambda item: reader.view(item[0], item[1], seed), part))
            pictures[start : start + len(part)] = [np.asarray(squash(view, (SIDE, SIDE))) for view in drawn]
            features[start : start + len(part)] = teacher.embed(drawn) if teacher else 0
            pictures.flush()
            features.flush()
            record.write_text(Progress(digest=digest, done=start + len(part)).model_dump_json(), "utf-8")
    return Views(pictures, features.reshape(len(plan), 3, 3, -1))


def _done(record: Path, digest: str) -> int:
    if not record.is_file():
        return 0
    known = Progress.model_validate_json(record.read_bytes())
    return known.done if known.digest == digest else 0


def _array(path: Path, shape: tuple[int, ...], dtype: type, done: int) -> np.memmap:
    return np.lib.format.open_memmap(path, "r+" if done else "w+", None if done else dtype, None if done else shape)


class _Reader:
    """Draws views from collections that stay open."""

    def __init__(self, shown: Sequence[Shown]) -> None:
        self._sources = {name: open_source(name) for name in {picture.source for picture in shown}}

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        for source in self._sources.values():
            source.close()

    def view(self, picture: Shown, number: int, seed: int) -> Image.Image:
        """Return view `number` of a picture, of the side that the teacher looks at."""
        chance = np.random.default_rng([seed, _number(picture.path), number])
        image = decode(self._sources[picture.source].read(picture.path))
        box = _part(image.size, chance) if number else (0.0, 0.0, float(image.width), float(image.height))
        return image.resize((litert.SIDE, litert.SIDE), Image.Resampling.BICUBIC, box=box)


def _part(size: tuple[int, int], chance: np.random.Generator) -> tuple[float, float, float, float]:
    """Return a part of a picture: of a drawn area and shape, anywhere."""
    area, stretch = chance.uniform(*AREA), np.exp(chance.uniform(*np.log(STRETCH)) / 2)
    wide, high = (min(1.0, np.sqrt(area) * factor) for factor in (stretch, 1 / stretch))
    left, top = chance.uniform(0, 1 - wide), chance.uniform(0, 1 - high)
    return (left * size[0], top * size[1], (left + wide) * size[0], (top + high) * size[1])
