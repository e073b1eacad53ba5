"""How does a network learn from pictures? One loop for all architectures, which a kill does not set back.

Each epoch draws its order and its views from the seed and its own number, and leaves a checkpoint; a training that was
interrupted goes on after the last whole epoch and ends with the network that it would have been. Runs on whatever
backend and device Keras has. Keras is imported here: import this module where a network is trained.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tasks.platform.errors import CasebookError
from tasks.platform.progress import progress
from tasks.training.networks.architectures import build, statistics
from tasks.training.networks.augmentation import augmented, cut_out, views
from tasks.training.networks.checkpoints import State, read_state, write_state
from tasks.training.networks.optimizer import optimizer_of
from tasks.training.networks.plan import Plan, as_many_pixels

COUNTED = 512  # pictures of a batch that norms are counted on
PREDICTED, USUAL_SIDE = 512, 64  # pictures at a time, and up to which size; of larger ones as many pixels

Row = dict[str, Any]
Network = Callable[[Plan, str, bool], keras.Model]  # of a plan, in a precision, of a processor's layers or not


class Trained(NamedTuple):
    """A network and how it came about."""

    model: keras.Model  # float32, takes 0 to 255, gives logits
    history: list[Row]  # a row per epoch: epoch, steps, loss, accuracy, validation_loss, validation_accuracy, seconds


def train(
    pictures: np.ndarray,
    labels: np.ndarray,
    plan: Plan,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    folder: Path | None = None,
    tell: Callable[[Row], None] | None = None,
    network: Network | None = None,
) -> Trained:
    """Train the network of a plan.

    Args:
        pictures: uint8 (n, side, side, 3), n as the plan says.
        labels: (n,) int, from 0.
        plan: of the training.
        validation: pictures and labels that are looked at after each epoch, and decide nothing.
        folder: of the checkpoints; none are left without one.
        tell: called with each row of the history, those of an interrupted training first.
        network: builds what is trained; without one it is that of the plan's architecture, its weights drawn.
    """
    training = _Training(plan, network or drawn(pictures, plan.seed))
    begun = read_state(folder, training.shapes) if folder else None
    history: list[Row] = []
    if begun:
        training.restore(begun.arrays)
        history = begun.history
    for row in history if tell else []:
        tell(row)  # type: ignore[misc]
    done = begun.epoch if begun else 0
    left = max(0, plan.steps - done * plan.steps_per_epoch)
    steps = progress(_steps(plan, done), f"Training {plan.architecture}", total=left, unit="steps")
    epoch, clock, sums = done, time.perf_counter(), np.zeros(2)
    for step, epoch, numbers, last in steps:
        sums += training.step(step, _shown(pictures, numbers, epoch, plan), labels[numbers])
        if not last:
            continue
        if not np.isfinite(sums[0]):
            raise CasebookError(
                f"The training of {plan.architecture} broke down in epoch {epoch + 1}: its loss is no number any more. "
                "Look for pictures of one colour, or take another architecture."
            )
        if plan.recipe.optimizer == "muon":
            training.count_norms(_shown(pictures, some, epoch, plan) for some in _some(plan, epoch))
        row = _row(plan, epoch, step, sums, time.perf_counter() - clock, training, validation)
        history.append(row)
        if folder:
            write_state(folder, State(epoch + 1, training.arrays(), history))
        if tell:
            tell(row)
        clock, sums = time.perf_counter(), np.zeros(2)
    return Trained(training.portable(), history)


def drawn(pictures: np.ndarray, seed: int) -> Network:
    """Return what builds a network with drawn weights for pictures, uint8 (n, side, side, 3)."""
    known = statistics(pictures, seed)
    return lambda plan, precision, quick: build(plan, known, precision, quick)


def _shown(pictures: np.ndarray, numbers: np.ndarray, epoch: int, plan: Plan) -> np.ndarray:
    """Return pictures as an epoch shows them; see `augmented`."""
    recipe, seed, count = plan.recipe, plan.seed, plan.pictures
    shift = max(1, _scaled(recipe.shift, plan))
    batch = augmented(pictures[numbers], numbers, epoch, seed, shift, plan.mirror, count)
    size = _scaled(recipe.cutout, plan)
    return cut_out(batch, numbers, epoch, seed, size, count) if size else batch


def _some(plan: Plan, epoch: int) -> list[np.ndarray]:
    """Return the numbers of the pictures that norms are counted on after an epoch, in batches."""
    order, size = np.random.default_rng([plan.seed, 8, epoch]).permutation(plan.pictures), min(COUNTED, plan.batch)
    return [np.sort(order[start : start + size]) for start in range(0, min(4 * size, len(order)), size)]


def _scaled(pixels: int, plan: Plan) -> int:
    """Return pixels at 32 a side as pixels of the plan's pictures."""
    return round(pixels * plan.side / 32)


def _steps(plan: Plan, done: int) -> Iterator[tuple[int, int, np.ndarray, bool]]:
    """Yield step, epoch, the numbers of the batch, and whether the epoch ends with it, after `done` whole epochs."""
    each = plan.steps_per_epoch
    for step in range(min(done * each, plan.steps), plan.steps):
        epoch, at = divmod(step, each)
        if at == 0 or step == done * each:
            order = np.random.default_rng([plan.seed, 5, epoch]).permutation(plan.pictures)
        numbers = np.sort(order[at * plan.batch : (at + 1) * plan.batch])
        yield step, epoch, numbers, at + 1 == each or step + 1 == plan.steps


def _row(
    plan: Plan,
    epoch: int,
    step: int,
    sums: np.ndarray,
    seconds: float,
    training: "_Training",
    validation: tuple[np.ndarray, np.ndarray] | None,
) -> Row:
    count = step % plan.steps_per_epoch + 1
    row: Row = {
        "epoch": epoch + 1,
        "steps": step + 1,
        "rate": plan.rate(step),
        "loss": float(sums[0] / count),
        "accuracy": float(sums[1] / count),
        "seconds": seconds,
        "pictures_per_second": count * plan.batch / max(seconds, 1e-9),
    }
    if validation is not None and len(validation[0]):
        logits = predict(training.model, validation[0])
        row["validation_accuracy"] = float((logits.argmax(axis=1) == validation[1]).mean())
        row["validation_loss"] = float(cross_entropy(logits, validation[1]).mean())
    return row


class _Training:
    """A network with its optimizer."""

    def __init__(self, plan: Plan, network: Network) -> None:
        self.plan, self.network = plan, network
        self.model = network(plan, plan.precision, keras.backend.backend() == "tensorflow" and not compiles())
        self.optimizer = optimizer_of(plan)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=plan.recipe.smoothing)
        self.model.compile(self.optimizer, loss, metrics=["categorical_accuracy"], jit_compile=compiles())
        self.optimizer.build(self.model.trainable_variables)

    @property
    def variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(variable.shape) for variable in self.variables]

    def arrays(self) -> list[np.ndarray]:
        """Return all that a training remembers between two steps."""
        return [np.array(variable.numpy()) for variable in self.variables]

    def restore(self, arrays: list[np.ndarray]) -> None:
        """Remember what `arrays` gave."""
        for variable, array in zip(self.variables, arrays, strict=True):
            variable.assign(array)

    def step(self, number: int, pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Learn from one batch; return its loss and accuracy before the step."""
        self.optimizer.learning_rate.assign(self.plan.rate(number))
        wanted = np.eye(self.plan.classes, dtype=np.float32)[labels]
        self.model.reset_metrics()
        told = self.model.train_on_batch(pictures.astype(np.float32), wanted)
        return np.array([float(told[0]), float(told[1])])

    def count_norms(self, batches: Iterable[np.ndarray]) -> None:
        """Count the norms anew, as the mean over batches of pictures, uint8 (n, side, side, 3).

        Muon turns the weights so fast that what the norms remember from steps before is of another network: answers
        between epochs would be no better than chance. Learning does not look at it.
        """
        norms = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        usual = [layer.momentum for layer in norms]
        for number, batch in enumerate(batches):
            for layer in norms:
                layer.momentum = 1 - 1 / (number + 1)
            self.model(batch.astype(np.float32), training=True)
        for layer, momentum in zip(norms, usual, strict=True):
            layer.momentum = momentum

    def portable(self) -> keras.Model:
        """Return the network in float32, without its optimizer."""
        model = self.network(self.plan, "float32", False)
        model.set_weights(self.model.get_weights())
        return model


def compiles() -> bool:
    """Tell whether XLA compiles the steps: always with JAX; with TensorFlow it is slower on processors (measured)."""
    if keras.backend.backend() != "tensorflow":
        return keras.backend.backend() == "jax"
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def predict(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Return the logits of pictures, float32 (n, classes); `pictures` is (n, side, side, 3), 0 to 255."""
    if not len(pictures):
        return np.zeros((0, model.output_shape[-1]), np.float32)
    parts, count = [], as_many_pixels(PREDICTED, USUAL_SIDE, max(pictures.shape[1:3]))
    for start in range(0, len(pictures), count):
        batch = np.asarray(pictures[start : start + count], np.float32)
        short = count - len(batch) if start else 0  # one shape, so that nothing is compiled twice
        padded = np.concatenate([batch, np.zeros((short, *batch.shape[1:]), np.float32)]) if short else batch
        parts.append(np.asarray(model.predict_on_batch(padded), np.float32)[: len(batch)])
    return np.concatenate(parts)


def predict_views(model: keras.Model, pictures: np.ndarray, mirror: bool) -> np.ndarray:
    """Return the logits averaged over the views of test-time augmentation, float32 (n, classes)."""
    parts = [weight * predict(model, view) for weight, view in views(np.asarray(pictures), mirror)]
    return np.asarray(np.sum(parts, axis=0), np.float32)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the loss of each picture, (n,), in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
