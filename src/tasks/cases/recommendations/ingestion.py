"""Who rated what, and when? Reads ratings in the MovieLens format: a folder, a CSV file, or the published zip."""

import hashlib
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.recommendations.sample import write_ratings
from tasks.ingestion.csv_text import NUMBER, read_strictly, unreadable
from tasks.ingestion.files import Data, Source, Ways, locate, noted
from tasks.ingestion.zip_members import Limited, find_member
from tasks.platform.errors import ContractError, UsageError
from tasks.platform.stage import stage
from tasks.platform.store import digest_file
from tasks.platform.text import shorten

RATINGS, FILMS = "ratings.csv", "movies.csv"
COLUMNS = {"user": ("userId",), "film": ("movieId", "Id"), "rating": ("rating",), "timestamp": ("timestamp",)}
FILM_COLUMNS = {"film": ("movieId", "Id"), "title": ("title",)}
TYPES = {"user": "int64", "film": "int64", "rating": "float64", "timestamp": "int64"}
MOST_BYTES = {RATINGS: 4 * 2**30, FILMS: 256 * 2**20}  # unpacked
LONGEST_TITLE = 200  # characters
REMEDY = "give ratings.csv with the columns userId, movieId, rating and timestamp, as MovieLens publishes it"


class Rated(NamedTuple):
    """The rows that could be read, and those that could not."""

    ratings: pd.DataFrame  # user, film, rating, timestamp
    films: pd.DataFrame  # film, title, genres
    quarantine: pd.DataFrame  # path, reason, detail


WAYS = Ways(write_ratings, ["ratings"], (".csv", ".zip"), several=True)


def read_ratings(source: str) -> Data:
    """Find and read the ratings of a source (`sample`, `public`, a folder, CSV file, zip or address).

    Its parts are those of `Rated`.

    Raises:
        UsageError: no such file, or a folder without ratings.csv.
        ContractError: what is found is no table of ratings.
    """
    where = of_ratings(locate(source, WAYS).load(Source))
    parts = read_rating_files(where.files)
    return noted(Data(where, parts.ratings, parts.quarantine, parts))


def of_ratings(where: Source) -> Source:
    """Keep ratings.csv and movies.csv of the files of a folder; a single file is taken whatever its name.

    Raises:
        UsageError: the folder holds no ratings.csv.
    """
    if len(where.files) == 1:
        return where
    kept = [file for file in where.files if file.name.lower() in {RATINGS, FILMS}]
    if not any(file.name.lower() == RATINGS for file in kept):
        raise UsageError(f"{where.source}: the folder holds no {RATINGS}; name the file, or another folder.")
    whole = hashlib.sha256("".join(digest_file(file) for file in kept).encode()).hexdigest()
    return where.model_copy(update={"files": kept, "sha256": whole})


@stage(phase="Data understanding")
def read_rating_files(files: list[Path]) -> Rated:
    """Read ratings and the titles of films; a rating that cannot be read goes to quarantine.

    Args:
        files: `ratings.csv` and perhaps `movies.csv`, or a zip that holds them; a single CSV file is one of ratings.

    Returns:
        The ratings in the order of the file, `user` and `film` (the publisher's numbers), `rating` (stars) and
        `timestamp` (seconds since 1970, UTC); the films, `film`, `title` and `genres`, none where no titles are given.

    Raises:
        ContractError: no CSV in UTF-8, a column that is lacking, a damaged zip, one without ratings.csv, or a file
            larger than is read.
    """
    named = {file.name.lower(): file for file in files}
    first = named.get(RATINGS, files[0])
    films = named.get(FILMS, first if _is_zip(first) else None)
    ratings, quarantine = _ratings(first, first.name)
    return Rated(ratings, _titles(films) if films else _no_titles(), quarantine)


def _is_zip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"PK\x03\x04"


@contextmanager
def _opened(file: Path, member: str, name: str) -> Iterator[io.BufferedReader | None]:
    """Open a file, or the member of that name in a zip; None when the zip has none. Reading past the limit raises."""
    most = MOST_BYTES[member]
    try:
        if not _is_zip(file):
            with file.open("rb") as plain:
                yield io.BufferedReader(Limited(plain, most, name))
            return
        with zipfile.ZipFile(file) as archive:
            found = find_member(archive, member)
            if found is None:
                yield None
                return
            with archive.open(found) as packed:
                yield io.BufferedReader(Limited(packed, most, f"{member} in {name}"))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ContractError(f"{name} is a zip that cannot be read ({shorten(str(error), 200)}); {REMEDY}.") from error


def _frame(file: Path, member: str, name: str, **options: Any) -> pd.DataFrame | None:
    """Read the file's columns; None when a zip has no such member."""
    with _opened(file, member, name) as opened:
        return None if opened is None else read_strictly(opened, name, REMEDY, **options)


def _chosen(file: Path, member: str, name: str, wanted: dict[str, tuple[str, ...]]) -> dict[str, str] | None:
    """Return which of the file's columns are ours, their name -> ours."""
    head = _frame(file, member, name, nrows=0)
    if head is None:
        return None
    there = [str(column) for column in head.columns]
    chosen = {next((column for column in theirs if column in there), ""): ours for ours, theirs in wanted.items()}
    if "" in chosen:
        absent = ", ".join(
            " or ".join(theirs) for theirs in wanted.values() if not any(column in there for column in theirs)
        )
        raise ContractError(f"{name} lacks the column {absent} (there are {shorten(', '.join(there), 300)}); {REMEDY}.")
    return chosen


def _ratings(file: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read ratings straight into numbers, and row by row only where one is no number."""
    chosen = _chosen(file, RATINGS, name, COLUMNS)
    if chosen is None:
        raise ContractError(f"{name} holds no {RATINGS}; {REMEDY}.")
    nothing = pd.DataFrame(columns=["path", "reason", "detail"], dtype=str)
    kinds = defaultdict(lambda: "str", {theirs: TYPES[ours] for theirs, ours in chosen.items()})
    try:
        table = _frame(file, RATINGS, name, dtype=kinds, skip_blank_lines=False)
    except (ValueError, OverflowError):
        table = None
    if table is not None and np.isfinite(table[next(k for k, v in chosen.items() if v == "rating")]).all():
        return table.rename(columns=chosen)[list(TYPES)], nothing
    raw = _frame(file, RATINGS, name, dtype=str, keep_default_na=False, skip_blank_lines=False)
    assert raw is not None
    return _typed(raw.rename(columns=chosen)[list(TYPES)].fillna(""), name)


def _typed(raw: pd.DataFrame, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn text into numbers; the second says which rows cannot be read."""
    raw = raw.apply(lambda column: column.str.strip())
    raw = raw[(raw != "").any(axis=1)]
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
    chosen = _chosen(file, FILMS, FILMS, FILM_COLUMNS)
    raw = _frame(file, FILMS, FILMS, dtype=str, keep_default_na=False) if chosen else None
    if raw is None or chosen is None:
        return _no_titles()
    genres = raw["genres"] if "genres" in raw.columns else pd.Series("", index=raw.index)
    table = raw.rename(columns=chosen)[["film", "title"]].assign(genres=genres).fillna("")
    table = table[table["film"].str.fullmatch(r"-?\d{1,15}")]
    short = {name: table[name].str.slice(0, LONGEST_TITLE) for name in ("title", "genres")}
    return table.assign(film=table["film"].astype("int64"), **short).drop_duplicates("film", ignore_index=True)
