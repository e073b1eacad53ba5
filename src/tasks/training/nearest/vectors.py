"""Where do an index's vectors live? Rows of float16, read in place from a file, with a tail in memory for new ones.

Also here: the cosine that every index ranks by, and the strict reading of an index's `.npy` files. A folder that holds
an index may come from anywhere, so a file is believed only when its header, its size and the index's own description
say the same; nothing in it is ever unpickled.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tasks.platform.errors import IntegrityError, UsageError

BLOCK = 1024
"""Rows that are turned into float32 at a time: 1 MiB at 256 dimensions, so that memory stays flat."""


def widen(rows: np.ndarray) -> np.ndarray:
    """Return finite float16 `rows` as float32, five times as fast as numpy's own conversion.

    numpy converts half precision one number at a time, which would be more than half of the time of a query. The bits
    of a half, moved to a float's place, are the same number times 2^-112 (F. Giesen, "half to float done quick", 2012).
    """
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)
    wide = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


def lengths_of(rows: np.ndarray) -> np.ndarray:
    """Return the Euclidean lengths of the float32 `rows`, to divide by: 1 for a row of zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.where(lengths > 0, lengths, np.float32(1))


def cosine(rows: np.ndarray, lengths: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the cosine of each of the float16 `rows` (n, d), `lengths` long, with the unit `query` (d,), float32.

    Row by row, and not by a matrix product: equal rows must come out exactly equal, so that copies of one picture are
    ranked by their number and not by rounding.
    """
    return np.einsum("ij,j->i", widen(rows), query) / lengths


def check_vectors(vectors: np.ndarray, dimensions: int | None = None) -> None:
    """Check that `vectors` is a matrix of floats, `dimensions` wide when given.

    Raises:
        UsageError: it is not.
    """
    if vectors.ndim != 2 or vectors.shape[1] == 0 or not np.issubdtype(vectors.dtype, np.floating):
        raise UsageError(f"Vectors are a matrix of floats, one row per picture, not {vectors.dtype} {vectors.shape}.")
    if dimensions is not None and vectors.shape[1] != dimensions:
        raise UsageError(f"The index holds vectors of {dimensions} dimensions, not of {vectors.shape[1]}.")


def unit(vectors: np.ndarray, start: int = 0) -> np.ndarray:
    """Return `vectors` (n, d) scaled to length 1, float64; rows of zeros stay. `start` numbers the first row.

    Raises:
        UsageError: a value is not finite.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise UsageError(f"Vector {start + bad[0]} holds a value that is not finite: compute the vectors again.")
    # By the largest value first: its square must neither overflow nor vanish.
    scaled = vectors.astype(np.float64)
    for measure in (np.abs(scaled).max(axis=1, keepdims=True), None):
        by = np.linalg.norm(scaled, axis=1, keepdims=True) if measure is None else measure
        scaled /= np.where(by > 0, by, 1)
    return scaled


def as_half(vectors: np.ndarray, dimensions: int | None = None) -> np.ndarray:
    """Return `vectors` (n, d) as float16 rows; float16 input is used as it is, anything else is scaled to length 1.

    Raises:
        UsageError: `vectors` is not a matrix of finite numbers, or has another width than `dimensions`.
    """
    check_vectors(vectors, dimensions)
    half = vectors if vectors.dtype == np.float16 else np.empty(vectors.shape, np.float16)
    for start in range(0, len(vectors), BLOCK):
        scaled = unit(vectors[start : start + BLOCK], start)
        if half is not vectors:
            half[start : start + BLOCK] = scaled
    return half


class Rows:
    """Float16 rows by slot: `base`, perhaps a memory-mapped file, never written, and a tail that grows in memory."""

    def __init__(self, base: np.ndarray) -> None:
        self._base = base
        self._tail = np.empty((0, base.shape[1]), np.float16)
        self._count = len(base)

    def __len__(self) -> int:
        return self._count

    def append(self, rows: np.ndarray) -> np.ndarray:
        """Add float16 `rows`; return their slots."""
        used = self._count - len(self._base)
        if used + len(rows) > len(self._tail):
            grown = np.empty((max(2 * len(self._tail), used + len(rows)), rows.shape[1]), np.float16)
            grown[:used] = self._tail[:used]
            self._tail = grown
        self._tail[used : used + len(rows)] = rows
        self._count += len(rows)
        return np.arange(self._count - len(rows), self._count)

    def take(self, slots: np.ndarray) -> np.ndarray:
        """Return the rows at `slots`, in that order; only these are read from the file."""
        if self._count == len(self._base):
            return np.take(np.asarray(self._base), slots, axis=0)  # in half the time of self._base[slots]
        old = slots < len(self._base)
        rows = np.empty((len(slots), self._base.shape[1]), np.float16)
        rows[old] = self._base[slots[old]]
        rows[~old] = self._tail[slots[~old] - len(self._base)]
        return rows

    def blocks(self, slots: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the rows at `slots` as (position of the first, rows), `BLOCK` at a time."""
        for start in range(0, len(slots), BLOCK):
            part = slots[start : start + BLOCK]
            whole = part[-1] < len(self._base) and (np.diff(part) == 1).all()
            yield start, self._base[part[0] : part[-1] + 1] if whole else self.take(part)


def write_rows(path: Path, blocks: Iterator[tuple[int, np.ndarray]], dtype: type, shape: tuple[int, ...]) -> None:
    """Write `blocks` to the `.npy` file `path` with flat memory.

    The file appears under its name only when it is whole: a file of that name that is still being read stays as it was.
    """
    scratch = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with scratch.open("wb") as file:
            header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for _, block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def read_rows(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """Return the `.npy` file `path`, memory-mapped and read-only, if it holds exactly `dtype` and `shape`.

    Raises:
        IntegrityError: the file is missing, damaged, or not what the index's description says.
    """
    try:
        if not path.is_file():
            raise ValueError("it is not a file")
        with path.open("rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("it is no .npy file of version 1.0")
            found, fortran, kind = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
        size = start + int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
        if (found, fortran, kind) != (shape, False, np.dtype(dtype)) or path.stat().st_size != size:
            raise ValueError(f"it holds {kind} {found} in {path.stat().st_size} bytes")
        if size == start:
            return np.empty(shape, dtype)
        return np.memmap(path, dtype, "r", start, shape)
    except (ValueError, TypeError, OverflowError, OSError, RecursionError, MemoryError, SyntaxError) as error:
        message = f"{path} is not the {np.dtype(dtype)} {shape} of a saved index ({error}): build the index again."
        raise IntegrityError(message) from error
