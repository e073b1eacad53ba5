"""What MLflow is to be told of each run: a note in a folder, and a helper that hands the notes on.

The store decides who is the champion, MLflow mirrors it. So no run waits for MLflow, or fails because of it: it leaves
a note below `<home>/mlflow/outbox` and starts `python -m tasks.publishing.tracking`, which hands on every note that
is there and ends. What MLflow does not take now stays, and is handed on with a later run.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from tasks.evaluation.contest import Held
from tasks.platform.masking import mask_parameters
from tasks.platform.run import Run, StageRecord
from tasks.platform.settings import python_path, settings
from tasks.platform.storage import Folder
from tasks.platform.store import Stored


class Note(BaseModel):
    """One run, as MLflow is to be told of it."""

    flow: str
    run: str
    title: str = Field(description="what tells the run from others: model and data")
    question: str
    command: str
    folder: Path = Field(description="the run's folder: report, result, tables")
    started: datetime
    ended: datetime
    parameters: dict[str, Any]
    findings: Stored = Field(description="with the figures and metrics")
    stages: list[StageRecord]
    store: str = Field(description="URL of the store that holds findings and artifacts")
    model: str = Field("", description="model name; empty where nothing is predicted")
    config: dict[str, Any] = {}
    primary: str = ""
    test_data: str = ""
    decision: str = ""
    version: int | None = Field(None, description="of the champion that it is")
    fresh: bool = Field(False, description="whether it became the champion in this run")
    artifacts: dict[str, Stored] = {}


def outbox() -> Folder:
    """Return the folder of the notes."""
    return Folder(str(settings().home / "mlflow" / "outbox"))


def track(
    run: Run, findings: Stored, held: Held | None, promotion: dict[str, Any] | None, artifacts: dict[str, Stored]
) -> None:
    """Leave a note of a run that ends, and start the helper that hands it on.

    Args:
        run: the run.
        findings: what the case has to say.
        held: its model after the contest; None where nothing is predicted.
        promotion: what became of the model.
        artifacts: stored results that answer a new case, by name.
    """
    if settings().tracking == "off":
        return
    crowned = promotion or {}
    note = Note(
        flow=run.flow,
        run=run.name,
        title=_title(run, held),
        question=run.question,
        command=run.command,
        folder=run.folder,
        started=run.started,
        ended=datetime.now(UTC),
        parameters=mask_parameters(run.parameters),
        findings=findings,
        stages=run.stages,
        store=settings().store_url,
        model=held.name if held else "",
        config=held.config if held else {},
        primary=held.primary if held else "",
        test_data=held.test_data if held else "",
        decision=str(crowned.get("reason", "")),
        version=crowned.get("version"),
        fresh=bool(crowned.get("fresh")),
        artifacts=artifacts,
    )
    outbox().write_bytes(f"{note.started:%Y%m%d%H%M%S%f}-{run.name}.json", note.model_dump_json().encode())
    start_mirror()


def _title(run: Run, held: Held | None) -> str:
    """Return what tells a run from others: the choices that made the model, the data, the day."""
    data = run.read[0].name if run.read else str(run.parameters.get("source", ""))
    words = [str(value) for value in held.config.values() if isinstance(value, str)] if held else []
    return " · ".join(filter(None, [" ".join(words)[:80] or run.flow, data, f"{run.started:%Y-%m-%d %H:%M}"]))


def start_mirror() -> None:
    """Start the helper, a process of its own that ends by itself; `tracking = wait` waits for it."""
    folder = settings().home / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "mirror.log").open("ab") as log:
        helper = subprocess.Popen(
            [sys.executable, "-m", "tasks.publishing.tracking"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": python_path()},
            start_new_session=True,
        )
    if settings().tracking == "wait":
        helper.wait()
    else:
        helper.returncode = 0  # it is on its own: Python is not to complain of a process that nobody waits for
