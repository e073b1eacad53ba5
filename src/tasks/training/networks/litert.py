"""How does a Keras model become a file for small devices? LiteRT, in float or with 8-bit weights and activations.

TensorFlow is imported here where a model is converted; what runs a converted one needs `ai-edge-litert` only, which
starts in a fifth of a second.
"""

import os
import warnings
from typing import Any

import numpy as np

CALIBRATING = 200  # inputs that the ranges of activations are measured on


def convert(model: Any, examples: np.ndarray | None = None) -> bytes:
    """Return a Keras model as LiteRT.

    Args:
        model: with one input and one output.
        examples: (n, …) typical inputs; with them weights and activations get 8 bits, input and output stay float32.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    shape = (1, *model.input_shape[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own deprecations
        function = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec(shape, tf.float32)])
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], model)
        if examples is not None:
            chosen = examples[np.linspace(0, len(examples) - 1, min(CALIBRATING, len(examples))).astype(int)]
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([row[None].astype(np.float32)] for row in chosen)
        return bytes(converter.convert())


class LiteModel:
    """A converted model, ready to answer; one for each thread."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._network = Interpreter(model_content=content, num_threads=threads)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._output = self._network.get_output_details()[0]["index"]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs, float32 (n, …), of inputs (n, …), one after the other."""
        rows = []
        for row in inputs:
            self._network.set_tensor(self._input, np.asarray(row, np.float32)[None])
            self._network.invoke()
            rows.append(self._network.get_tensor(self._output)[0].copy())
        return (
            np.stack(rows) if rows else np.zeros((0, *self._network.get_output_details()[0]["shape"][1:]), np.float32)
        )
