"""The figures of prices: each title is what was found, and odd data are borne."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tasks.cases.consumer_prices.figures import (
    Step,
    backtest_errors,
    coverage_figure,
    price_forecast,
    price_increments,
    price_level,
    seasonal_pattern,
    yearly_levels,
)
from tasks.cases.consumer_prices.report.words import answer, unsteadiness, verdict
from tasks.cases.consumer_prices.training.trend import Trend
from tasks.evaluation.change_points import Change, Verdict
from tasks.evaluation.metrics import Metric
from tasks.figures.style import figure_to_svg

PERIOD = pd.date_range("2000-01", periods=60, freq="MS").astype("datetime64[us]")
SERIES = pd.DataFrame({"period": PERIOD, "value": np.linspace(80, 100, 60), "absolute": np.r_[np.nan, np.ones(59)]})
YEARLY = pd.DataFrame({"year": range(1990, 2010), "spread": np.r_[np.full(10, 0.2), np.full(10, 0.4)]})
CHANGE = Change(
    year=2000,
    low=1998,
    high=2001,
    before=0.2,
    after=0.4,
    difference=2.0,
    difference_low=1.6,
    difference_high=2.5,
    p=0.0004,
)


def texts(figure: Any) -> str:
    root = ElementTree.fromstring(figure_to_svg(figure))
    return " ".join(node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text"))


def test_every_figure_bears_its_finding_and_units() -> None:
    line = pd.DataFrame(
        {"period": PERIOD, "fit": SERIES["value"], "low": SERIES["value"] - 1, "high": SERIES["value"] + 1}
    )
    ahead = pd.DataFrame(
        {"period": PERIOD[-2:] + pd.DateOffset(months=2), "forecast": 101.0, "low": 99.0, "high": 103.0}
    )
    steps = [Step(1990, 1999, 0.2, 1990, 1990), Step(2000, 2009, 0.4, 1998, 2001)]
    season = pd.DataFrame(
        {"month": ["Q1", "Q2"] * 2, "regime": ["a", "a", "b", "b"], "mean": 0.1, "low": 0.0, "high": 0.2}
    )
    by_step = pd.DataFrame({"step": [1, 2], "naive": 1.0, "seasonal_naive": 2.0, "drift": 0.5, "coverage": [0.9, 1.0]})
    drawn = {
        "index, 2015 = 100": price_level(SERIES, line, "found", "2015 = 100"),
        "index points": price_increments(SERIES, "absolute", "found", "index points"),
        "95 % interval of the change": yearly_levels(YEARLY, "spread", steps, "found", "spread, %"),
        "mean step, %": seasonal_pattern(season, "found"),
        "95 % interval": price_forecast(SERIES, ahead, "found", ""),
        "seasonal naive": backtest_errors(by_step, "drift", "found", "months ahead"),
        "promised": coverage_figure(by_step, "found", "months ahead"),
    }
    for words, figure in drawn.items():
        said = texts(figure)
        assert "found" in said
        assert words in said


def verdicts_of(*changes: Change, p: float | None = 0.4) -> list[Verdict]:
    quiet = {"years": 40, "threshold": 0.02, "p": p}
    return [
        Verdict(name="inflation", label="", ratio=False, **quiet),
        Verdict(name="spread", label="", ratio=True, changes=list(changes), **quiet),
        Verdict(name="irregular", label="", ratio=True, **quiet),
    ]


def test_the_sentences_say_what_was_found_and_no_more() -> None:
    trend = Trend(shape="exponential", slope=-1.5, low=-2, high=-1, rmse=1, other_rmse=2, memory=0.9)
    said = answer(trend, verdicts_of(CHANGE), "next is 3")
    assert "Prices fell by 1.50 % a year" in said
    assert "2.00 times as large as before (1.60 to 2.50), p < 0.001; without the season no change is found" in said
    assert said.startswith("Prices fell by 1.50 % a year, and they became more unsteady in 2000. Next is 3. ")
    told = {
        "they are not found to have become more or less unsteady.": verdicts_of(),
        "on so few years nothing can be said of how unsteady they have become.": verdicts_of(p=None),
        "they became less unsteady in 2000.": verdicts_of(CHANGE.model_copy(update={"difference": 0.5})),
    }
    for words, found in told.items():  # the first sentence is for people who are no statisticians
        first = answer(trend, found, "next is 3").split(" Next is 3.")[0]
        assert first == f"Prices fell by 1.50 % a year, and {words}"
    assert "no lasting change" in unsteadiness(verdicts_of())
    assert "cannot be tested" in unsteadiness(verdicts_of(p=None))
    calmer = CHANGE.model_copy(update={"difference": 0.5})
    assert "down to 0.50 of what it was" in unsteadiness(verdicts_of(calmer))


@pytest.mark.parametrize(("low", "held", "met"), [(0.1, 0.95, True), (-0.1, 0.95, False), (0.1, 0.99, False)])
def test_the_verdict_wants_both_gain_and_honest_intervals(low: float, held: float, met: bool) -> None:
    metrics = [
        Metric(name="mape", value=1, baseline=2),
        Metric(name="mape_gain", value=1, low=low, high=2),
        Metric(name="coverage@95", value=held),
    ]
    assert verdict(metrics).met is met
    unknown = [metrics[0], Metric(name="mape_gain", value=1, low=float("nan")), metrics[2]]
    assert verdict(unknown).met is None
