"""The whole case as its user meets it: on the sample, killed in its training, and with folders of every odd kind."""

import json
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

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.slow
TRAINING = ("--architecture", "classic", "--epochs", "6")


@pytest.fixture
def environment(tmp_path: Path, prefect_server: str) -> dict[str, str]:
    return environment_of(tmp_path, prefect_server)


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def command(*argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        return in_process("image_classes", *argv, environment=environment | more)

    return command


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    report = Path(done.stdout.splitlines()[-1])
    assert report.stat().st_size > 10_000
    return json.loads((report.parent / "result.json").read_text()) | {"folder": str(report.parent)}


def metric(result: dict[str, Any], name: str) -> float:
    return next(item["value"] for item in result["metrics"] if item["name"] == name)


@pytest.mark.long  # the loop itself is held to this by tests/training/networks
def test_a_killed_training_goes_on_and_ends_where_it_would_have(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "flows/image_classes.py", *TRAINING, "--limit", "500"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while not (left := list((tmp_path / "home" / "checkpoints").rglob("state.npz"))):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = left[0].stat().st_mtime_ns
    resumed = result_of(run(*TRAINING, "--limit", "500"))
    assert left[0].stat().st_mtime_ns >= before
    assert len(list((tmp_path / "home" / "checkpoints").iterdir())) == 1
    undisturbed = result_of(run(*TRAINING, "--limit", "500", CASEBOOK_HOME=str(tmp_path / "other")))
    timed = {"training_images_per_second"}
    for ours, theirs in zip(resumed["metrics"], undisturbed["metrics"], strict=True):
        assert ours == theirs or ours["name"] in timed
    assert metric(resumed, "accuracy") > 0.5
    assert list((Path(resumed["folder"]) / "tensorboard" / "classic").iterdir())
    again = result_of(run(*TRAINING, "--limit", "500"))
    live = {"locate_classes", "scan_pictures", "choose_embedder", "read_champion", "promote", "publish_report"}
    assert {item["name"] for item in again["stages"] if item["state"] == "ran"} <= live
    assert again["answer"] == resumed["answer"]


def test_planted_faults_of_the_sample_are_found(run: Run, tmp_path: Path) -> None:
    """By a head on handcrafted features, whose answers for all training pictures are out of sample."""
    from tasks.cases.image_classes.sample import write_digits

    result = result_of(run("--architecture", "transfer"))
    (tmp_path / "truth").mkdir()
    truth = write_digits(tmp_path / "truth")
    folder = Path(result["folder"])
    suspects = {line.split('","')[0].strip('"') for line in (folder / "suspects.csv").read_text().splitlines()[1:]}
    assert len(suspects & set(truth.wrong)) >= 14
    assert len(suspects - set(truth.wrong)) <= 14
    assert metric(result, "accuracy") > 0.93
    assert "most likely “" in result["answer"]
    assert result["quarantine"]["total"] == 2
    asked = (folder / "asked.csv").read_text()
    assert '"pattern.png"' in asked


def picture(path: Path, seed: int, kind: int, size: tuple[int, int] = (32, 32)) -> None:
    """Write a noisy picture: stripes upright (0), lying (1) or none (2)."""
    rng = np.random.default_rng(seed)
    width, height = size
    base = {
        0: np.where(np.arange(width) % 8 < 4, 200, 60)[None, :].repeat(height, 0),
        1: np.where(np.arange(height) % 8 < 4, 200, 60)[:, None].repeat(width, 1),
        2: np.full((height, width), 128),
    }[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    noisy = np.clip(base[..., None] + rng.normal(0, 30, (height, width, 3)), 0, 255)
    Image.fromarray(noisy.astype(np.uint8)).save(path)


def test_odd_folders_are_told_and_nothing_is_lost(run: Run, tmp_path: Path) -> None:
    """An empty class, one of two pictures, unreadable and wrongly sized files, names with every odd letter."""
    folder = tmp_path / "odd"
    odd = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>"[:20].replace("/", "⁄"), "Ümläut 猫 %s {x}"]
    for number in range(36):
        picture(folder / odd[number % 3] / f"{number}.png", number, number % 3, (32, 32 + number))
    for number in range(2):
        picture(folder / "two" / f"{number}.png", 90 + number, 2, (200, 20))
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "1.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / odd[0] / "tiny.png").parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 4)).save(folder / odd[0] / "tiny.png")
    Image.new("RGB", (900, 8)).save(folder / odd[1] / "long.png")
    picture(folder / "stray.png", 7, 0)
    result = result_of(run("--source", str(folder), "--architecture", "transfer", "--test-share", "0.4"))
    assert result["data"][0]["rows"] == 36 + 2 + 4
    assert result["quarantine"]["total"] == 4
    limits = " ".join(result["limits"])
    assert "“broken”" in limits
    assert "“empty”" in limits
    assert "“two”" in limits
    report = (Path(result["folder"]) / "report.html").read_text()
    assert "<script" not in without_our_script(report)


def test_a_model_of_ones_own_goes_on_learning_and_classifies(run: Run, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    network = keras.Sequential(
        [keras.Input((24, 24, 3)), layers.Rescaling(1 / 255), layers.Conv2D(8, 3, 2), layers.GlobalMaxPooling2D()]
    )
    network.save(tmp_path / "mine.keras")
    for number in range(150):
        picture(tmp_path / "three" / ["upright", "lying", "none"][number % 3] / f"{number}.png", number, number % 3)
    asked = tmp_path / "asked.png"
    picture(asked, 999, 1)
    given = ("--source", str(tmp_path / "three"), "--features", str(tmp_path / "mine.keras"), "--picture", str(asked))
    result = result_of(run(*given, "--architecture", "finetune", "--epochs", "2"))
    report = (Path(result["folder"]) / "report.html").read_text()
    assert "Fine-tuning goes on with mine.keras" in report
    assert metric(result, "accuracy") > 0.5
    assert "asked.png is" in result["answer"]
    both = result_of(run(*given, "--architecture", "transfer,finetune", "--epochs", "2"))
    assert "transfer" in both["answer"] + (Path(both["folder"]) / "report.html").read_text()
    oblong = keras.Sequential([keras.Input((24, 32, 3)), layers.GlobalMaxPooling2D()])
    oblong.save(tmp_path / "oblong.keras")
    done = run(*given[:2], "--features", str(tmp_path / "oblong.keras"), "--architecture", "finetune")
    assert done.returncode == 2
    assert "only squares of 16 to 1024 pixels" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("folders", "words"),
    [({"cats": 3}, "two or more classes"), ({"cats": 2, "dogs": 2}, "left to test on"), ({}, "usable pictures")],
)
def test_too_little_is_one_sentence(run: Run, tmp_path: Path, folders: dict[str, int], words: str) -> None:
    (tmp_path / "few").mkdir()
    for kind, (name, count) in enumerate(folders.items()):
        for number in range(count):
            picture(tmp_path / "few" / name / f"{number}.png", number, kind)
    done = run("--source", str(tmp_path / "few"))
    assert done.returncode == 1
    assert words in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--architecture", "resnet"], "there is no resnet"),
        (["--architecture", "finetune"], "finetune goes on with a Keras model"),
        (["--test", "/no/such"], "no such file"),
        (["--minutes", "-1"], "greater than or equal to 0"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_2(run: Run, argv: list[str], words: str) -> None:
    done = run(*argv)
    assert done.returncode == 2, done.stderr[-2000:]
    assert words in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
