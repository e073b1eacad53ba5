"""Which counts would two places send whose change is known? Seeded hystreet exports, in the publisher's own format.

Daily counts follow an expected week with public holidays, Advent, a trend and serially correlated noise; from a planted
date on they are a known share of what they would have been. The exports have the quirks of the real ones: two hourly
files that overlap and disagree about the last hours of the first, weekly files with a record every few minutes, offsets
that change with daylight saving, an incident of the sensor, several records in one second.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

ZONE = "Europe/Berlin"
WEEK = np.array([0.90, 0.88, 1.10, 0.92, 1.05, 1.75, 0.38])  # Monday to Sunday, of the average day
HOURS = np.array([1, 1, 0, 0, 1, 3, 10, 25, 40, 60, 85, 100, 105, 100, 100, 105, 110, 105, 80, 50, 30, 20, 12, 5.0])
HOLIDAY, ADVENT = 0.75, 1.45  # factors: of a Sunday, and of the day of the week
CORRELATION, NOISE = 0.4, 0.12  # of the logarithm from one day to the next, and its standard deviation


class Level(NamedTuple):
    """From this day on, counts are `share` of what they would have been."""

    day: date
    share: float


class SamplePlace(NamedTuple):
    """A place of the sample, and what was planted there."""

    name: str
    daily: float
    levels: tuple[Level, ...]


START, DAYS = date(2020, 9, 7), 238  # to 2 May 2021
SQUARE = SamplePlace(
    "Marktplatz, Musterstadt", 12_000, (Level(date(2021, 3, 10), 0.40), Level(date(2021, 4, 12), 0.75))
)
STREET = SamplePlace("Bahnhofstraße, Musterstadt", 7_000, ())
SPLIT, OVERLAP = date(2021, 3, 22), 7  # the first export ends before, the second starts this many days earlier
MINUTES_FROM, MINUTES_TO = date(2021, 3, 22), date(2021, 4, 5)  # weekly files of the square, by the minute
PRELIMINARY_HOURS = 6  # at the end of the first export, which the second corrects
INCIDENT = (pd.Timestamp("2021-01-20 10:00"), pd.Timestamp("2021-01-20 15:00"))  # of the street, local time


def expected_counts(days: pd.DatetimeIndex, daily: float, state: str = "BW", yearly_trend: float = -0.1) -> np.ndarray:
    """Return the count that each day has on average, (n,): weekday, public holidays, Advent, trend."""
    import holidays

    known = holidays.country_holidays("DE", subdiv=state, years=sorted(set(days.year)))
    counts = []
    for number, day in enumerate(days):
        off = day.date() in known
        factor = WEEK[6] * HOLIDAY if off else WEEK[day.weekday()]
        factor *= ADVENT if _in_advent(day.date()) and not off else 1.0
        counts.append(daily * factor * np.exp(yearly_trend * number / 365.25))
    return np.array(counts)


def _in_advent(day: date) -> bool:
    """Tell whether Christmas markets are open: from the Monday before the first Sunday in Advent to 23 December."""
    eve = date(day.year, 12, 24)
    first = eve - timedelta(days=(eve.weekday() + 1) % 7 + 21)
    return first - timedelta(days=6) <= day < eve


def simulate_days(
    start: date,
    days: int,
    seed: int,
    daily: float = 12_000,
    levels: Sequence[Level] = (),
    correlation: float = CORRELATION,
    noise: float = NOISE,
    course: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return daily counts of one place whose change is known: `day`, `expected` (undisturbed), `share`, `count`.

    The noise of the logarithm is an AR(1) process with standard deviation `noise`; pedestrians are Poisson around it.
    `course`, (days,), is added to the logarithm: a season, school holidays, or whatever else is no change of level.
    """
    chance = np.random.default_rng(seed)
    index = pd.date_range(start, periods=days, freq="D")
    shocks = chance.normal(0, noise * np.sqrt(1 - correlation**2), days)
    wave = np.empty(days)
    wave[0] = chance.normal(0, noise)
    for number in range(1, days):
        wave[number] = correlation * wave[number - 1] + shocks[number]
    share = np.ones(days)
    for level in levels:
        share[index >= pd.Timestamp(level.day)] = level.share
    expected = expected_counts(index, daily) * (1.0 if course is None else np.exp(course))
    counts = chance.poisson(expected * share * np.exp(wave))
    return pd.DataFrame({"day": index, "expected": expected, "share": share, "count": counts})


def sample_hours(place: SamplePlace, seed: int) -> pd.DataFrame:
    """Return the true hours of a place: `local` (with zone), `count`."""
    chance = np.random.default_rng(seed)
    parts = []
    for day, count in simulate_days(START, DAYS, seed, place.daily, place.levels)[["day", "count"]].itertuples(
        index=False
    ):
        hours = pd.date_range(day, day + timedelta(days=1), freq="h", tz=ZONE, inclusive="left")
        weights = HOURS[hours.hour]
        parts.append(pd.DataFrame({"local": hours, "count": chance.multinomial(count, weights / weights.sum())}))
    return pd.concat(parts, ignore_index=True)


def write_pedestrians(folder: Path) -> None:
    """Write the sample's four exports into `folder`."""
    chance = np.random.default_rng(2)
    square, street = sample_hours(SQUARE, 3), sample_hours(STREET, 8)
    wrong = street["local"].dt.tz_localize(None).between(*INCIDENT, inclusive="left")
    street.loc[wrong, "count"] //= 10
    hours = pd.concat([square.assign(place=SQUARE.name), street.assign(place=STREET.name, incident=wrong)])
    hours["incident"] = np.where(hours.get("incident", False) == True, "Laserausfall", "")  # noqa: E712 - NaN is no incident
    end = pd.Timestamp(SPLIT, tz=ZONE)
    first = hours[hours["local"] < end].copy()
    late = first["local"] >= end - pd.Timedelta(hours=PRELIMINARY_HOURS)
    first.loc[late, "count"] = first.loc[late, "count"] // 2
    _write(folder / "musterstadt-20200907-20210321.csv", first)
    _write(folder / "musterstadt-20210315-20210502.csv", hours[hours["local"] >= end - pd.Timedelta(days=OVERLAP)])
    minutes = _minutes(square, chance).assign(place=SQUARE.name, incident="")
    middle = pd.Timestamp("2021-03-29", tz=ZONE)
    _write(folder / "marktplatz-20210322-20210328.csv", minutes[minutes["local"] < middle])
    _write(folder / "marktplatz-20210328-20210404.csv", minutes[minutes["local"] >= middle - pd.Timedelta(days=1)])


def _minutes(hours: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    """Return records every few minutes that add up to the hours; what nobody passed has none."""
    span = hours["local"].between(
        pd.Timestamp(MINUTES_FROM, tz=ZONE), pd.Timestamp(MINUTES_TO, tz=ZONE), inclusive="left"
    )
    rows = []
    for local, count in hours.loc[span, ["local", "count"]].itertuples(index=False):
        seconds = np.sort(chance.integers(0, 60, 12) + np.arange(12) * 300)
        parts = chance.multinomial(count, np.full(12, 1 / 12))
        rows += [(local + pd.Timedelta(seconds=int(s)), n) for s, n in zip(seconds, parts, strict=True) if n]
        if parts[-1] > 1:  # the sensor closes two intervals in one second, as it does now and then
            moment, n = rows.pop()
            rows += [(moment, n - 1), (moment, 1)]
    return pd.DataFrame(rows, columns=["local", "count"])


def _write(path: Path, records: pd.DataFrame) -> None:
    """Write records as hystreet does: semicolons, a space before the comma of the place, quoted empty incidents."""
    lines = ["location;time_of_measurement;counted_pedestrians;type;incidents"]
    columns = [records[name].tolist() for name in ("place", "local", "count", "incident")]
    for place, local, count, incident in zip(*columns, strict=True):
        moment = local.strftime("%Y-%m-%d %H:%M:%S %z")
        lines.append(f"{place.replace(',', ' ,')};{moment};{count};regular;{incident or chr(34) * 2}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
