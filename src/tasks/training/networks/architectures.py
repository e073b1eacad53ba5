"""What do the networks look like? Three families that end in one number (logit) for each class.

Both take RGB pictures of 0 to 255 and normalise them themselves, so that a stored model asks for nothing beside pixels.
Keras is imported here: import this module where a network is built.
"""

from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np

from tasks.training.networks.plan import Plan

WHITENED = 5_000  # pictures that the first layer of airbench is fitted on
EPSILON = 5e-4  # added to the eigenvalues of the patches
DEAD = 5e-6  # variance of patches along a direction, below which there is none


class Statistics(NamedTuple):
    """What is known of the training pictures before training."""

    mean: np.ndarray  # (3,) of the channels, 0 to 255
    variance: np.ndarray  # (3,)
    filters: np.ndarray  # (2, 2, 3, 24) that whiten patches of 2 x 2


def statistics(pictures: np.ndarray, seed: int = 0) -> Statistics:
    """Fit normalisation and whitening filters on a drawn sample of the pictures, uint8 (n, side, side, 3).

    The filters are the eigenvectors of the covariance of patches, each divided by the root of its eigenvalue, and once
    more with the other sign; a direction along which no patch varies gets the filter of another one. A sample that is
    drawn matters: files are sorted by class.
    """
    chosen = np.sort(np.random.default_rng([seed, 3]).permutation(len(pictures))[:WHITENED])
    sample = np.asarray(pictures[chosen], np.float32)
    mean, variance = sample.mean(axis=(0, 1, 2)), sample.var(axis=(0, 1, 2)) + 1.0
    normal = (sample - mean) / np.sqrt(variance)
    patches = np.lib.stride_tricks.sliding_window_view(normal, (2, 2), axis=(1, 2))  # (n, y, x, c, 2, 2)
    rows = patches.reshape(-1, 12)
    values, vectors = np.linalg.eigh((rows.T @ rows / len(rows)).astype(np.float64))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # Grey pictures vary along four directions only. A filter that answers nothing to any patch makes a channel without
    # spread, whose gradient the norms behind it blow up: in bfloat16 the network was lost after a step.
    place = np.arange(len(values)) % max(1, int((values > DEAD).sum()))
    scaled = vectors[:, place] / np.sqrt(values[place] + EPSILON)
    signed = np.concatenate([scaled, -scaled], axis=1).reshape(3, 2, 2, 24)
    return Statistics(mean, variance, signed.transpose(1, 2, 0, 3).astype(np.float32))


def _identity(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return a kernel that hands the first channels through unchanged, the others drawn (K. Jordan 2024, section 3.2).

    Args:
        shape: height, width, inputs, outputs.
        seed: of what is drawn.
    """
    height, width, inputs, outputs = shape
    limit = 1 / np.sqrt(height * width * inputs)
    kernel = np.random.default_rng([seed, 4, inputs, outputs]).uniform(-limit, limit, shape)
    same = min(inputs, outputs)
    kernel[..., :same] = 0
    kernel[height // 2, width // 2, np.arange(same), np.arange(same)] = 1
    return kernel.astype(np.float32)


PLAIN = SimpleNamespace(
    Conv2D=keras.layers.Conv2D,
    BatchNormalization=keras.layers.BatchNormalization,
    Gelu=partial(keras.layers.Activation, "gelu"),
)
"""The layers that a processor has quicker ones for, as Keras has them."""


def build(plan: Plan, known: Statistics, precision: str = "", quick: bool = False) -> keras.Model:
    """Build the network of a plan, its weights drawn by the plan's seed; the outputs are logits in float32.

    Args:
        plan: of the training.
        known: of the training pictures.
        precision: another one than the plan's, such as float32 for a model that is stored.
        quick: whether of the layers for a processor under TensorFlow, which train faster and are not to be stored.
    """
    kit: Any = PLAIN
    if quick:
        from tasks.training.networks import processor as kit
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision or plan.precision)
    try:
        inputs = keras.Input((plan.side, plan.side, 3), dtype="float32")
        normal = keras.layers.Normalization(mean=known.mean.tolist(), variance=known.variance.tolist(), dtype="float32")
        body = {"airbench": _airbench, "wide": _airbench, "classic": _classic, "small": _small}[plan.architecture]
        return keras.Model(inputs, body(normal(inputs), plan, known, kit), name=plan.architecture)
    finally:
        keras.config.set_dtype_policy(before)


def _airbench(x: keras.KerasTensor, plan: Plan, known: Statistics, kit: Any) -> keras.KerasTensor:
    """Six convolutions behind a whitening one, or nine with ways around them (K. Jordan 2024, section 3.1 and A)."""
    layers, recipe = keras.layers, plan.recipe
    whiten = kit.Conv2D(24, 2, name="whiten", kernel_initializer=keras.initializers.Zeros())
    x = kit.Gelu()(whiten(x))
    whiten.kernel.assign(known.filters)
    for number, width in enumerate(recipe.widths):
        before = x
        for half in (1, 2, 3) if recipe.residual else (1, 2):
            name = f"{number + 1}{'abc'[half - 1]}"
            # The kernel is set, and not by an initializer of ours: a stored network is to be read without our code.
            convolution = kit.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{name}")
            x = convolution(x)
            convolution.kernel.assign(_identity(convolution.kernel.shape, plan.seed + 10 * number + half))
            if half == 1:
                x = layers.MaxPooling2D(2)(x)
            x = kit.BatchNormalization(momentum=0.6, epsilon=1e-7, scale=False, name=f"norm{name}")(x)
            x = kit.Gelu()(layers.Add()([x, before]) if half == 3 else x)
            before = x if half == 1 else before
    x = layers.GlobalMaxPooling2D()(x)
    drawn = keras.initializers.RandomUniform(-np.sqrt(3), np.sqrt(3), seed=plan.seed)  # of variance 1
    x = layers.Dense(plan.classes, use_bias=False, kernel_initializer=drawn, dtype="float32", name="logits")(x)
    return layers.Rescaling(1 / recipe.widths[-1], dtype="float32")(x)


def _classic(x: keras.KerasTensor, plan: Plan, known: Statistics, kit: Any) -> keras.KerasTensor:
    """Four convolutions of 32, 64, 64 and 128 filters, two dense layers of 256 and 128, dropout."""
    layers = keras.layers

    def drawn(number: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=plan.seed + number)

    for number, width in enumerate((32, 64, 64, 128)):
        x = kit.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer=drawn(number))(x)
        x = layers.Activation("relu")(kit.BatchNormalization(momentum=0.9)(x))
        if number:
            x = layers.Dropout(0.1, seed=plan.seed + number)(layers.MaxPooling2D(2)(x))
    x = layers.AveragePooling2D(max(1, x.shape[1] // 4))(x)  # four places a side whatever the size of the picture
    x = layers.Flatten()(x)
    for width in (256, 128):
        x = layers.Dense(width, use_bias=False, kernel_initializer=drawn(width))(x)
        x = layers.Activation("relu")(kit.BatchNormalization(momentum=0.9)(x))
        x = layers.Dropout(0.3, seed=plan.seed + width)(x)
    return layers.Dense(plan.classes, kernel_initializer=drawn(1), dtype="float32", name="logits")(x)


def _small(x: keras.KerasTensor, plan: Plan, known: Statistics, kit: Any) -> keras.KerasTensor:
    """Four convolutions that each halve the picture: a fortieth of the work of classic, for a camera on two cores."""
    layers, seeded = keras.layers, keras.initializers.GlorotUniform
    for number, width in enumerate((24, 48, 96, 128)):
        kernel = seeded(seed=plan.seed + 10 * (number + 1))
        x = kit.Conv2D(width, 3, strides=2, padding="same", use_bias=False, kernel_initializer=kernel)(x)
        x = layers.Activation("relu")(kit.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.3, seed=plan.seed)(layers.Flatten()(x))
    x = layers.Activation("relu")(layers.Dense(64, kernel_initializer=seeded(seed=plan.seed + 64))(x))
    last = seeded(seed=plan.seed + 1)
    return layers.Dense(plan.classes, kernel_initializer=last, dtype="float32", name="logits")(x)
