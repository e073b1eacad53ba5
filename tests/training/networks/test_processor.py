"""The layers for a processor compute what Keras' own layers do, and no stored network is built of them."""

from typing import Any

import numpy as np
import pytest

from tasks.training.networks.plan import ARCHITECTURES, make_plan

pytestmark = pytest.mark.slow
CLOSE = {"float32": 2e-4, "mixed_bfloat16": 0.05}  # largest error, in units of the largest number


def outcome(layers: Any, kind: str, precision: str, side: int) -> list[np.ndarray]:
    """Return what a layer makes of drawn pictures, and the gradients by the pictures and the weights."""
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(side)
    layer = {
        "convolution": lambda: layers.Conv2D(7, 3, padding="same", use_bias=False, dtype=precision),
        "norm": lambda: layers.BatchNormalization(momentum=0.6, epsilon=1e-7, scale=False, dtype=precision),
        "norm with scale": lambda: layers.BatchNormalization(momentum=0.9, dtype=precision),
        "gelu": lambda: layers.Gelu(dtype=precision),
    }[kind]()
    dtype = "bfloat16" if precision == "mixed_bfloat16" else "float32"
    pictures = tf.cast(rng.normal(0.3, 2, (9, side, side, 5)), dtype)
    layer.build(pictures.shape)
    drawn = np.random.default_rng(1)
    layer.set_weights([np.abs(drawn.normal(1, 0.5, weight.shape)) for weight in layer.get_weights()])
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        made = layer(pictures, training=True) if kind.startswith("norm") else layer(pictures)
        told = tf.reduce_sum(tf.cast(made, tf.float32) * drawn.normal(size=made.shape).astype(np.float32))
    weights = [weight.value for weight in layer.trainable_variables]
    slopes = tape.gradient(told, [pictures, *weights])
    assert keras.backend.standardize_dtype(made.dtype) == dtype
    found = [made, *slopes, *(layer.get_weights() if kind.startswith("norm") else [])]
    return [np.asarray(tf.cast(part, tf.float32)) for part in found]


@pytest.mark.parametrize("side", [5, 12])
@pytest.mark.parametrize("precision", list(CLOSE))
@pytest.mark.parametrize("kind", ["convolution", "norm", "norm with scale", "gelu"])
def test_each_layer_and_its_gradients_are_those_of_keras(kind: str, precision: str, side: int) -> None:
    from tasks.training.networks import processor
    from tasks.training.networks.architectures import PLAIN

    ours, theirs = (outcome(layers, kind, precision, side) for layers in (processor, PLAIN))
    assert len(ours) == len(theirs) >= 2
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        # The variance of a batch counts the cases less one here: one in 225 and more.
        assert np.abs(one - other).max() <= (CLOSE[precision] + 1 / 225 * ("norm" in kind)) * np.abs(other).max()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_network_of_them_learns_as_one_of_keras(architecture: str) -> None:
    from tasks.training.networks.architectures import build, statistics

    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 255, (16, 16, 16, 3), dtype=np.uint8), np.arange(16) % 3
    plan, known = make_plan(architecture, 16, 3, 60, 2), statistics(pictures)
    losses = []
    for quick in (True, False):
        model = build(plan, known, quick=quick)
        losses.append([step(model, pictures, labels) for _ in range(2)])
        whiten = [layer for layer in model.layers if layer.name == "whiten"]
        assert all(np.array_equal(layer.get_weights()[0], known.filters) for layer in whiten)
    np.testing.assert_allclose(*losses, rtol=5e-3)


def step(model: Any, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Take a step of plain descent; return the loss before it, without dropout."""
    import keras
    import tensorflow as tf

    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    fitted = [weight for weight in model.trainable_variables if weight.path != "whiten/kernel"]
    with tf.GradientTape() as tape:
        logits = model(pictures.astype(np.float32), training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
    for weight, slope in zip(fitted, tape.gradient(loss, [weight.value for weight in fitted]), strict=True):
        weight.assign_sub(0.01 * slope)
    return float(loss)


def test_a_stored_network_is_built_of_the_layers_of_keras() -> None:
    from tasks.training.networks.loop import train

    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 255, (32, 16, 16, 3), dtype=np.uint8), np.arange(32) % 2
    plan = make_plan("airbench", 16, 2, 32, 1)
    model = train(pictures, labels, plan.model_copy(update={"batch": 16, "steps": 2})).model
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
