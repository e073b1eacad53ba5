"""Does a kill -9 at any moment cost anything but time? Kills of commands, servers and both, in one home.

| what is killed, and when                                                                    | of 40 |
|---------------------------------------------------------------------------------------------|-------|
| the command, between any two stages or within one                                           | 20    |
| the command, while it crowns, writes its report, renews the pages, leaves MLflow its note   | 6     |
| the helper that hands the notes on to MLflow                                                 | 2     |
| the server that commands share, under a running command                                     | 4     |
| both                                                                                        | 3     |
| command and server, while Prefect's database is made                                        | 3     |
| `make serve`, or its server of Prefect, while it starts or serves                           | 2     |

Before each kill some results are forgotten, so that there is something to do. Then the same command runs again.
"""

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hardy.place import Place, Said, journal, kill, same_answer, thin_out

FLOWS = ["similarity", "keywords", "quality", "movies", "payments", "cloud_costs"]
KINDS = ["command"] * 20 + ["publishing"] * 6 + ["helper"] * 2 + ["server"] * 4 + ["both"] * 3 + ["migration"] * 3
KINDS += ["serve"] * 2


def trial(place: Place, number: int, kind: str, seed: int, truth: dict[str, Any]) -> str:
    """Kill once, run again; print a line and return what is wrong ("" when nothing is)."""
    random_ = random.Random(f"{seed} {number}")  # noqa: S311 - repeatable
    flow = random_.choice(FLOWS if kind != "serve" else ["movies"])
    forgotten = thin_out(place, random_) if kind not in {"migration", "serve"} else 0
    clock = time.monotonic()
    how = {"migration": _in_migration, "serve": _while_serving, "helper": _helper}.get(kind)
    moment = how(place, flow, random_) if how else _command(place, flow, kind, random_, truth[flow])
    after = place.flow(flow)
    wrong = same_answer(after, truth[flow]) or ("; ".join(moment.wrong) if moment.wrong else "")
    print(
        f"{number:>3} {kind:<10} {flow:<12} {forgotten:>3} forgotten; killed {moment.told}; again:"
        f" {wrong or 'same answer'} ({time.monotonic() - clock:.0f} s)",
        flush=True,
    )
    return wrong


class Moment:
    """When something was killed, and what was wrong already then."""

    def __init__(self, told: str, *wrong: str) -> None:
        self.told, self.wrong = told, [text for text in wrong if text]


def _command(place: Place, flow: str, kind: str, random_: random.Random, truth: dict[str, Any]) -> Moment:
    """Start a flow; after a random line of its journal, and a random moment more, kill it, its server, or both."""
    lines = truth["lines"]
    after = lines - random_.choice([1, 2]) if kind == "publishing" else random_.randrange(lines)
    more = random_.uniform(0, 1.2 if after else 8.0)
    tracking = {"CASEBOOK_TRACKING": "background"} if kind == "publishing" else {}
    process = place.start(f"flows/{flow}.py", **tracking)
    said, ended = _read_until(process, after, more)
    server = place.server()
    if kind != "server":
        process.kill()
    if kind in {"server", "both"} and server:
        kill(server)
    out, err = process.communicate(timeout=400)
    said += err
    wrong = ""
    if kind == "server" and process.returncode:
        whole = Said(process.returncode, out, said)
        wrong = "the command showed a traceback" if whole.traced else "" if whole.sentences else "no sentence was said"
    last = (journal(said) or ["the start"])[-1]
    told = f" (it had ended: {(Said(0, '', said).sentences or ['done'])[-1][:120]})" if ended else ""
    return Moment(f"after {last} + {more:.1f} s{told}", wrong)


def _read_until(process: "subprocess.Popen[str]", lines: int, more: float) -> tuple[str, bool]:
    """Read the journal up to a number of lines, wait a little more; tell what was read and whether it had ended."""
    assert process.stderr
    number, text, end = process.stderr.fileno(), b"", time.monotonic() + 400
    os.set_blocking(number, False)
    while len(journal(text.decode("utf-8", "replace"))) < lines and process.poll() is None and time.monotonic() < end:
        if select.select([number], [], [], 0.05)[0]:
            text += os.read(number, 65536)
    ended = process.poll() is not None
    time.sleep(0 if ended else more)
    os.set_blocking(number, True)
    return text.decode("utf-8", "replace"), process.poll() is not None


def _in_migration(place: Place, flow: str, random_: random.Random) -> Moment:
    """Kill command and server while the server makes its database."""
    place.stop_server()
    for name in ("prefect", "server"):
        shutil.rmtree(place.home / name, ignore_errors=True)
    process = place.start(f"flows/{flow}.py")
    database, until = place.home / "prefect" / "prefect.db", time.monotonic() + 200
    while not database.exists() and time.monotonic() < until:
        time.sleep(0.02)
    more = random_.uniform(0, 6)
    time.sleep(more)
    process.kill()
    if server := place.server():
        kill(server)
    process.communicate()
    return Moment(f"{more:.1f} s after the database began")


def _helper(place: Place, flow: str, random_: random.Random) -> Moment:
    """Kill the helper that tells MLflow of a run; a later one has to tell it all the same."""
    said = place.flow(flow, CASEBOOK_TRACKING="background")
    more = random_.uniform(0, 12)
    time.sleep(more)
    helpers = [number for number, words in place.processes().items() if "tasks.publishing.tracking" in words]
    for number in helpers:
        kill(number)
    waiting = len(list((place.home / "mlflow" / "outbox").glob("*.json")))
    again = place.run("-m", "tasks.publishing.tracking")
    left = [item.name for item in (place.home / "mlflow" / "outbox").glob("*")]
    wrong = [f"exit {said.status}"] * bool(said.status) + [f"the helper: {again.err[-200:]}"] * bool(again.status)
    wrong += [f"left in the outbox: {left}"] * bool(left) + _runs_of_mlflow(place)
    return Moment(f"{len(helpers)} helpers {more:.1f} s after the run, {waiting} notes waiting", *wrong)


def _runs_of_mlflow(place: Place) -> list[str]:
    """Return what is wrong in MLflow: a run that goes on for ever, or one that is told twice."""
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(place.home / "mlflow" / "mlflow.db")) as database:
        rows = database.execute(
            "SELECT t.value, r.status FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid"
            " WHERE t.key = 'casebook.run' AND r.lifecycle_stage = 'active'"
        ).fetchall()
    names = [name for name, _ in rows]
    open_ = [name for name, status in rows if status != "FINISHED"]
    return [f"MLflow: never finished {open_}"] * bool(open_) + ["MLflow: told twice"] * (len(set(names)) < len(names))


def _while_serving(place: Place, flow: str, random_: random.Random) -> Moment:
    """Kill `make serve` or its server at a random moment; the next `make serve` has to start, and to serve a run."""
    place.stop_server()
    ports = ["--port", "4711", "--reports-port", "4712", "--mlflow-port", "4713"]
    process = place.start("deployments/serve.py", *ports)
    note, until = place.home / "server.json", time.monotonic() + 200
    while not note.exists() and time.monotonic() < until:
        time.sleep(0.1)
    more = random_.uniform(0, 15)
    time.sleep(more)
    hosts = [number for number, words in place.processes().items() if "hosting prefect" in words]
    whom = random_.choice(["serve", "server"])
    for number in [process.pid] if whom == "serve" else hosts:
        kill(number)
    if whom == "server":
        time.sleep(3)
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    again = place.start("deployments/serve.py", *ports)
    wrong = "" if _serves(again) else "the next `make serve` does not serve"
    again.send_signal(signal.SIGINT)
    _, err = again.communicate(timeout=120)
    return Moment(f"{whom} {more:.1f} s after it was noted", wrong and f"{wrong}: {err[-300:]}")


def _serves(process: "subprocess.Popen[str]") -> bool:
    """Wait until `make serve` prints its addresses; tell whether it does."""
    assert process.stdout
    return any(line.startswith("Prefect UI") for line in process.stdout)


def leftovers(place: Place) -> list[str]:
    """List what is still there when everything has aged by 100 days and a run has tidied up, and what still runs."""
    place.stop_server()
    time.sleep(2)
    running = list(place.processes().values())
    before = place.left_behind()
    place.age(100)
    (place.home / "tidied").unlink(missing_ok=True)
    said = place.flow("movies", CASEBOOK_SERVER_MINUTES="0")
    after = place.left_behind()
    print(f"Left by the kills: {len(before)} files and folders; after their age: {len(after)}; running: {len(running)}")
    kinds: dict[str, int] = {}
    for name in before:
        kind = "/".join(re.sub(r"[\w-]*\d[\w-]*", "*", part) for part in Path(name).parts[:3])
        kinds[kind] = kinds.get(kind, 0) + 1
    print("  " + json.dumps(kinds))
    return [*after, *running, *([f"the run after: {said.err[-300:]}"] if said.status else [])]


def run(place: Place, trials: int, seed: int, only: Sequence[str] = ()) -> list[str]:
    """Run the trials; return what went wrong."""
    truth = place.warm(FLOWS)
    if not only:  # else the home of an earlier call goes on
        place.reset()
    kinds = KINDS[:]
    random.Random(seed).shuffle(kinds)  # noqa: S311
    chosen = [
        (number, kind)
        for number, kind in enumerate(kinds[:trials], start=1)
        if not only or {str(number), kind} & set(only)
    ]
    wrong = [trial(place, number, kind, seed, truth) for number, kind in chosen]
    bad = [text for text in wrong if text]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} trials: the same answer after the kill")
    return bad if only and "leftovers" not in only else bad + [f"left behind: {name}" for name in leftovers(place)]
