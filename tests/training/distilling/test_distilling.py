"""The small network learns what the large one says, goes on where it was stopped, and never sees what is kept apart."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.features.pictures.originals import WEIGHTS
from tasks.platform.downloads import original
from tasks.platform.settings import settings
from tasks.training.distilling import views as drawing
from tasks.training.distilling.views import is_apart, is_class_apart, list_pictures, make_views


def patterns(count: int, side: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of one colour each, and what a teacher that names the colour in each of nine places would say."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    pictures = np.broadcast_to(colours[:, None, None], (count, side, side, 3)).copy()
    named = np.zeros((count, 3, 3, 128), np.float16)
    named[..., :3] = (colours[:, None, None] / 127.5) - 1
    return pictures, named


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A zip of forty pictures in four classes."""
    path, rng = tmp_path / "pictures.zip", np.random.default_rng(1)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40):
            image = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((70, 50))
            image.save(tmp_path / "one.png")
            archive.write(tmp_path / "one.png", f"class{number % 4}/picture{number:02}.png")
    return path


def test_what_is_kept_apart_is_never_listed(collection: Path) -> None:
    with zipfile.ZipFile(collection) as archive:
        paths = archive.namelist()
    listed = [shown.path for shown in list_pictures(str(collection), 2)]
    assert sorted(listed) == sorted(path for path in paths if not is_apart(path))
    assert 5 < len(listed) < 40
    few = [shown.path for shown in list_pictures(str(collection), 1, 5)]
    assert len(set(few)) == 5
    assert set(few) < set(listed)


def test_a_share_of_names_and_of_classes_is_kept_apart() -> None:
    names = [f"class/picture{number}.jpg" for number in range(2_000)]
    if not is_class_apart("class"):
        assert 0.17 < np.mean([is_apart(name) for name in names]) < 0.23
    classes = [is_class_apart(f"class {number}") for number in range(2_000)]
    assert 1 / 15 < np.mean(classes) < 1 / 10
    # One photograph under one name in two folders is on one side, unless a whole class is kept apart.
    both = [(is_apart(f"Faces/{n}.jpg"), is_apart(f"Faces_easy/{n}.jpg")) for n in range(200)]
    assert is_class_apart("Faces") or is_class_apart("Faces_easy") or all(first == second for first, second in both)


def test_the_teacher_is_asked_once_and_an_interrupted_asking_goes_on(
    collection: Path, tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (shared / "models" / original(WEIGHTS).file_name).is_file():
        pytest.skip("the weights of MobileNetV2 are not here: no folder `shared/models` beside the checkout")
    monkeypatch.setenv("CASEBOOK_MIRROR", str(shared / "models"))
    settings.cache_clear()
    monkeypatch.setattr(drawing, "CHUNK", 16)
    shown = list_pictures(str(collection), 2)
    whole = make_views(shown, tmp_path / "whole")
    assert whole.pictures.shape == (2 * len(shown), drawing.SIDE, drawing.SIDE, 3)
    assert whole.features.shape[:3] == (2 * len(shown), 3, 3)
    np.testing.assert_allclose(np.linalg.norm(whole.features.reshape(len(whole.features), -1), axis=1), 1, atol=2e-3)
    assert (whole.pictures[: len(shown)] != whole.pictures[len(shown) :]).any(axis=(1, 2, 3)).all()

    real = drawing.progress

    def stopped(items, *rest, **named):  # type: ignore[no-untyped-def]
        for number, item in enumerate(real(items, *rest, **named)):
            if number == 2:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(drawing, "progress", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_views(shown, tmp_path / "half")
    begun: list[int] = []
    monkeypatch.setattr(drawing, "progress", lambda items, *_, **__: begun.extend(items) or begun)
    resumed = make_views(shown, tmp_path / "half")
    assert begun[0] == 32
    np.testing.assert_array_equal(resumed.pictures, whole.pictures)
    np.testing.assert_array_equal(resumed.features, whole.features)
    begun.clear()
    make_views(shown, tmp_path / "half")
    assert not begun


@pytest.mark.slow
def test_the_loss_is_least_where_the_student_says_what_the_teacher_says() -> None:
    from tasks.training.distilling.network import loss

    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(8, 3, 3, 16)).astype(np.float32)
    noise = rng.normal(size=wanted.shape).astype(np.float32)
    values = [float(loss(wanted + share * noise, wanted)) for share in (0, 0.3, 1, 5)]
    assert values[0] == pytest.approx(0, abs=1e-5)
    assert values == sorted(values)
    # Only the direction of what is said counts.
    assert float(loss(3 * (wanted + noise), wanted)) == pytest.approx(values[2], rel=1e-4)


@pytest.mark.slow
def test_targets_keep_the_likenesses_of_the_teacher() -> None:
    from tasks.training.distilling.network import Teacher

    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(5, 3, 3, 40)) + 3
    features = (kinds[np.arange(300) % 5] + 0.3 * rng.normal(size=(300, 3, 3, 40))).astype(np.float16)
    with_more = np.concatenate([features, 0.05 * rng.normal(size=(300, 3, 3, 200))], axis=-1).astype(np.float16)
    rows = Teacher(with_more).targets(with_more).reshape(300, -1).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    likeness = rows @ rows.T - 9 * np.eye(300)
    assert (likeness.argmax(axis=1) % 5 == np.arange(300) % 5).all()


@pytest.mark.slow
def test_a_training_that_is_stopped_ends_with_the_same_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.training.distilling import loop

    monkeypatch.setattr(loop, "BATCH", 16)
    pictures, targets = patterns(32)
    whole = loop.train(pictures, targets, 2, tmp_path / "whole", seed=4)
    real, passes = loop.progress, 0

    def stopped(*arguments, **named):  # type: ignore[no-untyped-def]
        nonlocal passes
        passes += 1
        if passes == 2:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(loop, "progress", stopped)
    with pytest.raises(KeyboardInterrupt):
        loop.train(pictures, targets, 2, tmp_path / "stopped", seed=4)
    monkeypatch.setattr(loop, "progress", real)
    resumed = loop.train(pictures, targets, 2, tmp_path / "stopped", seed=4)
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
def test_the_network_learns_what_the_teacher_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours that were never shown are told apart, mirrored or in another light."""
    from tasks.features.pictures.own import areas
    from tasks.training.distilling import loop

    monkeypatch.setattr(loop, "BATCH", 16)
    pictures, targets = patterns(256)
    model = loop.train(pictures, targets, 5, tmp_path)
    unseen, wanted = patterns(40, seed=9)
    places = np.asarray(model(unseen.astype(np.float32)))
    share = areas(places.shape[1])
    said = np.einsum("gx,nxyc,hy->nghc", share, places, share).reshape(40, -1)
    truth = wanted.reshape(40, -1).astype(np.float32)
    cosine = (said * truth).sum(axis=1) / np.linalg.norm(said, axis=1) / np.linalg.norm(truth, axis=1)
    assert np.median(cosine) > 0.8


@pytest.mark.slow
def test_another_backend_leaves_the_files_to_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What JAX has learned is in the checkpoint; the same command finds it done and writes the network."""
    import keras

    from tasks.features.pictures.own import OwnNetwork
    from tasks.training.distilling import loop
    from tasks.training.distilling.__main__ import teach

    monkeypatch.setattr(loop, "BATCH", 16)
    pictures, _ = patterns(32, drawing.SIDE)
    features = np.random.default_rng(0).normal(size=(32, 3, 3, 160)).astype(np.float16)
    views = drawing.Views(pictures, features)
    shown = [drawing.Shown("pictures/all.zip", f"{number}.png", 1) for number in range(32)]
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(keras.backend, "backend", lambda: "torch")
        teach(shown, views, 1, 0, tmp_path / "work", tmp_path / "out")
    assert "without KERAS_BACKEND" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    teach(shown, views, 1, 0, tmp_path / "work", tmp_path / "out")
    assert "pass 1" not in capsys.readouterr().out
    content = (tmp_path / "out" / "own.tflite").read_bytes()
    assert OwnNetwork(weights=content).embed([Image.new("RGB", (50, 40), "teal")]).shape == (1, OwnNetwork.dimensions)
