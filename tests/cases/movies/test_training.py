"""Are known revenues recovered, do intervals cover what they promise, and can the models be stored?"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.movies.evaluation.missingness import compare_missing
from tasks.cases.movies.evaluation.scores import (
    coverage_by_size,
    error_concentration,
    is_inside,
    r_squared,
    share_of_worst,
)
from tasks.cases.movies.features import SplitFilms, describe_films, published_bands, split_films
from tasks.cases.movies.report import fill_revenue
from tasks.cases.movies.sample import expected_revenue, sample_movies, true_quantile
from tasks.cases.movies.training import (
    Calibration,
    Retransformation,
    calibrate,
    compare_models,
    fit_back,
    fit_intervals,
    fit_model,
    predict_revenue,
    score_model,
    to_dollars,
)

LEVEL = 0.8


class Trained(NamedTuple):
    split: SplitFilms
    train: pd.DataFrame
    test: pd.DataFrame
    candidates: Any
    fitted: Any
    ends: Any
    predictions: pd.DataFrame
    centre: np.ndarray  # of the test films


@pytest.fixture(scope="module")
def trained() -> Trained:
    drawn = sample_movies(1_000, seed=3)
    names = {"Vote": "votes", "Genre": "genres"} | {
        name: name.lower() for name in drawn.frame if name not in {"Vote", "Genre"}
    }
    films = drawn.frame.rename(columns=names)
    films["revenue"] = films["revenue"].mask(drawn.missing)
    split = split_films.fn(films, 0.6, 1)
    train, test = describe_films.fn(split.train, films), describe_films.fn(split.test, films)
    candidates = compare_models.fn(train, split.train, 1)
    fitted = fit_model.fn(train, split.train, candidates.out_of_fold, "ridge", 1)
    ends = fit_intervals.fn(train, split.train, candidates.out_of_fold, fitted.back, "ridge", LEVEL, 1)
    predictions = predict_revenue.fn(test, fitted.model, fitted.back, ends.low, ends.high, ends.calibration)
    centre = drawn.centre[split.test["rank"].to_numpy() - 1]
    return Trained(split, train, test, candidates, fitted, ends, predictions, centre)


def test_the_formula_of_the_sample_is_recovered_nearly_as_well_as_it_can_be(trained: Trained) -> None:
    revenue = trained.split.test["revenue"].to_numpy()
    spread = np.sum((revenue - trained.split.train["revenue"].mean()) ** 2)
    best = 1 - np.sum((revenue - expected_revenue(trained.centre)) ** 2) / spread
    reached = 1 - np.sum((revenue - trained.predictions["predicted"]) ** 2) / spread
    assert 0.55 < best < 0.9
    assert best - 0.08 < reached < best + 0.05


def test_intervals_cover_and_are_hardly_wider_than_the_true_ones(trained: Trained) -> None:
    revenue = trained.split.test["revenue"].to_numpy()
    covered = is_inside(revenue, trained.predictions).mean()
    assert abs(covered - LEVEL) < 3.3 * np.sqrt(LEVEL * (1 - LEVEL) * (1 / len(revenue) + 1 / len(trained.train)))
    true_width = np.mean(true_quantile(trained.centre, 0.9) - true_quantile(trained.centre, 0.1))
    assert np.mean(trained.predictions["high"] - trained.predictions["low"]) < 1.25 * true_width
    assert (trained.predictions["low"] >= 0).all()
    assert (trained.predictions["low"] <= trained.predictions["high"]).all()


def test_every_model_beats_the_mean_and_a_refit_gives_the_same(trained: Trained) -> None:
    assert sorted(trained.candidates.table["model"]) == ["blend", "boosting", "forest", "ridge"]
    assert trained.candidates.table["rmse"].is_monotonic_increasing
    assert trained.candidates.table["rmse"].max() < 0.75 * trained.split.train["revenue"].std()
    again = score_model.fn(trained.train, trained.split.train, trained.test, 1, "ridge")
    np.testing.assert_allclose(again, trained.predictions["predicted"], rtol=1e-9)


def test_test_films_change_nothing_in_training(trained: Trained) -> None:
    """Other revenues of test films: the same split, the same features, and a model that predicts the same."""
    films = pd.concat(trained.split[:3]).sort_values("rank", ignore_index=True)
    predicted = {}
    for name, part in (("none", None), ("test", trained.split.test), ("train", trained.split.train)):
        spoilt = films.copy()
        if part is not None:  # within its band, or the split itself would be another
            of_part = films["rank"].isin(part["rank"])
            spoilt.loc[of_part, "revenue"] = published_bands(films.loc[of_part, "revenue"].to_numpy()) * 100.0 + 50
        split = split_films.fn(spoilt, 0.6, 1)
        assert split.train["rank"].tolist() == trained.split.train["rank"].tolist()
        train, test = (describe_films.fn(rows, spoilt) for rows in (split.train, split.test))
        pd.testing.assert_frame_equal(train, trained.train)
        pd.testing.assert_frame_equal(test, trained.test)
        predicted[name] = score_model.fn(train, split.train, test, 1, "ridge")
    np.testing.assert_array_equal(predicted["test"], predicted["none"])
    assert not np.allclose(predicted["train"], predicted["none"])  # a changed training revenue does show


def test_models_survive_the_store(trained: Trained, tmp_path: Path) -> None:
    from tasks.platform.store import Store

    place = Store(str(tmp_path / "store"))
    models = [
        place.load(place.put(model, "test", str(i) * 40), Any)
        for i, model in enumerate((trained.fitted.model, trained.ends.low, trained.ends.high))
    ]
    again = predict_revenue.fn(
        trained.test, models[0], trained.fitted.back, models[1], models[2], trained.ends.calibration
    )
    pd.testing.assert_frame_equal(again, trained.predictions)


def test_filled_table_is_complete_and_ordered(trained: Trained) -> None:
    films = trained.split.missing
    features = describe_films.fn(films, films)
    ends = trained.ends
    predicted = predict_revenue.fn(
        features, trained.fitted.model, trained.fitted.back, ends.low, ends.high, ends.calibration
    )
    table = fill_revenue.fn(films, predicted)
    assert sorted(table["rank"]) == sorted(films["rank"])
    assert table["predicted"].is_monotonic_decreasing
    assert table[["predicted", "low", "high"]].notna().all(axis=None)
    none = predict_revenue.fn(
        features.head(0), trained.fitted.model, trained.fitted.back, ends.low, ends.high, ends.calibration
    )
    assert len(fill_revenue.fn(films.head(0), none)) == 0


def test_missing_not_at_random_is_seen(trained: Trained) -> None:
    missing = describe_films.fn(trained.split.missing, trained.split.missing)
    columns = {"films_of_director", "director_log_votes", "films_of_series"}  # they depend on the list
    told = compare_missing.fn(
        trained.split.test,
        trained.split.missing,
        trained.test.assign(**dict.fromkeys(columns, 0.0)),
        missing.assign(**dict.fromkeys(columns, 0.0)),
        trained.predictions,
        1,
    )
    assert told.record.auc > 0.65
    assert told.record.weighted_mean < trained.split.test["revenue"].mean()
    assert told.record.effective_films <= len(trained.test)
    half = len(trained.test) // 2
    same = compare_missing.fn(
        trained.split.test[:half],
        trained.split.test[half:],
        trained.test[:half],
        trained.test[half:],
        trained.predictions[:half],
        1,
    )
    assert 0.4 < same.record.auc < 0.6


def test_coverage_by_size_counts_every_film_once_in_each_way(trained: Trained) -> None:
    table = coverage_by_size(trained.split.test, trained.predictions)
    revenue = trained.split.test["revenue"].to_numpy()
    inside = [
        low - 0.005 <= value <= high + 0.005
        for value, low, high in zip(revenue, trained.predictions["low"], trained.predictions["high"], strict=True)
    ]
    for _, rows in table.groupby("by"):
        assert rows["films"].sum() == len(revenue)
        assert (rows["coverage"] * rows["films"]).sum() == pytest.approx(sum(inside))


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(-3, 3)), min_size=5, max_size=80), st.floats(0.5, 0.95))
@settings(max_examples=60, deadline=None)
def test_calibration_covers_its_own_films(pairs: list[tuple[float, float]], level: float) -> None:
    """Moved by its own rank, each group's interval holds at least the share that was asked for."""
    size, residual = (np.array(part) for part in zip(*pairs, strict=True))
    found = calibrate(np.full(len(size), -0.5), np.full(len(size), 0.5), residual, size, level)
    groups = np.searchsorted(found.edges, size, side="right")
    wider = np.array(found.widening)[groups]
    for group in np.unique(groups):
        mine = groups == group
        held = (np.abs(residual[mine]) <= 0.5 + wider[mine] + 1e-9).mean()
        assert held >= level - 1e-9
    assert isinstance(found, Calibration)


def test_the_way_back_to_dollars_is_unbiased_where_the_mean_of_roots_is_not() -> None:
    chance = np.random.default_rng(0)
    roots = chance.uniform(2, 12, 20_000)
    revenue = (roots + roots * 0 + chance.normal(0, 0.15, len(roots)) * np.sqrt(roots) * 4) ** 2
    back = fit_back(roots, revenue)
    assert abs(np.mean(to_dollars(roots, back)) - revenue.mean()) < 0.01 * revenue.mean()
    assert np.mean(roots**2) < 0.98 * revenue.mean()
    assert to_dollars(np.array([-3.0, 0.0]), Retransformation(spread=1.0)).tolist() == [0, 0]


def test_r_squared_and_concentration_by_hand() -> None:
    squared, of_mean = np.array([1.0, 1, 2] * 20), np.array([4.0, 2, 4] * 20)
    value, low, high = r_squared(squared, of_mean)
    assert value == pytest.approx(1 - 80 / 200)
    assert low < value < high
    curve = error_concentration(np.array([97.0, 1, 1, 1]))
    assert share_of_worst(curve, 0.25) == pytest.approx(0.97)
