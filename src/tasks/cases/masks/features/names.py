"""Who is in a picture, and from which source is it, as far as its file name tells?"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

MOST = 0.2  # of the files that may bear one name; a word in more of them is a series and no person
GENERIC = frozenset(
    (
        "mask",
        "masks",
        "masked",
        "unmasked",
        "image",
        "images",
        "img",
        "imgs",
        "photo",
        "photos",
        "picture",
        "pictures",
        "pic",
        "pics",
        "copy",
        "face",
        "faces",
        "screenshot",
        "screen",
        "download",
        "downloads",
        "augmented",
        "aug",
        "dsc",
        "dscn",
        "cam",
        "camera",
        "frame",
        "frames",
        "with",
        "without",
        "test",
        "train",
        "val",
        "valid",
        "file",
        "scan",
        "unnamed",
        "sample",
        "original",
        "crop",
        "cropped",
        "edit",
        "edited",
        "flip",
        "rot",
        "rotated",
        "noise",
        "small",
        "large",
        "new",
        "old",
        "kaggle",
        "maksssksksss",
        "jpg",
        "jpeg",
        "png",
        "webp",
        "oip",
        "no",
        "yes",
    )
)
_PERSON = re.compile(r"(?:^|[^A-Za-z])(?:person|subject|user|id)[ _-]?(\d+)", re.IGNORECASE)
_WORD = re.compile(r"(?<![A-Za-z])([A-Za-z]{3,}(?:[-][A-Za-z]{2,})*)[_\- .]\d{2,}")
_ENDING = re.compile(r"[._ ](jpe?g|png|webp|bmp|gif)$", re.IGNORECASE)
_HASH = re.compile(r"(?=[0-9a-z]*\d)(?=[0-9a-z]*[a-z])[0-9a-z]{9,}", re.IGNORECASE)


def stem_of(path: str) -> str:
    """Return the name of a file without its endings."""
    return _ENDING.sub("", PurePosixPath(path).stem)


def persons(paths: Sequence[str]) -> list[str]:
    """Return the name or number of the person in each file's name, "" where none is told.

    A name is a word that a number follows (`0_0_anhu_0162`), in two files or more and in at most a fifth of them, and
    that does not say what kind of file it is.
    """
    found = []
    for path in paths:
        stem = stem_of(path)
        number = _PERSON.search(stem)
        words = [word.lower() for word in _WORD.findall(stem) if word.lower() not in GENERIC]
        found.append(f"person {number[1]}" if number else words[-1] if words else "")
    counts = Counter(found)
    return [name if name and 2 <= counts[name] <= max(2, MOST * len(found)) else "" for name in found]


def styles(paths: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return how each file is named: numbers as N, persons as name, and without what says that it is a copy."""
    result = []
    for path, name in zip(paths, names, strict=True):
        style = _HASH.sub("N", stem_of(path))
        if name and not name.startswith("person "):
            style = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", "name", style, flags=re.IGNORECASE)
        style = re.sub(r"[ _-]*\(?copy\)?", "", style, flags=re.IGNORECASE)
        result.append(re.sub(r"\d+", "N", style).replace(" N", "").strip().lower() or "n")
    return result
