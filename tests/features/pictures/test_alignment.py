"""Edited versions: each kind of edit is recognised, and nothing that only looks like one."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from tasks.features.pictures.alignment import Comparer, boxes, posed
from tasks.features.pictures.looks import LENGTH, SEEN, apart, look
from tasks.features.pictures.resizing import squash


def scene(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """A picture with things of many sizes on it, like no other."""
    chance = np.random.default_rng(seed)
    ground = Image.fromarray(chance.integers(40, 215, (4, 5, 3), dtype=np.uint8))
    drawn = ground.resize(size, Image.Resampling.BICUBIC)
    brush = ImageDraw.Draw(drawn)
    for _ in range(45):
        left, top = chance.integers(-20, size[0]), chance.integers(-20, size[1])
        wide, high = chance.integers(6, 70, 2)
        colour = tuple(chance.integers(0, 256, 3).tolist())
        shape = brush.ellipse if chance.random() < 0.5 else brush.rectangle
        shape((left, top, left + wide, top + high), fill=colour)
    return drawn


def comparer(*pictures: Image.Image) -> Comparer:
    rows = look([squash(picture, (SEEN, SEEN)) for picture in pictures])
    return Comparer(apart(rows), np.array([picture.size for picture in pictures], float))


def cut(picture: Image.Image, left: float, top: float, share: float) -> Image.Image:
    width, height = picture.size
    x, y = left * width, top * height
    return picture.crop((round(x), round(y), round(x + share * width), round(y + share * height)))


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": ImageOps.mirror,
    "turned 90": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned 180": lambda picture: picture.transpose(Image.Transpose.ROTATE_180),
    "turned 270": lambda picture: picture.transpose(Image.Transpose.ROTATE_270),
    "flipped": ImageOps.flip,
    "cut": lambda picture: cut(picture, 0.1, 0.1, 0.8),
    "cut at a corner": lambda picture: cut(picture, 0, 0.2, 0.8),
    "framed": lambda picture: ImageOps.expand(picture, 20, "black"),
    "framed in white": lambda picture: ImageOps.expand(picture, 30, "white"),
    "turned a little": lambda picture: picture.rotate(2, Image.Resampling.BICUBIC),
    "mirrored and cut": lambda picture: ImageOps.mirror(cut(picture, 0.05, 0.1, 0.85)),
    "half the size": lambda picture: picture.resize((120, 90)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_recognised_in_both_directions(edit: str) -> None:
    found = 0
    for seed in range(6):
        pair = comparer(scene(seed), EDITS[edit](scene(seed)))
        forth, back = pair.is_edited(0, 1), pair.is_edited(1, 0)
        assert forth == back
        found += forth
    assert found >= 5


def test_other_pictures_are_none() -> None:
    pictures = comparer(*(scene(seed) for seed in range(12)))
    assert not any(pictures.is_edited(one, other) for one in range(12) for other in range(one))


def test_another_view_of_the_same_thing_is_none() -> None:
    """Another angle, perspective or light is another photograph."""
    picture = scene(3)
    slanted = picture.transform(
        picture.size, Image.Transform.PERSPECTIVE, (0.86, 0.04, 12, 0.02, 0.9, 8, 2e-4, 3e-4), Image.Resampling.BICUBIC
    )
    zoomed = cut(picture.rotate(3, Image.Resampling.BICUBIC), 0.15, 0.15, 0.72)
    darker = ImageEnhance.Brightness(cut(picture, 0.1, 0.1, 0.8)).enhance(0.7)
    turned = picture.rotate(12, Image.Resampling.BICUBIC)
    pictures = comparer(picture, slanted, zoomed, darker, turned)
    assert [pictures.is_edited(0, number) for number in range(1, 5)] == [False] * 4


def test_pages_of_text_are_not_versions_of_each_other() -> None:
    words = ("the", "sea", "was", "calm", "and", "ship", "lay", "anchor", "while", "men", "sang", "of", "whales")
    pages = []
    for seed in range(12):
        chance = np.random.default_rng(seed)
        page = Image.new("RGB", (240, 320), "white")
        lines = "\n".join(" ".join(chance.choice(words, 8)) for _ in range(24))
        ImageDraw.Draw(page).multiline_text((12, 12), lines, fill="black", font=ImageFont.load_default(size=9))
        pages.append(page)
    pictures = comparer(*pages)
    assert not any(pictures.is_edited(one, other) for one in range(12) for other in range(one))


def test_pictures_without_details_are_told_by_their_colours() -> None:
    one, other, same = (
        Image.new("RGB", size, colour)
        for size, colour in (
            ((40, 30), (200, 30, 30)),
            ((40, 30), (30, 110, 30)),
            ((90, 90), (201, 30, 29)),
        )
    )
    pictures = comparer(one, other, same, scene(1))
    assert [pictures.is_even(number) for number in range(4)] == [True, True, True, False]
    assert pictures.is_same(0, 2)
    assert not pictures.is_same(0, 1)
    assert not pictures.is_same(0, 3)
    assert not pictures.is_edited(0, 3)


def test_a_border_does_not_change_a_look() -> None:
    plain, framed = look([squash(scene(5), (SEEN, SEEN)), squash(ImageOps.expand(scene(5), 24, "navy"), (SEEN, SEEN))])
    assert plain.shape == (LENGTH,)
    first, second = apart(plain[None]), apart(framed[None])
    assert np.abs(first.grey[:, 0].astype(int) - second.grey[:, 0]).mean() < 12
    assert first.left[0] == pytest.approx([1, 1], abs=0.01)
    assert second.left[0] == pytest.approx([240 / 288, 180 / 228], abs=0.03)


def test_the_poses_are_the_eight_of_a_square() -> None:
    grey = np.arange(64 * 64).reshape(64, 64)
    assert len({posed(grey, pose).tobytes() for pose in range(8)}) == 8
    assert (posed(grey, 0) == grey).all()
    assert all(left + side <= 1.0001 and top + side <= 1.0001 for left, top, side in boxes())
