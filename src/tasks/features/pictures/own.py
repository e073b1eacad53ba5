"""What does a small network of our own see in a picture? It comes with the package, so that nothing has to be fetched.

It was taught by the large one, on pictures of Caltech-101, CIFAR-10 and faces, without any label: `python -m
tasks.training.distilling` repeats that. What it gives are 128 numbers for each of 6 x 6 places, averaged to 3 x 3 as
the large network's are: what is seen, and roughly where. Each place is looked at in the picture and in its mirror
image, which tells more than one look: precision@5 on pictures that it never saw is 0.712, and 0.699 without.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.features.pictures.resizing import squash
from tasks.features.pictures.side_by_side import SideBySide

WEIGHTS = Path(__file__).with_name("own.tflite")
SIDE = 96
CHANNELS = 128
GRID = 3
VERSION = (
    f"own 3: {SIDE}x{SIDE} bicubic, {CHANNELS} channels, mean of picture and mirror image, by area to {GRID}x{GRID}"
    " places, length 1"
)


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


class OwnNetwork(SideBySide["_Interpreter"]):
    """The network in the package, with 8-bit weights and activations; an interpreter for each of `threads`."""

    name = "small network"
    dimensions = GRID * GRID * CHANNELS
    size = (SIDE, SIDE)

    def __init__(self, threads: int = 1, weights: bytes | None = None) -> None:
        """Load the network, or another one of its shape from the bytes of a LiteRT file."""
        content = weights or WEIGHTS.read_bytes()
        self.digest = hashlib.sha256(content + VERSION.encode()).hexdigest()
        super().__init__(_Interpreter(content) for _ in range(threads))

    def classify(self, image: Image.Image) -> None:
        """Return None: this network knows no classes."""

    def _seen(self, interpreter: "_Interpreter", image: Image.Image) -> np.ndarray:
        places = interpreter.places(image)
        share = areas(places.shape[0])
        return np.einsum("gx,xyc,hy->ghc", share, places, share)


class _Interpreter:
    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._network = Interpreter(model_content=content, num_threads=1)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._output = self._network.get_output_details()[0]["index"]

    def places(self, image: Image.Image) -> np.ndarray:
        """Return float32 (6, 6, CHANNELS), of each place the mean of what it and its mirror image look like."""
        shown = np.asarray(squash(image, (SIDE, SIDE)), np.float32)
        return (self._once(shown) + self._once(shown[:, ::-1])[:, ::-1]) / 2

    def _once(self, pixels: np.ndarray) -> np.ndarray:
        self._network.set_tensor(self._input, np.ascontiguousarray(pixels)[None])
        self._network.invoke()
        return np.asarray(self._network.get_tensor(self._output)[0])
