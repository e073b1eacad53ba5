"""How does the small network learn from the large one? Passes over the views, with a checkpoint after each.

The rate rises for half a pass, stays, and falls to nothing over the last quarter of the passes: so a training that is
cut short after any checkpoint can still be brought to a good end, by fewer passes. It runs with TensorFlow
and with JAX (`KERAS_BACKEND=jax`), on a processor or a GPU.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tasks.features.pictures.own import areas
from tasks.platform.progress import progress
from tasks.training.distilling.network import build, loss
from tasks.training.networks.loop import compiles

BATCH = 128
RATE, DECAY = 2.5e-3, 0.02
FALL = 0.25  # of the passes


def train(pictures: np.ndarray, targets: np.ndarray, passes: int, folder: Path, seed: int = 0) -> keras.Model:
    """Train the network; an interrupted training goes on at its last whole pass.

    Args:
        pictures: uint8 (n, side, side, 3).
        targets: of each place, float16 (n, GRID, GRID, channels).
        passes: over all pictures.
        folder: for checkpoints.
        seed: of weights, order and augmentation.
    """
    keras.utils.set_random_seed(seed)
    model = build(seed, pictures.shape[1])
    pooling = areas(model.output_shape[1])
    optimizer = keras.optimizers.AdamW(RATE, beta_2=0.99, weight_decay=DECAY)

    def far(wanted: Any, places: Any) -> Any:
        return loss(keras.ops.einsum("gx,nxyc,hy->nghc", pooling, places, pooling), wanted)

    model.compile(optimizer, far, jit_compile=compiles())
    optimizer.build(model.trainable_variables)
    folder.mkdir(parents=True, exist_ok=True)
    steps = len(pictures) // BATCH
    losses = _resume(folder, model, optimizer)
    for number in range(len(losses), passes):
        chance = np.random.default_rng([seed, number])
        order, total = chance.permutation(len(pictures)), 0.0
        for batch in progress(range(steps), f"Pass {number + 1} of {passes}", unit=f"x {BATCH} views"):
            optimizer.learning_rate.assign(RATE * _share((number + batch / steps), passes))
            rows = np.sort(order[batch * BATCH : (batch + 1) * BATCH])
            model.reset_metrics()
            total += float(model.train_on_batch(*augmented(pictures[rows], targets[rows], chance)))
        losses.append(total / steps)
        _keep(folder, model, optimizer, losses)
        print(f"pass {number + 1}: loss {losses[-1]:.4f}", flush=True)
    return model


def _share(at: float, passes: int) -> float:
    """Return the share of the full rate after `at` passes."""
    return float(min(1.0, (at + 0.01) / 0.5, max(0.0, (passes - at) / (FALL * passes))))


def augmented(pictures: np.ndarray, targets: np.ndarray, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch as another camera may have taken it, float32: mirrored, in another light; its targets alike.

    What the teacher says of a mirrored picture is what it says of the picture, mirrored; other light it hardly sees.
    """
    shown, wanted = pictures.astype(np.float32), targets.astype(np.float32)
    turned = chance.random(len(shown)) < 0.5
    shown[turned] = shown[turned, :, ::-1]
    wanted[turned] = wanted[turned, :, ::-1]
    count = (len(shown), 1, 1, 1)
    mean = shown.mean(axis=(1, 2, 3), keepdims=True)
    shown = (shown - mean) * chance.uniform(0.75, 1.25, count) + mean + chance.uniform(-20, 20, count)
    shown *= chance.uniform(0.9, 1.1, (len(shown), 1, 1, 3))
    return np.clip(shown, 0, 255).astype(np.float32), wanted


def _keep(folder: Path, model: keras.Model, optimizer: Any, losses: list[float]) -> None:
    arrays: dict[str, Any] = {f"model{number:03}": np.asarray(value) for number, value in enumerate(model.variables)}
    arrays |= {f"optimizer{number:03}": np.asarray(value) for number, value in enumerate(optimizer.variables)}
    scratch = folder / "checkpoint.part.npz"
    np.savez(scratch, losses=np.array(losses), **arrays)
    scratch.replace(folder / "checkpoint.npz")


def _resume(folder: Path, model: keras.Model, optimizer: Any) -> list[float]:
    path = folder / "checkpoint.npz"
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as kept:
        for name, variables in (("model", model.variables), ("optimizer", optimizer.variables)):
            for number, variable in enumerate(variables):
                variable.assign(kept[f"{name}{number:03}"])
        return [float(value) for value in kept["losses"]]
