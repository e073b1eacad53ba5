"""Which pictures are the same picture, also when one was turned, mirrored, noised, recompressed or cut anew?

Three kinds of evidence, each on small versions of the pictures: perceptual hashes of a picture and of its eight turns
and mirrorings (C. Zauner, 2010), confirmed by the pixels; the correlation of the pixels inside a disc, for turns by
up to 30 degrees and mirrored; and the correlation of aligned faces, which undoes any turn and any cut around the
face.

Every picture is compared with every other: 4,000 take seconds, 20,000 some minutes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tasks.ingestion.pictures.decoding import COSINES

DISC, FACE, HASHED = 16, 24, 32  # pixels of a side of the small versions
TURNS = (0.0, -30.0, -25.0, -20.0, -15.0, -10.0, -5.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 90.0, 180.0, 270.0)
RADIUS, CONFIRMED = 6, 0.8  # bits of 64 in which hashes differ at most, and the correlation that pixels must have then
BLOCK, PARTNERS = 1024, 40  # rows compared at a time, and the closest partners of a row that are kept


class Looks(NamedTuple):
    """Pictures as they are compared."""

    wholes: np.ndarray  # uint8 (n, side, side, 3), each whole picture
    faces: np.ndarray  # uint8 (n, side, side, 3), aligned faces
    found: np.ndarray  # bool (n,), whether the face is one


class Alike(NamedTuple):
    """Pairs of pictures that look alike, one row each; a pair may come more than once."""

    first: np.ndarray  # (p,) int64, of the first collection
    second: np.ndarray  # (p,) int64, of the second collection
    likeness: np.ndarray  # (p,) float32, correlation
    kind: np.ndarray  # (p,) 0 hash, 1 pixels, 2 face


def find_alike(first: Looks, second: Looks, least: float, same: bool = False) -> Alike:
    """Return the pairs of two collections that look alike.

    Args:
        first: n pictures.
        second: m pictures; the first collection itself for pairs within it.
        least: correlation of pixels from which a pair counts.
        same: whether both are one collection; each pair is then given once, and no picture with itself.
    """
    one = _small(first.wholes, HASHED)
    other = one if same else _small(second.wholes, HASHED)
    parts = [*_by_hash(one, other), *_by_pixels(one, other, least), *_by_face(first, second, least)]
    rows, columns, values = (np.concatenate([part[at] for part in parts]) for at in range(3))
    kinds = np.concatenate([np.full(len(part[0]), part[3], np.int8) for part in parts])
    kept = rows != columns if same else np.ones(len(rows), bool)
    rows, columns, values, kinds = rows[kept], columns[kept], values[kept], kinds[kept]
    if same:
        rows, columns = np.minimum(rows, columns), np.maximum(rows, columns)
    return Alike(rows.astype(np.int64), columns.astype(np.int64), values.astype(np.float32), kinds)


Part = tuple[np.ndarray, np.ndarray, np.ndarray, int]


def _small(pictures: np.ndarray, side: int) -> np.ndarray:
    import cv2

    shape = (len(pictures), side, side, 3)
    rows = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(rows) if rows else np.zeros(shape, np.uint8)


def _unit(rows: np.ndarray) -> np.ndarray:
    wide = rows.reshape(len(rows), -1).astype(np.float32)
    wide -= wide.mean(axis=1, keepdims=True)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-3)


def _discs(small: np.ndarray, angle: float, mirror: bool) -> np.ndarray:
    """Return pictures (n, 32, 32, 3), turned, as unit vectors of what a disc of 16 pixels holds."""
    import cv2

    middle = (small.shape[1] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, 1.0)
    place = np.arange(DISC) - (DISC - 1) / 2
    inside = place[:, None] ** 2 + place[None, :] ** 2 <= (DISC / 2) ** 2
    rows = np.empty((len(small), DISC, DISC, 3), np.uint8)
    for number, picture in enumerate(small):
        seen = np.ascontiguousarray(picture[:, ::-1]) if mirror else picture
        if angle:
            seen = cv2.warpAffine(seen, matrix, seen.shape[:2], borderMode=cv2.BORDER_REPLICATE)
        rows[number] = cv2.resize(seen, (DISC, DISC), interpolation=cv2.INTER_AREA)
    return _unit(rows[:, inside])


def _close(first: np.ndarray, second: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of unit vectors (n, d) and (m, d) whose correlation is at least `least`, and it."""
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))]
    for start in range(0, len(first), BLOCK):
        values = first[start : start + BLOCK] @ second.T
        near = values >= least
        if near.sum() > PARTNERS * len(values):  # pictures that all look alike: the closest tell enough
            last = np.partition(values, -PARTNERS, axis=1)[:, -PARTNERS:].min(axis=1)
            near &= values >= last[:, None]
        rows, columns = np.nonzero(near)
        found.append((rows + start, columns, values[rows, columns]))
    rows, columns, values = (np.concatenate([part[at] for part in found]) for at in range(3))
    return rows, columns, values


def _by_pixels(one: np.ndarray, other: np.ndarray, least: float) -> Iterator[Part]:
    still = _discs(other, 0.0, mirror=False)
    for mirror in (False, True):
        for angle in TURNS:
            yield (*_close(_discs(one, angle, mirror), still, least), 1)


def _by_face(first: Looks, second: Looks, least: float) -> Iterator[Part]:
    rows, columns = np.flatnonzero(first.found), np.flatnonzero(second.found)
    if not (len(rows) and len(columns)):
        return
    one, other = _small(first.faces[rows], FACE), _unit(_small(second.faces[columns], FACE))
    for seen in (one, one[:, :, ::-1]):
        i, j, values = _close(_unit(seen), other, least)
        yield rows[i], columns[j], values, 2


def _grey(small: np.ndarray) -> np.ndarray:
    return small.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def _hashes(grey: np.ndarray) -> np.ndarray:
    """Return the perceptual hashes, uint64 (n,), of grey pictures (n, 32, 32)."""
    low = np.einsum("ai,nij,bj->nab", COSINES, grey, COSINES).reshape(len(grey), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()


def turned(pictures: np.ndarray, number: int) -> np.ndarray:
    """Return pictures (n, side, side, …) under one of the eight turns and mirrorings of a square, 0 to 7."""
    seen = pictures[:, :, ::-1] if number >= 4 else pictures
    return np.rot90(seen, number % 4, axes=(1, 2))


def _by_hash(one: np.ndarray, other: np.ndarray) -> Iterator[Part]:
    still, plain = _hashes(_grey(other)), _unit(other)
    for number in range(8):
        seen = turned(one, number)
        hashes, pixels = _hashes(_grey(seen)), _unit(seen)
        for start in range(0, len(hashes), BLOCK):
            differ = np.bitwise_count(hashes[start : start + BLOCK, None] ^ still[None])
            rows, columns = np.nonzero(differ <= RADIUS)
            for at in range(0, len(rows), 100_000):  # many flat pictures share one hash
                i, j = rows[at : at + 100_000] + start, columns[at : at + 100_000]
                values = np.einsum("ij,ij->i", pixels[i], plain[j])
                kept = values >= CONFIRMED
                yield i[kept], j[kept], values[kept], 0
