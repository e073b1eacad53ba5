"""What does textbook hashing find? Random hyperplanes and bucket tables, the usual locality-sensitive hashing.

A few random hyperplanes cut space into cells; vectors in the query's own cell, in any of several tables, are ranked by
their cosine (P. Indyk and R. Motwani, "Approximate nearest neighbors: towards removing the curse of dimensionality",
STOC 1998; M. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002). It is here to be
compared with: on the same vectors `hashing` finds nearly all neighbours and this a small part of them,
because a near neighbour has only to fall on the other side of one of ten planes to be lost. Probing the cells one
plane away (Q. Lv et al., "Multi-probe LSH", VLDB 2007, here without its ordering of probes) helps, and costs time.
"""

import numpy as np

from tasks.platform.errors import UsageError
from tasks.training.nearest.hashing import SEED
from tasks.training.nearest.index import Found, begin_search
from tasks.training.nearest.vectors import Rows, as_half, cosine, lengths_of, widen


class ClassicIndex:
    """Bucketed random-hyperplane hashing over vectors numbered from 0, for comparison; searched like an `Index`."""

    kind = "classic"

    def __init__(
        self, vectors: np.ndarray, bits: int = 10, tables: int = 5, probe: bool = False, seed: int = SEED
    ) -> None:
        """Hash `vectors` (n, d) into `tables` tables of 2^`bits` cells; `probe` also looks one plane further.

        Raises:
            UsageError: vectors that cannot be indexed, or sizes out of bounds.
        """
        if not (1 <= bits <= 20 and 1 <= tables <= 64):
            raise UsageError(f"Choose 1 to 20 bits and 1 to 64 tables, not {bits} and {tables}.")
        half = as_half(vectors)
        self.dimensions, self.bits, self.tables = half.shape[1], bits, tables
        self._rows, self._count = Rows(half), len(half)
        self._planes = np.random.default_rng(seed).standard_normal((self.dimensions, tables * bits)).astype(np.float32)
        self._flips = np.array([0, *(1 << np.arange(bits))] if probe else [0])
        keys, self._lengths = np.empty((tables, self._count), np.int32), np.empty(self._count, np.float32)
        for start, rows in self._rows.blocks(np.arange(self._count)):
            wide = widen(rows)
            keys[:, start : start + len(rows)] = self.cells(wide).T
            self._lengths[start : start + len(rows)] = lengths_of(wide)
        # Per table, the numbers sorted by cell, and where each cell starts.
        self._members = np.argsort(keys, axis=1, kind="stable").astype(np.int32)
        cells = np.arange(2**bits + 1)
        self._starts = np.stack([np.searchsorted(np.sort(table), cells) for table in keys])

    def __len__(self) -> int:
        return self._count

    @property
    def bytes_per_vector(self) -> float:
        """Bytes of the tables per vector."""
        return (self._members.nbytes + self._starts.nbytes) / max(1, self._count)

    @property
    def bytes_with_vectors(self) -> float:
        """Bytes that one vector takes in all: tables, float16 vector and its length."""
        return self.bytes_per_vector + 2.0 * self.dimensions + 4

    def cells(self, vectors: np.ndarray) -> np.ndarray:
        """Return the cell of each of float32 `vectors` (n, d) in each table, int64 (n, tables)."""
        signs = (vectors @ self._planes > 0).reshape(len(vectors), self.tables, self.bits)
        return signs @ (1 << np.arange(self.bits))

    def _candidates(self, keys: np.ndarray) -> np.ndarray:
        """Return the numbers in the cells `keys` (tables,) and those probed around them, ascending."""
        found = [
            self._members[table, self._starts[table, cell] : self._starts[table, cell + 1]]
            for table, key in enumerate(keys)
            for cell in key ^ self._flips
        ]
        return np.unique(np.concatenate(found)).astype(np.int64)

    def search(self, queries: np.ndarray, k: int) -> Found:
        """Return up to `k` vectors of the query's cells for each of `queries` (q, d), nearest first.

        Raises:
            UsageError: `k` is below 1, or the queries have a wrong shape or a value that is not finite.
        """
        scaled, found = begin_search(queries, k, self.dimensions)
        for row, (query, keys) in enumerate(zip(scaled, self.cells(scaled), strict=True)):
            places = self._candidates(keys)
            similarity = cosine(self._rows.take(places), self._lengths[places], query)
            best = np.lexsort((places, -similarity))[:k]
            found.ids[row, : len(best)], found.similarity[row, : len(best)] = places[best], similarity[best]
        return found
