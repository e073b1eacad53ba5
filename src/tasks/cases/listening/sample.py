"""The listening history of an invented listener: an export as Last.fm's users have it, with a known truth.

Three years in Berlin, written in UTC as such exports are. Planted, and told by `sample_truth`: the longest streak (it
spans the change to daylight saving time), the artists that each year is new to, every session, plays counted twice, and
dates that cannot be. No other streak is as long, because every ninth day of the rest is silent.
"""

import csv
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

ZONE = "Europe/Berlin"
FIRST, LAST = date(2022, 1, 1), date(2024, 12, 31)
STREAK = (date(2024, 3, 4), date(2024, 4, 13))
FILE = "scrobbles.csv"
SEED = 1977
SILENT_EVERY = 9  # days
ARTISTS = 60
AFTER_MIDNIGHT = 0.12  # share of evenings that run into the next day
NO_ALBUM = 0.02
IMPOSSIBLE = ("1970-01-01 00:00:00", "1970-01-01 01:00:07", "1969-12-31 23:59:59", "2101-05-04 10:00:00")
UNREADABLE = ("", "now playing", "2023-02-30 12:00:00")
FIRST_WORDS = ("Quiet", "Iron", "Velvet", "Northern", "Paper", "Glass", "Amber", "Hollow", "Copper", "Distant")
SECOND_WORDS = ("Harbour", "Foxes", "Machine", "Orchard", "Signals", "Meridian")
OF_TRACKS = ("Tide", "Lantern", "Mile", "Window", "Ember", "Room", "Signal", "Winter")


class Play(NamedTuple):
    """One play, before it becomes a line."""

    moment: datetime
    artist: str
    track: str
    album: str


@dataclass
class Truth:
    """What the flow has to find in the sample."""

    plays: int = 0
    sessions: int = 0
    doubles: int = 0
    impossible: int = len(IMPOSSIBLE)
    unreadable: int = len(UNREADABLE)
    without_album: int = 0
    streak_start: date = STREAK[0]
    streak_days: int = (STREAK[1] - STREAK[0]).days + 1
    plays_of_year: Counter[int] = field(default_factory=Counter)
    plays_of_hour: Counter[int] = field(default_factory=Counter)
    artists_of_year: dict[int, Counter[str]] = field(default_factory=dict)
    debuts: dict[str, date] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Plays as the file has them."""
        return self.plays + self.doubles + self.impossible + self.unreadable


def _artists() -> list[str]:
    return [f"{first} {second}" for second in SECOND_WORDS for first in FIRST_WORDS]


def _debut_days(chance: np.random.Generator) -> dict[str, date]:
    """Return the day of each artist's first play: forty in the first weeks, then one now and then."""
    names = _artists()
    days = [FIRST + timedelta(days=1 + number // 4) for number in range(40)]
    later = np.sort(chance.choice(np.arange(60, (LAST - FIRST).days - 60), ARTISTS - 40, replace=False))
    days += [FIRST + timedelta(days=int(day)) for day in later]
    return {name: _not_silent(day) for name, day in zip(names, days, strict=True)}


def _silent(day: date) -> bool:
    if STREAK[0] <= day <= STREAK[1]:
        return False
    beside = (STREAK[0] - timedelta(days=1), STREAK[1] + timedelta(days=1))
    return day in beside or (day - FIRST).days % SILENT_EVERY == 0


def _not_silent(day: date) -> date:
    while _silent(day):
        day += timedelta(days=1)
    return day


def _starts(chance: np.random.Generator, day: date) -> list[tuple[datetime, bool]]:
    """Return when the sessions of a day begin, in local time, and which of them may run past midnight."""
    zone = ZoneInfo(ZONE)
    busy = day.weekday() >= 5
    hours = [int(chance.integers(9, 12))] if chance.random() < (0.8 if busy else 0.35) else []
    hours += [int(chance.integers(18, 20))]
    starts = [
        (datetime(day.year, day.month, day.day, hour, int(chance.integers(60)), tzinfo=zone), False) for hour in hours
    ]
    tomorrow = day + timedelta(days=1)
    if chance.random() < AFTER_MIDNIGHT and not _silent(tomorrow):
        starts.append((datetime(day.year, day.month, day.day, 23, 20, tzinfo=zone), True))
    return starts


def _session(chance: np.random.Generator, start: datetime, length: int, known: list[str], wanted: str) -> list[Play]:
    """Return the plays of one session; `wanted` comes first where it is given."""
    weights = 1.0 / np.arange(1, len(known) + 1) ** 0.8
    moment, plays = start.astimezone(UTC), []
    for number in range(length):
        artist = wanted if wanted and not number else known[int(chance.choice(len(known), p=weights / weights.sum()))]
        track = int(chance.integers(len(OF_TRACKS) * 2))
        album = "" if chance.random() < NO_ALBUM else f"{artist.split()[0]} {'I' * (1 + track // len(OF_TRACKS))}"
        word = "of" if track < len(OF_TRACKS) else "without"
        name = f"{OF_TRACKS[track % len(OF_TRACKS)]} {word} {artist.split()[1]}"
        plays.append(Play(moment, artist, name, album))
        moment += timedelta(seconds=int(chance.integers(150, 330)))
    return plays


def _history() -> tuple[list[Play], Truth]:
    """Return all true plays, oldest first, and the truth about them."""
    chance = np.random.default_rng(SEED)
    truth = Truth(debuts=_debut_days(chance))
    plays: list[Play] = []
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        if _silent(day):
            continue
        news = [name for name, debut in truth.debuts.items() if debut == day]
        known = [name for name, debut in truth.debuts.items() if debut <= day]
        for place, (start, late) in enumerate(_starts(chance, day)):
            length = 14 if late else int(chance.integers(3, 9))
            for wanted in (news if not place else []) or [""]:
                length_of_this = 1 if wanted and wanted != news[-1] else length
                played = _session(chance, start, length_of_this, known, wanted)
                plays += played
                start = played[-1].moment + timedelta(seconds=200)
            truth.sessions += 1
    _count(plays, truth)
    return plays, truth


def _count(plays: list[Play], truth: Truth) -> None:
    zone = ZoneInfo(ZONE)
    truth.plays = len(plays)
    for play in plays:
        local = play.moment.astimezone(zone)
        truth.plays_of_year[local.year] += 1
        truth.plays_of_hour[local.hour] += 1
        truth.artists_of_year.setdefault(local.year, Counter())[play.artist] += 1
        truth.without_album += not play.album


def _doubled(plays: list[Play]) -> list[Play]:
    """Return plays that were counted twice: at the very moment, or some seconds later."""
    chance = np.random.default_rng(SEED + 1)
    chosen = np.sort(chance.choice(len(plays), 30, replace=False))
    waits = [0 if number % 2 else int(chance.integers(1, 10)) for number in range(len(chosen))]
    return [
        plays[i]._replace(moment=plays[i].moment + timedelta(seconds=wait))
        for i, wait in zip(chosen, waits, strict=True)
    ]


def sample_truth() -> Truth:
    """Return what is true of the sample, counted while it was made up."""
    plays, truth = _history()
    truth.doubles = len(_doubled(plays))
    return truth


def write_listening(folder: Path) -> None:
    """Write the export as R does: numbered, newest play first, times in UTC without a zone, NA for no album."""
    plays, _ = _history()
    every = sorted([*plays, *_doubled(plays)], key=lambda play: play.moment, reverse=True)
    lines = [(f"{play.moment:%Y-%m-%d %H:%M:%S}", play.artist, play.track, play.album or "NA") for play in every]
    odd = [(text, "Quiet Harbour", "Tide of Harbour", "Quiet I") for text in (*IMPOSSIBLE, *UNREADABLE)]
    step = len(lines) // (len(odd) + 1)
    for number, line in enumerate(odd, start=1):
        lines.insert(number * step, line)
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["", "date", "artist", "track", "album"])
        writer.writerows([str(number), *line] for number, line in enumerate(lines, start=1))
