"""Which pictures does the collection hold more than once? Exact copies, and near-duplicates that differ a little.

An exact copy has the same bytes. A near-duplicate (scaled, recompressed, slightly cropped or brightened) has nearly the
same perceptual hash (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010) and a
similar feature vector. Either alone is not enough: flat pictures share hashes, and two views of one thing share
features. The more bits of the hash differ, the more the vectors must agree: noise and blur leave the hash as it is and
change the features much, other pictures in the same pose do the reverse. A picture that was turned or mirrored has
another hash, and is not found.

A group is a star: every content in it is close to the group's centre, so that a chain of small changes, A like B like C
and so on, does not grow into one group of pictures that have nothing in common. Work is bounded also where thousands
of different pictures share one hash: `LEADERS`, `ROUNDS` and `CROWD` say by how much.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.training.nearest.vectors import lengths_of, widen

SEED = 19_920_418
RADIUS = 6
LEAST, THRESHOLD = 0.25, 0.85
"""Cosine that two vectors must have when their hashes are equal, and when they differ in `RADIUS` bits."""
COMMON = 20
"""Different pictures of one hash from which on the hash tells nothing, and the vectors must agree by `THRESHOLD`."""
BANDS = 4
"""A hash is cut into as many bands: two hashes that differ in r bits have a band that differs in r // 4 at most."""
ROUNDS, ROUND = 8, 256
"""Different contents looked for among the pictures of one hash: 8 * 256."""
LEADERS = 32
"""Different contents of one hash that are compared with those of similar hashes."""
CROWD, PARTNERS = 512, 256
"""Hashes that one hash is compared with: so many of one bucket, and so many that are really similar."""


def _unit(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    wide = widen(np.asarray(vectors[rows]))
    return wide / lengths_of(wide)[:, None]


def _same_hash(vectors: np.ndarray, rows: np.ndarray, threshold: float) -> np.ndarray:
    """Return for each of `rows`, pictures of one hash, its leader: one that it is close to, perhaps itself."""
    leader = rows.copy()
    # In random order: the contents that most of the pictures share must be among the first looked at.
    left = np.random.default_rng(SEED).permutation(len(rows))
    for _ in range(ROUNDS):
        head, left = np.sort(left[:ROUND]), left[ROUND:]
        unit = _unit(vectors, rows[head])
        close = unit @ unit.T >= threshold
        leads = np.ones(len(head), bool)
        for i in range(len(head)):
            if leads[i]:
                follow = close[i] & leads & (np.arange(len(head)) > i)
                leader[head[follow]], leads[follow] = rows[head[i]], False
        if not len(left):
            break
        left = _follow(vectors, rows, left, unit[leads], rows[head[leads]], leader, threshold)
    return leader


def _follow(
    vectors: np.ndarray,
    rows: np.ndarray,
    left: np.ndarray,
    leaders: np.ndarray,
    numbers: np.ndarray,
    leader: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Assign those of `left` that are close to one of `leaders` to it; return the others."""
    lonely = []
    for start in range(0, len(left), 4096):
        part = left[start : start + 4096]
        close = _unit(vectors, rows[part]) @ leaders.T >= threshold
        found = close.any(axis=1)
        leader[part[found]] = numbers[close[found].argmax(axis=1)]
        lonely.append(part[~found])
    return np.concatenate(lonely)


def similar_hashes(hashes: np.ndarray, radius: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of positions in the uint64 `hashes` that differ in 1 to `radius` bits, each pair once.

    Two hashes that differ in r bits have a band of 16 that differs in r // 4 bits at most, so it is enough to compare
    hashes whose bands are equal, or become equal when so many bits are flipped.
    """
    near = radius // BANDS
    flips = [sum(1 << bit for bit in bits) for size in range(near + 1) for bits in combinations(range(16), size)]
    partners = np.zeros(len(hashes), np.int64)
    for band in range(BANDS):
        keys = (hashes >> np.uint64(16 * band)).astype(np.uint16).astype(np.int64)
        order = np.lexsort((hashes, keys))
        keys = keys[order]
        starts = np.searchsorted(keys, np.arange(2**16 + 1))
        for flip in flips:
            # Each pair from one side only: from the earlier one in a bucket, from the smaller key between two.
            first = starts[keys ^ flip] if flip else np.arange(1, len(keys) + 1)
            count = np.where(keys <= keys ^ flip, np.minimum(starts[(keys ^ flip) + 1] - first, CROWD), 0)
            for i, j in _expanded(first, count):
                i, j = order[i], order[j]
                i, j = _confirmed(hashes, i, j, band, radius, near)
                kept = partners[i] + np.arange(len(i)) - np.searchsorted(i, i) < PARTNERS
                i, j = i[kept], j[kept]
                partners += np.bincount(i, minlength=len(partners))
                yield i, j


def _expanded(first: np.ndarray, count: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (i, j) for each i and the `count[i]` places j from `first[i]` on, about a million at a time."""
    blocks = np.flatnonzero(np.diff(np.cumsum(count) // 2**20)) + 1
    for part in np.split(np.arange(len(count)), blocks):
        i = np.repeat(part, count[part])
        skipped = np.repeat(np.cumsum(count[part]) - count[part], count[part])
        yield i, first[i] + np.arange(len(i)) - skipped


def _confirmed(
    hashes: np.ndarray, i: np.ndarray, j: np.ndarray, band: int, radius: int, near: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs that differ in 1 to `radius` bits and were not found by an earlier band, sorted by i."""
    differ = hashes[i] ^ hashes[j]
    bits = np.bitwise_count(differ)
    kept = (bits > 0) & (bits <= radius)
    i, j, differ = i[kept], j[kept], differ[kept]
    for earlier in range(band):
        new = np.bitwise_count((differ >> np.uint64(16 * earlier)).astype(np.uint16)) > near
        i, j, differ = i[new], j[new], differ[new]
    order = np.lexsort((j, i))
    return i[order], j[order]


def _edges(
    vectors: np.ndarray, hashes: np.ndarray, leaders: np.ndarray, radius: int, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of `leaders` (numbers) with similar hashes and similar vectors."""
    of_hash = pd.Series(leaders).groupby(hashes[leaders]).cumcount().to_numpy()
    leaders = leaders[of_hash < LEADERS]
    pairs: list[tuple[np.ndarray, np.ndarray]] = [(leaders[:0], leaders[:0])]
    for i, j in similar_hashes(hashes[leaders], radius):
        for start in range(0, len(i), 4096):
            a, b = leaders[i[start : start + 4096]], leaders[j[start : start + 4096]]
            differ = np.bitwise_count(hashes[a] ^ hashes[b]) / radius
            close = np.einsum("ij,ij->i", _unit(vectors, a), _unit(vectors, b)) >= LEAST + (threshold - LEAST) * differ
            pairs.append((a[close], b[close]))
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _stars(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Return the centre of each of `n` numbers under edges `a`-`b`: the best connected first, each takes its own."""
    start, to = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((to, start))
    to, degrees = to[order], np.bincount(start, minlength=n)
    ends = np.cumsum(degrees)
    centre = np.arange(n)
    free = np.ones(n, bool)
    connected = np.flatnonzero(degrees)
    for number in connected[np.argsort(-degrees[connected], kind="stable")]:
        if free[number]:
            own = to[ends[number] - degrees[number] : ends[number]]
            own = own[free[own]]
            centre[own], free[own], free[number] = number, False, False
    return centre


@stage(phase="Evaluation")
def find_duplicates(
    manifest: pd.DataFrame, vectors: np.ndarray, radius: int = RADIUS, threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Group the pictures that are the same content.

    Args:
        manifest: one row per picture, with `id` (of its bytes) and `phash` (uint64).
        vectors: float16 (n, d), of the same pictures.
        radius: bits of 64 in which the perceptual hashes of near-duplicates differ at most, 0 to 11.
        threshold: cosine that their vectors have at least when their hashes differ in `radius` bits; it falls to 0.25
            for equal hashes.

    Returns:
        `group` (from 0, by its first picture), `number` (row of the manifest, ascending in its group), `kind`: "copy"
        for a picture of which another has the same bytes, else "near-duplicate".

    Raises:
        UsageError: a radius or threshold out of bounds, or vectors of other pictures.
    """
    if not (0 <= radius < 3 * BANDS and LEAST <= threshold <= 1) or len(vectors) != len(manifest):
        raise UsageError(
            f"Near-duplicates need a radius of 0 to {3 * BANDS - 1} bits, a threshold of {LEAST} to 1 and one"
            f" vector per picture, not {radius}, {threshold} and {len(vectors)} vectors of {len(manifest)} pictures."
        )
    hashes = manifest["phash"].to_numpy(dtype=np.uint64)
    copies = pd.Series(np.arange(len(manifest))).groupby(manifest["id"].to_numpy())
    first = copies.transform("min").to_numpy()
    leader = np.arange(len(manifest))
    contents = np.unique(first)
    by_hash = contents[np.argsort(hashes[contents], kind="stable")]
    for rows in np.split(by_hash, np.flatnonzero(np.diff(hashes[by_hash].view(np.int64))) + 1):
        if len(rows) > 1:
            leader[rows] = _same_hash(vectors, rows, threshold if len(rows) > COMMON else LEAST)
    edges = _edges(vectors, hashes, np.unique(leader[contents]), radius, threshold)
    centre = _stars(*edges, len(manifest))
    kind = np.where(copies.transform("size").to_numpy() > 1, "copy", "near-duplicate")
    frame = pd.DataFrame({"group": centre[leader[first]], "number": np.arange(len(manifest)), "kind": kind})
    frame = frame[frame.groupby("group")["number"].transform("size") > 1]
    smallest = frame.groupby("group")["number"].transform("min")
    frame["group"] = pd.factorize(smallest, sort=True)[0].astype(np.int64)
    return frame.sort_values(["group", "number"], ignore_index=True)
