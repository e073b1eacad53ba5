"""Collections that others complained of: many copies, few pictures, transparent drawings, odd queries."""

import os
import shutil
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.evaluation.duplicates import find_duplicates
from tasks.evaluation.edited import find_edited
from tasks.features.pictures.embedders import choose_embedder
from tasks.features.pictures.embedding import embed_pictures
from tasks.features.pictures.looks import look_at_pictures
from tasks.features.pictures.queries import Queries, embed_queries, own_queries
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import ContractError, UsageError
from tasks.training.nearest.hashing import build_index
from tasks.training.nearest.neighbours import find_neighbours

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"


class Answered(NamedTuple):
    manifest: pd.DataFrame
    duplicates: pd.DataFrame
    found: pd.DataFrame
    queries: Queries

    def groups(self) -> list[list[str]]:
        return [
            [self.manifest["path"][number] for number in group["number"]]
            for _, group in self.duplicates.groupby("group")
        ]


def answered(folder: Path, query: Path | None = None, neighbours: int = 12, each_once: bool = True) -> Answered:
    """Run the plain functions of the flow, with features that need no download."""
    source, choice = str(folder), choose_embedder.fn("handcrafted")
    manifest = read_pictures.fn(scan_pictures.fn(source), source, "none").manifest
    raw = embed_pictures.fn(manifest, choice, source)
    whitening = fit_whitening.fn(raw)
    vectors = apply_whitening.fn(raw, whitening)
    looks = look_at_pictures.fn(manifest, source)
    duplicates = find_edited.fn(manifest, find_duplicates.fn(manifest, vectors), vectors, looks)
    queries = embed_queries.fn(query, query.name, choice, whitening) if query else own_queries.fn(manifest, vectors)
    index = build_index.fn(vectors, "lsh")
    found = find_neighbours.fn(index, queries.table, queries.vectors, manifest, neighbours, duplicates, each_once)
    return Answered(manifest, duplicates, found, queries)


def case(name: str) -> Path:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    return folder


def textured(seed: int, size: tuple[int, int] = (400, 300)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(8):
        textured(seed).save(folder / f"{seed}.jpg", quality=92)
    return folder


def test_thirty_copies_are_shown_once_with_their_number() -> None:
    folder = case("similarity-crowd")
    result = answered(folder / "in", folder / "query.jpg")
    assert [len(group) for group in result.groups()] == [30]
    itself, others = result.found[result.found["rank"] == 0], result.found[result.found["rank"] > 0]
    assert itself[["path", "times", "similarity"]].to_numpy().tolist() == [["copy00.jpg", 30, 1.0]]
    assert not others["path"].str.startswith("copy").any()
    assert len(others) == min(12, len(result.manifest) - 30)
    assert others["rank"].tolist() == list(range(1, len(others) + 1))
    everything = answered(folder / "in", folder / "query.jpg", each_once=False).found
    assert everything["path"].str.startswith("copy").sum() == 13  # itself, and twelve others


def test_of_none_and_one_no_answer_and_of_two_and_three_one() -> None:
    folder = case("similarity-few")
    for name in ("n1",):
        with pytest.raises(ContractError, match="at least 2"):
            answered(folder / name)
    for name, count in (("n2", 1), ("n3", 2), ("copiesplus", 1)):
        result = answered(folder / name)
        assert result.found.groupby("query")["rank"].max().max() == count
        assert np.isfinite(result.found["similarity"]).all()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ContractError, match="0 usable pictures"):
        answered(tmp_path / "none")


@pytest.mark.parametrize("name", ["allequal", "allblack", "twocopies"])
def test_pictures_that_are_all_the_same_are_one_group(name: str) -> None:
    folder = case("similarity-few") / name
    result = answered(folder, each_once=False)
    assert [len(group) for group in result.groups()] == [len(list(folder.iterdir()))]
    assert result.found["similarity"].to_numpy() == pytest.approx(1, abs=1e-3)


def test_flat_pictures_of_other_colours_are_no_group() -> None:
    assert answered(case("similarity-few") / "flat").groups() == []


def test_the_colour_under_a_transparent_pixel_does_not_matter() -> None:
    groups = answered(case("similarity-transparent") / "in").groups()
    of = {path: number for number, group in enumerate(groups) for path in group}
    assert of["black_on_transparent_k.png"] == of["black_on_transparent_w.png"]
    assert of["white_on_transparent_k.png"] == of["white_on_transparent_w.png"]
    assert of["white_on_transparent_k.png"] != of["black_on_transparent_k.png"]
    assert of.get("other_white_on_transparent.png") != of["white_on_transparent_k.png"]
    assert "p00.jpg" not in of


def test_a_picture_of_the_collection_is_known_as_such_and_has_its_very_vector(photos: Path, tmp_path: Path) -> None:
    query = tmp_path / "asked.jpg"
    shutil.copyfile(photos / "3.jpg", query)
    result = answered(photos, query, neighbours=4)
    first = result.found.iloc[0]
    assert (first["path"], first["rank"], first["similarity"], first["times"]) == ("3.jpg", 0, 1.0, 1)
    assert "3.jpg" not in set(result.found["path"][1:])
    own = answered(photos).queries
    assert len(own.table) == 6
    again = tmp_path / "again.jpg"  # other bytes, the same pixels: first, and as near as can be
    again.write_bytes(query.read_bytes() + b"\0")
    nearest = answered(photos, again, neighbours=4).found.iloc[0]
    assert (nearest["path"], nearest["rank"]) == ("3.jpg", 1)
    assert nearest["similarity"] == pytest.approx(1, abs=1e-3)


def test_a_query_may_be_a_link_an_archive_or_a_folder(photos: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "asked.jpg"
    outside.parent.mkdir()
    textured(50).save(outside)
    link = tmp_path / "link.jpg"
    link.symlink_to(outside)
    archive = tmp_path / "asked.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(outside, "deep/one.jpg")
        packed.write(photos / "1.jpg", "two.jpg")
        packed.writestr("three.txt", "no picture")
    for query, paths in ((link, ["link.jpg"]), (archive, ["deep/one.jpg", "two.jpg"]), (outside.parent, ["asked.jpg"])):
        queries = answered(photos, query).queries
        assert queries.table["path"].tolist() == paths
        assert all(jpeg.startswith(b"\xff\xd8\xff") for jpeg in queries.table["jpeg"])
    assert answered(photos, archive).queries.quarantine["path"].tolist() == ["three.txt"]


def test_a_query_that_cannot_be_used_is_refused_at_once(photos: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone.jpg"
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    (tmp_path / "nothing").mkdir()
    raw = tmp_path / "photo.NEF"
    textured(1).save(raw, "TIFF")
    for query, words in ((gone, "no such file"), (text, "text"), (tmp_path / "nothing", "empty"), (raw, "raw camera")):
        with pytest.raises(UsageError, match=words):
            answered(photos, query)


def test_names_that_are_no_utf8_are_read(photos: Path) -> None:
    name = os.fsencode(str(photos)) + b"/caf\xe9.jpg"
    try:
        shutil.copyfile(photos / "2.jpg", name)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    result = answered(photos)
    assert result.groups() == [["2.jpg", "caf\\xe9.jpg"]]
