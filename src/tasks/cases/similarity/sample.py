"""Does a search for similar pictures find the same scene again? A collection of which that is known.

About 300 pictures in twenty scenes, each scene photographed many times by a virtual visitor: from changing viewpoints,
in changing light, at changing size and compression. The photographs behind them come with scikit-image, scikit-learn
and matplotlib, so that nothing is fetched. The folder of a picture is its scene, the true group. Some pictures are
planted again as exact copies or near-duplicates, and a few views that are not in the collection serve as queries.

    <sample>/collection/<scene>/<scene>_07.jpg    the collection
    <sample>/queries/<scene>.jpg                  views never seen before
    <sample>/truth.json                           the planted pairs, the scenes of the queries, the digest of every file
"""

import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from tasks.platform.errors import CasebookError
from tasks.platform.settings import settings
from tasks.platform.storage import Folder

# Of the first 36 seeds the one that keeps planted pairs (at most 2 bits of perceptual hash apart) farthest from any
# two other views (at least 8 bits): what is planted is then all there is to be found.
SEED = 2
VIEWS = 14  # of each scene, before copies and near-duplicates are planted
COPIES = 8
NEAR_DUPLICATES = 12
QUERIES = ("coffee", "chelsea", "rocket")

WORKING_SIDE = 420  # the short side that an original is brought to: a view is then never much enlarged or reduced
LONG_SIDE = (144, 256)
QUALITY = (35, 95)
FRAME = (0.62, 0.92)  # of the largest frame of its shape that the original allows
SHAPES = (4 / 3, 4 / 3, 1.0, 3 / 4)
QUERY_FRAME, QUERY_SHAPES = (0.76, 0.98), (4 / 3,)
TURN = 8.0  # degrees to either side
SLANT = 0.06  # by how much of the frame each of its corners may be off: the camera is not held square
EXPOSURE, GAMMA, CONTRAST, WARMTH = (0.75, 1.3), (0.8, 1.25), (0.8, 1.15), (0.9, 1.12)

SCENES = {
    "astronaut": "skimage/data/astronaut.png",
    "brick": "skimage/data/brick.png",
    "camera": "skimage/data/camera.png",
    "chelsea": "skimage/data/chelsea.png",
    "china": "sklearn/datasets/images/china.jpg",
    "clock": "skimage/data/clock_motion.png",
    "coffee": "skimage/data/coffee.png",
    "coins": "skimage/data/coins.png",
    "flower": "sklearn/datasets/images/flower.jpg",
    "grass": "skimage/data/grass.png",
    "gravel": "skimage/data/gravel.png",
    "hopper": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    "hubble": "skimage/data/hubble_deep_field.jpg",
    "ihc": "skimage/data/ihc.png",
    "moon": "skimage/data/moon.png",
    "motorcycle": "skimage/data/motorcycle_left.png",
    "page": "skimage/data/page.png",
    "retina": "skimage/data/retina.jpg",
    "rocket": "skimage/data/rocket.jpg",
    "text": "skimage/data/text.png",
}


def sample_folder(seed: int = SEED) -> Path:
    """Return the folder of the sample: whole, and the same for the same seed.

    Two processes may ask at once: each makes its own copy, and the first one to finish stays.

    Raises:
        CasebookError: an original photograph is missing.
    """
    recipe = Path(__file__).read_bytes() + f"{seed} {pillow_version}".encode()
    samples, name = settings().home / "samples", f"pictures-{hashlib.sha256(recipe).hexdigest()[:16]}"
    return Folder(str(samples)).made(name, lambda part: write_sample(part, seed), lambda: _is_whole(samples / name))


def write_sample(folder: Path, seed: int = SEED) -> dict[str, Any]:
    """Write the sample into `folder`, and return its truth, as `truth.json` says it.

    Returns:
        `exact_copies` and `near_duplicates` (pairs [planted, original] of paths in the collection), `queries` (the
        scene of each) and `files` (SHA-256 by path from `folder`).

    Raises:
        CasebookError: an original photograph is missing.
    """
    with ThreadPoolExecutor(settings().threads) as pool:
        scenes = dict(zip(SCENES, pool.map(lambda scene: _views(scene, seed), SCENES), strict=True))
    files = {
        f"collection/{scene}/{scene}_{n:02d}.jpg": view
        for scene, views in scenes.items()
        for n, view in enumerate(views)
    }
    copies, near = _plant(files, np.random.default_rng([seed, 1]))
    files |= {f"queries/{scene}.jpg": _query(scene, seed) for scene in QUERIES}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    truth = {
        "seed": seed,
        "exact_copies": copies,
        "near_duplicates": near,
        "queries": {f"queries/{scene}.jpg": scene for scene in QUERIES},
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in files.items()},
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1), "utf-8")
    return truth


def _is_whole(folder: Path) -> bool:
    try:
        files = json.loads((folder / "truth.json").read_text("utf-8"))["files"]
        return all(hashlib.sha256((folder / path).read_bytes()).hexdigest() == digest for path, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _plant(files: dict[str, bytes], chance: np.random.Generator) -> tuple[list[list[str]], list[list[str]]]:
    """Add exact copies and near-duplicates of some pictures to `files`; return the pairs [planted, original]."""
    chosen = [str(path) for path in chance.choice(list(files), COPIES + NEAR_DUPLICATES, replace=False)]
    copies: list[list[str]] = []
    near: list[list[str]] = []
    for n, path in enumerate(chosen):
        exact = n < COPIES
        planted = path.replace(".jpg", "_copy.jpg" if exact else "_again.jpg")
        files[planted] = files[path] if exact else _again(files[path], chance)
        (copies if exact else near).append([planted.removeprefix("collection/"), path.removeprefix("collection/")])
    return sorted(copies), sorted(near)


def _again(content: bytes, chance: np.random.Generator) -> bytes:
    """Return a picture as it comes back from a messenger: smaller and compressed once more."""
    picture = Image.open(io.BytesIO(content))
    factor = chance.uniform(0.55, 0.85)
    size = (round(picture.width * factor), round(picture.height * factor))
    return _jpeg(picture.resize(size, Image.Resampling.LANCZOS), int(chance.integers(35, 80)))


def _views(scene: str, seed: int) -> list[bytes]:
    """Return the views of one scene as JPEG files."""
    original = _original(scene)
    chance = np.random.default_rng([seed, 2, list(SCENES).index(scene)])
    return [_photograph(original, chance, FRAME, SHAPES) for _ in range(VIEWS)]


def _query(scene: str, seed: int) -> bytes:
    """Return one more view of a scene, drawn by itself and from a little farther away."""
    chance = np.random.default_rng([seed, 3, list(SCENES).index(scene)])
    return _photograph(_original(scene), chance, QUERY_FRAME, QUERY_SHAPES)


def _photograph(
    original: Image.Image, chance: np.random.Generator, frame: tuple[float, float], shapes: tuple[float, ...]
) -> bytes:
    return _jpeg(_lit(_seen(original, chance, frame, shapes), chance), int(chance.integers(*QUALITY)))


def _original(scene: str) -> Image.Image:
    """Return the photograph behind a scene, its short side `WORKING_SIDE` pixels at most.

    The file is found without importing the package that it comes with, which would take seconds.
    """
    package, _, name = SCENES[scene].partition("/")
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / name
        if file.is_file():
            with Image.open(file) as opened:
                picture = opened.convert("RGB")
            factor = min(1.0, WORKING_SIDE / min(picture.size))
            size = (round(picture.width * factor), round(picture.height * factor))
            return picture.resize(size, Image.Resampling.LANCZOS)
    raise CasebookError(f"{SCENES[scene]}: the installed {package} does not carry this photograph; install it again.")


def _seen(
    original: Image.Image, chance: np.random.Generator, frame: tuple[float, float], shapes: tuple[float, ...]
) -> Image.Image:
    """Return the original as seen from somewhere near: moved, nearer or farther, turned and slanted a little."""
    width, height = original.size
    shape = float(chance.choice(shapes))
    across = chance.uniform(*frame) * min(width, height * shape)
    half = np.array([across, across / shape]) / 2
    slack = np.array([width, height]) / 2 - half
    centre = np.array([width, height]) / 2 + chance.uniform(-0.8, 0.8, 2) * slack
    angle = np.deg2rad(chance.uniform(-TURN, TURN))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slanted = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (1 + chance.uniform(-SLANT, SLANT, (4, 2)))
    corners = (slanted * half) @ turn.T
    # Never beyond the edge of the original, where there is nothing to be seen: step nearer until all of it fits.
    room = np.where(corners > 0, np.array([width - 1, height - 1]) - centre, centre) / np.maximum(np.abs(corners), 1e-9)
    corners = corners * min(1.0, float(room.min())) + centre
    long_side = int(chance.integers(LONG_SIDE[0], LONG_SIDE[1], endpoint=True))
    size = (round(long_side * min(1.0, shape)), round(long_side / max(1.0, shape)))
    return original.transform(size, Image.Transform.PERSPECTIVE, _perspective(size, corners), Image.Resampling.BICUBIC)


def _perspective(size: tuple[int, int], corners: np.ndarray) -> list[float]:
    """Return the 8 coefficients of the projective map that takes the corners of `size` to `corners` (4, 2)."""
    width, height = size
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip([(0, 0), (width, 0), (width, height), (0, height)], corners, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return [float(value) for value in np.linalg.solve(np.array(rows), corners.ravel())]


def _lit(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return the picture in another light: exposure, gamma, contrast and colour temperature."""
    exposure, gamma, contrast, warmth = (chance.uniform(*span) for span in (EXPOSURE, GAMMA, CONTRAST, WARMTH))
    grey = np.arange(256) / 255
    toned = (np.clip(grey * exposure, 0, 1) ** gamma - 0.5) * contrast + 0.5
    channels = np.stack([toned * warmth, toned, toned / warmth])
    return picture.point(np.rint(np.clip(channels, 0, 1) * 255).astype(int).ravel().tolist())


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
