"""The embedded sample: the same bytes every time, whole or made again, its truth true."""

import io
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.cases.similarity import sample as pictures
from tasks.cases.similarity.sample import (
    COPIES,
    NEAR_DUPLICATES,
    QUERIES,
    SCENES,
    VIEWS,
    sample_folder,
    write_sample,
)
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import CasebookError


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder)
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(sample: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "same")
    assert content_of(tmp_path / "same") == content_of(sample)
    write_sample(tmp_path / "other", seed=3)
    same, other = content_of(sample), content_of(tmp_path / "other")
    views = [name for name in same.keys() & other.keys() if name.endswith(".jpg")]
    assert len(views) >= len(SCENES) * VIEWS
    assert not any(same[name] == other[name] for name in views)


def test_it_is_a_collection_of_labelled_scenes(sample: Path) -> None:
    source = str(sample / "collection")
    manifest, quarantine = read_pictures.fn(scan_pictures.fn(source), source)
    assert len(quarantine) == 0
    assert len(manifest) == len(SCENES) * VIEWS + COPIES + NEAR_DUPLICATES
    assert set(manifest["label"]) == set(SCENES)
    assert min(Counter(manifest["label"]).values()) >= VIEWS
    assert manifest[["width", "height"]].max(axis=1).max() <= 256
    assert manifest["bytes"].sum() < 4e6


def test_the_planted_pairs_are_all_there_is_to_be_found(sample: Path) -> None:
    source = str(sample / "collection")
    manifest, _ = read_pictures.fn(scan_pictures.fn(source), source)
    truth = json.loads((sample / "truth.json").read_text())
    row = {path: n for n, path in enumerate(manifest["path"])}
    copies = {tuple(sorted((row[a], row[b]))) for a, b in truth["exact_copies"]}
    near = {tuple(sorted((row[a], row[b]))) for a, b in truth["near_duplicates"]}
    assert (len(copies), len(near)) == (COPIES, NEAR_DUPLICATES)
    ids, codes = manifest["id"].to_numpy(), manifest["phash"].to_numpy()
    upper = np.triu(np.ones((len(manifest),) * 2, bool), 1)
    assert {(int(a), int(b)) for a, b in np.argwhere((ids[:, None] == ids[None, :]) & upper)} == copies
    apart = np.bitwise_count(codes[:, None] ^ codes[None, :])
    assert {(int(a), int(b)) for a, b in np.argwhere((apart <= 4) & upper)} == copies | near
    others = upper.copy()
    for a, b in copies | near:
        others[a, b] = False
    assert apart[others].min() >= 8


def test_queries_are_views_that_the_collection_does_not_hold(sample: Path) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    assert truth["queries"] == {f"queries/{scene}.jpg": scene for scene in QUERIES}
    held = set(content_of(sample / "collection").values())
    for name in truth["queries"]:
        content = (sample / name).read_bytes()
        assert content not in held
        assert Image.open(io.BytesIO(content)).size[0] >= 144


def test_views_of_a_scene_differ_but_overlap(sample: Path) -> None:
    def grey(file: Path) -> np.ndarray:
        with Image.open(file) as picture:
            values = np.asarray(picture.convert("L").resize((24, 24)), dtype=float)
        return (values - values.mean()) / values.std()

    for scene in ("astronaut", "coffee", "flower"):
        own = [grey(file) for file in sorted((sample / "collection" / scene).glob(f"{scene}_??.jpg"))]
        other = [grey(file) for file in sorted((sample / "collection" / "motorcycle").glob("*_??.jpg"))]
        alike = np.mean([np.mean(a * b) for n, a in enumerate(own) for b in own[:n]])
        assert np.mean([np.mean(a * b) for a in own for b in other]) < alike < 0.95


def test_the_folder_is_made_once_and_made_again_when_it_is_damaged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "VIEWS", 2)  # quicker, and beside the point here
    folder = sample_folder()
    assert folder.is_relative_to(home)
    whole = content_of(folder)
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "write_sample", lambda *_: pytest.fail("made again"))
        assert sample_folder() == folder
    for damage in ("flip", "lose", "truth", "all"):
        victim = folder / "collection" / "coffee" / "coffee_01.jpg"
        if damage == "flip":
            victim.write_bytes(victim.read_bytes()[:-1] + b"\0")
        elif damage == "lose":
            victim.unlink()
        elif damage == "truth":
            (folder / "truth.json").write_text("[1, 2")
        else:
            (folder / "truth.json").write_text('["no", "table"]')
        assert sample_folder() == folder
        assert content_of(folder) == whole
    assert [item.name for item in folder.parent.iterdir()] == [folder.name]


def test_two_processes_and_two_threads_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "VIEWS", 2)
    script = "from tasks.cases.similarity import sample; sample.VIEWS = 2; print(sample.sample_folder())"
    others = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        folders = {str(folder) for folder in pool.map(lambda _: sample_folder(), range(2))}
    for other in others:
        output, _ = other.communicate(timeout=120)
        assert other.returncode == 0
        folders.add(output.strip())
    assert len(folders) == 1
    assert [str(item) for item in (home / "samples").iterdir()] == list(folders)


def test_a_missing_photograph_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(pictures.SCENES, "coffee", "skimage/data/no_such_picture.png")
    with pytest.raises(CasebookError, match=r"no_such_picture\.png: the installed skimage"):
        write_sample(tmp_path)
