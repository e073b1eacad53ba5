"""Where does what is unfinished lie? The scratch folder, and arrays larger than memory that disappear by themselves.

Nothing unfinished lies among the temporary files of the system, where a run that was killed would leave it for good.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tasks.platform.settings import settings
from tasks.platform.storage import is_url


def scratch_folder(url: str = "") -> Path:
    """Return the folder for what is unfinished, on the file system of a store; the one in force by default."""
    url = url or settings().store_url
    base = settings().home / "scratch" if is_url(url) else Path(url.removeprefix("file://").rstrip("/")) / ".scratch"
    base.mkdir(parents=True, exist_ok=True)
    return base


@contextmanager
def passing_folder(prefix: str) -> Iterator[Path]:
    """Yield an empty folder below `<home>/scratch` that is removed afterwards; after a kill it goes when it is old.

    Args:
        prefix: how its name begins; it tells what the folder was for.
    """
    base = settings().home / "scratch"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def scratch_array(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return a writable array of zeros on a scratch file below `<home>/scratch`; the file goes when the array goes.

    Args:
        shape: of the array; one without elements comes as an ordinary array.
        dtype: of the array.
    """
    if 0 in shape:
        return np.zeros(shape, dtype)
    folder = settings().home / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, prefix="array-") as file:
        # It has no name: even a kill -9 leaves nothing behind.
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
