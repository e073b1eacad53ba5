"""How do Spark's frames and models lie in the store? As Parquet that pandas reads too, and as Spark's model folders.

Spark writes one file per partition under a random name, with checksums and a mark of success beside them. Files are
renamed by their order and the rest is removed, so that what the digest covers is the data.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.platform.errors import IntegrityError
from tasks.platform.spark import local_path, spark_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TRUSTED = "pyspark.ml."
LARGEST_METADATA = 1 << 20  # bytes


def write_frame(frame: "DataFrame", path: Path) -> None:
    """Write a Spark frame to the folder `path`."""
    frame.write.option("compression", "zstd").parquet(local_path(path))
    _tidy(path)


def _tidy(folder: Path) -> None:
    for file in [*folder.rglob(".*.crc"), *folder.rglob("_SUCCESS")]:
        file.unlink()
    for place in {file.parent for file in folder.rglob("part-*")}:
        for number, file in enumerate(sorted(place.glob("part-*"))):
            file.rename(place / f"part-{number:05}{''.join(file.suffixes[-1:])}")


def read_frame(path: Path) -> "DataFrame":
    """Read a stored frame, by whichever engine it was written, with the session of this process.

    Raises:
        IntegrityError: its times have nanoseconds, which Spark does not know.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = min(path.glob("*.parquet"), default=None) if path.is_dir() else path
    if first is not None:
        fine = [
            field.name
            for field in pq.read_schema(first)
            if pa.types.is_timestamp(field.type) and field.type.unit == "ns"
        ]
        if fine:
            raise IntegrityError(
                f"The column {fine[0]!r} holds times finer than a microsecond, which Spark cannot read; round them."
            )
    return spark_session().read.parquet(local_path(path, pattern=True))


def write_model(model: Any, path: Path) -> None:
    """Write a Spark model or pipeline to the folder `path` with Spark's own writer."""
    model.write().overwrite().save(local_path(path))
    _tidy(path)


def read_model(path: Path) -> Any:
    """Read a stored Spark model as the class that wrote it.

    Raises:
        IntegrityError: the folder is damaged, or names a class that is not Spark's own.
    """
    import importlib

    name = _class_of(path)
    spark_session()
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute).load(local_path(path, pattern=True))


def _class_of(path: Path) -> str:
    """Return the Python class of a stored model: Spark writes its Java name."""
    file = min((path / "metadata").glob("part-*"), default=None)
    try:
        if file is None or file.stat().st_size > LARGEST_METADATA:
            raise ValueError("no metadata of a bearable size")
        written = str(json.loads(file.read_text("utf-8"))["class"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise IntegrityError(
            f"{path.name} is no model that Spark wrote ({error}); run again to make it anew."
        ) from error
    name = written.removeprefix("org.apache.").replace("spark.ml.", TRUSTED, 1) if "org.apache" in written else written
    if not name.startswith(TRUSTED) or ".." in name:
        raise IntegrityError(
            f"{path.name} names the class {written}, which is not one of Spark's; run again to make it anew."
        )
    return name
