"""The rule for drift: its chance of a false alarm, what it sees, and what it leaves alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.drift import FEWEST, IN_A_ROW, alpha_of, judge, limit

ALPHA = alpha_of(100)


def quiet(seed: int, nights: int = 30) -> list[float]:
    return np.random.default_rng(seed).normal(20, 1, nights).tolist()


@pytest.mark.parametrize(("nights", "alpha"), [(10, 0.05), (19, 0.01), (28, 0.002)])
def test_the_limit_is_passed_as_often_as_it_says(nights: int, alpha: float) -> None:
    draws = np.random.default_rng(nights).standard_normal((200_000, nights + IN_A_ROW))
    before, last = draws[:, :nights], draws[:, nights:]
    away = (last - before.mean(1)[:, None]) / before.std(1, ddof=1)[:, None]
    c = limit(nights, alpha)
    share = ((away > c).all(1) | (away < -c).all(1)).mean()
    assert share == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 200_000))


def test_a_drift_is_told_in_its_third_night_and_not_before() -> None:
    values = np.array(quiet(3))
    values[19:] += 9
    told = [night for night in range(1, 31) if (judged := judge(values[:night], ALPHA)) and judged.drifted]
    assert told[0] == 22


@pytest.mark.parametrize("odd", [19, 20])
def test_one_odd_night_and_two_are_no_drift(odd: int) -> None:
    values = np.array(quiet(4))
    values[19 : odd + 1] += 50
    assert not any((judged := judge(values[:night], ALPHA)) and judged.drifted for night in range(1, 31))


def test_nights_that_are_odd_to_both_sides_are_no_drift() -> None:
    judged = judge([*quiet(5, 20), 60.0, -60.0, 60.0], ALPHA)
    assert judged is not None
    assert not judged.drifted


def test_what_the_interval_explains_is_no_drift() -> None:
    values = [20.0] * 15 + [20.5] * 3
    assert judge(values, ALPHA, error=1.0) is not None
    assert not judge(values, ALPHA, error=1.0).drifted  # type: ignore[union-attr]
    assert judge(values, ALPHA, error=0.01).drifted  # type: ignore[union-attr]


def test_too_few_nights_and_nothing_to_compare_with_are_not_judged() -> None:
    assert judge(quiet(6, FEWEST + IN_A_ROW - 1), ALPHA) is None
    assert judge(quiet(6, FEWEST + IN_A_ROW), ALPHA) is not None
    assert judge([1.0] * 20, ALPHA) is None
    assert judge([], ALPHA) is None
    assert judge([float("1e308"), -1e308] * 10, ALPHA) is None


def test_more_figures_make_wider_limits() -> None:
    assert limit(20, alpha_of(1)) < limit(20, alpha_of(100)) < limit(10, alpha_of(100))


@given(st.integers(0, 10_000), st.floats(0.1, 100), st.floats(-1000, 1000))
def test_units_do_not_matter(seed: int, factor: float, shift: float) -> None:
    values = np.array([*quiet(seed, 20), 27.0, 28.0, 27.5])
    judged, other = judge(values, ALPHA), judge(values * factor + shift, ALPHA)
    assert judged is not None
    assert other is not None
    assert judged.drifted == other.drifted
    assert other.low == pytest.approx(judged.low * factor + shift, rel=1e-6, abs=1e-6)
