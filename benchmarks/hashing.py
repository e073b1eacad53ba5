"""How good is the index? Recall, time, size and building time of exact search, HNSW, textbook hashing and Casebook's.

    python benchmarks/hashing.py                       50,000 and 1,000,000 synthetic vectors of 256 dimensions
    python benchmarks/hashing.py --size 50000          one size only
    python benchmarks/hashing.py --vectors file.npy    your own: float rows; some are held out as queries

All methods run one after the other in one process on the same vectors and the same unseen queries, so that their
ratios hold also on a busy machine. Recall@10 is the share of the ten nearest by exact search. The time of a query is
the median over single queries in one thread; the time in a batch uses all threads. Bytes are what a query reads of
every vector: codes, tables, or vectors and links.

The synthetic vectors stand for whitened picture features. They are draws from 500 groups of unequal size whose centres
lie in a decaying spectrum, with groups and members of unequal spread, whitened and scaled to length 1. The share of
variance between groups (0.35) was fitted to MobileNetV2 features of the 50,000 training pictures of CIFAR-10, centred
and fully whitened to 256 dimensions: the tenth neighbour of an unseen query lies at a cosine of 0.30 (real: 0.32), and
its 500 nearest sign codes hold 0.97 of its ten nearest (real: 0.98). Features as Casebook makes them are whitened by
half, and easier: 0.40, and 0.995.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.evaluation.intervals import bootstrap
from tasks.evaluation.retrieval import TOLERANCE, one_thread
from tasks.training.nearest.classic_lsh import ClassicIndex
from tasks.training.nearest.hashing import ExactIndex, HashIndex

DIMENSIONS, GROUPS, BETWEEN, SPREAD = 256, 500, 0.35, 0.1
QUERIES, TIMED, K = 1000, 300, 10


def synthetic(n: int, seed: int) -> np.ndarray:
    """Return `n` unit vectors, float16 (n, 256); another seed draws other vectors of the same distribution."""
    groups = np.random.default_rng(7)
    between = 1 / np.arange(1, DIMENSIONS + 1)
    between *= BETWEEN / between.mean()
    centres = groups.standard_normal((GROUPS, DIMENSIONS)) * np.sqrt(between)
    width = groups.lognormal(0, SPREAD, GROUPS)
    share = np.arange(1, GROUPS + 1) ** -0.5
    chance = np.random.default_rng([seed, 11])
    vectors = np.empty((n, DIMENSIONS), np.float16)
    for start in range(0, n, 50_000):
        part = vectors[start : start + 50_000]
        of = chance.choice(GROUPS, len(part), p=share / share.sum())
        spread = np.sqrt(1 - BETWEEN) * width[of] * chance.lognormal(0, SPREAD, len(part))
        rows = centres[of] + chance.standard_normal(part.shape) * spread[:, None]
        rows /= np.sqrt(between + 1 - BETWEEN)
        part[:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors


class Method(NamedTuple):
    """A way to search: built from the vectors, then asked for ids of the k nearest."""

    name: str
    build: Callable[[np.ndarray], Any]
    search: Callable[[Any, np.ndarray, int], np.ndarray]
    bytes_per_vector: Callable[[Any], float]
    variants: tuple[tuple[str, Callable[[Any], None]], ...] = (("", lambda index: None),)


def own(name: str, build: Callable[[np.ndarray], Any]) -> Method:
    return Method(name, build, lambda index, q, k: index.search(q, k).ids, lambda index: index.bytes_per_vector)


def faiss_method(name: str, make: Callable[[Any], Any], size: float) -> Method:
    """A faiss index over float32 vectors, which are handed over in parts so that memory stays low."""
    import faiss

    def build(vectors: np.ndarray) -> Any:
        index = make(faiss)
        if not index.is_trained:
            index.train(vectors[:50_000].astype(np.float32))
        for start in range(0, len(vectors), 50_000):
            index.add(vectors[start : start + 50_000].astype(np.float32))
        return index

    return Method(name, build, lambda index, q, k: index.search(q.astype(np.float32), k)[1], lambda _: size)


def methods(dimensions: int, hnsw: bool) -> Iterator[Method]:
    yield faiss_method("exact (faiss IndexFlatIP, float32)", lambda f: f.IndexFlatIP(dimensions), 4 * dimensions)
    yield own("exact (Casebook, float16, flat memory)", ExactIndex)
    yield own("classic LSH, 10 bits x 5 tables", ClassicIndex)
    yield own("classic LSH with probing", lambda v: ClassicIndex(v, probe=True))
    yield faiss_method("faiss IndexLSH, 512 bits, not re-ranked", lambda f: f.IndexLSH(dimensions, 512, True), 64)
    for depth in (500, 1000, 4000):
        yield own(f"512-bit codes, at most {depth} re-ranked", lambda v, depth=depth: HashIndex(v, candidates=depth))
    yield own("**Casebook: 512-bit codes, depth by query**", HashIndex)
    if hnsw:
        yield hnsw_method(dimensions)


def hnsw_method(dimensions: int) -> Method:
    """HNSW with 32 links, at its default search width and at a wide one: built once, measured twice."""
    links = 4 * dimensions + 2 * 32 * 4
    graph = faiss_method("faiss HNSW32", lambda f: f.IndexHNSWFlat(dimensions, 32, f.METRIC_INNER_PRODUCT), links)
    return graph._replace(
        variants=(("efSearch 16", lambda index: _width(index, 16)), ("efSearch 128", lambda index: _width(index, 128)))
    )


def _width(index: Any, width: int) -> None:
    index.hnsw.efSearch = width


def measure(method: Method, vectors: np.ndarray, queries: np.ndarray, least: np.ndarray) -> Iterator[str]:
    """Yield lines of the table; `least` is the cosine of each query's tenth neighbour."""
    start = time.perf_counter()
    index = method.build(vectors)
    built = time.perf_counter() - start
    for variant, adjust in method.variants:
        adjust(index)
        method.search(index, queries[:50], K)
        start = time.perf_counter()
        ids = method.search(index, queries, K)
        batch = (time.perf_counter() - start) / len(queries) * 1000
        near = np.einsum("qd,qkd->qk", queries, vectors[np.maximum(ids, 0)].astype(np.float32))
        recall = ((near >= least[:, None] - TOLERANCE) & (ids >= 0)).mean(axis=1)
        low, high = bootstrap(recall)
        single = np.median(times(method, index, queries)) * 1000
        size = method.bytes_per_vector(index)
        share = f"{recall.mean():.3f} ({low:.3f} to {high:.3f})"
        name = f"{method.name}, {variant}" if variant else method.name
        yield f"| {name} | {share} | {single:.2f} | {batch:.2f} | {size:,.0f} | {built:.1f} |"


def times(method: Method, index: Any, queries: np.ndarray) -> list[float]:
    found: list[float] = []
    with one_thread():
        method.search(index, queries[-1:], K)
        for row in range(TIMED):
            start = time.perf_counter()
            method.search(index, queries[row : row + 1], K)
            found.append(time.perf_counter() - start)
            if sum(found) > 10:
                break
    return found


def compare(vectors: np.ndarray, queries: np.ndarray, hnsw: bool) -> None:
    queries = queries.astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    truth = ExactIndex(vectors).search(queries, K)
    least = np.einsum("qd,qd->q", queries, vectors[truth.ids[:, -1]].astype(np.float32))
    print(f"\n{len(vectors):,} vectors of {vectors.shape[1]} dimensions, {len(queries):,} unseen queries\n")
    print("| method | recall@10 (95 % interval) | ms/query | ms/query in a batch | bytes/vector | build s |")
    print("|---|---|---|---|---|---|", flush=True)
    for method in methods(vectors.shape[1], hnsw):
        for line in measure(method, vectors, queries, least):
            print(line, flush=True)


def machine() -> str:
    """Return what the figures depend on: processor, cores, load, versions."""
    import faiss

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        name = next(
            (line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line), name
        )
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, faiss {faiss.__version__}"
    return f"{name}, {os.cpu_count()} cores{load}; {versions}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=int, action="append", help="number of synthetic vectors; may be given twice")
    parser.add_argument("--vectors", type=Path, help=".npy file of your own vectors (n, d)")
    parser.add_argument("--no-hnsw", action="store_true", help="leave out HNSW, which takes minutes to build")
    options = parser.parse_args()
    print(machine())
    if options.vectors:
        rows = np.load(options.vectors, allow_pickle=False)
        order = np.random.default_rng(0).permutation(len(rows))
        queries = min(QUERIES, len(rows) // 10)
        rows = (rows / np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True)).astype(np.float16)
        compare(rows[np.sort(order[queries:])], rows[order[:queries]], not options.no_hnsw)
        return 0
    for size in options.size or [50_000, 1_000_000]:
        compare(synthetic(size, 0), synthetic(QUERIES, 1), not options.no_hnsw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
