"""How does a network that somebody has trained learn other classes? It goes on learning, slowly.

It begins where transfer ends, with the head that was fitted on its features, so that the first answers are those of the
head (first the head, then all: A. Kumar and others, "Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution", ICLR 2022). Keras is imported here: import this module where a network is trained.
"""

import keras
import numpy as np

from tasks.features.pictures.keras_models import KerasEmbedder
from tasks.training.networks.heads import LinearHead
from tasks.training.networks.loop import Network
from tasks.training.networks.plan import Plan


def begun(embedder: KerasEmbedder, head: LinearHead) -> Network:
    """Return what builds a network that says what `head` says of the features of `embedder`.

    The network takes RGB of 0 to 255, float32 (n, height, width, 3), and gives logits, float32 (n, k).
    """

    def network(plan: Plan, precision: str, quick: bool) -> keras.Model:
        layers, whitening = keras.layers, head.whitening
        body = embedder.foundation(precision)
        mapped = whitening.components * whitening.scale
        whiten = layers.Dense(whitening.dimensions, dtype="float32", name="whitening")
        last = layers.Dense(len(head.bias), dtype="float32", name="logits")
        x = layers.UnitNormalization(dtype="float32")(whiten(body.output))
        model = keras.Model(body.inputs, last(x), name=plan.architecture)
        whiten.set_weights([mapped, -whitening.mean @ mapped])
        last.set_weights([head.weights, np.asarray(head.bias)])
        chance = (item for item in model.non_trainable_variables if "seed_generator" in item.path)
        for number, state in enumerate(chance):  # what is dropped out is drawn by the plan's seed
            state.assign(np.array([plan.seed, number]).astype(state.dtype))
        return model

    return network
