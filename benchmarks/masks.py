"""Masks: a film of test pictures, and two sources out of one set, so that the flow can be measured on both.

python benchmarks/masks.py film IMAGES.zip FILM.mp4 --faces 5     # labelled faces that move over a grey ground
python benchmarks/masks.py cuts FILM.mp4 --every 6                # how alike are frames of a scene, and over its end?
python benchmarks/masks.py sources IMAGES.zip FOLDER              # FOLDER/web and FOLDER/named, by file names
python flows/masks.py --source IMAGES.zip --look-at FILM.mp4      # frames_per_second, end to end
python flows/masks.py --source FOLDER/web --test FOLDER/named     # accuracy_test: a source never seen
"""

import argparse
import re
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

WIDTH, HEIGHT, RATE = 640, 480, 25
HOLD = 50  # frames that a face is shown
QUANTILES = (0, 1, 50, 99, 100)
NAMED = re.compile(r"(with_mask/\d+_\d+_)|(with_mask/\d+_(jpg|png|jpeg))|(without_mask/\d+_\d+_[a-z]+_\d+)")


def pictures(archive: Path) -> dict[str, bytes]:
    """Return the pictures of a zip by name."""
    with zipfile.ZipFile(archive) as opened:
        return {item.filename: opened.read(item) for item in opened.infolist() if not item.is_dir()}


def sources(archive: Path, folder: Path) -> None:
    """Part the set by how files are named: photographs of stars, named or numbered, and what comes from the web."""
    for name, content in pictures(archive).items():
        path = folder / ("named" if NAMED.search(name) else "web") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def film(archive: Path, target: Path, faces: int, seconds: float, seed: int, sway: float) -> None:
    """Write a film in which `faces` pictures move, green-marked below where a mask is worn and red-marked where not.

    Each sways by so many pixels to both sides within two seconds.
    """
    rng = np.random.default_rng(seed)
    known = pictures(archive)
    names = sorted(name for name in known if min(cv2.imdecode(np.frombuffer(known[name], np.uint8), 1).shape[:2]) > 90)
    side = 300 if faces == 1 else 190
    places = [(WIDTH // 2, HEIGHT // 2)] if faces == 1 else [(110, 120), (320, 120), (530, 120), (215, 350), (425, 350)]
    out = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT))
    for number in range(int(seconds * RATE)):
        if number % HOLD == 0:
            chosen = [str(name) for name in rng.choice(names, len(places[:faces]), replace=False)]
            shown = [cv2.imdecode(np.frombuffer(known[name], np.uint8), 1) for name in chosen]
        frame = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
        for name, picture, (x, y) in zip(chosen, shown, places, strict=False):
            paste(
                frame,
                name,
                picture,
                (x + round(sway * np.sin(number / 9)), y + round(0.75 * sway * np.cos(number / 7))),
                side,
            )
        out.write(frame)
    out.release()


def paste(frame: np.ndarray, name: str, picture: np.ndarray, at: tuple[int, int], side: int) -> None:
    """Paste a picture at its middle, with a dot below it that says what is true."""
    scale = side / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale)
    height, width = small.shape[:2]
    top, left = max(0, at[1] - height // 2), max(0, at[0] - width // 2)
    part = frame[top : top + height, left : left + width]
    part[:] = small[: part.shape[0], : part.shape[1]]
    colour = (60, 170, 60) if "with_mask/" in name and "without_mask/" not in name else (50, 50, 220)
    cv2.circle(frame, (at[0], min(HEIGHT - 8, top + height + 8)), 6, colour, -1)


def cuts(path: Path, every: int) -> None:
    """Print how alike frames are to those `every` frames before: within a scene, and over a cut.

    The film is one of `film`, whose faces change every `HOLD` frames, all at once.
    """
    from tasks.cases.masks.detection.tracks import CUT, correlation, reduced

    film = cv2.VideoCapture(str(path))
    frames: list[np.ndarray | None] = []
    while (read := film.read())[0]:
        frames.append(reduced(read[1]))
    found: dict[str, list[float]] = {"within a scene": [], "over a cut": []}
    for number, (before, frame) in enumerate(zip(frames, frames[every:], strict=False)):
        if before is not None and frame is not None:
            same = number // HOLD == (number + every) // HOLD
            found["within a scene" if same else "over a cut"].append(correlation(before, frame))
    for name, values in found.items():
        if not values:
            print(f"{name}: no pair of frames")
            continue
        told = ", ".join(f"{share:g} %: {np.percentile(values, share):.2f}" for share in QUANTILES)
        cut = np.mean(np.array(values) < CUT)
        print(f"{name}: {len(values):,} pairs {every / RATE:.2f} s apart; {told}; taken for a cut: {cut:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["film", "cuts", "sources"])
    parser.add_argument("archive", nargs="?", type=Path)
    parser.add_argument("target", nargs="?", type=Path)
    parser.add_argument("--faces", type=int, default=1, choices=[1, 5])
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sway", type=float, default=8, help="pixels that the faces of a film move to each side")
    parser.add_argument("--every", type=int, default=1, help="frames from one to the one that cuts compares it with")
    given = parser.parse_args()
    if given.every < 1:
        parser.error("--every is 1 at least")
    if given.what == "cuts" and given.archive is not None:
        cuts(given.archive, given.every)
    elif given.target is None:
        print("Left out: name a zip of labelled faces, as the first lines of this file show.")
    elif given.what == "sources":
        sources(given.archive, given.target)
    else:
        film(given.archive, given.target, given.faces, given.seconds, given.seed, given.sway)


if __name__ == "__main__":
    main()
