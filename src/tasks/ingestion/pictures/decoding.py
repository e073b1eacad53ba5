"""What does a picture file show, as plain RGB and the right way up, and is the file one at all?

Every file is untrusted: its kind is told from its first bytes, its size from its header before a pixel is unpacked, and
whatever the decoder makes of hostile bytes comes out as a `PictureError` with a reason.
"""

import hashlib
import io
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

# The plugins of the formats read here; imported by name, so that Pillow need not load all the others to find them.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import __version__ as pillow_version

from tasks.ingestion.pictures import magic
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.magic import raw_picture, recognise

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
_PLUGINS = (
    *(AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Jpeg2KImagePlugin, JpegImagePlugin),
    *(PngImagePlugin, TiffImagePlugin, WebPImagePlugin),
)

MAX_PIXELS = 178_956_970  # where Pillow itself refuses too: as RGB about 700 MiB
BIG_PIXELS = 32_000_000  # above this, one picture at a time is decoded, whatever the number of threads
MIN_SIDE = 8
MAX_ASPECT = 50
MAX_SCANS = 500  # a progressive JPEG has about ten; each one costs a pass over the whole picture
MAX_PROFILE_BYTES = 4 * 2**20
LIGHT = 191  # mean grey from which a drawing on transparent ground would hardly be seen on white

_big = threading.Lock()
# What Pillow warns of (odd metadata, mostly) says nothing to the reader of a quarantine with a reason for each file.
# Set once, here: warning filters belong to the whole process, and decoding runs in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file says of itself: Pillow's format and mode, the size after orientation, EXIF orientation."""

    format: str
    mode: str
    width: int
    height: int
    orientation: int


def decode(content: bytes, side: int | None = None) -> Image.Image:
    """Decode a picture file to RGB: orientation applied, in the sRGB colour space.

    Where it is transparent it stands on white, and a light drawing on black, so that it is seen.

    Of an animation or a file of several pages this is the first picture. Pictures of 16 bits are scaled to 8, those of
    floating-point or 32-bit numbers are stretched to their own range unless they use a usual one.

    Args:
        content: the bytes of the file.
        side: a JPEG may come out smaller than it is (which is quicker), its short side still at least this many pixels.

    Raises:
        PictureError: the bytes are no picture, or none that can be used; `reason` is one of `empty`, `not-a-picture`,
            `unsupported`, `truncated`, `damaged`, `decompression-bomb`, `too-large`, `too-small`, `too-long-aspect`.
    """
    return examine(content, side)[1]


def examine(content: bytes, side: int | None = None) -> tuple[Header, Image.Image]:
    """Decode a picture file as `decode` does, and say what its header says.

    Raises:
        PictureError: as `decode`.
    """
    kind = recognise(content)
    if kind == "HEIF":
        _read_heic()
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as opened:
            header = _header(opened, kind)
            _check(header, content)
            with _big if header.width * header.height > BIG_PIXELS else nullcontext():
                return header, _pixels(opened, header, side)
    except PictureError:
        raise
    except Exception as error:  # on hostile bytes Pillow raises nearly anything
        raise _explained(error, kind, content) from error


@lru_cache(maxsize=1)
def _read_heic() -> None:
    """Teach Pillow to read HEIC, by the package of the extra `heic`."""
    import pillow_heif  # type: ignore[import-not-found]

    pillow_heif.register_heif_opener()


def _is_raw(opened: Any) -> bool:
    """Tell whether a TIFF is a raw camera picture: a DNG, the pattern of a sensor, or a preview in front of others."""
    tags = opened.tag_v2
    sensor = tags.get(262) in (32803, 34892)  # colour filter array, linear raw (TIFF/EP, DNG 1.4)
    preview = tags.get(254) == 1 and 330 in tags  # a small version first, the picture itself in sub-directories
    return 50706 in tags or sensor or preview  # 50706: DNGVersion


def _header(opened: Any, kind: str) -> Header:
    if kind == "TIFF" and _is_raw(opened):
        raise raw_picture()
    orientation = _orientation(opened)
    width, height = opened.size
    if orientation >= 5 and kind != "TIFF":  # Pillow gives the size of a TIFF as it will stand
        width, height = height, width
    return Header(kind, opened.mode, width, height, orientation)


def _orientation(opened: Any) -> int:
    """Return the EXIF orientation, 1 to 8; metadata that cannot be read are no reason to lose the picture."""
    try:
        value = opened.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - the parser of hostile metadata raises nearly anything; upright is the default
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _check(header: Header, content: bytes) -> None:
    short, long = sorted((header.width, header.height))
    size = f"{header.width} x {header.height} pixels"
    if short * long > MAX_PIXELS:
        raise PictureError(
            "decompression-bomb", f"{len(content):,} bytes that claim {size}; at most {MAX_PIXELS:,} in all"
        )
    if short < MIN_SIDE:
        raise PictureError("too-small", f"{size}; each side needs at least {MIN_SIDE}")
    if long > MAX_ASPECT * short:
        raise PictureError("too-long-aspect", f"{size}; one side is more than {MAX_ASPECT} times the other")
    if header.format == "JPEG" and (scans := content.count(b"\xff\xda")) > MAX_SCANS:
        raise PictureError("decompression-bomb", f"a JPEG of {scans:,} scans; at most {MAX_SCANS} are decoded")


def _pixels(opened: Any, header: Header, side: int | None) -> Image.Image:
    width, height = opened.size
    if side is not None and header.format == "JPEG":
        # Asks for one pixel too many rather than too few: Pillow takes the next larger eighth.
        opened.draft(None, (-(-width * side // min(width, height)), -(-height * side // min(width, height))))
    opened.load()
    picture = _rgb(opened)
    if header.orientation != 1 and header.format != "TIFF":  # Pillow turns a TIFF by itself when it loads it
        picture = picture.transpose(_UPRIGHT[header.orientation])
    return picture


def _rgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        picture = _grounded(picture.convert("RGBA"))
    if picture.mode not in ("RGB", "CMYK"):
        return picture.convert("RGB")
    transform = _to_srgb(profile, picture.mode) if isinstance(profile, bytes) else None
    if transform is not None:
        return transform.apply(picture)
    return picture if type(picture) is Image.Image else picture.convert("RGB")


def _grounded(layer: Image.Image) -> Image.Image:
    """Put what is transparent on white, and on black where the picture itself is light: white on white is nothing."""
    alpha = layer.getchannel("A")
    small = layer.copy()
    small.thumbnail((256, 256), Image.Resampling.BOX)  # premultiplied: what cannot be seen does not count
    weight = np.asarray(small.getchannel("A"), np.float64)
    grey = np.asarray(small.convert("L"), np.float64)
    light = weight.any() and (grey * weight).sum() / weight.sum() > LIGHT
    ground = Image.new("RGB", layer.size, "black" if light else "white")
    ground.paste(layer, mask=alpha)
    return ground


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale grey values of more than 8 bits to uint8; 16 bits keep their high byte, as Pillow does for 16-bit RGB."""
    if values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if values.dtype.kind == "i" and low >= 0 and 255 < high <= 65535:
        return (values >> 8).astype(np.uint8)
    if low >= 0 and high <= 1 and values.dtype.kind == "f":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    filled = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.rint((np.clip(filled, low, high) - low) * (255 / max(high - low, 1e-300))).astype(np.uint8)


@lru_cache(maxsize=32)
def _to_srgb(profile: bytes, mode: str) -> Any:
    """Return the transform from an embedded colour profile to sRGB, or None where there is nothing to do.

    A profile that is broken or made for another colour space is left alone, as picture viewers do.
    """
    from PIL import ImageCms

    if len(profile) > MAX_PROFILE_BYTES or b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != mode:
            return None
        target = ImageCms.createProfile("sRGB")
        # Without lcms' memory of the last colour a transform may serve several threads.
        return ImageCms.buildTransform(source, target, mode, "RGB", flags=ImageCms.Flags.NOCACHE)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _explained(error: Exception, kind: str, content: bytes) -> PictureError:
    """Say what an exception of the decoder means for the file."""
    message = str(error).strip()
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return PictureError("decompression-bomb", f"a {kind} file that claims more than {MAX_PIXELS:,} pixels")
    if isinstance(error, MemoryError):
        return PictureError("too-large", f"a {kind} file that asks for more memory than there is")
    if isinstance(error, EOFError) or "truncated" in message.lower() or _cut(kind, content):
        return PictureError("truncated", f"a {kind} file that ends too early")
    if not message or " at 0x" in message:  # names an object by its address, which tells the reader nothing
        message = "its header makes no sense"
    return PictureError("damaged", f"a {kind} file that cannot be decoded: {message[:200]}")


def _cut(kind: str, content: bytes) -> bool:
    """Tell whether the file is shorter than it says, for formats whose decoder does not."""
    if kind == "WEBP":
        return len(content) < 12 or len(content) < 8 + int.from_bytes(content[4:8], "little")
    if kind == "JPEG":
        return b"\xff\xda" not in content  # not even the first scan has begun
    if kind == "TIFF":  # the directory, which most writers put last, is not there
        return int.from_bytes(content[4:8], "little" if content[:1] == b"I" else "big") >= len(content)
    return kind == "PNG" and b"IEND" not in content[-64:]


def perceptual_hash(picture: Image.Image) -> int:
    """Return the 64-bit pHash: near-duplicates (re-encoded, rescaled) differ in few bits, other pictures in about half.

    The picture as 32 x 32 grey values, the 8 x 8 lowest coefficients of its discrete cosine transform, one bit each for
    above their median (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010); the same
    bits as `imagehash.phash` gives.
    """
    grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    low = (COSINES @ grey @ COSINES.T).ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


COSINES = np.cos(np.pi / 32 * np.outer(np.arange(8), np.arange(32) + 0.5))  # DCT-II, rows of frequency 0 to 7


@lru_cache(maxsize=1)
def decoder_digest() -> str:
    """Return a digest of what decoded pictures and their hashes depend on: this code and Pillow."""
    sources = b"".join(Path(str(file)).read_bytes() for file in (__file__, magic.__file__))
    return hashlib.sha256(sources + pillow_version.encode()).hexdigest()[:16]
