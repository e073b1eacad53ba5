"""What does a search among millions of pictures cost? Shards of 1, 10 and 30 million codes, and what follows from them.

    python benchmarks/scale.py --vectors vectors.npy --folder /a/disk --size 1 --size 10     millions

The vectors are real ones, of length 1 (`--vectors`; by default those of the sample's pictures, which are too few to say
much), turned by a random rotation for each copy of them, with noise: so every copy is a collection of its own with the
neighbourhoods of the real one, and all others are what the search has to tell apart from it. Queries are real vectors
that were held out, treated as one of the copies was. Recall@10 is the share of the ten nearest by exact search over all
vectors. A query's time is the median over single queries in one thread, once every page that it needs is in memory; the
time with all cores is that of a batch. The last line is a JSON record.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks.evaluation.intervals import bootstrap
from tasks.evaluation.retrieval import TOLERANCE, one_thread
from tasks.training.nearest.hashing import BITS, rotation
from tasks.training.nearest.sharded import PER_SHARD, ShardedIndex
from tasks.training.nearest.shards import Listed, open_shard, write_shard
from tasks.training.nearest.vectors import lengths_of, widen

NOISE = 0.5  # length of the noise that is added to a vector of length 1
QUERIES, TIMED, K = 200, 50, 10
ASKED = 10  # copies that queries are made for


def real_vectors(path: Path | None) -> np.ndarray:
    """Return real vectors, float32 (n, d) of length 1; those of the sample where no file is given."""
    if path is None:
        from tasks.cases.similarity.sample import sample_folder
        from tasks.features.pictures.embedders import choose_embedder
        from tasks.features.pictures.embedding import embed_pictures
        from tasks.features.whitening import apply_whitening, fit_whitening
        from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures

        source = str(sample_folder() / "collection")
        manifest = read_pictures.fn(scan_pictures.fn(source), source).manifest
        raw = embed_pictures.fn(manifest, choose_embedder.fn("auto"), source)
        rows = apply_whitening.fn(raw, fit_whitening.fn(raw)).astype(np.float32)
    else:
        rows = np.load(path, allow_pickle=False).astype(np.float32)
    return np.asarray(rows / lengths_of(rows)[:, None], np.float32)


def copy_of(rows: np.ndarray, number: int) -> np.ndarray:
    """Return copy `number` of real vectors (n, d): turned by its rotation, with noise, float16."""
    turned = rows @ rotation(rows.shape[1], rows.shape[1], seed=number)
    chance = np.random.default_rng([3, number])
    turned += chance.standard_normal(turned.shape, np.float32) * np.float32(NOISE / np.sqrt(rows.shape[1]))
    return (turned / lengths_of(turned)[:, None]).astype(np.float16)


def build(folder: Path, rows: np.ndarray, count: int) -> ShardedIndex:
    """Write an index of `count` vectors, a shard at a time."""
    shards: list[Listed] = []
    frame = rotation(rows.shape[1], BITS)
    pending, held, written, number = [], 0, 0, 0
    while written < count:
        while held < min(PER_SHARD, count - written):
            pending.append(copy_of(rows, number))
            held, number = held + len(rows), number + 1
        block = np.concatenate(pending)
        part, rest = block[: min(PER_SHARD, count - written)], block[PER_SHARD:]
        shards.append(write_shard(folder, np.arange(written, written + len(part)), part, frame))
        pending, held, written = [rest], len(rest), written + len(part)
    return ShardedIndex.of_shards(folder, rows.shape[1], shards)


def least_of(index: ShardedIndex, queries: np.ndarray) -> np.ndarray:
    """Return the cosine of each query's tenth neighbour by exact search over all vectors, shard by shard."""
    best = np.full((len(queries), K), -np.inf, np.float32)
    for item in index.shards:
        shard = index.open(item)
        for start in range(0, item.count, 16_384):
            rows = widen(np.asarray(shard.vectors[start : start + 16_384]))
            near = queries @ rows.T / shard.lengths[start : start + 16_384]
            best = -np.partition(np.concatenate([-best, -near], axis=1), K - 1, axis=1)[:, :K]
    return best.min(axis=1)


def measure(folder: Path, rows: np.ndarray, held_out: np.ndarray, millions: float) -> dict[str, Any]:
    """Build an index of so many million vectors, ask it, and return the figures."""
    place = folder / f"scale-{os.getpid()}"
    place.mkdir(parents=True)
    open_shard.cache_clear()
    try:
        start = time.perf_counter()
        index = build(place, rows, round(millions * 1e6))
        built = time.perf_counter() - start
        asked = min(ASKED, max(1, len(index) // len(rows)))
        queries = np.concatenate([copy_of(held_out[number::asked], number) for number in range(asked)]).astype(
            np.float32
        )
        queries /= lengths_of(queries)[:, None]
        start = time.perf_counter()
        least = least_of(index, queries)
        exact = (time.perf_counter() - start) / len(queries)
        start = time.perf_counter()
        found = index.search(queries, K)
        batch = (time.perf_counter() - start) / len(queries)
        recall = (found.similarity >= least[:, None] - TOLERANCE).mean(axis=1)
        low, high = bootstrap(recall)
        times = []
        with one_thread():
            for row in range(TIMED):
                start = time.perf_counter()
                index.search(queries[row : row + 1], K)
                times.append(time.perf_counter() - start)
        size = sum(file.stat().st_size for file in place.iterdir())
        return {
            "millions": millions,
            "shards": len(index.shards),
            "recall@10": round(float(recall.mean()), 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "tenth_cosine": round(float(np.median(least)), 3),
            "ms_one_thread": round(float(np.median(times)) * 1000, 1),
            "ms_in_a_batch": round(batch * 1000, 1),
            "ms_exact_in_a_batch": round(exact * 1000, 1),
            "bytes_read_per_vector": index.bytes_per_vector,
            "bytes_on_disk_per_vector": round(size / len(index), 1),
            "build_s": round(built),
        }
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, help=".npy file of real vectors (n, d); some are held out as queries")
    parser.add_argument("--folder", type=Path, default=Path("build"), help="for the shards, 590 MB a million")
    parser.add_argument("--size", type=float, action="append", help="million vectors; may be given several times")
    options = parser.parse_args()
    rows = real_vectors(options.vectors)
    order = np.random.default_rng(0).permutation(len(rows))
    count = min(QUERIES, len(rows) // 5)
    kept, held_out = rows[np.sort(order[count:])], rows[order[:count]]
    print(f"{len(kept):,} real vectors of {rows.shape[1]} dimensions in each copy, {count} held out as queries")
    print("| million vectors | recall@10 (95 % interval) | ms, one thread | in a batch | exact, in a batch | bytes |")
    print("|---|---|---|---|---|---|", flush=True)
    record = []
    for millions in options.size or [1, 10, 30]:
        row = measure(options.folder, kept, held_out, millions)
        record.append(row)
        interval = f"{row['recall@10']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        times = " | ".join(f"{row[name]:.0f}" for name in ("ms_one_thread", "ms_in_a_batch", "ms_exact_in_a_batch"))
        size = f"{row['bytes_read_per_vector']:.0f} in memory, {row['bytes_on_disk_per_vector']:.0f} on disk"
        print(f"| {millions:g} | {interval} | {times} | {size} |", flush=True)
    print(json.dumps(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
