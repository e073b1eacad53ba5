"""Increments and their yearly spread: gaps are filled or refused, and an unchanging season cannot fool them."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.consumer_prices.features import irregular_spread, regular_series, spread, with_jumps, yearly_spread
from tasks.cases.consumer_prices.sample import planted_prices
from tasks.cases.consumer_prices.validation import price_contract
from tasks.platform.errors import ContractError
from tasks.validation.contract import check_table


def frame(values: np.ndarray, start: str = "1970-01", freq: str = "MS") -> pd.DataFrame:
    period = pd.date_range(start, periods=len(values), freq=freq).astype("datetime64[us]")
    return pd.DataFrame({"period": period, "value": values})


def test_a_short_gap_is_filled_with_even_steps_and_ends_are_cut() -> None:
    values = 100 * 1.01 ** np.arange(130.0)
    values[[0, 50, 51, 129]] = np.nan
    for given_frame in (frame(values), frame(values).dropna()):
        regular = regular_series.fn(given_frame, 12, 2)
        assert len(regular.series) == 128
        assert regular.series["filled"].sum() == 2
        np.testing.assert_allclose(regular.series["relative"].iloc[1:], 100 * np.log(1.01))


def test_a_long_gap_cuts_what_lies_before() -> None:
    values = np.arange(100.0, 400.0)
    values[100:103] = np.nan
    regular = regular_series.fn(frame(values), 12, 2)
    assert str(regular.series["period"].iloc[0])[:7] == "1978-08"
    assert len(regular.series) == 197
    values[250:253] = np.nan
    with pytest.raises(ContractError, match=r"ten years.*raise max_gap"):
        regular_series.fn(frame(values), 12, 2)


def test_yearly_figures_equal_an_independent_recomputation() -> None:
    prices = frame(planted_prices(1, years=12).values.round(1))
    series = regular_series.fn(prices, 12, 0).series
    ours = yearly_spread.fn(series, 12, 1)
    theirs = (
        duckdb.connect()
        .sql(
            "select year, sum(step) as inflation, stddev_samp(step) as spread from (select year(period) as year,"
            " 100 * ln(value / lag(value) over (order by period)) as step from prices) where step is not null"
            " group by year having count(*) = 12 order by year"
        )
        .df()
    )
    assert ours["year"].tolist() == theirs["year"].tolist() == list(range(1971, 1982))
    np.testing.assert_allclose(ours[["inflation", "spread"]], theirs[["inflation", "spread"]], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(pattern=st.lists(st.floats(-5, 5), min_size=12, max_size=12), seed=st.integers(0, 99))
def test_no_season_that_stays_the_same_changes_what_is_left_without_it(pattern: list[float], seed: int) -> None:
    steps = np.random.default_rng(seed).normal(size=(15, 12))
    np.testing.assert_allclose(irregular_spread(steps + np.array(pattern)), irregular_spread(steps), atol=1e-9)


def test_without_a_season_both_spreads_estimate_the_same() -> None:
    steps = np.random.default_rng(2).normal(scale=0.3, size=(400, 20, 12))
    assert np.sqrt((irregular_spread(steps) ** 2).mean(axis=0)) == pytest.approx(0.3, rel=0.06)
    assert np.sqrt((spread(steps) ** 2).mean(axis=0)) == pytest.approx(0.3, rel=0.06)


def test_constant_prices_have_the_spread_of_their_rounding() -> None:
    yearly = yearly_spread.fn(regular_series.fn(frame(np.full(140, 50.0)), 12, 0).series, 12, 1)
    assert (yearly["spread"] > 0).all()
    assert np.log(yearly["spread"]).map(np.isfinite).all()


def test_the_contract_takes_out_typing_errors_and_contradictions() -> None:
    prices = frame(planted_prices(3, years=20).values)
    prices.loc[50, "value"] *= 10
    prices.loc[70, "value"] = -prices.loc[70, "value"]
    prices = pd.concat([prices, prices.iloc[[90]].assign(value=31.0)]).sort_values("period", ignore_index=True)
    checked = check_table(with_jumps.fn(prices), price_contract(12, 0.05))
    assert checked.report.passed
    assert len(checked.quarantine) == 4
    assert not check_table(with_jumps.fn(prices.head(100)), price_contract(12, 0.01)).report.passed
