"""Splits: nothing that is learned from comes after what is tested on."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.features.splits import LEARN, TEST, VALIDATE, grouped_folds, split_in_time, stratified_parts


@pytest.mark.parametrize(("share", "learned"), [(0.8, 8), (0.5, 5), (0.15, 2)])
def test_the_earliest_rows_are_learned_from(share: float, learned: int) -> None:
    rows = pd.DataFrame({"at": [9, 1, 8, 2, 7, 3, 6, 4, 5, 0], "value": range(10)})
    train, test = split_in_time.fn(rows, "at", share)
    assert train["at"].tolist() == list(range(learned))
    assert test["at"].tolist() == list(range(learned, 10))
    assert test.index[0] == 0


def test_rows_of_one_time_stay_together() -> None:
    train, test = split_in_time.fn(pd.DataFrame({"at": [1, 2, 2, 2, 3]}), "at", 0.6)
    assert train["at"].tolist() == [1]
    assert test["at"].tolist() == [2, 2, 2, 3]


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    together=st.integers(1, 4),
    share=st.sampled_from([0.0, 0.1, 0.2, 0.5]),
    seed=st.integers(0, 3),
)
def test_no_group_is_parted_and_each_class_that_can_be_is_in_both_parts(
    sizes: list[int], together: int, share: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    groups = np.arange(len(labels)) // together * 1_000 + labels  # runs of a class share a group
    parts = stratified_parts(labels, groups, share, 0.1, seed)
    for group in np.unique(groups):
        assert len(set(parts[groups == group])) == 1
    for label in range(len(sizes)):
        of_class, count = parts[labels == label], len(np.unique(groups[labels == label]))
        assert (of_class == LEARN).any()
        assert (of_class == TEST).any() == (share > 0 and count > 1)
    np.testing.assert_array_equal(parts, stratified_parts(labels, groups, share, 0.1, seed))


def test_shares_are_kept_for_each_class_and_validation_has_a_most() -> None:
    labels = np.repeat([0, 1], [20_000, 4_000])
    parts = stratified_parts(labels, np.arange(24_000), 0.25, 0.1, 0, most_validation=900)
    for label in (0, 1):
        assert (parts[labels == label] == TEST).mean() == pytest.approx(0.25, abs=0.001)
    assert (parts == VALIDATE).sum() == pytest.approx(900, abs=2)


@pytest.mark.parametrize("sizes", [[3] * 200, [4, 3, 2, 1] * 50, [2] * 100])
def test_classes_too_small_for_a_share_keep_some_aside_together(sizes: list[int]) -> None:
    """A network that nothing was kept aside for had no temperature: its chances were off by 22 %."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    parts = stratified_parts(labels, np.arange(len(labels)), 0.0, 0.1, 0)
    assert (parts == VALIDATE).mean() == pytest.approx(0.1, abs=0.02)
    assert np.bincount(labels[parts == LEARN], minlength=len(sizes)).min() >= 1
    assert np.bincount(labels[parts == VALIDATE]).max() == 1
    lone = np.arange(30)
    assert (stratified_parts(lone, lone, 0.0, 0.1, 0) == LEARN).all()


def test_large_groups_do_not_overshoot_the_share() -> None:
    labels = np.zeros(1_000, int)
    groups = np.concatenate([np.zeros(300, int), np.arange(1, 701)])
    shares = [(stratified_parts(labels, groups, 0.2, 0.0, seed) == TEST).mean() for seed in range(20)]
    assert all(0.05 <= share <= 0.4 for share in shares)


def test_folds_hold_each_class_and_no_parted_group() -> None:
    labels = np.repeat(np.arange(6), [50, 50, 5, 5, 2, 1])
    groups = np.arange(len(labels)) // 2
    folds = grouped_folds(labels, groups, 5, 1)
    assert set(folds) == set(range(5))
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    assert set(folds[labels == 0]) == set(range(5))
