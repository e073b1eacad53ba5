"""CIFAR's records become the pictures that they are; classes, test pictures and odd files are sorted rightly."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.cases.image_classes.ingestion.cifar import unpack_cifar
from tasks.cases.image_classes.ingestion.collection import join_collections, locate_classes
from tasks.cases.image_classes.sample import DOUBLED, WRONG, write_digits
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import ContractError, IntegrityError, UsageError


def records(labels: list[list[int]], seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    return b"".join(bytes(label) + rng.integers(0, 256, 3072, dtype=np.uint8).tobytes() for label in labels)


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            opened.addfile(item, io.BytesIO(content))
    return path


@pytest.mark.parametrize("extra", [0, 1])
def test_records_become_the_pictures_that_they_are(tmp_path: Path, extra: int) -> None:
    """CIFAR-100 has a coarse label before the fine one."""
    before = [7] * extra
    content = records([[*before, 1], [*before, 0], [*before, 1]])
    names = "fine_label_names.txt" if extra else "batches.meta.txt"
    path = archive(
        tmp_path / f"cifar-10{'0' * extra}-binary.tar.gz",
        {"c/data_batch_1.bin": content, "c/test_batch.bin": records([[*before, 0]], 1), f"c/{names}": b"cat\nship\n\n"},
    )
    train, test = unpack_cifar(path)
    with zipfile.ZipFile(train) as opened:
        assert opened.namelist() == ["ship/00000.png", "cat/00001.png", "ship/00002.png"]
        picture = np.asarray(Image.open(io.BytesIO(opened.read("cat/00001.png"))))
    row = np.frombuffer(content, np.uint8).reshape(3, -1)[1, -3072:]
    for channel in range(3):
        np.testing.assert_array_equal(picture[..., channel], row[channel * 1024 : (channel + 1) * 1024].reshape(32, 32))
    with zipfile.ZipFile(test) as opened:
        assert opened.namelist() == ["cat/00000.png"]
    assert unpack_cifar(path) == (train, test)


@pytest.mark.parametrize(
    "files",
    [
        {"c/data_batch_1.bin": b"short", "c/test_batch.bin": records([[0]]), "c/batches.meta.txt": b"a b"},
        {"c/data_batch_1.bin": records([[0]]), "c/batches.meta.txt": b"a b"},
        {"c/data_batch_1.bin": records([[9]]), "c/test_batch.bin": records([[0]]), "c/batches.meta.txt": b"a b"},
        {"c/data_batch_1.bin": records([[0]]), "c/test_batch.bin": records([[0]])},
    ],
)
def test_an_archive_of_other_things_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(IntegrityError, match="fetch it anew"):
        unpack_cifar(archive(tmp_path / "cifar-10-binary.tar.gz", files))


def manifest(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"path": list(names), "label": [name.rpartition("/")[0] for name in names]})


NOTHING = pd.DataFrame(columns=["path", "reason", "detail"], dtype=str)


def test_test_pictures_of_unknown_classes_go_aside_and_rules_hold_for_both() -> None:
    train = manifest("cat/1.png", "dog/1.png", "stray.png")
    test = manifest("kitten/1.png", "dog/1.png", "owl/1.png", "2.png", "noise/1.png")
    joined = join_collections.fn(train, NOTHING, test, NOTHING, ["noise", "hum*"], ["cat=kitten,lion"], ["empty"])
    assert joined.frame[["path", "label", "collection", "file"]].to_numpy().tolist() == [
        ["cat/1.png", "cat", 0, "cat/1.png"],
        ["dog/1.png", "dog", 0, "dog/1.png"],
        ["test: kitten/1.png", "cat", 1, "kitten/1.png"],
        ["test: dog/1.png", "dog", 1, "dog/1.png"],
    ]
    assert dict(zip(joined.quarantine["path"], joined.quarantine["reason"], strict=True)) == {
        "stray.png": "no-class",
        "test: owl/1.png": "unknown-class",
        "test: 2.png": "no-class",
    }
    counts = joined.classes.set_index("class")
    assert counts.loc["empty"].tolist() == [0, 0]
    assert counts.loc["owl", "unusable"] == 1


@pytest.mark.parametrize("names", [("cat/1.png", "cat/2.png"), ("1.png", "2.png")])
def test_fewer_than_two_classes_are_one_sentence(names: tuple[str, ...]) -> None:
    with pytest.raises(ContractError, match="two or more classes"):
        join_collections.fn(manifest(*names), NOTHING, None, None, [], [], [])


def test_test_pictures_without_a_known_class_are_one_sentence() -> None:
    train = manifest("cat/1.png", "dog/1.png")
    with pytest.raises(ContractError, match="name its sub-folders like these"):
        join_collections.fn(train, NOTHING, manifest("owl/1.png"), NOTHING, [], [], [])


def test_the_sample_holds_what_its_truth_says(tmp_path: Path) -> None:
    truth = write_digits(tmp_path)
    assert (len(truth.wrong), len(truth.doubled)) == (WRONG, DOUBLED)
    source = str(tmp_path / "digits.zip")
    read = read_pictures.fn(scan_pictures.fn(source), source, "auto")
    assert len(read.manifest) == 1797 - 3 + DOUBLED
    assert set(read.manifest["label"]) == set("0123456789")
    assert sorted(read.quarantine["reason"]) == ["empty", "not-a-picture"]
    labels = dict(zip(read.manifest["path"], read.manifest["label"], strict=True))
    assert all(labels[f"{path}"] != digit for path, digit in truth.wrong.items())
    again = tmp_path / "again"
    again.mkdir()
    write_digits(again)
    assert (again / "digits.zip").read_bytes() == (tmp_path / "digits.zip").read_bytes()


def test_empty_folders_are_named_and_a_missing_one_is_a_wrong_argument(tmp_path: Path) -> None:
    for name in ("cats", "dogs/none", "owls"):
        (tmp_path / "p" / name).mkdir(parents=True)
    (tmp_path / "p" / "cats" / "1.png").write_bytes(b"x")
    place = locate_classes.fn(str(tmp_path / "p"))
    assert place.empty == ["none", "owls"]
    with pytest.raises(UsageError, match="no such file"):
        locate_classes.fn(str(tmp_path / "p"), test=str(tmp_path / "q"))
    with pytest.raises(UsageError, match="to classify"):
        locate_classes.fn(str(tmp_path / "p"), picture=str(tmp_path / "q.jpg"))
