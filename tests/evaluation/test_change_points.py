"""The test of changes: its false alarms are as stated, it finds what was planted, and it agrees with brute force."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.cases.consumer_prices.evaluation.alarms import SCENARIOS, Scenario, alarms, measure_alarms, simulate
from tasks.cases.consumer_prices.evaluation.regimes import season_by_regime, spread_by_regime
from tasks.cases.consumer_prices.features import regular_series, yearly_spread
from tasks.cases.consumer_prices.report.words import alarms_here, missed
from tasks.cases.consumer_prices.sample import planted_prices
from tasks.evaluation.change_points import SHARES, find_changes, least_part, no_change_test, search
from tasks.evaluation.intervals import exact_binomial
from tasks.training.series.segmentation import autocorrelated
from tasks.training.series.wandering import FITTED, likelihood_ratios, persistence, wanderings

YEARS = 40


def yearly(**planted: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    index = planted_prices(**planted).values  # type: ignore[arg-type]
    period = pd.date_range("1970-01", periods=len(index), freq="MS").astype("datetime64[us]")
    series = regular_series.fn(pd.DataFrame({"period": period, "value": index}), 12, 0).series
    return series, yearly_spread.fn(series, 12, 3)


def brute_force(row: np.ndarray, memory: float, noise: float, places: tuple[int, ...]) -> float:
    """Return the logarithm of the restricted likelihood, by a plain generalised regression."""
    n, rows = len(row), np.arange(len(row))
    if memory >= 1:
        covariance = np.minimum.outer(rows, rows) + 100.0
    else:
        covariance = memory ** np.abs(rows[:, None] - rows) / (1 - memory**2)
    covariance = covariance + (noise**2 + 1e-9) * np.eye(n)
    inverse, ones = np.linalg.inv(covariance), np.ones((n, 1))
    design = np.column_stack([ones, *[(rows >= place).astype(float) for place in places]])
    beta = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ row)
    rest = row - design @ beta
    of_level = float((ones.T @ inverse @ ones)[0, 0])
    return float(
        -0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * np.log(of_level) - 0.5 * (n - 1) * np.log(rest @ inverse @ rest)
    )


def test_likelihood_ratios_and_places_are_those_of_brute_force() -> None:
    series = np.random.default_rng(1).normal(size=(3, 15))
    found = likelihood_ratios(series, 4)
    for number, row in enumerate((series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)):
        ones = [(place,) for place in range(4, 12)]
        pairs = [pair for pair in itertools.combinations(range(4, 12), 2) if pair[1] - pair[0] >= 4]
        still = max(brute_force(row, *cell, ()) for cell in FITTED)
        for ratio, place, tried in (
            (found.one, found.place[:, None], ones),
            (found.two, found.places, pairs),
        ):
            values = {places: max(brute_force(row, *cell, places) for cell in FITTED) for places in tried}
            best = max(values, key=lambda places: values[places])
            assert tuple(place[number]) == best
            assert ratio[number] == pytest.approx(values[best] - still, abs=1e-4)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_persistence_is_found_without_bias(memory: float) -> None:
    series = wanderings(memory, 0.0, (300, YEARS), np.random.default_rng(8))
    assert np.median([persistence(row) for row in series]) == pytest.approx(memory, abs=0.06)


def test_a_level_lasts_a_tenth_of_the_years_and_four_at_least() -> None:
    assert [least_part(years) for years in (15, 40, 60, 61, 200)] == [4, 4, 6, 6, 20]


WANDERINGS = [
    (0.0, 0.0),
    (0.5, 0.0),
    (0.8, 0.0),
    (0.9, 0.5),
    (0.95, 0.0),
    (0.97, 2.0),
    (1.0, 0.0),
    (1.0, 1.5),
    (1.0, 5.0),
]


@pytest.mark.parametrize(("memory", "noise"), WANDERINGS)
def test_false_alarms_are_as_rare_as_stated_however_slow_the_wandering(memory: float, noise: float) -> None:
    series = wanderings(memory, noise, (400, YEARS), np.random.default_rng(17))
    hits = int((no_change_test(series).p <= 0.05).sum())
    assert exact_binomial(hits, 400, 0.999)[0] <= 0.05


@pytest.mark.parametrize("memory", [0.9, 1.0])
def test_a_slow_inflation_and_a_slow_unrest_are_no_change(memory: float) -> None:
    """More than 20 of 200 have a chance below 1 % where the rate is 5 %."""
    unrest = 0.15 if memory == 1 else 0.4
    slow = Scenario("", "", level_memory=memory, wander=0.7, unrest=unrest, spread_memory=memory)
    said = alarms(simulate(slow, 200, YEARS, 12, 31), 0.05 / SHARES)
    assert np.any(list(said.values()), axis=0).sum() <= 20


@pytest.mark.parametrize("scenario", [item for item in SCENARIOS if not item.planted], ids=lambda item: item.name)
def test_season_and_autocorrelation_of_the_months_do_not_fool_it(scenario: object) -> None:
    said = alarms(simulate(scenario, 500, YEARS, 12, 23), 0.05 / SHARES)  # type: ignore[arg-type]
    for figure in ("spread", "irregular"):
        assert exact_binomial(int(said[figure].sum()), 500, 0.999)[0] <= 0.05 / SHARES
    assert np.any(list(said.values()), axis=0).mean() <= 0.09


def test_it_finds_what_was_planted_and_where() -> None:
    hits, places = 0, []
    for seed in range(20):
        _, table = yearly(seed=seed, years=YEARS, change=24, spreads=(0.2, 0.6))
        rest = find_changes.fn(table, 0.05)[2]
        hits += bool(rest.changes)
        places += rest.changes[:1]
    assert hits >= 13  # the benchmark says how often
    assert np.median([change.year for change in places]) == pytest.approx(1994, abs=1)
    assert sum(change.low <= 1994 <= change.high for change in places) >= 0.85 * len(places)
    assert sum(change.difference_low <= 3 <= change.difference_high for change in places) >= 0.8 * len(places)


def test_two_changes_that_cancel_are_both_found() -> None:
    series = np.random.default_rng(3).normal(scale=0.3, size=45)
    series[15:30] += 1.5
    assert [found.place for found in search(series, 0.05)] == pytest.approx([15, 30], abs=1)


def test_a_season_that_grows_is_told_from_steps_that_grow_wilder() -> None:
    said = alarms(simulate(SCENARIOS[-1], 200, YEARS, 12, 5), 0.05 / SHARES)
    assert said["spread"].mean() > 0.2
    assert said["irregular"].mean() < 0.06


def test_units_and_the_sign_of_the_shift_do_not_matter() -> None:
    series = autocorrelated(0.3, (20, 30), np.random.default_rng(2))
    np.testing.assert_allclose(no_change_test(series * 1e6 - 5).p, no_change_test(-series).p, atol=1e-9)


def test_too_few_years_and_constant_years_find_nothing() -> None:
    table = pd.DataFrame({"year": range(2000, 2010), "inflation": 1.0, "spread": 1.0, "irregular": 1.0})
    assert [verdict.p for verdict in find_changes.fn(table, 0.05)] == [None] * 3
    longer = pd.DataFrame({"year": range(1950, 2010), "inflation": 1.0, "spread": 1.0, "irregular": 1.0})
    assert [verdict.changes for verdict in find_changes.fn(longer, 0.05)] == [[]] * 3


def test_season_and_rest_add_up_to_the_spread() -> None:
    series, table = yearly(seed=3, years=YEARS, change=24, spreads=(0.2, 1.0), seasonal=0.3)
    tests = find_changes.fn(table, 0.05)
    regimes = spread_by_regime.fn(series, table, tests, 12)
    assert regimes["years"].tolist() == ["1971 to 1993", "1994 to 2009"]
    np.testing.assert_allclose(regimes["season"] ** 2 + regimes["rest"] ** 2, regimes["spread"] ** 2)
    assert regimes["rest"].to_numpy() == pytest.approx([0.2, 1.0], rel=0.15)
    assert len(season_by_regime.fn(series, table, tests, 12)) == 24


def test_the_measured_alarms_cover_every_scenario() -> None:
    years = pd.DataFrame({"year": range(20), "inflation": 1.0, "spread": 1.0, "irregular": 1.0})
    table = measure_alarms.fn(years, 4, 0.05, find_changes.fn(years, 0.05), 50)
    assert len(table) == 4 * (len(SCENARIOS) + 1)
    assert "autocorrelation from year to year: inflation 0.00, unrest 0.00" in alarms_here(table)
    assert "no proof of steadiness" in missed(table)
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()


def test_bavaria_wanders_so_much_that_no_change_stands(shared: Path) -> None:
    from tasks.cases.consumer_prices.ingestion.genesis import read_genesis

    export = read_genesis.fn([shared / "data" / "consumer_prices" / "61111-202z.csv"])
    series = regular_series.fn(export.prices, 12, 2).series
    assert str(series["period"].iloc[-1])[:7] == "2020-01"
    inflation, spread, rest = find_changes.fn(yearly_spread.fn(series, 12, 1), 0.05)
    assert inflation.memory == pytest.approx(0.85, abs=0.03)
    assert spread.memory == pytest.approx(0.45, abs=0.05)
    assert [test.changes for test in (inflation, spread, rest)] == [[], [], []]
    assert min(test.p or 0 for test in (inflation, spread, rest)) > 0.1
