"""The published index is asked again, without a run."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.cases.similarity.predictions import predict
from tasks.evaluation.champions import Champion
from tasks.features.pictures.embedders import EmbedderChoice, choose_embedder
from tasks.features.pictures.embedding import embed_pictures
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import IntegrityError, UsageError
from tasks.platform.store import Stored, store
from tasks.training.nearest.hashing import build_index


def kept(value: object) -> Stored:
    return store().put(value)


@pytest.fixture
def champion(tmp_path: Path) -> Champion:
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(6):
        small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((96, 64), Image.Resampling.BICUBIC).save(folder / f"{seed}.png")
    choice: EmbedderChoice = choose_embedder.fn("handcrafted")
    manifest = read_pictures.fn(scan_pictures.fn(str(folder)), str(folder), "none").manifest
    raw = embed_pictures.fn(manifest, choice, str(folder))
    whitening = fit_whitening.fn(raw)
    duplicates = pd.DataFrame({"group": [0, 0], "number": [0, 1], "kind": "near-duplicate"})
    parts = {
        "index": build_index.fn(apply_whitening.fn(raw, whitening)),
        "whitening": whitening,
        "manifest": manifest,
        "duplicates": duplicates,
    }
    config = {"embedder": choice.model_dump(exclude={"why"}), "dimensions": 256, "index": "lsh"}
    artifacts = {name: kept(value) for name, value in parts.items()}
    return Champion(model="similarity-in", version=1, run="r", config=config, artifacts=artifacts)


def test_the_published_index_answers_for_another_picture(champion: Champion, tmp_path: Path) -> None:
    query = tmp_path / "asked.png"
    shutil.copyfile(tmp_path / "in" / "3.png", query)
    found = predict(champion, str(query), neighbours=3)
    assert found.table["rank"].tolist() == [0, 1, 2, 3]
    assert found.table.iloc[0][["query", "path", "similarity"]].tolist() == ["asked.png", "3.png", 1.0]
    assert "asked.png is in the collection as 3.png." in found.answer
    assert not {"0.png", "1.png"} <= set(found.table["path"]), "one picture in two versions is named once"
    assert len(predict(champion, str(query), neighbours=100, each_once=False).table) == 6


def test_what_cannot_be_answered_is_said(champion: Champion, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        predict(champion, str(tmp_path / "gone.png"))
    older = champion.model_copy(update={"artifacts": {"index": champion.artifacts["index"]}})
    with pytest.raises(IntegrityError, match="without whitening and manifest"):
        predict(older, str(tmp_path / "in" / "1.png"))
