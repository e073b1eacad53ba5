"""Whitening against known covariances, and on collections too small or too uniform to have one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tasks.features import whitening
from tasks.features.whitening import Whitening, apply_whitening, fit_whitening, shrinkage
from tasks.platform.errors import IntegrityError

fit, apply = fit_whitening.fn, apply_whitening.fn


def gaussian(count: int, features: int, seed: int = 1) -> np.ndarray:
    """Return correlated Gaussian rows with a large mean."""
    chance = np.random.default_rng(seed)
    turn = np.linalg.qr(chance.standard_normal((features, features)))[0]
    return (chance.standard_normal((count, features)) * np.geomspace(3, 0.5, features) @ turn + 5).astype(np.float32)


def test_full_whitening_gives_the_identity():
    raw = gaussian(20_000, 12)
    white = fit(raw, 12, strength=1.0).project(raw)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(np.cov(white.T), np.eye(12), atol=0.03)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_strength_is_the_power_of_the_variance_that_goes(strength: float):
    raw = gaussian(20_000, 12)
    variances = np.sort(np.linalg.eigvalsh(np.cov(raw.T)))[::-1]
    white = fit(raw, 12, strength=strength).project(raw)
    np.testing.assert_allclose(np.var(white, axis=0), variances ** (1 - strength), rtol=0.03)


def test_the_components_of_a_known_plane_are_found():
    chance = np.random.default_rng(2)
    plane = np.linalg.qr(chance.standard_normal((30, 2)))[0]
    raw = chance.standard_normal((500, 2)) * [4, 2] @ plane.T + 7
    fitted = fit(raw, 10)
    assert fitted.dimensions == 2
    np.testing.assert_allclose(fitted.components @ fitted.components.T, plane @ plane.T, atol=1e-4)


def test_rows_and_columns_give_the_same(monkeypatch: pytest.MonkeyPatch):
    raw = gaussian(60, 60).astype(np.float64)
    mean = raw.mean(axis=0)
    by_rows, by_covariance = whitening.spectrum_by_rows(raw, mean, 40), whitening.spectrum_by_covariance(raw, mean, 40)
    np.testing.assert_allclose(by_rows.values, by_covariance.values, rtol=1e-4)
    overlap = np.abs((by_rows.vectors[:, :10] * by_covariance.vectors[:, :10]).sum(axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-3)
    for name in ("trace", "square", "fourth"):
        assert getattr(by_rows, name) == pytest.approx(getattr(by_covariance, name), rel=1e-4)


def test_many_dimensions_give_nearly_the_exact_spectrum(monkeypatch: pytest.MonkeyPatch):
    raw = np.random.default_rng(6).standard_normal((900, 300)) * np.geomspace(5, 0.2, 300)
    exact = fit(raw, 40)
    monkeypatch.setattr(whitening, "EXACT", 100)
    quick = fit(raw, 40)
    np.testing.assert_allclose(quick.scale, exact.scale, rtol=1e-3)
    first, second = apply(raw, exact).astype(np.float32), apply(raw, quick).astype(np.float32)
    np.testing.assert_allclose(first @ first.T, second @ second.T, atol=0.02)
    assert np.array_equal(fit(raw, 40).components, quick.components)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    raw = gaussian(1000, 8).astype(np.float16)
    whole = apply(raw, fit(raw, 4))
    monkeypatch.setattr(whitening, "BLOCK", 77)
    np.testing.assert_allclose(apply(raw, fit(raw, 4)).astype(np.float32), whole.astype(np.float32), atol=2e-3)


@pytest.mark.parametrize(("count", "features"), [(40, 100), (300, 100), (5000, 100)])
def test_the_shrinkage_is_that_of_scikit_learn(count: int, features: int):
    from sklearn.covariance import ledoit_wolf_shrinkage

    raw = np.random.default_rng(3).standard_normal((count, features)) * np.geomspace(3, 0.1, features)
    centred = raw - raw.mean(axis=0)
    covariance = centred.T @ centred / count
    fourth = float(((centred**2).sum(axis=1) ** 2).mean())
    assert shrinkage(np.trace(covariance), (covariance**2).sum(), fourth, count, features) == pytest.approx(
        ledoit_wolf_shrinkage(centred, assume_centered=True)
    )


def test_shrinkage_falls_with_the_number_of_rows():
    shares = []
    for count in (20, 200, 2000):
        raw = gaussian(count, 20)
        found = whitening.spectrum_by_covariance(raw, raw.mean(axis=0), 20)
        shares.append(shrinkage(found.trace, found.square, found.fourth, count, 20))
    assert shares[0] > shares[1] > shares[2] > 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_few_pictures_give_finite_vectors(count: int):
    raw = gaussian(max(count, 1), 50)[:count]
    fitted = fit(raw, 256)
    vectors = apply(raw, fitted)
    assert fitted.dimensions == (count - 1 if count >= 2 else 50)  # of fewer than two, the features themselves
    assert vectors.shape == (count, fitted.dimensions)
    assert np.isfinite(vectors).all()
    if count >= 2:
        np.testing.assert_allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=2e-3)


@pytest.mark.parametrize("count", [2, 40, 3000])
def test_pictures_that_are_all_the_same_give_no_nan(count: int):
    raw = np.full((count, 30), 0.3, np.float16)
    fitted = fit(raw, 16)
    assert np.isfinite(fitted.scale).all()
    vectors = apply(raw, fitted)
    assert np.isfinite(vectors).all()
    new = fitted.apply(gaussian(3, 30))
    assert np.isfinite(new).all()


def test_duplicates_and_constant_features_are_no_directions():
    two = gaussian(2, 40)
    raw = np.repeat(two, 50, axis=0)
    raw[:, 7] = 3.0
    fitted = fit(raw, 16)
    assert fitted.dimensions == 1
    vectors = apply(raw, fitted)
    np.testing.assert_array_equal(vectors[:50], vectors[:1].repeat(50, axis=0))
    assert float(vectors[0] @ vectors[99]) == pytest.approx(-1)


def test_moving_and_turning_the_features_changes_nothing():
    raw = gaussian(400, 10).astype(np.float64)
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((10, 10)))[0]
    one = apply(raw, fit(raw, 10)).astype(np.float32)
    other = apply(raw @ turn + 100, fit(raw @ turn + 100, 10)).astype(np.float32)
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=0.02)


def test_the_order_of_the_rows_changes_nothing():
    raw = gaussian(300, 10)
    order = np.random.default_rng(0).permutation(300)
    one, other = apply(raw, fit(raw, 6)), apply(raw[order], fit(raw[order], 6))
    np.testing.assert_allclose(one[order].astype(np.float32), other.astype(np.float32), atol=4e-3)


def test_save_and_load(tmp_path: Path):
    raw = gaussian(100, 20)
    fitted = fit(raw, 8)
    fitted.save(tmp_path / "w")
    assert {file.suffix for file in (tmp_path / "w").iterdir()} == {".npy", ".json"}
    loaded = Whitening.load(tmp_path / "w")
    np.testing.assert_array_equal(loaded.apply(raw), fitted.apply(raw))


@pytest.mark.parametrize("damage", ["missing", "cut", "nan", "shape", "pickle"])
def test_a_damaged_folder_is_refused(tmp_path: Path, damage: str):
    fit(gaussian(100, 20), 8).save(tmp_path)
    file = tmp_path / "scale.npy"
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    elif damage == "nan":
        np.save(file, np.full(8, np.nan, np.float32))
    elif damage == "shape":
        np.save(file, np.ones(7, np.float32))
    else:
        np.save(file, np.array([{}], object), allow_pickle=True)
    with pytest.raises(IntegrityError, match="run again"):
        Whitening.load(tmp_path)


def test_other_features_are_refused():
    fitted = fit(gaussian(100, 20), 8)
    for shape in ((3, 19), (3, 21), (20,)):
        with pytest.raises(ValueError, match="20 features"):
            fitted.apply(np.zeros(shape, np.float32))


def test_inputs_are_not_written_to(tmp_path: Path):
    np.save(tmp_path / "raw.npy", gaussian(500, 20).astype(np.float16))
    raw = np.load(tmp_path / "raw.npy", mmap_mode="r")
    vectors = apply(raw, fit(raw, 8))
    assert vectors.dtype == np.float16
    assert isinstance(vectors, np.memmap)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(-100, 100, width=16),
    ),
    st.integers(1, 20),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_any_features_give_unit_vectors(raw: np.ndarray, dimensions: int, strength: float):
    fitted = fit(raw, dimensions, strength)
    assert 1 <= fitted.dimensions <= min(dimensions, raw.shape[1])
    vectors = fitted.apply(raw).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.isclose(lengths, 1, atol=5e-3).all()
