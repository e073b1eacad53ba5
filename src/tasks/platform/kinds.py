"""Types decide storage: for each type that a stage may return, the open format that holds it.

| what a stage returns              | kind      | format                              |
|-----------------------------------|-----------|-------------------------------------|
| pandas.DataFrame                  | frame     | Parquet, a file                     |
| pyspark.sql.DataFrame             | frame     | Parquet, a folder of files          |
| numpy.ndarray, numpy.memmap       | array     | .npy, read memory-mapped            |
| pydantic model, dict, list, plain | record    | JSON                                |
| matplotlib Figure                 | figure    | SVG                                 |
| keras.Model                       | keras     | .keras                              |
| scikit-learn estimator            | sklearn   | skops                               |
| pyspark.ml model or pipeline      | spark     | the folder that Spark writes        |
| bytes                             | bytes     | as they are                         |
| a class with `save` and `load`    | folder    | a folder of open formats of its own |

A frame is read as the annotation says, whichever engine wrote it: a stage annotated `pyspark.sql.DataFrame` reads what
a pandas stage wrote, and the other way round. Nothing is pickled, neither when it is written nor when it is read.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel, TypeAdapter, ValidationError

from tasks.platform.errors import IntegrityError
from tasks.platform.kinds_models import read_keras, read_sklearn, write_keras, write_sklearn


@dataclass(frozen=True)
class Kind:
    """How one family of types is recognised, written and read."""

    name: str
    suffix: str
    accepts: Callable[[Any], bool]
    write: Callable[[Any, Path], None]
    read: Callable[[Path, Any], Any]
    summary: Callable[[Any, Path], dict[str, Any]] = lambda value, path: {}


def inherits(value: Any, package: str, name: str) -> bool:
    """Tell whether `value` is an instance of class `name` of `package`, without importing the package."""
    return any(base.__name__ == name and base.__module__.split(".")[0] == package for base in type(value).__mro__)


def _write_pandas(frame: pd.DataFrame, path: Path) -> None:
    """Write Parquet that Spark reads too.

    It knows no nanoseconds, so times are kept to the microsecond. A column of texts that are all missing would have no
    type, which Spark does not read as text, so it is written as text.
    """
    import pyarrow as pa

    index = not isinstance(frame.index, pd.RangeIndex)
    schema = None
    if any(kind == np.dtype(object) and frame.iloc[:, at].isna().all() for at, kind in enumerate(frame.dtypes)):
        found = pa.Schema.from_pandas(frame, preserve_index=index)
        fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in found]
        schema = pa.schema(fields, metadata=found.metadata)
    try:
        frame.to_parquet(path, index=index, compression="zstd", schema=schema, coerce_timestamps="us")
    except pa.ArrowInvalid:
        frame.to_parquet(path, index=index, compression="zstd", schema=schema)


def _write_frame(frame: Any, path: Path) -> None:
    if isinstance(frame, pd.DataFrame):
        _write_pandas(frame, path)
    else:
        from tasks.platform.spark_files import write_frame

        write_frame(frame, path)


def _is_spark(wanted: Any) -> bool:
    return isinstance(wanted, type) and wanted.__module__.split(".")[0] == "pyspark"


def _read_frame(path: Path, wanted: Any) -> Any:
    if any(_is_spark(choice) for choice in (wanted, *get_args(wanted))):
        from tasks.platform.spark_files import read_frame

        return read_frame(path)
    return pd.read_parquet(path)


def _frame_summary(frame: Any, path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return {"rows": sum(pq.read_metadata(file).num_rows for file in files), "columns": len(frame.columns)}


def _write_spark_model(model: Any, path: Path) -> None:
    from tasks.platform.spark_files import write_model

    write_model(model, path)


def _read_spark_model(path: Path, wanted: Any) -> Any:
    from tasks.platform.spark_files import read_model

    return read_model(path)


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
    if wanted in (None, Any):
        return json.loads(content)
    adapter = TypeAdapter(wanted)
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        return adapter.validate_json(_with_nan(content, error))


def _with_nan(content: bytes, error: ValidationError) -> str:
    """Put NaN back, which was written as null, where the record's type wants a number and takes no null."""
    value = json.loads(content)
    for found in error.errors(include_url=False):
        *way, last = found["loc"] or (None,)
        if found["type"] != "float_type" or found["input"] is not None or last is None:
            raise error
        try:
            reduce(getitem, way, value)[last] = math.nan
        except (KeyError, IndexError, TypeError):  # a place within one of several types is named by the type too
            raise error from None
    return json.dumps(value)


def _write_figure(figure: Any, path: Path) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "casebook"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _write_folder(value: Any, path: Path) -> None:
    path.mkdir()
    value.save(path)


def _read_folder(path: Path, wanted: Any) -> Any:
    kept = next((choice for choice in (wanted, *get_args(wanted)) if hasattr(choice, "load")), None)
    if kept is None:
        raise TypeError(f"a stored folder needs a parameter annotated with a class that has `load`, not {wanted!r}")
    return kept.load(path)


def _is_record(value: Any) -> bool:
    return value is None or isinstance(value, BaseModel | dict | list | tuple | str | int | float | bool | np.generic)


KINDS: tuple[Kind, ...] = (
    Kind(
        "frame",
        ".parquet",
        lambda value: isinstance(value, pd.DataFrame) or inherits(value, "pyspark", "DataFrame"),
        _write_frame,
        _read_frame,
        _frame_summary,
    ),
    Kind(
        "array",
        ".npy",
        lambda value: isinstance(value, np.ndarray) and not value.dtype.hasobject,
        _write_array,
        lambda path, wanted: np.load(path, mmap_mode="r", allow_pickle=False),
        lambda value, path: {"shape": list(value.shape), "dtype": str(value.dtype)},
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
    Kind("keras", ".keras", lambda value: inherits(value, "keras", "Model"), write_keras, read_keras),
    Kind("sklearn", ".skops", lambda value: inherits(value, "sklearn", "BaseEstimator"), write_sklearn, read_sklearn),
    Kind("spark", "", lambda value: inherits(value, "pyspark", "MLWritable"), _write_spark_model, _read_spark_model),
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
