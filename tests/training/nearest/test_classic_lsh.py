"""Textbook hashing: what shares a cell is found, ranked exactly; probing finds more; small sizes are no crash."""

import numpy as np
import pytest

from tasks.platform.errors import UsageError
from tasks.training.nearest.classic_lsh import ClassicIndex
from tasks.training.nearest.hashing import ExactIndex


def directions(n, d=32, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float16)


def test_candidates_are_those_that_share_a_cell_and_are_ranked_exactly():
    vectors, queries = directions(500), directions(20, seed=1).astype(np.float32)
    index = ClassicIndex(vectors, bits=4, tables=2)
    found = index.search(queries, 500)
    keys, own = index.cells(vectors.astype(np.float32)), index.cells(queries)
    wide = vectors.astype(np.float64)
    for row, query in enumerate(queries.astype(np.float64)):
        members = np.flatnonzero((keys == own[row]).any(axis=1))
        ids = found.ids[row][found.ids[row] >= 0]
        assert sorted(ids) == sorted(members)
        cosine = wide[ids] @ query / np.linalg.norm(wide[ids], axis=1) / np.linalg.norm(query)
        assert np.abs(found.similarity[row, : len(ids)] - cosine).max() < 1e-6
        assert (np.diff(found.similarity[row, : len(ids)]) <= 0).all()


def test_probing_looks_one_plane_further():
    vectors, queries = directions(500), directions(20, seed=1).astype(np.float32)
    index = ClassicIndex(vectors, bits=6, tables=2, probe=True)
    found = index.search(queries, 500)
    keys, own = index.cells(vectors.astype(np.float32)), index.cells(queries)
    for row in range(len(queries)):
        members = np.flatnonzero((np.bitwise_count(keys ^ own[row]) <= 1).any(axis=1))
        assert sorted(found.ids[row][found.ids[row] >= 0]) == sorted(members)


def test_a_cell_is_shared_as_often_as_the_angle_says():
    """Two vectors at an angle t fall on the same side of a plane with chance 1 - t / pi."""
    a = np.random.default_rng(0).standard_normal((1, 24)).astype(np.float32)
    b = np.random.default_rng(1).standard_normal((1, 24)).astype(np.float32)
    chance = 1 - np.arccos((a @ b.T).item() / np.linalg.norm(a) / np.linalg.norm(b)) / np.pi
    equal = []
    for seed in range(60):
        index = ClassicIndex(a, bits=1, tables=64, seed=seed)
        equal.append((index.cells(a) == index.cells(b)).mean())
    assert abs(np.mean(equal) - chance) < 0.03


def test_every_vector_finds_itself_and_more_tables_find_more():
    vectors = directions(2000)
    truth = ExactIndex(vectors).search(vectors[:100], 10)
    recall = []
    for tables, probe in ((1, False), (5, False), (5, True)):
        found = ClassicIndex(vectors, tables=tables, probe=probe).search(vectors[:100], 10)
        assert np.array_equal(found.ids[:, 0], np.arange(100))
        recall.append((found.similarity >= truth.similarity[:, -1:] - 1e-5).mean())
    assert recall[0] < recall[1] < recall[2] < 0.9


@pytest.mark.parametrize("n", [0, 1, 3])
def test_small_collections(n):
    index = ClassicIndex(directions(n))
    assert len(index) == n
    assert index.search(directions(2, seed=1), 4).ids.shape == (2, 4)
    assert index.bytes_with_vectors > index.bytes_per_vector > 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ClassicIndex(directions(3), bits=0),
        lambda: ClassicIndex(directions(3), bits=40),
        lambda: ClassicIndex(directions(3), tables=0),
        lambda: ClassicIndex(directions(3)).search(directions(1), 0),
        lambda: ClassicIndex(directions(3)).search(directions(1, 5), 1),
    ],
)
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(UsageError):
        wrong()
