"""How do two cores share thousands of series? A process each, a bucket of series at a time, results as they come."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from tasks.platform.progress import progress
from tasks.platform.settings import settings

AHEAD = 3  # buckets per process that wait to be worked on: memory stays flat


@contextmanager
def quiet() -> Iterator[None]:
    """Keep one thread for linear algebra, and the remarks of forecasting libraries on odd series to themselves."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _one(function: Callable[..., pd.DataFrame], part: pd.DataFrame, arguments: tuple[Any, ...]) -> pd.DataFrame:
    with quiet():
        return function(part, *arguments)


def over_buckets(
    function: Callable[..., pd.DataFrame],
    parts: Iterable[pd.DataFrame],
    total: int,
    arguments: tuple[Any, ...],
    alone: bool,
) -> list[pd.DataFrame]:
    """Return what `function` makes of each part, in order.

    Args:
        function: of a module; it takes a part and `arguments`.
        parts: of the grid.
        total: how many.
        arguments: the same for all.
        alone: whether this process does it by itself.
    """
    if alone:
        return [_one(function, part, arguments) for part in progress(parts, "forecasting", total, "buckets")]
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    try:
        jobs = Parallel(
            n_jobs=settings().threads, max_nbytes=None, return_as="generator", pre_dispatch=f"{AHEAD}*n_jobs"
        )
        done = jobs(delayed(_one)(function, part, arguments) for part in parts)
        return list(progress(done, "forecasting", total, "buckets"))
    finally:
        get_reusable_executor().shutdown(wait=True)  # else its processes would stay for five minutes
