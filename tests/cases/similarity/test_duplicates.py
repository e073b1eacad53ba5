"""What to do about pictures that are there more than once: the rule keeps one, and a link is never extra."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.cases.similarity.report.duplicates import list_duplicates, rule_of
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.errors import UsageError


def picture(side: int) -> Image.Image:
    small = np.random.default_rng(1).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """One picture: two copies, a smaller version that is older, a hard and a symbolic link, and one by itself."""
    folder = tmp_path / "in"
    (folder / "best").mkdir(parents=True)
    picture(90).save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    picture(60).save(folder / "best" / "small.png")
    os.utime(folder / "best" / "small.png", (1_000_000_000, 1_000_000_000))
    os.link(folder / "b.png", folder / "hard.png")
    (folder / "soft.png").symlink_to("b.png")
    Image.effect_noise((50, 50), 90).convert("RGB").save(folder / "other.png")
    return folder


def listed(folder: Path, keep: str = "largest") -> pd.DataFrame:
    source = str(folder)
    listing = scan_pictures.fn(source)
    manifest = read_pictures.fn(listing, source, "none").manifest
    numbers = np.flatnonzero(manifest["path"].to_numpy() != "other.png")
    kinds = ["near-duplicate" if path.startswith("best") else "copy" for path in manifest["path"][numbers]]
    duplicates = pd.DataFrame({"group": 0, "number": numbers, "kind": kinds})
    return list_duplicates.fn(manifest, duplicates, listing, keep, source)


def actions(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    return {row.path: (row.kind, row.what_to_do) for row in table.itertuples()}


def test_the_largest_is_kept_and_a_link_is_never_extra(collection: Path) -> None:
    found = listed(collection)
    assert found["group"].tolist() == [1] * 5
    assert actions(found) == {
        "a.png": ("copy", "keep"),
        "b.png": ("same file", "same file"),
        "hard.png": ("same file", "same file"),
        "soft.png": ("same file", "same file"),
        "best/small.png": ("near-copy", "extra"),
    }
    assert found["path"].iloc[0] == "a.png"


def test_the_oldest_or_a_folder_can_be_kept(collection: Path) -> None:
    oldest = listed(collection, "oldest")
    assert oldest.iloc[0][["path", "what_to_do", "modified"]].tolist() == [
        "best/small.png",
        "keep",
        "2001-09-09 01:46:40",
    ]
    for keep in ("best", "best/", str(collection / "best")):
        assert listed(collection, keep).iloc[0]["path"] == "best/small.png"
    assert actions(listed(collection, "best"))["a.png"] == ("copy", "extra")


def test_a_folder_that_holds_nothing_is_refused(collection: Path) -> None:
    for keep in ("worst", "/elsewhere", "bes"):
        with pytest.raises(UsageError, match="no picture of the collection lies there"):
            listed(collection, keep)


def test_an_archive_knows_no_times_and_no_links(tmp_path: Path, collection: Path) -> None:
    import shutil

    archive = Path(shutil.make_archive(str(tmp_path / "in"), "zip", collection))
    found = listed(archive, "oldest")
    assert set(found["what_to_do"]) == {"keep", "extra"}
    assert set(found["modified"]) == {""}


def test_the_rule_is_said_in_words() -> None:
    assert "most pixels" in rule_of("largest")
    assert "longest ago" in rule_of("oldest")
    assert "holidays" in rule_of("holidays")
