"""Splits: nothing that is learned from comes after what is tested on."""

import pandas as pd
import pytest

from tasks.features.splits import split_in_time


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
