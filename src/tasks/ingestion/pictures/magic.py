"""Is this file a picture, by its first bytes, and if not, what is it instead?"""

import importlib.util
import struct

from tasks.ingestion.pictures.entries import PictureError

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
}
RAW = "a raw camera picture, which holds no finished picture but a small preview"
RAW_NAMES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc", ".mef", ".mos"),
    *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
_RAW = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILM", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR", b"IIIITIFF")
_UNSUPPORTED = {
    b"8BPS": "a Photoshop document",
    b"\0\0\1\0": "an icon",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"%!PS": "a PostScript document",
    b"SIMPLE  =": "a FITS picture",
    b"v/1\1": "an OpenEXR picture",
    b"gimp xcf": "a GIMP document",
    b"qoif": "a QOI picture",
    b"DDS ": "a DirectDraw texture",
}
_OTHER = {
    b"%PDF": "a PDF document",
    b"PK\3\4": "a zip archive",
    b"PK\5\6": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format": "a database",
    b"RIFF": "sound or film",
    b"\x1aE\xdf\xa3": "a film",
    b"ID3": "sound",
}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
NO_HEIC = "a HEIC picture; install the extra heic (pip install 'casebook[heic]'), or export it as JPEG or PNG"


def recognise(content: bytes) -> str:
    """Return the format of a picture file by its first bytes (512 are enough), as Pillow names it.

    Raises:
        PictureError: `empty`, `not-a-picture` or `unsupported`, saying what it is instead where that can be told.
    """
    if not content:
        raise PictureError("empty", "the file has no content")
    if content.startswith(_RAW) or (content.startswith(b"II*\0") and content[8:10] == b"CR"):
        raise raw_picture()
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content.startswith(b"BM") and content[14:18] in {
        struct.pack("<I", n) for n in (12, 16, 40, 52, 56, 64, 108, 124)
    }:
        return "BMP"
    if content[4:8] == b"ftyp" and (kind := _boxed(content)):
        return kind
    for magic, what in _UNSUPPORTED.items():
        if content.startswith(magic):
            raise PictureError("unsupported", f"{what}; export it as JPEG or PNG to include it")
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        raise PictureError("unsupported", "an SVG drawing; export it as JPEG or PNG to include it")
    raise PictureError("not-a-picture", f"the content is {_what_else(content, start)}")


def _boxed(content: bytes) -> str:
    """Return the format of a picture in ISO boxes by its brands; "" for a film.

    Raises:
        PictureError: `unsupported`: a raw camera picture, or HEIC without the extra that reads it.
    """
    length = min(int.from_bytes(content[:4], "big"), 512)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, length, 4))]
    if brands[0] == b"crx ":
        raise raw_picture()
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if brands[0] not in _HEIC:
        return ""
    if importlib.util.find_spec("pillow_heif") is None:
        raise PictureError("unsupported", NO_HEIC)
    return "HEIF"


def raw_picture() -> PictureError:
    """Return the error of a raw camera picture."""
    return PictureError("unsupported", f"{RAW}; export it as JPEG or PNG to include it")


def check_name(path: str, content: bytes) -> None:
    """Check that a file that begins as a TIFF is no raw camera picture by its name.

    Raises:
        PictureError: `unsupported`.
    """
    if content[:2] in (b"II", b"MM") and path.lower().endswith(RAW_NAMES):
        raise raw_picture()


def _what_else(content: bytes, start: bytes) -> str:
    for magic, what in _OTHER.items():
        if content.startswith(magic):
            return what
    if content[4:8] == b"ftyp":
        return "a film"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    control = sum(byte < 32 and byte not in b"\t\r\n\f" for byte in content[:512])
    return "no picture format known here" if control else "text"
