"""A temperature that was planted is found; told chances that are right have a small error, others a large one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.calibration import (
    calibration_error,
    calibration_null,
    fit_temperature,
    log_loss,
    reliability,
    softmax,
)


def drawn(count: int, classes: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too large, and labels drawn from the true chances."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1.5, (count, classes))
    chances = softmax(true)
    labels = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1).clip(0, classes - 1)
    return true * temperature, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_found(temperature: float) -> None:
    logits, labels = drawn(20_000, 6, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.06)


def test_the_fitted_temperature_mends_the_calibration() -> None:
    logits, labels = drawn(8_000, 10, 4.0, 3)
    fitted = fit_temperature(logits[:4_000], labels[:4_000])

    def error(temperature: float) -> float:
        chances = softmax(logits[4_000:], temperature)
        return calibration_error(chances.max(axis=1), chances.argmax(axis=1) == labels[4_000:])

    assert error(fitted) < 0.03 < error(1.0)


def test_nothing_to_fit_on_leaves_the_logits_as_they_are() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


def test_separated_classes_stay_within_the_bounds() -> None:
    logits = np.eye(3)[[0, 1, 2, 0]] * 5
    assert 0.01 < fit_temperature(logits, np.array([0, 1, 2, 0])) < 60


def test_the_error_is_that_of_a_loop_over_equal_parts() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(400)
    right = rng.random(400) < 0.6
    order = np.argsort(confidence, kind="stable")
    parts = [order[[i for i in range(400) if i * 15 // 400 == part]] for part in range(15)]
    expected = sum(len(part) / 400 * abs(confidence[part].mean() - right[part].mean()) for part in parts)
    assert calibration_error(confidence, right) == pytest.approx(expected)


def test_a_perfect_model_shows_no_more_than_chance() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.3, 1, 5_000)
    found = calibration_error(confidence, rng.random(5_000) < confidence)
    null = calibration_null(confidence)
    assert 0 < found < 3 * null
    assert calibration_error(confidence, np.zeros(5_000)) == pytest.approx(confidence.mean())


@given(st.integers(1, 300), st.integers(0, 5))
def test_the_rows_of_reliability_hold_each_case_once(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence, right = rng.random(count), rng.random(count) < 0.5
    rows = reliability(confidence, right)
    assert rows["n"].sum() == count
    assert ((rows["low"] <= rows["happened"]) & (rows["happened"] <= rows["high"])).all()
    assert rows["told"].is_monotonic_increasing


def test_softmax_of_large_logits_is_finite_and_its_loss_the_logarithm() -> None:
    logits = np.array([[1e4, 0.0], [0.0, -1e4], [1.0, 2.0]])
    chances = softmax(logits)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert log_loss(logits[2:], np.array([1])) == pytest.approx(-np.log(chances[2, 1]))
