"""What can this machine compute with, in which precision, and how many pictures a second? Measured, not believed.

Keras is imported here: import this module where a network is trained.
"""

import time
from pathlib import Path

import keras
import numpy as np
from pydantic import BaseModel, Field

from tasks.training.networks.loop import Network, _Training, drawn
from tasks.training.networks.plan import Plan

SECONDS = 3.0  # of each measurement, at least one step
STEP = 64  # pictures that precisions are compared on
# Weights that grow so many times as large as in float32 are those of a gradient that is lost: channels without spread,
# of grey or blocky pictures, multiply its rounding at each norm.
LOST = 10.0


class Speed(BaseModel):
    """How fast this machine trains."""

    device: str
    precision: str
    pictures_per_second: float
    tried: dict[str, float] = Field({}, description="pictures a second by precision")
    why: str


def device() -> str:
    """Return GPU or CPU: what Keras' backend computes on."""
    if keras.backend.backend() == "jax":
        import jax

        return "GPU" if any(item.platform == "gpu" for item in jax.devices()) else "CPU"
    if keras.backend.backend() == "torch":
        import torch

        return "GPU" if torch.cuda.is_available() else "CPU"
    import tensorflow as tf

    return "GPU" if tf.config.list_physical_devices("GPU") else "CPU"


def low_precision() -> str:
    """Return the low precision that the device has arithmetic for, "" for none."""
    if device() == "GPU":
        return "mixed_bfloat16"
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.is_file() else ""
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else ""


def measure_speed(plan: Plan, pictures: np.ndarray, labels: np.ndarray, network: Network | None = None) -> Speed:
    """Time some training steps in each precision that the device has arithmetic for, and choose the fastest.

    One in which the gradient is lost on these pictures is not chosen.

    Args:
        plan: of the training that is to come; only its network and its batch count.
        pictures: uint8 (n, side, side, 3), some.
        labels: (n,).
        network: builds what is trained; see `loop.train`.
    """
    network, low = network or drawn(pictures[:512], plan.seed), low_precision()
    size = min(plan.batch, 4 * STEP if device() == "CPU" else plan.batch, len(pictures))
    tried, largest = {}, {}
    for precision in ["float32", *([low] if low else [])]:
        training = _Training(plan.model_copy(update={"precision": precision, "batch": size}), network)
        largest[precision] = _largest(training, pictures[:size], labels[:size])
        tried[precision] = _rate(training, pictures[:size], labels[:size])
    lost = bool(low) and not largest[low] <= LOST * max(1.0, largest["float32"])
    best = "float32" if lost else max(tried, key=lambda name: tried[name])
    why = "faster here" if low else f"the {device()} has no bfloat16 arithmetic"
    why = "bfloat16 loses the gradient on these pictures" if lost else why
    return Speed(device=device(), precision=best, pictures_per_second=tried[best], tried=tried, why=why)


def _largest(training: _Training, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Return the size of the largest weight after two steps, NaN where one is none; the first builds the graph."""
    training.step(0, pictures, labels)
    training.step(0, pictures, labels)
    return float(np.max([np.abs(weight.numpy()).max() for weight in training.model.trainable_variables]))


def _rate(training: _Training, pictures: np.ndarray, labels: np.ndarray) -> float:
    clock, steps = time.perf_counter(), 0
    while steps < 1 or time.perf_counter() - clock < SECONDS:
        training.step(0, pictures, labels)
        steps += 1
    return steps * len(pictures) / (time.perf_counter() - clock)
