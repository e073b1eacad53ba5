"""Arrays larger than memory: a scratch file that disappears by itself."""

import tempfile

import numpy as np

from tasks.platform.settings import settings


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
