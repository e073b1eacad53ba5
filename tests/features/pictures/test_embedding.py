"""Embedding a collection: each content once, nothing twice after a crash, rows in the order of the manifest."""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.features.pictures import embedding
from tasks.features.pictures.embedders import EmbedderChoice
from tasks.features.pictures.embedding import as_table, embed_pictures, memo_of, recall
from tasks.platform.errors import CasebookError

embed = embed_pictures.fn
CHOICE = EmbedderChoice(name="mean", kind="handcrafted", digest="d" * 64, dimensions=3, why="for a test")


class MeanColour:
    """Embeds a picture as its mean colour, counts what it embeds, and can be told to fail."""

    name, digest, dimensions, size = "mean", "d" * 64, 3, (16, 16)

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.fail_at = 0

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        if len(self.counts) + 1 == self.fail_at:
            raise KeyboardInterrupt
        assert all(image.size == self.size for image in images)
        self.counts.append(len(images))
        return np.stack([np.asarray(image, np.float32).mean(axis=(0, 1)) for image in images])

    def classify(self, image: Image.Image) -> None:
        """Know nothing."""


@pytest.fixture
def mean(monkeypatch: pytest.MonkeyPatch) -> MeanColour:
    embedder = MeanColour()
    monkeypatch.setattr(embedding, "load_embedder", lambda choice: embedder)
    monkeypatch.setattr(embedding, "CHUNK", 4)
    return embedder


def picture(seed: int) -> bytes:
    colour = tuple(int(part) for part in np.random.default_rng(seed).integers(0, 256, 3))
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "PNG")
    return buffer.getvalue()


def collection(folder: Path, seeds: Sequence[int]) -> pd.DataFrame:
    """Write a picture for each seed; return the manifest."""
    folder.mkdir(exist_ok=True)
    rows = []
    for number, seed in enumerate(seeds):
        content = picture(seed)
        (folder / f"{number:03d}.png").write_bytes(content)
        rows.append((f"{number:03d}.png", hashlib.sha256(content).hexdigest()[:32]))
    return pd.DataFrame(rows, columns=["path", "id"])


def expected(seeds: Sequence[int]) -> np.ndarray:
    return np.stack([np.random.default_rng(seed).integers(0, 256, 3) for seed in seeds]).astype(np.float16)


def test_rows_follow_the_manifest(mean: MeanColour, tmp_path: Path):
    seeds = list(range(10))
    vectors = embed(collection(tmp_path / "c", seeds), CHOICE, str(tmp_path / "c"))
    assert vectors.dtype == np.float16
    np.testing.assert_array_equal(vectors, expected(seeds))
    assert mean.counts == [4, 4, 2]


def test_the_same_content_is_embedded_once(mean: MeanColour, tmp_path: Path):
    seeds = [1, 2, 1, 3, 1, 2]
    vectors = embed(collection(tmp_path / "c", seeds), CHOICE, str(tmp_path / "c"))
    np.testing.assert_array_equal(vectors, expected(seeds))
    assert sum(mean.counts) == 3


def test_a_second_run_embeds_nothing(mean: MeanColour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    manifest = collection(tmp_path / "c", range(9))
    first = embed(manifest, CHOICE, str(tmp_path / "c"))
    monkeypatch.setattr(embedding, "load_embedder", lambda choice: pytest.fail("loaded the embedder for nothing"))
    second = embed(manifest, CHOICE, str(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(first, second)


def test_a_new_picture_is_embedded_alone(mean: MeanColour, tmp_path: Path):
    embed(collection(tmp_path / "c", range(9)), CHOICE, str(tmp_path / "c"))
    mean.counts.clear()
    seeds = [100, *range(9)]
    vectors = embed(collection(tmp_path / "c", seeds), CHOICE, str(tmp_path / "c"))
    np.testing.assert_array_equal(vectors, expected(seeds))
    assert mean.counts == [1]


def test_a_crash_costs_the_chunk_that_was_worked_on(mean: MeanColour, tmp_path: Path):
    manifest = collection(tmp_path / "c", range(18))
    mean.fail_at = 3
    with pytest.raises(KeyboardInterrupt):
        embed(manifest, CHOICE, str(tmp_path / "c"))
    assert mean.counts == [4, 4]
    mean.fail_at = 0
    vectors = embed(manifest, CHOICE, str(tmp_path / "c"))
    np.testing.assert_array_equal(vectors, expected(range(18)))
    assert sum(mean.counts) == 18


def test_a_damaged_segment_costs_its_own_pictures(mean: MeanColour, tmp_path: Path):
    manifest = collection(tmp_path / "c", range(12))
    embed(manifest, CHOICE, str(tmp_path / "c"))
    segment = sorted(Path(memo_of(CHOICE).folder.root).glob("*.parquet"))[1]
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(bytes(content))
    mean.counts.clear()
    np.testing.assert_array_equal(embed(manifest, CHOICE, str(tmp_path / "c")), expected(range(12)))
    assert mean.counts == [4]


def test_another_embedder_does_not_see_the_memory(mean: MeanColour, tmp_path: Path):
    manifest = collection(tmp_path / "c", range(3))
    embed(manifest, CHOICE, str(tmp_path / "c"))
    embed(manifest, CHOICE.model_copy(update={"digest": "e" * 64}), str(tmp_path / "c"))
    assert sum(mean.counts) == 6


def test_segments_of_another_width_are_passed_over():
    memo = memo_of(CHOICE)
    memo.append(as_table(["a", "b"], np.ones((2, 5), np.float16)))
    memo.append(as_table(["b", "c"], np.full((2, 3), 2, np.float16)))
    vectors = np.zeros((3, 3), np.float16)
    rows = {"a": np.array([0]), "b": np.array([1]), "c": np.array([2])}
    assert recall(memo, rows, vectors) == {"b", "c"}
    np.testing.assert_array_equal(vectors, [[0] * 3, [2] * 3, [2] * 3])


def test_an_empty_collection(mean: MeanColour, tmp_path: Path):
    (tmp_path / "c").mkdir()
    vectors = embed(
        pd.DataFrame({"path": pd.Series([], dtype=str), "id": pd.Series([], dtype=str)}), CHOICE, str(tmp_path / "c")
    )
    assert vectors.shape == (0, 3)


def test_a_picture_that_is_gone_is_named(mean: MeanColour, tmp_path: Path):
    manifest = collection(tmp_path / "c", range(6))
    (tmp_path / "c" / "004.png").unlink()
    with pytest.raises(CasebookError, match=r"004\.png.*run again"):
        embed(manifest, CHOICE, str(tmp_path / "c"))


def test_a_picture_that_has_changed_is_named(mean: MeanColour, tmp_path: Path):
    manifest = collection(tmp_path / "c", range(6))
    (tmp_path / "c" / "002.png").write_bytes(picture(99))
    with pytest.raises(CasebookError, match=r"002\.png has changed"):
        embed(manifest, CHOICE, str(tmp_path / "c"))


def test_an_archive_gives_the_same_as_a_folder(mean: MeanColour, tmp_path: Path):
    manifest = collection(tmp_path / "c", range(6))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in manifest["path"]:
            archive.write(tmp_path / "c" / path, path)
    vectors = embed(manifest, CHOICE, str(tmp_path / "c.zip"))
    np.testing.assert_array_equal(vectors, expected(range(6)))
