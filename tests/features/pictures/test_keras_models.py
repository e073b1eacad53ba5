"""Keras models as embedders: those of keras.applications, and files of a stranger."""

import importlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from tasks.features.pictures import embedders, keras_models
from tasks.features.pictures.embedders import choose_embedder, load_embedder
from tasks.platform.errors import CasebookError, IntegrityError, UsageError
from tasks.platform.settings import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
choose = choose_embedder.fn
IMAGES = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue", "white", "black")]

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning:keras"
)


@pytest.fixture(autouse=True)
def nothing_loaded() -> None:
    embedders.loaded.cache_clear()


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


@pytest.fixture
def classifier(keras: Any, tmp_path: Path) -> Path:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((24, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(5, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(7, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def saved(keras: Any, path: Path, *layers: Any, shape: tuple[int | None, ...] = (24, 32, 3)) -> Path:
    keras.utils.set_random_seed(2)
    keras.Sequential([keras.Input(shape), *layers]).save(path)
    return path


def rewrite(path: Path, change: Any) -> Path:
    """Change the configuration inside a .keras file."""
    with zipfile.ZipFile(path) as archive:
        contents = {item.filename: archive.read(item) for item in archive.infolist()}
    config = json.loads(contents["config.json"])
    change(config)
    contents["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


# --- a model file


def test_a_classifier_gives_what_its_last_layer_gets(classifier: Path, keras: Any):
    choice = choose(str(classifier))
    assert (choice.kind, choice.name, choice.dimensions) == ("keras-file", "mine.keras", 7)
    assert str(classifier.parent) not in choice.model_dump_json()
    embedder = load_embedder(choice)
    assert embedder.size == (32, 24)
    features = embedder.embed(IMAGES)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1).round(5) % 1, 0)
    model = keras.models.load_model(classifier)
    pixels = np.stack([np.asarray(image.resize((32, 24)), np.float32) for image in IMAGES])
    inner = np.asarray(keras.Model(model.inputs, model.layers[-1].input)(pixels))
    np.testing.assert_allclose(features, inner / np.linalg.norm(inner, axis=1, keepdims=True).clip(1e-12), atol=1e-5)
    assert embedder.classify(IMAGES[0]) is None


def test_the_choice_holds_after_the_file_is_gone(classifier: Path):
    choice = choose(str(classifier))
    classifier.unlink()
    assert load_embedder(choice).embed(IMAGES).shape == (4, 7)


def test_the_digest_is_that_of_the_content(classifier: Path, keras: Any, tmp_path: Path):
    copy = tmp_path / "copy.keras"
    copy.write_bytes(classifier.read_bytes())
    assert choose(str(copy)).digest == choose(str(classifier)).digest
    other = saved(keras, tmp_path / "other.keras", keras.layers.Conv2D(2, 3))
    assert choose(str(other)).digest != choose(str(classifier)).digest


def test_the_number_of_features_is_remembered(classifier: Path, monkeypatch: pytest.MonkeyPatch):
    choice = choose(str(classifier))
    monkeypatch.setattr(keras_models, "load_file", lambda *_: pytest.fail("loaded again"))
    assert choose(str(classifier)) == choice


def test_a_kept_copy_that_is_damaged_is_noticed(classifier: Path):
    choice = choose(str(classifier))
    (kept,) = (settings().cache_folder / "models").glob("*.keras")
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="run again"):
        load_embedder(choice)
    with pytest.raises(CasebookError, match="run again with its path"):
        load_embedder(choice)


def test_other_shapes_of_model(keras: Any, tmp_path: Path):
    layers = keras.layers
    logits = saved(
        keras,
        tmp_path / "logits.keras",
        layers.GlobalMaxPooling2D(),
        layers.Dense(6),
        layers.Dense(3),
        layers.Softmax(),
    )
    assert choose(str(logits)).dimensions == 6
    embedding = saved(keras, tmp_path / "embedding.keras", layers.GlobalMaxPooling2D(), layers.Dense(9))
    assert choose(str(embedding)).dimensions == 9
    grid = saved(keras, tmp_path / "grid.keras", layers.Conv2D(8, 3), shape=(None, None, 3))
    choice = choose(str(grid))
    assert choice.dimensions == 8
    assert load_embedder(choice).size == (224, 224)
    grey = saved(keras, tmp_path / "grey.keras", layers.Flatten(), shape=(4, 4, 1))
    assert load_embedder(choose(str(grey))).embed(IMAGES).shape == (4, 16)


def test_a_model_that_takes_no_pictures_is_refused(keras: Any, tmp_path: Path):
    for shape in ((10,), (8, 8, 4), (8, 8, 8, 3)):
        path = saved(keras, tmp_path / "odd.keras", keras.layers.Flatten(), shape=shape)
        with pytest.raises(UsageError, match=r"odd\.keras takes"):
            choose(str(path))


def test_a_model_that_gives_no_numbers_is_refused(keras: Any, tmp_path: Path):
    path = saved(keras, tmp_path / "nan.keras", keras.layers.Rescaling(float("inf")), keras.layers.Flatten())
    with pytest.raises(CasebookError, match="not finite"):
        load_embedder(choose(str(path))).embed(IMAGES)


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model.pkl", "model.tflite", "model.pth"])
def test_other_formats_are_refused_with_the_reason(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match=r"only \.keras files"):
        choose(str(tmp_path / name))


def test_a_missing_file_is_a_usage_error(tmp_path: Path):
    with pytest.raises(UsageError, match="no such model file"):
        choose(str(tmp_path / "missing.keras"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04pickle", b"x" * 5000])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(UsageError, match="no Keras model file"):
        choose(str(tmp_path / "model.keras"))


def test_an_archive_without_a_model_is_refused(tmp_path: Path):
    for name, content in (("other.txt", b""), ("config.json", b"{"), ("config.json", b"[" * 100_000)):
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            archive.writestr(name, content)
        with pytest.raises(UsageError, match="no Keras model file"):
            choose(str(tmp_path / "model.keras"))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keras_models, "MOST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b"{}" + b" " * 5000)
    with pytest.raises(UsageError, match="unpacks to more"):
        choose(str(tmp_path / "model.keras"))


def lambda_layer(config: dict[str, Any]) -> None:
    config["config"]["layers"][1] |= {"class_name": "Lambda", "module": "keras.layers"}


def foreign_module(config: dict[str, Any]) -> None:
    config["config"]["layers"][1] |= {"class_name": "Popen", "module": "subprocess"}


def hidden_deep(config: dict[str, Any]) -> None:
    config["config"]["layers"][2]["config"]["activation"] = {
        "module": "builtins",
        "class_name": "function",
        "config": "exec",
    }


def nearly_keras(config: dict[str, Any]) -> None:
    config["config"]["layers"][1] |= {"class_name": "Rescaling", "module": "keras_evil.layers"}


@pytest.mark.parametrize("change", [lambda_layer, foreign_module, hidden_deep, nearly_keras])
def test_a_model_that_may_run_code_is_refused_before_it_is_loaded(
    classifier: Path, change: Any, monkeypatch: pytest.MonkeyPatch, keras: Any
):
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("was loaded"))
    with pytest.raises(UsageError, match="Keras' own layers only"):
        choose(str(rewrite(classifier, change)))


def test_a_model_that_keras_cannot_read_is_a_usage_error(classifier: Path):
    def spoil(config: dict[str, Any]) -> None:
        config["config"]["layers"][2]["config"]["filters"] = "many"

    with pytest.raises(UsageError, match=r"mine\.keras cannot be loaded"):
        choose(str(rewrite(classifier, spoil)))


# --- keras.applications


def test_every_model_that_keras_offers_is_known(keras: Any):
    offered = {name for name in dir(keras.applications) if name[0].isupper()}
    known = keras_models.applications()
    assert offered == set(known)
    assert set(keras_models.SIDES) <= set(known)
    for module in known.values():
        loaded = importlib.import_module(f"keras.applications.{module}")
        assert callable(loaded.preprocess_input)


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB1"])
def test_the_side_is_that_of_the_whole_model(keras: Any, name: str):
    model = getattr(keras.applications, name)(weights=None)
    assert model.input_shape[1] == keras_models.SIDES.get(name, keras_models.DEFAULT_SIDE)


def test_an_application_without_its_weights_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, keras: Any):
    monkeypatch.setenv("CASEBOOK_OFFLINE", "1")
    settings.cache_clear()
    with pytest.raises(CasebookError, match=r"weights of MobileNetV2 cannot be had.*handcrafted"):
        choose("mobilenetv2")


def test_a_failed_download_of_weights_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, keras: Any, tmp_path: Path):
    from keras.src.utils import file_utils

    def fails(*_: Any, **__: Any) -> None:
        raise URLError("no route")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(file_utils, "urlretrieve", fails)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    with pytest.raises(CasebookError, match=r"weights of MobileNet cannot be had .*no route.*handcrafted"):
        choose("MobileNet")


def test_an_application_embeds(monkeypatch: pytest.MonkeyPatch, keras: Any):
    build = keras_models.build_application
    keras.utils.set_random_seed(3)
    monkeypatch.setattr(keras_models, "build_application", lambda *call: build(*call, weights=None))
    choice = choose("keras:MobileNet")
    assert (choice.name, choice.kind, choice.dimensions) == ("MobileNet", "keras-application", 1024)
    features = load_embedder(choice).embed(IMAGES)
    assert features.shape == (4, 1024)
    assert np.isfinite(features).all()
    assert choose("MobileNet") == choice


@pytest.mark.parametrize("name", sorted(set(keras_models.applications().values())))
def test_what_happens_to_a_pixel_before_an_application_is_a_matrix(name: str, keras: Any) -> None:
    module = importlib.import_module(f"keras.applications.{name}")
    small = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()])
    embedder = keras_models.KerasEmbedder("a model", "0" * 8, small, module.preprocess_input)
    mixing, offset = embedder._pixel_map()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(pixels @ mixing + offset, module.preprocess_input(pixels.copy()), atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", ["colour", "grey", "places", "nested", "adapted", "sums", "fixed"])
def test_a_foundation_gives_what_embedding_gives(kind: str, precision: str, keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    inner = keras.Sequential([keras.Input((24, 32, 3)), layers.Conv2D(5, 3), layers.BatchNormalization()])
    chosen = {
        "colour": [layers.Rescaling(1 / 127.5, -1), layers.Conv2D(6, 3, 2), layers.GlobalMaxPooling2D()],
        "grey": [layers.Rescaling(1 / 255), layers.Conv2D(6, 3, 2), layers.GlobalAveragePooling2D()],
        "places": [layers.Rescaling(1 / 255), layers.Conv2D(6, 3, 2), layers.BatchNormalization()],
        "nested": [layers.Rescaling(1 / 255), inner, layers.GlobalAveragePooling2D()],
        "adapted": [layers.Normalization(), layers.Conv2D(6, 3, 2), layers.GlobalAveragePooling2D()],
        "sums": [],
        "fixed": [layers.Rescaling(1 / 255), layers.Conv2D(6, 3, trainable=False), layers.GlobalAveragePooling2D()],
    }[kind]
    rng = np.random.default_rng(3)
    path = tmp_path / "m.keras"
    if kind == "adapted":
        chosen[0].adapt(rng.uniform(40, 90, (9, 24, 32, 3)))
    if kind == "sums":  # operations that are no layers, as applications have them
        x = keras.Input((24, 32, 3))
        y = layers.Conv2D(6, 3)(x / 127.5 - 1.0)
        keras.Model(x, layers.GlobalAveragePooling2D()(y * 0.5 + layers.ReLU()(y + 3.0))).save(path)
    else:
        saved(keras, path, *chosen, shape=(24, 32, 1 if kind == "grey" else 3))
    embedder = keras_models.load_file(path, "m", "0" * 8)
    if kind != "adapted":
        embedder._model.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in embedder._model.get_weights()])
    images = [Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)) for _ in range(4)]
    expected, model = embedder.embed(images), embedder.foundation(precision)
    found = model.predict(np.stack([np.asarray(image) for image in images]).astype(np.float32), verbose=0)
    exact = precision == "float32" and kind != "grey"  # Pillow's grey is rounded to whole numbers
    np.testing.assert_allclose(found, expected, atol=1e-5 if exact else 0.02)
    assert found.dtype == np.float32
    learns = {weight.path.rpartition("/")[2] for weight in model.trainable_variables}
    assert learns == {"kernel", "bias"}
    model.save(tmp_path / "again.keras")
    again = keras.saving.load_model(tmp_path / "again.keras", safe_mode=True)
    np.testing.assert_allclose(
        again.predict(np.full((1, 24, 32, 3), 77.0), verbose=0),
        model.predict(np.full((1, 24, 32, 3), 77.0), verbose=0),
        atol=1e-6,
    )
    model.set_weights([weight * 0 for weight in model.get_weights()])
    np.testing.assert_array_equal(embedder.embed(images), expected)
