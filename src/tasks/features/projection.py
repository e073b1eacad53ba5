"""How does the collection look in two dimensions? Coordinates in which near means similar.

t-SNE (van der Maaten and Hinton, JMLR 9, 2008; Barnes-Hut version JMLR 15, 2014) keeps neighbourhoods and gives up
distances between far groups: read who stands beside whom, not how far the groups are apart.
"""

import numpy as np

from tasks.platform.stage import stage

MOST_POINTS = 2000  # t-SNE of more takes long, and shows no more groups
NEIGHBOURS = 3
ITERATIONS = 500
_CHUNK = 8192


def _unit(vectors: np.ndarray) -> np.ndarray:
    rows = np.nan_to_num(np.asarray(vectors, np.float32), posinf=0, neginf=0)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _between(anchors: np.ndarray, places: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Place each of `vectors` (m, d) at the weighted middle of its nearest `anchors` (k, d); `places` is (k, 2)."""
    known = np.isfinite(places).all(axis=1)
    anchors, places = _unit(anchors[known]), places[known]
    result = np.full((len(vectors), 2), np.nan, np.float32)
    count = min(NEIGHBOURS, len(anchors))
    if count == 0:
        return result
    for start in range(0, len(vectors), _CHUNK):
        similarity = _unit(vectors[start : start + _CHUNK]) @ anchors.T
        nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        nearest.sort(axis=1)  # the order within the partition is not defined
        weight = np.exp(10 * np.take_along_axis(similarity, nearest, axis=1))
        weight /= weight.sum(axis=1, keepdims=True)
        result[start : start + _CHUNK] = np.einsum("mk,mkc->mc", weight, places[nearest])
    return result


def _principal(rows: np.ndarray, most: int = 50) -> np.ndarray:
    """Return the first `most` principal components of `rows` (n, d), the signs fixed so that they do not flip."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, np.argsort(-values, kind="stable")[:most]]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    return centred @ axes


def _embed(rows: np.ndarray, seed: int) -> np.ndarray:
    """Return t-SNE coordinates of unit vectors `rows` (n, d), n at least 6, centred and scaled to about -1 to 1."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # One thread: sums of several threads come in any order, and t-SNE makes a rounding error a different map.
    with threadpool_limits(limits=1):
        reduced = _principal(rows)
        start = np.zeros((len(rows), 2))
        start[:, : reduced.shape[1]] = reduced[:, :2]
        start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
        # Equal vectors on one spot would exert no force on each other, or divide by zero.
        start += np.random.default_rng(seed).normal(scale=1e-6, size=start.shape)
        tsne = TSNE(
            perplexity=min(30.0, (len(rows) - 1) / 3),
            init=start.astype(np.float32),
            max_iter=ITERATIONS,
            angle=0.6,
            learning_rate="auto",
            random_state=seed,
        )
        places = tsne.fit_transform(reduced.astype(np.float32))
    places = places - places.mean(axis=0)
    return places / max(float(np.abs(places).max()), 1e-12)


def _few(count: int) -> np.ndarray:
    """Return places for so few points that they have no structure to show: around a circle."""
    angle = 2 * np.pi * np.arange(count) / max(1, count)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * (count > 1)


@stage(phase="Evaluation")
def map_coordinates(vectors: np.ndarray, most: int = MOST_POINTS, seed: int = 7) -> np.ndarray:
    """Return a place on a two-dimensional map for each row of `vectors`.

    Of more than `most` rows a seeded sample is laid out, and each other row is put between its three nearest of them.
    The same vectors give the same map.

    Args:
        vectors: (n, d) float, n may be 0; rows are compared by cosine similarity.
        most: rows that t-SNE lays out itself, at least 6.
        seed: of the sample and of t-SNE.

    Returns:
        (n, 2) float32, about -1 to 1.
    """
    count = len(vectors)
    if count <= 5:
        return _few(count).astype(np.float32).reshape(-1, 2)
    sample = np.sort(np.random.default_rng(seed).permutation(count)[: max(6, most)])
    anchors = _unit(vectors[sample])
    result = np.empty((count, 2), np.float32)
    places = _embed(anchors, seed).astype(np.float32)
    if count > len(sample):
        rest = np.setdiff1d(np.arange(count), sample, assume_unique=True)
        for start in range(0, len(rest), _CHUNK):
            rows = rest[start : start + _CHUNK]
            result[rows] = _between(anchors, places, vectors[rows])
    result[sample] = places
    return result


@stage(phase="Evaluation")
def place_on_map(coordinates: np.ndarray, vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return where new pictures lie on a map: between the three most similar pictures of the collection.

    Args:
        coordinates: (n, 2) map of the collection.
        vectors: (n, d) vectors of the collection.
        queries: (m, d) vectors of the new pictures.

    Returns:
        (m, 2) float32; not-a-number where the collection is empty.

    Raises:
        ValueError: `coordinates` has not one row for each row of `vectors`.
    """
    if len(coordinates) != len(vectors):
        raise ValueError(f"{len(coordinates)} coordinates for {len(vectors)} vectors")
    return _between(vectors, np.asarray(coordinates, np.float32), queries)
