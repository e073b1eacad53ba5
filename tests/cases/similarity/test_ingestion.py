"""Finding a collection: by word, by path, by address, and inside the archive that its publisher wrapped around it."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tasks.cases.similarity.ingestion import locate_pictures
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform import downloads
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.settings import settings

locate = locate_pictures.fn


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, 90, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


def published() -> bytes:
    """A zip as Caltech publishes it: the pictures in a compressed tar inside."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for number, name in enumerate(["cup/1.jpg", "cup/2.jpg", "lamp/1.jpg"]):
            member = tarfile.TarInfo(f"101_ObjectCategories/{name}")
            content = jpeg(40 * number)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("caltech-101/101_ObjectCategories.tar.gz", inner.getvalue())
        archive.writestr("caltech-101/Annotations.tar", b"")
    return outer.getvalue()


def test_the_sample_comes_with_an_unseen_query() -> None:
    place = locate("sample")
    assert place.name == "sample"
    assert Path(place.query).is_file()
    assert not Path(place.query).is_relative_to(place.collection)


def test_own_pictures_have_no_query_and_a_name_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "My Photos!").mkdir()
    (tmp_path / "other").mkdir()
    first, second = locate(str(tmp_path / "My Photos!")), locate(str(tmp_path / "other"))
    assert first.query == ""
    assert first.name.startswith("my-photos-")
    assert first.name != second.name


@pytest.mark.parametrize(("source", "query"), [("/no/such", ""), ("sample", "/no/such.jpg")])
def test_a_path_that_does_not_exist_is_named(source: str, query: str) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        locate(source, query)


def test_the_published_archive_is_opened_to_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = published()
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "caltech-101.zip").write_bytes(content)
    item = downloads.ORIGINALS["caltech101"].model_copy(
        update={"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    )
    monkeypatch.setitem(downloads.ORIGINALS, "caltech101", item)
    monkeypatch.setenv("CASEBOOK_MIRROR", str(tmp_path / "mirror"))
    settings.cache_clear()
    place = locate("public")
    assert place.name == "caltech101"
    manifest = read_pictures.fn(scan_pictures.fn(place.collection), place.collection).manifest
    assert sorted(manifest["label"]) == ["cup", "cup", "lamp"]
    assert locate("public") == place


class Handler(http.server.BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200 if self.path.startswith("/pictures.zip") else 404)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.jpg", jpeg(60 * number))
    Handler.content = buffer.getvalue()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_archive_behind_an_address(address: str) -> None:
    place = locate(f"{address}/pictures.zip?token=secret")
    assert len(scan_pictures.fn(place.collection)) == 3
    assert "secret" not in place.name
    assert "secret" not in place.collection


def test_an_address_that_is_refused_or_not_https(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CasebookError, match="404"):
        locate(f"{address}/nothing.zip")
    with pytest.raises(UsageError, match="only https"):
        locate("http://example.org/pictures.zip?token=secret")
    with pytest.raises(UsageError, match="https address"):
        locate("file:///etc/passwd")
    monkeypatch.setenv("CASEBOOK_OFFLINE", "true")
    settings.cache_clear()
    with pytest.raises(CasebookError, match="CASEBOOK_OFFLINE"):
        locate(f"{address}/pictures.zip")
