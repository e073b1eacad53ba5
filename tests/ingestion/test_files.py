"""The way in of every table: the sample, the public original, and whatever a user may name."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from tasks.ingestion.asked import name_of
from tasks.ingestion.files import Source, locate_files
from tasks.platform import downloads
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.originals import all_originals
from tasks.platform.settings import settings


def write_two(folder: Path) -> None:
    (folder / "b.csv").write_text("x\n2\n")
    (folder / "a.csv").write_text("x\n1\n")


def locate(source: str, several: bool = False, originals: tuple[str, ...] = ()) -> Source:
    return locate_files(source, write_two, originals, (".csv", ".txt"), several)


def test_the_sample_is_written_once_and_in_order():
    found = locate("sample", several=True)
    assert [file.name for file in found.files] == ["a.csv", "b.csv"]
    assert found.name == "sample"
    before = [file.stat().st_mtime_ns for file in found.files]
    assert [file.stat().st_mtime_ns for file in locate("sample", several=True).files] == before
    digests = "".join(hashlib.sha256(f"x\n{number}\n".encode()).hexdigest() for number in (1, 2))
    assert found.sha256 == hashlib.sha256(digests.encode()).hexdigest()


def test_two_runs_write_the_sample_at_once():
    found: list[Source] = []
    threads = [threading.Thread(target=lambda: found.append(locate("sample", several=True))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({item.sha256 for item in found}) == 1
    samples = settings().cache_folder / "samples"
    assert len([item for item in samples.iterdir() if item.is_dir()]) == 1  # no half-written folder is left


def test_a_sample_that_cannot_be_written_is_no_sample():
    def broken(folder: Path) -> None:
        (folder / "a.csv").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        locate_files("sample", broken, (), (".csv",))
    assert not any((settings().cache_folder / "samples").glob("[!.]*"))
    assert not any((settings().cache_folder / "samples").iterdir())


def test_a_file_and_a_folder_of_ones_own(tmp_path: Path):
    write_two(tmp_path)
    (tmp_path / "notes.md").write_text("no table")
    one = locate(str(tmp_path / "a.csv"))
    assert one.file == tmp_path / "a.csv"
    assert one.sha256 == hashlib.sha256(b"x\n1\n").hexdigest()
    both = locate(str(tmp_path), several=True)
    assert [file.name for file in both.files] == ["a.csv", "b.csv"]
    assert len({one.name, both.name, locate(str(tmp_path / "b.csv")).name}) == 3
    with pytest.raises(UsageError, match=r"holds 2 .csv or .txt files; name one file"):
        locate(str(tmp_path))


@pytest.mark.parametrize("source", ["", "missing.csv", "public", "~/no/such/file.csv"])
def test_what_is_not_there_is_named_with_the_choices(source: str):
    with pytest.raises(UsageError, match=r"no such file or folder; give sample, a .csv or .txt file"):
        locate(source)


def test_a_folder_has_one_name_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_two(tmp_path)
    assert locate("~/a.csv").name == locate(str(tmp_path / "a.csv")).name
    assert name_of("https://one.example/x/Plays!.csv?key=secret") == name_of("https://one.example/x/Plays!.csv")
    assert name_of("https://one.example/x/Plays!.csv").startswith("plays-")
    assert name_of("https://one.example/?key=secret", "pictures").startswith("pictures-")


def test_a_device_and_a_pipe_are_no_files(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        with pytest.raises(UsageError, match=r"a device or a pipe, neither a file nor a folder; give .csv or .txt\.$"):
            locate(str(tmp_path / name))


def test_an_empty_folder_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"holds no .csv or .txt file; give another folder"):
        locate(str(tmp_path), several=True)


def test_addresses_are_held_to_the_rules(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="only https"):
        locate("http://example.org/table.csv")
    with pytest.raises(UsageError, match=r"a .csv or .txt file is wanted"):
        locate("https://example.org/table.exe?x=.csv")
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE"):
        locate("https://user:secret@example.org/table.csv")


def test_the_public_original_comes_from_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "marathon.csv").write_text("age\n31\n")
    digest = hashlib.sha256(b"age\n31\n").hexdigest()
    item = all_originals()["marathon"].model_copy(update={"sha256": digest, "bytes": 7})
    monkeypatch.setitem(downloads.ORIGINALS, "marathon", item)
    monkeypatch.setenv("CASEBOOK_MIRROR", str(tmp_path))
    settings.cache_clear()
    found = locate("public", originals=("marathon",))
    assert (found.name, found.sha256, found.file) == ("public", digest, tmp_path / "marathon.csv")
    assert "planted" in found.note


def test_the_pins_are_those_of_the_real_files(shared: Path):
    """Files marked as identical to the original in the folder of real files have the checksums that are pinned."""
    there = {path for path in shared.glob("data/*/*.*") if path.stat().st_size < 10**7}
    digests = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in there}
    named = [item for item in all_originals().values() if any(path.name == item.file_name for path in there)]
    assert len(named) >= 14
    for item in named:
        assert digests[item.sha256].stat().st_size == item.bytes, item.name
