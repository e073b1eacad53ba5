"""Who is the champion of a model name, and who was it before? The store's records decide; MLflow mirrors them.

A champion is one immutable file, `champions/<model>/<version>.json`; the reigning one is that of the highest version
that can be read. It names the stored results that it rests on (its model and its score of every test case), so that
nothing that tidies the store takes them away. A damaged file is skipped: the champion before it reigns until the next
promotion.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.platform.errors import UsageError
from tasks.platform.locks import alone
from tasks.platform.masking import mask_parameters
from tasks.platform.settings import settings
from tasks.platform.storage import Folder
from tasks.platform.store import Stored
from tasks.platform.text import shorten

LOCK_SECONDS = 120.0
MODEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
LARGEST_CONFIG = 100_000  # characters of JSON


class Champion(BaseModel):
    """A model that was promoted: what it was made with, and how well it did on which test data."""

    model_config = ConfigDict(frozen=True)

    model: str
    version: int = Field(ge=1)
    run: str = Field(description="the run that made it")
    since: datetime = Field(default_factory=lambda: datetime.now(UTC))
    config: dict[str, Any] = Field({}, description="the choices that make the model")
    primary: str = Field("", description="the metric that decided")
    metrics: dict[str, float | None] = {}
    test_data: str = Field("", description="what identifies the test data that it was measured on")
    scores: Stored | None = Field(None, description="its score of every test case")
    artifacts: dict[str, Stored] = Field({}, description="what a new case is answered with")

    def is_same(self, config: dict[str, Any], test_data: str, primary: str, scores: Stored) -> bool:
        """Tell whether this is that very model, with those very scores by that metric on that test data."""
        theirs = self.scores.digest if self.scores else ""
        return (self.config, self.test_data, self.primary, theirs) == (config, test_data, primary, scores.digest)


def checked_name(model: str) -> str:
    """Return `model` when it can name a model and a folder.

    Raises:
        UsageError: it cannot.
    """
    if not MODEL_NAME.fullmatch(model):
        raise UsageError(f"{shorten(model, 80)!r} cannot name a model; use up to 100 letters, digits, dots, dashes.")
    return model


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as it comes back from JSON, with what is secret in it hidden.

    Raises:
        ValueError: it is data and not a few choices.
    """
    text = json.dumps(mask_parameters(config), sort_keys=True, default=str)
    if len(text) > LARGEST_CONFIG:
        raise ValueError("the configuration of a model is a few choices, not data")
    return json.loads(text)


def _folder(model: str) -> Folder:
    return Folder(f"{settings().store_url}/champions/{checked_name(model)}")


def champions(model: str) -> list[Champion]:
    """List the champions of a model name that can be read, the reigning one first."""
    place, found = _folder(model), []
    for name in place.names(".json"):
        try:
            record = Champion.model_validate_json(place.read_bytes(name, missing_ok=True) or b"")
        except (ValidationError, OSError):
            continue
        if record.model == model and name == _file(record.version):
            found.append(record)
    return sorted(found, key=lambda record: -record.version)


def reigning(prefix: str) -> list[Champion]:
    """List the reigning champion of each model whose name begins with `prefix`, the newest first."""
    names = Folder(f"{settings().store_url}/champions").names()
    found = [champions(name)[:1] for name in names if name.startswith(prefix) and MODEL_NAME.fullmatch(name)]
    return sorted((record for records in found for record in records), key=lambda record: record.since, reverse=True)


def _file(version: int) -> str:
    return f"{version:06d}.json"


def crown(record: Champion, against: int | None) -> Champion | None:
    """Make a model the champion, under the next free version; None when the one that it beat reigns no more.

    Args:
        record: the model; its version counts for nothing.
        against: version of the champion that it was held against; None when there was none.

    Raises:
        TransientError: another run of this machine has been at it for two minutes.
    """
    place = _folder(record.model)
    lock = settings().home / "locks" / f"champion-{record.model}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with alone(lock, LOCK_SECONDS):
        reigning = champions(record.model)
        if (reigning[0].version if reigning else None) != against:
            return None
        taken = [int(name[:6]) for name in place.names(".json") if re.fullmatch(r"\d{6}\.json", name)]
        crowned = record.model_copy(update={"version": max(taken, default=0) + 1})
        place.write_bytes(_file(crowned.version), crowned.model_dump_json(indent=1).encode())
        return crowned
