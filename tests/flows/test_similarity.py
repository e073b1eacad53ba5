"""The whole case as its user meets it: as a command, on the sample, on their own files, killed, doubled and damaged."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flow_commands import command as in_process
from flow_commands import environment_of, without_our_script
from PIL import Image

from tasks.features.pictures.embedding import CHUNK
from tasks.platform import digests

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.slow


@pytest.fixture
def environment(tmp_path: Path, prefect_server: str) -> dict[str, str]:
    return environment_of(tmp_path, prefect_server)


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def command(*argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        return in_process("similarity", *argv, environment=environment | more)

    return command


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    report = Path(done.stdout.splitlines()[-1])
    assert report.name == "report.html"
    assert report.stat().st_size > 10_000
    return json.loads((report.parent / "result.json").read_text())


def states(result: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["state"] for item in result["stages"]}


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    """What must be equal between two runs: all but times, names and the measured speed."""
    kept = {key: result[key] for key in ("answer", "parameters", "data", "quarantine")}
    return kept | {"metrics": [item for item in result["metrics"] if item["name"] != "ms_per_query"]}


def metric(result: dict[str, Any], name: str) -> float:
    return next(item["value"] for item in result["metrics"] if item["name"] == name)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve small pictures in two labelled folders: seeded gradients and seeded noise."""
    folder = tmp_path / "pictures"
    chance = np.random.default_rng(4)
    for number in range(6):
        (folder / "smooth").mkdir(parents=True, exist_ok=True)
        (folder / "noisy").mkdir(parents=True, exist_ok=True)
        ramp = np.linspace(0, 200 + number * 5, 64)[None, :, None] * np.ones((64, 1, 3))
        Image.fromarray(ramp.astype("u1")).save(folder / "smooth" / f"{number}.png")
        Image.fromarray(chance.integers(0, 255, (64, 64, 3), dtype="u1")).save(folder / "noisy" / f"{number}.png")
    return folder


def test_the_sample_is_answered_right_and_again_pays_only_for_what_is_new(run: Run, tmp_path: Path) -> None:
    first = result_of(run())
    assert "coffee" in first["answer"]
    assert metric(first, "precision@5") > 0.8
    assert metric(first, "recall@10") > 0.95
    assert set(first) >= {"flow", "question", "answer", "parameters", "data", "metrics", "stages", "artifacts"}
    again = result_of(run())
    live = {"locate_pictures", "scan_pictures", "choose_embedder", "read_champion", "promote", "publish_report"}
    assert {name for name, state in states(again).items() if state == "ran"} <= live
    assert without_times(again) == without_times(first)
    report = (tmp_path / "reports" / "similarity" / again["run"] / "report.html").read_text()
    assert not re.search(r"<script|src=[\"']https?:|href=[\"']https?:", without_our_script(report))
    other = result_of(run("--neighbours", "5"))  # pays only for itself
    assert {"embed_pictures", "fit_whitening", "build_index", "evaluate_index"} <= {
        name for name, state in states(other).items() if state == "cached"
    }
    assert "Of the 5 pictures" in other["answer"]


def test_an_added_picture_is_the_only_one_embedded(run: Run, pictures: Path, tmp_path: Path) -> None:
    alone = result_of(run("--source", str(pictures)))  # own pictures, without a query
    assert metric(alone, "precision@1") == 1.0
    assert alone["data"][0]["rows"] == 12
    before = embedded(tmp_path / "home")
    Image.new("RGB", (40, 40), "teal").save(pictures / "smooth" / "new.png")
    result = result_of(run("--source", str(pictures)))
    assert result["data"][0]["rows"] == 13
    assert embedded(tmp_path / "home") - before == 2  # by the network, and by the handcrafted features beside it


def embedded(home: Path) -> int:
    """Count the vectors that were ever computed into the store."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in (home / "store" / "memo" / "vectors").rglob("*.parquet"))


def test_a_killed_run_goes_on_and_embeds_nothing_twice(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """Kill -9 in the middle of the embedding; the same command then ends with the result of a run never killed."""
    folder = many_pictures(tmp_path / "many", CHUNK + 40)
    process = subprocess.Popen(
        [sys.executable, "flows/similarity.py", "--source", str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    memo = tmp_path / "home" / "store" / "memo" / "vectors"
    deadline = time.monotonic() + 120
    while not list(memo.rglob("*.parquet")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = embedded(tmp_path / "home")
    assert before > 0
    resumed = result_of(run("--source", str(folder)))
    counted = embedded(tmp_path / "home")
    undisturbed = result_of(run("--source", str(folder), CASEBOOK_HOME=str(tmp_path / "other")))
    assert counted == embedded(tmp_path / "other")
    assert counted == 2 * (CHUNK + 40)  # by the network, and by the handcrafted features beside it
    assert without_times(resumed) == without_times(undisturbed)


def many_pictures(folder: Path, count: int) -> Path:
    chance = np.random.default_rng(5)
    folder.mkdir()
    for number in range(count):
        small = chance.integers(0, 255, (4, 4, 3), dtype="u1")
        Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"{number:04}.jpg")
    return folder


@pytest.mark.long
def test_two_runs_at_once_on_one_store_are_both_right(environment: dict[str, str], pictures: Path, run: Run) -> None:
    """In the suite, two stages at once on one store (tests/platform/test_stage.py) stand for two runs."""
    both = [
        subprocess.Popen(
            [sys.executable, "flows/similarity.py", "--source", str(pictures)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    done = [subprocess.CompletedProcess(process.args, 0, *process.communicate(timeout=240)) for process in both]
    assert [process.returncode for process in both] == [0, 0], [item.stderr[-2000:] for item in done]
    first, second = (result_of(item) for item in done)
    assert without_times(first) == without_times(second)


def test_a_flipped_byte_in_the_store_is_noticed_and_mended(run: Run, pictures: Path, tmp_path: Path) -> None:
    first = result_of(run("--source", str(pictures)))
    flipped = 0
    for path in (tmp_path / "home" / "store" / "objects").rglob("*.npy"):
        content = bytearray(path.read_bytes())
        status = path.stat()
        content[-3] ^= 0x40
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        flipped += 1
    assert flipped >= 3
    digests._known.clear()  # a process checks what it maps into memory once: only another one can notice
    again = result_of(run("--source", str(pictures)))
    assert "ran" in {
        state for name, state in states(again).items() if name in {"fit_whitening", "apply_whitening", "build_index"}
    }
    assert without_times(again) == without_times(first)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--source", "/no/such/folder"], "no such file or folder"),
        (["--query", "/no/such/picture.jpg"], "no such file or folder"),
        (["--model", "NoSuchNet"], "NoSuchNet"),
        (["--neighbours", "0"], "greater than or equal to 1"),
        (["--merge", "nonsense"], "nonsense"),
        (["--exclude", "no-such-label"], "no-such-label"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_2(run: Run, argv: list[str], words: str) -> None:
    done = run(*argv)
    assert done.returncode == 2, done.stderr[-2000:]
    last = done.stderr.strip().splitlines()[-1]
    assert words in last
    assert "Traceback" not in done.stderr


def test_an_empty_folder_fails_its_contract(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("--source", str(tmp_path / "empty"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_written_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(CASEBOOK_STORE=str(tmp_path / "file" / "store"))
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr


def test_too_many_broken_files_stop_the_run(run: Run, pictures: Path) -> None:
    for number in range(40):
        (pictures / "smooth" / f"broken{number}.jpg").write_bytes(b"\xff\xd8\xff broken")
    done = run("--source", str(pictures))
    assert done.returncode == 1
    assert "quarantine" in done.stderr


def test_the_espresso_cup_finds_cups(run: Run, shared: Path, tmp_path: Path) -> None:
    """On a part of Caltech-101: every category whose name is near to the query's, and some of the large ones."""
    import zipfile

    folder = tmp_path / "caltech"
    with zipfile.ZipFile(shared / "data" / "caltech101" / "images.zip") as archive:
        for name in archive.namelist():
            category, _, file = name.partition("/")
            large = category in {"watch", "Faces", "Faces_easy"} and file <= "image_0060.jpg"
            if large or category in {"cup", "lamp", "chair", "camera", "ewer"}:
                archive.extract(name, folder)
    done = run(
        "--source",
        str(folder),
        "--merge",
        "Faces=Faces,Faces_easy",
        "--neighbours",
        "10",
        "--query",
        str(shared / "data" / "similarity" / "espresso-cup.jpg"),
        CASEBOOK_MIRROR=str(shared / "models"),
    )
    result = result_of(done)
    assert "10 show “cup”" in result["answer"]
    assert metric(result, "precision@5") > 0.9
    shutil.rmtree(folder)
