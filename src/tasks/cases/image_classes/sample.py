"""The embedded sample: scikit-learn's handwritten digits, with faults whose truth is known.

1,797 digits of 8 x 8 pixels (E. Alpaydin and C. Kaynak 1998, UCI; test part), drawn at 16 x 16. `WRONG` of them lie in
the folder of another digit, `DOUBLED` are there a second time, slightly brighter, and two files are no pictures. Beside
the collection lie pictures to ask about: digits that it does not hold, and a pattern that is none.
"""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

SEED = 20_260_301
SIDE = 16
WRONG, DOUBLED, ASKED = 18, 12, 3
UNDATED = (1980, 1, 1, 0, 0, 0)


class Truth(NamedTuple):
    """What is true of the sample."""

    wrong: dict[str, str]  # path of a picture in the wrong folder -> its digit
    doubled: dict[str, str]  # path of a copy -> path of the original


def write_digits(folder: Path) -> Truth:
    """Write `digits.zip` and `asked.zip` into `folder`; return the truth."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(data.target))
    asked, rest = np.sort(order[:ASKED]), np.sort(order[ASKED:])
    wrong, doubled = np.split(np.sort(rng.permutation(rest)[: WRONG + DOUBLED]), [WRONG])
    files: dict[str, bytes] = {}
    truth = Truth({}, {})
    for number in rest:
        digit = int(data.target[number])
        shown = (digit + int(rng.integers(1, 10))) % 10 if number in wrong else digit
        path = f"digits/{shown}/{number:04d}.png"
        files[path] = _png(data.images[number])
        if number in wrong:
            truth.wrong[path] = str(digit)
        if number in doubled:
            copy = f"digits/{shown}/{number:04d}-again.png"
            files[copy] = _png(np.clip(data.images[number] * 0.9 + 1.2, 0, 16))
            truth.doubled[copy] = path
    files |= {"digits/3/empty.png": b"", "digits/8/notes.txt": b"no picture"}
    _zip(folder / "digits.zip", files)
    stripes = np.where((np.add.outer(np.arange(8), np.arange(8)) % 4) < 2, 16.0, 0.0)
    _zip(
        folder / "asked.zip",
        {f"{data.target[n]}-unseen.png": _png(data.images[n]) for n in asked} | {"pattern.png": _png(stripes)},
    )
    return truth


def _png(values: np.ndarray) -> bytes:
    """Return a digit, values 0 to 16, as a PNG file, dark on white."""
    from PIL import Image

    grey = Image.fromarray((255 - np.clip(values, 0, 16) * 15.9375).astype(np.uint8))
    buffer = io.BytesIO()
    grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def _zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, UNDATED), files[name])
