"""Pictures of object storage: listed and read as those of a folder are, and what cannot be had is said."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tasks.ingestion import buckets
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.settings import settings


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a folder of a storage in memory."""
    monkeypatch.setitem(buckets.SCHEMES, "memory", "memory")
    monkeypatch.setenv("CASEBOOK_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    name = f"memory://{uuid.uuid4().hex}"
    yield name
    memory = fsspec.filesystem("memory")
    if memory.exists(name):
        memory.rm(name, recursive=True)
    settings.cache_clear()


def fill(storage: str, folder: Path, photo, encode) -> dict[str, bytes]:
    """Put the same files into both."""
    files = {f"kind{number % 2}/{number} ä.jpg": encode(photo(number)) for number in range(6)}
    files |= {"kind0/cut.jpg": encode(photo(9))[:200], "kind1/.hidden.jpg": b"x", "kind1/note.txt": b"no picture"}
    for name, content in files.items():
        fsspec.filesystem("memory").pipe_file(f"{storage}/{name}", content)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return files


def test_a_stored_collection_is_that_of_a_folder(storage: str, tmp_path: Path, photo, encode):
    files = fill(storage, tmp_path / "pictures", photo, encode)
    here, there = str(tmp_path / "pictures"), storage
    one, other = (read_pictures.fn(scan_pictures.fn(place), place) for place in (here, there))
    assert other.manifest.equals(one.manifest)
    assert other.quarantine.equals(one.quarantine)
    assert len(other.manifest) == 6
    with open_source(storage) as opened:
        assert [entry.path for entry in opened.entries()] == sorted(set(files) - {"kind1/.hidden.jpg"})
        assert opened.skipped == 1
        assert opened.head("kind0/0 ä.jpg", 7) == files["kind0/0 ä.jpg"][:7]
        assert opened.read("kind0/0 ä.jpg") == files["kind0/0 ä.jpg"]
        with pytest.raises(PictureError, match="too-large"):
            opened.read("kind0/0 ä.jpg", 100)
        with pytest.raises(PictureError, match="unreadable"):
            opened.read("kind0/gone.jpg")


def test_a_changed_file_has_another_stamp(storage: str, tmp_path: Path, photo, encode):
    fill(storage, tmp_path / "pictures", photo, encode)
    before = scan_pictures.fn(storage).set_index("path")["stamp"]
    fsspec.filesystem("memory").pipe_file(f"{storage}/kind0/0 ä.jpg", encode(photo(50)))
    after = scan_pictures.fn(storage).set_index("path")["stamp"]
    assert before.index[before != after].tolist() == ["kind0/0 ä.jpg"]


def test_what_cannot_be_read_is_said(storage: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="nothing is there"):
        scan_pictures.fn(f"{storage}/nothing")
    with pytest.raises(UsageError, match="credentials"):
        open_source("s3://key:secret@bucket/x")
    monkeypatch.setenv("CASEBOOK_OFFLINE", "1")
    settings.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE"):
        open_source(storage)
