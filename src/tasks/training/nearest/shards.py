"""What is a shard of an index? A Parquet file of codes, the vectors in the same order beside, and how both are asked.

The file of codes has the columns `number`, `head`, `tail` (the halves of a code) and `length`; the vectors are a .npy
file of float16. A shard is written once, under a name of its own, and never changed.
"""

import os
import uuid
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from tasks.platform.errors import IntegrityError
from tasks.training.nearest.hashing import (
    scan_codes,
)
from tasks.training.nearest.vectors import BLOCK, cosine, lengths_of, read_rows, widen, write_rows

MARGIN = 4
"""How many times its share of the nearest codes a shard is asked for at first."""
_MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
OPEN = max(64, _MEMORY // 8 // 19_000_000)
"""Shards whose codes, lengths and numbers a process keeps in memory, 19 MB each: at most an eighth of it."""


class Listed(BaseModel, extra="forbid"):
    """One shard in the list."""

    name: str = Field(pattern=r"^shard-[0-9a-f]{32}$")
    count: int = Field(ge=1, le=2**31)


class Shard(NamedTuple):
    """What a query reads of a shard."""

    numbers: np.ndarray  # int64 (n,), ascending
    halves: tuple[np.ndarray, np.ndarray]  # of the codes, uint8 (n, bits / 16)
    lengths: np.ndarray  # float32 (n,)
    vectors: np.ndarray  # float16 (n, d), memory-mapped


class Near(NamedTuple):
    """The nearest codes of a query, in a shard: numbers, Hamming distances and places there, each (m,)."""

    numbers: np.ndarray
    distances: np.ndarray
    places: np.ndarray


class Asked(NamedTuple):
    """Queries as the shards take them: float32 (q, d) of length 1, and their codes, uint8 (q, bits / 8)."""

    vectors: np.ndarray
    codes: np.ndarray
    k: int
    candidates: int  # nearest codes wanted of all shards together, k at least
    total: int  # codes of all shards; 0 asks each for all candidates

    def share(self, count: int) -> int:
        """Return how many codes a shard of `count` is asked for: some times its share, or all that are wanted."""
        fair = -(-MARGIN * self.candidates * count // self.total) + self.k if self.total else self.candidates
        return min(count, self.candidates, fair)

    def of(self, rows: "slice | Sequence[int]") -> "Asked":
        """Return some of the queries."""
        return self._replace(vectors=self.vectors[rows], codes=self.codes[rows])

    def again(self, rows: Sequence[int]) -> "Asked":
        """Return some of the queries as a shard is asked a second time: for all candidates."""
        return self.of(rows)._replace(total=0)


def write_shard(folder: Path, numbers: np.ndarray, vectors: np.ndarray, frame: np.ndarray) -> Listed:
    """Write one shard under a name of its own.

    Args:
        folder: of the index.
        numbers: int64 (n,), in any order.
        vectors: float16 (n, d).
        frame: the rotation, float32 (d, bits).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    order = np.argsort(numbers, kind="stable")
    numbers, vectors = numbers[order], vectors[order]
    codes, lengths = np.empty((len(numbers), frame.shape[1] // 8), np.uint8), np.empty(len(numbers), np.float32)
    for start in range(0, len(numbers), BLOCK):
        wide = widen(vectors[start : start + BLOCK])
        codes[start : start + BLOCK] = np.packbits(wide @ frame > 0, axis=1)
        lengths[start : start + BLOCK] = lengths_of(wide)
    half = codes.shape[1] // 2
    halves = {"head": codes[:, :half], "tail": codes[:, half:]}
    columns = {"number": pa.array(numbers, pa.int64()), "length": pa.array(lengths, pa.float32())}
    columns |= {name: _binary(np.ascontiguousarray(part)) for name, part in halves.items()}
    listed = Listed(name=f"shard-{uuid.uuid4().hex}", count=len(numbers))
    write_rows(folder / f"{listed.name}.npy", iter([(0, vectors)]), np.float16, vectors.shape)
    scratch = folder / f".{listed.name}.part"
    pq.write_table(pa.table(columns), scratch, compression="none", use_dictionary=False, write_statistics=False)
    scratch.replace(folder / f"{listed.name}.parquet")
    return listed


def _binary(rows: np.ndarray) -> Any:
    import pyarrow as pa

    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(rows)])


@lru_cache(maxsize=OPEN)
def open_shard(folder: Path, name: str, count: int, dimensions: int, bits: int) -> Shard:
    """Return a shard, its codes in memory; a process that has it open gives it again.

    Raises:
        IntegrityError: a file is missing, damaged, or not what the list says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, width = folder / f"{name}.parquet", bits // 16
    wanted = {"number": pa.int64(), "length": pa.float32(), "head": pa.binary(width), "tail": pa.binary(width)}
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows != count or {f.name: f.type for f in file.schema_arrow} != wanted:
                raise ValueError("it does not hold the codes that the list names")
            table = file.read().combine_chunks()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise IntegrityError(f"{path} is no shard of codes ({error}): build the index again.") from error
    halves = tuple(_rows_of(table.column(part), width) for part in ("head", "tail"))
    numbers, lengths = (table.column(part).to_numpy() for part in ("number", "length"))
    if (np.diff(numbers) <= 0).any() or numbers[0] < 0 or not ((lengths > 5e-8) & (lengths < 2e7)).all():
        raise IntegrityError(f"{path} does not hold ascending numbers with lengths: build the index again.")
    vectors = read_rows(folder / f"{name}.npy", np.float16, (count, dimensions))
    return Shard(numbers, (halves[0], halves[1]), lengths, vectors)


def _rows_of(column: Any, width: int) -> np.ndarray:
    chunk = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    flat = np.frombuffer(chunk.buffers()[1], np.uint8)[chunk.offset * width : (chunk.offset + len(chunk)) * width]
    return flat.reshape(len(chunk), width)


def scan_shard(shard: Shard, gone: np.ndarray, asked: Asked) -> Iterator[tuple[int, Near]]:
    """Yield for each query the nearest codes of a shard, as many as its share.

    Args:
        shard: to be scanned.
        gone: numbers that count no more, int64, ascending.
        asked: the queries.
    """
    kept = np.flatnonzero(~np.isin(shard.numbers, gone)) if len(gone) else None
    halves = shard.halves if kept is None else (shard.halves[0][kept], shard.halves[1][kept])
    count = len(halves[0])
    scratch = np.empty((2, count), np.int32)
    for row, code in enumerate(asked.codes):
        if not count:
            yield row, Near(*(np.empty(0, kind) for kind in (np.int64, np.int32, np.int64)))
            continue
        places, distances = scan_codes(code, halves, asked.share(count), min(asked.k, count), scratch)
        places = places if kept is None else kept[places]
        yield row, Near(shard.numbers[places], distances, places)


def cut_short(counts: Sequence[int], distances: Sequence[np.ndarray], wanted: int) -> list[int]:
    """Return which shards may hold more of the nearest codes of a query than they gave.

    Those that gave not all they have, and whose last code is as near as the last one of `wanted` among all given.

    Args:
        counts: codes of each shard.
        distances: of what each gave, ascending.
        wanted: nearest codes of all shards together.
    """
    given = np.concatenate([np.empty(0, np.int32), *distances])
    limit = np.partition(given, wanted - 1)[wanted - 1] if len(given) >= wanted else np.inf
    pairs = enumerate(zip(counts, distances, strict=True))
    return [number for number, (count, part) in pairs if 0 < len(part) < count and part[-1] <= limit]


def cosines(shard: Shard, places: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the true cosines of the vectors at `places` of a shard with a unit query, float32 (m,)."""
    parts = [places[start : start + 512] for start in range(0, len(places), 512)]
    found = [cosine(np.take(shard.vectors, part, axis=0), shard.lengths[part], query) for part in parts]
    return np.concatenate([np.empty(0, np.float32), *found])


def cosines_of(
    opened: Sequence[Shard], shard: np.ndarray, places: np.ndarray, query: np.ndarray, part: slice
) -> np.ndarray:
    """Return the cosines of the codes `part`, each of a shard and a place there."""
    shard, places = shard[part], places[part]
    result = np.empty(len(places), np.float32)
    for number in np.unique(shard):
        here = shard == number
        result[here] = cosines(opened[number], places[here], query)
    return result
