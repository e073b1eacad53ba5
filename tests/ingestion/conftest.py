"""Pictures to read, good ones and hostile ones, each with the reason that its quarantine row has to carry."""

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Photo = Callable[..., Image.Image]
Encode = Callable[..., bytes]


def _photo(seed: int = 0, size: tuple[int, int] = (96, 64)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def _encode(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"quality": 90} if kind == "JPEG" else {}) | options)
    return buffer.getvalue()


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, data: bytes, *extra: bytes) -> bytes:
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = _png_chunk(b"IDAT", zlib.compress(data, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + _png_chunk(b"IEND", b"")


def _bmp(width: int, height: int, data: bytes = b"\0" * 64) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + header + data


def _nested_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.jpg", _encode(_photo()))
    return buffer.getvalue()


def _hostile() -> dict[str, tuple[str, bytes]]:
    """Return name -> (reason, content) of files that are no usable picture, each in its own way."""
    photo = _photo(1)
    jpeg, png, webp = _encode(photo), _encode(photo, "PNG"), _encode(photo, "WEBP")
    gif, tiff = _encode(photo, "GIF"), _encode(photo, "TIFF", compression="tiff_lzw")
    zeros = bytes(20_000_000)
    return {
        "empty.jpg": ("empty", b""),
        "cut.jpg": ("truncated", jpeg[: len(jpeg) // 2]),
        "only-a-header.jpg": ("truncated", jpeg[:20]),
        "cut.png": ("truncated", png[: len(png) // 2]),
        "cut.webp": ("truncated", webp[: len(webp) // 2]),
        "cut.gif": ("truncated", gif[: len(gif) - len(gif) // 3]),
        "cut.bmp": ("truncated", _encode(photo, "BMP")[:4000]),
        "cut.tif": ("truncated", tiff[: len(tiff) // 2]),
        "text.jpg": ("not-a-picture", b"This was never a picture.\n" * 40),
        "README.txt": ("not-a-picture", "Bilder vom Münsterplatz\n".encode()),
        "table.csv": ("not-a-picture", b"BMX,price\n1,2\n"),
        "page.png": ("not-a-picture", b"<!DOCTYPE html><html><body>404 not found</body></html>"),
        "random.jpg": ("not-a-picture", np.random.default_rng(5).bytes(3000)),
        "magic-then-random.jpg": ("truncated", b"\xff\xd8\xff\xe0" + np.random.default_rng(5).bytes(3000)),
        "magic-then-random.png": ("truncated", b"\x89PNG\r\n\x1a\n" + np.random.default_rng(5).bytes(3000)),
        "huge-header.png": ("decompression-bomb", _png(60_000, 60_000, b"\0")),
        "inflates.png": ("decompression-bomb", _png(20_000, 20_000, zeros)),
        "text-bomb.png": (
            "damaged",
            _png(32, 32, bytes(33 * 32), _png_chunk(b"zTXt", b"a\0\0" + zlib.compress(zeros))),
        ),
        "huge.gif": ("decompression-bomb", b"GIF89a" + struct.pack("<HH", 65535, 65535) + gif[10:]),
        "no-frame.gif": ("damaged", gif[:13] + gif[-20:]),
        "huge.webp": ("decompression-bomb", _huge_webp(webp)),
        "negative.bmp": ("decompression-bomb", _bmp(-32, 32)),
        "huge.bmp": ("decompression-bomb", _bmp(2_000_000, 2_000_000)),
        "flat.bmp": ("damaged", _bmp(32, 0)),
        "no-entries.tif": ("damaged", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        "points-nowhere.tif": ("truncated", b"II*\0\xff\xff\xff\x7f"),
        "drawing.svg": ("unsupported", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
        "document.pdf": ("not-a-picture", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
        "phone.heic": ("unsupported", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)),
        "film.mp4": ("not-a-picture", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(40)),
        "layers.psd": ("unsupported", b"8BPS\0\1" + bytes(40)),
        "nested.zip": ("not-a-picture", _nested_zip()),
        "dot.png": ("too-small", _encode(Image.new("RGB", (1, 1)), "PNG")),
        "hair.png": ("too-long-aspect", _encode(Image.new("RGB", (2000, 8)), "PNG")),
        "scans.jpg": ("decompression-bomb", jpeg[:-2] + b"\xff\xda\0\2" * 600 + b"\xff\xd9"),
        "<img src=x onerror=alert(1)>.jpg": ("empty", b""),
        "line\nbreak\x1b[31m.jpg": ("empty", b""),
    }


def _huge_webp(webp: bytes) -> bytes:
    extended = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (16382).to_bytes(3, "little") * 2 + webp[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended


@pytest.fixture(scope="session")
def photo() -> Photo:
    """`photo(seed, size)`: a smooth picture that is like no other seed's."""
    return _photo


@pytest.fixture(scope="session")
def encode() -> Encode:
    """`encode(picture, "PNG", …)`: the bytes of a file."""
    return _encode


@pytest.fixture(scope="session")
def hostile() -> dict[str, tuple[str, bytes]]:
    """Name -> (reason, content) of more than twenty kinds of unusable files."""
    return _hostile()


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A folder of twelve good pictures in three labelled folders."""
    folder = tmp_path / "collection"
    for n in range(12):
        file = folder / ("ants", "bees", "cats")[n % 3] / f"{n:02d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_encode(_photo(n)))
    return folder


@pytest.fixture
def hostile_folder(collection: Path, hostile: dict[str, tuple[str, bytes]], tmp_path: Path) -> Iterator[Path]:
    """The good pictures among hostile files, links, pipes and sockets."""
    place = collection / "hostile"
    place.mkdir()
    for name, (_, content) in hostile.items():
        (place / name).write_bytes(content)
    (place / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    (place / "folder.jpg").mkdir()
    (tmp_path / "outside.jpg").write_bytes(_encode(_photo(99)))
    (place / "loop").symlink_to(collection)
    (place / "itself.jpg").symlink_to(place / "itself.jpg")
    (place / "dangling.jpg").symlink_to(place / "nothing.jpg")
    (place / "outside.jpg").symlink_to(tmp_path / "outside.jpg")
    (place / "above").symlink_to(tmp_path)
    (place / "alias").symlink_to(collection / "ants")
    os.mkfifo(place / "pipe.jpg")
    here = Path.cwd()
    os.chdir(place)  # the path of a socket may be no longer than about a hundred characters
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
            yield collection
    finally:
        os.chdir(here)
