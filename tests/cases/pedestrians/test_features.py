"""Merged exports: each minute once, whatever overlaps, whichever resolution, through daylight saving."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.pedestrians.features import Merged, merge_exports, merge_records
from tasks.cases.pedestrians.ingestion import read_hystreet
from tasks.cases.pedestrians.sample import INCIDENT, PRELIMINARY_HOURS, SQUARE, STREET, sample_hours, write_pedestrians

ZONE = "Europe/Berlin"


def records(export: str, start: str, counts: list[int], step: str = "7min", place: str = "P") -> pd.DataFrame:
    times = pd.date_range(start, periods=len(counts), freq=step)
    return pd.DataFrame({"export": export, "place": place, "utc": times, "count": counts, "incident": ""})


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Merged:
    folder = tmp_path_factory.mktemp("sample")
    write_pedestrians(folder)
    return merge_exports.fn(read_hystreet.fn(sorted(folder.iterdir())).frame, ZONE)


def test_the_sample_comes_out_as_it_was_made(sample: Merged) -> None:
    """Overlaps, corrected hours, minutes beside hours and both daylight-saving changes leave the true hours."""
    for place, seed in ((SQUARE, 3), (STREET, 8)):
        truth = sample_hours(place, seed)
        hours = sample.hours[sample.hours["place"] == place.name].reset_index(drop=True)
        assert len(hours) == len(truth)
        utc = truth["local"].dt.tz_convert("UTC").dt.tz_localize(None)
        assert (hours["utc"].to_numpy() == utc.to_numpy()).all()
        right = ~hours["incident"].to_numpy()
        assert (hours["count"].to_numpy()[right] == truth["count"].to_numpy()[right]).all()
    wrong = sample.hours.loc[sample.hours["incident"], "local"]
    assert (wrong.min(), wrong.max()) == (INCIDENT[0], INCIDENT[1] - pd.Timedelta(hours=1))
    assert sample.report.conflicts == 2 * PRELIMINARY_HOURS
    changed = sample.days[~sample.days["whole"]]
    assert list(changed["day"]) == [INCIDENT[0].normalize()]


def test_days_of_23_and_25_hours_are_whole(sample: Merged) -> None:
    days = sample.days[sample.days["place"] == SQUARE.name].set_index("day")
    assert list(days.loc[["2020-10-25", "2021-03-28", "2021-03-29"], "hours"]) == [25, 23, 24]
    assert days["whole"].all()


def test_the_later_export_wins_whatever_the_order() -> None:
    old, new = records("a", "2020-01-01", [5] * 30), records("b", "2020-01-01 02:00", [9] * 30)
    for table in (pd.concat([old, new]), pd.concat([new, old])):
        merged, found = merge_records(table)
        assert not merged.duplicated(["place", "utc"]).any()
        assert set(merged.loc[merged["utc"] >= "2020-01-01 03:40", "count"]) == {9}
        assert found["conflicts"] == found["repeated"]


def test_records_of_one_second_are_two_groups_of_people() -> None:
    table = pd.concat([records("a", "2020-01-01 00:00:59", [3, 4]), records("a", "2020-01-01 00:00:59", [10])])
    merged, found = merge_records(table)
    assert list(merged["count"]) == [13, 4]
    assert found["conflicts"] == 0


def test_an_hourly_export_never_counts_beside_minutes() -> None:
    """The finer counts, but an hour in which it begins or ends is the hourly export's."""
    hourly = records("h", "2020-01-01", [60] * 24, "h")
    minutes = records("m", "2020-01-01 05:30", [1] * 300, "1min")
    merged, found = merge_records(pd.concat([hourly, minutes]))
    by_hour = merged.groupby(merged["utc"].dt.hour)["count"].sum()
    assert set(by_hour) == {60}
    assert set(merged.loc[merged["utc"].dt.hour.between(6, 9), "seconds"]) == {60}
    assert set(merged.loc[merged["utc"].dt.hour.isin([5, 10]), "seconds"]) == {3600}
    assert found["coarser"] == 4 + 30 + 30


def test_silence_counts_zero_and_an_outage_does_not() -> None:
    table = pd.concat(
        [
            records("a", "2020-01-01", [1] * 60),
            records("a", "2020-01-01 12:00", [1] * 60),
            records("a", "2020-01-02 06:00", [1] * 9),
        ]
    )
    hours = merge_exports.fn(table, ZONE).hours.set_index("utc")
    assert hours.loc["2020-01-01 08:00", "count"] == 0
    assert not hours.loc["2020-01-01 20:00":"2020-01-02 05:00", "measured"].any()
    assert hours.loc["2020-01-01 20:00":"2020-01-02 05:00", "count"].isna().all()


def test_a_missing_hour_of_an_hourly_export_was_not_measured() -> None:
    table = records("h", "2020-01-01 23:00", [5] * 24, "h").drop(index=7)
    merged = merge_exports.fn(table, ZONE)
    assert merged.report.unmeasured_hours == 1
    assert not merged.days["whole"].any()


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 900)), min_size=1, max_size=6), st.integers(0, 99))
def test_cutting_one_series_into_overlapping_exports_changes_nothing(cuts: list[tuple[int, int]], seed: int) -> None:
    chance = np.random.default_rng(seed)
    whole = records("whole", "2020-03-28 00:00:30", chance.integers(1, 50, 2000).tolist(), "1min")
    parts = [
        whole.iloc[start % 2000 : start % 2000 + size].assign(export=f"e{n}") for n, (start, size) in enumerate(cuts)
    ]
    alone, _ = merge_records(whole)
    merged, found = merge_records(pd.concat([whole, *[part for part in parts if len(part)]]))
    pd.testing.assert_frame_equal(merged.drop(columns="export"), alone.drop(columns="export"))
    assert found["conflicts"] == 0


def test_the_real_exports_hold_each_minute_once(shared: Path) -> None:
    """Against an independent merge in SQL: a minute counts once, whichever of the exports holds it."""
    files = sorted((shared / "data" / "pedestrians").glob("*.csv"))
    frame, quarantine = read_hystreet.fn(files)
    merged = merge_exports.fn(frame, ZONE)
    assert quarantine.empty
    assert len(frame) == 82_335
    assert not merged.minutes.duplicated(["place", "utc"]).any()
    text = "location;time_of_measurement;counted_pedestrians;type;incidents"
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in text.split(";"))
    query = f"""
        with minutes as (
            select filename, left(time_of_measurement, 10) as day, left(time_of_measurement, 16) as minute,
                   sum(counted_pedestrians::int) as people
            from read_csv({[str(file) for file in files]}, delim=';', header=true, columns={{{columns}}}, filename=true)
            group by all
        ), once as (select day, minute, max(people) as people, count(distinct people) as versions
                    from minutes group by all)
        select day, sum(people) as people, max(versions) as versions from once group by day order by day
    """
    truth = duckdb.connect().sql(query).df()
    assert truth["versions"].max() == 1
    assert merged.report.conflicts == 0
    ours = merged.days.assign(day=merged.days["day"].dt.strftime("%Y-%m-%d")).merge(truth, on="day", how="outer")
    assert list(ours.loc[ours["count"] != ours["people"], "day"]) == ["2019-10-01"]  # the day with the incident
    assert int(merged.days["whole"].sum()) == 187
