"""The test of changes: its false alarms are as stated, it finds what was planted, and it agrees with brute force."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tasks.cases.consumer_prices.evaluation.alarms import SCENARIOS, alarms, measure_alarms, simulate
from tasks.cases.consumer_prices.evaluation.regimes import season_by_regime, spread_by_regime
from tasks.cases.consumer_prices.features import regular_series, yearly_spread
from tasks.cases.consumer_prices.sample import planted_prices
from tasks.evaluation.change_points import best_changes, find_changes, least_part, no_change_test, search
from tasks.evaluation.intervals import exact_binomial
from tasks.training.series.segmentation import autocorrelated

YEARS = 40


def yearly(**planted: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    index = planted_prices(**planted).values  # type: ignore[arg-type]
    period = pd.date_range("1970-01", periods=len(index), freq="MS").astype("datetime64[us]")
    series = regular_series.fn(pd.DataFrame({"period": period, "value": index}), 12, 0).series
    return series, yearly_spread.fn(series, 12, 3)


def test_the_best_changes_are_those_of_brute_force() -> None:
    series = np.random.default_rng(1).normal(size=(5, 17))
    fits = best_changes(series, 4)

    def rest(row: np.ndarray, *places: int) -> float:
        return sum(float(((part - part.mean()) ** 2).sum()) for part in np.split(row, places))

    for number, row in enumerate(series):
        ones = {k: rest(row, k) for k in range(4, 14)}
        pairs = {(a, b): rest(row, a, b) for a, b in itertools.combinations(range(4, 14), 2) if b - a >= 4}
        assert fits.one[number] == min(ones, key=lambda k: ones[k])
        assert (fits.first[number], fits.second[number]) == min(pairs, key=lambda pair: pairs[pair])
        least = min(ones.values())
        assert fits.f1[number] == pytest.approx((rest(row) - least) / least * 15)


def test_a_level_lasts_a_tenth_of_the_years_and_four_at_least() -> None:
    assert [least_part(years) for years in (15, 40, 60, 61, 200)] == [4, 4, 6, 6, 20]


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.7])
def test_false_alarms_are_as_rare_as_stated_even_when_years_cling_together(memory: float) -> None:
    series = autocorrelated(memory, (1000, YEARS), np.random.default_rng(17))
    hits = int((no_change_test(series).p <= 0.05).sum())
    assert exact_binomial(hits, 1000, 0.999)[0] <= 0.06


@pytest.mark.parametrize("scenario", [item for item in SCENARIOS if not item.planted], ids=lambda item: item.name)
def test_season_and_autocorrelation_of_the_months_do_not_fool_it(scenario: object) -> None:
    said = alarms(simulate(scenario, 500, YEARS, 12, 23), 0.05 / 3)  # type: ignore[arg-type]
    for figure in ("spread", "irregular"):
        assert exact_binomial(int(said[figure].sum()), 500, 0.999)[0] <= 0.05 / 3
    assert np.any(list(said.values()), axis=0).mean() <= 0.09


def test_it_finds_what_was_planted_and_where() -> None:
    hits, places = 0, []
    for seed in range(20):
        _, table = yearly(seed=seed, years=YEARS, change=24, spreads=(0.25, 0.5))
        rest = find_changes.fn(table, 0.05)[2]
        hits += bool(rest.changes)
        places += rest.changes[:1]
    assert hits >= 18
    assert np.median([change.year for change in places]) == pytest.approx(1994, abs=1)
    assert sum(change.low <= 1994 <= change.high for change in places) >= 0.85 * len(places)
    assert sum(change.difference_low <= 2 <= change.difference_high for change in places) >= 0.8 * len(places)


def test_two_changes_that_cancel_are_both_found() -> None:
    series = np.random.default_rng(3).normal(scale=0.3, size=45)
    series[15:30] += 1.5
    assert [found.place for found in search(series, 0.05)] == pytest.approx([15, 30], abs=1)


def test_a_season_that_grows_is_told_from_steps_that_grow_wilder() -> None:
    said = alarms(simulate(SCENARIOS[-1], 200, YEARS, 12, 5), 0.05 / 3)
    assert said["spread"].mean() > 0.9
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
    series, table = yearly(seed=3, years=YEARS, change=24, spreads=(0.2, 0.6), seasonal=0.3)
    tests = find_changes.fn(table, 0.05)
    regimes = spread_by_regime.fn(series, table, tests, 12)
    assert regimes["years"].tolist() == ["1971 to 1993", "1994 to 2009"]
    np.testing.assert_allclose(regimes["season"] ** 2 + regimes["rest"] ** 2, regimes["spread"] ** 2)
    assert regimes["rest"].to_numpy() == pytest.approx([0.2, 0.6], rel=0.15)
    assert len(season_by_regime.fn(series, table, tests, 12)) == 24


def test_the_measured_alarms_cover_every_scenario() -> None:
    table = measure_alarms.fn(pd.DataFrame({"year": range(20)}), 4, 0.05, 50)
    assert len(table) == 4 * len(SCENARIOS)
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()


def test_bavaria_became_more_unsteady_around_2000_and_the_season_did_it(shared: object) -> None:
    from tasks.cases.consumer_prices.ingestion.genesis import read_genesis

    export = read_genesis.fn([shared / "data" / "consumer_prices" / "61111-202z.csv"])  # type: ignore[operator]
    series = regular_series.fn(export.prices, 12, 2).series
    assert str(series["period"].iloc[-1])[:7] == "2020-01"
    inflation, spread, rest = find_changes.fn(yearly_spread.fn(series, 12, 1), 0.05)
    assert [change.year for change in spread.changes] == [2000]
    assert spread.changes[0].difference_low > 1
    assert rest.changes == []
    assert rest.p is not None
    assert rest.p > 0.2
    assert inflation.changes == []
