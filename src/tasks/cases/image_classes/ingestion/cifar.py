"""How do the binary records of CIFAR become pictures in class folders? Once, losslessly, into two zips of the cache.

A record is one byte of label (two in CIFAR-100: the coarse and the fine one) and 3,072 bytes of pixels: 32 x 32 red,
then green, then blue (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import io
import tarfile
import uuid
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from tasks.platform.errors import IntegrityError
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.store import digest_file

SIDE = 32
PIXELS = 3 * SIDE * SIDE
MOST_RECORDS = 50_000  # of one file
UNDATED = (1980, 1, 1, 0, 0, 0)
NAMES = {"batches.meta.txt", "fine_label_names.txt"}


def unpack_cifar(archive: Path) -> tuple[Path, Path]:
    """Return the zips of training and test pictures of an archive of binary records; made once.

    Raises:
        IntegrityError: the archive holds other files than CIFAR's.
    """
    stem = f"{digest_file(archive)[:12]}-{archive.name.partition('.')[0].removesuffix('-binary')}"
    targets = (settings().cache_folder / f"{stem}-train.zip", settings().cache_folder / f"{stem}-test.zip")
    if not all(target.is_file() for target in targets):
        names, records = _contents(archive)
        for target, part in zip(targets, ("train", "test"), strict=True):
            _write(target, names, [records[name] for name in sorted(records) if _part(name) == part])
    return targets


def _part(name: str) -> str:
    return "test" if name.startswith("test") else "train"


def _contents(archive: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the names of the classes, and the records of each file (n, 1 or 2 + 3072)."""
    names: list[str] = []
    records: dict[str, np.ndarray] = {}
    with tarfile.open(archive) as opened:
        for member in opened:
            name, content = PurePosixPath(member.name).name, opened.extractfile(member) if member.isfile() else None
            if content is None or not (name in NAMES or name.endswith(".bin")):
                continue
            if name in NAMES:
                names = content.read(10_000).decode("ascii").split()
                continue
            raw = content.read(MOST_RECORDS * (PIXELS + 2) + 1)
            extra = next((n for n in (1, 2) if raw and len(raw) % (PIXELS + n) == 0), 0)
            if not extra:
                raise IntegrityError(
                    f"{archive}: {name} of {len(raw):,} bytes holds no records of CIFAR; fetch it anew."
                )
            records[name] = np.frombuffer(raw, np.uint8).reshape(-1, PIXELS + extra)
    labels = [int(table[:, table.shape[1] - PIXELS - 1].max()) for table in records.values()]
    if not names or {_part(name) for name in records} != {"train", "test"} or max(labels) >= len(names):
        raise IntegrityError(f"{archive} holds no CIFAR: its files or class names are missing; fetch it anew.")
    return names, records


def _write(target: Path, names: list[str], tables: list[np.ndarray]) -> None:
    """Write a zip of PNG files, a folder per class."""
    from PIL import Image

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            rows = (row for table in tables for row in table)
            total = sum(len(table) for table in tables)
            for number, row in enumerate(progress(rows, f"Unpacking {target.name}", total=total, unit="pictures")):
                buffer = io.BytesIO()
                pixels = row[-PIXELS:].reshape(3, SIDE, SIDE).transpose(1, 2, 0)
                Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1)
                name = f"{names[row[-PIXELS - 1]]}/{number:05d}.png"
                archive.writestr(zipfile.ZipInfo(name, UNDATED), buffer.getvalue())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
