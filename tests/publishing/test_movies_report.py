"""The words of the movies report hold for the data that they stand beside."""

import pandas as pd
import pytest

from tasks.evaluation.metrics import Metric
from tasks.evaluation.missing import Missingness
from tasks.publishing.movies import _intervals, _limits, _models


def coverage(*shares: float) -> pd.DataFrame:
    groups = ["0 to 99 M$", "100 to 199 M$", "300 to 900 M$"][: len(shares)]
    rows = {"by": "actual revenue", "group": groups, "films": 50, "coverage": shares, "low": 0.1, "high": 0.9}
    return pd.DataFrame(rows | {"width": 9.0})


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((0.9, 0.8, 0.4), "films of 300 to 900 M$, the greatest successes, are covered least (40.0"),
        ((0.5, 0.8, 0.9), "films of 0 to 99 M$ are covered least (50.0"),
        ((0.8, 0.8), ""),
        ((0.8,), ""),
    ],
)
def test_the_films_that_are_covered_least_are_looked_up(shares: tuple[float, ...], words: str) -> None:
    covered = Metric(name="coverage", value=0.8, low=0.7, high=0.9, n=150)
    told = _intervals(coverage(*shares), covered, 0.8).model_dump_json()
    assert words in told
    assert ("covered least" in told) == bool(words)
    assert ("greatest successes" in told) == ("greatest" in words)


def test_only_the_public_films_are_compared_with_their_published_analysis() -> None:
    candidates = pd.DataFrame({"model": ["ridge"], "rmse": [1.0], "mae": [1.0]})
    bands = pd.DataFrame({"band": ["0 to 100"], "all": [1.0], "train": [1.0], "test": [1.0]})
    told = {
        source: _models(candidates, "ridge", bands, source).model_dump_json()
        for source in ("public", "sample", "a.csv")
    }
    assert "published analysis of these films" in told["public"]
    assert "fills missing revenues with the median and splits all films" in told["public"]
    assert "published" not in told["sample"] + told["a.csv"]


def test_the_limits_tell_what_is_used_of_test_films() -> None:
    lacking = Missingness.model_construct(auc=0.5)
    assert any("test films included" in limit for limit in _limits(lacking))
