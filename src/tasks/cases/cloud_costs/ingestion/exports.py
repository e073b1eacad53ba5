"""What did the cloud cost, row by row? All exports of a source together, each cost once.

A folder may hold the same costs twice: an export of the month to date is written every night, a file may have been
copied. Of the runs that Azure writes below one period's folder the latest counts, and a row that stands in several
files counts once (as often as it stands in one of them).
"""

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tasks.cases.cloud_costs.ingestion.columns import COLUMNS
from tasks.cases.cloud_costs.ingestion.convert import Converted, convert
from tasks.cases.cloud_costs.ingestion.tables import NoCostsError, read_cells
from tasks.cases.cloud_costs.sample import write_exports
from tasks.ingestion.csv_text import unreadable
from tasks.ingestion.files import Data, Source, Ways, locate, noted
from tasks.platform.digests import digest_file
from tasks.platform.errors import ContractError
from tasks.platform.progress import progress
from tasks.platform.stage import stage

NO_PUBLIC = (
    "The cloud-costs case has no public original that is pinned; give exports of your own by --source, such as the"
    " FOCUS sample data of the FinOps Foundation, or take the sample."
)
SUFFIXES = (".csv", ".gz", ".parquet", ".xlsx")
WAYS = Ways(write_exports, (), SUFFIXES, several=True, no_public=NO_PUBLIC, nested=True)
PERIOD = re.compile(r"^\d{8}-\d{8}$")  # Azure's folder of a month: 20260901-20260930/<run>/part_0_0001.csv
PART = re.compile(r"(?i)part[-_]?\d+|[-_]\d{5}\b")  # of one run: part_0_0001.csv of Azure, costs-00001.csv.gz of AWS


class Costs(NamedTuple):
    """The rows in FOCUS columns, what could not be read, the exports' own forecasts, and what each file is."""

    frame: pd.DataFrame  # COLUMNS, and x_Export: kind of the export
    quarantine: pd.DataFrame  # path, reason, detail
    forecast: pd.DataFrame  # day, cost, currency
    files: pd.DataFrame  # file, kind, rows, counted, first, last


class _Read(NamedTuple):
    name: str
    run: str  # the files of one run of one export share it
    period: str  # folder of the period, "" outside of Azure's
    frame: pd.DataFrame


def read_costs(source: str) -> Data:
    """Find and read the exports of a source: `sample`, a file, a folder, or the address of either."""
    where = locate(source, WAYS).load(Source)
    layout = ["/".join(file.parts[-4:]) for file in where.files]
    parts = read_exports(where.files, layout)
    return noted(Data(where, parts.frame, parts.quarantine, parts))


@stage(phase="Data understanding")
def read_exports(files: list[Path], layout: list[str]) -> Costs:
    """Read exports of FOCUS 1.0 to 1.3 and of Azure Cost Management.

    Args:
        files: CSV (also gzip), Parquet or Excel.
        layout: how they lie in their folders, which tells runs of one export apart and is part of the stage's key.

    Returns:
        Rows with a day, a cost and a currency; texts are empty where nothing is known.

    Raises:
        ContractError: no file with costs, or a damaged or hostile one. A file without costs among others is put aside.
    """
    read: list[_Read] = []
    aside: list[pd.DataFrame] = []
    seen: set[str] = set()
    for file in progress(files, "reading", len(files), "file"):
        if file.name.startswith((".", "~$")) or file.stat().st_size == 0 or (digest := digest_file(file)) in seen:
            continue  # a copy of a file costs nothing more
        seen.add(digest)
        try:
            held = read_cells(file, file.name)
        except NoCostsError as error:
            if len(files) == 1:
                raise
            aside.append(pd.DataFrame([[file.name, "no costs", str(error)]], columns=["path", "reason", "detail"]))
            continue
        for table in held:
            if table.frame.empty:
                aside.append(pd.DataFrame([[file.name, "no costs", "no row"]], columns=["path", "reason", "detail"]))
                continue
            found = convert(table.frame, file.name)
            lines = pd.Series(range(table.line, table.line + len(table.frame)), index=table.frame.index)
            aside.append(unreadable(table.frame, lines, found.reasons, file.name))
            read.append(_kept(file, found))
    if not read:
        raise ContractError("The source holds no file with costs; give an export, or a folder of them.")
    whole = pd.concat(_once(read), ignore_index=True)
    counted = whole.groupby("x_File").size()
    planned = whole["x_ForecastCost"].notna()
    forecast = whole.loc[planned, ["ChargePeriodStart", "x_ForecastCost", "BillingCurrency"]]
    forecast = forecast.set_axis(["day", "cost", "currency"], axis=1).reset_index(drop=True)
    frame = whole[whole["BilledCost"].notna()].drop(columns=["x_File", "x_ForecastCost"]).reset_index(drop=True)
    frame["EffectiveCost"] = frame["EffectiveCost"].fillna(frame["BilledCost"])
    return Costs(frame, pd.concat(aside, ignore_index=True), forecast, _about(read, counted))


def _kept(file: Path, found: Converted) -> _Read:
    frame = found.frame[found.reasons == ""].assign(x_Export=found.kind, x_File=str(file))
    parts = file.parent.parts
    at = next((place for place in range(len(parts) - 1, -1, -1) if PERIOD.match(parts[place])), None)
    period = "/".join(parts[: at + 1]) if at is not None else ""
    whole = PART.search(file.name) or (at is not None and at < len(parts) - 1)
    return _Read(file.name, str(file.parent) if whole else str(file), period, frame)


def _once(read: list[_Read]) -> list[pd.DataFrame]:
    """Return the frames without the older runs of an export, and without rows that stand in another file too."""
    newest: dict[str, tuple[pd.Timestamp, int, str]] = {}
    runs: dict[str, list[_Read]] = {}
    for item in read:
        runs.setdefault(item.run, []).append(item)
    for run, items in runs.items():
        if items[0].period:
            last = max(item.frame["ChargePeriodStart"].max() for item in items)
            rank = (pd.Timestamp(0) if pd.isna(last) else last, sum(len(item.frame) for item in items), run)
            newest[items[0].period] = max(newest.get(items[0].period, rank), rank)
    left = [item for item in read if not item.period or newest[item.period][2] == item.run]
    if len({item.run for item in left}) < 2:
        return [item.frame for item in left]
    whole = pd.concat([item.frame.assign(x_Run=item.run) for item in left], ignore_index=True)
    keys = pd.util.hash_pandas_object(whole[[*COLUMNS, "x_Export"]].astype(str), index=False)
    nth = whole.groupby([keys, whole["x_Run"]]).cumcount()
    again = pd.DataFrame({"key": keys, "nth": nth}).duplicated() & (whole["ResourceId"] != "")
    return [whole[~again].drop(columns="x_Run")]


def _about(read: list[_Read], counted: pd.Series) -> pd.DataFrame:
    rows = []
    for item in read:
        days = item.frame["ChargePeriodStart"]
        kind = item.frame["x_Export"].iloc[0] if len(item.frame) else "empty"
        file = item.frame["x_File"].iloc[0] if len(item.frame) else ""
        first, last = (f"{day:%Y-%m-%d}" if pd.notna(day) else "" for day in (days.min(), days.max()))
        rows.append([item.name, kind, len(item.frame), int(counted.get(file, 0)), first, last])
    return pd.DataFrame(rows, columns=["file", "kind", "rows", "counted", "first", "last"])
