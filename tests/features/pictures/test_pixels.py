"""Pixels are those of the files; copies that differ a little are near, others are not; gradients see edges."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.evaluation.duplicates import find_duplicates
from tasks.features.pictures.gradients import gradient_features
from tasks.features.pictures.pixels import SIDES, fitting_side, pixel_vectors, read_pixels
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import CasebookError


def smooth(seed: int, side: int = 32) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def collection(folder: Path, seeds: range) -> str:
    folder.mkdir(parents=True)
    for seed in seeds:
        Image.fromarray(smooth(seed)).save(folder / f"{seed:03d}.png")
    return str(folder)


def test_pictures_of_two_collections_come_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    sources = [collection(tmp_path / "a", range(5)), collection(tmp_path / "b", range(10, 13))]
    manifests = [read_pictures.fn(scan_pictures.fn(source), source).manifest for source in sources]
    both = pd.concat([part.assign(collection=number) for number, part in enumerate(manifests)], ignore_index=True)
    mixed = both.assign(file=both["path"]).iloc[[6, 0, 7, 3]].reset_index(drop=True)
    mixed["path"] = "shown otherwise: " + mixed["path"]
    pixels = read_pixels.fn(mixed, 32, sources)
    for row, seed in zip(pixels, (11, 0, 12, 3), strict=True):
        np.testing.assert_array_equal(row, smooth(seed))


def test_a_changed_picture_is_noticed(tmp_path: Path) -> None:
    source = collection(tmp_path / "a", range(3))
    manifest = read_pictures.fn(scan_pictures.fn(source), source).manifest
    Image.fromarray(smooth(77)).save(tmp_path / "a" / "001.png")
    with pytest.raises(CasebookError, match="has changed"):
        read_pixels.fn(manifest, 16, [source])
    (tmp_path / "a" / "001.png").unlink()
    with pytest.raises(CasebookError, match="cannot be read any more"):
        read_pixels.fn(manifest, 16, [source])


@pytest.mark.parametrize(("width", "height", "side"), [(8, 8, 16), (32, 40, 32), (100, 27, 24), (4000, 3000, 64)])
def test_the_side_fits_the_pictures(width: int, height: int, side: int) -> None:
    assert fitting_side(pd.DataFrame({"width": [width] * 3, "height": [height] * 3})) == side
    assert side in SIDES


def test_brighter_and_recompressed_copies_are_found_and_nothing_else(tmp_path: Path) -> None:
    source = collection(tmp_path / "a", range(60))
    for seed in (3, 8, 20):
        brighter = np.clip(smooth(seed).astype(int) + 12, 0, 255).astype(np.uint8)
        Image.fromarray(brighter).save(tmp_path / "a" / f"{seed:03d}-copy.jpg", quality=80)
    manifest = read_pictures.fn(scan_pictures.fn(source), source).manifest
    vectors = pixel_vectors.fn(read_pixels.fn(manifest, 32, [source]))
    found = find_duplicates.fn(manifest, apply_whitening.fn(vectors, fit_whitening.fn(vectors)))
    groups = found.groupby("group")["number"].apply(lambda numbers: sorted(manifest["path"].iloc[numbers]))
    assert groups.tolist() == [[f"{seed:03d}-copy.jpg", f"{seed:03d}.png"] for seed in (3, 8, 20)]


@pytest.mark.parametrize("side", SIDES)
def test_gradients_tell_the_direction_of_stripes_at_any_side(side: int) -> None:
    upright = np.where(np.arange(side) % 4 < 2, 200, 60)[None, :].repeat(side, 0)
    pictures = np.stack([upright, upright.T, np.full_like(upright, 90)])[..., None].repeat(3, 3).astype(np.uint8)
    rows = gradient_features(pictures)
    assert rows.shape == (3, 560)
    edges = rows[:, :512].reshape(3, 64, 8).mean(axis=1)
    assert edges[0].argmax() == 0  # across: the direction of the gradient, not of the edge
    assert edges[1].argmax() == 4
    assert edges[2].max() < 1e-3
    np.testing.assert_allclose(rows[2, 512:], np.sqrt(90 / 255), rtol=1e-5)
