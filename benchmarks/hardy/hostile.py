"""Is what strangers bring safe to read? A hundred hostile tables and pictures, dealt by a seed to the seventeen cases.

Each trial writes a case's clean input and spoils it (hardy/hostile_tables.py, hostile_pictures.py, hostile_other.py),
then runs the flow on it, and looks at all that the run has printed and left (hardy/hostile_outputs.py):

- it ends in a report, or in one sentence and no traceback; where the hostile text lies beside what decides, answer and
  metrics are those of the clean input
- no output holds an escape, a control character, a mark that turns the reading direction, a script, a handler, or a
  cell that a spreadsheet would take for a formula; nothing is written outside
- memory stays below `BOUND`: the largest of what the kernel noted as the peak of the command or of one of its children
  (`ru_maxrss` of wait4), and the sum of all of them at a moment, every tenth of a second
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hardy.forked import Forked
from hardy.hostile_files import CASES, Case, Dealt, dealt, spoil, write_clean
from hardy.hostile_outputs import of_file, of_streams, outside
from hardy.place import PATIENCE, ROOT, TIMES, Place, Said, kill

BOUND = 2_500  # MB of the command and its children together
OF_MACHINES = ("The Prefect server", "Memory was short", "The disk of")  # sentences that no input is to bring about
EVERY = 0.1  # seconds between two looks at the memory
SYSTEM = [Path("/"), Path("/tmp"), Path("/etc"), Path.home(), ROOT, ROOT.parent]  # noqa: S108 - where an escape would lie


class Watched(threading.Thread):
    """Looks at the memory of a process and of all below it; kills them where twice the bound is reached."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.over = process, 0.0, threading.Event()

    def run(self) -> None:
        """Look until `over` is set."""
        while not self.over.wait(EVERY):
            family = below(self.process)
            total = sum(family.values())
            self.peak = max(self.peak, total)
            if total > 2 * BOUND:
                for number in family:
                    kill(number)


def below(process: int) -> dict[int, float]:
    """Return a process and those below it, with the memory that each holds, in MB."""
    parents, sizes = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
            sizes[int(folder.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        except (OSError, IndexError, ValueError):
            continue
    family, new = set(), {process} & sizes.keys()
    while new:
        family |= new
        new = {number for number, parent in parents.items() if parent in new} - family
    return {number: sizes[number] for number in family}


def ask(place: Place, case: Case, source: Path) -> tuple[Said, float]:
    """Run a case on a source; return what it said, and its peak of memory in MB."""
    process = place.start(f"flows/{case.name}.py", "--source", str(source), *case.options)
    watch = Watched(process.pid)
    watch.start()
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        out, err = "", f"no end within {PATIENCE:g} seconds"
    finally:  # an interrupt leaves nothing behind either
        for number in below(process.pid) if process.poll() is None else ():
            kill(number)
        watch.over.set()
        watch.join()
    highest = process.highest if isinstance(process, Forked) else 0.0
    status = process.wait() if not isinstance(process, Forked) else process.poll()
    return Said(-9 if status is None else status, out, err), max(watch.peak, highest)


def told(said: Said) -> dict[str, Any]:
    """Return what a run has found, as far as hostile text beside it must not change it."""
    result = json.loads((said.report.parent / "result.json").read_text("utf-8"))
    metrics = {item["name"]: item["value"] for item in result["metrics"] if item["unit"] not in TIMES}
    return {
        "metrics": metrics,
        "met": (result["verdict"] or {}).get("met"),
        "quarantined": result["quarantine"]["total"],
    }


def truth(place: Place, case: Case) -> dict[str, Any]:
    """Return what a case finds in its clean input; asked once, and noted."""
    notes = place.folder / "hostile-truth.json"
    known: dict[str, Any] = json.loads(notes.read_text()) if notes.is_file() else {}
    if case.name not in known:
        folder = place.folder / "hostile" / "clean"
        shutil.rmtree(folder, ignore_errors=True)
        clock = time.monotonic()
        said, peak = ask(place, case, write_clean(case, folder / "input"))
        if said.status:
            raise SystemExit(f"{case.name} does not run on its clean input:\n{said.err[-3000:]}")
        known[case.name] = told(said)
        notes.write_text(json.dumps(known))
        shutil.rmtree(folder)
        print(f"    {case.name}: clean, {time.monotonic() - clock:.0f} s, {peak:,.0f} MB", flush=True)
    return known[case.name]


def left(place: Place) -> dict[Path, float]:
    """Return what lies in the output folder, with the time of its last change."""
    files = [item for item in (place.home / "reports").rglob("*") if not item.is_dir()]
    return {item: item.lstat().st_mtime for item in files}


def trial(place: Place, one: Dealt, seed: int) -> tuple[list[str], str, float]:
    """Spoil an input, run, and look at everything; return what is wrong, how it ended, and the memory."""
    folder = place.folder / "hostile" / f"{one.number:03}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source, same = spoil(one, folder / "input", seed)
    known = truth(place, one.case) if same else {}
    before = left(place)
    clock = time.monotonic()
    said, peak = ask(place, one.case, source)
    took = time.monotonic() - clock
    wrong = of_streams(said.status, said.out, said.err)
    for file, changed in left(place).items():
        wrong += of_file(file) if before.get(file) != changed else []
    wrong += outside(SYSTEM, place.folder, folder)
    wrong += [f"left in the temporary folder: {item}" for item in place.temporary.rglob("*")]
    wrong += [f"{peak:,.0f} MB of memory"] if peak > BOUND else []
    wrong += [f"a fault of the machine: {text}" for text in said.sentences if any(word in text for word in OF_MACHINES)]
    ended = "a sentence" if said.status else "an answer"
    if said.status == 0 and same and not wrong:
        ours = told(said)
        odd = [name for name, value in known.items() if ours[name] != value]
        wrong += [f"another answer in {name}: {ours[name]} for {known[name]}"[:300] for name in odd]
        ended = ended if wrong else "the same answer"
    elif said.status and same and not wrong:
        wrong.append(f"refused for what lies beside: {said.sentences[0][:300]}")
    told_ = ended if said.status == 0 else (said.sentences or ["nothing"])[0][:150]
    print(
        f"{one.number:>3} {one.case.name:<15} {one.attack:<15} {'; '.join(wrong[:3])[:600] or told_} "
        f"({took:.0f} s, {peak:,.0f} MB)",
        flush=True,
    )
    if wrong:
        (folder / "said.txt").write_text(f"{said.out}\n{said.err}")
    else:
        shutil.rmtree(folder)
    return [f"{one.number} {one.case.name} {one.attack}: {text}" for text in wrong], ended, peak


def run(place: Place, trials: int, seed: int, only: Sequence[str] = ()) -> list[str]:
    """Run the trials; return what went wrong."""
    os.umask(0o022)
    names = {case.name for case in CASES}
    chosen = [
        one
        for one in dealt(trials, seed)
        if not only
        or {str(one.number), one.case.name, one.attack} & set(only)
        or any(_within(one.number, word) for word in only if word not in names)
    ]
    bad: list[str] = []
    ends: Counter[str] = Counter()
    highest = (0.0, "none")
    for one in chosen:
        wrong, ended, peak = trial(place, one, seed)
        bad += wrong
        ends[ended if not wrong else "wrong"] += 1
        highest = max(highest, (peak, f"{one.case.name} {one.attack}"))
    counts = ", ".join(f"{count} {name}" for name, count in sorted(ends.items()))
    print(f"{len(chosen)} trials: {counts or 'none'}; highest memory {highest[0]:,.0f} MB ({highest[1]})")
    return bad


def _within(number: int, word: str) -> bool:
    """Tell whether a word such as 20-29 names a number."""
    first, mark, last = word.partition("-")
    return bool(mark) and first.isdigit() and last.isdigit() and int(first) <= number <= int(last)
