"""Which films are there, and what did they earn? Reads the list of the most voted films of IMDb, a row per film."""

from pathlib import Path
from typing import Annotated, NamedTuple

import pandas as pd

from tasks.cases.movies.originals import ORIGINALS
from tasks.cases.movies.sample import write_movies
from tasks.ingestion.csv_text import NUMBER, read_text_columns, unreadable
from tasks.ingestion.files import Data, Ways, read
from tasks.ingestion.plain_tables import Wanted
from tasks.platform.errors import ContractError
from tasks.platform.stage import Unkeyed, stage

WHOLE = {"Rank": "rank", "Year": "year", "Vote": "votes", "Runtime": "runtime"}
DECIMAL = {"Score": "score"}
MISSING_OK = {"Metascore": "metascore", "Revenue": "revenue"}
MISSING = ["", "NA", "NaN", "N/A"]  # the publisher writes NA
TEXT = {"Title": "title", "Genre": "genres", "Director": "director", "Description": "description"}
NAMES = WHOLE | DECIMAL | MISSING_OK | TEXT
REMEDY = (
    "give a movies.csv with the columns Rank, Title, Year, Score, Metascore, Genre, Vote, Director, Runtime, Revenue"
)
MOST_BYTES = 512 * 2**20


class Films(NamedTuple):
    """The rows that could be read, and those that could not."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame  # path, reason, detail


WANTED = Wanted([name for name in NAMES if name != "Description"], ["Description"], remedy=REMEDY)


def read_films(source: str, columns: str = "") -> Data:
    """Find and read the films of a source (`sample`, `public`, a path or an address)."""
    return read(source, Ways(write_movies, ORIGINALS, wanted=WANTED), read_movies, columns=columns)


@stage(phase="Data understanding")
def read_movies(file: Path, name: Annotated[str, Unkeyed] = "") -> Films:
    """Read films; a row whose number cannot be read goes to quarantine.

    Args:
        file: CSV in UTF-8 with the publisher's columns; others are left out, and Description may be missing.
        name: for messages; that of the file by default.

    Returns:
        The films in the order of the file: `rank`, `year`, `votes`, `runtime` (minutes) as int64, `score` (0 to 10),
        `metascore` (0 to 100) and `revenue` (millions of dollars) as float64, the last two NaN where they are missing,
        `title`, `genres`, `director` and `description` as text, empty where nothing stands. A revenue of 0 is taken
        for missing, as the usual providers write 0 where they know none; `stated_zero` says of which films.

    Raises:
        ContractError: not a CSV file in UTF-8, or one without a column that is needed.
    """
    name = name or file.name
    if file.stat().st_size > MOST_BYTES:
        raise ContractError(f"{name} is larger than {MOST_BYTES // 2**20} MB; {REMEDY}.")
    raw, lines = read_text_columns(file, name, list(NAMES), REMEDY, optional=["Description"])
    table, reasons = _typed(raw)
    kinds = {ours: "int64" if theirs in WHOLE else "float64" for theirs, ours in NAMES.items() if theirs not in TEXT}
    good = table[reasons == ""].astype(kinds).reset_index(drop=True)
    return Films(good, unreadable(raw, lines, reasons, name))


def read_asked(file: Path) -> pd.DataFrame:
    """Read films whose revenue is asked for, as `read_movies` does; a revenue that stands there is not looked at.

    Raises:
        ContractError: a column that is needed is missing, or a row cannot be read.
    """
    raw, lines = read_text_columns(file, file.name, list(NAMES), REMEDY, optional=["Rank", "Description", "Revenue"])
    table, reasons = _typed(raw.assign(Rank="0", Revenue=""))
    if (odd := reasons != "").any():
        raise ContractError(f"{file.name}, line {lines[odd].iloc[0]}: {reasons[odd].iloc[0]}; mend the row.")
    if table.empty:
        raise ContractError(f"{file.name} holds no film.")
    votes = table["votes"].to_numpy(float)
    if not (votes >= 1).all():
        raise ContractError(f"{file.name}: every film needs at least one vote; mend the rows.")
    return table.astype({"votes": "int64", "year": "int64", "runtime": "int64"}).reset_index(drop=True)


def _typed(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Turn text into numbers; the second says why a row cannot be read, or is empty."""
    table, reasons = {}, pd.Series("", index=raw.index)
    for theirs, ours in NAMES.items():
        if theirs in TEXT:
            table[ours] = raw[theirs].mask(raw[theirs].isin(MISSING) & (theirs == "Director"), "")
            continue
        plain = raw[theirs].str.fullmatch(NUMBER)
        number = pd.to_numeric(raw[theirs].where(plain), errors="coerce").astype("float64")
        odd = ~plain & ~((theirs in MISSING_OK) & raw[theirs].isin(MISSING))
        if theirs in WHOLE:
            odd |= plain & (number % 1 != 0)
        reasons = reasons.mask(odd & (reasons == ""), f"{theirs} is no {'whole ' * (theirs in WHOLE)}number")
        table[ours] = number
    table["stated_zero"] = table["revenue"] == 0
    table["revenue"] = table["revenue"].mask(table["stated_zero"])
    return pd.DataFrame(table), reasons
