"""Groups of versions: edits join, hashes are confirmed by pixels, colours tell flat pictures apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from tasks.evaluation.duplicates import find_duplicates
from tasks.evaluation.edited import find_edited, invariants
from tasks.features.pictures.alignment import posed
from tasks.features.pictures.looks import look_at_pictures
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import CasebookError, UsageError


def textured(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((192, 144), Image.Resampling.BICUBIC)


def save(folder: Path, **pictures: Image.Image) -> Path:
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    return folder


def groups(folder: Path, vectors: np.ndarray | None = None) -> list[list[str]]:
    source = str(folder)
    manifest = read_pictures.fn(scan_pictures.fn(source), source, "none").manifest
    if vectors is None:  # features that know nothing: the looks alone have to find the candidates
        vectors = np.random.default_rng(0).standard_normal((len(manifest), 16)).astype(np.float16)
    looks = look_at_pictures.fn(manifest, source)
    found = find_edited.fn(manifest, find_duplicates.fn(manifest, vectors), vectors, looks)
    assert list(found.columns) == ["group", "number", "kind"]
    return [[manifest["path"][n] for n in group["number"]] for _, group in found.groupby("group")]


def test_turned_and_mirrored_versions_join_one_group(tmp_path: Path) -> None:
    one, other = textured(1), textured(2)
    turned = {f"a{number}": one.transpose(how) for number, how in enumerate(Image.Transpose)}
    folder = save(tmp_path / "in", a=one, b=other, c=textured(3), b2=ImageOps.mirror(other), **turned)
    assert groups(folder) == [["a.png", *(f"a{number}.png" for number in range(7))], ["b.png", "b2.png"]]


def test_a_hash_that_the_pixels_do_not_confirm_makes_no_group(tmp_path: Path) -> None:
    folder = save(tmp_path / "in", a=textured(1), b=textured(2), c=textured(3))
    source = str(folder)
    manifest = read_pictures.fn(scan_pictures.fn(source), source, "none").manifest.assign(phash=np.uint64(7))
    vectors = np.ones((3, 4), np.float16)
    hashed = find_duplicates.fn(manifest, vectors)
    assert len(hashed) == 3
    assert find_edited.fn(manifest, hashed, vectors, look_at_pictures.fn(manifest, source)).empty


def test_flat_pictures_are_grouped_by_colour(tmp_path: Path) -> None:
    sizes = [(20, 30), (64, 64), (90, 20)]
    black = {f"black{n}": Image.new("RGB", size) for n, size in enumerate(sizes)}
    red = {f"red{n}": Image.new("RGB", size, (220, 20, 20)) for n, size in enumerate(sizes)}
    folder = save(tmp_path / "in", **black, **red, blue=Image.new("RGB", (30, 30), (20, 20, 220)))
    assert groups(folder) == [[f"black{n}.png" for n in range(3)], [f"red{n}.png" for n in range(3)]]


def test_copies_are_called_copies(tmp_path: Path) -> None:
    folder = save(tmp_path / "in", a=textured(1), b=textured(2))
    (folder / "a_copy.png").write_bytes((folder / "a.png").read_bytes())
    textured(1).save(folder / "a_again.jpg", quality=60)
    source = str(folder)
    manifest = read_pictures.fn(scan_pictures.fn(source), source, "none").manifest
    vectors = np.ones((4, 4), np.float16)
    looks = look_at_pictures.fn(manifest, source)
    found = find_edited.fn(manifest, find_duplicates.fn(manifest, vectors), vectors, looks)
    named = dict(zip(manifest["path"][found["number"]], found["kind"], strict=True))
    assert named == {"a.png": "copy", "a_copy.png": "copy", "a_again.jpg": "near-duplicate"}


def test_looks_are_remembered_and_a_changed_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "in", a=textured(1), b=textured(2))
    source = str(folder)
    manifest = read_pictures.fn(scan_pictures.fn(source), source, "none").manifest
    first = np.array(look_at_pictures.fn(manifest, source))
    monkeypatch.setattr("tasks.features.pictures.looks.look", lambda _: pytest.fail("looked again"))
    assert (look_at_pictures.fn(manifest, source) == first).all()
    textured(9).save(folder / "b.png")
    with pytest.raises(CasebookError, match="has changed"):
        look_at_pictures.fn(manifest.assign(id=["0" * 32, "1" * 32]), source)


def test_vectors_of_other_pictures_are_refused() -> None:
    manifest = pd.DataFrame({"id": ["a"], "width": [1], "height": [1]})
    empty = pd.DataFrame({"group": [], "number": [], "kind": []})
    with pytest.raises(UsageError, match="2 vectors"):
        find_edited.fn(manifest, empty, np.ones((2, 4), np.float16), np.zeros((1, 4), np.uint8))


def test_no_turn_and_no_mirroring_changes_the_invariants() -> None:
    grey = np.asarray(textured(4).convert("L").resize((64, 64)))
    looks = np.stack([posed(grey, pose) for pose in range(8)] + [np.asarray(textured(5).convert("L").resize((64, 64)))])
    rows = invariants(looks).astype(float)
    assert np.abs(rows[1:8] - rows[0]).max() < 2e-3
    assert np.abs(rows[8] - rows[0]).max() > 0.02
