"""A home of its own for trials: how flows are started there, what they answer, and what they leave behind."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from hardy.forked import Forked, prepare

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 420.0  # seconds for one command on a busy machine
BY_THE_RUN = {"run", "started", "seconds", "stages", "prefect", "champion", "crowned"}  # differ from run to run
TIMES = {"ms", "s"}  # units of metrics that differ as well
UNPACKED = re.compile(r',"[-0-9]{10} [:0-9]{8}"$', re.MULTILINE)  # when a file was written, as duplicates.csv has it

# What belongs into a home, its output folder included; anything else was left behind.
BELONGS = re.compile(
    r"""key | tidied | server\.json | [\w-]+\.log | locks/champion-[\w.-]+\.lock | checkpoints | running/[0-9a-f-]{36}
    | server/(note\.json|[a-z]+\.lock|prefect\.log)
    | prefect/(profiles\.toml|prefect\.db(-wal|-shm|-journal)?|migrated|migration\.lock|memo_store\.toml|storage(/.*)?)
    | prefect/prefect\.db(-wal|-shm|-journal)?\.damaged-[\w-]+
    | mlflow/mlflow\.db(-wal|-shm|-journal)?(\.damaged-[\w-]+)?
    | mlflow/(mlflow\.lock|outbox\.lock|mirror\.log|artifacts/.*)
    | (cache/)?samples/(?!\.)[\w-]+(\.json)? | (cache/)?samples/(?!\.)[\w-]+/(?!\.).*
    | spark/log4j2\.properties | spark/bin/java
    | store/records/[0-9a-f]{40} | store/objects/[0-9a-f]{2}/[0-9a-f]{64}(\.\w+)?(/.*)?
    | store/pedigree/[0-9a-f]{64}/[0-9a-f]{40}\.json | store/champions/[\w.-]+/\d{6}\.json | store/memo/.*\.parquet
    | reports/(index\.html|\.home\.lock) | reports/\w+/index\.html
    | reports/\w+/\d{8}-\d{6}-[0-9a-f]{4}/(report\.html|result\.json|[\w-]+\.csv)""",
    re.VERBOSE,
)


class Said(NamedTuple):
    """What a command did: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> Path:
        """The report that its last line names."""
        return Path(self.out.strip().rpartition("\n")[2])

    @property
    def traced(self) -> bool:
        """Tell whether a traceback was shown."""
        return "Traceback (most recent call last)" in self.err

    @property
    def sentences(self) -> list[str]:
        """What it said to the user about what went wrong."""
        return [line for line in self.err.splitlines() if line.startswith("casebook: ")]


class Place:
    """A folder with a home, a snapshot of it with every flow done once, and a folder for temporary files."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.home, self.kept, self.temporary = folder / "home", folder / "kept", folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.forks = False
        self.before: list[str] = []  # words that go before a command
        ours = ("CASEBOOK_", "PREFECT_")
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        self.environment |= {
            "CASEBOOK_HOME": str(self.home),
            "CASEBOOK_OUTPUT": str(self.home / "reports"),
            "CASEBOOK_OFFLINE": "true",
            "CASEBOOK_TRACKING": "off",
            "CASEBOOK_SERVER_MINUTES": "3",
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            **settings,
        }

    def start(self, *command: str, **settings: str) -> Any:
        """Start a Python program of ours in a session of its own; a flow as a fork (hardy/forked.py)."""
        if self.forks and not self.before and command[0].startswith("flows/"):
            return Forked(command, self.environment | settings)
        return subprocess.Popen(
            [*self.before, sys.executable, *command],
            cwd=ROOT,
            env=self.environment | settings,
            text=True,
            errors="replace",
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def run(self, *command: str, **settings: str) -> Said:
        """Run a Python program of ours to its end; one that hangs is killed."""
        process = self.start(*command, **settings)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\ncasebook-trial: no end within {PATIENCE:g} seconds"
        return Said(process.returncode, out, err)

    def prepare(self) -> None:
        """Start flows as forks of this process from now on."""
        os.chdir(ROOT)
        prepare(self.environment)
        self.forks = True

    def flow(self, name: str, **settings: str) -> Said:
        """Run a flow on its sample."""
        return self.run(f"flows/{name}.py", **settings)

    def stop_server(self) -> None:
        """End the server that commands share."""
        self.run("-m", "tasks.platform.lingering")

    def server(self) -> int | None:
        """Return the process of the server that commands share, when one is noted."""
        try:
            return int(json.loads((self.home / "server" / "note.json").read_text())["pid"])
        except (OSError, ValueError, KeyError):
            return None

    def processes(self) -> dict[int, str]:
        """Return the processes that run with this home, by their ids."""
        found, mark = {}, f"CASEBOOK_HOME={self.home}\0".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes() + b"\0":
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    if words:
                        found[int(folder.name)] = words[:120]
            except OSError:
                continue
        return found

    def warm(self, flows: list[str]) -> dict[str, Any]:
        """Fill a home by one run of each flow, keep a copy of it, and return what each flow found."""
        notes = self.folder / "truth.json"
        truth: dict[str, Any] = json.loads(notes.read_text()) if notes.is_file() else {}
        missing = [name for name in flows if name not in truth]
        if missing:
            if self.kept.is_dir():
                self.reset()
            self.run("-m", "tasks.platform.server", "prepare")
            self.run("-m", "tasks.publishing.registry")
        for name in missing:
            clock = time.monotonic()
            self.flow(name)
            said = self.flow(name)  # the second run finds itself as the champion, as all later ones do
            if said.status:
                raise SystemExit(f"{name} does not run here:\n{said.err}")
            truth[name] = {"result": found(said.report), "lines": len(journal(said.err))}
            shutil.rmtree(self.kept, ignore_errors=True)  # until all are done the home itself goes on
            notes.write_text(json.dumps(truth))
            print(f"  {name}: done once, {time.monotonic() - clock:.0f} s", flush=True)
        if not self.kept.is_dir():
            self.stop_server()
            shutil.copytree(self.home, self.kept, symlinks=True)
        return truth

    def reset(self, *parts: str) -> None:
        """Bring the home, or parts of it, back to the copy."""
        for part in parts or [""]:
            target, source = self.home / part, self.kept / part
            shutil.rmtree(target, ignore_errors=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)

    def left_behind(self) -> list[str]:
        """List what lies in the home or among the temporary files and does not belong there."""
        files = [item for item in self.home.rglob("*") if item.is_symlink() or not item.is_dir()]
        names = sorted(item.relative_to(self.home).as_posix() for item in files)
        odd = [name for name in names if not BELONGS.fullmatch(name)]
        runs = [item for item in (self.home / "reports").glob("*/*-*") if not (item / "report.html").exists()]
        unfinished = ("scratch", "store/.scratch")
        scratch = [item for folder in unfinished for item in (self.home / folder).glob("*")]
        return (
            odd
            + [str(item.relative_to(self.home)) for item in [*runs, *scratch]]
            + [f"tmp/{item.relative_to(self.temporary)}" for item in sorted(self.temporary.rglob("*"))]
        )

    def age(self, days: float) -> None:
        """Let everything in the home look as if it had lain there for so many days more."""
        for folder in (self.home, self.temporary):
            for item in folder.rglob("*"):
                if not item.is_symlink() and item.exists():
                    status = item.stat()
                    os.utime(item, (status.st_atime - days * 86400, status.st_mtime - days * 86400))


def found(report: Path) -> dict[str, Any]:
    """Return what a run found: its result without what differs from run to run, and its tables."""
    told = json.loads((report.parent / "result.json").read_text("utf-8"))
    kept = {name: value for name, value in told.items() if name not in BY_THE_RUN}
    kept["stages"] = [stage["name"] for stage in told["stages"]]
    kept["metrics"] = [metric for metric in told["metrics"] if metric["unit"] not in TIMES]
    kept["tables"] = {
        file.name: UNPACKED.sub("", file.read_text("utf-8")) for file in sorted(report.parent.glob("*.csv"))
    }
    return json.loads(json.dumps(kept))


def same_answer(said: Said, truth: dict[str, Any]) -> str:
    """Return "" when a command gave the answer that is known; else what is wrong with it."""
    if said.traced:
        return "traceback: " + said.err.strip().rpartition("\n")[2][:200]
    if said.status:
        return f"exit {said.status}: " + (said.sentences or said.err.strip().splitlines() or ["nothing said"])[-1][:300]
    try:
        ours = found(said.report)
    except (OSError, ValueError) as error:
        return f"no result: {error}"
    known = truth["result"]
    known["metrics"] = [metric for metric in known["metrics"] if metric["unit"] not in TIMES]
    odd = [name for name in known if ours.get(name) != known[name]]
    return f"another answer in {', '.join(odd)}" if odd or ours.keys() - known.keys() - {"stages"} else ""


def without_stages(truth: dict[str, Any]) -> dict[str, Any]:
    """Leave the stages out of what each flow found: they differ with and without a champion."""
    return {
        flow: {"result": {name: value for name, value in known["result"].items() if name != "stages"}}
        for flow, known in truth.items()
    }


def journal(text: str) -> list[str]:
    """Return the names of the stages that the journal on standard error tells."""
    return re.findall(r"^  \S.{18}  (\S+)\s+(?:ran|cached|failed)\b", text, re.MULTILINE)


def thin_out(place: Place, random_: random.Random, share: float = 0.15, seconds: float = 4.0) -> int:
    """Forget some results, so that their stages run again; those that took longer than `seconds` are kept."""
    slow = set()
    for file in (place.home / "store" / "pedigree").rglob("*.json"):
        try:
            entry = json.loads(file.read_bytes())
            slow |= {entry["key"]} if (entry.get("seconds") or 0) > seconds else set()
        except (ValueError, KeyError):
            continue
    records = sorted((place.home / "store" / "records").glob("*"))
    gone = [record for record in records if random_.random() < share and record.name not in slow]
    for record in gone:
        record.unlink()
    return len(gone)


def kill(process_id: int) -> None:
    """Kill a process that this benchmark's commands have started."""
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)


@contextmanager
def nothing_left_running(place: Place) -> Iterator[None]:
    """End, by their ids, the processes with this home when the trials are over, however they end."""
    try:
        yield
    finally:
        place.stop_server()
        for number in place.processes():
            kill(number)
