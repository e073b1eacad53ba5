"""Which vectors are nearest, where there are more than one machine holds? Codes in shards, scanned side by side.

A query asks every shard for its nearest codes; what comes back is cut and ranked as `HashIndex` does with its codes, so
that the answer does not depend on how the vectors are dealt out, nor on how many machines scan.

Shards are never changed. Adding writes another one, removing writes the numbers that count no more, and each becomes
true at the moment in which the list of shards is replaced: nothing is built again, and a query sees the old or the new.
"""

import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from tasks.platform.errors import IntegrityError, UsageError
from tasks.platform.scratch import scratch_folder
from tasks.platform.settings import settings
from tasks.training.nearest.hashing import (
    BITS,
    CANDIDATES,
    FIRST,
    MOST_THREADS,
    SEED,
    most_ranked,
    rotation,
    worth_ranking,
)
from tasks.training.nearest.index import Description, Found, Index, begin_search, ids_for, removable
from tasks.training.nearest.shards import (
    Asked,
    Listed,
    Shard,
    cosines_of,
    cut_short,
    open_shard,
    scan_shard,
    write_shard,
)
from tasks.training.nearest.vectors import as_half, read_rows, write_rows

PER_SHARD = 250_000
"""Vectors of a shard: 160 MB at 256 dimensions, some milliseconds of a scan."""


class Listing(BaseModel, extra="forbid"):
    """shards.json: the shards that count, and the file of the numbers that do not."""

    shards: list[Listed]
    removed: str = Field("", pattern=r"^(removed-[0-9a-f]{32}\.npy)?$")
    removals: int = Field(0, ge=0, le=2**40)


class Ranked(NamedTuple):
    """The nearest codes of a query, in a shard, with their true cosines: numbers, Hamming distances, cosines."""

    numbers: np.ndarray
    distances: np.ndarray
    similarity: np.ndarray


Scan = Callable[["ShardedIndex", Asked, Sequence[int]], Iterable[tuple[int, int, Ranked]]]
"""Asks some shards from afar: yields (query, number of the shard, what it found), in any order."""
HELD = 2**24
"""Codes found by the shards that are held at once, 20 bytes each; more queries are asked one part after the other."""


class ShardedIndex(Index):
    """Sign codes in shards; answers as `HashIndex` does, and need not be on one machine."""

    kind = "shards"

    def __init__(
        self, vectors: np.ndarray, ids: np.ndarray | None = None, per_shard: int = PER_SHARD, folder: Path | None = None
    ) -> None:
        """Index `vectors` (n, d), in shards of `per_shard`, in `folder` (a scratch folder by default)."""
        half = as_half(vectors)
        ids = ids_for(half, ids)
        self._begin(half.shape[1], folder)
        for start in range(0, len(half), per_shard):
            part = slice(start, start + per_shard)
            self._listing.shards.append(write_shard(self.folder, ids[part], np.asarray(half[part]), self._frame))
        self._write()

    def _begin(self, dimensions: int, folder: Path | None, bits: int = BITS, candidates: int = CANDIDATES) -> None:
        self.dimensions, self.bits, self.candidates = dimensions, bits, candidates
        self.folder = folder or scratch_folder() / f"index-{uuid.uuid4().hex}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._frame = rotation(dimensions, bits, SEED)
        self._listing = Listing(shards=[])
        self._gone = np.empty(0, np.int64)
        self.scan: Scan | None = None
        """How shards elsewhere are asked; None scans those of this machine."""

    @classmethod
    def of_shards(cls, folder: Path, dimensions: int, shards: Sequence[Listed]) -> "ShardedIndex":
        """Return the index of shards that lie in `folder` already, written with `rotation(dimensions, BITS)`."""
        index = cls.__new__(cls)
        index._begin(dimensions, folder)
        index._listing.shards.extend(shards)
        index._write()
        return index

    def __len__(self) -> int:
        return sum(self._counts) - len(self._gone)

    @property
    def _counts(self) -> list[int]:
        return [item.count for item in self._listing.shards]

    @property
    def shards(self) -> list[Listed]:
        """The shards that count."""
        return list(self._listing.shards)

    @property
    def gone(self) -> np.ndarray:
        """The numbers that count no more, int64, ascending."""
        return self._gone

    @property
    def ids(self) -> np.ndarray:
        """The ids of all vectors, int64, ascending."""
        numbers = [self.open(item).numbers for item in self._listing.shards]
        return np.setdiff1d(np.concatenate([np.empty(0, np.int64), *numbers]), self._gone)

    @property
    def bytes_per_vector(self) -> float:
        """Bytes of one code: all that a query reads of every vector."""
        return self.bits / 8

    @property
    def bytes_with_vectors(self) -> float:
        """Bytes that one vector takes in all: code, float16 vector, its length, its id."""
        return self.bits / 8 + 2.0 * self.dimensions + 12

    def open(self, item: Listed) -> Shard:
        """Return a shard of the list."""
        return open_shard(self.folder, item.name, item.count, self.dimensions, self.bits)

    def vectors(self, numbers: np.ndarray) -> np.ndarray:
        """Return the vectors of `numbers`, float16 (n, d), all of which are there."""
        rows = np.empty((len(numbers), self.dimensions), np.float16)
        for item in self._listing.shards:
            shard = self.open(item)
            places = np.minimum(np.searchsorted(shard.numbers, numbers), len(shard.numbers) - 1)
            here = shard.numbers[places] == numbers
            rows[here] = shard.vectors[places[here]]
        return rows

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Add `vectors` (m, d) under new `ids` (m,): one more shard.

        Raises:
            UsageError: a wrong shape, a value that is not finite, or an id that was ever there.
        """
        half = as_half(vectors, self.dimensions)
        ids = ids_for(half, ids)
        for item in self._listing.shards:
            known = np.isin(ids, self.open(item).numbers)
            if known.any():
                raise UsageError(f"Id {ids[known][0]} is or was in the index: choose another id.")
        if len(ids):
            self._listing.shards.append(write_shard(self.folder, ids, half, self._frame))
            self._write()

    def remove(self, ids: np.ndarray) -> None:
        """Remove the vectors with `ids` (m,): their numbers are noted.

        Raises:
            UsageError: an id that is not in the index, or is given twice.
        """
        ids = removable(ids, self.ids)
        self._gone = np.union1d(self._gone, ids)
        name = f"removed-{uuid.uuid4().hex}.npy"
        write_rows(self.folder / name, iter([(0, self._gone)]), np.int64, self._gone.shape)
        self._listing.removed, self._listing.removals = name, len(self._gone)
        self._write()

    def search(self, queries: np.ndarray, k: int) -> Found:
        """Return the `k` nearest vectors of each of `queries` (q, d), nearest first; equally near ones by id."""
        scaled, found = begin_search(queries, k, self.dimensions)
        wanted = max(most_ranked(self.candidates, len(self)), k)
        asked = Asked(scaled, np.packbits(scaled @ self._frame > 0, axis=1), k, wanted, sum(self._counts))
        step = max(1, HELD // max(1, sum(map(asked.share, self._counts))))
        search = self._search_here if self.scan is None else partial(self._search_afar, self.scan)
        for start in range(0, len(scaled), step):
            search(asked.of(slice(start, start + step)), found, start)
        return found

    def _search_afar(self, scan: Scan, asked: Asked, found: Found, first: int) -> None:
        """Ask the shards from afar, those that may hold more a second time, and rank what they found."""
        counts = self._counts
        nothing = Ranked(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
        parts = [[nothing] * len(counts) for _ in asked.codes]
        for row, number, ranked in scan(self, asked, range(len(counts))):
            parts[row][number] = ranked
        short = [cut_short(counts, [part.distances for part in of_query], asked.candidates) for of_query in parts]
        rows = [row for row, numbers in enumerate(short) if numbers]
        for row, number, ranked in scan(self, asked.again(rows), sorted(set().union(*short))) if rows else ():
            parts[rows[row]][number] = ranked
        for row, of_query in enumerate(parts):
            merged = Ranked(*(np.concatenate(columns) for columns in zip(nothing, *of_query, strict=True)))
            order = _cut(merged.numbers, merged.distances, asked.candidates)
            known = merged.similarity[order]
            self._answer(merged.numbers[order], merged.distances[order], known.__getitem__, found, first + row)

    def _search_here(self, asked: Asked, found: Found, first: int) -> None:
        """Scan the shards on this machine, some side by side, and rank the nearest codes of all of them together."""
        import faiss

        opened = [self.open(item) for item in self._listing.shards]
        threads = max(1, min(settings().threads, faiss.omp_get_max_threads(), len(opened), MOST_THREADS))
        with ThreadPoolExecutor(threads) as pool:
            scanned = list(pool.map(lambda shard: list(scan_shard(shard, self._gone, asked)), opened))
        for row, query in enumerate(asked.vectors):
            near = [part[row][1] for part in scanned]
            for number in cut_short(self._counts, [part.distances for part in near], asked.candidates):
                near[number] = next(scan_shard(opened[number], self._gone, asked.again([row])))[1]
            if not near:
                continue
            numbers, distances, places = (np.concatenate(columns) for columns in zip(*near, strict=True))
            shard = np.repeat(np.arange(len(near)), [len(part.numbers) for part in near])
            order = _cut(numbers, distances, asked.candidates)
            known = partial(cosines_of, opened, shard[order], places[order], query)
            self._answer(numbers[order], distances[order], known, found, first + row)

    def _answer(
        self,
        numbers: np.ndarray,
        distances: np.ndarray,
        known: Callable[[slice], np.ndarray],
        found: Found,
        row: int,
    ) -> None:
        """Rank the nearest codes as deep as it is worth; `known` gives the cosines of some of them."""
        k = found.ids.shape[1]
        first = max(FIRST, 2 * k)
        similarity = known(slice(0, first))
        if first < len(numbers):
            depth = worth_ranking(similarity, distances, k, self.bits)
            similarity = np.concatenate([similarity, known(slice(first, max(first, depth)))])
        best = np.lexsort((numbers[: len(similarity)], -similarity))[:k]
        found.ids[row, : len(best)] = numbers[best]
        found.similarity[row, : len(best)] = similarity[best]

    def describe(self) -> Description:
        """Return what index.json says; the shards, which come and go, stand in shards.json."""
        facts = {"bits": self.bits, "candidates": self.candidates}
        return Description(kind="shards", count=0, dimensions=self.dimensions, **facts)

    def _write(self) -> None:
        for name, record in (("index", self.describe()), ("shards", self._listing)):
            scratch = self.folder / f".{uuid.uuid4().hex}.part"
            scratch.write_text(record.model_dump_json(), "utf-8")
            scratch.replace(self.folder / f"{name}.json")

    def save(self, folder: Path) -> None:
        """Copy the index to `folder`: the shards that count, and what is removed from them."""
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"{item.name}{suffix}" for item in self._listing.shards for suffix in (".parquet", ".npy")]
        for name in [*names, *filter(None, [self._listing.removed]), "index.json", "shards.json"]:
            shutil.copyfile(self.folder / name, folder / name)

    @classmethod
    def _load(cls, folder: Path, description: Description) -> "ShardedIndex":
        path = folder / "shards.json"
        try:
            listing = Listing.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise IntegrityError(f"{path} does not list shards: build the index again.") from error
        if not description.bits or not description.candidates:
            raise IntegrityError(f"{folder / 'index.json'} names no bits or candidates: build the index again.")
        index = cls.__new__(cls)
        index._begin(description.dimensions, folder, description.bits, description.candidates)
        index._listing = listing
        if listing.removed:
            index._gone = np.asarray(read_rows(folder / listing.removed, np.int64, (listing.removals,)))
        return index


def _cut(numbers: np.ndarray, distances: np.ndarray, most: int) -> np.ndarray:
    """Return the order of the `most` nearest codes; equally near ones by number."""
    near = np.arange(len(distances))
    if len(distances) > most:
        near = np.flatnonzero(distances <= np.partition(distances, most - 1)[most - 1])
    return near[np.lexsort((numbers[near], distances[near]))[:most]]
