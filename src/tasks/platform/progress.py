"""Progress of anything that takes longer than two seconds, on standard error."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(items: Iterable[T], what: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield `items` while a bar titled `what` shows how far the work is; nothing is shown before two seconds.

    On a terminal the bar redraws itself; in a log file it adds a line every ten seconds.
    """
    import sys

    from tqdm import tqdm

    interval = 0.2 if sys.stderr.isatty() else 10.0
    yield from tqdm(items, desc=what, total=total, unit=f" {unit}", delay=2, mininterval=interval, leave=False)
