"""Films without a revenue are compared with the others only where there are enough of them; R² pretends nothing."""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.movies.evaluation.missingness import FOLDS, Compared, Missingness, compare_missing
from tasks.cases.movies.evaluation.scores import r_squared
from tasks.cases.movies.features import describe_films
from tasks.cases.movies.sample import sample_movies


def compared(missing: int) -> Compared:
    frame = sample_movies(80, seed=5).frame
    films = frame.rename(columns={"Vote": "votes", "Genre": "genres"}).rename(columns=str.lower)
    lacks, known = films.head(missing), films.tail(60)
    predictions = pd.DataFrame({"predicted": known["revenue"] + 1, "low": 0.0, "high": 900.0})
    features = describe_films.fn(known, films), describe_films.fn(lacks, films)
    return compare_missing.fn(known, lacks, *features, predictions, 1)


@pytest.mark.parametrize("missing", [0, 1, FOLDS - 1])
def test_too_few_films_without_a_revenue_tell_nothing(missing: int) -> None:
    record = compared(missing).record
    assert record == Missingness(share=missing / (60 + missing))
    assert record.auc is None
    assert record.weighted_mean is None
    assert Missingness.model_validate_json(record.model_dump_json()) == record


def test_enough_films_without_a_revenue_tell_something() -> None:
    record = compared(FOLDS).record
    assert record.auc is not None
    assert record.weighted_rmse == pytest.approx(1)
    assert Missingness.model_validate_json(record.model_dump_json()) == record


def test_nothing_is_explained_where_the_mean_makes_no_error() -> None:
    assert r_squared(np.zeros(50), np.zeros(50)) == (0, 0, 0)
    assert r_squared(np.ones(50), np.zeros(50)) == (0, 0, 0)
    value, low, high = r_squared(np.full(50, 0.5), np.array([100.0, *[1e-28] * 49]))  # many draws lack the one film
    assert value == pytest.approx(0.75)
    assert 0 <= low <= value <= high < 1
