"""What does a small network of our own see in a picture? It comes with the package, so that nothing has to be fetched.

It was taught by the large one, on pictures of Caltech-101, CIFAR-10 and faces, without any label: `python -m
tasks.training.distilling` repeats that. What it gives are 128 numbers for each of 4 x 4 places, averaged to 3 x 3 as
the large network's are: what is seen, and roughly where.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from PIL import Image

from tasks.features.pictures.resizing import squash

WEIGHTS = Path(__file__).with_name("own.tflite")
SIDE = 64
CHANNELS = 128
GRID = 3
VERSION = f"own 1: {SIDE}x{SIDE} bicubic, {CHANNELS} channels, by area to {GRID}x{GRID} places, length 1"


@lru_cache(maxsize=1)
def digest() -> str:
    """Return the digest of weights and preparation."""
    return hashlib.sha256(WEIGHTS.read_bytes() + VERSION.encode()).hexdigest()


def areas(places: int, grid: int = GRID) -> np.ndarray:
    """Return the shares (grid, places) by which `places` along a side are averaged to `grid`, each by what it covers.

    One of `places` that lies across a border counts for both sides of it.
    """
    edges, cells = np.arange(grid + 1) / grid, np.arange(places + 1) / places
    low, high = np.maximum(edges[:-1, None], cells[None, :-1]), np.minimum(edges[1:, None], cells[None, 1:])
    return (np.clip(high - low, 0, None) * grid).astype(np.float32)


class OwnNetwork:
    """The network in the package, with 8-bit weights and activations; an interpreter for each of `threads`."""

    name = "small network"
    dimensions = GRID * GRID * CHANNELS
    size = (SIDE, SIDE)

    def __init__(self, threads: int = 1, weights: bytes | None = None) -> None:
        """Load the network, or another one of its shape from the bytes of a LiteRT file."""
        content = weights or WEIGHTS.read_bytes()
        self.digest = hashlib.sha256(content + VERSION.encode()).hexdigest()
        self._threads = threads
        self._interpreters: SimpleQueue[_Interpreter] = SimpleQueue()
        for _ in range(threads):
            self._interpreters.put(_Interpreter(content))

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, 1152), rows of length 1 (or zeros where the network sees nothing)."""
        result = np.zeros((len(images), self.dimensions), np.float32)
        if self._threads == 1 or len(images) == 1:
            for row, image in enumerate(images):
                result[row] = self._features(image)
            return result
        with ThreadPoolExecutor(self._threads) as pool:
            for row, features in enumerate(pool.map(self._features, images)):
                result[row] = features
        return result

    def classify(self, image: Image.Image) -> None:
        """Return None: this network knows no classes."""

    def _features(self, image: Image.Image) -> np.ndarray:
        interpreter = self._interpreters.get()
        try:
            places = interpreter.places(image)
        finally:
            self._interpreters.put(interpreter)
        share = areas(places.shape[0])
        features = np.einsum("gx,xyc,hy->ghc", share, places, share).ravel()
        length = float(np.linalg.norm(features))
        return features / length if length > 0 else features


class _Interpreter:
    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        # The default delegate is twice as fast, and says on standard error that it was created.
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self._network = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=plain)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._output = self._network.get_output_details()[0]["index"]

    def places(self, image: Image.Image) -> np.ndarray:
        """Return float32 (4, 4, CHANNELS)."""
        self._network.set_tensor(self._input, np.asarray(squash(image, (SIDE, SIDE)), np.float32)[None])
        self._network.invoke()
        return np.asarray(self._network.get_tensor(self._output)[0])
