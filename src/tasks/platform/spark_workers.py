"""What runs in Spark's Python workers: chunks of files, each with the settings of whoever asked.

A worker is a process of another machine. It has this package, and sees the same folders; what it lacks is the
environment of the driver, so that goes with the work, without secrets.
"""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tasks.platform.settings import python_path, settings
from tasks.platform.spark import master, spark_session

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

CHUNK = 256
"""Files of one task: some seconds of work, and little to do again when a worker dies."""
CARRIED = ("home", "store", "cache", "mirror", "offline")

Work = Callable[[Iterator["pd.DataFrame"]], Iterator["pd.DataFrame"]]


def in_chunks(rows: "pd.DataFrame", work: Work, schema: str, chunk: int | None = None) -> "DataFrame":
    """Return what `work` makes of `rows`, dealt out to the workers in chunks of consecutive ones.

    Args:
        rows: with a column `number`, ascending from 0 without gaps.
        work: from an iterator of frames to one, in a worker; it may take its time to load what all of them need.
        schema: of the frames that it yields, as Spark writes it.
        chunk: rows of one task; `CHUNK` by default.
    """
    from pyspark.sql import functions

    session, chunk = spark_session(), chunk or CHUNK
    tasks = max(1, -(-len(rows) // chunk))
    dealt = session.createDataFrame(rows).withColumn("chunk", functions.expr(f"cast(number div {chunk} as int)"))
    # By the number itself and not by its hash, which would give one task two chunks and another none.
    spread = dealt.repartitionByRange(tasks, "chunk") if tasks > 1 else dealt.coalesce(1)
    return spread.drop("chunk").mapInPandas(as_asked(work), schema)


def as_asked(work: Work) -> Work:
    """Return `work` with the settings in force here, one thread for each of a worker's tasks."""
    carried = {f"CASEBOOK_{name.upper()}": value for name in CARRIED if (value := _said(name))}
    carried["CASEBOOK_THREADS"] = "1"
    if not master().startswith("sc://"):  # a worker that sees the driver's files runs the driver's code
        spark_session().sparkContext.environment["PYTHONPATH"] = python_path()

    def run(frames: Iterator["pd.DataFrame"]) -> Iterator["pd.DataFrame"]:
        if any(os.environ.get(name) != value for name, value in carried.items()):
            os.environ.update(carried)
            settings.cache_clear()
        yield from work(frames)

    return run


def _said(name: str) -> str:
    value: Any = getattr(settings(), name)
    if name in {"home", "mirror", "cache"} and value:
        value = value.absolute()
    return str(value).lower() if isinstance(value, bool) else str(value or "")
