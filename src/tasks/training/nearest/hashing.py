"""Which vectors are nearest to this one? Locality-sensitive hashing with exact re-ranking, and plain exact search.

Each vector is turned by random rotations and kept as the signs of its coordinates: 512 bits, whose Hamming distance
estimates the angle between two vectors (M. Charikar, "Similarity estimation techniques from rounding algorithms", STOC
2002; orthogonal directions estimate it better than independent ones, J. Ji et al., "Super-bit locality-sensitive
hashing", NIPS 2012). A query scans all codes, which at 64 bytes a vector costs milliseconds for a million, and the
nearest are ranked by their true cosine.

How many are ranked depends on the query. The Hamming distance of vectors at an angle t is binomial, with t / pi as the
chance of each bit: once the k-th best of the first few hundred is known, codes so much further away that a better
vector hardly hides behind them are left out. A query with close neighbours is done early; one far from everything
looks deeper, and both find the same share of their true neighbours, whatever the collection. `benchmarks/hashing.py`
measures it next to exact search, HNSW and the textbook bucketed hashing of `tasks.training.nearest.classic_lsh`.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.platform.errors import IntegrityError, UsageError
from tasks.platform.stage import stage
from tasks.training.nearest.index import Description, ExactIndex, Found, Index
from tasks.training.nearest.vectors import check_vectors, read_rows

BITS = 512
CANDIDATES = 2000
"""The most vectors that a query ranks exactly, up to two millions of them; beyond, one in a thousand."""
FIRST = 256
"""Vectors that a query ranks exactly before it decides how many more are worth it."""
SAMPLE = 20_000
"""Distances that are looked at to find how far the nearest codes lie."""
MARGIN = 1.7
"""Standard deviations of a binomial Hamming distance beyond which a better vector is not looked for: recall 0.99."""
MOST_THREADS = 8
SEED = 20_020_519


def rotation(dimensions: int, bits: int, seed: int = SEED) -> np.ndarray:
    """Return a random map from `dimensions` to `bits` coordinates, float32 (dimensions, bits).

    Random rotations side by side, the last one cut off where it must be: each gives the coordinates in one orthonormal
    basis, whose signs say more together than those along independent random directions.
    """
    chance = np.random.default_rng(seed)
    bases = []
    for _ in range(-(-bits // dimensions)):
        q, r = np.linalg.qr(chance.standard_normal((dimensions, dimensions)))
        bases.append(q * np.sign(np.diag(r)))
    return np.ascontiguousarray(np.concatenate(bases, axis=1)[:, :bits], np.float32)


def _hamming(code: np.ndarray, codes: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return `out` (n,), int32, filled with the Hamming distances of `codes` (n, b), uint8, from `code` (b,)."""
    import faiss

    pointers = map(faiss.swig_ptr, (code, np.asarray(codes)))
    faiss.hammings(*pointers, 1, len(codes), len(code), faiss.swig_ptr(out))  # type: ignore[attr-defined]
    return out


def within(distances: np.ndarray, count: int) -> np.ndarray:
    """Return the places of about the `count` smallest of `distances` (n,), half as many at least, ascending.

    A regular sample tells how far they lie: sorting all distances would take longer than computing them.
    """
    if count >= len(distances):
        return np.arange(len(distances))
    sample = distances[:: max(1, len(distances) // SAMPLE)]
    rank = -(-count * len(sample) // len(distances))
    near = np.flatnonzero(distances <= np.partition(sample, rank - 1)[rank - 1])
    if len(near) < (count + 1) // 2:
        near = np.flatnonzero(distances <= np.partition(distances, count - 1)[count - 1])
    return near


def nearest_codes(distances: np.ndarray, count: int, least: int) -> np.ndarray:
    """Return the places of about the `count` smallest of `distances` (n,), never more and at least `least`, in order.

    The first ones among equals are kept.
    """
    near = within(distances, max(count, 2 * least))
    return near[np.argsort(distances[near].astype(np.int16), kind="stable")[:count]]


def scan_codes(
    code: np.ndarray, halves: tuple[np.ndarray, np.ndarray], count: int, least: int, scratch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of about `count` nearest codes, at least `least`, and their distances, both ascending.

    Of many codes only the first halves are all compared, and the second halves of the few per cent nearest by these:
    what takes the time is to read the codes from memory, and few neighbours are lost.

    Args:
        code: uint8 (bits / 8,).
        halves: of all codes, each uint8 (n, bits / 16).
        count: codes wanted.
        least: codes needed.
        scratch: int32 (2, n).
    """
    heads, tails = halves
    half = heads.shape[1]
    distances = _hamming(code[:half], heads, scratch[0])
    kept = max(len(heads) // 64, 4 * count)
    if kept > len(heads) // 16:
        distances += _hamming(code[half:], tails, scratch[1])
        near = nearest_codes(distances, count, least)
        return near, distances[near]
    places = within(distances, kept)
    distances = distances[places]
    further = np.take(np.asarray(tails).view(np.uint64), places, axis=0)
    for column in np.bitwise_count(further ^ code[half:].view(np.uint64)).T:
        distances += column
    near = nearest_codes(distances, count, least)
    return places[near], distances[near]


def most_ranked(candidates: int, count: int) -> int:
    """Return how many of `count` vectors a query ranks exactly at most: `candidates`, or one in a thousand of more.

    Among ten million, so many lie about as near as the tenth that 2,000 hold 93 % of the ten nearest, 10,000 hold 97 %
    (`benchmarks/scale.py`).
    """
    return max(candidates, count // 1000)


def worth_ranking(similarity: np.ndarray, distances: np.ndarray, k: int, bits: int) -> int:
    """Return how many of the nearest codes are worth an exact ranking.

    Args:
        similarity: cosines of the first few hundred of them, more than `k`.
        distances: Hamming distances of all of them, ascending.
        k: neighbours wanted.
        bits: of a code.
    """
    chance = np.arccos(np.clip(np.partition(similarity, -k)[-k], -1, 1)) / np.pi
    limit = bits * chance + MARGIN * np.sqrt(bits * chance * (1 - chance))
    return int(np.searchsorted(distances, limit, "right"))


class HashIndex(Index):
    """Sign codes after a random rotation, scanned by Hamming distance; the nearest are ranked by their true cosine."""

    kind = "lsh"

    def __init__(
        self,
        vectors: np.ndarray,
        ids: np.ndarray | None = None,
        bits: int = BITS,
        candidates: int = CANDIDATES,
        seed: int = SEED,
    ) -> None:
        """Index `vectors` (n, d) by codes of `bits`; a query ranks `most_ranked` vectors exactly."""
        if not 128 <= bits <= 2**13 or bits % 128:
            raise UsageError(f"The number of bits must be a multiple of 128 from 128 to {2**13}, not {bits}.")
        if not 1 <= candidates <= 2**20:
            raise UsageError(f"The number of candidates must be from 1 to {2**20}, not {candidates}.")
        check_vectors(vectors)
        self.bits, self.candidates = bits, candidates
        self._frame = rotation(vectors.shape[1], bits, seed)
        super().__init__(vectors, ids)

    @property
    def bytes_per_vector(self) -> float:
        """Bytes of one code: all that a query reads of every vector."""
        return self.bits / 8

    @property
    def bytes_with_vectors(self) -> float:
        """Bytes that one vector takes in all: code, float16 vector, its length, its id."""
        return self.bits / 8 + super().bytes_with_vectors

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Return the codes of float32 `vectors` (n, d): uint8 (n, bits / 8)."""
        return np.packbits(vectors @ self._frame > 0, axis=1)

    def _derive(self, wide: np.ndarray) -> dict[str, np.ndarray]:
        codes = self.encode(wide)
        return {**super()._derive(wide), "heads": codes[:, : self.bits // 16], "tails": codes[:, self.bits // 16 :]}

    def _search(self, queries: np.ndarray, k: int, found: Found) -> None:
        """Search for several queries at a time, one in each of the threads that faiss may use."""
        import faiss

        codes, depth = self.encode(queries), most_ranked(self.candidates, len(self))
        threads = max(1, min(faiss.omp_get_max_threads(), len(queries), MOST_THREADS))

        def part(first: int) -> None:
            scratch = np.empty((2, len(self)), np.int32)
            for row in range(first, len(queries), threads):
                near, distances = self.scan(codes[row], max(depth, k), k, scratch)
                self._rerank(near, distances, queries[row], k, found, row)

        if threads == 1:
            part(0)
            return
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, range(threads)))

    def scan(self, code: np.ndarray, count: int, least: int, scratch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of about `count` nearest codes, at least `least`, and their distances, both ascending."""
        return scan_codes(code, (self._derived["heads"], self._derived["tails"]), count, least, scratch)

    def _rerank(
        self, near: np.ndarray, distances: np.ndarray, query: np.ndarray, k: int, found: Found, row: int
    ) -> None:
        """Rank the vectors at `near`, whose codes lie at ascending `distances`, as deep as it is worth."""
        first = max(FIRST, 2 * k)
        similarity = self._cosine(near[:first], query)
        if first < len(near):
            depth = worth_ranking(similarity, distances, k, self.bits)
            similarity = np.concatenate([similarity, self._cosine(near[first:depth], query)])
        self._rank(near[: len(similarity)], similarity, k, found, row)

    def describe(self) -> Description:
        """Return what `save` writes to index.json."""
        return super().describe().model_copy(update={"bits": self.bits, "candidates": self.candidates})

    def _constants(self) -> dict[str, np.ndarray]:
        return {"rotation": self._frame}

    def _restore(self, description: Description, folder: Path) -> None:
        self.bits, self.candidates = description.bits, description.candidates
        if not self.bits or not self.candidates:
            raise IntegrityError(f"{folder / 'index.json'} names no bits or candidates: build the index again.")
        self._frame = read_rows(folder / "rotation.npy", np.float32, (self.dimensions, self.bits))
        for name in ("heads", "tails"):
            self._derived[name] = read_rows(folder / f"{name}.npy", np.uint8, (len(self), self.bits // 16))
        if not np.isfinite(self._frame).all():
            raise IntegrityError(f"{folder / 'rotation.npy'} holds values that are not finite: build the index again.")


@stage(phase="Modelling")
def build_index(vectors: np.ndarray, kind: str = "lsh", bits: int = BITS, candidates: int = CANDIDATES) -> Index:
    """Index `vectors` (n, d), row i under the id i; `kind` is "lsh" (hashing with exact re-ranking) or "exact".

    Raises:
        UsageError: an unknown kind, or vectors that cannot be indexed.
    """
    if kind == "lsh":
        return HashIndex(vectors, bits=bits, candidates=candidates)
    if kind == "exact":
        return ExactIndex(vectors)
    raise UsageError(f"There is no index of kind {kind!r}: choose lsh or exact.")


@stage(phase="Modelling")
def search_index(index: Index, queries: np.ndarray, k: int) -> pd.DataFrame:
    """Return the `k` nearest vectors of each of `queries` (q, d): query, rank from 1, number, similarity (cosine)."""
    found = index.search(queries, k)
    query, rank = np.nonzero(found.ids >= 0)
    columns: dict[str, Any] = {"query": query, "rank": rank + 1, "number": found.ids[query, rank]}
    return pd.DataFrame({**columns, "similarity": found.similarity[query, rank]})
