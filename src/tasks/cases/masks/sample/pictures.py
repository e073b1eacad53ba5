"""Which pictures make the sample? Drawn people with a mask, without and with the nose free, and what misleads.

What misleads is planted and known: both classes differ in size and compression of their files, so that a model that
sees no picture tells most of them; each person is in several pictures; some pictures are turned copies of others;
hands and scarves cover mouths and chins. A second source shows other people, drawn another way, under other light.
"""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tasks.cases.masks.sample.drawing import Before, Person, Worn, draw_face, draw_person

SEED = 20_260_303
PEOPLE, STRANGERS = 60, 16
COPIES, TURNED = 4, 16
TAKEN_OVER = 3  # pictures of the first source that the second shows too
FOLDERS: dict[Worn, str] = {"none": "without_mask", "mask": "with_mask", "below nose": "mask_below_nose"}
OF_A_PERSON: tuple[tuple[Worn, Before], ...] = (
    ("none", ""),
    ("none", "hand"),
    ("none", "scarf"),
    ("mask", ""),
    ("mask", ""),
    ("mask", "glasses"),
    ("below nose", ""),
)
SYLLABLES = ("an", "be", "co", "da", "el", "fi", "go", "hu", "il", "jo", "ka", "lu", "mi", "no", "or", "pe")


class Drawn(NamedTuple):
    """One picture of the sample."""

    name: str
    worn: Worn
    picture: Image.Image
    quality: int


def name_of_person(number: int) -> str:
    """Return an invented name that no other number has."""
    return f"{SYLLABLES[number % 16]}{SYLLABLES[number // 16 % 16]}ra"


def write_faces(folder: Path) -> None:
    """Write the sample into `folder`: `faces` to learn from, `others` from another source; the same bytes each time."""
    rng = np.random.default_rng(SEED)
    drawn = [item for number in range(PEOPLE) for item in _of_person(number, draw_person(rng), rng)]
    plain = [item for item in drawn if item.worn == "none"]
    for number, item in enumerate(plain[: 5 * TURNED : 5]):
        turned = item.picture.rotate(float(rng.uniform(-15, 15)), Image.Resampling.BICUBIC, fillcolor=(0, 0, 0))
        drawn.append(Drawn(f"augmented_image_{number + 1}.jpg", "none", turned, 90))
    drawn += [item._replace(name=f"copy_{item.name}") for item in drawn[: 10 * COPIES : 10]]
    for item in drawn:
        _write(folder / "faces" / FOLDERS[item.worn] / item.name, item)
    (folder / "faces" / "with_mask" / "broken_0001.jpg").write_bytes(_jpeg(drawn[0])[:700])
    strangers = [item for number in range(STRANGERS) for item in _of_stranger(number, rng)]
    taken = [
        item._replace(name=f"cam_9{number:02d}.jpg") for number, item in enumerate(drawn[3 : 10 * TAKEN_OVER : 10])
    ]
    for item in [*strangers, *taken]:
        _write(folder / "others" / FOLDERS[item.worn] / item.name, item)


def _of_person(number: int, person: Person, rng: np.random.Generator) -> list[Drawn]:
    """Draw the pictures of a person; files with a mask are smaller and compressed harder, as if scraped elsewhere."""
    items = []
    for at, (worn, before) in enumerate(OF_A_PERSON):
        side = int(rng.integers(76, 100) if worn == "mask" else rng.integers(94, 118))
        quality = int(rng.integers(70, 86) if worn == "mask" else rng.integers(82, 94))
        name = f"{name_of_person(number)}_{at + 1:04d}.jpg"
        items.append(Drawn(name, worn, draw_face(person, worn, before, side, rng), quality))
    return items


def _of_stranger(number: int, rng: np.random.Generator) -> list[Drawn]:
    """Draw the pictures of a person as another camera sees them: leaning more, some grey, all of one size."""
    person, items = draw_person(rng), []
    for at, (worn, before) in enumerate(OF_A_PERSON[::2]):
        picture = draw_face(person, worn, before, 128, rng, turn=14.0)
        if rng.random() < 0.3:
            picture = picture.convert("L").convert("RGB")
        items.append(Drawn(f"cam_{number:02d}{at}.jpg", worn, picture, 60))
    return items


def _jpeg(item: Drawn) -> bytes:
    buffer = io.BytesIO()
    item.picture.save(buffer, "JPEG", quality=item.quality)
    return buffer.getvalue()


def _write(path: Path, item: Drawn) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_jpeg(item))
