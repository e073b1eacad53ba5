"""Every figure of the pedestrians draws what it is given: long names, no change, missing days, nothing at all."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tasks.cases.pedestrians import figures
from tasks.figures.style import figure_to_svg

CHANGE = pd.Timestamp("2020-03-20")
NAME = "Platz $der$ <b>langen</b> Namen, " * 3
DAYS = pd.DataFrame({"day": pd.date_range("2020-02-01", periods=70, freq="D")})
DAYS = DAYS.assign(count=np.where(DAYS["day"] < CHANGE, 1000, 400) + DAYS.index, whole=DAYS.index != 9, expected=1000.0)
HOURS = pd.DataFrame({"local": pd.date_range("2020-02-25", "2020-04-02", freq="h")})
HOURS = HOURS.assign(count=50.0 + HOURS["local"].dt.hour, incident=HOURS.index == 30, measured=HOURS.index != 40)
BARS = pd.DataFrame({"period": ["before"] * 7 + ["since"] * 7, "weekday": [*range(7)] * 2})
BARS = BARS.assign(mean=[100.0] * 7 + [90, 80, 70, 60, 50, 40, 30.0], low=20.0, high=120.0)
BARS.loc[3, ["low", "high"]] = np.nan
PLACES = pd.DataFrame(
    {
        "place": [NAME, "B"],
        "p_value": [0.001, 0.6],
        "value": [-0.5, np.nan],
        "low": [-0.6, np.nan],
        "high": [-0.4, np.nan],
        "recent_value": [-0.1, np.nan],
        "recent_low": [-0.2, np.nan],
        "recent_high": [0.05, np.nan],
    }
)
DRAWINGS: dict[str, Callable[..., object]] = {
    "daily": lambda change, rows: figures.daily_counts(DAYS[:rows], NAME, change, "finding"),
    "deviation": lambda change, rows: figures.deviation(DAYS[:rows], NAME, change, change),
    "hours": lambda change, rows: figures.hourly_counts(HOURS[:rows], NAME, change),
    "profile": lambda change, rows: figures.week_profile(HOURS[:rows], NAME, change),
    "bars": lambda change, rows: figures.weekday_bars(BARS[:rows], NAME, change),
    "calendar": lambda change, rows: figures.calendar_map(DAYS[:rows], NAME, change),
    "places": lambda change, rows: figures.places_compared(PLACES[:rows]),
}


@pytest.mark.parametrize("name", list(DRAWINGS))
@pytest.mark.parametrize(("change", "rows"), [(CHANGE, None), (None, 1), (CHANGE, 0)])
def test_it_draws(name: str, change: pd.Timestamp | None, rows: int | None) -> None:
    svg = figure_to_svg(DRAWINGS[name](change, rows))
    assert svg.startswith("<?xml")
    assert "<b>" not in svg


def test_titles_state_what_the_data_say() -> None:
    bars = figure_to_svg(figures.weekday_bars(BARS, "P", CHANGE))
    assert "Mondays" in bars
    assert "Sundays" in bars
    assert "1 of 2 places emptied" in figure_to_svg(figures.places_compared(PLACES))
    assert "1,000 people" in figure_to_svg(figures.calendar_map(DAYS[:9], "P", None))
