"""The store's command and its leftovers: what is shown, verified and removed, and what never goes."""

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from tasks.platform.errors import CasebookError
from tasks.platform.leftovers import tidy_up
from tasks.platform.memo import Memo
from tasks.platform.settings import settings
from tasks.platform.store import Store, Stored
from tasks.platform.store.__main__ import main
from tasks.platform.store.contents import damaged, sizes
from tasks.platform.store.prune import carry_out, plan

DAY = 86400


class Pair(NamedTuple):
    left: np.ndarray
    right: dict[str, int]


class Made:
    """A store with results as stages leave them."""

    def __init__(self, place: Store) -> None:
        self.place = place
        self.count = 0

    def result(self, value: Any, *inputs: Stored, days: float = 0.0, **parameters: Any) -> Stored:
        self.count += 1
        stored = self.place.put(value, "make", f"{self.count:040x}")
        record = {"metadata": {"serializer": {"type": "json", "jsonlib": "json"}}, "result": stored.model_dump_json()}
        self.place.folder.write_bytes(f"records/{stored.key}", json.dumps(record).encode())
        entry = {"stage": "make", "key": stored.key, "started": "2026-01-01", "parameters": parameters}
        self.place.write_pedigree(stored, {**entry, "inputs": {"given": [item.digest for item in inputs]}})
        for part in (stored.parts or {"": stored}).values():
            self.age(part.uri, days)
            self.age(f"pedigree/{part.digest}/{stored.key}.json", days)
        self.age(f"records/{stored.key}", days)
        return stored

    def age(self, name: str, days: float) -> None:
        assert self.place.local_root
        make_old(self.place.local_root / name, days)

    def there(self, stored: Stored) -> tuple[bool, bool, bool]:
        """Tell whether record, object and pedigree are there."""
        names = (f"records/{stored.key}", stored.uri, f"pedigree/{stored.digest}")
        return tuple(map(self.place.folder.exists, names))  # type: ignore[return-value]


def make_old(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    for item in [*path.rglob("*"), path]:
        os.utime(item, (moment, moment))


@pytest.fixture
def made(home: Path) -> Made:
    return Made(Store(settings().store_url))


def prune(made: Made, **asked: int) -> None:
    carry_out(made.place, plan(made.place, **asked))


def test_sizes_tell_each_kind_and_the_rest(made: Made):
    made.result(pd.DataFrame({"a": [1]}))
    made.result(np.arange(10))
    made.result(Pair(np.arange(3), {"a": 1}))
    Memo("vectors/x").append(__import__("pyarrow").table({"key": ["a"]}))
    found = {size.kind: (size.number, size.bytes) for size in sizes(made.place)}
    assert {kind: count for kind, (count, _) in found.items()} == {
        "frame": 1,
        "array": 2,
        "record": 1,
        "(records)": 3,
        "(pedigree)": 4,
        "(memo)": 1,
    }
    assert found["array"][1] == 2 * 128 + 80 + 24


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_every_damaged_object_is_found(tmp_path: Path, kind: str):
    place = Store(str(tmp_path / "s") if kind == "folder" else f"memory://{tmp_path.name}/s")
    first, second = place.put(np.arange(3)), place.put({"a": 1})
    assert list(damaged(place)) == []
    place.folder.write_bytes(first.uri, place.folder.read_bytes(second.uri) or b"")
    assert [item.digest for item in damaged(place)] == [first.digest]


def test_what_was_not_used_goes_and_what_is_referred_to_stays(made: Made):
    old = made.result({"a": 1}, days=40)
    young = made.result({"a": 2}, days=20)
    source = made.result({"a": 3}, days=40)
    derived = made.result({"a": 4}, source, days=20)
    pair = made.result(Pair(np.arange(3), {"a": 5}), days=20)
    made.age(pair.left.uri, 90)
    prune(made, days=30)
    assert made.there(old) == (False, False, False)
    assert made.there(young) == made.there(derived) == (True, True, True)
    assert made.there(source) == (False, False, True)  # so that the pedigree of what came from it is told
    assert made.place.intact(pair)
    assert [line["digest"] for line in made.place.lineage(derived.digest)] == [derived.digest, source.digest]


def test_a_record_that_a_run_has_used_is_not_old(made: Made):
    used, unused = made.result({"a": 1}, days=40), made.result({"a": 2}, days=40)
    assert not made.place.evict_damaged(used.key)
    prune(made, days=30)
    assert (made.there(used)[0], made.there(unused)[0]) == (True, False)


def test_an_object_that_two_records_share_stays_with_the_younger(made: Made):
    old, young = made.result({"a": 1}, days=40), made.result({"a": 1}, days=2)
    made.age(old.uri, 40)
    prune(made, days=30)
    assert made.there(old)[:2] == (False, True)
    assert made.there(young) == (True, True, True)


@pytest.mark.parametrize("layout", ["named", "tracked"])
def test_what_a_champion_rests_on_never_goes(made: Made, layout: str):
    data = made.result({"rows": 3}, days=400)
    model = made.result(Pair(np.arange(4), {"b": 1}), data, days=400)
    scores = made.result(np.arange(5), days=400)
    other = made.result({"a": 3}, days=400)
    champion: dict[str, Any] = {"model": "prices", "version": "1"}
    if layout == "named":
        champion |= {"scores": scores.model_dump(mode="json"), "artifacts": {"m": model.model_dump(mode="json")}}
        made.place.folder.write_bytes("champions/prices/1.json", json.dumps(champion).encode())
    else:
        made.place.folder.write_bytes("champions/prices.json", json.dumps({"champion": champion}).encode())
        made.result({"run_id": "7"}, model.left, model.right, scores, days=400, model="prices")
        made.result({"run_id": "8"}, other, days=400, model="rentals")
    prune(made, days=1)
    assert made.place.intact(model)
    assert made.there(scores) == made.there(data) == (True, True, True)
    assert made.place.record(model.key) == model
    assert made.there(other)[:2] == (False, False)


def test_what_mlflow_has_not_been_told_yet_stays(made: Made, home: Path):
    waiting, other = made.result({"a": 1}, days=400), made.result({"a": 2}, days=400)
    note = home / "mlflow" / "outbox" / "1.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"findings": waiting.model_dump(mode="json")}))
    prune(made, days=1)
    assert made.place.intact(waiting)
    assert not made.place.intact(other)


def test_a_champion_that_cannot_be_read_stops_the_pruning(made: Made):
    old = made.result({"a": 1}, days=400)
    made.place.folder.write_bytes("champions/prices.json", b"{")
    with pytest.raises(CasebookError, match=r"champions/prices\.json"):
        plan(made.place, days=1)
    assert made.there(old) == (True, True, True)


def test_histories_and_checkpoints_are_no_results(made: Made):
    for name in ("elevators/x/history.json", "lastfm/me/2020.csv", "memo/v/a.parquet", "champions/s.parquet"):
        made.place.folder.write_bytes(name, b"1")
        made.age(name, 900)
    prune(made, days=1)
    assert sorted(size.kind for size in sizes(made.place)) == ["(champions)", "(elevators)", "(lastfm)", "(memo)"]


def run_folder(flow: str, days: float, report: bool = True) -> Path:
    moment = time.localtime(time.time() - days * DAY)
    folder = settings().output / flow / f"{time.strftime('%Y%m%d-%H%M%S', moment)}-00ff"
    folder.mkdir(parents=True)
    (folder / ("report.html" if report else "half.csv")).write_text("x")
    make_old(folder, days)
    return folder


def test_the_newest_runs_of_each_flow_stay_with_what_they_used(made: Made):
    runs = {days: run_folder("movies", days) for days in (3, 10, 30, 60)}
    only = run_folder("rentals", 20)
    used, older = made.result({"a": 1}, days=19.9), made.result({"a": 2}, days=21)
    crowned = {"model": "m", "version": 1, "run": runs[60].name}
    made.place.folder.write_bytes("champions/m/1.json", json.dumps(crowned).encode())
    prune(made, runs=2)
    assert [days for days, folder in runs.items() if folder.exists()] == [3, 10, 60]
    assert only.exists()
    assert made.there(used) == (True, True, True)
    assert made.there(older) == (False, False, False)


def test_the_command(made: Made, capsys: pytest.CaptureFixture[str]):
    old = made.result({"a": 1}, days=400)
    assert main([]) == 0
    assert "record" in capsys.readouterr().out
    assert main(["prune"]) == 2
    assert "--days N" in capsys.readouterr().err
    assert main(["prune", "--days", "30", "--dry-run"]) == 0
    assert "To remove: 1 records, 1 objects" in capsys.readouterr().out
    assert made.there(old) == (True, True, True)
    assert main(["verify"]) == 0
    made.place.folder.write_bytes(old.uri, b"{}")
    assert main(["verify"]) == 1
    assert f"damaged: {old.uri}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["prune", "--days", "0"])


LEFT = ("write-x/object.json", "spark-x/checkpoints/a", "ledger-x/part.parquet")


def test_what_killed_runs_leave_goes_when_it_is_old(home: Path, made: Made):
    kept = made.result({"a": 1}, days=900)
    store_folder, hexadecimal = home / "store", "0123456789abcdef" * 2
    left = [home / place / name for place in ("store/.scratch", "scratch") for name in LEFT]
    left += [store_folder / f"records/.{hexadecimal}.part", store_folder / f"objects/aa/.{hexadecimal}.old/x"]
    left += [home / f"mlflow/.{hexadecimal}.db", home / "cache/big.zip.part", home / f"fetched/{'a' * 64}.npy"]
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    make_old(home, 40)
    busy = home / "store/.scratch/write-y/a"
    busy.parent.mkdir()
    busy.write_text("x")
    os.utime(busy.parent, (1, 1))  # the folder is old, what is in it is not
    Memo("vectors/old").append(__import__("pyarrow").table({"key": ["a"]}))
    Memo("vectors/asked").append(__import__("pyarrow").table({"key": ["a"]}))
    make_old(store_folder / "memo", 100)
    list(Memo("vectors/asked").segments())
    empty, whole, begun = run_folder("movies", 9, report=False), run_folder("movies", 8), run_folder("movies", 1, False)
    tidy_up()
    assert [file for file in left if file.exists()] == []
    assert busy.exists()
    assert whole.exists()
    assert begun.exists()
    assert not empty.exists()
    assert [path.name for path in (store_folder / "memo" / "vectors").iterdir()] == ["asked"]
    assert made.place.intact(kept)
    assert made.there(kept) == (True, True, True)


def test_a_run_looks_for_leftovers_now_and_then_only(home: Path):
    old = home / "scratch" / "write-x"
    old.mkdir(parents=True)
    tidy_up()
    make_old(old, 3)
    tidy_up()
    assert old.exists()
    make_old(home / "tidied", 1)
    tidy_up()
    assert not old.exists()
