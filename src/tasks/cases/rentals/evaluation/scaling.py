"""From how many rows on does Spark prepare listings faster than pandas, on this machine?

Both read the same Parquet file and do the same: derive all columns, and add up each. The listings are repeated, under
new ids, until there are enough rows. Where Spark has not won at the largest number of rows, a straight line through the
last measurements tells where it would, if memory lasted.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.rentals.features.with_pandas import NUMBERS, derive_rentals
from tasks.cases.rentals.features.with_spark import derived_on_spark
from tasks.platform.stage import stage
from tasks.platform.store import store
from tasks.training.cost import measured

FIRST = 10_000
STEP = math.sqrt(10)
CENTRE = (52.5208, 13.4095)
AGREE = 1e-9


class Scaling(BaseModel):
    """Seconds by rows and engine, and where the two lines cross."""

    rows: list[int]
    pandas: list[float]
    spark: list[float]
    pandas_megabytes: list[float]
    spark_megabytes: list[float]
    wins_at: int | None = None  # the first number of rows that Spark was faster at
    would_win_at: int | None = None  # by a straight line; None when it would never, or has already


def repeated(frame: pd.DataFrame, rows: int, start: int = 0) -> pd.DataFrame:
    """Return `rows` listings: those of `frame` again and again, under ids that count from `start`.

    Ids of today have 18 digits, so that adding to them would leave int64.
    """
    grown = frame.iloc[np.arange(rows) % len(frame)].reset_index(drop=True)
    return grown.assign(id=np.arange(start, start + rows, dtype=np.int64))


def with_pandas(path: Path) -> np.ndarray:
    """Read listings, derive all columns and add up each, with pandas; (numbers,)."""
    return derive_rentals.fn(pd.read_parquet(path), *CENTRE)[list(NUMBERS)].sum().to_numpy(np.float64)


def with_spark(path: Path) -> np.ndarray:
    """Do what `with_pandas` does, on Spark."""
    from tasks.platform.spark import local_path, spark_session

    derived = derived_on_spark(spark_session().read.parquet(local_path(path)), *CENTRE)
    row = derived.selectExpr(*(f"SUM({column}) AS {column}" for column in NUMBERS)).collect()[0]
    return np.array([0.0 if row[column] is None else row[column] for column in NUMBERS], dtype=np.float64)


def sizes(largest: int) -> list[int]:
    """Return the numbers of rows to measure at: 10,000, 31,623, 100,000 ... up to `largest`."""
    steps = math.floor(math.log(max(largest, FIRST) / FIRST, STEP) + 1e-9)
    return sorted({*(round(FIRST * STEP**step) for step in range(steps + 1)), max(largest, FIRST)})


def _timed(work: Callable[[Path], np.ndarray], path: Path) -> tuple[float, float, np.ndarray]:
    """Return seconds (the better of two), megabytes of memory, and the sums."""
    with measured() as cost:
        sums = work(path)
    start = time.perf_counter()
    work(path)
    return min(cost.seconds, time.perf_counter() - start), cost.peak, sums


@stage(phase="Evaluation")
def measure_scaling(frame: pd.DataFrame, largest: int) -> Scaling:
    """Measure both engines at growing numbers of rows, until Spark wins or `largest` is reached.

    Args:
        frame: listings, as `read_rentals` returns them.
        largest: number of rows to stop at.

    Raises:
        ArithmeticError: the engines do not agree, so that their times cannot be compared.
    """
    found = Scaling(rows=[], pandas=[], spark=[], pandas_megabytes=[], spark_megabytes=[])
    with store().scratch() as folder:
        repeated(frame, 1000).to_parquet(folder / "warm.parquet", index=False)
        with_spark(folder / "warm.parquet")  # its start is not what is measured
        for rows in sizes(largest):
            path = folder / f"{rows}.parquet"
            repeated(frame, rows).to_parquet(path, index=False)
            on_spark, on_pandas = _timed(with_spark, path), _timed(with_pandas, path)
            if not np.allclose(on_spark[2], on_pandas[2], rtol=AGREE):
                raise ArithmeticError(f"pandas and Spark differ on {rows:,} rows: {on_pandas[2]} and {on_spark[2]}")
            found.rows.append(rows)
            found.pandas.append(on_pandas[0])
            found.spark.append(on_spark[0])
            found.pandas_megabytes.append(on_pandas[1])
            found.spark_megabytes.append(on_spark[1])
            path.unlink()
            if on_spark[0] < on_pandas[0]:
                return found.model_copy(update={"wins_at": rows})
    return found.model_copy(update={"would_win_at": crossing(found.rows, found.pandas, found.spark)})


def crossing(rows: list[int], ours: list[float], theirs: list[float]) -> int | None:
    """Return where straight lines through the last two measurements cross; None when they never do ahead."""
    if len(rows) < 2:
        return None
    span = rows[-1] - rows[-2]
    slopes = [(times[-1] - times[-2]) / span for times in (ours, theirs)]
    if slopes[0] <= slopes[1]:
        return None
    return round(rows[-1] + (theirs[-1] - ours[-1]) / (slopes[0] - slopes[1]))
