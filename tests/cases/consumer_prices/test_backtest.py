"""The backtest of prices: chosen on earlier forecasts only, intervals from what was known, coverage as promised."""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.consumer_prices.evaluation.backtest import (
    Choice,
    check_memory,
    choose_model,
    coverage_by_step,
    first_test,
    interval_coverage,
    origin_cases,
    origin_scores,
)
from tasks.cases.consumer_prices.training.forecasts import BASELINES, CANDIDATES
from tasks.platform.errors import UsageError


def made(seed: int = 0, origins: int = 300, steps: int = 8) -> pd.DataFrame:
    """Errors of all models, independent; `drift` is the best one early, `theta` the best one late."""
    chance = np.random.default_rng(seed)
    tables = []
    for model in (*BASELINES, *CANDIDATES):
        scale = np.ones(origins) * (3 if model in BASELINES else 1)
        scale[: origins // 2] *= 0.5 if model == "drift" else 1
        scale[origins // 2 :] *= 0.2 if model == "theta" else 1
        error = chance.normal(size=(origins, steps)) * scale[:, None] * np.sqrt(np.arange(1, steps + 1))
        index = pd.MultiIndex.from_product([np.arange(100, 100 + origins), range(1, steps + 1)])
        rows = pd.DataFrame({"error": error.ravel()}, index=index.set_names(["origin", "step"])).reset_index()
        tables.append(rows.assign(model=model, off=rows["error"].abs()))
    return pd.concat(tables, ignore_index=True)


def test_the_choice_is_blind_to_the_forecasts_that_measure() -> None:
    errors = made()
    choice = choose_model.fn(errors, 12, 12, "auto")
    assert choice.model == "drift"
    assert choice.first_test == first_test(errors, 12, 12) == 400 - 144
    worse = errors.copy()
    worse.loc[(worse["model"] == "drift") & (worse["origin"] + 8 > choice.first_test), "off"] = 99
    assert choose_model.fn(worse, 12, 12, "auto") == choice
    assert choose_model.fn(errors, 12, 12, "theta").model == "theta"


def test_at_most_sixty_percent_of_the_origins_measure() -> None:
    errors = made(origins=50)
    assert first_test(errors, 12, 60) == 120
    assert origin_scores.fn(errors, Choice(model="drift", why="", first_test=120))["origin"].nunique() == 30


def test_intervals_hold_what_they_promise_where_errors_stay_the_same() -> None:
    shares = []
    for seed in range(4):
        found = interval_coverage.fn(made(seed), Choice(model="autoregression", why="", first_test=250), 12, 10)
        shares.append(found.covered["covered"].mean())
    assert np.mean(shares) == pytest.approx(0.95, abs=0.012)
    by_step = coverage_by_step.fn(found.covered)
    assert by_step["n"].sum() == len(found.covered) == 150 * 8
    assert (np.diff(found.half_widths) >= 0).all()


def test_an_interval_rests_on_nothing_that_came_later() -> None:
    errors = made(1)
    choice = Choice(model="drift", why="", first_test=250)
    before = interval_coverage.fn(errors, choice, 12, 10).covered
    later = errors.copy()
    later.loc[later["origin"] + later["step"] > 300, "error"] *= 50
    after = interval_coverage.fn(later, choice, 12, 10).covered
    same = before["origin"] <= 300
    np.testing.assert_array_equal(before.loc[same, "half_width"], after.loc[same, "half_width"])
    assert (after.loc[after["origin"] > 340, "half_width"] > 3 * before.loc[before["origin"] > 340, "half_width"]).any()


def test_too_few_errors_are_refused_not_guessed() -> None:
    with pytest.raises(UsageError, match="Fewer than 19"):
        interval_coverage.fn(made(origins=12), Choice(model="drift", why="", first_test=105), 12, 10)
    with pytest.raises(UsageError, match="lower every"):
        check_memory(12, 10, 12)
    check_memory(3, 15, 4)


def test_groups_are_whole_horizons() -> None:
    scores = origin_scores.fn(made(), Choice(model="drift", why="", first_test=250))
    assert scores.groupby("group")["origin"].agg(np.ptp).max() == 7
    means = made().query("origin >= 250 and model == 'naive'").groupby("origin")["off"].mean()
    np.testing.assert_allclose(scores["naive"], means)


def test_the_champion_is_scored_on_the_present_forecasts() -> None:
    scores = origin_scores.fn(made(), Choice(model="drift", why="", first_test=250))
    cases = origin_cases.fn(scores, "theta")
    np.testing.assert_array_equal(cases.scores, scores["theta"])
    np.testing.assert_array_equal(cases.baseline, scores["seasonal_naive"])
    np.testing.assert_array_equal(cases.groups, scores["group"])
    for odd in ("origin", "3", "None"):
        with pytest.raises(ValueError, match="no model of this backtest"):
            origin_cases.fn(scores, odd)
