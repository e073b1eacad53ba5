"""The words of the movies report hold for the data that they stand beside."""

import pandas as pd
import pytest

from tasks.cases.movies.evaluation.missingness import Missingness
from tasks.cases.movies.report import error_section, intervals_section, limits_of, missing_section, models_section
from tasks.evaluation.metrics import Metric


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
    told = intervals_section(coverage(*shares), covered, 0.8).model_dump_json()
    assert words in told
    assert ("covered least" in told) == bool(words)
    assert ("greatest successes" in told) == ("greatest" in words)


def test_only_the_public_films_are_compared_with_their_published_analysis() -> None:
    candidates = pd.DataFrame({"model": ["ridge"], "rmse": [1.0], "mae": [1.0]})
    bands = pd.DataFrame({"band": ["0 to 100"], "all": [1.0], "train": [1.0], "test": [1.0]})
    told = {
        source: models_section(candidates, "ridge", bands, source).model_dump_json()
        for source in ("public", "sample", "a.csv")
    }
    assert "published analysis of these films" in told["public"]
    assert "fills missing revenues with the median and splits all films" in told["public"]
    assert "published" not in told["sample"] + told["a.csv"]


def test_the_limits_tell_what_is_used_of_test_films() -> None:
    lacking = Missingness.model_construct(auc=0.5)
    assert any("test films included" in limit for limit in limits_of(lacking))


METRICS = {
    name: Metric(name=name, value=value)
    for name, value in (("rmse", 9.0), ("mae", 5.0), ("coverage", 0.8), ("rmse_published_tree", 12.0))
}


def section(missing: int, lacking: Missingness) -> str:
    films = pd.DataFrame({"votes": range(1, 101), "revenue": [None] * missing + [5.0] * (100 - missing)})
    medians = pd.DataFrame({"feature": ["votes, median"], "with_revenue": [60.0], "without_revenue": [10.0]})
    return missing_section(films, lacking, medians, METRICS, 0.8).model_dump_json()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (0, "No film lacks a revenue."),
        (1, "has no revenue. Too few films lack a revenue to tell whether"),
        (4, "have no revenue. Too few films lack a revenue to tell whether"),
    ],
)
def test_nothing_is_found_where_hardly_a_film_lacks_a_revenue(missing: int, words: str) -> None:
    lacking = Missingness(share=missing / 100)
    told = section(missing, lacking)
    assert words in told
    assert not [claim for claim in ("AUC", "at random", "weighted", "None") if claim in told]
    assert not any("differ from them" in limit for limit in limits_of(lacking))


@pytest.mark.parametrize(("auc", "words"), [(0.5, "so it is missing at random as far as"), (0.7, "is not missing at")])
def test_what_is_found_of_missing_revenues_is_told(auc: float, words: str) -> None:
    lacking = Missingness(
        share=0.3, auc=auc, weighted_rmse=7, weighted_coverage=0.7, weighted_mean=4, effective_films=20
    )
    told = section(30, lacking)
    assert words in told
    assert f"AUC of {auc:.2f}" in told
    assert "earned 4.0 million dollars on average; on them the RMSE is 7.0 instead of 9.0" in told
    assert any("differ from them" in limit for limit in limits_of(lacking)) == (auc > 0.6)


def test_no_sentence_presumes_what_the_films_are_like() -> None:
    concentration = pd.DataFrame({"films": [0.0, 0.5, 1.0], "error": [0.0, 0.5, 1.0]})  # all errors are the same
    told = error_section(concentration, METRICS, 2).model_dump_json() + " ".join(limits_of(Missingness(share=0)))
    assert "blockbuster" not in told
    assert "years after" not in told
    assert "Votes may have been counted long after the release" in told
