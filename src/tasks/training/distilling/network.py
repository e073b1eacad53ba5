"""What does the small network look like, and how does it learn? Seven convolutions, and a loss of two parts.

Keras is imported here: import this module where the network is trained.
"""

import keras
import numpy as np

from tasks.features.pictures.own import CHANNELS

WIDTHS = (48, 96, 256)
SHARPNESS = 12.0  # of the likeness that a picture of a batch has to the others: nearest ones count most
RELATIONS = 0.5  # weight of the second part


def build(seed: int = 0, side: int | None = None) -> keras.Model:
    """Return the network: RGB pictures (n, side, side, 3) of 0 to 255 to (n, side / 16, side / 16, CHANNELS).

    Args:
        seed: of its weights.
        side: of the pictures; None trains and answers on any.
    """
    layers = keras.layers
    drawn = iter(range(100 * seed, 100 * seed + 100))

    def convolved(x: keras.KerasTensor, width: int, size: int, stride: int, last: bool = False) -> keras.KerasTensor:
        kernel = keras.initializers.HeNormal(seed=next(drawn))
        x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False, kernel_initializer=kernel)(x)
        x = layers.BatchNormalization(momentum=0.98, gamma_initializer="zeros" if last else "ones")(x)
        return x if last else layers.Activation("relu")(x)

    inputs = keras.Input((side, side, 3))
    x = layers.Rescaling(1 / 64, -2)(inputs)
    x = convolved(x, WIDTHS[0], 7, 4)
    for number, width in enumerate(WIDTHS):
        if number:
            x = convolved(x, width, 3, 2)
        first = convolved(x, width, 3, 1) if number else x
        x = layers.Activation("relu")(layers.Add()([x, convolved(first, width, 3, 1, last=True)]))
    last = keras.initializers.GlorotUniform(seed=next(drawn))
    return keras.Model(inputs, layers.Conv2D(CHANNELS, 1, kernel_initializer=last)(x), name="own")


class Teacher:
    """The teacher's features as what the student is to say: the main directions of each place, evened out a little.

    Attributes:
        mean: (places, channels), components: (channels, CHANNELS), of centred features of one place.
    """

    def __init__(self, features: np.ndarray, strength: float = 0.25) -> None:
        """Fit on `features`, float (n, GRID, GRID, channels), some thousand of them."""
        rows = np.asarray(features[:: max(1, len(features) // 12_000)], np.float32)
        rows /= np.maximum(np.linalg.norm(rows.reshape(len(rows), -1), axis=1), 1e-6)[:, None, None, None]
        self.mean = rows.mean(axis=0)
        flat = (rows - self.mean).reshape(-1, rows.shape[-1])
        values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
        values, vectors = values[::-1][:CHANNELS], vectors[:, ::-1][:, :CHANNELS]
        self.components = (vectors * np.maximum(values, values[0] * 1e-4) ** (-strength / 2)).astype(np.float32)
        self.scale = float(1 / np.sqrt((((rows - self.mean) @ self.components) ** 2).mean()))

    def targets(self, features: np.ndarray) -> np.ndarray:
        """Return float16 (n, GRID, GRID, CHANNELS) of a spread of about 1."""
        result = np.empty((*features.shape[:3], CHANNELS), np.float16)
        for start in range(0, len(features), 2048):
            rows = np.asarray(features[start : start + 2048], np.float32)
            rows /= np.maximum(np.linalg.norm(rows.reshape(len(rows), -1), axis=1), 1e-6)[:, None, None, None]
            result[start : start + 2048] = (rows - self.mean) @ self.components * self.scale
        return result


def loss(said: keras.KerasTensor, wanted: keras.KerasTensor) -> keras.KerasTensor:
    """Return how far the student's places (n, GRID, GRID, CHANNELS) are from the teacher's, a number.

    One part is one minus the cosine of each picture's features with the teacher's. The other asks which pictures of the
    batch are like each other: the cross-entropy between the likenesses that the teacher sees and those that the student
    sees (Z. Fang et al., "SEED: self-supervised distillation for visual representation", ICLR 2021).
    """
    ops = keras.ops
    count = said.shape[0]
    first, second = (ops.normalize(ops.reshape(part, (count, -1)), axis=1) for part in (said, wanted))
    far = 1 - ops.mean(ops.sum(first * second, axis=1))
    itself = 1e4 * ops.eye(count)
    seen, meant = (ops.matmul(part, ops.transpose(part)) * SHARPNESS - itself for part in (first, second))
    chances = ops.softmax(meant, axis=1)
    apart = ops.mean(ops.sum(chances * (ops.log_softmax(meant, axis=1) - ops.log_softmax(seen, axis=1)), axis=1))
    return far + RELATIONS * apart
