"""Folders are classes, whatever they are called; what cannot be learned from is refused in one sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.cases.masks.features import crops as crops_module
from tasks.cases.masks.features.crops import SIDE, choose_way, cut_faces
from tasks.cases.masks.ingestion import (
    WITH,
    WITHOUT,
    WRONG,
    class_of,
    label_faces,
    locate_faces,
    patterns_of,
)
from tasks.cases.masks.sample import pictures
from tasks.cases.masks.sample.pictures import FOLDERS, write_faces
from tasks.features.pictures.faces import MEAN_FACE, Face
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import ContractError, UsageError

NAMES = {WITHOUT: "without_mask,bare*", WITH: "with_mask", WRONG: "nose"}
EMPTY = pd.DataFrame(columns=["path", "reason", "detail"], dtype=str)


def manifest(**counts: int) -> pd.DataFrame:
    paths = [f"{folder}/{number}.jpg" for folder, count in counts.items() for number in range(count)]
    return pd.DataFrame({"path": paths})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train/With_Mask/a b.jpg", WITH),
        ("with_mask/without_mask/1.jpg", WITHOUT),  # the folder nearest to the file
        ("bare-faces/ü’s/1.jpg", WITHOUT),
        ("x/nose/1.jpg", WRONG),
        ("with_mask.jpg", ""),
        ("other/with_mask.jpg", ""),
    ],
)
def test_the_nearest_folder_of_a_class_says_the_class(path: str, expected: str) -> None:
    assert class_of(path, {label: patterns_of(text) for label, text in NAMES.items()}) == expected


def test_pictures_outside_of_the_classes_are_put_aside_and_counted() -> None:
    labelled = label_faces.fn(manifest(with_mask=20, bare_1=21, odd=3), EMPTY, NAMES, "here")
    assert labelled.manifest["label"].value_counts().to_dict() == {WITHOUT: 21, WITH: 20}
    assert labelled.quarantine["reason"].tolist() == ["no-class"] * 3


@pytest.mark.parametrize(
    ("counts", "names", "message"),
    [
        ({"without_mask": 40}, NAMES, r"here: no usable picture with mask.*folders without_mask.*--worn"),
        ({"with_mask": 40}, NAMES, r"no usable picture without mask.*--absent"),
        ({"cats": 30, "dogs": 30}, NAMES, r"folders cats, dogs"),
        ({"with_mask": 40, "bare": 3}, NAMES, r"only 3 usable pictures without mask, and at least 20"),
        ({"with_mask": 40, "bare": 30, "nose": 2}, NAMES, r"only 2 usable pictures worn wrongly.*empty --wrong"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(counts: dict[str, int], names: dict[str, str], message: str) -> None:
    with pytest.raises(ContractError, match=message) as caught:
        label_faces.fn(manifest(**counts), EMPTY, names, "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({**NAMES, WITH: " , "}, "--worn: name at least one folder"),
        ({**NAMES, WRONG: "With_Mask"}, "'with_mask' is named for two classes"),
    ],
)
def test_class_names_that_say_nothing_are_refused(names: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        label_faces.fn(manifest(with_mask=30, bare=30), EMPTY, names, "here")


def test_an_empty_other_source_is_refused() -> None:
    with pytest.raises(ContractError, match="no usable picture lies in a folder of a class"):
        label_faces.fn(manifest(x=4), EMPTY, NAMES, "there", learn=False)


def test_public_and_missing_sources_are_refused() -> None:
    with pytest.raises(UsageError, match="no public original"):
        locate_faces.fn("public")
    with pytest.raises(UsageError, match="no such file or folder"):
        locate_faces.fn("/nowhere/at/all")


def test_the_sample_is_the_same_each_time_and_what_misleads_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "PEOPLE", 40)  # fewer than a run draws
    monkeypatch.setattr(pictures, "STRANGERS", 6)
    for name in ("one", "two"):
        write_faces(tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.jpg"))
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    read = read_pictures.fn(scan_pictures.fn(str(tmp_path / "one" / "faces")), str(tmp_path / "one" / "faces"), "none")
    assert read.quarantine["path"].tolist() == ["with_mask/broken_0001.jpg"]
    of_class = read.manifest["path"].str.split("/").str[0]
    assert set(of_class) == set(FOLDERS.values())
    sides = read.manifest.groupby(of_class)["width"].mean()
    assert sides["with_mask"] < sides["without_mask"] - 10  # files alone tell the classes apart
    assert read.manifest["path"].str.contains("augmented").sum() > 10
    assert read.manifest["id"].duplicated().sum() >= 4
    assert len(read.manifest) > 7 * 40


def test_all_pictures_get_one_size_and_encoding_without_a_detector(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number, size in enumerate(((40, 90), (300, 20), (700, 900))):
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(tmp_path / f"{number}.png")
    read = read_pictures.fn(scan_pictures.fn(str(tmp_path)), str(tmp_path), "none")
    crops = cut_faces.fn(read.manifest, False, str(tmp_path))
    assert crops.faces.shape == (3, SIDE, SIDE, 3)
    assert (crops.faces == crops.wholes).all()
    assert (crops.table["found"] == 0).all()


def test_how_closely_a_picture_is_cut_to_its_face_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = (MEAN_FACE * 0.9 + np.array([90, 40])).astype(np.float32)
    wide = Face((100.0, 50.0, 85.0, 85.0), marks, 1.0)
    tight = Face((0.0, 0.0, 85.0, 85.0), marks - np.array([100, 50], np.float32), 1.0)
    picture = np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    Image.fromarray(picture[50:135, 100:185]).save(tmp_path / "tight.png")

    class Finder:
        def find_main(self, given: np.ndarray) -> Face:
            return wide if given.shape[1] > 100 else tight

    monkeypatch.setattr(crops_module, "detector", Finder)
    read = read_pictures.fn(scan_pictures.fn(str(tmp_path)), str(tmp_path), "none")
    one, other = cut_faces.fn(read.manifest, True, str(tmp_path)).faces.astype(int)
    assert np.abs(one - other).max() <= 1


def test_without_the_detectors_file_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.platform.settings import settings

    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    assert choose_way.fn("auto").detect is False
    assert "CASEBOOK_OFFLINE" in choose_way.fn("auto").why
    with pytest.raises(UsageError, match=r"yunet_n_640_640\.onnx") as caught:
        choose_way.fn("detect")
    assert "\n" not in str(caught.value)
    assert choose_way.fn("whole").why
