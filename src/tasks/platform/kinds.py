"""Types decide storage: for each type that a stage may return, the open format that holds it.

| what a stage returns              | kind      | format                              |
|-----------------------------------|-----------|-------------------------------------|
| pandas.DataFrame                  | frame     | Parquet                             |
| numpy.ndarray, numpy.memmap       | array     | .npy, read memory-mapped            |
| pydantic model, dict, list, plain | record    | JSON                                |
| matplotlib Figure                 | figure    | SVG                                 |
| keras.Model                       | keras     | .keras                              |
| scikit-learn estimator            | sklearn   | skops                               |
| bytes                             | bytes     | as they are                         |
| a class with `save` and `load`    | folder    | a folder of open formats of its own |

Nothing is pickled, neither when it is written nor when it is read.
"""

import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, TypeAdapter

from tasks.platform.errors import IntegrityError


@dataclass(frozen=True)
class Kind:
    """How one family of types is recognised, written and read."""

    name: str
    suffix: str
    accepts: Callable[[Any], bool]
    write: Callable[[Any, Path], None]
    read: Callable[[Path, Any], Any]
    summary: Callable[[Any], dict[str, Any]] = lambda value: {}


def inherits(value: Any, package: str, name: str) -> bool:
    """Tell whether `value` is an instance of class `name` of `package`, without importing the package."""
    return any(base.__name__ == name and base.__module__.split(".")[0] == package for base in type(value).__mro__)


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, index=not isinstance(frame.index, pd.RangeIndex), compression="zstd")


def _write_array(array: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _plain(value: Any) -> Any:
    """Turn a record into plain JSON values; NaN and infinity, which JSON lacks, become null."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_record(value: Any, path: Path) -> None:
    path.write_text(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")), "utf-8")


def _read_record(path: Path, wanted: Any) -> Any:
    content = path.read_bytes()
    return json.loads(content) if wanted in (None, Any) else TypeAdapter(wanted).validate_json(content)


def _write_figure(figure: Any, path: Path) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "casebook"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _fix_dates(path: Path) -> None:
    """Rewrite a zip-based model file without its dates, so that equal models are equal files."""
    bare = path.with_suffix(".bare")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bare, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": ""}).encode()
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    bare.replace(path)


def _write_keras(model: Any, path: Path) -> None:
    model.save(path)
    _fix_dates(path)


def _read_keras(path: Path, wanted: Any) -> Any:
    import keras

    return keras.saving.load_model(path, compile=True, safe_mode=True)


def _write_sklearn(model: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path)


def _read_sklearn(path: Path, wanted: Any) -> Any:
    import skops.io

    unknown = skops.io.get_untrusted_types(file=path)
    foreign = [name for name in unknown if name.split(".")[0] not in {"sklearn", "numpy", "scipy", "builtins"}]
    if foreign:
        raise IntegrityError(f"The model {path.name} holds types that are not trusted: {', '.join(foreign)}.")
    return skops.io.load(path, trusted=unknown)


def _write_folder(value: Any, path: Path) -> None:
    path.mkdir()
    value.save(path)


def _read_folder(path: Path, wanted: Any) -> Any:
    if not hasattr(wanted, "load"):
        raise TypeError(f"a stored folder needs a parameter annotated with a class that has `load`, not {wanted!r}")
    return wanted.load(path)


def _is_record(value: Any) -> bool:
    return value is None or isinstance(value, BaseModel | dict | list | tuple | str | int | float | bool | np.generic)


KINDS: tuple[Kind, ...] = (
    Kind(
        "frame",
        ".parquet",
        lambda value: isinstance(value, pd.DataFrame),
        _write_frame,
        lambda path, wanted: pd.read_parquet(path),
        lambda value: {"rows": len(value), "columns": len(value.columns)},
    ),
    Kind(
        "array",
        ".npy",
        lambda value: isinstance(value, np.ndarray) and not value.dtype.hasobject,
        _write_array,
        lambda path, wanted: np.load(path, mmap_mode="r", allow_pickle=False),
        lambda value: {"shape": list(value.shape), "dtype": str(value.dtype)},
    ),
    Kind(
        "bytes",
        ".bin",
        lambda value: isinstance(value, bytes),
        _write_bytes,
        lambda p, _: p.read_bytes(),
    ),
    Kind(
        "figure",
        ".svg",
        lambda value: inherits(value, "matplotlib", "Figure"),
        _write_figure,
        lambda path, wanted: path.read_text("utf-8"),
    ),
    Kind("keras", ".keras", lambda value: inherits(value, "keras", "Model"), _write_keras, _read_keras),
    Kind("sklearn", ".skops", lambda value: inherits(value, "sklearn", "BaseEstimator"), _write_sklearn, _read_sklearn),
    Kind("record", ".json", _is_record, _write_record, _read_record),
    Kind(
        "folder", "", lambda value: hasattr(value, "save") and hasattr(type(value), "load"), _write_folder, _read_folder
    ),
)


def kind_of(value: Any) -> Kind:
    """Return the kind that stores `value`.

    Raises:
        TypeError: no open format is known for its type.
    """
    for kind in KINDS:
        if kind.accepts(value):
            return kind
    raise TypeError(
        f"A stage returned {type(value).__module__}.{type(value).__qualname__}, for which no open format is known;"
        " return one of the types listed in tasks.platform.kinds, or a class with `save` and `load`."
    )


def kind_named(name: str) -> Kind:
    """Return the kind called `name`.

    Raises:
        IntegrityError: no kind has that name.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise IntegrityError(f"A stored record names the unknown kind {name!r}; remove it from the store to recompute it.")
