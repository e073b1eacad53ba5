"""Intervals: they cover the truth as often as they say, widen for groups, and claim nothing they cannot know."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.evaluation.intervals import bootstrap, cautious_difference, exact_binomial, mean_metric, paired_difference
from tasks.platform.errors import UsageError


def coverage(draw, truth, runs=300, **options):
    held = 0
    for run in range(runs):
        values, more = draw(np.random.default_rng(run))
        low, high = bootstrap(values, resamples=400, **more, **options)
        held += low <= truth <= high
    return held / runs


@pytest.mark.parametrize(
    ("draw", "truth", "level"),
    [
        (lambda chance: chance.normal(3, 2, 60), 3, 0.95),
        (lambda chance: chance.exponential(1, 100), 1, 0.95),
        (lambda chance: (chance.random(80) < 0.8) * 1.0, 0.8, 0.95),
        (lambda chance: chance.normal(3, 2, 60), 3, 0.6),
    ],
)
def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says(draw, truth, level):
    assert abs(coverage(lambda chance: (draw(chance), {}), truth, level=level) - level) < 0.05


def test_the_interval_of_a_median_covers_the_truth():
    found = coverage(lambda chance: (chance.normal(0, 1, 61), {}), 0, statistic=np.median)
    assert 0.90 < found < 0.99


def of_groups(chance):
    effects = np.repeat(chance.normal(0, 1, 40), 6)
    return effects + chance.normal(0, 0.3, 240), np.repeat(np.arange(40), 6)


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_groups_must_be_drawn_together(statistic):
    """Six pictures each of forty scenes are forty independent cases, not 240."""
    runs = 100 if statistic is np.mean else 60
    right = coverage(lambda c: ((one := of_groups(c))[0], {"groups": one[1]}), 0, runs, statistic=statistic)
    naive = coverage(lambda c: (of_groups(c)[0], {}), 0, runs, statistic=statistic)
    assert right > 0.87
    assert naive < 0.72


def test_groups_of_different_size_and_any_label():
    values = np.concatenate([np.zeros(50), np.ones(10), np.zeros(3), np.ones(3)])
    groups = np.array(["a"] * 50 + ["b"] * 10 + ["c"] * 3 + ["d"] * 3)
    low, high = bootstrap(values, groups=groups)
    assert low < 0.05
    assert high > 0.6
    mixed = np.random.default_rng(0).permutation(len(values))
    assert bootstrap(values[mixed], groups=groups[mixed]) == pytest.approx((low, high))


def test_a_group_each_is_no_group():
    values = np.random.default_rng(0).random(50)
    assert bootstrap(values, groups=np.arange(50)) == pytest.approx(bootstrap(values), abs=1e-12)


@pytest.mark.parametrize("n", [1000, 1001, 7000])
def test_large_samples_agree_with_the_normal_interval(n):
    values = np.random.default_rng(2).random(n)
    half = 1.96 * values.std(ddof=1) / np.sqrt(n)
    assert bootstrap(values) == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 5)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    values = np.random.default_rng(0).random(30)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_what_one_case_cannot_tell_is_not_a_number():
    assert np.isnan(bootstrap([0.4])).all()
    assert np.isnan(bootstrap([0.1, 0.9, 0.4], groups=["one", "one", "one"])).all()


def test_equal_values_have_no_spread():
    assert bootstrap([0.3] * 5) == (0.3, 0.3)
    assert bootstrap(np.ones(5000)) == (1, 1)
    assert bootstrap([0.5, 0.5, 0.5, 0.5], groups=[1, 1, 2, 2]) == (0.5, 0.5)


def test_groups_that_agree_while_their_cases_differ():
    assert bootstrap([0.0, 1.0] * 4, groups=[1, 1, 2, 2, 3, 3, 4, 4]) == pytest.approx((0.5, 0.5))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=2, max_size=12),
    st.sampled_from([np.mean, np.median, np.max]),
    st.integers(1, 5),
)
def test_the_interval_of_any_values_lies_within_them(values, statistic, groups):
    codes = None if groups == 5 else np.arange(len(values)) % (groups + 1)
    low, high = bootstrap(values, statistic, resamples=50, groups=codes)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([], {}),
        ([[1.0, 2.0]], {}),
        ([1.0, np.nan], {}),
        ([1.0, np.inf], {}),
        ([1.0, 2.0], {"level": 1.0}),
        ([1.0, 2.0], {"level": 0.0}),
        ([1.0, 2.0], {"groups": [1]}),
    ],
)
def test_what_has_no_interval_is_refused(values, options):
    with pytest.raises(UsageError):
        bootstrap(values, **options)


def test_exact_binomial_is_clopper_and_pearsons():
    # Closed forms of the extremes, and table values for 8 of 10.
    assert exact_binomial(0, 20) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert exact_binomial(20, 20) == pytest.approx((0.025 ** (1 / 20), 1))
    assert exact_binomial(8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)


@given(st.integers(1, 60), st.floats(0.02, 0.98))
@settings(max_examples=40, deadline=None)
def test_exact_binomial_never_covers_less_than_it_says(n, share):
    from scipy import stats

    held = [exact_binomial(hits, n) for hits in range(n + 1)]
    covered = sum(stats.binom.pmf(hits, n, share) for hits, (low, high) in enumerate(held) if low <= share <= high)
    assert covered >= 0.95 - 1e-9


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_shares_are_refused(successes, n):
    with pytest.raises(UsageError):
        exact_binomial(successes, n)


def test_pairing_shows_a_small_difference_that_the_spread_of_cases_hides():
    chance = np.random.default_rng(4)
    hard = chance.normal(0, 1, 300)
    a, b = hard + 0.05 + chance.normal(0, 0.1, 300), hard + chance.normal(0, 0.1, 300)
    paired = paired_difference(a, b)
    assert paired.low > 0
    assert paired.low < paired.value < paired.high
    assert paired.value == pytest.approx(a.mean() - b.mean())
    apart = bootstrap(a)
    assert apart[0] < b.mean() < apart[1]


def test_no_difference_is_found_where_there_is_none():
    wrong = 0
    for run in range(200):
        chance = np.random.default_rng(run)
        found = paired_difference(chance.random(50), chance.random(50), resamples=300)
        wrong += not found.low <= 0 <= found.high
    assert wrong / 200 < 0.11
    assert paired_difference([1.0, 2.0], [1.0, 2.0]) == (0, 0, 0)


def test_scores_of_other_cases_are_refused():
    with pytest.raises(UsageError, match="same cases"):
        paired_difference([1.0, 2.0], [1.0])


def test_a_mean_is_told_with_its_interval_and_what_the_others_reach() -> None:
    scores = np.r_[1.0:21.0]
    metric = mean_metric("mae", scores, baseline=scores + 2, unit="€")
    assert (metric.value, metric.n, metric.baseline, metric.champion) == (10.5, 20, 12.5, None)
    assert (metric.low, metric.high) == bootstrap(scores)
    grouped = mean_metric("mae", scores, np.arange(20) // 5, champion=scores)
    assert (grouped.low, grouped.high) == bootstrap(scores, groups=np.arange(20) // 5)
    assert grouped.champion == 10.5


def test_the_cautious_interval_is_students_for_many_cases_and_no_narrower_for_few() -> None:
    rng = np.random.default_rng(3)
    many, few = rng.normal(1, 2, 20_000), rng.normal(1, 2, 25)
    student = stats.ttest_1samp(many, 0).confidence_interval(0.98)
    found = cautious_difference(many, np.zeros(20_000), 0.98)
    assert (found.low, found.high) == pytest.approx((student.low, student.high))
    student = stats.ttest_1samp(few, 0).confidence_interval(0.98)
    found = cautious_difference(few, np.zeros(25), 0.98)
    assert found.low <= student.low + 1e-9
    assert found.high >= student.high - 1e-9


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.integers(1, 4))
@settings(max_examples=30)
def test_the_cautious_interval_holds_its_value_whatever_the_differences(values: list[float], size: int) -> None:
    a = np.array(values)
    groups = np.arange(len(a)) // size
    found = cautious_difference(a, np.zeros(len(a)), 0.98, groups=groups)
    if groups.max() == 0:
        assert np.isnan(found.low)
    else:
        assert found.low <= found.value <= found.high
        assert np.isfinite([found.low, found.high]).all()
    assert found.value == pytest.approx(a.mean(), abs=1e-6)


def test_differences_that_are_all_the_same_are_sure() -> None:
    assert cautious_difference(np.full(20, 2.0), np.ones(20), 0.98) == (1.0, 1.0, 1.0)


def test_one_great_group_is_one_case_however_many_it_holds() -> None:
    groups = np.repeat(np.arange(20), [1000, *[1] * 19])
    gain = np.where(groups == 0, 0.2, np.random.default_rng(0).normal(0, 0.1, 1019))
    assert paired_difference(gain, np.zeros(1019)).low > 0.15
    assert cautious_difference(gain, np.zeros(1019), 0.98, groups=groups).low < 0.05


@pytest.mark.parametrize("grouped", [False, True])
def test_draws_that_are_kept_give_the_interval_of_draws_made_anew(grouped):
    """Means over many cases share their draws, which are those of SciPy."""
    chance = np.random.default_rng(3)
    values = chance.exponential(1, 4000)
    codes = np.concatenate([np.arange(1500), chance.integers(0, 1500, 2500)]) if grouped else np.arange(4000)
    sums, counts = np.bincount(codes, values), np.bincount(codes).astype(float)
    known = stats.bootstrap(
        (sums, counts),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        method="percentile",
        n_resamples=2000,
        batch=500,
        rng=np.random.default_rng(19_790_101),
    ).confidence_interval
    assert bootstrap(values, groups=codes if grouped else None) == pytest.approx(tuple(known), abs=1e-9)
