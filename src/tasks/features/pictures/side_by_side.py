"""How does a small network see many pictures at once? One interpreter of one thread for each thread, side by side.

So many pictures at a time are quicker than the threads of one interpreter, which wait for each other after every layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, TypeVar

import numpy as np
from PIL import Image

Interpreter = TypeVar("Interpreter")


class SideBySide(ABC, Generic[Interpreter]):
    """An embedder by interpreters that are each used by one thread at a time."""

    dimensions: int

    def __init__(self, interpreters: Iterable[Interpreter]) -> None:
        """Take the interpreters, one for each thread."""
        self._interpreters: SimpleQueue[Interpreter] = SimpleQueue()
        self._threads = 0
        for interpreter in interpreters:
            self._interpreters.put(interpreter)
            self._threads += 1

    @abstractmethod
    def _seen(self, interpreter: Interpreter, image: Image.Image) -> np.ndarray:
        """Return what is seen in a picture, float32 of `dimensions` values in any shape."""

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, dimensions), rows of length 1 (or zeros where the network sees nothing)."""
        result = np.zeros((len(images), self.dimensions), np.float32)
        if self._threads == 1 or len(images) == 1:
            for row, image in enumerate(images):
                result[row] = self._features(image)
            return result
        with ThreadPoolExecutor(self._threads) as pool:
            for row, features in enumerate(pool.map(self._features, images)):
                result[row] = features
        return result

    def _features(self, image: Image.Image) -> np.ndarray:
        interpreter = self._interpreters.get()
        try:
            features = self._seen(interpreter, image).ravel()
        finally:
            self._interpreters.put(interpreter)
        length = float(np.linalg.norm(features))
        return features / length if length > 0 else features
