"""The manifest: the same for the same content, each picture decoded once, every unusable file named."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.ingestion.pictures import manifest as pictures
from tasks.ingestion.pictures.entries import PictureError, escape
from tasks.ingestion.pictures.manifest import Pictures, load_picture, read_pictures, scan_pictures, thumbnail
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import ContractError, UsageError

# Pillow warns of odd metadata; decoding.py ignores that when it is imported, which pytest undoes for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

DTYPES = {
    "path": "object",
    "id": "object",
    "label": "object",
    "bytes": "int64",
    "format": "object",
    "mode": "object",
    "width": "int32",
    "height": "int32",
    "orientation": "int8",
    "phash": "uint64",
}


def read(source: Path | str, **options: Any) -> Pictures:
    return read_pictures.fn(scan_pictures.fn(str(source)), str(source), **options)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often each content has been decoded."""
    counts: Counter[bytes] = Counter()
    examine, lock = pictures.examine, threading.Lock()

    def counting(content: bytes, side: int | None = None) -> Any:
        with lock:
            counts[content] += 1
        return examine(content, side)

    monkeypatch.setattr(pictures, "examine", counting)
    return counts


def test_the_manifest_says_what_each_picture_is(collection: Path) -> None:
    manifest, quarantine = read(collection)
    assert {name: str(kind) for name, kind in manifest.dtypes.items()} == DTYPES
    assert isinstance(manifest.index, pd.RangeIndex)
    assert list(manifest["path"]) == sorted(manifest["path"])
    assert Counter(manifest["label"]) == {"ants": 4, "bees": 4, "cats": 4}
    assert manifest["id"].str.fullmatch("[0-9a-f]{32}").all()
    assert manifest["id"].is_unique
    assert set(zip(manifest["width"], manifest["height"], strict=True)) == {(96, 64)}
    assert list(manifest["bytes"]) == [(collection / path).stat().st_size for path in manifest["path"]]
    assert list(quarantine.columns) == ["path", "reason", "detail"]
    assert len(quarantine) == 0


def test_every_hostile_file_is_named_and_the_good_ones_survive(
    hostile_folder: Path, hostile: dict[str, tuple[str, bytes]]
) -> None:
    manifest, quarantine = read(hostile_folder)
    assert len(manifest) == 12
    assert not manifest["path"].str.startswith("hostile/").any()
    expected = {f"hostile/{escape(name)}": reason for name, (reason, _) in hostile.items()}
    expected |= {r"hostile/caf\xe9.jpg": "empty"}
    expected |= {f"hostile/{name}": "symlink-loop" for name in ("loop", "itself.jpg")}
    expected |= {f"hostile/{name}": "outside-link" for name in ("above", "outside.jpg")}
    expected |= {f"hostile/{name}.jpg": "not-a-file" for name in ("pipe", "socket")}
    expected |= {"hostile/dangling.jpg": "dangling-link", "hostile/alias": "linked-twice"}
    assert dict(zip(quarantine["path"], quarantine["reason"], strict=True)) == expected
    assert len(quarantine) == len(expected) >= 40
    assert (quarantine["detail"].str.len() > 10).all()
    assert not quarantine["detail"].str.contains(str(hostile_folder), regex=False).any()
    again = read(hostile_folder)
    pd.testing.assert_frame_equal(again.manifest, manifest)
    pd.testing.assert_frame_equal(again.quarantine, quarantine)


def test_folder_zip_and_tar_of_the_same_content_give_the_same_manifest(
    collection: Path, hostile: dict[str, tuple[str, bytes]], tmp_path: Path
) -> None:
    for name in ("cut.jpg", "text.jpg", "empty.jpg"):
        (collection / "ants" / name).write_bytes(hostile[name][1])
    shutil.copytree(collection, tmp_path / "copy")
    sources = [collection, tmp_path / "copy"]
    for kind in ("zip", "tar", "gztar", "bztar", "xztar"):
        sources.append(Path(shutil.make_archive(str(tmp_path / kind), kind, collection)))
    shutil.make_archive(str(tmp_path / "wrapped"), "zip", tmp_path, "collection")
    first, *others = [read(source) for source in sources]
    assert list(first.quarantine["reason"]) == ["truncated", "empty", "not-a-picture"]
    for other in others:
        pd.testing.assert_frame_equal(other.manifest, first.manifest)
        pd.testing.assert_frame_equal(other.quarantine, first.quarantine)
    wrapped = read(tmp_path / "wrapped.zip")
    assert list(wrapped.manifest["label"]) == list(first.manifest["label"])
    assert list(wrapped.manifest["id"]) == list(first.manifest["id"])


def test_a_hostile_archive_is_answered_too(
    tmp_path: Path, hostile: dict[str, tuple[str, bytes]], photo: Any, encode: Any
) -> None:
    good = {f"good/{n}.png": encode(photo(n), "PNG") for n in range(3)}
    bad = {
        f"bad/{n:02d}-{name.encode('ascii', 'ignore').decode().strip()}": both
        for n, (name, both) in enumerate(hostile.items())
    }
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as zipped, tarfile.open(tmp_path / "x.tar", "w") as tarred:
        for name, content in (
            good | {name: content for name, (_, content) in bad.items()} | {"../up.png": b"x"}
        ).items():
            zipped.writestr(name, content)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tarred.addfile(info, io.BytesIO(content))
    for name in ("x.zip", "x.tar"):
        manifest, quarantine = read(tmp_path / name)
        assert list(manifest["path"]) == sorted(good)
        expected = {escape(name): reason for name, (reason, _) in bad.items()} | {"../up.png": "outside-archive"}
        assert dict(zip(quarantine["path"], quarantine["reason"], strict=True)) == expected


def test_a_second_run_decodes_nothing_and_a_changed_file_alone_is_read_again(
    collection: Path, decoded: Counter[bytes], photo: Any, encode: Any
) -> None:
    first = read(collection)
    assert sorted(decoded.values()) == [1] * 12
    decoded.clear()
    pd.testing.assert_frame_equal(read(collection).manifest, first.manifest)
    assert not decoded
    changed, new, gone = encode(photo(50)), encode(photo(51)), collection / "cats" / "02.jpg"
    (collection / "ants" / "00.jpg").write_bytes(changed)
    (collection / "ants" / "99.jpg").write_bytes(new)
    gone.unlink()
    second = read(collection)
    assert decoded == {changed: 1, new: 1}
    assert len(second.manifest) == 12
    before, after = (m.manifest.set_index("path")["id"] for m in (first, second))
    both = before.index.intersection(after.index)
    assert list(both[before[both] != after[both]]) == ["ants/00.jpg"]


def test_touching_and_moving_change_no_manifest(collection: Path, tmp_path: Path) -> None:
    first = read(collection)
    for file in collection.rglob("*.jpg"):
        os.utime(file, (1, 1))
    pd.testing.assert_frame_equal(read(collection).manifest, first.manifest)
    collection.rename(tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(read(tmp_path / "elsewhere").manifest, first.manifest)


def test_an_interrupted_run_goes_on_where_it_was(
    collection: Path, decoded: Counter[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "CHECKPOINT_PICTURES", 3)
    monkeypatch.setenv("CASEBOOK_THREADS", "1")
    pictures.settings.cache_clear()
    hashing, calls = pictures.perceptual_hash, []

    def stop_at_eight(picture: Image.Image) -> int:
        calls.append(picture)
        if len(calls) > 8:
            raise KeyboardInterrupt
        return hashing(picture)

    with monkeypatch.context() as patch:
        patch.setattr(pictures, "perceptual_hash", stop_at_eight)
        with pytest.raises(KeyboardInterrupt):
            read(collection)
    decoded.clear()
    assert len(read(collection).manifest) == 12
    assert sum(decoded.values()) == 12 - 6  # two whole checkpoints of three were kept


def test_a_killed_process_loses_no_checkpoint(collection: Path, home: Path, decoded: Counter[bytes]) -> None:
    script = f"""
import os, signal
from tasks.ingestion.pictures import manifest as pictures
pictures.CHECKPOINT_PICTURES = 4
append = pictures.Memo.append
def append_and_die(memo, rows, done=[]):
    append(memo, rows)
    done.append(1)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
pictures.Memo.append = append_and_die
source = {str(collection)!r}
pictures.read_pictures.fn(pictures.scan_pictures.fn(source), source)
"""
    path = os.pathsep.join(str(Path(pictures.__file__).parents[n]) for n in (3,))
    environment = os.environ | {"CASEBOOK_HOME": str(home), "PYTHONPATH": path}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, timeout=120, check=False)
    assert ended.returncode == -9
    assert len(read(collection).manifest) == 12
    assert sum(decoded.values()) == 4


def test_a_damaged_checkpoint_is_noticed_and_worked_out_again(
    collection: Path, home: Path, decoded: Counter[bytes]
) -> None:
    first = read(collection)
    (segment,) = (home / "store" / "memo").rglob("*.parquet")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    decoded.clear()
    pd.testing.assert_frame_equal(read(collection).manifest, first.manifest)
    assert sum(decoded.values()) == 12


def test_what_could_not_be_read_is_tried_again(collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = scan_pictures.fn(str(collection))
    moved = collection / "ants" / "00.jpg"
    moved.rename(collection / "aside")
    manifest, quarantine = read_pictures.fn(listing, str(collection))
    assert (len(manifest), list(quarantine["reason"])) == (11, ["unreadable"])
    (collection / "aside").rename(moved)
    manifest, quarantine = read_pictures.fn(listing, str(collection))
    assert (len(manifest), len(quarantine)) == (12, 0)


def test_labels_can_be_left_out_and_put_together(collection: Path, decoded: Counter[bytes]) -> None:
    manifest, quarantine = read(collection, exclude=["b*"], merge=["animals=ants,cats"])
    assert set(manifest["label"]) == {""}  # one label alone is none
    assert (len(manifest), sum(decoded.values()), len(quarantine)) == (8, 8, 0)
    manifest, _ = read(collection, merge=["insects=ants,bees"])
    assert Counter(manifest["label"]) == {"insects": 8, "cats": 4}
    manifest, _ = read(collection, exclude=["ants", "bees"], labels="folders")
    assert Counter(manifest["label"]) == {"cats": 4}
    assert set(read(collection, labels="none").manifest["label"]) == {""}
    with pytest.raises(UsageError, match="exclude: 'dogs' matches no label; there are ants, bees, cats"):
        read(collection, exclude=["dogs"])
    with pytest.raises(UsageError, match="merge: 'bees'"):
        read(collection, exclude=["bees"], merge=["insects=ants,bees"])


def test_folders_asked_for_where_there_are_none(tmp_path: Path, photo: Any, encode: Any) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(encode(photo(n)))
    assert set(read(tmp_path).manifest["label"]) == {""}
    with pytest.raises(UsageError, match="labels=folders"):
        read(tmp_path, labels="folders")


def test_a_folder_of_nothing_but_rubbish_makes_no_label(
    collection: Path, photo: Any, encode: Any, tmp_path: Path
) -> None:
    for n, name in enumerate(["one/a.jpg", "one/b.jpg", "two/c.jpg"]):
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_bytes(encode(photo(n)) if n < 2 else b"text")
    assert set(read(tmp_path / "x").manifest["label"]) == {""}


def test_limit_is_a_fixed_choice_over_the_whole_collection(collection: Path, photo: Any, encode: Any) -> None:
    paths = [set(read(collection, limit=n).manifest["path"]) for n in (3, 6, 12, 100)]
    assert [len(chosen) for chosen in paths] == [3, 6, 12, 12]
    assert paths[0] < paths[1] < paths[2] == paths[3]
    (collection / "ants" / "new.jpg").write_bytes(encode(photo(70)))
    assert len(paths[1] - set(read(collection, limit=6).manifest["path"])) <= 1


def test_too_few_pictures_stop_with_what_was_found(tmp_path: Path, photo: Any, encode: Any) -> None:
    with pytest.raises(ContractError, match=r"0 usable pictures, and at least 2 .*nothing else is there"):
        read(tmp_path)
    (tmp_path / "one.jpg").write_bytes(encode(photo()))
    for n in range(3):
        (tmp_path / f"{n}.txt").write_text("text")
    with pytest.raises(ContractError, match=r"1 usable pictures.*not-a-picture: 3"):
        read(tmp_path)


def test_size_is_given_as_the_picture_is_looked_at(tmp_path: Path, photo: Any, encode: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.jpg").write_bytes(encode(photo(1, (96, 64)), exif=exif))
    (tmp_path / "grey.png").write_bytes(encode(photo(2).convert("I;16"), "PNG"))
    grey, turned = read(tmp_path).manifest.itertuples()
    assert (turned.width, turned.height, turned.orientation, turned.format, turned.mode) == (64, 96, 6, "JPEG", "RGB")
    assert (grey.mode, grey.format, grey.orientation) == ("I;16", "PNG", 1)


def test_perceptual_hashes_find_the_planted_copies(tmp_path: Path, photo: Any, encode: Any) -> None:
    for n in range(10):
        picture = photo(n, (200, 150))
        (tmp_path / f"{n}.png").write_bytes(encode(picture, "PNG"))
        (tmp_path / f"{n}-small.jpg").write_bytes(encode(picture.resize((130, 98)), quality=50))
    manifest, _ = read(tmp_path)
    codes = manifest["phash"].to_numpy()
    apart = np.bitwise_count(codes[:, None] ^ codes[None, :]).astype(int)
    np.fill_diagonal(apart, 99)
    names = manifest["path"].str.split(r"[-.]", regex=True).str[0]
    assert list(names.iloc[apart.argmin(1)]) == list(names)


def test_one_picture_and_its_thumbnail(collection: Path, photo: Any) -> None:
    for source in (str(collection), collection):
        assert load_picture(source, "ants/00.jpg").size == (96, 64)
    with open_source(collection) as opened:
        small = Image.open(io.BytesIO(thumbnail(opened, "ants/00.jpg", 40)))
    assert (small.format, small.size) == ("JPEG", (40, 27))
    with pytest.raises(PictureError, match="unreadable"):
        thumbnail(str(collection), "ants/none.jpg")
    with pytest.raises(PictureError, match="outside-link"):
        load_picture(str(collection), "../../etc/hostname")


def test_memory_stays_flat(tmp_path: Path, encode: Any) -> None:
    """However many pictures there are, only a few contents exist at any time."""
    content = encode(Image.effect_noise((300, 300), 90).convert("RGB"), "BMP")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(100):
            archive.writestr(f"{n}.bmp", content + n.to_bytes(4, "big"))
    read(tmp_path / "x.zip", limit=4)  # what is imported on the way is no part of the question
    tracemalloc.start()
    try:
        read(tmp_path / "x.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * len(content) + 8e6 < 100 * len(content) / 2


def test_real_photographs(shared: Path) -> None:
    archive = str(shared / "data" / "caltech101" / "images.zip")
    listing = scan_pictures.fn(archive)
    assert len(listing) == 7356
    assert (listing["problem"] == "").all()
    manifest, quarantine = read_pictures.fn(
        listing, archive, exclude=["BACKGROUND_Google"], merge=["Faces=Faces_easy,Faces"], limit=400
    )
    assert (len(manifest), len(quarantine)) == (400, 0)
    assert "BACKGROUND_Google" not in set(manifest["label"])
    assert "Faces_easy" not in set(manifest["label"])
    assert manifest[["width", "height"]].max(axis=1).between(150, 160).mean() > 0.9
    with pytest.raises(UsageError, match="did you mean BACKGROUND_Google"):
        read_pictures.fn(listing, archive, exclude=["BACKGROUND_google"])


@pytest.mark.usefixtures("prefect_server")
def test_as_stages_the_same_content_elsewhere_is_the_same_stored_manifest(
    collection: Path, tmp_path: Path, decoded: Counter[bytes]
) -> None:
    from prefect import flow

    @flow(name="reading")
    def reading(source: str) -> Pictures:
        return read_pictures(scan_pictures(source), source, labels="auto", exclude=["cats"])

    archive = shutil.make_archive(str(tmp_path / "x"), "zip", collection)
    first, again, zipped = reading(str(collection)), reading(str(collection)), reading(archive)
    assert first.manifest.digest == again.manifest.digest == zipped.manifest.digest
    assert first.quarantine.digest == zipped.quarantine.digest
    assert sum(decoded.values()) == 16  # eight from the folder, none in its second run, eight from the archive
    assert len(first.manifest.load()) == 8
