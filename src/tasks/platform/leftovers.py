"""What may a run leave that was killed, and when does it go?

| what                                                     | where                                  | goes after    |
|----------------------------------------------------------|----------------------------------------|---------------|
| objects half written, Spark's files, ledgers in the making | `<store>/.scratch`, `<home>/scratch`   | a day         |
| files half written (`.<hex>`, `.part`, `.old`)           | store, home, cache, output folder      | a week        |
| run folders without a report                             | the output folder                      | a week        |
| marks of runs that nobody has told Prefect of            | `<home>/running`                       | a week        |
| copies of objects of a remote store                      | `<home>/fetched`                       | a month       |
| row-wise checkpoints that no run has asked for           | `<store>/memo`                         | three months  |

The age is that of the newest file inside, so that a run which takes days keeps what it works on. What is dated ahead of
the clock, which was wrong then, or is now, counts from the look that finds it. A run looks for leftovers when it opens
the store, at most every six hours.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.platform.scratch import scratch_folder
from tasks.platform.settings import settings
from tasks.platform.storage import is_url

HOUR, DAY = 3600.0, 86400.0
BETWEEN_LOOKS = 6 * HOUR
SCRATCH_AGE = DAY
UNFINISHED_AGE = 7 * DAY
FETCHED_AGE = 30 * DAY
MEMO_AGE = 90 * DAY
RUN_NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")  # as `tasks.platform.run.open_run` names folders
OWN_NAME = re.compile(r"\.[0-9a-f]{32}([.-]\w+)*")  # nobody else names a file so; with what SQLite lays beside one
UNFINISHED_NAME = re.compile(rf"{OWN_NAME.pattern}|.*\.part")


def tidy_up() -> None:
    """Remove what killed runs have left and nobody needs any more; what cannot be removed stays."""
    stamp = settings().home / "tidied"
    if not settings().home.is_dir() or 0 <= time.time() - _changed(stamp) < BETWEEN_LOOKS:
        return
    with contextlib.suppress(OSError):
        stamp.touch()
    for path, age in candidates():
        with contextlib.suppress(OSError):
            since = time.time() - newest(path)
            if since > age:
                remove(path)
            elif since < -DAY:
                date_now(path)


def candidates() -> Iterator[tuple[Path, float]]:
    """Yield what may be a leftover, with the seconds after which it goes."""
    home, local = settings().home, None if is_url(settings().store_url) else Path(settings().store_url)
    for folder in {scratch_folder(), home / "scratch"}:
        yield from ((path, SCRATCH_AGE) for path in _inside(folder))
    yield from ((path, FETCHED_AGE) for path in _inside(home / "fetched"))
    yield from ((path, UNFINISHED_AGE) for path in _inside(home / "running"))
    places = [home.absolute(), settings().cache_folder.absolute(), *([local.absolute()] if local else [])]
    for folder in {place for place in places if not set(place.parents) & set(places)}:
        yield from ((path, UNFINISHED_AGE) for path in _unfinished(folder))
    output = settings().output
    yield from ((path, UNFINISHED_AGE) for path in [*_inside(home / "prefect"), *_inside(output)] if _half(path))
    for flow in _inside(output):
        for run in _inside(flow):
            if _half(run):
                yield run, UNFINISHED_AGE
            if RUN_NAME.fullmatch(run.name) and run.is_dir() and not (run / "report.html").exists():
                yield run, UNFINISHED_AGE
    if local:
        yield from ((path, MEMO_AGE) for path in _memos(local / "memo"))


def _inside(folder: Path) -> list[Path]:
    """List what lies directly in a folder; nothing when it is no folder."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _half(path: Path) -> bool:
    """Tell whether a name is that of something half written, in a folder that may hold a user's own files."""
    return OWN_NAME.fullmatch(path.name) is not None


def _unfinished(folder: Path) -> Iterator[Path]:
    """Yield what was being written when its process ended."""
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            if UNFINISHED_NAME.fullmatch(name):
                yield Path(place, name)
        folders[:] = [name for name in folders if not (name.startswith(".") or name in {"scratch", "prefect"})]


def _memos(folder: Path) -> Iterator[Path]:
    for place, _, files in os.walk(folder):
        if files:
            yield Path(place)


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def newest(path: Path) -> float:
    """Return when `path`, or what has changed last inside it, was changed (seconds since 1970)."""
    inside = (Path(place, name) for place, folders, files in os.walk(path) for name in [*folders, *files])
    return max([_changed(path), *map(_changed, inside)])


def date_now(path: Path) -> None:
    """Let what is dated ahead of the clock count from now."""
    now = time.time()
    for item in [path, *path.rglob("*")]:
        if _changed(item) > now:
            os.utime(item, (now, now), follow_symlinks=False)


def remove(path: Path) -> None:
    """Remove a file, or a folder with what is in it; a link is removed and not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
