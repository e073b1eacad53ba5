"""States of lifts as anyone keeps them: a table with a row per lift and time. It becomes saved answers, one a time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.ingestion.plain_tables import Wanted, made_from, plain
from tasks.platform.errors import ContractError
from tasks.platform.text import shorten

REMEDY = "give a table with time, number, station and state of each lift, or saved answers of the service (JSON)"
NEEDED = ["observed", "equipmentnumber", "stationnumber", "state"]
OTHERS = ["stateExplanation", "description", "operatorname", "geocoordX", "geocoordY"]
WANTED = Wanted(NEEDED, OTHERS, remedy=REMEDY)
MOST_TIMES = 20_000
MOST_REPEATED = 0.05  # of the rows; fewer are put aside by the reader
FORMAT = 1  # of the answers that are made


def as_answers(file: Path, columns: Mapping[str, str]) -> list[Path]:
    """Return a table of states as saved answers of the service, one file for each time.

    Args:
        file: a table of the user's own.
        columns: our name -> the name in the file, of those that are called otherwise.

    Raises:
        ContractError: a column is missing, or a time cannot be read; the sentence says what to do.
    """
    place = made_from(file, f"lifts {FORMAT} {sorted(columns.items())}")
    made = Path(place.root) / "made.json"  # written last: where it lies, all of them lie
    if not made.is_file():
        names = []
        for moment, rows in _dated(file, columns).groupby("observed", sort=True):
            name = f"facilities-{pd.Timestamp(str(moment)):%Y%m%dT%H%M%SZ}.json"
            answer = [_facility(row) for row in rows.drop(columns="observed").to_dict("records")]
            place.write_bytes(name, json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
            names.append(name)
        place.write_bytes(made.name, json.dumps(names).encode())
    return [made.with_name(name) for name in json.loads(made.read_text("utf-8"))]


def _dated(file: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    table = pd.read_csv(plain(file, WANTED, columns), dtype=str, keep_default_na=False)
    table = table[[name for name in WANTED.names if name in table.columns]]
    if table.empty:
        raise ContractError(f"{file.name} has no row; {REMEDY}.")
    moments = pd.to_datetime(table["observed"], errors="coerce", utc=True, format="ISO8601")
    if moments.isna().any():
        first = shorten(str(table.loc[moments.isna(), "observed"].iloc[0]), 60)
        raise ContractError(
            f"{file.name}: {int(moments.isna().sum()):,} of {len(table):,} rows have no time that can be read in the"
            f" column {columns.get('observed', 'observed')} (the first: {first!r}); write times as 2026-03-01T02:15Z."
        )
    if moments.nunique() > MOST_TIMES:
        raise ContractError(f"{file.name} holds {moments.nunique():,} times, more than {MOST_TIMES:,}; give fewer.")
    again = table.assign(observed=moments).duplicated(["observed", "equipmentnumber"])
    if again.sum() > MOST_REPEATED * len(table):
        twice = table[again].iloc[0]
        raise ContractError(
            f"{file.name}: {int(again.sum()):,} of {len(table):,} rows tell a lift at a time twice (the first:"
            f" {shorten(str(twice['equipmentnumber']), 40)} at {shorten(str(twice['observed']), 40)}); keep one row per"
            " lift and time."
        )
    return table.assign(observed=moments)


def _facility(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a facility as the service answers it; what is no number stays, and the reader puts it aside."""
    told: dict[str, Any] = {"type": "ELEVATOR", **{str(name): str(value) for name, value in row.items() if value != ""}}
    told["state"] = str(told.get("state", "")).strip().upper()
    for name, kind in (("equipmentnumber", int), ("stationnumber", int), ("geocoordX", float), ("geocoordY", float)):
        try:
            told[name] = kind(told[name])
        except (KeyError, ValueError):
            continue
    return told
