"""What does a piece of work cost, in seconds and in memory? Measured from outside, for any engine.

Memory is that of this process and of all it has started, such as Spark's Java process, as the system counts it (the
resident set). It is read from `/proc` every 20 milliseconds; where there is none, the memory is not known.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
EVERY = 0.02  # seconds


@dataclass
class Cost:
    """What was spent inside `measured`."""

    seconds: float = float("nan")
    megabytes: float = float("nan")  # most memory in use at a time, above that at the start
    peak: float = float("nan")  # most memory in use at a time, megabytes


def memory() -> float:
    """Return the memory in use by this process and its descendants, megabytes; NaN where it cannot be told."""
    page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
    total, waiting = 0, [os.getpid()]
    while waiting:
        folder = PROC / str(waiting.pop())
        try:
            total += int((folder / "statm").read_text().split()[1]) * page
            for children in folder.glob("task/*/children"):
                waiting += [int(number) for number in children.read_text().split()]
        except OSError:  # it has ended in the meantime, or this system has no /proc
            continue
    return total / 2**20 if total else float("nan")


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what is done inside; the figures are there when it ends."""
    cost, done = Cost(), threading.Event()
    before = memory()
    peak = before

    def watch() -> None:
        nonlocal peak
        while not done.wait(EVERY):
            peak = max(peak, memory())

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        done.set()
        watcher.join()
        peak = max(peak, memory())
        cost.megabytes, cost.peak = peak - before, peak
