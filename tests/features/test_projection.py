"""The map's coordinates: groups stay together, the same input gives the same map, every size is borne."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.features.projection import map_coordinates, place_on_map


def clusters(count: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(count), each)
    vectors = rng.normal(size=(count, 32))[label] + 0.3 * rng.normal(size=(count * each, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16), label


def kept_neighbours(xy: np.ndarray, label: np.ndarray) -> float:
    """Return the share of points whose nearest other point on the map has their label."""
    distance = ((xy[:, None] - xy[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    return float((label[distance.argmin(axis=1)] == label).mean())


def test_groups_stay_together() -> None:
    vectors, label = clusters(8, 20)
    xy = map_coordinates.fn(vectors)
    assert xy.shape == (160, 2)
    assert xy.dtype == np.float32
    assert np.abs(xy).max() <= 1.0 + 1e-6
    assert kept_neighbours(xy, label) > 0.98


def test_the_rest_is_placed_among_its_like() -> None:
    vectors, label = clusters(6, 60)
    xy = map_coordinates.fn(vectors, most=90)
    assert np.isfinite(xy).all()
    assert kept_neighbours(xy, label) > 0.95


def test_the_same_vectors_give_the_same_map() -> None:
    vectors, _ = clusters(5, 16)
    frozen = vectors.copy()
    frozen.setflags(write=False)
    assert (map_coordinates.fn(vectors) == map_coordinates.fn(frozen)).all()
    assert (map_coordinates.fn(vectors, most=40) == map_coordinates.fn(vectors, most=40)).all()


@pytest.mark.parametrize("count", range(9))
def test_tiny_collections(count: int) -> None:
    vectors, _ = clusters(3, 3)
    xy = map_coordinates.fn(vectors[:count])
    assert xy.shape == (count, 2)
    assert np.isfinite(xy).all()
    assert len(np.unique(xy, axis=0)) == count


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((10, 4)), np.ones((12, 3), np.float16), np.eye(7), np.arange(9.0)[:, None], np.full((8, 2), np.nan)],
    ids=["zeros", "all equal", "orthogonal", "one dimension", "not a number"],
)
def test_degenerate_vectors_are_borne(vectors: np.ndarray) -> None:
    xy = map_coordinates.fn(vectors)
    assert xy.shape == (len(vectors), 2)
    assert np.isfinite(xy).all()


def test_a_new_picture_lies_among_its_like() -> None:
    vectors, label = clusters(6, 20)
    xy = map_coordinates.fn(vectors)
    places = place_on_map.fn(xy, vectors, vectors[::7] * np.float16(0.5))
    nearest = ((places[:, None] - xy[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (label[nearest] == label[::7]).all()


def test_new_pictures_on_an_empty_map_have_no_place() -> None:
    places = place_on_map.fn(np.empty((0, 2)), np.empty((0, 4)), np.ones((3, 4)))
    assert places.shape == (3, 2)
    assert np.isnan(places).all()
    assert place_on_map.fn(np.zeros((2, 2)), np.eye(2), np.empty((0, 2))).shape == (0, 2)


def test_anchors_without_coordinates_are_left_out() -> None:
    xy = np.array([[np.nan, 0], [0.5, 0.5]])
    assert place_on_map.fn(xy, np.eye(2), np.eye(2)) == pytest.approx(np.full((2, 2), 0.5))


def test_map_and_vectors_must_match() -> None:
    with pytest.raises(ValueError, match="2 coordinates for 3 vectors"):
        place_on_map.fn(np.zeros((2, 2)), np.zeros((3, 4)), np.zeros((1, 4)))


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_place_is_never_outside_its_anchors(count: int, dimensions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy, vectors = rng.normal(size=(count, 2)), rng.normal(size=(count, dimensions))
    places = place_on_map.fn(xy, vectors, rng.normal(size=(5, dimensions)))
    assert (places >= xy.min(axis=0) - 1e-4).all()
    assert (places <= xy.max(axis=0) + 1e-4).all()
