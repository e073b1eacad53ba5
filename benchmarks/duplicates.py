"""Are edited versions of a picture found again, and nothing else? Sixty pictures, thirteen edits, groups counted.

    python benchmarks/duplicates.py --source ../shared/data/caltech101/images.zip --mirror ../shared/models

For each edit a collection of the sixty pictures and their edited versions; then one of all versions together. A picture
counts as found when its version is in its group, a group as false when it holds two of the sixty. The pages of text are
drawn; no two are the same, and none may be in a group.
"""

import argparse
import io
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

PICTURES, SEED, QUALITY, PAGES = 60, 0, 85, 40
WORDS = ("the", "sea", "was", "calm", "and", "ship", "lay", "anchor", "while", "men", "sang", "of", "whales", "seen")


def cut(picture: Image.Image, share: float) -> Image.Image:
    width, height = round(picture.width * share), round(picture.height * share)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def marked(picture: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    font = ImageFont.load_default(size=max(10, picture.height // 6))
    place = (picture.width * 0.1, picture.height * 0.4)
    ImageDraw.Draw(layer).text(place, "SAMPLE", fill=(255, 255, 255, 170), font=font)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": lambda picture: picture,
    "half the size": lambda picture: picture.resize(
        (picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS
    ),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(1.2)),
    "mirrored": ImageOps.mirror,
    "turned by 90°": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned by 180°": lambda picture: picture.transpose(Image.Transpose.ROTATE_180),
    "turned by 270°": lambda picture: picture.transpose(Image.Transpose.ROTATE_270),
    "cropped to 80 %": lambda picture: cut(picture, 0.8),
    "bordered": lambda picture: ImageOps.expand(picture, border=max(4, picture.width // 12), fill="black"),
    "watermarked": marked,
    "rotated by 2°": lambda picture: picture.rotate(2, Image.Resampling.BICUBIC),
}


def jpeg(picture: Image.Image, quality: int = QUALITY) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def originals(source: str) -> dict[str, Image.Image]:
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".jpg")]
        chosen = np.sort(np.random.default_rng(SEED).choice(len(names), PICTURES, replace=False))
        contents = {f"{number:02d}": archive.read(names[place]) for number, place in enumerate(chosen)}
    return {name: Image.open(io.BytesIO(content)).convert("RGB") for name, content in contents.items()}


def page(chance: np.random.Generator) -> Image.Image:
    drawn = Image.new("RGB", (240, 320), "white")
    lines = [" ".join(chance.choice(WORDS, 8)) for _ in range(24)]
    ImageDraw.Draw(drawn).multiline_text((12, 12), "\n".join(lines), fill="black", font=ImageFont.load_default(size=9))
    return drawn


def grouped(folder: Path, model: str) -> tuple[pd.DataFrame, float, float]:
    """Return path and group (-1 for none) of each picture, and the seconds of looking and of comparing."""
    from tasks.evaluation.duplicates import find_duplicates
    from tasks.evaluation.edited import find_edited
    from tasks.features.pictures.embedders import choose_embedder
    from tasks.features.pictures.embedding import embed_pictures
    from tasks.features.pictures.looks import look_at_pictures
    from tasks.features.whitening import apply_whitening, fit_whitening
    from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures

    source = str(folder)
    manifest = read_pictures.fn(scan_pictures.fn(source), source, "none").manifest
    raw = embed_pictures.fn(manifest, choose_embedder.fn(model), source)
    vectors = apply_whitening.fn(raw, fit_whitening.fn(raw))
    start = time.perf_counter()
    looks = look_at_pictures.fn(manifest, source)
    looked = time.perf_counter()
    found = find_edited.fn(manifest, find_duplicates.fn(manifest, vectors), vectors, looks)
    groups = pd.Series(-1, index=range(len(manifest)))
    groups[found["number"].to_numpy()] = found["group"].to_numpy()
    done = time.perf_counter()
    return manifest[["path"]].assign(group=groups.to_numpy()), looked - start, done - looked


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.jpg").write_bytes(content)
    return folder


def counted(table: pd.DataFrame, edit: str) -> tuple[int, int]:
    """Return of how many pictures the version is in the group, and how many groups hold two pictures."""
    names = table["path"].str.removesuffix(".jpg").str.split("~", expand=True).reindex(columns=[0, 1])
    known = table.assign(picture=names[0], edit=names[1].fillna(""))
    own = known[known["edit"] == ""].set_index("picture")["group"]
    version = known[known["edit"] == edit].set_index("picture")["group"]
    in_groups = known[known["group"] >= 0].groupby("group")["picture"].nunique()
    return int(((own == version) & (own >= 0)).sum()), int((in_groups > 1).sum())


def report(source: str, model: str, scratch: Path) -> None:
    pictures = originals(source)
    first = {name: jpeg(picture, 95) for name, picture in pictures.items()}
    everything, rows = dict(first), []
    for number, (edit, change) in enumerate(EDITS.items()):
        versions = {f"{name}~{edit}": jpeg(change(picture)) for name, picture in pictures.items()}
        everything |= versions
        table, looked, compared = grouped(write(scratch / str(number), first | versions), model)
        rows.append((edit, *counted(table, edit), 1000 * (looked + compared) / len(table)))
    table, looked, compared = grouped(write(scratch / "all", everything), model)
    print(f"\n{model}\n\n| edit | found of {PICTURES} | false groups | ms per picture | found among all versions |")
    print("|---|---|---|---|---|")
    for edit, found, false, cost in rows:
        print(f"| {edit} | {found} | {false} | {cost:.1f} | {counted(table, edit)[0]} |")
    false = counted(table, "")[1]
    cost = f"{1000 * looked / len(table):.1f} ms per picture to look, {1000 * compared / len(table):.1f} ms to compare"
    print(f"\n{len(table)} pictures, all versions together: {false} false groups; {cost}")
    chance = np.random.default_rng(SEED)
    pages = {f"page{number}": jpeg(page(chance)) for number in range(PAGES)}
    flat = {
        f"flat{number}": jpeg(Image.new("RGB", (90, 60), tuple(map(int, colour))))
        for number, colour in enumerate(
            np.array(np.meshgrid([20, 90, 160, 230], [30, 120, 210], [60, 180])).reshape(3, -1).T
        )
    }
    table = grouped(write(scratch / "pages", pages | flat), model)[0]
    print(
        f"{PAGES} pages of text and {len(flat)} pictures of one colour each: {(table['group'] >= 0).sum()} in a group"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="a zip of pictures, such as Caltech-101")
    parser.add_argument("--mirror", help="folder with the weights of MobileNetV2 (CASEBOOK_MIRROR)")
    parser.add_argument("--models", nargs="*", default=["handcrafted", "imagenet"])
    arguments = parser.parse_args()
    if arguments.mirror:
        os.environ["CASEBOOK_MIRROR"] = arguments.mirror
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as home:
            os.environ["CASEBOOK_HOME"] = home
            from tasks.platform.settings import settings

            settings.cache_clear()
            report(arguments.source, model, Path(home))


if __name__ == "__main__":
    main()
