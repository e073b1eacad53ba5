"""Is damage noticed and healed? Flips, cuts, zeros, missing and exchanged files among all that a home holds.

In each trial something of one kind is damaged in one way, in a home where a flow has been done once. Then the flow runs
again: it gives the right result, or one sentence and no traceback; and then the run after that gives the right result.
"""

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hardy.place import Place, same_answer, without_stages

FLOWS = ["movies", "quality", "cloud_costs", "payments", "keywords", "similarity"]
WAYS = ("flip", "truncate", "zero", "delete", "swap")
KINDS: dict[str, str] = {  # what is damaged, as a pattern below the home
    "objects": "store/objects/*/*",
    "records": "store/records/*",
    "pedigrees": "store/pedigree/*/*.json",
    "champions": "store/champions/*/*.json",
    "memo": "store/memo/**/*.parquet",
    "prefect's database": "prefect/prefect.db",
    "mlflow's database": "mlflow/mlflow.db",
    "samples": "cache/samples/*/*",
}
TRIALS = [(kind, way) for kind in KINDS for way in WAYS]


def damage(files: list[Path], way: str, random_: random.Random) -> None:
    """Damage a file of `files` in some way; `swap` exchanges two of them, or two halves where there is one."""
    file = random_.choice(files)
    content = bytearray(file.read_bytes())
    if way == "delete":
        file.unlink()
    elif way == "zero":
        file.write_bytes(bytes(len(content)))
    elif way == "truncate":
        file.write_bytes(content[: random_.randrange(max(1, len(content)))])
    elif way == "flip":
        for _ in range(max(1, len(content) // 2000)):
            content[random_.randrange(len(content))] ^= 1 << random_.randrange(8)
        file.write_bytes(content)
    elif len(files) > 1:
        other = random_.choice([item for item in files if item != file])
        there = other.read_bytes()
        other.write_bytes(content)
        file.write_bytes(there)
    else:
        half = len(content) // 2
        file.write_bytes(content[half:] + content[:half])


def files_of(place: Place, kind: str) -> list[Path]:
    """Return what may be damaged."""
    return sorted(item for item in place.home.glob(KINDS[kind]) if item.is_file() and item.stat().st_size)


def forget(place: Place, stages: set[str]) -> None:
    """Forget what some stages returned."""
    for file in (place.home / "store" / "pedigree").glob("*/*.json"):
        if json.loads(file.read_bytes())["stage"] in stages:
            (place.home / "store" / "records" / file.stem).unlink(missing_ok=True)


def trial(place: Place, number: int, kind: str, way: str, seed: int, truth: dict[str, Any]) -> str:
    """Damage something, run, and run again where that gave no right result; return what is wrong."""
    random_ = random.Random(f"{seed} {number}")  # noqa: S311 - repeatable
    flow = "similarity" if kind == "memo" else random_.choice(FLOWS if kind != "samples" else FLOWS[:4])
    clock = time.monotonic()
    of_a_database = kind.endswith("database")
    if of_a_database:
        place.stop_server()
    place.reset(*(["prefect", "mlflow", "server"] if of_a_database else ["store", "cache"]))
    many = 40 if kind in {"objects", "records", "pedigrees", "memo"} else 1  # else a run may not meet the damage at all
    for _ in range(many):
        if files := files_of(place, kind):
            damage(files, way, random_)
    if kind == "memo":  # it is asked for only where the pictures are looked at anew
        forget(place, {"embed_pictures", "look_at_pictures"})
    settings = {"CASEBOOK_TRACKING": "wait"} if kind.startswith("mlflow") else {}
    first = place.flow(flow, **settings)
    if (kind, way) == ("champions", "delete"):  # who has no champion has no stages that ask for it
        truth = without_stages(truth)
    wrong = same_answer(first, truth[flow])
    told = "right at once"
    if wrong and not first.traced and len(first.sentences) == 1:
        told = f"said: {first.sentences[0]}"
        wrong = same_answer(place.flow(flow, **settings), truth[flow])
    if kind.startswith("mlflow") and not wrong:
        wrong = _mirrored(place)
    print(f"{number:>3} {kind:<18} {way:<8} {flow:<12} {wrong or told} ({time.monotonic() - clock:.0f} s)", flush=True)
    return wrong


def _mirrored(place: Place) -> str:
    """Return what is wrong with MLflow's mirror after a run that waited for it."""
    left = [item.name for item in (place.home / "mlflow" / "outbox").glob("*.json")]
    log = (place.home / "mlflow" / "mirror.log").read_text("utf-8", "replace")
    return f"MLflow was not told: {log.strip()[-300:]}" if left or "Traceback" in log else ""


def run(place: Place, trials: int, seed: int, only: Sequence[str] = ()) -> list[str]:
    """Run the trials, as many as there are kinds and ways; return what went wrong."""
    truth = place.warm(FLOWS)
    place.reset()
    chosen = [
        (number, *what)
        for number, what in enumerate(TRIALS[:trials], start=1)
        if not only or {str(number), *what} & set(only)
    ]
    wrong = [trial(place, number, kind, way, seed, truth) for number, kind, way in chosen]
    bad = [text for text in wrong if text]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} trials: right at once, or one sentence and right then")
    return bad
