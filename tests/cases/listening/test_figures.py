"""The figures of a listening history say what the plays say, and bear little, nothing and hostile names."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tasks.cases.listening.figures.clock import busiest_hours, calendar_heat, listening_clock, week_heat
from tasks.cases.listening.figures.plays import changed, discoveries, plays_by_day, plays_by_month, top_bars
from tasks.figures.style import figure_to_svg

EVIL = "$\\frac{</text><script>alert(1)</script>\u202e\x00 🙂" + "x" * 300
NARROW = "\u202f"


def words(figure: Any) -> str:
    root = ElementTree.fromstring(figure_to_svg(figure))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    return " ".join(node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text"))


def by_day(first: str, last: str, plays: int = 2) -> pd.DataFrame:
    days = pd.date_range(first, last, freq="D")
    return pd.DataFrame({"day": days, "plays": plays, "before": np.nan})


def by_month(first: str, count: int, **more: Any) -> pd.DataFrame:
    months = pd.date_range(first, periods=count, freq="MS")
    frame = pd.DataFrame(
        {"month": months, "plays": range(10, 10 + count), "before": np.nan, "new_artists": 1, "new_tracks": 2}
    )
    return frame.assign(**more)


def clock(**plays: int) -> pd.DataFrame:
    """A clock of 2024 with plays at `d<weekday>h<hour>`."""
    every = [(2024, day, hour, plays.get(f"d{day}h{hour}", 0)) for day in range(7) for hour in range(24)]
    return pd.DataFrame(every, columns=["year", "weekday", "hour", "plays"])


def test_the_change_is_told_in_words() -> None:
    assert changed(110, 100) == f"10{NARROW}% more"
    assert changed(50, 100) == f"50{NARROW}% fewer"
    assert changed(1001, 1000) == "about as many"


def test_days_are_compared_on_the_same_dates_only() -> None:
    both = pd.concat([by_day("2023-01-01", "2023-12-31", 4), by_day("2024-01-01", "2024-12-31", 2)])
    text = words(plays_by_day(both, 2024))
    assert f"732 plays in 2024: 50{NARROW}% fewer than in 2023" in text
    assert "2023: 1,460" in text
    part = pd.concat([by_day("2023-06-01", "2023-12-31", 1), by_day("2024-01-01", "2024-07-31", 2)])
    assert "100\u202f% more than in 2023 on the 61 dates that both years have" in words(plays_by_day(part, 2024))
    apart = by_day("2023-07-01", "2024-03-31", 3)
    assert "273 plays in 2024, 3.0 a day" in words(plays_by_day(apart, 2024))


def test_months_name_the_fullest_and_mark_the_year_before() -> None:
    text = words(plays_by_month(by_month("2024-01-01", 12, before=5.0), 2024))
    assert "December was the fullest month of 2024: 21 plays" in text
    assert "same month of 2023" in text
    assert "same month" not in words(plays_by_month(by_month("2024-05-01", 1), 2024))


def test_the_clock_and_the_week_find_their_peak() -> None:
    plays = clock(d4h23=30, d5h0=30, d5h1=20, d0h12=20)
    text = words(listening_clock(plays, 2024, "Europe/Berlin"))
    assert f"80{NARROW}% of the plays of 2024 begin between 22:00 and 2:00" in text
    assert "time of Europe/Berlin" in text
    assert f"Saturdays are the fullest days of 2024, with 50{NARROW}% of the plays" in words(
        week_heat(plays, 2024, "Europe/Berlin")
    )
    assert busiest_hours(np.eye(24)[3] * 5, 1) == (3, 1.0)


def test_the_calendar_counts_days_with_music() -> None:
    days = by_day("2024-01-01", "2024-12-31", 0)
    days.loc[[0, 59, 365], "plays"] = [3, 9, 1]
    assert "Music on 3 of 366 days of 2024; most on 2024-02-29: 9" in words(calendar_heat(days, 2024))


@pytest.mark.parametrize("year", [2012, 2023, 2024, 2028])
def test_every_year_fits_into_its_calendar(year: int) -> None:
    """2012 and 2028 are leap years that need 54 weeks or nearly so."""
    figure = calendar_heat(by_day(f"{year}-01-01", f"{year}-12-31"), year)
    mesh = figure.axes[0].collections[0].get_array()
    assert int(np.ma.count(mesh)) == len(pd.date_range(f"{year}-01-01", f"{year}-12-31"))


def test_top_bars_bear_hostile_names_and_name_the_first() -> None:
    ranks = pd.DataFrame(
        {"name": ["Harbour", EVIL], "artist": ["X", EVIL], "plays": [9, 1], "share": [0.9, 0.1], "before": [np.nan, 4]}
    )
    for kind in ("artist", "album"):
        text = words(top_bars(ranks, 2024, kind))
        assert f"Harbour leads the {kind}s of 2024 with 9 plays" in text
    assert "1 play" in words(top_bars(ranks.tail(1).assign(name="Solo"), 2024, "track"))


def test_discoveries_tell_what_was_new() -> None:
    text = words(discoveries(by_month("2023-07-01", 12), 2024, pd.Timestamp("2023-07-03")))
    assert "6 new artists in 2024" in text
    assert "since the record began on 2023-07-03" in text
    assert "1 new artist in 2024" in words(discoveries(by_month("2024-07-01", 1), 2024, pd.Timestamp("2024-07-03")))
    assert words(discoveries(by_month("2005-01-01", 230), 2024, pd.Timestamp("2005-01-01")))


def test_a_year_without_plays_is_said_and_not_drawn() -> None:
    days, months = by_day("2023-01-01", "2023-01-02"), by_month("2023-01-01", 1)
    nothing = pd.DataFrame({name: [] for name in ("name", "artist", "plays", "share", "before")})
    for figure in (
        calendar_heat(days, 2024),
        plays_by_month(months, 2024),
        top_bars(nothing, 2024, "artist"),
        listening_clock(clock(), 2024, "UTC"),
        week_heat(clock(), 2024, "UTC"),
    ):
        assert "no " in words(figure)
    assert "No plays in 2025" in words(plays_by_day(days, 2025))
