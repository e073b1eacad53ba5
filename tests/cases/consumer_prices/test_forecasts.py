"""Forecasts of prices: exact where the truth is simple, blind to what comes later, and measured right."""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.consumer_prices.sample import planted_prices
from tasks.cases.consumer_prices.training.forecasts import (
    BASELINES,
    CANDIDATES,
    MODELS,
    backtest,
    forecast_ahead,
    forecasts,
    steps_ahead,
)
from tasks.cases.consumer_prices.training.trend import fit_trend
from tasks.platform.errors import ContractError


def frame(values: np.ndarray, freq: str = "MS") -> pd.DataFrame:
    period = pd.date_range("1970-01", periods=len(values), freq=freq).astype("datetime64[us]")
    return pd.DataFrame({"period": period, "value": values})


@pytest.fixture(scope="module")
def errors() -> pd.DataFrame:
    return backtest.fn(frame(planted_prices(5, years=16).values), 12, 24, 12)


def test_a_straight_line_with_a_season_is_forecast_exactly() -> None:
    season = np.tile([1.0, -2.0, 0.5, 0.5], 15)
    level = 300 + np.cumsum(0.5 + season)
    past = level[:48]
    np.testing.assert_allclose(MODELS["seasonal_drift"](past, 4, 8), level[48:56], atol=1e-8)
    np.testing.assert_allclose(MODELS["drift"](past, 4, 8), level[47] + 0.5 * np.arange(1, 9), atol=1e-8)
    np.testing.assert_allclose(MODELS["seasonal_naive"](past, 4, 8), np.tile(level[44:48], 2))
    np.testing.assert_allclose(MODELS["naive"](past, 4, 8), level[47])


def test_the_combination_is_the_mean_of_its_three() -> None:
    made = forecasts(100 * np.log(planted_prices(8, years=14).values), 12, 24)
    assert set(made) == {*BASELINES, *CANDIDATES}
    np.testing.assert_allclose(
        made["combination"], (made["autoregression"] + made["theta"] + made["seasonal_drift"]) / 3
    )


def test_no_forecast_knows_what_came_later(errors: pd.DataFrame) -> None:
    prices = frame(planted_prices(5, years=16).values)
    cut = int(errors["origin"].iloc[0]) + 24
    later = prices.copy()
    later.loc[cut:, "value"] *= np.linspace(1, 9, len(later) - cut)
    again = backtest.fn(later, 12, 24, 12)
    first = errors["origin"].min()
    pd.testing.assert_frame_equal(errors[errors["origin"] == first], again[again["origin"] == first])


def test_errors_of_the_seasonal_naive_equal_a_recomputation(errors: pd.DataFrame) -> None:
    values = planted_prices(5, years=16).values
    rows = errors[errors["model"] == "seasonal_naive"]
    for origin, step, off in rows[["origin", "step", "off"]].itertuples(index=False):
        actual, guess = values[origin + step - 1], values[origin - 12 + (step - 1) % 12]
        assert off == pytest.approx(100 * abs(actual - guess) / actual)
    assert rows.groupby("origin").size().eq(24).all()
    assert rows["origin"].max() + 24 == len(values)


def test_forecast_has_the_months_that_follow_and_ordered_ends() -> None:
    prices = frame(planted_prices(6, years=15).values)
    for model in CANDIDATES:
        ahead = forecast_ahead.fn(prices, 12, 24, model, np.linspace(0.1, 2, 24))
        assert str(ahead["period"].iloc[0])[:7] == "1985-01"
        assert (ahead["low"] < ahead["forecast"]).all()
        assert (ahead["forecast"] < ahead["high"]).all()
        np.testing.assert_allclose(np.log(ahead["high"] / ahead["low"]), np.linspace(0.1, 2, 24) / 50)


def test_a_series_too_short_is_refused() -> None:
    with pytest.raises(ContractError, match="too few to try"):
        backtest.fn(frame(planted_prices(7, years=12).values), 12, 24, 3)


def test_months_become_quarters() -> None:
    assert [steps_ahead(months, 4) for months in (1, 3, 6, 24)] == [1, 1, 2, 8]
    assert steps_ahead(24, 12) == 24


@pytest.mark.parametrize(("shape", "slope"), [("linear", 1.2), ("exponential", 3.0)])
def test_the_line_is_that_which_was_drawn(shape: str, slope: float) -> None:
    years = np.arange(480) / 12
    noise = np.random.default_rng(3).normal(scale=0.2, size=480)
    values = 30 + 1.2 * years + noise if shape == "linear" else 30 * np.exp(0.03 * years) + noise
    fitted = fit_trend.fn(frame(values), 12)
    assert fitted.trend.shape == shape
    assert fitted.trend.slope == pytest.approx(slope, rel=0.02)
    assert fitted.trend.low < fitted.trend.slope < fitted.trend.high
    assert (fitted.line["low"] <= fitted.line["fit"]).all()
