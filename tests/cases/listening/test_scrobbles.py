"""Exports of every usual tool give the same plays; what cannot be read is put aside and counted; nothing is guessed."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.listening.ingestion.moments import read_moments, time_zone
from tasks.cases.listening.ingestion.scrobbles import Scrobbles, read_scrobbles
from tasks.platform.errors import ContractError, UsageError

FIRST, SECOND = "2020-04-13 05:01:31", "2020-04-13 04:57:59"
SECONDS = [int(pd.Timestamp(moment, tz="UTC").timestamp()) for moment in (FIRST, SECOND)]
PLAYS = [("Björk", "Jóga", "Homogenic"), ("Tool, the band", 'The "Pot"', None)]


def read(folder: Path, text: str | bytes, name: str = "export.csv", **more: str) -> Scrobbles:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_scrobbles.fn([file], **more)


def plays(result: Scrobbles) -> list[tuple[str, ...]]:
    return [(row.artist, row.track, row.album) for row in result.frame.itertuples()]


def table(rows: list[list[object]], separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


def rows(order: str, moments: list[object]) -> list[list[object]]:
    found = []
    for moment, (artist, track, album) in zip(moments, PLAYS, strict=True):
        values = {"artist": artist, "track": track, "album": album or "", "date": moment, "-": "mbid"}
        found.append([values[name] for name in order.split()])
    return found


R_EXPORT = [[number, *row] for number, row in enumerate(rows("date artist track album", [FIRST, SECOND]), start=1)]
GHAN = [
    [s, "13 Apr 2020, 05:01", *row] for s, row in zip(SECONDS, rows("artist - album - track -", SECONDS), strict=True)
]
MILLISECONDS = rows("artist album - track date", [f"{second}000" for second in SECONDS])
WITH_SECONDS = [
    table([["", "date", "artist", "track", "album"], *R_EXPORT]),
    table([["Artist", "Album", "AlbumId", "Track", "Date#someone"], *MILLISECONDS], ";"),
    table([["uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid"], *GHAN]),
    table(rows("date track artist album - - -", SECONDS), "\t"),
    table(rows("artist album track date", ["2020-04-13T05:01:31Z", "2020-04-13T06:57:59+02:00"])),
    table(rows("artist album track date", [FIRST.replace("-", "/"), SECOND.replace("-", "/")])),
    table(rows("artist album track date", ["13.04.2020 05:01:31", "13.04.2020 04:57:59"])),
    table(rows("artist album track date", ["04/13/2020 05:01:31", "04/13/2020 04:57:59"])),
]


@pytest.mark.parametrize("text", WITH_SECONDS)
@pytest.mark.parametrize("change", [str, lambda text: text.replace("\r\n", "\n"), lambda text: "\ufeff" + text])
def test_every_usual_export_gives_the_same_plays(tmp_path: Path, text: str, change: object) -> None:
    result = read(tmp_path, change(text))  # type: ignore[operator]
    assert plays(result) == PLAYS
    assert result.frame["moment"].tolist() == [pd.Timestamp(FIRST), pd.Timestamp(SECOND)]
    assert len(result.quarantine) == 0
    assert result.records == 2


@pytest.mark.parametrize("form", ["%d %b %Y %H:%M", "%d %b %Y, %H:%M", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M"])
def test_times_to_the_minute(tmp_path: Path, form: str) -> None:
    moments = [f"{pd.Timestamp(moment):{form}}" for moment in (FIRST, SECOND)]
    result = read(tmp_path, table(rows("artist album track date", moments)))
    assert plays(result) == PLAYS
    assert result.frame["moment"].tolist() == [pd.Timestamp(FIRST).floor("min"), pd.Timestamp(SECOND).floor("min")]


def test_columns_may_be_named_and_left_out(tmp_path: Path) -> None:
    text = table(rows("- track artist date", [FIRST, SECOND]))
    result = read(tmp_path, text, columns="-, track, artist, date")
    assert plays(result) == [(artist, track, None) for artist, track, _ in PLAYS]
    assert result.layouts == ["export.csv: without header, comma, columns track, artist, date"]


@pytest.mark.parametrize("columns", ["artist,track", "artist,track,when", "artist,track,date,date", "date"])
def test_odd_columns_are_one_sentence(tmp_path: Path, columns: str) -> None:
    with pytest.raises(UsageError, match="name date, artist, track"):
        read(tmp_path, "a,b,c\n", columns=columns)


def test_older_encodings_are_read(tmp_path: Path) -> None:
    text = table(rows("artist album track date", [FIRST, SECOND]))
    for encoding in ("cp1252", "utf-16"):
        assert plays(read(tmp_path, text.encode(encoding))) == PLAYS


def test_what_cannot_be_read_is_put_aside_with_its_line(tmp_path: Path) -> None:
    text = (
        'date,artist,track,album\n2020-01-01 10:00,A,"two\nlines",X\n,A,T,X\nnow playing,A,T,X\n\n'
        "2023-02-30 10:00,A,T,X\n2020-01-01 11:00,A\n2020-01-02 10:00,A,T\n2020-01-02 11:00,A,T,NA\n"
    )
    result = read(tmp_path, text)
    assert result.frame["line"].tolist() == [f"export.csv, line {number}" for number in (2, 9, 10)]
    assert result.frame["track"].tolist()[0] == "two\nlines"
    assert result.frame["album"].tolist() == ["X", None, None]
    put = dict(zip(result.quarantine["path"], result.quarantine["reason"], strict=True))
    assert put == dict.fromkeys([f"export.csv, line {n}" for n in (4, 5, 7)], "the date cannot be read") | {
        "export.csv, line 8": "too few fields"
    }
    assert result.records == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("date,band,song title\n2020-01-01 10:00,A,T\n", "no columns for date, artist and track"),
        ("just text\nno table\n", "no columns"),
        (
            table(rows("artist album track date", ["05/04/2020 10:00", "06/04/2020 11:00"])),
            "do not tell day from month",
        ),
        ('date,artist,track\n2020-01-01 10:00,"' + "x" * 200_000, "line 2: cannot be read as a table"),
    ],
)
def test_what_is_no_export_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ContractError, match=words) as caught:
        read(tmp_path, text)
    assert len(str(caught.value)) < 600


def test_several_files_keep_their_order(tmp_path: Path) -> None:
    files = []
    for name, text in (("a.csv", WITH_SECONDS[0]), ("b.csv", WITH_SECONDS[3])):
        (tmp_path / name).write_text(text)
        files.append(tmp_path / name)
    result = read_scrobbles.fn(files)
    assert result.records == len(result.frame) == 4
    assert result.frame["line"].tolist()[2] == "b.csv, line 1"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = "=cmd|'/c calc'!A1 </td><script>\u202e🙂"
    result = read(tmp_path, table([["date", "artist", "track"], [FIRST, evil, "x" * 100_000]]))
    assert result.frame["artist"].tolist() == [evil]


def test_a_null_byte_does_no_harm(tmp_path: Path) -> None:
    try:
        result = read(tmp_path, "date,artist,track\n2020-01-01 10:00,A\x00,T\n")
    except ContractError as error:
        assert "line 2" in str(error)  # noqa: PT017 - Python 3.11 reads it, others may refuse
    else:
        assert result.records == 1


def test_a_zone_of_the_export_is_turned_into_utc() -> None:
    texts = pd.Series(["2024-07-01 12:00", "2024-01-01 12:00", "2024-03-31 02:30", "2024-10-27 02:30", "1711846800"])
    found = read_moments(texts, "Europe/Berlin", "here")
    said = ["2024-07-01 10:00", "2024-01-01 11:00", None, "2024-10-27 00:30", "2024-03-31 01:00"]
    assert found.tolist() == [pd.Timestamp(text) if text else pd.NaT for text in said] or found.isna().tolist() == [
        text is None for text in said
    ]
    assert found.dropna().tolist() == [pd.Timestamp(text) for text in said if text]


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../etc/passwd", "/etc/localtime", "Europe", "x" * 300])
def test_no_zone_is_one_sentence(zone: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        time_zone(zone)
    with pytest.raises(UsageError, match="export_zone"):
        read_moments(pd.Series(["2024-01-01 10:00"]), zone, "here")


MOMENTS = st.datetimes(datetime(2002, 1, 1), datetime(2037, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
FORMS = [
    lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}",
    lambda moment: str(int(moment.replace(tzinfo=UTC).timestamp())),
    lambda moment: str(int(moment.replace(tzinfo=UTC).timestamp()) * 1000),
    lambda moment: f"{moment:%d.%m.%Y %H:%M:%S}",
    lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    lambda moment: f"{moment + timedelta(hours=5, minutes=30):%Y-%m-%dT%H:%M:%S}+05:30",
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(MOMENTS, st.sampled_from(FORMS)), min_size=1, max_size=8))
def test_any_moment_in_any_form_is_read_back(cases: list[tuple[datetime, object]]) -> None:
    texts = pd.Series([form(moment) for moment, form in cases])  # type: ignore[operator]
    assert read_moments(texts, "UTC", "here").tolist() == [pd.Timestamp(moment) for moment, _ in cases]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_text_is_a_moment_or_nothing(texts: list[str]) -> None:
    found = read_moments(pd.Series(texts, dtype=object), "UTC", "here", strict=False)
    assert len(found) == len(texts)
    assert str(found.dtype) == "datetime64[us]"


def played(separator: str, order: str, date: str) -> str:
    """Return plays without header: 3 artists, each with 2 albums of 3 tracks, one after the other, twice."""
    lines = []
    for number in range(36):
        at = number % 18
        values = {
            "artist": f"Band {at // 6}",
            "album": f"Record {at // 3}",
            "track": f"Song {at}",
            "-": "",
            "date": (pd.Timestamp(FIRST) + pd.Timedelta(days=number)).strftime(date),
        }
        lines.append(separator.join(values[name] for name in order.split()))
    return "\n".join(lines)


@pytest.mark.parametrize(
    "order",
    [
        "date artist track album",
        "date track artist album",
        "artist album track date - -",
        "track artist album date",
        "date artist track",
        "track artist date",
    ],
)
@pytest.mark.parametrize("date", ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S +00:00"])
def test_columns_without_header_are_told_by_what_repeats(tmp_path: Path, order: str, date: str) -> None:
    result = read(tmp_path, played(",", order, date))
    assert result.frame["artist"].str.startswith("Band").all()
    assert result.frame["track"].str.startswith("Song").all()
    assert result.frame["album"].isna().all() or result.frame["album"].str.startswith("Record").all()
    assert result.frame["moment"][0] == pd.Timestamp(FIRST)


def test_columns_that_do_not_tell_are_asked_for(tmp_path: Path) -> None:
    text = table(rows("date artist track album", [FIRST, SECOND]))  # each artist once: as well a track
    with pytest.raises(ContractError, match="--columns date,artist,track,album"):
        read(tmp_path, text)
    assert plays(read(tmp_path, text, columns="date,artist,track,album")) == PLAYS


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("31.01.2018 04:58:59 +00:00", "2018-01-31 04:58:59"),
        ("31.01.2018 04:58:59 +02:00", "2018-01-31 02:58:59"),
        ("13 Apr 2020, 05:01 -0430", "2020-04-13 09:31:00"),
        ("2020/04/13 05:01 Z", "2020-04-13 05:01:00"),
        ("13/04/2020 05:01 GMT", "2020-04-13 05:01:00"),
    ],
)
def test_offsets_count_in_every_form(text: str, moment: str) -> None:
    assert read_moments(pd.Series([text]), "Asia/Tokyo", "x").tolist() == [pd.Timestamp(moment)]


@pytest.mark.parametrize("case", ["listening-date-first-noheader", "listening-scrubbler"])
def test_the_exports_that_people_have(shared: Path, case: str) -> None:
    file = shared / "cases" / case / "scrobbles.csv"
    if not file.exists():
        pytest.skip(f"../shared/cases/{case} is missing")
    result = read_scrobbles.fn([file])
    assert result.quarantine.empty
    assert len(result.frame) == 400
    assert result.frame["artist"][0] == "Alva"
    assert result.frame["track"][0] == "Alva Song 2"
    assert result.frame["album"][0] == "Alva Album 3"
    assert result.frame["moment"][0] == pd.Timestamp("2018-01-03 00:35")


@pytest.mark.parametrize(
    ("name", "header"),
    [("plays.xlsx", True), ("plays.xlsx", False), ("plays.parquet", True), ("named.csv", True), ("named.csv", False)],
)
def test_a_workbook_or_parquet_gives_the_same_plays(tmp_path: Path, name: str, header: bool) -> None:
    rows = [[artist, track, album, when] for (artist, track, album), when in zip(PLAYS, (FIRST, SECOND), strict=True)]
    cells = pd.DataFrame(rows, columns=["artist", "track", "album", "date"] if header else [str(n) for n in range(4)])
    file = tmp_path / name
    if name.endswith("parquet"):
        cells.to_parquet(file)
    else:
        cells.to_excel(tmp_path / "x.xlsx", index=False, header=header)
        (tmp_path / "x.xlsx").rename(file)
    result = read_scrobbles.fn([file], **({} if header else {"columns": "artist,track,album,date"}))
    assert plays(result) == PLAYS
    assert [int(moment.timestamp()) for moment in result.frame["moment"]] == SECONDS


@pytest.mark.parametrize("content", [b"PK\x03\x04 no workbook", b"PAR1 no parquet PAR1"])
def test_what_begins_like_a_workbook_and_is_none_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ContractError, match="give an export of plays, as CSV") as caught:
        read(tmp_path, content)
    assert "PK" not in str(caught.value)
