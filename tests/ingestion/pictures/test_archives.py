"""Zip and tar: nothing leads out of them, no size is believed, and damage costs only what is damaged."""

import io
import os
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.ingestion.pictures import entries, tars, zips
from tasks.ingestion.pictures.entries import Entry, PictureError, PictureSource
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import UsageError

CONTENT = {f"{label}/{n}.jpg": bytes([n]) * (1000 + n) for label in ("cats", "dogs") for n in range(5)}
MODES = {"plain.tar": "w", "gzip.tgz": "w:gz", "bzip2.tar.bz2": "w:bz2", "xz.tar.xz": "w:xz"}


def make_zip(path: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, content: dict[str, bytes], mode: str = "w", **options: int) -> Path:
    with tarfile.open(path, mode, **options) as archive:  # type: ignore[call-overload]
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def everything(source: PictureSource) -> dict[str, bytes]:
    return {entry.path: source.read(entry.path) for entry in source.entries() if not entry.problem}


def problems(source: PictureSource) -> list[tuple[str, str]]:
    return [(entry.path, entry.problem) for entry in source.entries() if entry.problem]


@pytest.fixture(params=["stored.zip", "deflated.zip", "bzip2.zip", "lzma.zip", *MODES])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """`archive(content)`: the content in each kind of archive; the name says nothing about it."""
    methods = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}
    methods |= {"bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
    kind = request.param
    path = tmp_path / "archive"
    if kind in MODES:
        return lambda content: make_tar(path, content, MODES[kind])
    return lambda content: make_zip(path, content, methods[kind.partition(".")[0]])


Archive = Callable[[dict[str, bytes]], Path]


def test_every_kind_of_archive_gives_what_was_put_in(archive: Archive) -> None:
    with open_source(archive(dict(reversed(CONTENT.items())))) as source:
        found = list(source.entries())
        assert [entry.path for entry in found] == sorted(CONTENT)
        assert [entry.bytes for entry in found] == [len(CONTENT[entry.path]) for entry in found]
        assert everything(source) == CONTENT
        assert source.head("cats/3.jpg", 7) == b"\3" * 7
        with pytest.raises(PictureError, match="too-large"):
            source.read("cats/3.jpg", 1002)
        with pytest.raises(PictureError, match="unreadable"):
            source.read("cats/99.jpg")


def test_many_threads_read_at_once(archive: Archive) -> None:
    content = {f"{n}.jpg": os.urandom(20_000) for n in range(40)}
    with open_source(archive(content)) as source, ThreadPoolExecutor(8) as pool:
        names = list(content) * 4
        assert list(pool.map(source.read, names)) == [content[name] for name in names]


def test_names_that_lead_out_of_the_archive_are_named_and_cannot_be_read(archive: Archive) -> None:
    bad = ["../up.jpg", "a/../../up.jpg", "/etc/passwd", "C:/x.jpg", "c:\\x.jpg", "a\\..\\x.jpg", "..", "a/.."]
    with open_source(archive(dict.fromkeys(bad, b"x") | {"etc/passwd": b"good", "a..b/c.jpg": b"good"})) as source:
        assert sorted(p.replace("\\\\", "\\") for p, _ in problems(source)) == sorted(bad)
        assert {reason for _, reason in problems(source)} == {"outside-archive"}
        assert everything(source) == {"etc/passwd": b"good", "a..b/c.jpg": b"good"}
        with pytest.raises(PictureError):
            source.read("../up.jpg")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_of_two_entries_with_one_name_the_last_counts(tmp_path: Path) -> None:
    both = [("a.jpg", b"first"), ("./a.jpg", b"last"), ("b.jpg", b"only")]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as zipped, tarfile.open(tmp_path / "x.tar", "w") as tarred:
        for name, data in both:
            zipped.writestr(name, data)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tarred.addfile(info, io.BytesIO(data))
    for name in ("x.zip", "x.tar"):
        with open_source(tmp_path / name) as source:
            assert problems(source) == [("a.jpg", "duplicate-name")]
            assert everything(source) == {"a.jpg": b"last", "b.jpg": b"only"}


def test_hidden_entries_are_passed_over(archive: Archive) -> None:
    with open_source(archive({"__MACOSX/a.jpg": b"x", "b/.c": b"x", ".d/e.jpg": b"x", "./f.jpg": b"x"})) as source:
        assert list(everything(source)) == ["f.jpg"]
        assert source.skipped == 3


def test_links_and_devices_are_no_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        kinds = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "dev": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE}
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    with open_source(tmp_path / "x.tar") as source:
        assert problems(source) == [(name, "not-a-file") for name in sorted(kinds)]
    info = zipfile.ZipInfo("link.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as zipped:
        zipped.writestr(info, "/etc/passwd")
    with open_source(tmp_path / "x.zip") as source:
        assert problems(source) == [("link.jpg", "not-a-file")]


def test_an_encrypted_entry_is_named(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"a.jpg": b"aaaa", "b.jpg": b"bbbb"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with open_source(path) as source:
        assert problems(source) == [("a.jpg", "encrypted")]
        assert everything(source) == {"b.jpg": b"bbbb"}


def test_an_entry_with_a_wrong_checksum_is_damaged_and_the_others_are_not(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", CONTENT, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.rindex(CONTENT["dogs/3.jpg"][:500])] ^= 255
    path.write_bytes(data)
    with open_source(path) as source:
        with pytest.raises(PictureError, match="damaged-archive-entry"):
            source.read("dogs/3.jpg")
        assert source.read("dogs/2.jpg") == CONTENT["dogs/2.jpg"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_any_flipped_byte_of_an_entry_is_noticed_or_harmless(tmp_path: Path, method: int) -> None:
    content = {"a.jpg": os.urandom(200) * 3}
    path = make_zip(tmp_path / "x.zip", content, method)
    whole = path.read_bytes()
    end = whole.index(b"PK\1\2")
    for at in range(0, end, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            with open_source(path) as source:
                assert source.read("a.jpg") == content["a.jpg"]
        except (PictureError, UsageError):
            continue


def test_a_declared_size_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_zip(tmp_path / "x.zip", {"bomb.bmp": bytes(5_000_000), "huge.bmp": b"x", "small.bmp": bytes(9000)})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 100)  # says 100 bytes, unpacks to five million
    at = data.index(b"PK\1\2", at + 4)
    struct.pack_into("<I", data, at + 24, 2**31)
    path.write_bytes(data)
    with open_source(path) as source:
        assert problems(source) == [("huge.bmp", "decompression-bomb")]
        with pytest.raises(PictureError, match="damaged-archive-entry"):
            source.read("bomb.bmp")
        assert source.read("small.bmp") == bytes(9000)
    monkeypatch.setattr(entries, "MAX_FILE_BYTES", 5000)
    with open_source(path) as source:
        assert ("small.bmp", "too-large") in problems(source)


def test_what_unpacks_to_very_much_more_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "RATIO_MATTERS_FROM", 1_000_000)
    path = make_zip(tmp_path / "x.zip", {"bomb.bmp": bytes(2_000_000), "white.bmp": bytes(900_000)})
    with open_source(path) as source:
        assert problems(source) == [("bomb.bmp", "decompression-bomb")]


def test_a_compressed_tar_that_is_a_bomb_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(tars, "TAR_RATIO_MATTERS_FROM", 1_000_000)
    path = make_tar(tmp_path / "x.tgz", {"bomb.bmp": bytes(50_000_000)}, "w:gz")
    with pytest.raises(UsageError, match=r"x\.tgz: unpacks to more than"):
        open_source(path)
    assert list((home / "scratch").iterdir()) == []


def test_no_room_on_the_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "ROOM_LEFT", 2**80)
    with pytest.raises(UsageError, match="no room"):
        open_source(make_tar(tmp_path / "x.tgz", CONTENT, "w:gz"))


def test_a_compressed_tar_is_unpacked_once(tmp_path: Path, home: Path) -> None:
    path = make_tar(tmp_path / "x.tgz", CONTENT, "w:gz")
    stale = home / "scratch" / "of-another-time.part"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"x")
    os.utime(stale, (time.time() - 30 * 86400,) * 2)
    with open_source(path) as source:
        assert everything(source) == CONTENT
    (unpacked,) = (home / "scratch").iterdir()
    assert unpacked.suffix == ".tar"
    before = unpacked.stat().st_ino
    with open_source(path) as source:
        assert everything(source) == CONTENT
    assert unpacked.stat().st_ino == before


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"x.jpg": b"x"}).read_bytes()
    path = make_tar(tmp_path / "outer", {"a.jpg": b"a", "inner.zip": inner})
    with open_source(path) as source:
        assert list(everything(source)) == ["a.jpg", "inner.zip"]


def test_what_a_cut_tar_still_holds_is_read(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x.tar", CONTENT)
    data = path.read_bytes()
    path.write_bytes(data[: 6 * 1536 + 512 + 100])
    with open_source(path) as source:
        assert ("(rest of the archive)", "damaged-archive-entry") in problems(source)
        readable = [entry.path for entry in source.entries() if not entry.problem]
        assert readable[:6] == sorted(CONTENT)[:6]
        assert all(source.read(name) == CONTENT[name] for name in readable[:6])


def test_a_damaged_header_in_the_middle_of_a_tar_is_noticed(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x.tar", CONTENT)
    data = bytearray(path.read_bytes())
    at = data.index(b"dogs/1.jpg")
    data[at + 120 : at + 160] = os.urandom(40)
    path.write_bytes(data)
    with open_source(path) as source:
        assert ("(rest of the archive)", "damaged-archive-entry") in problems(source)
        assert set(everything(source)) == {name for name in CONTENT if name < "dogs/1.jpg"}


def test_a_header_that_leads_backwards_ends(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    first = info.tobuf(tarfile.GNU_FORMAT)
    back = tarfile.TarInfo("b.jpg")
    header = bytearray(back.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + (-1024 & 0xFFFF).to_bytes(2, "big")  # a negative size, in base 256
    header[148:156] = b"        "
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    (tmp_path / "x.tar").write_bytes(first + bytes(header) + bytes(1024))
    with open_source(tmp_path / "x.tar") as source:
        assert next(entry.path for entry in source.entries() if not entry.problem) == "a.jpg"


@pytest.mark.parametrize("start", [b"PK\3\4", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"", b"text", b"\0ustar"])
def test_a_broken_archive_is_a_usage_error_that_names_it(start: bytes, tmp_path: Path) -> None:
    content = bytes(256) + start + b"rubbish" * 200 if b"ustar" in start else start + b"rubbish" * 200
    (tmp_path / "broken.bin").write_bytes(content if start else b"")
    with pytest.raises(UsageError, match=r"broken\.bin: "):
        open_source(tmp_path / "broken.bin")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_cut_compressed_tar_is_a_usage_error(mode: str, tmp_path: Path, home: Path) -> None:
    path = make_tar(tmp_path / "x.tar.z", {"a.jpg": os.urandom(50_000)}, mode)
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(UsageError, match=r"x\.tar\.z: a broken compressed tar"):
        open_source(path)
    assert list((home / "scratch").iterdir()) == []


def test_a_compressed_file_that_is_no_tar_is_a_usage_error(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "a.jpg.gz").write_bytes(gzip.compress(b"\xff\xd8\xff" + bytes(5000)))
    with pytest.raises(UsageError, match="not a tar"):
        open_source(tmp_path / "a.jpg.gz")


def test_utf8_names_without_the_flag_are_read_as_utf8(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"Bär/ä.jpg": b"x"})
    data = path.read_bytes()
    at, central = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    patched = bytearray(data)
    patched[at + 7] &= ~8
    patched[central + 9] &= ~8
    path.write_bytes(patched)
    with open_source(path) as source:
        assert everything(source) == {"Bär/ä.jpg": b"x"}


def test_stamps_follow_the_content_of_the_archive(tmp_path: Path) -> None:
    def stamps(path: Path) -> list[str]:
        with open_source(path) as source:
            return [entry.stamp for entry in source.entries()]

    for make in (make_zip, make_tar):
        one = make(tmp_path / "one", CONTENT)
        copy = tmp_path / "copy"
        copy.write_bytes(one.read_bytes())
        assert stamps(one) == stamps(copy)
        assert len(set(stamps(one))) == len(CONTENT)
        other = make(tmp_path / "other", CONTENT | {"cats/0.jpg": b"changed"})
        assert not set(stamps(one)) & set(stamps(other))


def test_entry_of_problem_has_no_stamp_to_be_remembered_by() -> None:
    assert Entry("a", problem="encrypted").stamp == ""
