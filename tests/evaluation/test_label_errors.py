"""Planted wrong labels are found, and few others are suspected."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.calibration import softmax
from tasks.evaluation.label_errors import suspect_labels


def test_planted_wrong_labels_are_found_and_few_others() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 1_000)
    chances = softmax(np.eye(5)[truth] * 4 + rng.normal(0, 0.7, (1_000, 5)))
    labels = truth.copy()
    wrong = rng.permutation(1_000)[:30]
    labels[wrong] = (labels[wrong] + rng.integers(1, 5, 30)) % 5
    found = suspect_labels(chances, labels)
    assert len(set(found["case"]) & set(wrong)) >= 20
    assert len(set(found["case"]) - set(wrong)) <= 3
    assert (found["told"] != found["given"]).all()
    assert (truth[found["case"].head(20)] == found["told"].head(20)).all()


def test_classes_of_a_few_members_accuse_nobody() -> None:
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    assert suspect_labels(chances, np.array([0, 1, 1, 0])).empty


@given(st.integers(0, 40), st.integers(2, 6), st.integers(0, 9))
def test_any_input_gives_cases_of_it_at_most_once(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chances = softmax(rng.normal(0, 2, (count, classes))) if count else np.zeros((0, classes))
    labels = rng.integers(0, classes, count)
    found = suspect_labels(chances, labels)
    assert found["case"].is_unique
    assert set(found["case"]) <= set(range(count))
