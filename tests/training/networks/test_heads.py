"""A head tells classes that lie apart; its answers for its own cases are by heads that have not seen them."""

from pathlib import Path

import numpy as np
import pytest

from tasks.platform.errors import IntegrityError
from tasks.training.networks.heads import LinearHead, fit_head, fit_linear, leave_classes_out


def clouds(each: int, classes: int = 4, spread: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 1, (classes, 20))
    labels = np.repeat(np.arange(classes), each)
    return (centres[labels] + rng.normal(0, spread, (len(labels), 20))).astype(np.float32), labels


def test_ten_of_each_class_are_enough_for_clouds_that_lie_apart() -> None:
    rows, labels = clouds(10)
    headed = fit_head(rows, labels, 4)
    others, truth = clouds(100, seed=5)
    assert (headed.head.logits(others).argmax(axis=1) == truth).mean() > 0.95
    assert (headed.out_of_fold.argmax(axis=1) == labels).mean() > 0.9


def test_answers_in_cross_validation_are_not_those_of_a_head_that_has_seen_the_case() -> None:
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(200, 150)).astype(np.float32), rng.integers(0, 2, 200)
    headed = fit_head(rows, labels, 2)
    seen = (headed.head.logits(rows).argmax(axis=1) == labels).mean()
    unseen = (headed.out_of_fold.argmax(axis=1) == labels).mean()
    assert seen > 0.75 > 0.62 > unseen  # noise can be learned by heart, and not foreseen


def test_near_duplicates_stand_in_one_fold() -> None:
    rng = np.random.default_rng(2)
    half, labels = rng.normal(size=(100, 60)).astype(np.float32), rng.integers(0, 2, 100)
    rows, twice = np.concatenate([half, half]), np.concatenate([labels, labels])
    together = fit_head(rows, twice, 2, np.tile(np.arange(100), 2)).out_of_fold
    parted = fit_head(rows, twice, 2).out_of_fold
    assert (together.argmax(axis=1) == twice).mean() < 0.65 < (parted.argmax(axis=1) == twice).mean()


@pytest.mark.parametrize("there", [[0], [1, 3], [0, 1, 2]])
def test_a_class_without_a_case_is_never_told(there: list[int]) -> None:
    rows, labels = clouds(8)
    kept = np.isin(labels, there)
    weights, bias = fit_linear(rows[kept], labels[kept], 5, 10.0)
    told = (rows @ weights + bias).argmax(axis=1)
    assert set(told) <= set(there)
    assert (told[kept] == labels[kept]).mean() > 0.9


def test_classes_that_are_left_out_are_answered_by_heads_that_never_saw_them() -> None:
    rows, labels = clouds(12, classes=6)
    seen = []
    for numbers, answers in leave_classes_out(rows, labels, 6, 10.0, 0):
        assert not set(answers.argmax(axis=1)) & set(labels[numbers])
        seen += numbers.tolist()
    assert sorted(seen) == list(range(len(labels)))


def test_a_stored_head_answers_the_same_and_a_damaged_one_not_at_all(tmp_path: Path) -> None:
    rows, labels = clouds(10)
    head = fit_head(rows, labels, 4).head
    head.save(tmp_path / "head")
    np.testing.assert_array_equal(LinearHead.load(tmp_path / "head").logits(rows), head.logits(rows))
    np.save(tmp_path / "head" / "bias.npy", np.full(4, np.nan, np.float32))
    with pytest.raises(IntegrityError):
        LinearHead.load(tmp_path / "head")
    (tmp_path / "head" / "bias.npy").unlink()
    with pytest.raises(IntegrityError):
        LinearHead.load(tmp_path / "head")
