"""Layers that train the same network on a processor under TensorFlow, in less time.

Keras writes a norm in float32 and GELU as a chain of operations, each of which goes through memory once; and oneDNN's
gradient of a 3 x 3 kernel on small, deep pictures takes three times as long in bfloat16 as the convolution itself.
Measured by `benchmarks/image_classes.py speed` on two cores with AVX512_BF16, these layers make 1.3 to 1.9 times
as many pictures a second. They keep the weights of the layers that they stand for, in the same order, and only train: a
network that is stored is built of Keras' own layers. TensorFlow is imported here.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

SMALL = 8  # pixels a side up to which nine products are quicker than oneDNN's gradient of the kernel, in bfloat16
Gradient = Any


class Conv2D(keras.layers.Conv2D):
    """A convolution of stride 1 and zero padding whose kernel has a quicker gradient; without one where it is fixed."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolve (n, height, width, c) with (height, width, c, outputs)."""
        kernel = tf.convert_to_tensor(kernel, inputs.dtype)
        if not self.kernel_learns:
            kernel = _still(kernel)
        quick = self.kernel_size == (3, 3) and self.padding == "same" and self.strides == (1, 1)
        if quick and inputs.dtype == tf.bfloat16 and inputs.shape[1] <= SMALL:
            return _convolved(inputs, kernel)
        return super().convolution_op(inputs, kernel)

    @property
    def kernel_learns(self) -> bool:
        """Whether the kernel moves at all; the optimizer leaves the one of the layer called whiten as it is."""
        return self.name != "whiten"


@tf.custom_gradient
def _still(kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Return the kernel, with a gradient of nought that needs no work."""
    return tf.identity(kernel), lambda _: tf.zeros(kernel.shape, kernel.dtype)


@tf.custom_gradient
def _convolved(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    def gradient(outer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inner = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(inputs), filter=kernel, out_backprop=outer, strides=[1, 1, 1, 1], padding="SAME"
        )
        return inner, _kernel_gradient(inputs, outer)

    return tf.nn.conv2d(inputs, kernel, 1, "SAME"), gradient


def _kernel_gradient(inputs: tf.Tensor, outer: tf.Tensor) -> tf.Tensor:
    """Return the gradient of a 3 x 3 kernel: for each of its places, inputs moved by it times the outer gradient."""
    height, width, channels = inputs.shape[1:]
    padded, rows = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]]), tf.reshape(outer, (-1, outer.shape[-1]))
    places = [
        tf.matmul(tf.reshape(padded[:, y : y + height, x : x + width], (-1, channels)), rows, transpose_a=True)
        for y in range(3)
        for x in range(3)
    ]
    return tf.reshape(tf.stack(places), (3, 3, channels, outer.shape[-1]))


class BatchNormalization(keras.layers.BatchNormalization):
    """The norm of a batch in one operation; its variance counts the cases less one."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """Norm (n, height, width, c); see `keras.layers.BatchNormalization`."""
        if not training or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        nothing = tf.zeros((0,), tf.float32)
        normed, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma if self.scale else tf.ones((inputs.shape[-1],), tf.float32),
            offset=self.beta,
            mean=nothing,
            variance=nothing,
            epsilon=self.epsilon,
            is_training=True,
        )
        for kept, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + now * (1.0 - self.momentum))
        return normed


class Gelu(keras.layers.Layer):
    """x times the share of a normal distribution below x (D. Hendrycks and K. Gimpel 2016), as one operation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return as many numbers."""
        return _gelu(inputs)


@tf.custom_gradient
def _gelu(inputs: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    return _forward(inputs), lambda outer: _backward(inputs, outer)


def _below(x: tf.Tensor) -> tf.Tensor:
    return 0.5 * (1 + tf.math.erf(x * np.float32(np.sqrt(0.5))))


@tf.function(jit_compile=True)
def _forward(inputs: tf.Tensor) -> tf.Tensor:
    x = tf.cast(inputs, tf.float32)
    return tf.cast(x * _below(x), inputs.dtype)


@tf.function(jit_compile=True)
def _backward(inputs: tf.Tensor, outer: tf.Tensor) -> tf.Tensor:
    x = tf.cast(inputs, tf.float32)
    slope = _below(x) + x * tf.exp(-0.5 * x * x) * np.float32(1 / np.sqrt(2 * np.pi))
    return tf.cast(slope * tf.cast(outer, tf.float32), inputs.dtype)
