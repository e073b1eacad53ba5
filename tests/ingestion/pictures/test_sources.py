"""Folders: what is listed, in which order, and what is never opened."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingestion.pictures.entries import Entry, PictureError, PictureSource, escape, unescape
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import UsageError


def listed(source: PictureSource) -> dict[str, Entry]:
    entries = list(source.entries())
    found = {entry.path: entry for entry in entries}
    assert len(found) == len(entries)
    return found


def problems(source: PictureSource) -> dict[str, str]:
    return {path: entry.problem for path, entry in listed(source).items() if entry.problem}


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_any_file_name_is_escaped_to_plain_text_and_back(raw: bytes) -> None:
    name = os.fsdecode(raw)
    text = escape(name)
    assert unescape(text) == name
    text.encode("utf-8")
    assert text.isascii() or text.isprintable() or not any(ord(c) < 32 for c in text)


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_any_text_is_escaped_and_back(name: str) -> None:
    assert unescape(escape(name)) == name
    escape(name).encode("utf-8")


def test_entries_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["b.jpg", "a/2.jpg", "a/1.jpg", "a.jpg", "a-b/1.jpg", "a/b/c.jpg", "B/x.jpg", "ä/1.jpg", "a0.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    with open_source(tmp_path) as source:
        entries = list(source.entries())
        assert [entry.path for entry in entries] == sorted(names)
        assert all(source.read(entry.path) == entry.path.encode() for entry in entries)
        assert all(entry.bytes == len(entry.path.encode()) for entry in entries)


def test_hidden_and_system_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    for name in (".hidden.jpg", ".git/config", "__MACOSX/x.jpg", "Thumbs.db", ".DS_Store", "good.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with open_source(tmp_path) as source:
        assert list(listed(source)) == ["good.jpg"]
        assert source.skipped == 5


def test_links_pipes_and_sockets_are_named_and_never_opened(hostile_folder: Path) -> None:
    with open_source(hostile_folder) as source:
        assert problems(source) == {
            "hostile/loop": "symlink-loop",
            "hostile/itself.jpg": "symlink-loop",
            "hostile/dangling.jpg": "dangling-link",
            "hostile/outside.jpg": "outside-link",
            "hostile/above": "outside-link",
            "hostile/alias": "linked-twice",
            "hostile/pipe.jpg": "not-a-file",
            "hostile/socket.jpg": "not-a-file",
        }
        for path in (
            "hostile/pipe.jpg",
            "hostile/outside.jpg",
            "../outside.jpg",
            "/etc/hostname",
            "hostile/folder.jpg",
        ):
            with pytest.raises(PictureError):
                source.read(path)


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    for name in (".store/one", ".store/album/two.jpg", "cats/real.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "cats" / "linked.jpg").symlink_to("../.store/one")
    (tmp_path / "dogs").symlink_to(".store/album")
    (tmp_path / ".store" / "album" / "round").symlink_to("../album")
    with open_source(tmp_path) as source:
        assert problems(source) == {"dogs/round": "symlink-loop"}
        assert {p: source.read(p) for p, e in listed(source).items() if not e.problem} == {
            "cats/linked.jpg": b".store/one",
            "cats/real.jpg": b"cats/real.jpg",
            "dogs/two.jpg": b".store/album/two.jpg",
        }


def test_two_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / one).mkdir()
        (tmp_path / one / "x.jpg").write_bytes(b"x")
        (tmp_path / one / "other").symlink_to(tmp_path / other)
    with open_source(tmp_path) as source:
        assert set(listed(source)) == {"a/x.jpg", "b/x.jpg", "a/other", "b/other"}
        assert set(problems(source).values()) == {"linked-twice"}


def test_a_picture_that_became_a_link_after_the_listing_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "a.jpg").write_bytes(b"x")
    with open_source(folder) as source:
        assert list(listed(source)) == ["a.jpg"]
        (folder / "a.jpg").unlink()
        (folder / "a.jpg").symlink_to(tmp_path / "secret.txt")
        with pytest.raises(PictureError, match="outside-link"):
            source.read("a.jpg")


def test_a_name_that_is_no_utf8_can_be_read_by_its_escaped_path(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9\\x\n.jpg")).write_bytes(b"coffee")
    with open_source(tmp_path) as source:
        assert list(listed(source)) == [r"caf\xe9\\x\x0a.jpg"]
        assert source.read(r"caf\xe9\\x\x0a.jpg") == b"coffee"


def test_reading_is_bounded_and_head_gives_the_start(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    with open_source(tmp_path) as source:
        assert source.head("a", 10) == bytes(10)
        assert source.read("a", 1000) == bytes(1000)
        with pytest.raises(PictureError, match="too-large"):
            source.read("a", 999)
        with pytest.raises(PictureError, match="unreadable"):
            source.read("missing")


def test_a_file_of_terabytes_is_named_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse.tif").open("wb") as file:
        file.truncate(2**40)
    with open_source(tmp_path) as source:
        assert problems(source) == {"sparse.tif": "too-large"}


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_must_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut").chmod(0)
    with open_source(tmp_path) as source:
        assert problems(source) == {"shut": "unreadable"}
    (tmp_path / "shut").chmod(0o700)


def test_a_folder_that_fails_while_it_is_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "good.jpg").write_bytes(b"x")
    scandir = os.scandir

    def failing(path: Any) -> Any:
        if str(path).endswith("bad"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    with open_source(tmp_path) as source:
        found = listed(source)
    assert (found["bad"].problem, found["bad"].detail) == ("unreadable", "permission denied")
    assert not found["good.jpg"].problem


def test_the_stamp_changes_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    with open_source(tmp_path) as source:
        before = listed(source)["a.jpg"].stamp
        assert listed(source)["a.jpg"].stamp == before
        status = file.stat()
        file.write_bytes(b"two")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time: the inode's own time tells
        assert listed(source)["a.jpg"].stamp != before


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A file below 1,200 folders, made and removed step by step: its whole path is longer than Python can recurse."""
    here = Path.cwd()
    os.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
    Path("deep.jpg").write_bytes(b"x")
    os.chdir(here)
    yield tmp_path
    os.chdir(tmp_path)
    for _ in range(1200):
        os.chdir("d")
    os.unlink("deep.jpg")  # noqa: PTH108
    for _ in range(1200):
        os.chdir("..")
        os.rmdir("d")  # noqa: PTH106
    os.chdir(here)


def test_folders_a_thousand_levels_deep_are_walked(deep: Path) -> None:
    with open_source(deep) as source:
        (entry,) = listed(source).values()
        assert entry.path == "d/" * 1200 + "deep.jpg"
        assert source.read(entry.path) == b"x"


@pytest.mark.parametrize("name", ["missing", "picture.jpg", "dangling"])
def test_a_wrong_source_says_what_to_give(name: str, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(2000))
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    with pytest.raises(UsageError, match=rf"{name}: .*; give ") as caught:
        open_source(tmp_path / name)
    assert caught.value.exit_status == 2
