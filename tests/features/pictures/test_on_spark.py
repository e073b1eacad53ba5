"""A collection on Spark's workers: the same rows, vectors and neighbours as on one machine; what is bad is told."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.features.pictures.embedders import choose_embedder
from tasks.features.pictures.embedding import embed_pictures
from tasks.features.pictures.on_spark import embed_on_spark, whiten_by_sample
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform import spark_workers
from tasks.platform.errors import CasebookError
from tasks.training.nearest.hashing import HashIndex
from tasks.training.nearest.on_spark import build_shards, gather_vectors, scan_on_spark


def picture(seed: int) -> bytes:
    chance, buffer = np.random.default_rng(seed), io.BytesIO()
    small = Image.fromarray(chance.integers(0, 255, (6, 8, 3), dtype="u1"))
    small.resize((96, 72), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for number in range(40):
        (folder / f"kind{number % 3}").mkdir(parents=True, exist_ok=True)
        (folder / f"kind{number % 3}" / f"{number:02}.jpg").write_bytes(picture(number))
    (folder / "kind0" / "cut.jpg").write_bytes(picture(0)[:300])
    (folder / "kind1" / "none.jpg").write_text("no picture at all")
    return folder


def test_neighbours_are_those_of_one_machine(spark: Any, collection: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spark_workers, "CHUNK", 16)
    listing = scan_pictures.fn(str(collection))
    here = read_pictures.fn(listing, str(collection))
    there = read_pictures.fn(listing, str(collection), engine="spark")
    pd.testing.assert_frame_equal(there.manifest, here.manifest)
    pd.testing.assert_frame_equal(there.quarantine, here.quarantine)
    assert sorted(there.quarantine["reason"]) == ["not-a-picture", "truncated"]

    choice = choose_embedder.fn("handcrafted")
    raw = embed_pictures.fn(here.manifest, choice, str(collection))
    embedded = embed_on_spark.fn(here.manifest, choice, str(collection)).persist()
    whitening = fit_whitening.fn(raw)
    theirs = whiten_by_sample.fn(embedded)
    assert np.array_equal(theirs.components, whitening.components)
    vectors = apply_whitening.fn(raw, whitening)
    index = build_shards.fn(embedded, theirs, per_shard=15)
    assert sum(item.count for item in index.shards) == 40
    assert len(index.shards) >= 2
    assert np.abs(gather_vectors.fn(index).astype(float) - vectors).max() < 1e-3  # blocks of rows round differently
    index.scan = scan_on_spark
    queries = np.asarray(vectors[:6])
    assert np.array_equal(index.search(queries, 5).ids, HashIndex(vectors).search(queries, 5).ids)


def test_a_picture_that_is_bad_by_now_is_a_row_and_stops_the_run_by_name(spark: Any, collection: Path):
    manifest = read_pictures.fn(scan_pictures.fn(str(collection)), str(collection)).manifest
    gone, changed = manifest["path"].iloc[3], manifest["path"].iloc[8]
    (collection / gone).unlink()
    (collection / changed).write_bytes(picture(99))
    choice = choose_embedder.fn("handcrafted")
    embedded = embed_on_spark.fn(manifest, choice, str(collection)).persist()
    rows = embedded.toPandas().sort_values("number")
    assert rows["path"].tolist() == manifest["path"].tolist()
    bad = rows[rows["reason"] != ""]
    assert dict(zip(bad["path"], bad["reason"], strict=True)) == {gone: "unreadable", changed: "changed"}
    assert (rows["vector"].map(len) == np.where(rows["reason"] == "", 2 * choice.dimensions, 0)).all()
    with pytest.raises(CasebookError, match=gone):
        whiten_by_sample.fn(embedded)
