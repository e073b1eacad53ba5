"""Who is the champion? Its record, with its score of every test case, from the store while MLflow's alias agrees."""

import io
import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from tasks.evaluation.champion import ChampionRecord, scores_digest
from tasks.platform.settings import settings
from tasks.platform.stage import stage
from tasks.platform.storage import Folder
from tasks.platform.store import store
from tasks.platform.text import encodable
from tasks.publishing.masking import mask_parameters
from tasks.publishing.registry import (
    UNKNOWN,
    alias_version,
    checked_name,
    mlflow_client,
    registered_champion,
    registry_identity,
)

SCORES_FILE = "scores.parquet"
LARGEST_SCORES = 256 * 2**20  # bytes
LARGEST_TAG = 100_000  # characters
PREFIX = "casebook."


class Registered(NamedTuple):
    """The champion that a model has to beat."""

    champion: ChampionRecord | None
    scores: np.ndarray  # (n,) float64: its score of every test case; empty when they are not to be had
    registry: str  # identity of the registry; give it to `track_run`


class Note(BaseModel):
    """What the store keeps of a champion."""

    champion: ChampionRecord
    replaced: ChampionRecord | None = None
    registry: str = ""


def _folder() -> Folder:
    return Folder(f"{settings().store_url}/champions")


def _read_note(model: str) -> Note | None:
    """Read what the store keeps of the champion; None when there is nothing that can be trusted."""
    try:
        note = Note.model_validate_json(_folder().read_bytes(f"{model}.json", missing_ok=True) or b"")
    except ValidationError:
        return None
    return note if note.champion.model == model and note.registry == registry_identity() else None


def write_note(note: Note, scores: bytes | None) -> None:
    """Keep a champion's record in the store, and its packed scores first, so that a record never lacks them."""
    if scores is not None and note.champion.scores_digest:
        _folder().write_bytes(f"{note.champion.scores_digest}.parquet", scores)
    _folder().write_bytes(f"{note.champion.model}.json", note.model_dump_json().encode())


def pack(scores: np.ndarray) -> bytes:
    """Return scores as a Parquet file."""
    buffer = io.BytesIO()
    pd.DataFrame({"score": np.asarray(scores, np.float64)}).to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _unpack(content: bytes | None, digest: str) -> np.ndarray:
    """Read scores; empty when they are not those that the digest names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    nothing = np.empty(0, np.float64)
    if not content or len(content) > LARGEST_SCORES:
        return nothing
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        if file.schema_arrow.names != ["score"] or file.metadata.num_rows * 8 > LARGEST_SCORES:
            return nothing
        scores = file.read().column("score").to_numpy().astype(np.float64)
    except (pa.ArrowException, OSError, ValueError, TypeError):
        return nothing
    return scores if scores_digest(scores) == digest else nothing


def _scores_of(record: ChampionRecord) -> np.ndarray:
    if not re.fullmatch(r"[0-9a-f]{64}", record.scores_digest):
        return np.empty(0, np.float64)
    return _unpack(_folder().read_bytes(f"{record.scores_digest}.parquet", missing_ok=True), record.scores_digest)


def _tag(tags: dict[str, str], name: str) -> Any:
    """Read a tag that holds JSON; None when it does not, or is too large."""
    text = tags.get(PREFIX + name, "")
    if len(text) > LARGEST_TAG:
        return None
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # what JSON or UTF-8 cannot carry is refused
    except (ValueError, RecursionError):
        return None
    return value


def _figures(value: Any) -> dict[str, float]:
    """Keep what is a finite number."""
    figures = {}
    for name, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, float) or (isinstance(item, int) and not isinstance(item, bool) and abs(item) < 2**63):
            figures[name] = float(item)
    return {name: item for name, item in figures.items() if math.isfinite(item)}


def record_of(model: str, registered: Any) -> ChampionRecord:
    """Read a registered version; what its tags should hold and do not is named, and the version stays the champion."""
    tags = dict(registered.tags or {})
    config, metrics = _tag(tags, "config"), _tag(tags, "metrics")
    odd = [name for name, value in (("config", config), ("metrics", metrics)) if not isinstance(value, dict)]
    return ChampionRecord(
        model=model,
        version=str(registered.version),
        run_id=str(registered.run_id or ""),
        config=config if isinstance(config, dict) else {},
        primary=encodable(tags.get(f"{PREFIX}primary", ""))[:250],
        metrics=_figures(metrics),
        test_data=encodable(tags.get(f"{PREFIX}test_data", ""))[:250],
        scores_digest=encodable(tags.get(f"{PREFIX}scores", ""))[:64],
        problem=f"its tags {' and '.join(PREFIX + name for name in odd)} are not readable" if odd else "",
    )


def _from_mlflow(model: str) -> Note | None:
    """Ask MLflow who the champion is, and renew what the store keeps of it."""
    with mlflow_client() as client:
        registered = registered_champion(client, model)
        if registered is None:
            return None
        record = record_of(model, registered)
        content = None
        if record.run_id and record.scores_digest and not len(_scores_of(record)):
            content = _download(client, record.run_id)
    note = Note(champion=record, registry=registry_identity())
    usable = content is not None and len(_unpack(content, record.scores_digest)) > 0
    write_note(note, content if usable else None)
    return note


def _download(client: Any, run_id: str) -> bytes | None:
    """Fetch the scores that were logged with a run; None when they are gone."""
    from mlflow.exceptions import MlflowException

    with store().scratch() as folder:
        try:
            path = Path(client.download_artifacts(run_id, SCORES_FILE, str(folder)))
            return path.read_bytes() if path.stat().st_size <= LARGEST_SCORES else None
        except (MlflowException, OSError):  # the champion stays, and says that it cannot be evaluated
            return None


def current(model: str) -> Note | None:
    """Return who the champion is now: from the store while the alias agrees, else from MLflow."""
    version = alias_version(model)
    if version is None:
        return None
    note = _read_note(model)
    if version != UNKNOWN and note is not None and note.champion.version == version:
        return note
    return _from_mlflow(model)


def is_same(record: ChampionRecord, config: dict[str, Any], test_data: str, digest: str) -> bool:
    """Tell whether the champion is this very model, measured on this very test data with these very scores."""
    return (record.config, record.test_data, record.scores_digest) == (config, test_data, digest)


@stage(phase="Evaluation", live=True, retries=3)
def read_champion(
    model: str, config: dict[str, Any] | None = None, test_data: str = "", scores: np.ndarray | None = None
) -> Registered:
    """Find the champion that a model has to beat.

    A model that is the champion already (same configuration, same test data, same score of every case) is no rival of
    its own: its rival is still the one that it replaced. So a run that is repeated finds what it found the first time,
    and every stage that follows is cached.

    Args:
        model: name of the registered model.
        config: the choices that made the model at hand.
        test_data: digest of the test data.
        scores: its score of every test case, (n,).

    Raises:
        TransientError: MLflow does not answer.
        UsageError: the name cannot be one.
    """
    note = current(checked_name(model))
    champion = note.champion if note else None
    if note and scores is not None and is_same(note.champion, plain(config or {}), test_data, scores_digest(scores)):
        champion = note.replaced
    return Registered(champion, _scores_of(champion) if champion else np.empty(0, np.float64), registry_identity())


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as it comes back from JSON, with what is secret in it hidden."""
    return json.loads(json.dumps(mask_parameters(config), sort_keys=True, default=str))
