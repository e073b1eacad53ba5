"""The titles state what the data say, and nothing breaks on little or odd data."""

import re

import numpy as np
import pandas as pd
import pytest

from tasks.cases.elevators.figures.network import by_station, longest_outages, map_of_lifts, network_over_time, plural
from tasks.cases.elevators.figures.reliability import all_intervals, forecasts_by_day, least_reliable
from tasks.figures.style import figure_to_svg


def words(figure: object) -> str:
    svg = figure_to_svg(figure)  # type: ignore[arg-type]
    return " ".join(re.sub(r"<[^>]+>", " ", svg).split()).replace("\u202f", " ")


@pytest.fixture
def now() -> pd.DataFrame:
    chance = np.random.default_rng(1)
    station = np.repeat(np.arange(12), 3)
    return pd.DataFrame(
        {
            "station": station,
            "name": [f"Ort <{number}> & Co $x$" for number in station],
            "longitude": 7 + station * 0.5,
            "latitude": 48 + chance.random(36) * 5,
            "state": ["INACTIVE", "INACTIVE", "UNKNOWN"] + ["ACTIVE"] * 33,
        }
    )


def test_the_map_says_how_many_are_out_of_order(now: pd.DataFrame) -> None:
    text = words(map_of_lifts(now, "1 March 2025"))
    assert "2 lifts are out of order at 1 station" in text
    assert "1 of 36 not told" in text
    assert "(2 of 3)" in text
    quiet = words(map_of_lifts(now.assign(state="ACTIVE"), "1 March 2025"))
    assert "None of 36 lifts is out of order" in quiet


def test_the_map_is_not_stretched(now: pd.DataFrame) -> None:
    axes = map_of_lifts(now, "").axes[0]
    assert float(axes.get_aspect()) == pytest.approx(1 / np.cos(np.radians(by_station(now)["latitude"].mean())))


def test_a_map_without_places_says_so(now: pd.DataFrame) -> None:
    assert "no lift has a known place" in words(map_of_lifts(now.assign(longitude=np.nan), ""))


def test_places_are_counted(now: pd.DataFrame) -> None:
    places = by_station(now)
    assert places["lifts"].tolist() == [3] * 12
    assert places["out"].tolist() == [2] + [0] * 11
    assert places["unknown"].tolist() == [1] + [0] * 11


def reliability(count: int) -> pd.DataFrame:
    share = np.linspace(0.7, 0.99, count)
    return pd.DataFrame(
        {
            "label": [f"lift {i}" for i in range(count)],
            "shrunk": share,
            "up": share,
            "low": share - 0.05,
            "high": np.minimum(share + 0.01, 1),
        }
    )


def test_least_reliable_counts_what_lies_below() -> None:
    table = reliability(40)
    below = int((table["high"] < 0.9).sum())
    assert f"{below} lifts are less reliable than the average of 90.0 %" in words(least_reliable(table, 0.9))
    assert "No more lifts than by chance" in words(least_reliable(table, 0.5))
    assert "read often enough" in words(least_reliable(table.assign(low=np.nan), 0.9))


def test_all_intervals_and_a_crowd_is_rasterised() -> None:
    assert "Nine lifts in ten" in words(all_intervals(reliability(40)))
    assert "<image" in figure_to_svg(all_intervals(reliability(2500)))
    assert "read often enough" in words(all_intervals(reliability(3).assign(shrunk=np.nan)))


def test_the_network_over_time_names_its_worst_night() -> None:
    nights = pd.DataFrame({"observed": pd.date_range("2025-03-01", periods=60), "out": 0.02, "unknown": 0.01})
    nights.loc[30, "out"] = 0.5
    text = words(network_over_time(nights))
    assert "at most 50.0 % (31 March 2025)" in text
    assert "mean of four weeks" in text
    assert "1 snapshot" in words(network_over_time(nights.head(1)))


def test_outages_open_at_both_ends_are_drawn() -> None:
    times = pd.to_datetime(["2025-03-01", "2025-04-01"])
    table = pd.DataFrame(
        {
            "label": ["a", "b"],
            "start": times,
            "end": times + pd.Timedelta(days=9),
            "after": pd.NaT,
            "before": pd.NaT,
            "at_least": 9.0,
            "ongoing": [False, True],
        }
    )
    text = words(longest_outages(table))
    assert "The longest outage, at least 9 days: a" in text
    assert "b (still)" in text
    assert "no outage was seen" in words(longest_outages(table.head(0)))


def test_forecasts_are_drawn_by_days_ahead() -> None:
    days = pd.DataFrame(
        {"horizon": [1, 2, 5, 20], "n": [10, 10, 10, 10], "markov": [0.01, 0.02, 0.03, 0.04], "raw": 0.04}
    )
    text = words(forecasts_by_day(days, "markov", {"markov": "M", "raw": "R"}))
    assert "For the next day the forecast errs 75 % less than each lift's share of readings" in text
    assert "15 to 20" in text
    worse = words(forecasts_by_day(days.assign(markov=0.08), "markov", {"markov": "M", "raw": "R"}))
    assert "errs 100 % more" in worse


def test_plurals() -> None:
    assert (plural(1, "lift"), plural(2, "lift"), plural(0, "lift")) == ("1 lift", "2 lifts", "0 lifts")
