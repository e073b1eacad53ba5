"""Decoding: known pixels in every variant, and a reason for whatever else the bytes may be."""

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import imagehash
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from tasks.ingestion.pictures.decoding import MAX_PIXELS, decode, examine, perceptual_hash
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.magic import check_name, recognise

# Pillow warns of odd metadata; decoding.py ignores that when it is imported, which pytest undoes for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def pixels(content: bytes) -> np.ndarray:
    picture = decode(content)
    assert picture.mode == "RGB"
    assert type(picture) is Image.Image
    return np.asarray(picture)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_formats_give_their_very_pixels(kind: str, photo: Any, encode: Any) -> None:
    picture = photo(3) if kind != "GIF" else photo(3).quantize(64)
    assert np.array_equal(pixels(encode(picture, kind)), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 98, "subsampling": 0}), ("WEBP", {"quality": 98})])
def test_lossy_formats_come_close(kind: str, options: dict[str, int], photo: Any, encode: Any) -> None:
    got = pixels(encode(photo(3), kind, **options)).astype(int)
    assert np.abs(got - np.asarray(photo(3)).astype(int)).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_and_not_clipped(kind: str, encode: Any) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    got = pixels(encode(Image.fromarray(np.tile(ramp, (16, 1))), kind))
    assert np.array_equal(got[0, :, 0], (ramp >> 8).astype(np.uint8))
    assert (got == got[..., :1]).all()


def test_big_endian_grey_of_16_bits(encode: Any) -> None:
    ramp = np.linspace(0, 65535, 64).astype(">u2")
    picture = Image.frombytes("I;16B", (64, 16), np.tile(ramp, (16, 1)).tobytes())
    assert np.array_equal(pixels(encode(picture, "TIFF"))[5, :, 1], (ramp >> 8).astype(np.uint8))


def test_rgb_of_16_bits(photo: Any) -> None:
    deep = np.asarray(photo(2, (32, 16))).astype(np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 16, 16, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert np.array_equal(pixels(content), np.asarray(photo(2, (32, 16))))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 1, 64), np.rint(np.linspace(0, 255, 64))),
        (np.linspace(0, 200, 64), np.rint(np.linspace(0, 200, 64))),
        (np.linspace(-1000, 3000, 64), np.rint(np.linspace(0, 255, 64))),
        (np.array([np.nan, np.inf, -np.inf, 0.25] + [0.5] * 60), [0, 255, 0, 64] + [128] * 60),
        (np.full(64, np.nan), np.zeros(64)),
    ],
)
def test_floating_point_tiff(values: np.ndarray, expected: np.ndarray, encode: Any) -> None:
    picture = Image.fromarray(np.tile(values.astype(np.float32), (16, 1)))
    assert np.allclose(pixels(encode(picture, "TIFF"))[7, :, 2], expected, atol=1)


@pytest.mark.parametrize(("high", "shift"), [(255, 0), (65535, 8)])
def test_integers_of_32_bits(high: int, shift: int, encode: Any) -> None:
    values = np.linspace(0, high, 64).astype(np.int32)
    picture = Image.fromarray(np.tile(values, (16, 1)))
    assert np.array_equal(pixels(encode(picture, "TIFF"))[3, :, 0], (values >> shift).astype(np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparent_pixels_lie_on_white(kind: str, encode: Any) -> None:
    picture = Image.new("RGBA", (32, 16), (200, 0, 0, 255))
    picture.paste((0, 0, 200, 0), (0, 0, 16, 16))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    got = pixels(encode(picture, kind, **options))
    assert (got[:, :16] == 255).all()
    assert (got[:, 16:] == (200, 0, 0)).all()


def test_half_transparent_grey_is_mixed_with_white(encode: Any) -> None:
    picture = Image.merge("LA", (Image.new("L", (16, 16), 0), Image.new("L", (16, 16), 128)))
    assert np.abs(pixels(encode(picture, "PNG")).astype(int) - 127).max() <= 1


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_transparent_palette_entry(transparency: Any, encode: Any) -> None:
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([10, 20, 30, 90, 90, 90])
    picture.paste(1, (0, 0, 8, 16))
    got = pixels(encode(picture, "PNG", transparency=transparency))
    assert (got[:, :8] == 255).all()
    assert (got[:, 8:] == (10, 20, 30)).all()


def test_transparent_colour_of_rgb(encode: Any) -> None:
    got = pixels(encode(Image.new("RGB", (16, 16), (1, 2, 3)), "PNG", transparency=(1, 2, 3)))
    assert (got == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit(kind: str, encode: Any) -> None:
    truth = np.indices((16, 24)).sum(0) % 2 == 0
    assert np.array_equal(pixels(encode(Image.fromarray(truth), kind))[..., 0] == 255, truth)


def test_cmyk_jpeg_as_adobe_writes_it(encode: Any) -> None:
    got = pixels(encode(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=100)).astype(int)
    assert np.abs(got - (255, 0, 0)).max() <= 3


def test_cmyk_tiff(encode: Any) -> None:
    assert (pixels(encode(Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "TIFF"))[0, 0] == (0, 255, 255)).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_many_frames_the_first_counts(kind: str, encode: Any) -> None:
    red, blue = Image.new("RGB", (32, 16), (250, 0, 0)), Image.new("RGB", (32, 16), (0, 0, 250))
    content = encode(red, kind, save_all=True, append_images=[blue], **({"lossless": True} if kind == "WEBP" else {}))
    assert (pixels(content) == (250, 0, 0)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_gives_the_same_upright_picture(kind: str, orientation: int, photo: Any, encode: Any) -> None:
    upright = photo(4, (64, 48))
    # What a camera held in another way stores: the operation that undoes the one a viewer has to apply.
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    header, picture = examine(encode(stored, kind, exif=exif, **options))
    assert (header.width, header.height, header.orientation) == (64, 48, orientation)
    assert picture.size == (64, 48)
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(upright)).mean() < 3


def test_corrupt_exif_does_not_cost_the_picture(photo: Any, encode: Any) -> None:
    for exif in (
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 40,
    ):
        header, picture = examine(encode(photo(1), "JPEG", exif=exif))
        assert (header.orientation, picture.size) == (1, (96, 64))


def test_orientation_out_of_range_is_upright(photo: Any, encode: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert examine(encode(photo(1), "JPEG", exif=exif))[0].orientation == 1


def test_multi_picture_file_counts_as_jpeg(photo: Any, encode: Any) -> None:
    content = encode(photo(1), "MPO", save_all=True, append_images=[photo(2)])
    header, picture = examine(content)
    assert header.format == "JPEG"
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(photo(1))).mean() < 8


def test_a_tiff_whose_pages_go_round_in_circles_ends(photo: Any, encode: Any) -> None:
    content = bytearray(encode(photo(1), "TIFF"))
    start = struct.unpack_from("<I", content, 4)[0]
    entries = struct.unpack_from("<H", content, start)[0]
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    assert np.array_equal(pixels(bytes(content)), np.asarray(photo(1)))


def test_colour_profile_is_applied_and_a_broken_one_ignored(photo: Any, encode: Any) -> None:
    linear = _linear_profile()
    plain = pixels(encode(photo(1), "PNG")).astype(int)
    assert (pixels(encode(photo(1), "PNG", icc_profile=linear)).astype(int) - plain).mean() > 10
    assert np.array_equal(pixels(encode(photo(1), "PNG", icc_profile=b"no profile at all")), plain)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(pixels(encode(photo(1), "PNG", icc_profile=srgb)).astype(int) - plain).max() <= 1


def test_a_profile_that_is_too_long_is_left_alone(monkeypatch: pytest.MonkeyPatch, photo: Any, encode: Any) -> None:
    plain = pixels(encode(photo(1), "PNG")).astype(int)
    longer = [encode(photo(1), "PNG", icc_profile=_linear_profile() + bytes(more)) for more in (4, 8)]
    assert (pixels(longer[0]).astype(int) - plain).mean() > 10
    monkeypatch.setattr("tasks.ingestion.pictures.decoding.MAX_PROFILE_BYTES", 100)
    assert np.array_equal(pixels(longer[1]), plain)


def _linear_profile() -> bytes:
    """An RGB profile with the primaries of sRGB and a straight tone curve: its pictures become brighter in sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for n in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            profile[offset : offset + size] = (b"curv" + bytes(8)).ljust(size, b"\0")
        elif name == b"desc":
            text = profile[offset : offset + size].replace("sRGB".encode("utf-16-be"), "flat".encode("utf-16-be"))
            profile[offset : offset + size] = text.replace(b"sRGB", b"flat")
    return bytes(profile)


@pytest.mark.parametrize("side", [8, 32, 64, 100, 500])
def test_side_is_a_lower_bound_of_the_short_side(side: int, photo: Any, encode: Any) -> None:
    content = encode(photo(1, (400, 300)))
    header, picture = examine(content, side)
    assert min(picture.size) >= min(side, 300)
    assert (header.width, header.height) == (400, 300)
    assert side > 40 or picture.size < (400, 300)


def test_every_hostile_file_has_its_reason(hostile: dict[str, tuple[str, bytes]]) -> None:
    found = {}
    for name, (_, content) in hostile.items():
        with pytest.raises(PictureError) as caught:
            decode(content)
        found[name] = caught.value.reason
        assert "0x" not in caught.value.detail
        assert len(caught.value.detail) < 300
    assert found == {name: reason for name, (reason, _) in hostile.items()}


def test_a_bomb_is_refused_before_a_pixel_is_unpacked(
    monkeypatch: pytest.MonkeyPatch, hostile: dict[str, tuple[str, bytes]]
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("unpacked"))
    for name in ("huge-header.png", "inflates.png", "huge.gif", "huge.bmp", "scans.jpg"):
        with pytest.raises(PictureError, match="decompression-bomb"):
            decode(hostile[name][1])


def test_what_it_is_instead_is_said() -> None:
    for content, word in [
        (b"%PDF-1.4", "PDF"),
        (b"<html>", "web page"),
        (b"hello", "text"),
        (b"PK\3\4", "zip"),
        (b"\0\0\0\x18ftypcrx " + bytes(20), "raw camera"),
        (b"\xef\xbb\xbf<svg>", "SVG"),
    ]:
        with pytest.raises(PictureError, match=word):
            recognise(content)


def test_memory_and_unknown_errors_of_the_decoder_become_reasons(
    monkeypatch: pytest.MonkeyPatch, photo: Any, encode: Any
) -> None:
    for error, reason in [(MemoryError(), "too-large"), (RecursionError("deep"), "damaged"), (KeyError(3), "damaged")]:

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
        with pytest.raises(PictureError) as caught:
            decode(encode(photo(1)))
        assert caught.value.reason == reason


def _seeds() -> list[bytes]:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8))
    contents = []
    for kind, options in [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
    ]:
        buffer = io.BytesIO()
        exif = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"} if kind == "JPEG" else {}
        picture.save(buffer, kind, **options, **exif)
        contents.append(buffer.getvalue())
    return contents


SEEDS = _seeds()


def _survives(content: bytes) -> None:
    try:
        header, picture = examine(content, 48)
    except PictureError as error:
        assert error.reason and error.detail  # noqa: PT017, PT018 - either outcome will do
    else:
        assert picture.mode == "RGB"
        assert header.width * header.height <= MAX_PIXELS
        assert 0 <= perceptual_hash(picture) < 2**64


@given(st.binary(max_size=300))
@example(b"BM")
@example(b"RIFF\0\0\0\0WEBP")
@example(b"\xff\xd8\xff")
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_picture_or_have_a_reason(content: bytes) -> None:
    _survives(content)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_any_damage_to_a_good_file_is_survived(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["byte", "cut", "insert", "word"])):
            case "byte":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                content[at:at] = data.draw(st.binary(max_size=20))
            case "word":
                content[at : at + 4] = data.draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]))
        if not content:
            break
    _survives(bytes(content))


def test_perceptual_hash_is_that_of_imagehash(photo: Any) -> None:
    for seed in range(20):
        picture = photo(seed, (100 + seed, 80))
        assert perceptual_hash(picture) == int(str(imagehash.phash(picture)), 16)


def test_perceptual_hash_stays_through_reencoding_and_scaling(photo: Any, encode: Any) -> None:
    hashes = [perceptual_hash(photo(seed, (256, 192))) for seed in range(30)]
    for seed, before in enumerate(hashes):
        small = photo(seed, (256, 192)).resize((150, 112), Image.Resampling.LANCZOS)
        after = perceptual_hash(decode(encode(small, quality=40), 48))
        assert (before ^ after).bit_count() <= 8
        assert min((before ^ other).bit_count() for n, other in enumerate(hashes) if n != seed) >= 12


def test_decoding_in_threads_gives_what_it_gives_alone(photo: Any, encode: Any) -> None:
    contents = [encode(photo(n), kind) for n in range(12) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF")]
    alone = [pixels(content).tobytes() for content in contents]
    with ThreadPoolExecutor(4) as pool:
        assert [got.tobytes() for got in pool.map(pixels, contents)] == alone


@pytest.mark.parametrize(("kind", "options"), [("AVIF", {"quality": 95}), ("JPEG2000", {})])
def test_avif_and_jpeg_2000_are_read(kind: str, options: dict[str, int], photo: Any, encode: Any) -> None:
    content = encode(photo(3), kind, **options)
    assert recognise(content[:512]) == kind
    got = pixels(content).astype(int)
    assert np.abs(got - np.asarray(photo(3)).astype(int)).mean() < 4
    for cut in (0, 20, len(content) // 2):
        with pytest.raises(PictureError):
            decode(content[:cut])


def test_heic_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for brand in (b"heic", b"mif1"):
        with pytest.raises(PictureError, match=r"casebook\[heic\]"):
            decode(b"\0\0\0\x18ftyp" + brand + bytes(30))


def tiff(tags: dict[int, tuple[int, int]]) -> bytes:
    """A small TIFF with more tags: {tag: (kind, value)}."""
    buffer = io.BytesIO()
    from PIL import TiffImagePlugin

    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, (kind, value) in tags.items():
        info.tagtype[tag] = kind
        info[tag] = (value, 4, 0, 0) if kind == 1 else value
    Image.new("RGB", (32, 24), "teal").save(buffer, "TIFF", tiffinfo=info)
    return buffer.getvalue()


def test_raw_camera_pictures_are_refused_and_not_read_as_their_previews() -> None:
    raws = {
        "cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(60),
        "cr3": b"\0\0\0\x18ftypcrx " + bytes(60),
        "orf": b"IIRO\x08\0\0\0" + bytes(60),
        "rw2": b"IIU\0\x18\0\0\0" + bytes(60),
        "raf": b"FUJIFILMCCD-RAW " + bytes(60),
        "x3f": b"FOVb" + bytes(60),
        "dng": tiff({50706: (1, 1)}),
        "nef": tiff({254: (4, 1), 330: (4, 8)}),
    }
    for name, content in raws.items():
        with pytest.raises(PictureError, match="raw camera") as caught:
            decode(content)
        assert caught.value.reason == "unsupported", name
    assert decode(tiff({})).size == (32, 24)


def test_a_raw_camera_picture_is_known_by_its_name_too() -> None:
    for name in ("DSC_0001.NEF", "a/b.arw", "c.dng"):
        with pytest.raises(PictureError, match="raw camera"):
            check_name(name, tiff({}))
    check_name("d.tif", tiff({}))
    check_name("e.nef", b"\xff\xd8\xff")  # a JPEG under a wrong name is what it is


def test_a_light_drawing_on_transparent_ground_is_seen(encode: Any) -> None:
    for ink, ground in (((255, 255, 255), 0), ((250, 240, 200), 0), ((20, 20, 20), 255), ((200, 0, 0), 255)):
        for under in ((0, 0, 0, 0), (255, 255, 255, 0)):
            picture = Image.new("RGBA", (40, 30), under)
            picture.paste((*ink, 255), (10, 10, 20, 20))
            got = pixels(encode(picture, "PNG"))
            assert (got[0, 0] == ground).all()
            assert (got[15, 15] == ink).all()
    assert (pixels(encode(Image.new("RGBA", (16, 16), (9, 9, 9, 0)), "PNG")) == 255).all()
