"""What does another network see? Any model of keras.applications, or a Keras model file of the user's own.

A model file is untrusted. Only the .keras format is read, in Keras' safe mode, and only when everything in it is made
of Keras' own layers: no lambda layers, no functions, no classes of other packages.

A model of the user's own gets RGB pixels from 0 to 255 as float32, as `keras.utils.image_dataset_from_directory` gives
them: one that wants another range carries its own Rescaling layer.
"""

import ast
import hashlib
import importlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tasks.features.pictures.resizing import squash
from tasks.platform.errors import CasebookError, UsageError
from tasks.platform.settings import settings
from tasks.platform.storage import Folder

if TYPE_CHECKING:
    import keras

BATCH = 32
TINY = 1e-6  # added to features before they get length 1
DEFAULT_SIDE = 224
SIDES = {  # of keras.applications: the input that the weights were trained for, where it is not 224
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}
VERSION = "keras 1: bicubic, mean over places, length 1"
MOST_BYTES = 4 * 2**30  # of a model file, and of what it unpacks to
MOST_CONFIG_BYTES = 64 * 2**20
FORBIDDEN = {
    "Lambda",
    "__lambda__",
    "function",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
}


class KerasEmbedder:
    """The pooled activations of a Keras model."""

    def __init__(self, name: str, digest: str, model: "keras.Model", preprocess: Callable[[Any], Any] | None) -> None:
        """Wrap `model`, whose one input is (height, width, 1 or 3) and whose one output has any shape.

        Raises:
            UsageError: the model's input or output is of another kind.
        """
        self.name, self.digest = name, digest
        self._model, self._preprocess = model, preprocess
        inputs, outputs = _flat(model.input_shape), _flat(model.output_shape)
        if len(inputs) != 1 or len(inputs[0]) != 4 or inputs[0][3] not in (1, 3):
            raise UsageError(f"{name} takes {model.input_shape}; one input of (height, width, 3 or 1) is wanted.")
        if len(outputs) != 1 or len(outputs[0]) < 2 or not outputs[0][-1]:
            raise UsageError(f"{name} gives {model.output_shape}; one output of known size is wanted.")
        _, height, width, self._channels = inputs[0]
        self.size = (width or DEFAULT_SIDE, height or DEFAULT_SIDE)
        self.dimensions = int(outputs[0][-1])

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, dimensions): the output averaged over places, rows of length 1.

        Raises:
            CasebookError: the model gives numbers that are not finite.
        """
        result = np.zeros((len(images), self.dimensions), np.float32)
        for start in range(0, len(images), BATCH):
            pixels = np.stack([self._pixels(image) for image in images[start : start + BATCH]])
            batch = self._preprocess(pixels) if self._preprocess else pixels
            output = np.asarray(self._model.predict_on_batch(batch), np.float32)
            rows = output.reshape(len(output), -1, self.dimensions).mean(axis=1)
            if not np.isfinite(rows).all():
                raise CasebookError(f"{self.name} gives numbers that are not finite; choose another model.")
            result[start : start + BATCH] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return result

    def classify(self, image: Image.Image) -> None:
        """Return None: the labels of these models are not known here."""

    def foundation(self, precision: str = "float32") -> "keras.Model":
        """Return a copy of the network to build on: it takes RGB of 0 to 255 and gives rows of length 1, as `embed`.

        Its norms over batches stay as they are, so that a few new pictures do not spoil what they know; all else
        learns, also what the model was stored with as fixed.

        Args:
            precision: that its layers compute in, such as mixed_bfloat16; those that only scale pixels keep theirs.
        """
        import keras

        layers = keras.layers
        with tempfile.TemporaryDirectory() as folder:  # a stored model brings all of its state along
            self._model.save(Path(folder) / "model.keras")
            body = keras.saving.load_model(Path(folder) / "model.keras", compile=False, safe_mode=True)
        for layer in _layers(body):  # a norm that does not learn does not count batches either
            layer.trainable = not isinstance(layer, layers.BatchNormalization)
            if not isinstance(layer, layers.Rescaling | layers.Normalization):
                layer.dtype_policy = precision
        inputs = keras.Input((self.size[1], self.size[0], 3), dtype="float32")
        x, (mixing, offset) = inputs, self._pixel_map()
        if not (np.array_equal(mixing, np.eye(3)) and not offset.any()):
            pixels = layers.Conv2D(mixing.shape[1], 1, dtype="float32", trainable=False, name="pixels")
            x = pixels(x)
            pixels.set_weights([mixing[None, None], offset])
        x = body(x)
        if isinstance(x, list | tuple | dict):
            (x,) = x.values() if isinstance(x, dict) else x
        if len(x.shape) > 2:
            x = layers.GlobalAveragePooling1D(dtype="float32")(layers.Reshape((-1, self.dimensions))(x))
        # Features that are all nought have a direction then, and so a gradient.
        x = layers.UnitNormalization(dtype="float32")(layers.Rescaling(1.0, TINY, dtype="float32")(x))
        return keras.Model(inputs, x, name="foundation")

    def _pixel_map(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what happens to a pixel before the network: a matrix (3, channels), and what is added, float32."""
        ends = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float32).reshape(4, 1, 1, 3)
        if self._channels == 1:
            ends = ends @ np.array([[0.299], [0.587], [0.114]], np.float32)  # as Pillow's grey (ITU-R 601)
        black, *full = np.asarray(self._preprocess(ends) if self._preprocess else ends, np.float32).reshape(4, -1)
        return (np.stack(full) - black) / 255, black

    def _pixels(self, image: Image.Image) -> np.ndarray:
        small = squash(image, self.size)
        pixels = np.asarray(small if self._channels == 3 else small.convert("L"), np.float32)
        return pixels if self._channels == 3 else pixels[:, :, None]


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a model, and of the models in it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _flat(shape: Any) -> list[tuple[Any, ...]]:
    """Return the shapes of one or several inputs or outputs as a list."""
    if isinstance(shape, dict):
        return list(shape.values())
    return list(shape) if any(isinstance(part, tuple | list) for part in shape) else [tuple(shape)]


# --- keras.applications ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def applications() -> dict[str, str]:
    """Return the models of keras.applications and the module of each, read without importing Keras (five seconds)."""
    spec = find_spec("keras")
    if spec is None or spec.origin is None:
        raise CasebookError("Keras is not installed; install it, or choose imagenet or handcrafted.")
    source = Path(spec.origin).parent / "applications" / "__init__.py"
    found: dict[str, str] = {}
    for node in ast.parse(source.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("keras.src.applications."):
            found |= {alias.name: node.module.rpartition(".")[2] for alias in node.names}
    return found


def application_digest(name: str) -> str:
    """Return the digest of a model of keras.applications: Keras pins the checksums of the weights in its own source."""
    return hashlib.sha256(f"keras {version('keras')} {name} imagenet {VERSION}".encode()).hexdigest()


def application_dimensions(name: str) -> int:
    """Return the number of features; the model is loaded only where this machine has not seen it yet."""
    return _remembered(application_digest(name), lambda: load_application(name).dimensions)


def load_application(name: str) -> KerasEmbedder:
    """Load a model of keras.applications with its ImageNet weights, which Keras downloads once.

    Raises:
        CasebookError: the weights cannot be had.
    """
    module = importlib.import_module(f"keras.applications.{applications()[name]}")
    side = SIDES.get(name, DEFAULT_SIDE)
    try:
        model = build_application(name, side)
    except Exception as error:  # of a failed download Keras raises the bare class
        reason = str(error).strip().partition("\n")[0]
        raise CasebookError(
            f"the weights of {name} cannot be had ({reason}): connect to the network, put them into Keras' folder "
            "(~/.keras/models), or choose imagenet or handcrafted."
        ) from error
    return KerasEmbedder(name, application_digest(name), model, module.preprocess_input)


def build_application(name: str, side: int, weights: str | None = "imagenet") -> "keras.Model":
    """Build a model of keras.applications without its classifier, averaged over places."""
    if settings().offline and weights == "imagenet":
        raise OSError("CASEBOOK_OFFLINE forbids the network")
    build = getattr(importlib.import_module("keras.applications"), name)
    return build(include_top=False, weights=weights, input_shape=(side, side, 3), pooling="avg")


# --- a model file of the user's own ----------------------------------------------------------------------------------


def check_file(path: Path) -> None:
    """Refuse a model file that is not made of Keras' own layers, without loading it.

    Raises:
        UsageError: there is no such file, or it must not be loaded; the message says why.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such model file; give a .keras file, or imagenet, handcrafted or auto.")
    if path.suffix.lower() != ".keras":
        raise UsageError(
            f"{path}: only .keras files are read, because other formats may run code when they are loaded or are not "
            'Keras\'; in Keras, convert it by model.save("model.keras").'
        )
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > MOST_BYTES:
                raise UsageError(f"{path} unpacks to more than {MOST_BYTES / 2**30:.0f} GiB; give a smaller model.")
            if archive.getinfo("config.json").file_size > MOST_CONFIG_BYTES:
                raise UsageError(f"{path}: its config.json is larger than {MOST_CONFIG_BYTES / 2**20:.0f} MiB.")
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, NotImplementedError, RecursionError) as error:
        raise UsageError(f"{path} is no Keras model file ({error}); give one that model.save wrote.") from error
    for module, class_name in _classes(config):
        if class_name in FORBIDDEN or (module is not None and module.split(".")[0] != "keras"):
            raise UsageError(
                f"{path} holds {class_name!r} of {module or 'Keras'}, which may run code or read files here; "
                "give a model that is made of Keras' own layers only."
            )


def _classes(config: Any) -> Iterator[tuple[str | None, str]]:
    """Yield the module and the class of every object in a model's configuration."""
    stack = [config]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                module = item.get("module")
                yield (module if isinstance(module, str) else None), str(item["class_name"])
            stack += item.values()
        elif isinstance(item, list):
            stack += item


def file_dimensions(path: Path, name: str, digest: str) -> int:
    """Return the number of features of a model file; it is loaded only where this machine has not seen it yet."""
    return _remembered(digest, lambda: load_file(path, name, digest).dimensions)


def load_file(path: Path, name: str, digest: str) -> KerasEmbedder:
    """Load a model file in safe mode; the features of a classifier are what its last Dense layer gets.

    A model counts as a classifier when it ends in a Dense layer with softmax or sigmoid, or in one that is followed by
    such an activation; of every other model its output is taken.

    Raises:
        UsageError: the file must not or cannot be loaded, or takes no pictures.
    """
    check_file(path)
    import keras

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises nearly anything on files that it does not understand
        reason = str(error).strip().partition("\n")[0][:300]
        raise UsageError(f"{name} cannot be loaded ({type(error).__name__}: {reason}); save it anew.") from error
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise UsageError(f"{name} has no fixed input; build the model before saving it.")
    before = _before_classifier(model)
    return KerasEmbedder(name, digest, model if before is None else keras.Model(model.inputs, before), None)


def _before_classifier(model: "keras.Model") -> Any:
    """Return the tensor that a classifier's last Dense layer gets, or None when the model is no classifier."""
    import keras

    squashing, ends = False, {"softmax", "sigmoid"}
    for layer in reversed(model.layers):
        activation = getattr(getattr(layer, "activation", None), "__name__", "")
        if isinstance(layer, keras.layers.Dense):
            return layer.input if squashing or activation in ends else None
        if isinstance(layer, keras.layers.Softmax) or activation in ends:
            squashing = True
        elif not isinstance(layer, keras.layers.Dropout | keras.layers.Activation | keras.layers.Reshape):
            return None
    return None


def _remembered(digest: str, work_out: Callable[[], int]) -> int:
    """Return a number of features from a note in the cache, or work it out and note it."""
    notes = Folder(str(settings().cache_folder / "embedders"))
    note = notes.read_bytes(f"{digest}.json", missing_ok=True)
    if note is not None:
        try:
            return int(json.loads(note)["dimensions"])
        except (ValueError, KeyError, TypeError):
            notes.remove(f"{digest}.json")
    dimensions = work_out()
    notes.write_bytes(f"{digest}.json", json.dumps({"dimensions": dimensions}).encode())
    return dimensions
