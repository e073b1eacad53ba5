"""What was tried, how good was it, and which model is in use? Every run and every champion, shown in MLflow.

`python -m tasks.publishing.tracking` hands on the notes of `tasks.publishing.outbox` and ends. A run of MLflow holds
the parameters, the figures with the ends of their intervals, the report, the tables, the drawings and, where there is
one, the model in open formats; nothing is pickled. A run that became the champion is registered as a version, and the
alias `champion` follows it. The store decides who the champion is: an alias that was moved by hand is moved back when
the next champion is crowned.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import ValidationError

from tasks.evaluation.metrics import Metric
from tasks.platform.errors import CasebookError
from tasks.platform.scratch import passing_folder
from tasks.platform.settings import settings
from tasks.platform.store import Store, Stored
from tasks.platform.text import shorten
from tasks.publishing.outbox import Note, outbox
from tasks.publishing.registry import embedded_file, mlflow_client, mlflow_folder, prepare_tracking
from tasks.publishing.report import Findings

ALIAS = "champion"
PREFIX = "casebook."
MOST_TRIES = 5  # a note that MLflow refuses so often is put aside
TABLES = (".html", ".json", ".csv")


def metric_key(name: str) -> str:
    """Return the name that MLflow takes for a metric: `precision@5` becomes `precision_at_5`.

    `metric_name` turns it back. Any other character that MLflow refuses becomes `:<hex>:`.
    """
    kept = name.replace(":", ":3a:").replace("_at", ":5f:at").replace("@", "_at_")
    key = re.sub(r"[^A-Za-z0-9_\-. :]|^[. ]|[. ]$", lambda odd: f":{ord(odd[0]):x}:", kept)
    if not 0 < len(key) <= 250:
        raise ValueError(f"{shorten(name, 80)!r} cannot name a metric")
    return key


def metric_name(key: str) -> str:
    """Return the metric that `metric_key` made the key of."""
    return re.sub(r":([0-9a-f]{1,6}):", lambda code: chr(int(code[1], 16)), key.replace("_at_", "@"))


def hand_on() -> int:
    """Hand on every note that is there, oldest first; return how many MLflow did not take.

    One process at a time does it: another one waits, and finds what has come meanwhile.
    """
    lock = settings().home / "mlflow" / "outbox.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    left: set[str] = set()
    with FileLock(lock):
        while names := [name for name in sorted(outbox().names(".json")) if name not in left]:
            for name in names:
                if not _handed_on(name):
                    left.add(name)
    return len(left)


def _handed_on(name: str) -> bool:
    """Hand one note on; tell whether it is gone from the outbox."""
    content = outbox().read_bytes(name, missing_ok=True)
    try:
        note = Note.model_validate_json(content or b"")
    except ValidationError as error:
        print(f"{name}: not readable ({error.error_count()} faults), left out", file=sys.stderr)
        outbox().remove(name)
        return True
    try:
        mirror(note)
    except (CasebookError, OSError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return _put_aside(name, content or b"")
    outbox().remove(name)
    outbox().remove(f"{name}.tries")
    return True


def _put_aside(name: str, content: bytes) -> bool:
    """Count a refusal; after `MOST_TRIES` the note goes into the folder `refused`, so that the others get through."""
    told = outbox().read_bytes(f"{name}.tries", missing_ok=True) or b""
    tries = (int(told) if told.isdigit() else 0) + 1
    if tries < MOST_TRIES:
        outbox().write_bytes(f"{name}.tries", str(tries).encode())
        return False
    outbox().write_bytes(f"refused/{name}", content)
    outbox().remove(name)
    outbox().remove(f"{name}.tries")
    return True


def mirror(note: Note) -> str:
    """Show a run in MLflow, once however often it is handed on; return its id there.

    Raises:
        TransientError: MLflow does not answer.
        CasebookError: MLflow refuses.
    """
    prepare_tracking()
    findings = Store(note.store).load(note.findings, Findings)
    with mlflow_client() as client:
        experiment = _experiment(client, note.flow)
        known = client.search_runs([experiment], f"tags.`{PREFIX}run` = '{note.run}'")
        whole = [run for run in known if run.info.status == "FINISHED"]
        for begun in known:
            if begun.info.status != "FINISHED":  # a helper was killed over it; it would be shown as running for ever
                client.delete_run(begun.info.run_id)
        if whole:
            run_id = str(whole[0].info.run_id)
        else:
            start = int(note.started.timestamp() * 1000)
            run = client.create_run(experiment, start_time=start, run_name=note.title, tags=_tags(note, findings))
            run_id = str(run.info.run_id)
            _log(client, run_id, note, findings.metrics)
            _log_files(client, run_id, note, findings)
            client.set_terminated(run_id, end_time=int(note.ended.timestamp() * 1000))
        if note.version and (note.fresh or not _registered(client, note)):
            _register(client, run_id, note)
    return run_id


def _tags(note: Note, findings: Findings) -> dict[str, str]:
    tags = {
        "run": note.run,
        "answer": shorten(findings.answer, 4000),
        "model": note.model,
        "config": shorten(json.dumps(note.config, sort_keys=True), 4000),
        "primary": note.primary,
        "test_data": note.test_data,
        "decision": shorten(note.decision, 4000),
        "champion": str(note.version or ""),
    }
    described = f"**{note.question}** {findings.answer}\n\n`{note.command}`"
    return {f"{PREFIX}{name}": text for name, text in tags.items() if text} | {
        "mlflow.note.content": shorten(described, 5000)
    }


def _experiment(client: Any, flow: str) -> str:
    found = client.get_experiment_by_name(flow)
    if found is not None:
        if found.lifecycle_stage == "deleted":  # in the UI; its name stays taken
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    place = (mlflow_folder() / "artifacts").absolute().as_uri() if embedded_file() else None
    return str(client.create_experiment(flow, artifact_location=place))


def _log(client: Any, run_id: str, note: Note, metrics: list[Metric]) -> None:
    """Log parameters and figures, with the ends of their intervals, what baseline and champion reach, and the time."""
    from mlflow.entities import Metric as Figure
    from mlflow.entities import Param

    now = int(note.ended.timestamp() * 1000)
    values: dict[str, float | None] = {metric.name: metric.value for metric in metrics}
    for end in ("low", "high", "baseline", "champion"):
        values |= {f"{metric.name}.{end}": getattr(metric, end) for metric in metrics}
    values |= {
        "run_seconds": (note.ended - note.started).total_seconds(),
        "stages_cached": float(sum(stage.state == "cached" for stage in note.stages)),
        "stages": float(len(note.stages)),
    }
    figures = [Figure(metric_key(name), float(value), now, 0) for name, value in values.items() if value is not None]
    given = [
        Param(metric_key(name), (value if isinstance(value, str) else json.dumps(value, default=str))[:6000])
        for name, value in note.parameters.items()
    ]
    for start in range(0, max(len(figures), len(given)), 100):
        client.log_batch(run_id, metrics=figures[start : start + 100], params=given[start : start + 100])


def _log_files(client: Any, run_id: str, note: Note, findings: Findings) -> None:
    """Copy report, tables, drawings and the model's files to the run."""
    for file in sorted(note.folder.iterdir()) if note.folder.is_dir() else []:
        if file.is_file() and file.suffix in TABLES:
            client.log_artifact(run_id, str(file))
    with passing_folder("mirror-") as folder:
        for place, svg in enumerate(_drawings(findings), 1):
            (folder / f"figure-{place:02d}.svg").write_text(svg, "utf-8")
        if any(folder.iterdir()):
            client.log_artifacts(run_id, str(folder), "figures")
    with passing_folder("mirror-") as folder:
        for label, stored in note.artifacts.items():
            _log_model(client, run_id, Store(note.store), label, stored, folder)


def _drawings(findings: Findings) -> list[str]:
    blocks = [*findings.hero, *(block for section in findings.sections for block in section.blocks)]
    return [block.svg for block in blocks if block.kind == "figure"]


def _log_model(client: Any, run_id: str, place: Store, label: str, stored: Stored, scratch: Path) -> None:
    """Copy a stored result to the run: a folder below `model/<label>/`, a file as `model/<label><suffix>`."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", label) or label.startswith("."):
        raise ValueError(f"{label!r} cannot name an artifact of a model")
    for part, item in (stored.parts or {"": stored}).items():
        path, name = place.path(item), "-".join(filter(None, [label, part]))
        if path.is_dir():
            client.log_artifacts(run_id, str(path), f"model/{name}")
        else:
            client.log_artifact(run_id, shutil.copy(path, scratch / f"{name}{path.suffix}"), "model")


def _registered(client: Any, note: Note) -> bool:
    """Tell whether MLflow knows of the champion that a run has found to be itself.

    It does not when the run that crowned it was killed before it left a note.
    """
    known = client.search_model_versions(f"name = '{note.model}'")
    return any(version.tags.get(f"{PREFIX}version") == str(note.version) for version in known)


def _register(client: Any, run_id: str, note: Note) -> None:
    """Register the run's model as a version, and let the alias name it."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(note.model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {f"{PREFIX}version": str(note.version), f"{PREFIX}run": note.run}
    known = client.search_model_versions(f"name = '{note.model}' and run_id = '{run_id}'")
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    version = (
        known[0] if known else client.create_model_version(note.model, source=source, run_id=run_id, tags=tags)
    ).version
    client.set_registered_model_alias(note.model, ALIAS, version)


def main() -> int:
    """Hand on what is there; exit status 1 when MLflow did not take all of it."""
    if hasattr(os, "nice"):
        os.nice(10)  # the next run comes first
    left = hand_on()
    if left:
        print(f"{left} runs wait to be shown in MLflow; they are handed on with a later run.", file=sys.stderr)
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
