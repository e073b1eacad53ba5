"""How is a network trained? The recipe of each architecture, and the schedule of one training.

A plan is a record: the same plan on the same pictures gives the same network, whenever and however often its training
was interrupted.
"""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

Architecture = Literal["airbench", "wide", "classic", "small", "finetune"]
# That a picture of any kind may be tried with.
ARCHITECTURES: tuple[Architecture, ...] = ("airbench", "wide", "classic")
SMALLEST_BATCH = 16
LARGE = 256  # pixels a side, beyond which a batch holds as many pixels


class Recipe(BaseModel):
    """What belongs to an architecture, whatever the pictures."""

    model_config = ConfigDict(frozen=True)

    optimizer: Literal["muon", "adam"]
    rate: float = Field(description="peak learning rate, per picture of a batch for the last layer of muon")
    momentum: float = 0.85
    decay: float = Field(0.0, description="weight decay, in units of the peak rate")
    bias_rate: float = Field(1.0, description="factor on the rate for biases, for muon")
    kernel_rate: float = Field(0.17, description="peak rate of the kernels of convolutions, for muon")
    kernel_momentum: float = Field(0.6, description="of the kernels of convolutions, for muon")
    smoothing: float = Field(0.0, description="of the labels")
    largest: int = Field(1024, description="batch")
    enough: int = Field(350, description="steps, with fewer of which a smaller batch learns more (on CIFAR-10)")
    start: float = Field(0.2, description="rate of the first step, as a share of the peak")
    peak: float = Field(0.23, description="share of the steps after which the rate is highest")
    end: float = Field(0.07, description="rate of the last step, as a share of the peak")
    shift: int = Field(2, description="pixels that a picture is moved by at most, at 32 pixels a side")
    cutout: int = Field(0, description="side of the square that each picture loses, at 32 pixels a side")
    widths: tuple[int, int, int] = Field((64, 256, 256), description="channels of the blocks of airbench and wide")
    residual: bool = Field(False, description="a third convolution in each block, and a way around the last two")


# airbench and wide: the networks of airbench94 and airbench96 (K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single
# A100", 2024, arXiv 2404.00498, section 3) with the optimizer of the author's airbench94_muon, whose rates are 0.67 and
# 0.053 a picture and 0.24 for kernels with batches of 2,000. 0.17 was chosen for batches of up to 1,024 on 5,000
# training pictures kept aside; there 14 epochs of wide reached 92.9 %, and 91.7 % by momentum and lookahead as in
# airbench96; 2.2 epochs of airbench 86.8 and 83.8 %.
_AIRBENCH = Recipe(
    optimizer="muon",
    rate=0.67,
    decay=2e-6 / 0.67,
    bias_rate=0.053 / 0.67,
    smoothing=0.2,
    enough=200,
    start=1.0,
    peak=0.0,
    end=0.0,
)
RECIPES: dict[Architecture, Recipe] = {
    "airbench": _AIRBENCH,
    "wide": _AIRBENCH.model_copy(update={"shift": 4, "cutout": 12, "widths": (128, 384, 512), "residual": True}),
    "classic": Recipe(optimizer="adam", rate=2e-3, decay=0.01, smoothing=0.05, start=0.1, peak=0.3, end=0.02),
    "small": Recipe(optimizer="adam", rate=3e-3, decay=0.01, smoothing=0.05, start=0.1, peak=0.2, end=0.01),
    "finetune": Recipe(
        optimizer="adam", rate=1e-4, decay=0.01, smoothing=0.05, start=0.1, peak=0.1, end=0.0, largest=32
    ),
}


class Plan(BaseModel):
    """One training: everything that decides about its result but the pictures."""

    model_config = ConfigDict(frozen=True)

    architecture: Architecture
    side: int = Field(ge=16, le=1024, description="pixels of a picture's side")
    classes: int = Field(ge=2)
    pictures: int = Field(ge=2, description="that are learned from")
    batch: int = Field(ge=1)
    steps: int = Field(ge=1, description="of the whole schedule")
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    mirror: bool = Field(True, description="whether a mirrored picture is one of the same class")
    seed: int = 0
    base: str = Field("", description="digest of the network that it begins with; empty for one of drawn weights")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recipe(self) -> Recipe:
        """The recipe of the architecture; told with the plan, so that a checkpoint of another one is none of it."""
        return RECIPES[self.architecture]

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch; what is left over waits for another order."""
        return max(1, self.pictures // self.batch)

    @property
    def epochs(self) -> float:
        """Passes over the pictures; the last one may be cut short."""
        return self.steps / self.steps_per_epoch

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.height(step) * self.peak_rate

    def height(self, step: int) -> float:
        """Return the rate of a step as a share of the peak: a triangle (L. Smith, N. Topin, "Super-Convergence", 2018).

        It only falls where the peak is at the first step.
        """
        recipe, share = self.recipe, step / max(1, self.steps)
        if share < recipe.peak:
            return recipe.start + (1 - recipe.start) * share / recipe.peak
        return 1 + (recipe.end - 1) * (share - recipe.peak) / (1 - recipe.peak)

    @property
    def peak_rate(self) -> float:
        """The highest learning rate; the loss is a mean, so that a rate per picture grows with the batch."""
        return self.recipe.rate * (self.batch if self.recipe.optimizer == "muon" else 1)


def batch_for(pictures: int, epochs: float, recipe: Recipe) -> int:
    """Return the batch for a schedule: full where there are steps enough, smaller on small data and short schedules."""
    wanted = pictures * epochs / recipe.enough
    power = 2 ** round(math.log2(max(1.0, wanted)))
    return int(min(max(power, SMALLEST_BATCH), recipe.largest, max(1, pictures)))


def as_many_pixels(count: int, usual: int, side: int) -> int:
    """Return how many pictures of a side hold no more pixels than `count` of the usual side: from 1 to `count`."""
    return max(1, int(count * min(1.0, (usual / side) ** 2)))


def make_plan(
    architecture: Architecture,
    side: int,
    classes: int,
    pictures: int,
    epochs: float,
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32",
    mirror: bool = True,
    seed: int = 0,
    base: str = "",
) -> Plan:
    """Return the plan of so many epochs; see `Plan` for the arguments."""
    recipe = RECIPES[architecture]
    batch = min(batch_for(pictures, epochs, recipe), as_many_pixels(recipe.largest, LARGE, side))
    steps = max(1, round(epochs * max(1, pictures // batch)))
    return Plan(
        architecture=architecture,
        side=side,
        classes=classes,
        pictures=pictures,
        batch=batch,
        steps=steps,
        precision=precision,
        mirror=mirror,
        seed=seed,
        base=base,
    )
