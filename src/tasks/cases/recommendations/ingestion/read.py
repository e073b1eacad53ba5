"""Who rated what, and when? Reads ratings as MovieLens and others publish them: a folder, a file, or a zip."""

import csv
import hashlib
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.ingestion import forms
from tasks.cases.recommendations.sample import write_ratings
from tasks.ingestion.csv_text import NUMBER, read_strictly, unreadable
from tasks.ingestion.files import Data, Source, Ways, locate, noted
from tasks.ingestion.plain_tables import Wanted
from tasks.ingestion.zip_members import Limited, find_member
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
from tasks.platform.store import digest_file
from tasks.platform.text import shorten

COLUMNS = {
    "user": ("userId", "user_id", "userid", "UserID"),
    "film": ("movieId", "Id", "movie_id", "movieid", "MovieID", "book_id", "item_id"),
    "rating": ("rating", "Rating"),
    "timestamp": ("timestamp", "Timestamp"),
}
FILM_COLUMNS = {"film": COLUMNS["film"], "title": ("title", "Title")}
OPTIONAL = "timestamp"  # without it there is no split by time
TYPES = {"user": "int64", "film": "int64", "rating": "float64", "timestamp": "int64"}
MOST_BYTES = {"ratings": 4 * 2**30, "films": 256 * 2**20}  # unpacked
HIGHEST = 5.0  # stars
LONGEST_TITLE, LONGEST_HEAD = 200, 4096  # characters; bytes
REMEDY = "give ratings.csv with the columns userId, movieId, rating and timestamp, as MovieLens publishes it"
DAY = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(Z|\+00:00)?)?"


class Rated(NamedTuple):
    """The rows that could be read, and those that could not."""

    ratings: pd.DataFrame  # user, film, rating, timestamp
    films: pd.DataFrame  # film, title, genres
    quarantine: pd.DataFrame  # path, reason, detail
    replaced: int  # ratings that a user gave anew later, which are left out


WAYS = Ways(write_ratings, ["ratings"], (".csv", ".zip", ".dat", ".data", ".item"), several=True)


WANTED = Wanted(["userId", "movieId", "rating"], ["timestamp"], remedy=REMEDY)


def read_ratings(source: str, scale: float = HIGHEST, columns: str = "") -> Data:
    """Find and read the ratings of a source (`sample`, `public`, a folder, file, zip or address).

    Args:
        source: what the user asked for.
        scale: the highest rating of its scale; ratings come out as stars of 5.
        columns: what the columns of a single file of ratings are called.

    Its parts are those of `Rated`.

    Raises:
        UsageError: no such file, or a folder without ratings.csv.
        ContractError: what is found is no table of ratings.
    """
    ways = replace(WAYS, wanted=WANTED) if columns else WAYS  # the reader knows the names of several publishers
    where = of_ratings(locate(source, ways, columns).load(Source))
    parts = read_rating_files(where.files, scale)
    return noted(Data(where, parts.ratings, parts.quarantine, parts))


def of_ratings(where: Source) -> Source:
    """Keep the ratings and the titles of the files of a folder; a single file is taken whatever its name.

    Raises:
        UsageError: the folder holds no ratings.
    """
    if len(where.files) == 1:
        return where
    names = [file.name for file in where.files]
    wanted = [forms.first_of(names, forms.RATINGS), forms.first_of(names, forms.FILMS)]
    if wanted[0] is None:
        raise UsageError(f"{where.source}: the folder holds no {forms.RATINGS[0]}; name the file, or another folder.")
    kept = [file for file in where.files if file.name.lower() in wanted]
    whole = hashlib.sha256("".join(digest_file(file) for file in kept).encode()).hexdigest()
    return where.model_copy(update={"files": kept, "sha256": whole})


@stage(phase="Data understanding")
def read_rating_files(files: list[Path], scale: float = HIGHEST) -> Rated:
    """Read ratings and the titles of films; a rating that cannot be read goes to quarantine.

    Of several ratings that a user gave a film the last counts, by time and then by the order of the file.

    Args:
        files: ratings and perhaps titles under the names of `forms`, or a zip that holds them; a single file is one of
            ratings.
        scale: the highest rating of the scale.

    Returns:
        The ratings in the order of the file, `user` and `film` (the publisher's numbers), `rating` (stars of 5) and
        `timestamp` (seconds since 1970, UTC; 0 where the file has no times); the films, `film`, `title` and `genres`,
        none where no titles are given.

    Raises:
        ContractError: no CSV in UTF-8, a column that is lacking, a damaged zip, one without ratings.csv, or a file
            larger than is read.
    """
    named = {file.name.lower(): file for file in files}
    first = named.get(forms.first_of(named, forms.RATINGS) or "", files[0])
    films = named.get(forms.first_of(named, forms.FILMS) or "", first if _is_zip(first) else None)
    found, quarantine = _ratings(first, first.name)
    ratings = _last(found)
    ratings = ratings.assign(rating=ratings["rating"] * (HIGHEST / scale)) if scale != HIGHEST else ratings
    return Rated(ratings, _titles(films) if films else _no_titles(), quarantine, len(found) - len(ratings))


def _last(ratings: pd.DataFrame) -> pd.DataFrame:
    """Leave out what a user has rated anew later."""
    pair = ["user", "film"]
    if not ratings.duplicated(pair).any():
        return ratings
    ordered = ratings.sort_values("timestamp", kind="stable")
    again = ordered.duplicated([*pair], keep="last")
    return ratings.drop(index=again.index[again]).reset_index(drop=True)


def _is_zip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"PK\x03\x04"


@contextmanager
def _opened(file: Path, what: str, name: str) -> Iterator[io.BufferedReader | None]:
    """Open a file, or the ratings or films in a zip; None when the zip has none. Reading past the limit raises."""
    most = MOST_BYTES[what]
    try:
        if not _is_zip(file):
            with file.open("rb") as plain:
                yield io.BufferedReader(Limited(plain, most, name))
            return
        with zipfile.ZipFile(file) as archive:
            wanted = forms.RATINGS if what == "ratings" else forms.FILMS
            members = [found for one in wanted if (found := find_member(archive, one)) is not None]
            if not members:
                yield None
                return
            with archive.open(members[0]) as packed:
                yield io.BufferedReader(Limited(packed, most, f"{members[0].filename} in {name}"))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ContractError(f"{name} is a zip that cannot be read ({shorten(str(error), 200)}); {REMEDY}.") from error


def _frame(file: Path, what: str, name: str, **options: Any) -> pd.DataFrame | None:
    """Read the file's columns; None when a zip has no such member."""
    with _opened(file, what, name) as opened:
        if opened is None:
            return None
        if forms.is_bare(opened.peek(LONGEST_HEAD)):
            table = forms.with_header(opened.read(), what)
            return read_strictly(table, name, REMEDY, sep="\t", quoting=csv.QUOTE_NONE, **options)
        return read_strictly(opened, name, REMEDY, **options)


def _chosen(file: Path, what: str, name: str, wanted: dict[str, tuple[str, ...]]) -> dict[str, str] | None:
    """Return which of the file's columns are ours, their name -> ours."""
    head = _frame(file, what, name, nrows=0)
    if head is None:
        return None
    there = [str(column) for column in head.columns]
    pairs = [(next((one for one in theirs if one in there), None), ours) for ours, theirs in wanted.items()]
    absent = ", ".join(" or ".join(wanted[ours][:2]) for found, ours in pairs if not found and ours != OPTIONAL)
    if absent:
        raise ContractError(f"{name} lacks the column {absent} (there are {shorten(', '.join(there), 300)}); {REMEDY}.")
    return {found: ours for found, ours in pairs if found}


def _ratings(file: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read ratings straight into numbers, and row by row only where one is no number."""
    chosen = _chosen(file, "ratings", name, COLUMNS)
    if chosen is None:
        raise ContractError(f"{name} holds no {forms.RATINGS[0]}; {REMEDY}.")
    nothing = pd.DataFrame(columns=["path", "reason", "detail"], dtype=str)
    kinds = defaultdict(lambda: "str", {theirs: TYPES[ours] for theirs, ours in chosen.items()})
    try:
        table = _frame(file, "ratings", name, dtype=kinds, skip_blank_lines=False)
    except (ValueError, OverflowError):
        table = None
    if table is not None and np.isfinite(table[next(k for k, v in chosen.items() if v == "rating")]).all():
        return _timed(table.rename(columns=chosen), 0)[list(TYPES)], nothing
    raw = _frame(file, "ratings", name, dtype=str, keep_default_na=False, skip_blank_lines=False)
    assert raw is not None
    return _typed(_timed(raw.rename(columns=chosen), "0")[list(TYPES)].fillna(""), name)


def _timed(table: pd.DataFrame, none: int | str) -> pd.DataFrame:
    return table if OPTIONAL in table.columns else table.assign(**{OPTIONAL: none})


def _seconds(times: pd.Series) -> pd.Series:
    """Turn times written as days (2005-04-02 23:53:47, UTC) into seconds since 1970, as text; others stay."""
    written = times.str.fullmatch(DAY)
    if not written.any():
        return times
    read = pd.to_datetime(times[written].str.slice(0, 19), format="ISO8601", errors="coerce")
    seconds = (read - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
    return times.mask(written, seconds.astype("Int64").astype("string").fillna("no such time"))


def _typed(raw: pd.DataFrame, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn text into numbers; the second says which rows cannot be read."""
    raw = raw.apply(lambda column: column.str.strip())
    raw = raw[(raw != "").any(axis=1)]
    raw = raw.assign(timestamp=_seconds(raw["timestamp"]))
    reasons = pd.Series("", index=raw.index)
    table = {}
    for column, kind in TYPES.items():
        pattern = r"-?\d{1,15}" if kind == "int64" else NUMBER
        odd = ~raw[column].str.fullmatch(pattern)
        reasons = reasons.mask(
            odd & (reasons == ""), f"{column} is no {'whole number' if kind == 'int64' else 'number'}"
        )
        table[column] = raw[column].mask(odd, "0").to_numpy().astype(kind)
    good = pd.DataFrame(table, index=raw.index)[reasons == ""].reset_index(drop=True)
    return good, unreadable(raw, raw.index.to_series() + 2, reasons, name)


def _no_titles() -> pd.DataFrame:
    return pd.DataFrame({"film": np.empty(0, np.int64), "title": np.empty(0, str), "genres": np.empty(0, str)})


def _titles(file: Path) -> pd.DataFrame:
    """Read the films' titles; a row whose number cannot be read names no film."""
    chosen = _chosen(file, "films", file.name, FILM_COLUMNS)
    raw = _frame(file, "films", file.name, dtype=str, keep_default_na=False) if chosen else None
    if raw is None or chosen is None:
        return _no_titles()
    genres = raw["genres"] if "genres" in raw.columns else pd.Series("", index=raw.index)
    table = raw.rename(columns=chosen)[["film", "title"]].assign(genres=genres).fillna("")
    table = table[table["film"].str.fullmatch(r"-?[0-9]{1,15}")]
    short = {name: table[name].str.slice(0, LONGEST_TITLE) for name in ("title", "genres")}
    return table.assign(film=table["film"].astype("int64"), **short).drop_duplicates("film", ignore_index=True)
