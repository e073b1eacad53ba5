"""What does a network that has seen a million photographs see in a picture? MobileNetV2 through LiteRT.

The features are what the last block of the network gives, 320 channels on a grid of 6 x 6 places, averaged to 3 x 3
places: what is seen, and roughly where. On Caltech-101 that finds more pictures of the same kind than the 1,280
averages over the whole picture before the classifier do, and an input of 168 pixels is enough for it.
"""

import hashlib
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tasks.features.pictures.originals import WEIGHTS
from tasks.features.pictures.resizing import squash
from tasks.features.pictures.side_by_side import SideBySide
from tasks.platform.downloads import original
from tasks.platform.errors import IntegrityError

SIDE = 168  # of the input; the last block then has 6 x 6 places, as with 192, at 77 % of the work
CLASSIFIER_SIDE = 224  # what it was trained with
CHANNELS = 320
GRID = 3
DIMENSIONS = GRID * GRID * CHANNELS
VERSION = "mobilenet_v2 1: 168x168 bicubic, last block 320 channels, mean over 3x3 places, length 1"
DIGEST = hashlib.sha256(f"{original(WEIGHTS).sha256} {VERSION}".encode()).hexdigest()


class MobileNet(SideBySide["_Interpreter"]):
    """MobileNetV2 with 8-bit weights and activations."""

    name = "MobileNetV2 (ImageNet)"
    digest = DIGEST
    dimensions = DIMENSIONS
    size = (SIDE, SIDE)

    def __init__(self, weights: Path, labels: Path, threads: int = 1, side: int = SIDE) -> None:
        """Load the network.

        Args:
            weights: the registered file.
            labels: the registered file.
            threads: interpreters.
            side: pixels of the input; those of another side than 168 are other features, which `digest` does not tell.

        Raises:
            IntegrityError: a file is not the registered one.
        """
        self._weights = _content(weights, "mobilenet_v2")
        self._labels = _content(labels, "imagenet_labels").decode("utf-8").splitlines()
        super().__init__(_Interpreter(self._weights, side) for _ in range(threads))
        self._classifier: _Interpreter | None = None
        self._lock = threading.Lock()

    def classify(self, image: Image.Image) -> list[tuple[str, float]]:
        """Return the 1,001 ImageNet labels with their softmax scores, best first."""
        with self._lock:
            if self._classifier is None:
                self._classifier = _Interpreter(self._weights, CLASSIFIER_SIDE)
            scores = self._classifier.scores(image)
        order = np.argsort(-scores, kind="stable")
        return [(self._labels[number], float(scores[number])) for number in order]

    def _seen(self, interpreter: "_Interpreter", image: Image.Image) -> np.ndarray:
        grid = interpreter.last_block(image)
        return grid.reshape(GRID, grid.shape[0] // GRID, GRID, grid.shape[1] // GRID, CHANNELS).mean(axis=(1, 3))


class _Interpreter:
    """One LiteRT interpreter for pictures of one size."""

    def __init__(self, weights: bytes, side: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._size = (side, side)
        with warnings.catch_warnings():
            # It advises against keeping inner tensors for their memory: here a few megabytes. They cost no time.
            warnings.simplefilter("ignore", UserWarning)
            self._network = Interpreter(model_content=weights, num_threads=1, experimental_preserve_all_tensors=True)
        self._input = self._network.get_input_details()[0]["index"]
        self._network.resize_tensor_input(self._input, [1, side, side, 3])
        self._network.allocate_tensors()
        self._scores = self._network.get_output_details()[0]
        self._block = self._find_last_block()

    def _find_last_block(self) -> dict[str, Any]:
        """Return the description of the output of the last block: the only tensor of 320 channels on a grid."""
        found = [
            tensor
            for tensor in self._network.get_tensor_details()
            if len(tensor["shape"]) == 4 and tensor["shape"][1] > 1 and tensor["shape"][3] == CHANNELS
        ]
        if len(found) != 1:
            raise IntegrityError(
                f"the network has {len(found)} tensors of {CHANNELS} channels on a grid instead of one."
            )
        return found[0]

    def _run(self, image: Image.Image) -> None:
        self._network.set_tensor(self._input, np.asarray(squash(image, self._size))[None])
        self._network.invoke()

    def last_block(self, image: Image.Image) -> np.ndarray:
        """Return float32 (side / 32, side / 32, 320)."""
        self._run(image)
        return _dequantised(self._network.get_tensor(self._block["index"])[0], self._block)

    def scores(self, image: Image.Image) -> np.ndarray:
        """Return float32 (1001,), the probabilities of the classes."""
        self._run(image)
        return _dequantised(self._network.get_tensor(self._scores["index"])[0], self._scores)


def _dequantised(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)


def _content(path: Path, name: str) -> bytes:
    """Read a registered file; LiteRT must not see other bytes, it trusts what it loads."""
    content = path.read_bytes()
    found, pinned = hashlib.sha256(content).hexdigest(), original(name).sha256
    if found != pinned:
        raise IntegrityError(
            f"{path} has SHA-256 {found}, but {name} is pinned to {pinned}: remove it, so that it is fetched again."
        )
    return content
