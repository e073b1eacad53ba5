"""What does a run have to say? The report of any case as data, and the one place that writes it down.

A case fills a `Report`; `write_report` puts `report.html` (self-contained, nothing loaded from outside),
`result.json` and, where rows were put aside, `quarantine.csv` into the run's folder. Everything shown may come from
strangers (file names, labels, error texts): it is escaped, made visible where it is not, and cut where it is endless.
"""

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, Field

from tasks.evaluation.metrics import Metric
from tasks.platform.masking import mask_addresses, mask_parameters, mask_text
from tasks.platform.run import StageRecord
from tasks.platform.storage import Folder
from tasks.platform.text import printable
from tasks.publishing.blocks import Block, Line, Part, Section
from tasks.validation.contract import RuleResult


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]


class Verdict(Part):
    """Whether the run met the success criterion of its question."""

    met: bool | None = Field(description="None: it could not be told")
    sentence: Line


class DataRecord(Part):
    """One source of data."""

    source: Line
    sha256: str = ""
    rows: int | None = None
    note: Line = ""


class QuarantineRow(Part):
    """One file or row that was put aside."""

    path: Line
    reason: Line
    detail: Line = ""


class LineageRow(Part):
    """One step of an artifact's pedigree."""

    artifact: Line
    made_by: Line
    sources: list[Line] = Field(default_factory=list)
    when: Moment | None = None


class Findings(Part):
    """What only the case knows of a run; the run adds the rest."""

    answer: Line
    verdict: Verdict | None = None
    hero: list[Block] = Field(default_factory=list)
    metrics: list[Metric] = Field(default_factory=list)
    sections: list[Section] = Field(default_factory=list)
    limits: list[Line] = Field(default_factory=list)
    champion: Line = Field("", description="what to say of a champion when no model was held against one")
    data: list[DataRecord] = Field(default_factory=list, description="further data than the run has read")
    contract: list[RuleResult] = Field(default_factory=list, description="further rules than the run has checked")
    quarantine: list[QuarantineRow] = Field(default_factory=list, description="more than the run knows of")


class Report(Part):
    """All that a run has to say, in the order of the page."""

    flow: Line
    run: Line = ""
    started: Moment = Field(default_factory=lambda: datetime.now(UTC))
    question: Line
    answer: Line
    verdict: Verdict | None = None
    hero: list[Block] = Field(default_factory=list)
    metrics: list[Metric] = Field(default_factory=list)
    champion: Line = ""
    sections: list[Section] = Field(default_factory=list)
    data: list[DataRecord] = Field(default_factory=list)
    contract: list[RuleResult] = Field(default_factory=list)
    quarantine: list[QuarantineRow] = Field(default_factory=list)
    stages: list[StageRecord] = Field(default_factory=list)
    lineage: list[LineageRow] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)
    command: Line = ""
    limits: list[Line] = Field(default_factory=list)
    artifacts: dict[str, str] = Field(default_factory=dict, description="name -> file of the run's folder, or URL")
    seconds: float | None = Field(None, description="from the start of the run to its report")
    crowned: bool = Field(False, description="whether its model became the champion")
    prefect: str = Field("", description="id of the flow run")


def quarantine_rows(frame: pd.DataFrame) -> list[QuarantineRow]:
    """Return the rows of a quarantine frame (`path`, `reason`, `detail`)."""
    columns = zip(frame["path"], frame["reason"], frame["detail"], strict=True)
    return [QuarantineRow(path=str(path), reason=str(reason), detail=str(detail)) for path, reason, detail in columns]


def lineage_rows(pedigree: Iterable[Mapping[str, Any]]) -> list[LineageRow]:
    """Return the rows for the entries that `Store.lineage` lists, nearest ancestor first."""
    rows = []
    for entry in pedigree:
        inputs = [str(digest)[:12] for digests in entry.get("inputs", {}).values() for digest in digests]
        part = f".{entry['part']}" if entry.get("part") else ""
        name = f"{str(entry.get('digest', ''))[:12]} ({entry.get('kind', 'object')}{part})"
        rows.append(
            LineageRow(artifact=name, made_by=entry.get("stage", ""), sources=inputs, when=entry.get("started"))
        )
    return rows


def jsonable(value: Any) -> Any:
    """Return `value` as plain JSON values: null for NaN and infinity, texts with everything visible, else its text."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, BaseModel):
        return jsonable(value.model_dump())
    if isinstance(value, Mapping):
        return {printable(str(key)): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [jsonable(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((jsonable(item) for item in value), key=str)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value[:64]).decode() if len(value) <= 64 else f"{len(value):,} bytes"
    return printable(value.isoformat() if isinstance(value, date) else str(value))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return mask_addresses(value)
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def masked(report: Report) -> Report:
    """Return `report` without secrets: parameters by their names, credentials in addresses wherever they stand."""
    content = _without_secrets(report.model_dump())
    content["parameters"] = mask_parameters(jsonable(report.parameters))
    content["command"] = mask_text(report.command)
    content["data"] = [
        {**record.model_dump(), "source": mask_text(record.source), "note": mask_text(record.note)}
        for record in report.data
    ]
    return Report.model_validate(content)


def result_record(report: Report) -> dict[str, Any]:
    """Return what `result.json` holds: the answer for programs, without secrets and without NaN."""
    safe = masked(report)
    reasons = pd.Series([row.reason for row in safe.quarantine], dtype=object).value_counts()
    of_metric = ("name", "value", "unit", "low", "high", "baseline", "champion")
    record = {
        "flow": safe.flow,
        "question": safe.question,
        "answer": safe.answer,
        "parameters": safe.parameters,
        "data": [row.model_dump(include={"source", "sha256", "rows"}) for row in safe.data],
        "metrics": [{name: getattr(metric, name) for name in of_metric} for metric in safe.metrics],
        "stages": [row.model_dump(include={"name", "phase", "state", "seconds"}) for row in safe.stages],
        "artifacts": safe.artifacts,
        "run": safe.run,
        "started": safe.started,
        "verdict": safe.verdict,
        "champion": safe.champion,
        "contract": safe.contract,
        "quarantine": {"total": len(safe.quarantine), "reasons": {str(name): int(n) for name, n in reasons.items()}},
        "command": safe.command,
        "limits": safe.limits,
        "seconds": safe.seconds,
        "crowned": safe.crowned,
        "prefect": safe.prefect,
    }
    return jsonable(record)


def _defused(text: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula (OWASP, CSV injection): it starts with an apostrophe then."""
    return f"'{text}" if text[:1] in set("=+-@\t\r\n＝＋－＠") else text


def _csv_cell(value: Any) -> Any:
    plain = value is None or isinstance(value, bool | int | float | np.number | np.bool_)
    return value if plain else _defused(printable(str(value)))


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV, quoted throughout.

    Text that a spreadsheet would take for a formula is defused; control characters, escapes and marks that turn the
    reading direction are made visible.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([_csv_cell(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False):
        writer.writerow([_csv_cell(cell) for cell in row])
    return text.getvalue().encode()


def _quarantine_frame(rows: Iterable[QuarantineRow]) -> pd.DataFrame:
    return pd.DataFrame([row.model_dump() for row in rows], columns=["path", "reason", "detail"])


def write_report(report: Report, folder: Path) -> Path:
    """Write `report.html`, `result.json` and, when rows were put aside, `quarantine.csv`; return the path of the first.

    Each file is written whole or not at all, the page last: where it stands, the others stand.

    Raises:
        OSError: the folder cannot be made or written.
    """
    from tasks.publishing.page import render

    names = {"report": "report.html", "result": "result.json"} | (
        {"quarantine": "quarantine.csv"} if report.quarantine else {}
    )
    complete = report.model_copy(update={"artifacts": {**names, **report.artifacts}})
    page = render(masked(complete))
    record = json.dumps(result_record(complete), ensure_ascii=False, allow_nan=False, indent=2)
    place = Folder(str(folder))
    if report.quarantine:
        place.write_bytes("quarantine.csv", csv_bytes(_quarantine_frame(masked(complete).quarantine)))
    else:
        place.remove("quarantine.csv")
    place.write_bytes("result.json", f"{record}\n".encode())
    place.write_bytes("report.html", page.encode())
    return Path(folder) / "report.html"
