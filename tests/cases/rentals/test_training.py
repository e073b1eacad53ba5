"""The models of the price: the formula is found again, nothing leaks from the test, the published protocol is met."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cases.rentals.evaluation.errors import MEASURES, measure, relative_errors, score_models, worst_errors
from tasks.cases.rentals.evaluation.explanations import measure_importances
from tasks.cases.rentals.features.with_pandas import (
    BANDS,
    FEATURES,
    derive_rentals,
    part_rentals,
    price_bands,
    split_rentals,
)
from tasks.cases.rentals.ingestion.listings import read_listings
from tasks.cases.rentals.sample import CENTRE, FREAKS, SIGMA, sample_listings
from tasks.cases.rentals.training.ranges import foretell
from tasks.cases.rentals.training.regressors import GRIDS, candidates, preparation
from tasks.cases.rentals.training.search import best_choice, choose_model
from tasks.cases.rentals.training.with_sklearn import Fitted, fit_model, fit_models, search_models, target
from tasks.evaluation.champion import decide
from tasks.platform.store import store

BOOSTING = {"learning_rate": 0.08, "max_leaf_nodes": 31, "l2_regularization": 0.0}


def parts_of(frame: pd.DataFrame):
    return part_rentals.fn(derive_rentals.fn(frame, *CENTRE), split_rentals.fn(frame).members)


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    frame = sample_listings().frame
    frame["last_review"] = pd.to_datetime(frame["last_review"].replace("", None))
    return frame.assign(price=frame["price"].astype(float), accommodates=np.nan, bedrooms=np.nan)


@pytest.fixture(scope="module")
def searched(sample: pd.DataFrame) -> tuple[pd.DataFrame, Fitted]:
    train, test = parts_of(sample)
    search, off = search_models.fn(train, 2, 1)
    return search, fit_models.fn(train, test, search, off)


def test_the_split_is_the_published_one(sample: pd.DataFrame) -> None:
    from sklearn.model_selection import StratifiedShuffleSplit

    bands = pd.cut(sample["price"], [-1, 50, 100, 200, 400, np.inf], labels=False)
    train, test = next(StratifiedShuffleSplit(1, test_size=0.2, random_state=42).split(sample, bands))
    split = split_rentals.fn(sample)
    members = split.members
    assert members.loc[members["test"], "id"].tolist() == sample["id"].iloc[test].tolist()
    assert members.loc[~members["test"], "id"].tolist() == sample["id"].iloc[train].tolist()
    assert split.table["overall"].sum() == pytest.approx(1)
    assert split.table["stratified_error"].abs().max() < split.table["random_error"].abs().max()
    np.testing.assert_array_equal(price_bands(sample["price"]), bands)
    assert len(BANDS) == 6


def test_the_formula_of_the_sample_is_found_again(sample: pd.DataFrame, searched: tuple[pd.DataFrame, Fitted]) -> None:
    search, fitted = searched
    cases = fitted.predictions
    expected = pd.Series(sample_listings().expected, index=sample["id"]).loc[cases["id"]].to_numpy()
    best = best_choice(search).kind
    oracle = np.median(np.abs(expected - cases["price"]))
    assert np.median(np.abs(cases[best] - cases["price"])) < 1.6 * oracle
    ordinary = ~cases["price"].isin(FREAKS) & (cases["price"] < 900)
    error = np.log(cases[best] / expected)[ordinary]
    assert np.median(np.abs(error)) < 0.8 * SIGMA  # of the model alone, without the noise of the prices


def test_importances_are_those_of_scikit_learn_but_for_chance(
    sample: pd.DataFrame, searched: tuple[pd.DataFrame, Fitted]
) -> None:
    from sklearn.inspection import permutation_importance

    model, test = searched[1].best, parts_of(sample)[1]
    ours = measure_importances.fn(model, test, 400).set_index("feature")
    part, price = test[list(FEATURES)].iloc[:400], test["price"].astype(float).iloc[:400]
    theirs = permutation_importance(model, part, price, scoring="neg_mean_absolute_error", n_repeats=3, random_state=0)
    known = pd.Series(theirs.importances_mean, index=list(FEATURES))
    assert set(ours.index) == set(FEATURES)
    assert ours["increase"].is_monotonic_decreasing
    assert ours.index[0] == known.idxmax()
    np.testing.assert_allclose(ours["increase"], known[ours.index], atol=0.1 * known.max() + 3 * ours["sd"].max())


def test_search_tries_every_kind_and_marks_one_setting_of_each(searched: tuple[pd.DataFrame, Fitted]) -> None:
    search, fitted = searched
    assert set(search["model"]) == set(GRIDS)
    assert search["chosen"].sum() == len(GRIDS)
    assert set(GRIDS) <= set(fitted.predictions.columns)
    assert (fitted.costs["seconds"] > 0).all()


@pytest.mark.parametrize("kind", sorted(GRIDS))
def test_settings_are_bounded_and_differ(kind: str) -> None:
    settings = [json.dumps(item, sort_keys=True) for item in candidates(kind, 3)]
    assert 1 <= len(settings) <= 3
    assert len(set(settings)) == len(settings)


def test_changing_test_rows_changes_nothing_in_training(sample: pd.DataFrame) -> None:
    """Other prices, places, names and hosts of the test listings: the same training rows, and the same model."""
    before = parts_of(sample)
    chance = np.random.default_rng(1)
    changed = sample.copy()
    of_test = changed["id"].isin(set(before.test["id"]))
    bands = price_bands(changed["price"])
    top = np.array([50, 100, 200, 400, 90_000])[bands]  # within its band, or the split itself would be another
    changed.loc[of_test, "price"] = top[of_test]
    changed.loc[of_test, "latitude"] += chance.normal(0, 1, of_test.sum())
    changed.loc[of_test, ["name", "neighbourhood", "room_type"]] = ["Castle 900 sqm", "Nowhere", "Tent"]
    changed.loc[of_test, "host_id"] = changed.loc[~of_test, "host_id"].iloc[0]
    changed.loc[of_test, ["reviews_per_month", "number_of_reviews"]] = [30.0, 900]
    after = parts_of(changed)
    pd.testing.assert_frame_equal(after.train, before.train)
    models = [fit_model(part.train, "boosting", BOOSTING) for part in (before, after)]
    probe = before.train[list(FEATURES)]
    np.testing.assert_array_equal(models[0].predict(probe), models[1].predict(probe))
    prepared = [model[0].transform(probe) for model in models]  # medians, categories, means of hosts
    np.testing.assert_array_equal(prepared[0], prepared[1])
    assert not np.array_equal(after.test["price"], before.test["price"])  # the change was one


def test_a_price_does_not_help_to_foretell_itself(sample: pd.DataFrame) -> None:
    """The encoded group of a training row is the same whatever its own price is."""
    train = parts_of(sample).train
    y = target(train["price"].to_numpy())
    names = list(FEATURES)
    before = preparation().fit_transform(train[names], y)
    y[17] = 1e6
    after = preparation().fit_transform(train[names], y)
    np.testing.assert_array_equal(after[17], before[17])
    assert not np.array_equal(after, before)


def test_the_best_model_is_stored_and_comes_back(searched: tuple[pd.DataFrame, Fitted], sample: pd.DataFrame) -> None:
    _, fitted = searched
    stored = store().put(fitted.best)
    assert stored.kind == "sklearn"
    probe = parts_of(sample).test[list(FEATURES)]
    np.testing.assert_allclose(stored.load().predict(probe), fitted.best.predict(probe), rtol=1e-12)


def test_hosts_and_kinds_never_seen_get_a_price(searched: tuple[pd.DataFrame, Fitted], sample: pd.DataFrame) -> None:
    probe = (
        parts_of(sample)
        .test[list(FEATURES)]
        .head(5)
        .assign(host_id=10**12, neighbourhood="Nowhere", room_type="Tent", neighbourhood_group="")
    )
    price = searched[1].best.predict(probe)
    assert np.isfinite(price).all()
    assert (price > 0).all()


@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), min_size=1, max_size=30),
    st.floats(0.5, 20),
)
def test_errors_scale_with_the_prices(pairs: list[tuple[float, float]], factor: float) -> None:
    price, found = np.array(pairs).T
    ours, scaled = measure(price, found), measure(price * factor, found * factor)
    for name in ("rmse", "mae", "median_ae"):
        assert scaled[name] == pytest.approx(ours[name] * factor, rel=1e-9, abs=1e-9)
    assert ours["rmse"] >= ours["mae"] - 1e-9
    assert measure(price, price) == dict.fromkeys(MEASURES, 0.0)


def test_scores_are_recomputed_by_hand() -> None:
    table = pd.DataFrame(
        {
            "id": range(4),
            "name": list("abcd"),
            "host_id": [1, 1, 2, 3],
            "seen": [True, True, False, True],
            "price": [10.0, 20, 30, 40],
            "median": [25.0, 25, 25, 25],
            "tree": [10.0, 20, 33, 36],
        }
    )
    scores = score_models.fn(table).set_index("model")
    assert scores.loc["tree", "rmse"] == pytest.approx(2.5)
    assert scores.loc["tree", "mae"] == pytest.approx(1.75)
    assert scores.loc["tree", "median_ae"] == pytest.approx(1.5)
    assert scores.loc["tree", ["rmse_new", "mae_new", "n_new"]].tolist() == [3, 3, 1]
    assert scores.loc["median", "mae"] == pytest.approx(10)
    assert (scores["mae_low"] <= scores["mae"]).all()
    worst = worst_errors.fn(table, {"kind": "tree"})
    assert worst["name"].tolist()[:2] == ["d", "c"]
    assert worst["share"].tolist()[:2] == pytest.approx([16 / 25, 9 / 25])


def test_the_published_protocol_on_the_real_listings(shared: Path) -> None:
    """A published forest reached an RMSE of 112.1 on this split; the settings come first in the search."""
    frame = read_listings.fn(shared / "data" / "rentals" / "listings.csv").frame
    train, test = parts_of(frame)
    assert len(test) == 5033
    model = fit_model(train, "boosting", BOOSTING)
    found = measure(test["price"].to_numpy(), model.predict(test[list(FEATURES)]))
    assert found["rmse"] <= 85
    assert found["mae"] <= 26
    assert found["median_ae"] <= 15
    typical = fit_model(train, "forest_log", candidates("forest_log", 1)[0])
    typical_found = measure(test["price"].to_numpy(), typical.predict(test[list(FEATURES)]))
    assert typical_found["mae"] <= 24.0
    assert typical_found["median_ae"] <= 12.3


def test_the_ranges_hold_the_share_that_they_promise(searched: tuple[pd.DataFrame, Fitted]) -> None:
    cases = searched[1].predictions
    best = best_choice(searched[0]).kind
    assert ((cases["low"] <= cases[best]) & (cases[best] <= cases["high"])).all()
    assert cases["price"].between(cases["low"], cases["high"]).mean() == pytest.approx(0.8, abs=0.05)
    none = foretell.fn(pd.DataFrame(columns=[*FEATURES, "id", "name"]), searched[1].best, searched[1].interval)
    assert list(none.columns) == ["id", "name", "price", "low", "high"]


def test_each_measure_gets_the_model_that_is_best_at_it() -> None:
    search = pd.DataFrame(
        {
            "model": ["mean", "forest", "forest", "forest_log"],
            "parameters": "{}",
            "chosen": [True, True, False, True],
            "mae": [0.0, 3, 4, 2],
            "rmse": [0.0, 5, 1, 9],
        }
    )
    choice = choose_model.fn(search, "pandas")
    assert choice == {"engine": "pandas", "kind": "forest_log", "parameters": {}, "mean": "forest"}


def test_the_contest_is_not_decided_by_two_hotels(searched: tuple[pd.DataFrame, Fitted]) -> None:
    """In money the gain on the sample hangs on whether two hosts are drawn; of logarithms it is beyond chance."""
    chosen = choose_model.fn(searched[0], "pandas")
    scores, groups, baseline = relative_errors.fn(searched[1].predictions, chosen)
    assert decide(scores, None, "mae_log", groups=groups, baseline=baseline, higher_is_better=False).promoted
    price = searched[1].predictions["price"].to_numpy()
    shuffled = np.abs(np.log1p(np.random.default_rng(0).permutation(price)) - np.log1p(price))
    assert not decide(shuffled, None, "mae_log", groups=groups, baseline=baseline, higher_is_better=False).promoted


def test_the_blend_of_fitted_parts_is_the_blend_fitted_whole(
    searched: tuple[pd.DataFrame, Fitted], sample: pd.DataFrame
) -> None:
    """The fit takes the parts as they are, the search what they foretell; a champion's blend is fitted whole."""
    (search, fitted), (train, test) = searched, parts_of(sample)[:2]
    whole = fit_model(train, "blend_log", {}).predict(test[list(FEATURES)])
    np.testing.assert_allclose(fitted.predictions["blend_log"], whole, rtol=1e-12)
    off = search_models.fn(train, 2, 1).off
    blend, *parts = (
        off[str(list(search["model"]).index(kind))] for kind in ("blend_log", "forest_log", "boosting_log")
    )
    np.testing.assert_allclose(blend, sum(parts) / 2, rtol=1e-9, atol=1e-12)
    costs = fitted.costs.set_index("model")["seconds"]
    assert costs["blend_log"] > costs["forest_log"] + costs["boosting_log"]  # the parts' time is the blend's too
