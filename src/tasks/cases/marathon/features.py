"""What can be told of a runner? Pace, how the halves compare, body ratios, and the group that each belongs to."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.stage import stage

KILOMETRES = 42.195
SEXES = {"W": "women", "M": "men"}
AGE_BANDS = ("under 30", "30 to 39", "40 to 49", "50 to 59", "60 and over")
AGE_LIMITS = (30, 40, 50, 60)


class Measure(BaseModel):
    """One measure of a runner."""

    unit: str
    parts: tuple[str, ...]
    """The recorded values that it is made of. Two measures that share one go together by construction."""
    more: str
    """What a runner with more of it is, before "than" and, where the unit is no part of it, after "by"."""
    less: str
    noun: str
    scale: float = 1.0
    """From the measure to the unit in which it is told."""
    decimals: int = 1


MEASURES: dict[str, Measure] = {
    "age": Measure(unit="years", parts=("age",), more="older", less="younger", noun="age"),
    "final": Measure(unit="min", parts=("final",), more="slower", less="faster", noun="final time", scale=1 / 60),
    "split_fraction": Measure(
        unit="percentage points",
        parts=("split", "final"),
        more="slowing down more in the second half",
        less="slowing down less in the second half",
        noun="split fraction",
        scale=100,
        decimals=2,
    ),
    "height": Measure(unit="cm", parts=("height",), more="taller", less="shorter", noun="height"),
    "weight": Measure(unit="kg", parts=("weight",), more="heavier", less="lighter", noun="weight"),
    "split": Measure(
        unit="min",
        parts=("split",),
        more="slower to half way",
        less="faster to half way",
        noun="split time",
        scale=1 / 60,
    ),
    "bmi": Measure(
        unit="kg/m²", parts=("height", "weight"), more="of higher BMI", less="of lower BMI", noun="BMI", decimals=2
    ),
    "height_per_weight": Measure(
        unit="cm/kg",
        parts=("height", "weight"),
        more="taller for their weight",
        less="shorter for their weight",
        noun="height per weight",
        decimals=3,
    ),
}
PRIMARY = ("age", "final", "split_fraction", "height", "weight")
"""The measures that say all that was recorded: half the way takes final x (1 - split fraction) / 2. Pace is the final
time over the distance, so that whatever holds for one holds for the other."""
DERIVED = ("split", "bmi", "height_per_weight")


def derive(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the measures that follow from the primary ones, each (n,): seconds, kg/m², cm/kg."""
    height, weight = values["height"], values["weight"]
    return {
        "split": values["final"] * (1 - values["split_fraction"]) / 2,
        "bmi": weight / (height / 100) ** 2,
        "height_per_weight": height / weight,
    }


@stage(phase="Data preparation")
def measure_runners(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn what was recorded into measures and groups.

    Args:
        frame: runners as read, with times in seconds.

    Returns:
        One row per runner: sex, nationality and age_band as text; age (years), final (s), split_fraction (1 - 2 split /
        final: the share of the time by which the second half took longer), height (cm), weight (kg), split (s), bmi,
        height_per_weight (cm/kg) and pace (s/km).
    """
    band = np.searchsorted(AGE_LIMITS, frame["age"].to_numpy(), side="right")
    primary = {
        "age": frame["age"].to_numpy(np.float64),
        "final": frame["final"].to_numpy(np.float64),
        "split_fraction": (1 - 2 * frame["split"] / frame["final"]).to_numpy(np.float64),
        "height": frame["size"].to_numpy(np.float64),
        "weight": frame["weight"].to_numpy(np.float64),
    }
    return pd.DataFrame(
        {
            "sex": frame["gender"].map(SEXES).to_numpy(object),
            "nationality": frame["nationality"].to_numpy(object),
            "age_band": np.array(AGE_BANDS, object)[band],
            **primary,
            **derive(primary),
            "pace": primary["final"] / KILOMETRES,
        }
    )
