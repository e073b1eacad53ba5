"""Choosing an embedder; what the handcrafted features and MobileNetV2 see."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tasks.features.pictures import embedders, handcrafted, litert, own
from tasks.features.pictures.embedders import choose_embedder, load_embedder, outdated
from tasks.features.pictures.handcrafted import Handcrafted, binary_patterns, opponent_colours, orientations
from tasks.features.pictures.resizing import squash
from tasks.platform import downloads
from tasks.platform.downloads import ORIGINALS
from tasks.platform.errors import CasebookError, IntegrityError, TransientError, UsageError
from tasks.platform.settings import settings

choose = choose_embedder.fn


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test with no embedder loaded, and without the network."""
    embedders.loaded.cache_clear()
    monkeypatch.setenv("CASEBOOK_OFFLINE", "1")
    settings.cache_clear()


@pytest.fixture
def mirror(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shared / "models"
    if not (folder / ORIGINALS["mobilenet_v2"].file_name).is_file():
        pytest.skip("the weights of MobileNetV2 are not here: no folder `shared/models` beside the checkout")
    monkeypatch.setenv("CASEBOOK_MIRROR", str(folder))
    settings.cache_clear()
    return folder


def noise(seed: int, size: tuple[int, int] = (90, 70)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


class FakeNetwork:
    """Stands for LiteRT: notes how large the pictures are, and gives even features and rising scores."""

    sides: ClassVar[list[int]] = []

    def __init__(self, **_: object) -> None:
        self.shape: list[int] = []

    def resize_tensor_input(self, index: int, shape: list[int]) -> None:
        self.shape = shape

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 2, "quantization": (0.5, 1)}]

    def get_tensor_details(self) -> list[dict[str, Any]]:
        grid = {"index": 1, "shape": [1, 6, 6, litert.CHANNELS], "quantization": (1.0, 0)}
        return [grid, {"index": 3, "shape": [1, 1, 1, litert.CHANNELS]}, {"index": 4, "shape": [1, 6, 6, 32]}]

    def set_tensor(self, index: int, values: np.ndarray) -> None:
        assert list(values.shape) == self.shape
        self.sides.append(values.shape[1])

    def invoke(self) -> None: ...

    def get_tensor(self, index: int) -> np.ndarray:
        return np.ones((1, 6, 6, litert.CHANNELS), np.uint8) if index == 1 else np.array([[1, 3, 2]], np.uint8)


def test_the_network_embeds_small_pictures_and_classifies_those_it_was_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = {"mobilenet_v2": b"weights", "imagenet_labels": "nothing\ncup\nkätzchen\n".encode()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        pinned = ORIGINALS[name].model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})
        monkeypatch.setitem(ORIGINALS, name, pinned)
    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter", FakeNetwork)
    monkeypatch.setattr(FakeNetwork, "sides", [])
    network = litert.MobileNet(tmp_path / "mobilenet_v2", tmp_path / "imagenet_labels")
    vectors = network.embed([noise(1), noise(2)])
    np.testing.assert_allclose(vectors, 1 / np.sqrt(litert.DIMENSIONS), rtol=1e-6)
    assert network.classify(noise(1)) == [("cup", 1.0), ("kätzchen", 0.5), ("nothing", 0.0)]
    assert FakeNetwork.sides == [168, 168, 224]


# --- choosing


def test_auto_takes_the_network_that_is_at_hand(mirror: Path):
    choice = choose("auto")
    assert (choice.kind, choice.dimensions, choice.digest) == ("imagenet", litert.DIMENSIONS, litert.DIGEST)
    assert str(mirror) not in choice.model_dump_json()


def test_auto_takes_what_needs_no_download_and_says_why():
    choice = choose("auto")
    assert choice.kind == "own"
    assert "CASEBOOK_OFFLINE" in choice.why
    assert load_embedder(choice).digest == choice.digest
    spare = choose("auto", "handcrafted")
    assert spare.kind == "handcrafted"
    assert "CASEBOOK_OFFLINE" in spare.why


def test_auto_gives_up_on_the_network_at_once(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, int, float]] = []

    def fails(name: str, attempts: int, timeout: float) -> Path:
        asked.append((name, attempts, timeout))
        raise TransientError("no network")

    monkeypatch.setenv("CASEBOOK_OFFLINE", "0")
    settings.cache_clear()
    monkeypatch.setattr(downloads, "fetch", fails)
    assert choose("auto").kind == "own"
    assert asked == [("mobilenet_v2", 1, downloads.QUICK_SECONDS)]


def test_auto_does_not_hide_wrong_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ORIGINALS["mobilenet_v2"].file_name).write_bytes(b"not the weights")
    monkeypatch.setenv("CASEBOOK_MIRROR", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(IntegrityError, match=ORIGINALS["mobilenet_v2"].sha256):
        choose("auto")


def test_imagenet_without_its_weights_says_where_to_get_them():
    with pytest.raises(CasebookError, match="CASEBOOK_MIRROR"):
        choose("imagenet")


@pytest.mark.parametrize(("wrong", "close"), [("EfficentNetB0", "EfficientNetB0"), ("keras:resnet5", "ResNet50")])
def test_an_unknown_model_lists_those_that_are_close(wrong: str, close: str):
    with pytest.raises(UsageError, match=close):
        choose(wrong)


@pytest.mark.parametrize("wrong", ["", "zzz", "../../etc/passwd", "a" * 10_000])
def test_nonsense_is_a_usage_error(wrong: str):
    with pytest.raises(UsageError, match="handcrafted"):
        choose(wrong)


def test_a_choice_for_other_weights_is_not_loaded():
    choice = choose("handcrafted").model_copy(update={"digest": "0" * 64})
    with pytest.raises(IntegrityError, match="0000"):
        load_embedder(choice)


def test_an_embedder_is_loaded_once():
    assert load_embedder(choose("handcrafted")) is load_embedder(choose("handcrafted"))


# --- bringing pictures to size


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["RGB", "L", "P", "RGBA", "CMYK", "1"]))
@hypothesis_settings(max_examples=30, deadline=None)
def test_any_picture_comes_to_size(width: int, height: int, mode: str):
    result = squash(Image.new(mode, (width, height)), (12, 8))
    assert (result.mode, result.size) == ("RGB", (12, 8))


def test_a_picture_of_the_right_size_stays():
    image = noise(1, (12, 8))
    assert squash(image, (12, 8)) is image


# --- the small network in the package


def test_the_network_in_the_package_is_small_and_the_one_that_its_record_tells():
    content = own.WEIGHTS.read_bytes()
    record = json.loads(own.WEIGHTS.with_suffix(".json").read_text())
    assert len(content) == record["bytes"] <= 2_000_000
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert record["preparation"] == own.VERSION


@pytest.mark.parametrize("name", ["own", "handcrafted", "EfficientNetV2B0"])
def test_a_recorded_choice_is_outdated_once_its_embedder_gives_other_numbers(name: str, monkeypatch):
    monkeypatch.setattr("tasks.features.pictures.keras_models.application_dimensions", lambda _: 1280)
    recorded = choose(name).model_dump()
    assert not outdated(recorded)
    assert recorded["name"] in outdated(recorded | {"digest": "0" * 64})


@pytest.mark.parametrize("recorded", [None, {}, "own", {"kind": "keras-file", "digest": "0" * 64}, {"kind": 3}])
def test_what_tells_no_embedder_is_not_outdated(recorded):
    assert outdated(recorded) == ""


@pytest.mark.parametrize("threads", [1, 3])
def test_the_network_in_the_package_does_not_depend_on_the_company(threads: int):
    images = [noise(seed) for seed in range(5)] + [Image.new("RGB", (300, 20), "teal")]
    network = own.OwnNetwork(threads)
    vectors = network.embed(images)
    assert vectors.shape == (6, own.OwnNetwork.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for row, image in enumerate(images):
        assert np.array_equal(network.embed([image])[0], vectors[row])
    assert network.embed([]).shape == (0, own.OwnNetwork.dimensions)
    assert network.classify(images[0]) is None


def test_the_network_in_the_package_sees_a_mirror_image_as_the_picture_with_its_sides_changed():
    network = own.OwnNetwork()
    for image in (noise(1, (96, 96)), Image.fromarray(np.tile(np.arange(96, dtype=np.uint8), (96, 1))).convert("RGB")):
        seen, mirrored = network.embed([image, ImageOps.mirror(image)]).reshape(2, own.GRID, own.GRID, own.CHANNELS)
        np.testing.assert_allclose(mirrored[:, ::-1], seen, atol=1e-6)
        assert not np.allclose(mirrored, seen, atol=1e-3)  # where something is counts


@given(places=st.integers(1, 12), grid=st.integers(1, 5))
def test_places_are_averaged_by_the_area_that_they_share(places: int, grid: int):
    shares = own.areas(places, grid)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    fine = np.repeat(np.arange(places), grid)  # each place as `grid` equal strips, `places` of which make a cell
    for cell in range(grid):
        part = fine[cell * places : (cell + 1) * places]
        np.testing.assert_allclose(shares[cell], np.bincount(part, minlength=places) / places, atol=1e-6)


# --- handcrafted


def test_handcrafted_features_do_not_depend_on_the_company():
    images = [noise(seed) for seed in range(5)]
    together = Handcrafted().embed(images)
    assert together.dtype == np.float32
    assert together.shape == (5, Handcrafted.dimensions)
    np.testing.assert_array_equal(together, np.vstack([Handcrafted().embed([image]) for image in images]))


def test_no_pictures_give_no_rows():
    assert Handcrafted().embed([]).shape == (0, Handcrafted.dimensions)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (127, 127, 127)])
def test_a_plain_picture_gives_finite_features(colour: tuple[int, int, int]):
    features = Handcrafted().embed([Image.new("RGB", (50, 50), colour)])
    assert np.isfinite(features).all()
    assert np.linalg.norm(features) > 0


@given(st.tuples(*[st.integers(0, 255)] * 3))
@hypothesis_settings(max_examples=30, deadline=None)
def test_one_colour_falls_into_one_bin(rgb: tuple[int, int, int]):
    shares = opponent_colours(np.asarray(Image.new("RGB", (32, 32), rgb))[None])[0] ** 2
    assert shares.max() == pytest.approx(1)
    assert shares.sum() == pytest.approx(1)


def test_colour_does_not_depend_on_the_exposure():
    dark = np.asarray(noise(3, (32, 32))) // 4
    dark, bright = opponent_colours(dark[None]), opponent_colours(dark[None] * 3)
    assert float((dark * bright).sum()) > 0.95


def test_red_and_blue_are_told_apart():
    red, blue = (np.full((1, 8, 8, 3), rgb, np.uint8) for rgb in ((200, 10, 10), (10, 10, 200)))
    assert float((opponent_colours(red) * opponent_colours(blue)).sum()) == 0


def test_binary_patterns_are_those_of_the_definition():
    channel = np.random.default_rng(8).integers(0, 12, (2, 9, 9), dtype=np.uint8)
    found = binary_patterns(channel) ** 2 * 49
    for picture, histogram in zip(channel.astype(int), found, strict=True):
        counts = np.zeros(256)
        for y, x in np.ndindex(7, 7):
            ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
            over = [picture[y + dy, x + dx] > picture[y + 1, x + 1] + handcrafted.CONTRAST for dy, dx in ring]
            counts[sum(1 << bit for bit, one in enumerate(over) if one)] += 1
        np.testing.assert_allclose(histogram, counts, atol=1e-9)


def test_patterns_do_not_depend_on_brightness():
    channel = np.random.default_rng(9).integers(0, 100, (1, 32, 32), dtype=np.uint8)
    np.testing.assert_array_equal(binary_patterns(channel), binary_patterns(channel + 120))


@pytest.mark.parametrize(("stripes", "angle"), [("upright", 0), ("lying", 6)])
def test_gradients_stand_across_the_stripes(stripes: str, angle: int):
    line = np.where(np.arange(64) // 4 % 2, 255, 0).astype(np.uint8)
    picture = np.tile(line, (64, 1)) if stripes == "upright" else np.tile(line[:, None], (1, 64))
    assert orientations(picture[None]).sum(axis=(0, 1)).argmax() == angle


def test_gradients_are_counted_quarter_by_quarter():
    picture = np.full((1, 64, 64), 90, np.uint8)
    picture[0, 40:60, 8:20] = 200  # lower left
    strength = orientations(picture)[0].sum(axis=1)
    assert strength[2] > 0
    np.testing.assert_array_equal(strength[[0, 1, 3]], 0)


# --- MobileNetV2


def test_the_espresso_cup_is_a_cup(mirror: Path, shared: Path):
    embedder = load_embedder(choose("imagenet"))
    scores = embedder.classify(Image.open(shared / "data" / "similarity" / "espresso-cup.jpg"))
    assert scores is not None
    assert scores[0][0] == "cup"
    assert scores[0][1] == pytest.approx(0.5, abs=0.02)
    assert len(scores) == 1001
    assert 0.5 < sum(score for _, score in scores) <= 1.01  # in steps of 1/256: the many small ones are zeros
    assert [score for _, score in scores] == sorted((score for _, score in scores), reverse=True)


def test_the_network_sees_what_is_alike(mirror: Path):
    embedder = load_embedder(choose("imagenet"))
    images = [noise(seed, (200, 150)) for seed in range(6)]
    darker = [image.point(lambda value: value * 0.8) for image in images]
    features = embedder.embed([*images, *darker])
    assert features.shape == (12, embedder.dimensions)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    likeness = features[:6] @ features[6:].T
    np.testing.assert_array_equal(likeness.argmax(axis=1), np.arange(6))


def test_threads_and_order_make_no_difference(mirror: Path):
    images = [noise(seed) for seed in range(7)]
    one = litert.MobileNet(*(mirror / ORIGINALS[name].file_name for name in embedders.DOWNLOADS), threads=1)
    two = litert.MobileNet(*(mirror / ORIGINALS[name].file_name for name in embedders.DOWNLOADS), threads=2)
    np.testing.assert_array_equal(one.embed(images), two.embed(images[::-1])[::-1])
    assert two.embed([]).shape == (0, litert.DIMENSIONS)


def test_the_network_knows_where_things_are(mirror: Path, shared: Path):
    embedder = load_embedder(choose("imagenet"))
    picture = Image.open(shared / "data" / "similarity" / "espresso-cup.jpg").convert("RGB")
    plain, mirrored = embedder.embed([picture, ImageOps.mirror(picture)])
    grid = mirrored.reshape(3, 3, -1)[:, ::-1].ravel()
    assert plain @ grid > plain @ mirrored


@pytest.mark.parametrize("damage", [0, 1000, 2_000_000, -1])
def test_damaged_weights_never_reach_the_network(mirror: Path, tmp_path: Path, damage: int):
    content = bytearray((mirror / ORIGINALS["mobilenet_v2"].file_name).read_bytes())
    content[damage] ^= 0xFF
    (tmp_path / "weights.tflite").write_bytes(content)
    with pytest.raises(IntegrityError, match=re.escape("weights.tflite has SHA-256")):
        litert.MobileNet(tmp_path / "weights.tflite", mirror / "imagenet_labels.txt")
