"""What is an index? Vectors under ids, that come and go, are saved and loaded, and are searched by cosine.

`Index` is what every kind has in common; `ExactIndex` compares a query with every vector, and is what the others are
measured against. `tasks.training.nearest.hashing` has the quick one.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from tasks.platform.errors import IntegrityError, UsageError
from tasks.training.nearest.vectors import (
    BLOCK,
    Rows,
    as_half,
    check_vectors,
    cosine,
    lengths_of,
    read_rows,
    unit,
    widen,
    write_rows,
)


class Found(NamedTuple):
    """The neighbours of each query, nearest first: row i belongs to query i."""

    ids: np.ndarray
    """int64 (q, k); -1 where the collection holds fewer than k vectors."""
    similarity: np.ndarray
    """float32 (q, k), cosine; -inf where there is no neighbour."""


class Description(BaseModel, extra="forbid"):
    """index.json of a saved index: what its arrays must be."""

    format: Literal[1] = 1
    kind: Literal["lsh", "exact", "shards"]
    count: int = Field(ge=0, le=2**40)
    dimensions: int = Field(ge=1, le=2**16)
    bits: int = Field(default=0, ge=0, le=2**13, multiple_of=128)
    candidates: int = Field(default=0, ge=0, le=2**20)


def checked_ids(ids: Any) -> np.ndarray:
    """Return ids as int64, (n,).

    Raises:
        UsageError: they are not different whole numbers from 0 on.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1 or (len(ids) and not np.issubdtype(ids.dtype, np.integer)):
        raise UsageError(f"Ids are a list of whole numbers, not {ids.dtype} {ids.shape}.")
    if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= 2**63 or len(np.unique(ids)) != len(ids)):
        raise UsageError("Ids are different whole numbers from 0 on: one is negative, too large or given twice.")
    return ids.astype(np.int64)


def ids_for(vectors: np.ndarray, ids: np.ndarray | None) -> np.ndarray:
    """Return the ids of `vectors` (n, d), int64 (n,); numbers from 0 on where none are given.

    Raises:
        UsageError: they are not as many as the vectors, or no ids.
    """
    checked = checked_ids(np.arange(len(vectors)) if ids is None else ids)
    if len(checked) != len(vectors):
        raise UsageError(f"{len(vectors)} vectors need as many ids, not {len(checked)}.")
    return checked


def removable(ids: Any, there: np.ndarray) -> np.ndarray:
    """Return the ids to remove, ascending.

    Raises:
        UsageError: one that is not `there`, is given twice, or is none.
    """
    ids = np.sort(checked_ids(ids))
    missing = np.setdiff1d(ids, there)
    if len(missing):
        raise UsageError(f"Id {missing[0]} is not in the index, so it cannot be removed.")
    return ids


def begin_search(queries: np.ndarray, k: int, dimensions: int) -> tuple[np.ndarray, Found]:
    """Return the queries (q, d) as float32 of length 1, and the empty answer to fill.

    Raises:
        UsageError: `k` is below 1, or the queries have a wrong shape or a value that is not finite.
    """
    if k < 1:
        raise UsageError(f"The number of neighbours must be at least 1, not {k}.")
    check_vectors(queries, dimensions)
    scaled = unit(queries).astype(np.float32)
    return scaled, Found(np.full((len(scaled), k), -1, np.int64), np.full((len(scaled), k), -np.inf, np.float32))


class Index:
    """A collection of vectors that answers which of them are nearest to a query, by cosine.

    Vectors are kept in the order of their ids, whatever the order they came in: after any adding and removing the
    index is what a fresh one over the same vectors would be. Ids are the pictures' numbers unless others are given.
    """

    kind: ClassVar[Literal["lsh", "exact", "shards"]]

    def __init__(self, vectors: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Index `vectors` (n, d); float16 rows, also memory-mapped ones, are used in place and never copied."""
        half = as_half(vectors)
        self.dimensions = half.shape[1]
        ids = ids_for(half, ids)
        self._slots = np.argsort(ids)
        self._ids = ids[self._slots]
        self._rows = Rows(half)
        self._derived = self._derive_all(self._rows.blocks(self._slots))

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> np.ndarray:
        """The ids of all vectors, int64, ascending."""
        return self._ids.copy()

    @property
    def bytes_per_vector(self) -> float:
        """Bytes that a query reads of every vector."""
        return 2.0 * self.dimensions

    @property
    def bytes_with_vectors(self) -> float:
        """Bytes that one vector takes in all: the float16 vector, its length, its id."""
        return 2.0 * self.dimensions + 12

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Add `vectors` (m, d) under new `ids` (m,); many at once cost hardly more than one.

        Raises:
            UsageError: a wrong shape, a value that is not finite, or an id that is there already.
        """
        half = as_half(vectors, self.dimensions)
        ids = ids_for(half, ids)
        known = np.isin(ids, self._ids)
        if known.any():
            raise UsageError(f"Id {ids[known][0]} is in the index already: remove it first, or choose another id.")
        order = np.argsort(ids)
        half, ids = half[order], ids[order]
        places = np.searchsorted(self._ids, ids)
        derived = self._derive_all((start, half[start : start + BLOCK]) for start in range(0, len(half), BLOCK))
        for name, values in derived.items():
            self._derived[name] = np.insert(self._derived[name], places, values, axis=0)
        self._slots = np.insert(self._slots, places, self._rows.append(half))
        self._ids = np.insert(self._ids, places, ids)

    def remove(self, ids: np.ndarray) -> None:
        """Remove the vectors with `ids` (m,).

        Raises:
            UsageError: an id that is not in the index, or is given twice.
        """
        ids = removable(ids, self._ids)
        places = np.searchsorted(self._ids, ids)
        for name, values in self._derived.items():
            self._derived[name] = np.delete(values, places, axis=0)
        self._slots = np.delete(self._slots, places)
        self._ids = np.delete(self._ids, places)

    def _derive(self, wide: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the index keeps of each of the float32 rows `wide` (n, d): arrays of n rows, by name."""
        return {"lengths": lengths_of(wide)}

    def _derive_all(self, blocks: Iterable[tuple[int, np.ndarray]]) -> dict[str, np.ndarray]:
        parts = [self._derive(np.empty((0, self.dimensions), np.float32))]
        parts += [self._derive(widen(rows)) for _, rows in blocks]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def search(self, queries: np.ndarray, k: int) -> Found:
        """Return the `k` nearest vectors of each of `queries` (q, d), nearest first; equally near ones by id.

        Raises:
            UsageError: `k` is below 1, or the queries have a wrong shape or a value that is not finite.
        """
        scaled, found = begin_search(queries, k, self.dimensions)
        if len(self):
            self._search(scaled, k, found)
        return found

    def _search(self, queries: np.ndarray, k: int, found: Found) -> None:
        raise NotImplementedError

    def _cosine(self, places: np.ndarray, query: np.ndarray) -> np.ndarray:
        """Return the cosine of the vectors at `places` with the unit `query`, a cache's worth at a time."""
        parts = [places[start : start + 512] for start in range(0, len(places), 512)]
        lengths = self._derived["lengths"]
        found = [cosine(self._rows.take(self._slots[part]), lengths[part], query) for part in parts]
        return np.concatenate([np.empty(0, np.float32), *found])

    def _rank(self, places: np.ndarray, similarity: np.ndarray, k: int, found: Found, row: int) -> None:
        """Put the `k` most similar of the vectors at `places` into `row` of `found`."""
        kept = min(k, len(places))
        best = np.flatnonzero(similarity >= np.partition(similarity, -kept)[-kept])
        best = best[np.lexsort((places[best], -similarity[best]))][:kept]
        found.ids[row, :kept] = self._ids[places[best]]
        found.similarity[row, :kept] = similarity[best]

    def describe(self) -> Description:
        """Return what `save` writes to index.json."""
        return Description(kind=self.kind, count=len(self), dimensions=self.dimensions)

    def save(self, folder: Path) -> None:
        """Write the index to `folder`: index.json and .npy arrays, those of the vectors that are there now."""
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / "ids.npy", iter([(0, self._ids)]), np.int64, self._ids.shape)
        write_rows(folder / "vectors.npy", self._rows.blocks(self._slots), np.float16, (len(self), self.dimensions))
        for name, array in {**self._derived, **self._constants()}.items():
            write_rows(folder / f"{name}.npy", iter([(0, array)]), array.dtype.type, array.shape)
        scratch = folder / ".index.json.part"
        scratch.write_text(self.describe().model_dump_json(), "utf-8")
        scratch.replace(folder / "index.json")

    def _constants(self) -> dict[str, np.ndarray]:
        """The arrays of this kind of index that are the same for all vectors, by name."""
        return {}

    @classmethod
    def load(cls, folder: Path) -> "Index":
        """Return the index that was saved to `folder`, memory-mapped: a query reads only what it needs.

        Raises:
            IntegrityError: the folder is damaged or holds something else.
        """
        description = _read_description(folder / "index.json")
        kind = next((item for item in Index.__subclasses__() if item.kind == description.kind), None)
        if kind is None or not issubclass(kind, cls):
            raise IntegrityError(f"{folder} holds an index of kind {description.kind}, not {cls.kind}.")
        return kind._load(folder, description)

    @classmethod
    def _load(cls, folder: Path, description: Description) -> "Index":
        index = cls.__new__(cls)
        index.dimensions = description.dimensions
        index._ids = read_rows(folder / "ids.npy", np.int64, (description.count,))
        if len(index) and (index._ids[0] < 0 or (np.diff(index._ids) <= 0).any()):
            raise IntegrityError(f"{folder / 'ids.npy'} does not hold ascending ids: build the index again.")
        index._slots = np.arange(description.count)
        index._rows = Rows(read_rows(folder / "vectors.npy", np.float16, (description.count, description.dimensions)))
        lengths = read_rows(folder / "lengths.npy", np.float32, (description.count,))
        if not ((lengths > 5e-8) & (lengths < 2e7)).all():  # what rows of float16 can have
            raise IntegrityError(f"{folder / 'lengths.npy'} does not hold lengths: build the index again.")
        index._derived = {"lengths": lengths}
        index._restore(description, folder)
        return index

    def _restore(self, description: Description, folder: Path) -> None:
        """Read the further arrays of this kind of index."""


def _read_description(path: Path) -> Description:
    try:
        if not path.is_file() or os.path.getsize(path) > 10_000:  # noqa: PTH202 - one call, no second stat object
            raise ValueError("it is missing or too large")
        return Description.model_validate(json.loads(path.read_bytes()))
    except (ValueError, ValidationError, OSError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise IntegrityError(f"{path} does not describe an index ({reason}): build the index again.") from error


class ExactIndex(Index):
    """Exact search: the cosine with every vector, block by block, so that memory stays flat."""

    kind = "exact"
    SPARE = 32
    """Neighbours kept beyond k before the last ranking: the block-wise product and `cosine` round differently."""

    def _search(self, queries: np.ndarray, k: int, found: Found) -> None:
        for start in range(0, len(queries), 512):
            part = queries[start : start + 512]
            places = self._nearest(part, min(k + self.SPARE, len(self)))
            for row, query in enumerate(part):
                self._rank(places[row], self._cosine(places[row], query), k, found, start + row)

    def _nearest(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Return the places of the `k` most similar vectors of each query, in no order, int64 (q, k).

        Similarity (22 bits) and place (40 bits) are one whole number: of copies, which a matrix product may round
        apart, the first ones are kept.
        """
        best = np.full((len(queries), k), np.iinfo(np.int64).max)
        for start, rows in self._rows.blocks(self._slots):
            similarity = queries @ widen(rows).T / self._derived["lengths"][start : start + len(rows)]
            keys = np.rint(similarity * np.float32(-(2**22))).astype(np.int64) << 40
            keys += np.arange(start, start + len(rows))
            best = np.partition(np.concatenate([best, keys], axis=1), k - 1, axis=1)[:, :k]
        return best & (2**40 - 1)
