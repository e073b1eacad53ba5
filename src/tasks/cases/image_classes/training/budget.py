"""How long is a network trained? As long as fits into the budget, at the speed that this machine shows."""

import sys
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.features.pictures.embedders import EmbedderChoice, load_embedder
from tasks.features.splits import LEARN, TEST, VALIDATE
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.training.networks.heads import LinearHead
from tasks.training.networks.plan import Architecture, Plan, make_plan

MOST_EPOCHS: dict[Architecture, float] = {"airbench": 40.0, "wide": 40.0, "classic": 60.0, "finetune": 10.0}
# Pictures to learn from, from which on a long time is worth the wide network. On CIFAR-10 as JPEG, learning from
# 48,000, wide was right in 91.9 % after 28 epochs and airbench in 90.3 % after 20; from 4,500, 40 epochs each, in 77.3
# and 77.4 %.
PLENTY = 20_000
MINUTES, SAMPLE_MINUTES = 20.0, 0.5
MOST_EXPECTED = 0.995  # accuracy; a simple model without a mistake on a few pictures promises no more
SPARE = 0.9  # of the budget is planned for, since the speed of a machine varies
FORWARD = 1 / 3  # of the time of a training step that an answer takes
VIEWS = 7  # answers for each test picture, those of test-time augmentation included
# Reached on CIFAR-10 as JPEG after so many epochs (benchmarks/image_classes.py), and by the best simple model there.
REACHED: dict[Architecture, list[tuple[float, float]]] = {
    "airbench": [(2.2, 0.854), (9.9, 0.895), (20, 0.903)],
    "wide": [(12, 0.909), (28, 0.919)],
    "classic": [(4, 0.649), (10, 0.749)],
}
REACHED_SIMPLY, REACHED_FROM = 0.57, 48_000  # pictures
# With what power of the number of pictures the mistakes grow fewer, measured there with 900, 4,500 and 13,500 pictures.
FEWER: dict[Architecture, float] = {"airbench": 0.3, "wide": 0.38, "classic": 0.2}


def budget_of(source: str) -> float:
    """Return the minutes that a network may take where nobody has said."""
    return SAMPLE_MINUTES if source == "sample" else MINUTES


class Speed(BaseModel):
    """How fast this machine trains a network."""

    device: str
    precision: Literal["float32", "mixed_bfloat16"]
    pictures_per_second: float
    tried: dict[str, float] = {}
    why: str = ""


class Schedule(BaseModel):
    """A training that fits into its budget."""

    plan: Plan
    speed: Speed
    minutes: float
    expected: float | None = Field(None, description="accuracy that the schedule should reach, roughly")
    note: str = ""

    @property
    def told(self) -> str:
        """The schedule in a sentence."""
        plan, speed = self.plan, self.speed
        expected = f", which should reach an accuracy of about {self.expected:.0%}" if self.expected else ""
        return (
            f"{plan.architecture}: {plan.epochs:.3g} epochs of {plan.pictures:,} pictures at {plan.side} x {plan.side}"
            f" in batches of {plan.batch} ({self.note}; {speed.pictures_per_second:,.0f} pictures a second on the"
            f" {speed.device} in {speed.precision}: {speed.why}){expected}."
        )


@stage(phase="Modelling")
def schedule(
    pixels: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
    architecture: Architecture,
    minutes: float,
    epochs: float,
    mirror: bool,
    simple: pd.DataFrame,
    seed: int,
    features: EmbedderChoice | None = None,
    head: LinearHead | None = None,
) -> Schedule:
    """Measure how fast this machine trains, and plan what fits into the budget.

    Cached: a training that was killed goes on with the schedule that it began with.

    Args:
        pixels: uint8 (n, side, side, 3).
        labels: (n,).
        parts: (n,) of the split.
        architecture: of the network.
        minutes: budget, answers included.
        epochs: passes over the pictures; 0 takes what fits into the budget.
        mirror: whether a mirrored picture shows the same class.
        simple: `accuracy` of the simple models.
        seed: of the training.
        features: of the network that goes on learning, for finetune.
        head: that it begins with.
    """
    from tasks.training.networks.devices import measure_speed

    learn = np.flatnonzero(parts == LEARN)
    some = np.sort(np.random.default_rng([seed, 9]).permutation(learn)[:1024])
    side, classes = pixels.shape[1], int(labels.max()) + 1
    base, network = features.digest if features else "", network_of(features, head)
    trial = make_plan(architecture, side, classes, len(learn), epochs or 4.0, "float32", mirror, seed, base)
    speed = Speed.model_validate(measure_speed(trial, pixels[some], labels[some], network).model_dump())
    note = "as asked for" if epochs else ""
    if not epochs:
        epochs, note = _fitting(speed.pictures_per_second, minutes, parts, architecture)
    plan = make_plan(architecture, side, classes, len(learn), epochs, speed.precision, mirror, seed, base)
    best = float(simple["accuracy"].max())
    expected = _expected(architecture, plan.epochs, plan.pictures, best)
    planned = Schedule(plan=plan, speed=speed, minutes=minutes, expected=expected, note=note)
    print(f"  {planned.told}", file=sys.stderr, flush=True)
    return planned


def network_of(features: EmbedderChoice | None, head: LinearHead | None) -> Any:
    """Return what builds the network that goes on learning, a `loop.Network`; None where its weights are drawn."""
    if features is None or head is None:
        return None
    from tasks.features.pictures.keras_models import KerasEmbedder
    from tasks.training.networks.finetuning import begun

    embedder = load_embedder(features)
    if not isinstance(embedder, KerasEmbedder):
        raise UsageError(f"{features.name} cannot go on learning; only a Keras model can.")
    return begun(embedder, head)


def _fitting(rate: float, minutes: float, parts: np.ndarray, architecture: Architecture) -> tuple[float, str]:
    """Return how many epochs fit into the budget, rounded down to two digits, and why so many."""
    learn, validate, test = (int((parts == part).sum()) for part in (LEARN, VALIDATE, TEST))
    seconds = 60 * minutes * SPARE - FORWARD * VIEWS * test / rate
    least = 0.1 * 60 * minutes
    why = "what fits into the budget at the measured speed"
    if seconds < least:
        seconds, why = least, "a tenth of the budget, which the answers for the test pictures alone use up"
    epochs = seconds * rate / (learn + FORWARD * validate)
    if epochs >= MOST_EPOCHS[architecture]:
        return MOST_EPOCHS[architecture], "more passes than that gain little, so the budget is not used up"
    digits = 10.0 ** np.floor(np.log10(max(epochs, 1e-3)) - 1)
    return float(max(np.floor(epochs / digits) * digits, 0.01)), why


def _expected(architecture: Architecture, epochs: float, pictures: int, simple: float) -> float | None:
    """Return the accuracy to expect, None where nothing is known.

    Of the simple model's error the share that was left on CIFAR-10; a larger one where there are fewer pictures to
    learn from, all of it at most.
    """
    if architecture not in REACHED:
        return None
    known = np.array([(0.0, REACHED_SIMPLY), *REACHED[architecture]])
    reached = float(np.interp(np.log1p(epochs), np.log1p(known[:, 0]), known[:, 1]))
    left = (1 - reached) / (1 - REACHED_SIMPLY) * max(1.0, REACHED_FROM / pictures) ** FEWER[architecture]
    return min(MOST_EXPECTED, 1 - (1 - simple) * min(1.0, left))
