"""How is a face drawn that is nobody's? Skin, hair, eyes, light and pose by numbers, and what is worn before it.

Drawn at twice the size and made smaller, so that edges are smooth. All places are in units of half the picture's side,
the middle of the face at (0, 0), x to the right and y down.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Worn = Literal["none", "mask", "below nose"]
Before = Literal["", "hand", "scarf", "glasses"]

SKINS = [(255, 224, 196), (241, 194, 155), (224, 172, 125), (198, 134, 88), (141, 85, 50), (92, 56, 36)]
HAIRS = [(30, 22, 18), (74, 48, 30), (140, 96, 50), (196, 160, 96), (120, 120, 124), (150, 60, 30)]
MASKS = [(152, 196, 222), (240, 242, 244), (36, 38, 44), (176, 208, 170), (220, 132, 160), (60, 80, 140), (188, 60, 50)]
CLOTHS = [(150, 40, 40), (40, 70, 120), (70, 110, 70), (200, 180, 140), (60, 60, 60)]
Colour = tuple[int, int, int]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Person:
    """What stays the same in all pictures of one person."""

    skin: Colour
    hair: Colour
    long_hair: bool
    width: float  # of the face
    eyes: float  # distance from the middle
    mouth: float  # width
    beard: bool


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person."""
    tone = rng.uniform(0, len(SKINS) - 1)
    low = int(tone)
    mixed = [round(a + (b - a) * (tone - low)) for a, b in zip(SKINS[low], SKINS[min(low + 1, 5)], strict=True)]
    return Person(
        skin=(mixed[0], mixed[1], mixed[2]),
        hair=HAIRS[rng.integers(len(HAIRS))],
        long_hair=bool(rng.random() < 0.5),
        width=rng.uniform(0.40, 0.50),
        eyes=rng.uniform(0.17, 0.21),
        mouth=rng.uniform(0.12, 0.18),
        beard=bool(rng.random() < 0.2),
    )


class _Canvas:
    """A picture whose places turn and lean with the head."""

    def __init__(self, side: int, rng: np.random.Generator, turn: float) -> None:
        self.side, self.rng = 2 * side, rng
        self.angle, self.lean = np.deg2rad(rng.normal(0, turn)), rng.normal(0, 0.06)
        self.move, self.scale = rng.normal(0, 0.04, 2), rng.uniform(0.9, 1.15)
        self.image = self._background()
        self.pen = ImageDraw.Draw(self.image, "RGBA")

    def _background(self) -> Image.Image:
        first, second = self.rng.integers(30, 235, (2, 3))
        ramp = np.linspace(0, 1, self.side)[:, None, None] * np.ones((1, self.side, 1))
        noise = self.rng.normal(0, 14, (12, 12, 3)).clip(-40, 40)
        rough = np.asarray(Image.fromarray((noise + 128).astype(np.uint8)).resize((self.side, self.side))) - 128.0
        return Image.fromarray((first * (1 - ramp) + second * ramp + rough).clip(0, 255).astype(np.uint8))

    def _places(self, points: Points) -> list[tuple[float, float]]:
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        result = []
        for x, y in points:
            x = x + self.lean * (1 - min(1.0, x * x * 3))  # a head that is turned: the middle moves, the rim stays
            u, v = (x * cos - y * sin) * self.scale + self.move[0], (x * sin + y * cos) * self.scale + self.move[1]
            result.append(((u + 1) * self.side / 2, (v + 1) * self.side / 2))
        return result

    def shape(self, points: Points, colour: Colour, alpha: int = 255) -> None:
        self.pen.polygon(self._places(points), fill=(*colour, alpha))

    def oval(self, x: float, y: float, wide: float, high: float, colour: Colour, alpha: int = 255) -> None:
        turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        self.shape([(x + wide * np.cos(t), y + high * np.sin(t)) for t in turns], colour, alpha)

    def line(self, points: Points, colour: Colour, width: float) -> None:
        self.pen.line(self._places(points), fill=colour, width=max(1, round(width * self.side / 2)), joint="curve")


def shade(colour: Colour, factor: float) -> Colour:
    """Return a colour that is darker (below 1) or lighter."""
    red, green, blue = (int(min(255, max(0, part * factor))) for part in colour)
    return red, green, blue


def draw_face(
    person: Person, worn: Worn, before: Before, side: int, rng: np.random.Generator, turn: float = 8.0
) -> Image.Image:
    """Draw one picture of a person.

    Args:
        person: who.
        worn: what is worn.
        before: what else is seen.
        side: of the picture in pixels.
        rng: of pose, light and colours.
        turn: typical turn of the head in degrees.
    """
    canvas = _Canvas(side, rng, turn)
    _head(canvas, person)
    _features(canvas, person)
    if before == "scarf":
        _scarf(canvas)
    if worn != "none":
        _mask(canvas, person, worn)
    if before == "glasses":
        for sign in (-1, 1):
            x = sign * person.eyes
            turns = np.linspace(0, 2 * np.pi, 24)
            canvas.line([(x + 0.11 * np.cos(t), -0.14 + 0.09 * np.sin(t)) for t in turns], (40, 36, 36), 0.02)
    if before == "hand":
        _hand(canvas, person)
    return _lit(canvas, rng)


def _head(canvas: _Canvas, person: Person) -> None:
    w = person.width
    if person.long_hair:
        canvas.oval(0, 0.05, w + 0.16, 0.82, person.hair)
    canvas.shape([(-0.2, 0.4), (0.2, 0.4), (0.28, 1.3), (-0.28, 1.3)], shade(person.skin, 0.82))
    canvas.oval(0, 1.25, 0.95, 0.45, CLOTHS[canvas.rng.integers(len(CLOTHS))])
    for sign in (-1, 1):
        canvas.oval(sign * w, 0.0, 0.06, 0.12, shade(person.skin, 0.9))
    canvas.oval(0, -0.18, w + 0.05, 0.56, person.hair)
    canvas.oval(0, 0.03, w, 0.6, person.skin)
    canvas.oval(0, 0.16, w * 0.86, 0.5, shade(person.skin, 1.04), 120)
    canvas.shape(
        [(-w, -0.3), (-0.3, -0.52), (0, -0.46), (0.3, -0.52), (w, -0.3), (0.3, -0.68), (-0.3, -0.68)], person.hair
    )


def _features(canvas: _Canvas, person: Person) -> None:
    dark = shade(person.skin, 0.62)
    for sign in (-1, 1):
        x = sign * person.eyes
        canvas.oval(x, -0.13, 0.1, 0.07, shade(person.skin, 0.85), 160)
        canvas.oval(x, -0.14, 0.075, 0.04, (245, 243, 240))
        canvas.oval(x + canvas.rng.normal(0, 0.008), -0.14, 0.036, 0.04, (50, 34, 26))
        canvas.oval(x + 0.012, -0.152, 0.011, 0.011, (255, 255, 255))
        canvas.line([(x - 0.085, -0.15), (x, -0.19), (x + 0.085, -0.15)], shade(person.skin, 0.45), 0.014)
        canvas.line([(x - 0.1, -0.25), (x, -0.285), (x + 0.1, -0.25)], shade(person.hair, 0.8), 0.035)
    canvas.line([(-0.035, -0.12), (-0.05, 0.06), (-0.07, 0.1)], shade(person.skin, 0.8), 0.018)
    canvas.oval(0, 0.1, 0.075, 0.045, shade(person.skin, 0.9))
    for sign in (-1, 1):
        canvas.oval(sign * 0.035, 0.12, 0.018, 0.01, dark)
    if person.beard:
        canvas.oval(0, 0.42, person.width * 0.72, 0.2, person.hair, 170)
    m, smile = person.mouth, canvas.rng.uniform(-0.01, 0.04)
    lips = (min(255, round(person.skin[0] * 0.85)), round(person.skin[1] * 0.55), round(person.skin[2] * 0.55))
    open_ = canvas.rng.random() < 0.25
    canvas.oval(0, 0.31, m, 0.045 + 0.03 * open_, lips)
    if open_:
        canvas.oval(0, 0.31, m * 0.75, 0.035, (248, 246, 240))
    canvas.line([(-m, 0.305 - smile), (0, 0.315), (m, 0.305 - smile)], shade(lips, 0.6), 0.012)


def _mask(canvas: _Canvas, person: Person, worn: Worn) -> None:
    colour = MASKS[canvas.rng.integers(len(MASKS))]
    top = -0.01 if worn == "mask" else 0.2
    w = person.width * 0.93
    for sign in (-1, 1):
        canvas.line([(sign * w, top + 0.12), (sign * (person.width + 0.03), 0.0)], shade(colour, 0.9), 0.016)
        canvas.line([(sign * w * 0.8, 0.42), (sign * (person.width + 0.03), 0.05)], shade(colour, 0.9), 0.016)
    outline = [
        (-w, top + 0.1),
        (-0.12, top + 0.02),
        (0, top),
        (0.12, top + 0.02),
        (w, top + 0.1),
        (w * 0.84, 0.45),
        (0.26, 0.63),
        (0, 0.66),
        (-0.26, 0.63),
        (-w * 0.84, 0.45),
    ]
    canvas.shape(outline, colour)
    kind = canvas.rng.integers(3)
    if kind == 0:  # pleats
        for y in np.linspace(top + 0.16, 0.5, 3):
            canvas.line([(-w * 0.85, y), (0, y + 0.03), (w * 0.85, y)], shade(colour, 0.82), 0.014)
    elif kind == 1:  # a seam in the middle
        canvas.line([(0, top), (0.01, 0.64)], shade(colour, 0.75), 0.014)
    else:
        other = MASKS[canvas.rng.integers(len(MASKS))]
        for _ in range(8):
            canvas.oval(canvas.rng.uniform(-0.28, 0.28), canvas.rng.uniform(top + 0.16, 0.52), 0.04, 0.04, other, 200)


def _hand(canvas: _Canvas, person: Person) -> None:
    skin, sign = shade(person.skin, canvas.rng.uniform(0.88, 1.0)), canvas.rng.choice([-1, 1])
    canvas.shape([(sign * 0.15, 0.5), (sign * 0.6, 0.75), (sign * 0.9, 1.3), (sign * 0.3, 1.3)], skin)
    for number in range(4):
        y = 0.2 + 0.105 * number
        canvas.line([(sign * 0.5, y + 0.15), (sign * -0.22, y)], shade(skin, 0.72), 0.125)
        canvas.line([(sign * 0.5, y + 0.15), (sign * -0.22, y)], skin, 0.1)


def _scarf(canvas: _Canvas) -> None:
    colour = CLOTHS[canvas.rng.integers(len(CLOTHS))]
    top = canvas.rng.uniform(0.47, 0.55)  # chin and neck, never the mouth
    canvas.shape([(-0.6, top - 0.02), (0, top + 0.06), (0.6, top - 0.02), (0.8, 1.3), (-0.8, 1.3)], colour)
    for number in range(4):
        y = top + 0.12 + 0.13 * number
        canvas.line([(-0.6, y), (0, y + 0.07), (0.6, y)], shade(colour, 0.75), 0.03)


def _lit(canvas: _Canvas, rng: np.random.Generator) -> Image.Image:
    """Return the picture under light from one side, of a colour and strength, as a camera sees it."""
    picture = canvas.image.resize((canvas.side // 2, canvas.side // 2), Image.Resampling.LANCZOS)
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.1))))
    pixels = np.asarray(picture, np.float64) / 255
    side = len(pixels)
    angle, place = rng.uniform(0, 2 * np.pi), np.linspace(-1, 1, side)
    ramp = 1 + rng.uniform(0, 0.4) * (np.cos(angle) * place[None, :] + np.sin(angle) * place[:, None])
    pixels = pixels ** rng.uniform(0.7, 1.5) * ramp[:, :, None] * rng.uniform(0.9, 1.1, 3)
    pixels += rng.normal(0, rng.uniform(0.004, 0.03), pixels.shape)
    return Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))
