"""What was tried, how good was it, and which model is in use? Runs, versions and the champion, in MLflow.

Every model is registered as a version; the alias `champion` moves only when the decision is to promote and the champion
is still the one that the decision was about. Models are logged as plain files in open formats: nothing is pickled.

`track_run` is cached like any stage: the same model with the same figures is not registered twice, and a run in which
nothing changed does not import MLflow. Its key holds the identity of the registry, so that after the database was
deleted the next run registers its model in the new one.
"""

import json
import math
import re
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from tasks.evaluation.champion import ChampionRecord, Decision, scores_digest
from tasks.evaluation.metrics import Metric
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.store import Stored, store
from tasks.platform.text import shorten
from tasks.publishing.champions import (
    LARGEST_TAG,
    PREFIX,
    SCORES_FILE,
    Note,
    Registered,
    current,
    is_same,
    pack,
    plain,
    read_champion,
    record_of,
    write_note,
)
from tasks.publishing.masking import mask_addresses, mask_parameters
from tasks.publishing.registry import (
    ALIAS,
    checked_name,
    embedded_file,
    mlflow_client,
    mlflow_folder,
    one_at_a_time,
    prepare_tracking,
    registered_champion,
    registry_identity,
)

__all__ = ["Registered", "TrackedRun", "metric_key", "metric_name", "prepare_tracking", "read_champion", "track_run"]


class TrackedRun(BaseModel):
    """Where a run was tracked, and what became of its model."""

    run_id: str
    version: str
    promoted: bool
    reason: str
    ui_hint: str = Field(description="how to look at the run")


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


@stage(phase="Deployment", retries=3)
def track_run(
    flow: str,
    model: str,
    config: dict[str, Any],
    parameters: dict[str, Any],
    metrics: list[Metric],
    decision: Decision,
    scores: np.ndarray,
    test_data: str,
    artifacts: dict[str, Stored],
    registry: str = "",
) -> TrackedRun:
    """Track a run in MLflow, register its model, and move the alias `champion` when it is promoted.

    Args:
        flow: name of the flow; its experiment is called the same.
        model: name of the registered model, such as `similarity-sample`.
        config: the choices that made the model; small, and enough to make it again.
        parameters: of the run; what is secret is hidden.
        metrics: its figures.
        decision: whether it is to be promoted, and why.
        scores: the primary metric of every test case, (n,).
        test_data: digest of the test data.
        artifacts: stored results to log, by name; their files are copied as they are.
        registry: identity of the registry, from `read_champion`; part of the key, nothing else.

    Raises:
        TransientError: MLflow does not answer.
        CasebookError: MLflow refuses.
        UsageError: the name cannot be one.
    """
    config, digest = plain(config), scores_digest(scores)
    if len(json.dumps(config)) > LARGEST_TAG:
        raise ValueError("the configuration of a model is a few choices, not data")
    note = current(checked_name(model))
    if note and is_same(note.champion, config, test_data, digest):
        version = note.champion.version
        reason = f"It is the champion, version {version}: the same model with the same scores on the same test data."
        return _tracked(note.champion.run_id, version, True, reason)
    prepare_tracking()
    here = registry_identity()
    record = ChampionRecord(
        model=model,
        version="0",
        run_id="0",
        config=config,
        primary=decision.primary,
        metrics={metric.name: metric.value for metric in metrics if math.isfinite(metric.value)},
        test_data=test_data,
        scores_digest=digest,
    )
    with mlflow_client() as client, one_at_a_time():
        run_id = client.create_run(_experiment(client, flow), run_name=model, tags=_tags(record, decision)).info.run_id
        try:
            _log(client, run_id, parameters, metrics)
            _log_files(client, run_id, artifacts, pack(scores))
            tracked = _register(client, run_id, Note(champion=record, registry=here), decision, pack(scores))
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return tracked


def _tags(record: ChampionRecord, decision: Decision) -> dict[str, str]:
    return {
        f"{PREFIX}config": shorten(json.dumps(record.config, sort_keys=True), 8000),
        f"{PREFIX}primary": record.primary,
        f"{PREFIX}test_data": record.test_data,
        f"{PREFIX}decision": shorten(decision.reason, 5000),
    }


def _experiment(client: Any, flow: str) -> str:
    found = client.get_experiment_by_name(flow)
    if found is not None:
        if found.lifecycle_stage == "deleted":  # in the UI; its name stays taken
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    place = (mlflow_folder() / "artifacts").absolute().as_uri() if embedded_file() else None
    return str(client.create_experiment(flow, artifact_location=place))


def _log(client: Any, run_id: str, parameters: dict[str, Any], metrics: list[Metric]) -> None:
    """Log parameters (hidden where secret) and figures, with the ends of their intervals."""
    from mlflow.entities import Metric as Figure
    from mlflow.entities import Param

    now = int(time.time() * 1000)
    values = {metric.name: metric.value for metric in metrics}
    values |= {f"{metric.name}.{end}": getattr(metric, end) for metric in metrics for end in ("low", "high")}
    figures = [Figure(metric_key(name), float(value), now, 0) for name, value in values.items() if value is not None]
    given = [
        Param(metric_key(name), (value if isinstance(value, str) else json.dumps(value, default=str))[:6000])
        for name, value in mask_parameters(parameters).items()
    ]
    for start in range(0, max(len(figures), len(given)), 100):
        client.log_batch(run_id, metrics=figures[start : start + 100], params=given[start : start + 100])
    client.log_text(
        run_id, json.dumps([metric.model_dump(mode="json") for metric in metrics], indent=1), "metrics.json"
    )


def _log_files(client: Any, run_id: str, artifacts: dict[str, Stored], scores: bytes) -> None:
    """Copy stored results to the run: folders below `model/<name>/`, files as `model/<name><suffix>`."""
    with store().scratch() as folder:
        (folder / "model").mkdir()
        (folder / SCORES_FILE).write_bytes(scores)
        client.log_artifact(run_id, str(folder / SCORES_FILE))
        for name, stored in artifacts.items():
            for part, item in (stored.parts or {"": stored}).items():
                path, label = store().path(item), "-".join(filter(None, [checked_name(name), part]))
                if path.is_dir():
                    client.log_artifacts(run_id, str(path), f"model/{label}")
                else:
                    copy = Path(shutil.copy(path, folder / "model" / f"{label}{path.suffix}"))
                    client.log_artifact(run_id, str(copy), "model")


def _register(client: Any, run_id: str, draft: Note, decision: Decision, scores: bytes) -> TrackedRun:
    """Register the run's model as a version, and move the alias to it when it is promoted."""
    from mlflow.exceptions import MlflowException

    record = draft.champion
    try:
        client.create_registered_model(record.model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        f"{PREFIX}config": json.dumps(record.config, sort_keys=True),
        f"{PREFIX}metrics": json.dumps(record.metrics),
        f"{PREFIX}primary": record.primary,
        f"{PREFIX}test_data": record.test_data,
        f"{PREFIX}scores": record.scores_digest,
    }
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    version = str(client.create_model_version(record.model, source=source, run_id=run_id, tags=tags).version)
    if not decision.promoted:
        return _tracked(run_id, version, False, decision.reason)
    present = registered_champion(client, record.model)
    if (str(present.version) if present else None) != decision.against:
        reason = "Another model became the champion in the meantime, so this one is not promoted; run again to compare."
        return _tracked(run_id, version, False, reason)
    client.set_registered_model_alias(record.model, ALIAS, version)
    replaced = record_of(record.model, present) if present else None
    champion = record.model_copy(update={"version": version, "run_id": run_id})
    write_note(draft.model_copy(update={"champion": champion, "replaced": replaced}), scores)
    return _tracked(run_id, version, True, decision.reason)


def _tracked(run_id: str, version: str, promoted: bool, reason: str) -> TrackedRun:
    uri = mask_addresses(settings().mlflow_tracking_uri)
    hint = f"mlflow ui --backend-store-uri {uri}" if embedded_file() else uri
    return TrackedRun(run_id=run_id, version=version, promoted=promoted, reason=reason, ui_hint=hint)
