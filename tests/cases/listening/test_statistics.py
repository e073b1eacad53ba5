"""Every statistic of a listening history equals what other code counts, to the play: DuckDB, plain Python, and the
truth that the sample was made with."""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.listening.evaluation.statistics import (
    Counts,
    Habits,
    choose_year,
    count_plays,
    describe_habits,
    effective_number,
    is_covered,
    rank_plays,
)
from tasks.cases.listening.evaluation.year import YearReview, measure_year, review_year
from tasks.cases.listening.features import mark_plays
from tasks.cases.listening.ingestion.scrobbles import read_scrobbles
from tasks.cases.listening.sample import FILE, ZONE, Truth, sample_truth, write_listening
from tasks.cases.listening.validation import Sifted, sift_plays
from tasks.platform.errors import UsageError

LATEST = "2026-01-01"
AMERICA = "America/Los_Angeles"
LOCAL = f"(t AT TIME ZONE 'UTC') AT TIME ZONE '{AMERICA}'"


def plays_at(*moments: str, zone: str = "Europe/Berlin", gap: int = 30) -> pd.DataFrame:
    frame = pd.DataFrame({"moment": pd.to_datetime(list(moments), format="ISO8601").astype("datetime64[us]")})
    return mark_plays.fn(frame.assign(artist="A", track="T", album="X"), zone, gap)


def reviewed(plays: pd.DataFrame, year: int) -> YearReview:
    counts, habits = count_plays.fn(plays), describe_habits.fn(plays)
    return review_year.fn(plays, counts.by_day, counts.by_year, habits.clock, habits.sessions, year)


# The sample: what was planted is found.


@pytest.fixture(scope="module")
def truth() -> Truth:
    return sample_truth()


@pytest.fixture(scope="module")
def sifted_sample(tmp_path_factory: pytest.TempPathFactory) -> Sifted:
    folder = tmp_path_factory.mktemp("sample")
    write_listening(folder)
    read = read_scrobbles.fn([folder / FILE])
    return sift_plays.fn(read.frame, read.quarantine, LATEST)


@pytest.fixture(scope="module")
def sample(sifted_sample: Sifted) -> pd.DataFrame:
    return mark_plays.fn(sifted_sample.frame, ZONE, 30)


def test_what_was_planted_for_quarantine_is_there(sifted_sample: Sifted, truth: Truth) -> None:
    counts = sifted_sample.counts
    assert counts["counted twice"] == truth.doubles
    assert counts["the date cannot be read"] == truth.unreadable
    assert sum(count for reason, count in counts.items() if reason.startswith("impossible")) == truth.impossible
    assert len(sifted_sample.frame) == truth.plays
    assert len(sifted_sample.frame) + len(sifted_sample.quarantine) == truth.lines
    assert int(sifted_sample.frame["album"].isna().sum()) == truth.without_album


def test_the_planted_habits_are_found(sample: pd.DataFrame, truth: Truth) -> None:
    counts, habits = count_plays.fn(sample), describe_habits.fn(sample)
    assert dict(zip(counts.by_year["year"], counts.by_year["plays"], strict=True)) == dict(truth.plays_of_year)
    hours = habits.clock.groupby("hour")["plays"].sum()
    assert {hour: count for hour, count in hours.items() if count} == dict(truth.plays_of_hour)
    first = habits.streaks.iloc[0]
    assert (first["start"].date(), first["days"]) == (truth.streak_start, truth.streak_days)
    assert habits.streaks["days"].iloc[1] < truth.streak_days
    assert len(habits.sessions) == truth.sessions
    debuts = Counter((day.year, day.month) for day in truth.debuts.values())
    months = counts.by_month.set_index("month")["new_artists"]
    assert {(month.year, month.month): n for month, n in months.items() if n} == dict(debuts)
    found = sample[sample["first_artist"]].set_index("artist")["day"]
    assert {name: day.date() for name, day in found.items()} == truth.debuts


def test_the_planted_favourites_are_found(sample: pd.DataFrame, truth: Truth) -> None:
    ranks = rank_plays.fn(sample, 12)
    for year, artists in truth.artists_of_year.items():
        rows = ranks[(ranks["period"] == str(year)) & (ranks["kind"] == "artist")]
        expected = sorted(artists.items(), key=lambda item: (-item[1], item[0]))[:12]
        assert list(zip(rows["name"], rows["plays"], strict=True)) == expected
    review = reviewed(sample, 2024)
    assert review.streak_days == truth.streak_days
    assert review.change == pytest.approx(
        (review.plays_same_dates - truth.plays_of_year[2023]) / truth.plays_of_year[2023]
    )
    assert (review.full, review.same_dates, review.before_same_dates) == (True, 365, truth.plays_of_year[2023])
    assert review.new_artists == sum(day.year == 2024 for day in truth.debuts.values())


# The real export: every statistic anew, from the file, in DuckDB and plain Python.


def sql(path: Path) -> duckdb.DuckDBPyConnection:
    """The plays of the file in DuckDB: `t` (UTC), `l` (local), `d` (day); doubles within 15 seconds left out."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"""
        CREATE TABLE plays AS
        WITH raw AS (
            SELECT strptime(date, '%Y-%m-%d %H:%M:%S') AS t, artist, track, nullif(album, 'NA') AS album
            FROM read_csv('{path}', header = true, all_varchar = true, nullstr = '')
        ), gaps AS (
            SELECT *, t - lag(t) OVER (PARTITION BY lower(artist), lower(track) ORDER BY t) AS gap FROM raw
        )
        SELECT t, artist, track, album, {LOCAL} AS l FROM gaps
        WHERE gap IS NULL OR gap > INTERVAL 15 SECOND
    """)
    connection.execute("ALTER TABLE plays ADD COLUMN d DATE")
    connection.execute("UPDATE plays SET d = l::DATE")
    return connection


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    path = Path(__file__).resolve().parents[4] / "shared" / "data" / "listening" / "scrobbles.csv"
    if not path.is_file():
        pytest.skip("the real files are not here: no folder `shared` beside the checkout")
    read = read_scrobbles.fn([path])
    sifted = sift_plays.fn(read.frame, read.quarantine, LATEST)
    plays = mark_plays.fn(sifted.frame, AMERICA, 30)
    return {
        "path": path,
        "read": read,
        "sifted": sifted,
        "plays": plays,
        "sql": sql(path),
        "counts": count_plays.fn(plays),
        "ranks": rank_plays.fn(plays, 10),
        "habits": describe_habits.fn(plays),
    }


def test_every_line_is_accounted_for(real: dict[str, Any]) -> None:
    with real["path"].open(encoding="utf-8", newline="") as file:
        lines = sum(1 for _ in csv.reader(file)) - 1
    assert lines == real["read"].records == 16_545
    assert len(real["plays"]) + len(real["sifted"].quarantine) == lines
    assert real["sql"].execute("SELECT count(*) FROM plays").fetchone() == (len(real["plays"]),)
    assert int(real["plays"]["album"].isna().sum()) == 258


def rows_of(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(None if pd.isna(value) else value for value in row) for row in frame[list(columns)].to_numpy(object)]


def test_years_months_and_days_equal_duckdb(real: dict[str, Any]) -> None:
    counts: Counts = real["counts"]
    years = (
        real["sql"]
        .execute("""
        SELECT year(l), count(*), count(DISTINCT artist), count(DISTINCT (artist, album)) FILTER (album IS NOT NULL),
               count(DISTINCT (artist, track)), count(DISTINCT d),
               lag(count(*)) OVER (ORDER BY year(l))
        FROM plays GROUP BY year(l) ORDER BY 1""")
        .fetchall()
    )
    assert rows_of(counts.by_year, "year", "plays", "artists", "albums", "tracks", "active_days", "before") == years
    new = (
        real["sql"]
        .execute(f"""
        WITH first AS (SELECT artist, track, min(t) AS t FROM plays GROUP BY ALL),
             artists AS (SELECT artist, min(t) AS t FROM plays GROUP BY ALL),
             albums AS (SELECT artist, album, min(t) AS t FROM plays WHERE album IS NOT NULL GROUP BY ALL)
        SELECT date_trunc('month', d)::TIMESTAMP AS m, count(*),
            (SELECT count(*) FROM artists WHERE date_trunc('month', {LOCAL}) = m),
            (SELECT count(*) FROM albums WHERE date_trunc('month', {LOCAL}) = m),
            (SELECT count(*) FROM first WHERE date_trunc('month', {LOCAL}) = m)
        FROM plays GROUP BY 1 ORDER BY 1""")
        .fetchall()
    )
    assert rows_of(counts.by_month, "month", "plays", "new_artists", "new_albums", "new_tracks") == [
        (pd.Timestamp(row[0]), *row[1:]) for row in new
    ]
    days = (
        real["sql"]
        .execute("""
        SELECT r.d::TIMESTAMP, count(p.t)
        FROM (SELECT unnest(generate_series(min(d), max(d), INTERVAL 1 DAY)) AS d FROM plays) r
        LEFT JOIN plays p ON p.d = r.d GROUP BY 1 ORDER BY 1""")
        .fetchall()
    )
    assert rows_of(counts.by_day, "day", "plays") == [(pd.Timestamp(day), count) for day, count in days]


@pytest.mark.parametrize(("kind", "column"), [("artist", "artist"), ("album", "album"), ("track", "track")])
@pytest.mark.parametrize("period", ["'all'", "year(l)::VARCHAR", "strftime(l, '%Y-%m')"])
def test_rankings_equal_duckdb(real: dict[str, Any], kind: str, column: str, period: str) -> None:
    found = (
        real["sql"]
        .execute(f"""
        WITH sums AS (SELECT {period} AS p, artist, {column} AS name, count(*) AS n FROM plays
                      WHERE {column} IS NOT NULL GROUP BY ALL),
             totals AS (SELECT {period} AS p, count(*) AS total FROM plays GROUP BY ALL)
        SELECT p, rank() OVER (PARTITION BY p ORDER BY n DESC) AS r, name, artist, n, n / total
        FROM sums JOIN totals USING (p)
        QUALIFY row_number() OVER (PARTITION BY p ORDER BY n DESC, name, artist) <= 10
        ORDER BY p, n DESC, name, artist""")
        .fetchall()
    )
    length = {"'all'": 3, "year(l)::VARCHAR": 4}.get(period, 7)
    ranks = real["ranks"]
    ours = ranks[(ranks["kind"] == kind) & (ranks["period"].str.len() == length)]
    assert rows_of(ours, "period", "rank", "name", "artist", "plays", "share") == found


def python_plays(path: Path) -> list[tuple[datetime, datetime, str, str]]:
    """The plays once more, in plain Python: UTC, local, artist, track."""
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            moment = datetime.strptime(row["date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            rows.append((moment, moment.astimezone(ZoneInfo(AMERICA)), row["artist"], row["track"]))
    rows.sort(key=lambda row: row[0])
    last: dict[tuple[str, str], datetime] = {}
    kept = []
    for row in rows:
        key = (row[2].casefold(), row[3].casefold())
        if key not in last or row[0] - last[key] > timedelta(seconds=15):
            kept.append(row)
        last[key] = row[0]
    return kept


def python_streaks(days: list[date]) -> list[tuple[date, int]]:
    streaks, start = [], 0
    for place in range(1, len(days) + 1):
        if place == len(days) or days[place] - days[place - 1] != timedelta(days=1):
            streaks.append((days[start], place - start))
            start = place
    return sorted(streaks, key=lambda item: (-item[1], item[0]))


def python_sessions(
    plays: list[tuple[datetime, datetime, str, str]], gap: int
) -> list[tuple[datetime, float, int, int]]:
    sessions: list[list[tuple[datetime, datetime, str, str]]] = []
    for play in plays:
        if not sessions or play[0] - sessions[-1][-1][0] > timedelta(minutes=gap):
            sessions.append([])
        sessions[-1].append(play)
    return [
        (
            part[0][1].replace(tzinfo=None),
            (part[-1][0] - part[0][0]).total_seconds() / 60,
            len(part),
            len({play[2] for play in part}),
        )
        for part in sessions
    ]


def test_clock_streaks_and_sessions_equal_plain_python(real: dict[str, Any]) -> None:
    plays, habits = python_plays(real["path"]), real["habits"]
    assert isinstance(habits, Habits)
    clock = Counter((play[1].year, play[1].weekday(), play[1].hour) for play in plays)
    ours = {row[:3]: row[3] for row in rows_of(habits.clock, "year", "weekday", "hour", "plays") if row[3]}
    assert ours == dict(clock)
    assert len(habits.clock) == 2 * 168
    days = sorted({play[1].date() for play in plays})
    found = [(start.date(), count) for start, count in rows_of(habits.streaks, "start", "days")]
    assert found == python_streaks(days)
    assert habits.streaks["plays"].sum() == len(plays)
    sessions = [(pd.Timestamp(start), *rest) for start, *rest in python_sessions(plays, 30)]
    assert rows_of(habits.sessions, "start", "minutes", "plays", "artists") == sessions


@pytest.mark.parametrize("year", [2019, 2020])
def test_the_year_in_review_equals_plain_python(real: dict[str, Any], year: int) -> None:
    plays = python_plays(real["path"])
    ours = [play for play in plays if play[1].year == year]
    review = reviewed(real["plays"], year)
    artists = Counter(play[2] for play in ours)
    firsts: dict[str, int] = {}
    for play in plays:
        firsts.setdefault(play[2], play[1].year)
    by_day = Counter(play[1].date() for play in ours)
    assert review.plays == len(ours)
    assert review.artists == len(artists)
    assert review.favourites["artist"].plays == max(artists.values())
    assert artists[review.favourites["artist"].name] == max(artists.values())
    track, count = min(Counter((p[3], p[2]) for p in ours).items(), key=lambda item: (-item[1], item[0]))
    best = review.favourites["track"]
    assert (best.name, best.artist, best.plays) == (*track, count)
    assert review.new_artists == sum(1 for name in artists if firsts[name] == year)
    assert review.new_artist_plays == sum(count for name, count in artists.items() if firsts[name] == year)
    assert review.top10_share == pytest.approx(sum(n for _, n in artists.most_common(10)) / len(ours))
    day, most = min(by_day.items(), key=lambda item: (-item[1], item[0]))
    assert (review.busiest_day, review.busiest_day_plays, review.active_days) == (str(day), most, len(by_day))
    hours = Counter(play[1].hour for play in ours)
    assert review.busiest_hour_plays == max(hours.values()) == hours[review.busiest_hour]
    assert (review.streak_start, review.streak_days) == next(
        (str(start), length) for start, length in python_streaks(sorted(by_day))
    )
    first = max(date(year, 1, 1), plays[0][1].date())
    last = min(date(year, 12, 31), plays[-1][1].date())
    assert (review.first, review.last, review.days) == (str(first), str(last), (last - first).days + 1)
    sessions = [item for item in python_sessions(plays, 30) if item[0].year == year]
    assert review.sessions == len(sessions)
    assert review.session_minutes == pytest.approx(np.median([item[1] for item in sessions]))
    assert (review.full, review.change) == (False, None)
    low, high = review.per_day_low, review.per_day_high
    assert low is not None
    assert high is not None
    assert low < review.per_day < high


def test_the_metrics_say_what_is_incomplete(real: dict[str, Any]) -> None:
    review = reviewed(real["plays"], 2020)
    metrics = {m.name: m for m in measure_year.fn(review, real["plays"], 16_545, len(real["sifted"].quarantine))}
    assert metrics["accounted"].value == 1
    assert metrics["complete"].value == pytest.approx(1 - 258 / len(real["plays"]))
    lost = {m.name: m for m in measure_year.fn(review, real["plays"], 16_546, len(real["sifted"].quarantine))}
    assert lost["accounted"].value < 1


# Edges.


def test_daylight_saving_moves_the_clock_and_not_the_session() -> None:
    plays = plays_at("2024-03-31 00:59:00", "2024-03-31 01:01:00", "2024-10-27 00:30:00", "2024-10-27 01:30:00", gap=60)
    assert plays["local"].dt.strftime("%H:%M").tolist() == ["01:59", "03:01", "02:30", "02:30"]
    assert plays["session"].tolist() == [0, 0, 1, 1]
    sessions = describe_habits.fn(plays).sessions
    assert sessions["minutes"].tolist() == [2.0, 60.0]


def test_the_zone_decides_about_day_year_and_streak() -> None:
    moments = ("2023-12-31 23:30:00", "2024-01-01 12:00:00", "2024-01-02 23:30:00")
    berlin, utc = plays_at(*moments), plays_at(*moments, zone="UTC")
    assert berlin["local"].dt.year.tolist() == [2024, 2024, 2024]
    assert utc["local"].dt.year.tolist() == [2023, 2024, 2024]
    assert describe_habits.fn(utc).streaks["days"].tolist() == [3]
    assert describe_habits.fn(berlin).streaks["days"].tolist() == [1, 1]


def test_the_latest_full_year_is_chosen_else_the_last() -> None:
    plays = plays_at("2021-05-01", "2022-01-05 12:00", "2023-12-27", "2024-03-01")
    assert choose_year.fn(plays, 0) == 2023
    assert not is_covered(plays, 2021)
    assert choose_year.fn(plays, 2021) == 2021
    assert choose_year.fn(plays_at("2021-05-01", "2022-03-01"), 0) == 2022
    with pytest.raises(UsageError, match="no plays in 2020; choose a year from 2021 to 2024"):
        choose_year.fn(plays, 2020)


def test_a_single_play_is_a_year_too() -> None:
    review = reviewed(plays_at("2024-02-29 12:00:00"), 2024)
    assert (review.plays, review.days, review.streak_days, review.sessions) == (1, 1, 1, 1)
    assert (review.per_day_low, review.change, review.session_low) == (None, None, None)
    assert review.effective_artists == 1


def test_a_session_over_new_year_belongs_to_the_year_it_began_in() -> None:
    review = reviewed(plays_at("2023-12-31 22:55", "2023-12-31 23:05"), 2024)
    assert (review.plays, review.sessions, review.longest_session_start) == (1, 0, "")


def test_a_leap_day_has_no_day_before() -> None:
    by_day = count_plays.fn(
        plays_at("2023-02-28 12:00", "2024-02-28 12:00", "2024-02-29 12:00", "2024-03-01 12:00")
    ).by_day
    before = by_day.set_index("day")["before"]
    assert before[pd.Timestamp("2024-02-28")] == 1
    assert np.isnan(before[pd.Timestamp("2024-02-29")])
    assert before[pd.Timestamp("2024-03-01")] == 0
    assert np.isnan(before[pd.Timestamp("2023-03-01")])


def test_equally_loved_artists_are_as_many_as_there_are() -> None:
    assert effective_number(np.full(7, 5)) == pytest.approx(7)
    assert 1 < effective_number(np.array([100, 1])) < 1.1


PLAY = st.tuples(
    st.integers(0, 700 * 86_400), st.sampled_from(["A", "B"]), st.sampled_from(["T", "U"]), st.sampled_from(["X", None])
)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(PLAY, min_size=1, max_size=30), st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "Asia/Kathmandu"])
)
def test_all_views_count_the_same_plays(rows: list[tuple[int, str, str, str | None]], zone: str) -> None:
    frame = pd.DataFrame(rows, columns=["moment", "artist", "track", "album"])
    start = np.datetime64("2010-12-01", "us")
    frame["moment"] = start + frame["moment"].to_numpy().astype("timedelta64[s]")
    plays = mark_plays.fn(frame, zone, 30)
    counts, habits = count_plays.fn(plays), describe_habits.fn(plays)
    sums: list[Callable[[], int]] = [
        counts.by_year["plays"].sum,
        counts.by_month["plays"].sum,
        counts.by_day["plays"].sum,
        habits.clock["plays"].sum,
        habits.streaks["plays"].sum,
        habits.sessions["plays"].sum,
    ]
    assert {int(total()) for total in sums} == {len(rows)}
    assert counts.by_month["new_artists"].sum() == frame["artist"].nunique()
    assert (habits.streaks["days"].sum(), len(habits.sessions)) == (plays["day"].nunique(), plays["session"].nunique())
    ranks = rank_plays.fn(plays, 50)
    totals = defaultdict(int)
    for period, plays_of in rows_of(ranks[ranks["kind"] == "track"], "period", "plays"):
        totals[len(period)] += plays_of
    assert set(totals.values()) == {len(rows)}
