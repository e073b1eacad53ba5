"""Kinds where there are kinds, none in single clouds of any shape, and clouds that keep values and correlations."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.training.clusters import choose_clusters, one_cloud, standardised, valley

N, COLUMNS = 240, 6


def kinds(chance: np.random.Generator, k: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    kind = chance.integers(0, k, N)
    axes = np.linalg.qr(chance.standard_normal((COLUMNS, COLUMNS)))[0]
    return chance.standard_normal((N, COLUMNS)) + apart / np.sqrt(2) * axes[kind], kind


CLOUDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "round": lambda chance: chance.standard_normal((N, COLUMNS)),
    "long": lambda chance: chance.standard_normal((N, COLUMNS)) + 2 * chance.standard_normal((N, 1)),
    "skewed": lambda chance: np.exp(chance.standard_normal((N, COLUMNS)) + chance.standard_normal((N, 1))),
    "heavy tails": lambda chance: chance.standard_normal((N, COLUMNS)) / np.sqrt(chance.chisquare(3, (N, 1)) / 3),
    "counts": lambda chance: chance.poisson(np.exp(0.5 * chance.standard_normal((N, 1))), (N, COLUMNS)).astype(float),
    "curved": lambda chance: _curved(chance),
}


def _curved(chance: np.random.Generator) -> np.ndarray:
    along = chance.uniform(-1, 1, N)
    noise = 0.3 * chance.standard_normal((N, COLUMNS))
    return noise + np.column_stack([2 * along, 2 * along**2, *[np.zeros(N)] * (COLUMNS - 2)])


@pytest.mark.parametrize("shape", CLOUDS)
def test_a_single_cloud_has_no_kinds(shape: str) -> None:
    found = [
        choose_clusters(standardised(CLOUDS[shape](np.random.default_rng(seed))), 6, thorough=False).judged.kinds
        for seed in range(4)
    ]
    assert found.count(1) >= 3


@pytest.mark.parametrize("k", [2, 3, 4])
def test_kinds_that_lie_apart_are_counted(k: int) -> None:
    space, _ = kinds(np.random.default_rng(k), k, 7.0)
    judged = choose_clusters(standardised(space), 6).judged
    assert judged.kinds == judged.candidate == k
    assert judged.beaten == 1
    assert judged.one_cloud is not None
    assert judged.silhouette > judged.one_cloud
    assert judged.between < judged.beside


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_cloud_keeps_the_values_and_about_the_correlations(seed: int) -> None:
    chance = np.random.default_rng(seed)
    space = np.column_stack([np.exp(CLOUDS["long"](chance)), CLOUDS["counts"](chance)[:, 0], np.ones(N)])
    cloud = one_cloud(space, chance)
    np.testing.assert_allclose(np.sort(cloud, axis=0), np.sort(standardised(space), axis=0))
    ours, theirs = (stats.spearmanr(table[:, :COLUMNS]).statistic for table in (space, cloud))
    assert np.abs(ours - theirs).max() < 0.3


def test_a_valley_is_counted_between_the_two_kinds_least_apart() -> None:
    line = np.array([*[0.0] * 20, *[0.5] * 3, *[1.0] * 12, *[9.0] * 30])[:, None]
    middle, beside, p = valley(line, np.array([[0.0], [1.0], [9.0]]))
    assert (middle, beside) == (3, 12)
    assert p == pytest.approx(stats.binom.cdf(3, 15, 0.5))
    even = np.linspace(0, 1, 101)[:, None]
    assert valley(even, np.array([[0.25], [0.75]]))[2] > 0.4


def test_what_cannot_be_parted_is_named() -> None:
    with pytest.raises(ValueError, match="all alike"):
        choose_clusters(np.zeros((40, 3)), 8)
