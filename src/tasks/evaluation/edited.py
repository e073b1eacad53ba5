"""Which pictures does the collection hold in several versions, whichever way they were edited?

`find_duplicates` groups what has the same bytes or nearly the same perceptual hash. Here its groups are confirmed by
the pixels, and pictures join them that were turned, mirrored, cut, framed or marked. Candidates are the neighbours of a
picture, first by its features (which a cut, a border or a mark change little), then by what of its look no turn and no
mirroring changes; each pair of them is laid upon each other (`tasks.features.pictures.alignment`), and joins two groups
only when it agrees.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from tasks.evaluation.duplicates import find_duplicates
from tasks.features.pictures.alignment import Comparer
from tasks.features.pictures.looks import SIDE, apart, look_at_pictures
from tasks.platform.errors import UsageError
from tasks.platform.progress import progress
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.store import Stored
from tasks.training.nearest.hashing import build_index

BY_FEATURES, BY_LOOK = 16, 8  # candidates of each picture
EXACTLY = 5_000  # pictures up to which every one is compared with every other for candidates
FREQUENCIES = 12  # of the cosine transform, across and down
CHUNK, PIECE = 4096, 64  # pairs between two steps of the progress, and those that a thread takes at a time


def find_versions(manifest: Stored, vectors: Stored, source: str) -> Stored:
    """Group what the collection at `source` holds several times: copies, near-duplicates, edited versions."""
    looks = look_at_pictures(manifest, source)
    return find_edited(manifest, find_duplicates(manifest, vectors), vectors, looks)


@stage(phase="Evaluation")
def find_edited(
    manifest: pd.DataFrame, duplicates: pd.DataFrame, vectors: np.ndarray, looks: np.ndarray
) -> pd.DataFrame:
    """Confirm the groups of near-duplicates, and join to them what was edited.

    Args:
        manifest: one row per picture, with `id`, `width` and `height`.
        duplicates: `group`, `number`, as `find_duplicates` has it.
        vectors: float16 (n, d), of the same pictures.
        looks: uint8 (n, LENGTH), as `look_at_pictures` has it.

    Returns:
        As `find_duplicates`: `group` (from 0, by its first picture), `number` (ascending in its group), `kind`.

    Raises:
        UsageError: vectors or looks of other pictures.
    """
    if not len(manifest) == len(vectors) == len(looks):
        raise UsageError(f"{len(vectors)} vectors and {len(looks)} looks of {len(manifest)} pictures.")
    copies = pd.Series(np.arange(len(manifest))).groupby(manifest["id"].to_numpy())
    first = copies.transform("min").to_numpy()
    contents = np.unique(first)
    place = np.full(len(manifest), -1)
    place[contents] = np.arange(len(contents))
    comparer = Comparer(apart(np.asarray(looks)[contents]), manifest[["width", "height"]].to_numpy(float)[contents])
    even = np.array([comparer.is_even(number) for number in range(len(contents))], bool)
    joined = _Joined(len(contents))
    for pairs in (_by_hash(duplicates, place[first], comparer), _of_one_colour(np.flatnonzero(even), comparer)):
        for one, other in pairs:
            joined.join(one, other)
    _join_edited(joined, _candidates(np.asarray(vectors[contents]), comparer, ~even), comparer)
    group = np.array([joined.leader(number) for number in place[first]])
    kind = np.where(copies.transform("size").to_numpy() > 1, "copy", "near-duplicate")
    frame = pd.DataFrame({"group": group, "number": np.arange(len(manifest)), "kind": kind})
    frame = frame[frame.groupby("group")["number"].transform("size") > 1]
    frame["group"] = pd.factorize(frame.groupby("group")["number"].transform("min"), sort=True)[0].astype(np.int64)
    return frame.sort_values(["group", "number"], ignore_index=True)


class _Joined:
    """Which of n things belong together: a forest of disjoint sets."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def leader(self, one: int) -> int:
        while self._above[one] != one:
            self._above[one] = self._above[self._above[one]]
            one = self._above[one]
        return one

    def join(self, one: int, other: int) -> None:
        self._above[self.leader(one)] = self.leader(other)


def _by_hash(duplicates: pd.DataFrame, place: np.ndarray, comparer: Comparer) -> Iterator[tuple[int, int]]:
    """Yield pairs of contents of one group whose pixels confirm it: each with the first that it is like."""
    for _, group in duplicates.groupby("group"):
        leaders: list[int] = []
        for number in np.unique(place[group["number"].to_numpy()]).tolist():
            alike = next((leader for leader in leaders if comparer.is_same(leader, number)), None)
            if alike is None:
                leaders.append(number)
            else:
                yield alike, number


def _of_one_colour(numbers: np.ndarray, comparer: Comparer) -> Iterator[tuple[int, int]]:
    """Yield pairs of pictures without details that have the same colours."""
    leaders: list[int] = []
    for number in numbers.tolist():
        alike = next((leader for leader in leaders if comparer.same_colours(leader, number)), None)
        if alike is None:
            leaders.append(number)
        else:
            yield alike, number


def invariants(grey: np.ndarray) -> np.ndarray:
    """Return what no turn by quarters and no mirroring changes of looks (n, SIDE, SIDE), float16 (n, d).

    Either changes only signs in the cosine transform of a square, or swaps across and down: the sum and the difference
    of the two absolute values stay.
    """
    wave = np.cos(np.pi / SIDE * np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5)).astype(np.float32)
    upper, strict = np.triu_indices(FREQUENCIES), np.triu_indices(FREQUENCIES, 1)
    rows = np.empty((len(grey), len(upper[0]) + len(strict[0]) - 1), np.float32)
    for start in range(0, len(grey), 1024):
        there = np.abs(wave @ grey[start : start + 1024].astype(np.float32) @ wave.T)
        turned = there.swapaxes(1, 2)
        parts = [(there + turned)[:, *upper][:, 1:], np.abs(there - turned)[:, *strict]]  # without the mean
        row = np.sqrt(np.hstack(parts))
        rows[start : start + 1024] = row / np.maximum(np.linalg.norm(row, axis=1, keepdims=True), 1)
    return (rows - rows.mean(axis=0)).astype(np.float16)


def _candidates(vectors: np.ndarray, comparer: Comparer, wanted: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of neighbouring contents, each once, of those that are `wanted` (n,)."""
    pairs: set[tuple[int, int]] = set()
    for rows, count in ((vectors, BY_FEATURES), (invariants(comparer.looks.grey[:, 0]), BY_LOOK)):
        index = build_index.fn(rows, "exact" if len(rows) <= EXACTLY else "lsh")
        for start in range(0, len(rows), 4096):
            found = index.search(rows[start : start + 4096], min(count + 1, len(rows))).ids
            one = np.repeat(np.arange(start, start + len(found)), found.shape[1])
            other = found.ravel()
            kept = (other >= 0) & (one != other) & wanted[one] & wanted[other]
            pairs.update(zip(np.minimum(one, other)[kept].tolist(), np.maximum(one, other)[kept].tolist(), strict=True))
    return sorted(pairs)


def _join_edited(joined: _Joined, pairs: list[tuple[int, int]], comparer: Comparer) -> None:
    """Join what is an edit of each other; pairs that are joined already cost nothing."""

    def edits(some: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [pair for pair in some if comparer.is_edited(*pair)]

    with ThreadPoolExecutor(settings().threads) as pool:
        for chunk in progress(_cut(pairs, CHUNK), "comparing pictures", unit=f"x {CHUNK:,} pairs"):
            left = [pair for pair in chunk if joined.leader(pair[0]) != joined.leader(pair[1])]
            for found in pool.map(edits, _cut(left, PIECE)):
                for pair in found:
                    joined.join(*pair)


def _cut(pairs: list[tuple[int, int]], size: int) -> list[list[tuple[int, int]]]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]
