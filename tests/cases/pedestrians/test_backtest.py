"""Forecasts of held-out weeks: nothing from the future, the naive baseline right, and the model better than it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tasks.cases.pedestrians.evaluation.backtest import backtest_week, choose_place, held_out_days, measure_pedestrians
from tasks.cases.pedestrians.evaluation.weekdays import monthly_means, weekday_means
from tasks.cases.pedestrians.sample import Level, simulate_days
from tasks.cases.pedestrians.training import find_changes
from tasks.platform.errors import UsageError

CHANGE = pd.Timestamp("2020-02-12")


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    table = simulate_days(date(2019, 9, 30), 160, 4, levels=[Level(CHANGE.date(), 0.3)])
    return table.assign(place="P", whole=~table["day"].isin([pd.Timestamp("2020-01-15")]))


@pytest.fixture(scope="module")
def changes() -> pd.DataFrame:
    return pd.DataFrame(
        {"place": ["P"], "date": [CHANGE], "main": [True], "value": [-0.7], "low": [-0.75], "high": [-0.6]}
    )


def test_the_naive_forecast_is_the_day_a_week_earlier(days: pd.DataFrame, changes: pd.DataFrame) -> None:
    cases = held_out_days.fn(days, changes, 6)
    logs = days.set_index("day")["count"].map(np.log)
    for row in cases.itertuples():
        assert row.naive == pytest.approx(logs[row.day - pd.Timedelta(days=7)])
        assert row.day < CHANGE
        assert row.origin <= row.day < row.origin + pd.Timedelta(days=7)
    assert pd.Timestamp("2020-01-15") not in set(cases["day"])  # not whole
    assert pd.Timestamp("2020-01-22") not in set(cases["day"])  # without the day a week earlier


def test_a_forecast_knows_nothing_of_its_week(days: pd.DataFrame, changes: pd.DataFrame) -> None:
    cases = held_out_days.fn(days, changes, 3)
    first = backtest_week.fn(days, cases, "BW", True)
    spoilt = days.assign(count=days["count"].where(days["day"] < cases["origin"].min(), 1))
    week = cases["origin"] == cases["origin"].min()
    again = backtest_week.fn(spoilt, cases[week], "BW", True)
    np.testing.assert_allclose(first.loc[week, "forecast"], again["forecast"])
    assert first["error"].mean() < first["naive_error"].mean()


def test_no_calm_week_means_no_cases_and_no_figure(days: pd.DataFrame) -> None:
    early = pd.DataFrame({"place": ["P"], "date": [pd.Timestamp("2019-10-20")]})
    cases = held_out_days.fn(days, early, 6)
    scored = backtest_week.fn(days, cases, "BW", True)
    assert len(scored) == 0
    found = find_changes.fn(days)
    names = [m.name for m in measure_pedestrians.fn(scored, np.empty(0), found.changes, found.places, "P")]
    assert names == ["drop", "recent_level", "p_value"]


def test_the_place_with_the_largest_drop_answers_unless_another_is_asked_for() -> None:
    places = pd.DataFrame({"place": ["A", "B", "C"]})
    changes = pd.DataFrame({"place": ["A", "B"], "value": [-0.2, -0.6], "main": [True, True]})
    assert choose_place.fn(places, changes) == "B"
    assert choose_place.fn(places, changes, "c") == "C"
    assert choose_place.fn(places, changes.iloc[:0]) == "A"
    with pytest.raises(UsageError, match="give A or B or C"):
        choose_place.fn(places, changes, "D")


def test_averages_do_not_depend_on_the_length_of_a_period(days: pd.DataFrame, changes: pd.DataFrame) -> None:
    table = weekday_means.fn(days, changes).set_index(["period", "weekday"])
    whole = days[days["whole"]]
    for (period, weekday), row in table.iterrows():
        inside = whole[(whole["day"].dt.weekday == weekday) & ((whole["day"] < CHANGE) == (period == "before"))]
        assert row["mean"] == pytest.approx(sum(inside["count"]) / len(inside))
        assert row["low"] <= row["mean"] <= row["high"]
    months = monthly_means.fn(days.assign(expected=days["count"] * 2.0))
    assert months["share"].to_numpy() == pytest.approx(0.5)
    assert months["days"].sum() == len(whole)
