"""Is an SQLite database of ours whole? One that is damaged is put aside, never removed, so that a new one can be made.

Prefect's holds the history of runs, the deployments and what was saved by hand (blocks, variables); MLflow's mirrors
what the store knows. No result rests on either.
"""

import contextlib
import os
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

from tasks.platform.locks import alone
from tasks.platform.settings import settings

BESIDE = ("", "-wal", "-shm", "-journal")  # the file itself, and what SQLite lays beside it
LARGEST = 1_000_000_000  # bytes that are looked through: 4 s; of a larger one, the list of tables alone
DAMAGED = ("malformed", "not a database", "corrupt")


def of_prefect() -> Path:
    """Return the file of Prefect's database."""
    return Path(os.environ.get("PREFECT_HOME", settings().home / "prefect")) / "prefect.db"


def is_whole(file: Path, table: str = "") -> bool:
    """Tell whether a database is sound (its pages and their order; what a value says is not looked at).

    One that is missing, empty, locked or not to be opened counts as whole: that is another fault, and no damage.

    Args:
        file: the database.
        table: that it has when it is what it should be, and no other program's.
    """
    if not file.exists():
        return True
    try:
        address = f"{file.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=5)) as database:
            database.text_factory = bytes  # damaged names need not be UTF-8
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if names and table and table.encode() not in names:
                return False
            small = file.stat().st_size <= LARGEST
            return not small or database.execute("PRAGMA quick_check(1)").fetchone() == (b"ok",)
    except sqlite3.DatabaseError as error:
        return not any(word in str(error).lower() for word in DAMAGED)
    except UnicodeError:  # what SQLite says holds the damage itself
        return False


def prefect_is_whole() -> bool:
    """Tell whether Prefect's database is sound."""
    return is_whole(of_prefect(), "flow_run")


def mend_prefect() -> None:
    """Put Prefect's database aside when it is damaged; nobody may be making it meanwhile.

    Raises:
        TransientError: another process has been making it for longer than the setting `server_start`.
    """
    if not prefect_is_whole():
        with alone(of_prefect().with_name("migration.lock"), settings().server_start):
            mended(of_prefect(), "flow_run", "Prefect's history of runs")


def put_aside(file: Path) -> Path:
    """Rename a database, with what lies beside it; return its new place."""
    mark = f".damaged-{datetime.now():%Y%m%d-%H%M%S}"
    for ending in BESIDE:
        part = file.with_name(f"{file.name}{ending}")
        with contextlib.suppress(FileNotFoundError):
            part.rename(part.with_name(f"{part.name}{mark}"))
    return file.with_name(f"{file.name}{mark}")


def mended(file: Path, table: str, what: str) -> bool:
    """Put a database aside when it is damaged, and say so on standard error; tell whether that was done.

    Args:
        file: the database.
        table: that it has to have.
        what: is in it, as the beginning of a sentence.
    """
    if is_whole(file, table):
        return False
    place = put_aside(file)
    print(f"  {what} was damaged: {file} is now {place.name}, and a new one is made.", file=sys.stderr, flush=True)
    return True
