"""Where does an interrupted training go on? The state after each epoch, in one file that is whole or not there.

Checkpoints lie below `<home>/checkpoints`, in a folder named by everything that decides about the training, so that
only the same training goes on. They go when nobody has used them for a week.
"""

import contextlib
import hashlib
import io
import json
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from tasks.platform.settings import settings
from tasks.platform.sources import source_digest

KEPT_SECONDS = 7 * 86_400
TRAINING = Path(__file__).with_name("finetuning.py")  # imports all that builds and trains a network


class State(NamedTuple):
    """A training between two epochs."""

    epoch: int  # that are done
    arrays: list[np.ndarray]
    history: list[dict[str, Any]]


def checkpoint_folder(plan: BaseModel, *arrays: np.ndarray) -> Path:
    """Return the folder of a training's checkpoints: by its plan, the content of what it learns from, and our code."""
    digest = hashlib.sha256(plan.model_dump_json().encode())
    digest.update(source_digest(TRAINING).encode())
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        for start in range(0, len(array), 4096):
            digest.update(np.ascontiguousarray(array[start : start + 4096]).tobytes())
    base = settings().home / "checkpoints"
    _tidy(base)
    return base / digest.hexdigest()[:32]


def _tidy(base: Path) -> None:
    for folder in base.glob("*"):
        with contextlib.suppress(OSError):  # another run may tidy as well
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def write_state(folder: Path, state: State) -> None:
    """Write a state in the place of the one before, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    note = json.dumps({"epoch": state.epoch, "history": state.history})
    named = {f"a{number}": array for number, array in enumerate(state.arrays)}
    part = folder / f".{uuid.uuid4().hex}.part"
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, note=np.frombuffer(note.encode(), np.uint8), **named)  # type: ignore[arg-type]
        part.replace(folder / "state.npz")
    finally:
        part.unlink(missing_ok=True)


def read_state(folder: Path, shapes: Sequence[tuple[int, ...]]) -> State | None:
    """Return the last state; None where there is none, or one that is damaged or of another network."""
    file = folder / "state.npz"
    if not file.is_file():
        return None
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as stored:
            note = json.loads(stored["note"].tobytes())
            arrays = [stored[f"a{number}"] for number in range(len(stored.files) - 1)]
        if [array.shape for array in arrays] != list(shapes):
            return None
        return State(int(note["epoch"]), arrays, list(note["history"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError, ArithmeticError):
        return None
    except Exception as error:  # zipfile's own error is no OSError
        if type(error).__name__ in {"BadZipFile", "error"}:
            return None
        raise
