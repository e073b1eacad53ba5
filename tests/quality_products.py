"""Tables of products for the tests, with a truth that is known."""

import numpy as np
import pandas as pd

from tasks.cases.quality.features.inputs import Recipe, choose_inputs
from tasks.cases.quality.features.split import SplitProducts, split_products
from tasks.cases.quality.ingestion.roles import Roles, assign_roles


def roles_of(frame: pd.DataFrame, **given: str) -> Roles:
    options = dict.fromkeys(("target", "faulty", "leave_out", "keep", "group", "time"), "") | {"kind": "auto"}
    return assign_roles.fn(frame, **(options | given))


def prepared(frame: pd.DataFrame, **given: str) -> tuple[Roles, SplitProducts, Recipe]:
    roles = roles_of(frame, **given)
    split = split_products.fn(frame, roles, 0.25, 1)
    return roles, split, choose_inputs.fn(split.train, split.y_train, roles, split.folds, given.get("keep", "")).recipe


def process(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Products that are faulty where force × speed is above 1.3, or on line B with heat above 1, else seldom."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "line": rng.choice(["A", "B"], rows),
            "force [N]": rng.uniform(0, 2, rows),
            "speed [m/s]": rng.uniform(0, 1, rows),
            "heat [K]": rng.normal(0, 1, rows),
        }
    )
    certain = (frame["force [N]"] * frame["speed [m/s]"] > 1.3) | ((frame["line"] == "B") & (frame["heat [K]"] > 1.2))
    frame["failure"] = (certain | (rng.random(rows) < 0.01)).astype(float)
    return frame
