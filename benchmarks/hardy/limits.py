"""What is said where a disk is full or read-only, memory short, the clock wrong, HOME missing, and does it go on then?

Each trial runs a flow in such a place: it gives the right answer, or ends with one sentence. Then the cause is taken
away, and the same command has to give the right answer. The places are mounts in a namespace of this process alone.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardy.place import Place, same_answer, thin_out

FLOW = "movies"
INSIDE = "HARDINESS_NAMESPACE"
ADDRESS_SPACE = 2_500_000_000  # bytes
NOBODY = "54321"  # a user that has no entry and no home


@contextmanager
def mounted(place: Place, part: str) -> Iterator[Path]:
    """Put a part of the home on a small file system of its own, with its content."""
    target, source = place.home / part, place.kept / part
    size = sum(item.stat().st_size for item in source.rglob("*") if item.is_file()) * 2 + 2**26
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "hardiness", str(target)], check=True)
    try:
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
        yield target
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


@contextmanager
def full(place: Place, part: str) -> Iterator[Callable[[], None]]:
    """Fill the disk of a part of the home up; yield what makes room again."""
    with mounted(place, part) as folder:
        thin_out(place, random.Random(1), share=0.5)  # noqa: S311 - so that there is something to write
        filler, free = folder / ".filler", shutil.disk_usage(folder).free
        number = os.open(filler, os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(number, 0, free - 8192)
        os.close(number)
        yield filler.unlink


@contextmanager
def read_only(place: Place, part: str) -> Iterator[Callable[[], None]]:
    """Make a part of the home read-only; yield what makes it writable again."""
    with mounted(place, part) as folder:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield lambda: subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True) and None


@contextmanager
def before(place: Place, *words: str, **settings: str) -> Iterator[Callable[[], None]]:
    """Put words before the command (`faketime …`), and settings into its environment; HOME= takes HOME away."""
    kept = place.environment
    place.before, place.environment = list(words), {**kept, **settings}
    if settings.get("HOME") == "":
        del place.environment["HOME"]

    def back() -> None:
        place.stop_server()
        place.before, place.environment = [], kept

    try:
        yield back
    finally:
        back()


def without_home(place: Place) -> AbstractContextManager[Callable[[], None]]:
    """Be a user without HOME and without an entry among the users, as containers often have it."""
    return before(place, "unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", HOME="")


def ways(place: Place) -> dict[str, Callable[[], AbstractContextManager[Callable[[], None]]]]:
    """Return the narrow places by name."""
    found: dict[str, Any] = {}
    for name, part in (("home", ""), ("store", "store"), ("output", "reports")):
        found[f"full-{name}"] = lambda part=part: full(place, part)
        found[f"read-only-{name}"] = lambda part=part: read_only(place, part)
    found["memory"] = lambda: before(place, "prlimit", f"--as={ADDRESS_SPACE}")
    for year in ("2001", "2040"):  # by an offset, which all processes share
        years = int(year) - datetime.now(UTC).year
        found[year] = lambda years=years: before(place, "faketime", "-f", f"{years:+d}y")
    found["no-home"] = lambda: without_home(place)
    return found


def trial(place: Place, name: str, truth: dict[str, Any]) -> str:
    """Run in one narrow place, and again when it is none any more; return what is wrong."""
    if name in {"2001", "2040"} and not shutil.which("faketime"):
        print(f"  {name:<17} left out: there is no faketime (on Debian: apt install faketime)", flush=True)
        return ""
    clock = time.monotonic()
    place.stop_server()
    place.reset()
    with ways(place)[name]() as mend:
        said = place.flow(FLOW)
        wrong = same_answer(said, truth[FLOW])
        told = "right all the same"
        if wrong and not said.traced and len(said.sentences) == 1:
            told, wrong = said.sentences[0], ""
        elif wrong:
            wrong += f" [{len(said.sentences)} sentences]"
        mend()
        after = same_answer(place.flow(FLOW), truth[FLOW])
        place.stop_server()
    wrong = "; then: ".join(filter(None, [wrong, after]))
    print(f"  {name:<17} {wrong or told} ({time.monotonic() - clock:.0f} s)", flush=True)
    return f"{name}: {wrong}" if wrong else ""


def run(place: Place, trials: int, seed: int, only: Sequence[str] = ()) -> list[str]:
    """Run the trials, in a namespace of mounts of their own; return what went wrong."""
    truth = place.warm([FLOW])
    if not os.environ.get(INSIDE):
        mapped = [] if os.getuid() == 0 else ["--map-root-user"]
        again = [sys.executable, "-u", *sys.argv[:1], "limits", "--seed", str(seed), "--place", str(place.folder)]
        words = ["unshare", *mapped, "--mount", *again, *(["--only", *only] if only else [])]
        status = subprocess.run(words, check=False, env=os.environ | {INSIDE: "1"}).returncode
        return ["limits: see above"] if status else []
    chosen = [name for name in ways(place) if not only or name in only]
    bad = [text for text in (trial(place, name, truth) for name in chosen[:trials]) if text]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} places: right, or one sentence and right when the cause was gone")
    return bad
