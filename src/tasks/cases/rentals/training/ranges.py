"""Within which range does a foretold price lie? And what would a listing cost that has no price?"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.rentals.features.with_pandas import FEATURES
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

LEVEL = 0.8  # of the range that is told with a price


class Interval(BaseModel):
    """By which factors a price lies around the foretold one, in `level` of the cases."""

    low: float
    high: float
    level: float = LEVEL


def positive(price: np.ndarray) -> np.ndarray:
    """No flat costs less than nothing, whatever a straight line says."""
    return np.maximum(price, 0.0)


def interval_of(search: pd.DataFrame, off: pd.DataFrame, kind: str) -> Interval:
    """Return the factors that hold `LEVEL` of the held-out prices (R. Barber et al., "Predictive inference with the
    jackknife+", Annals of Statistics, 2021)."""
    place = int(np.flatnonzero(search["chosen"] & (search["model"] == kind))[0])
    low, high = np.exp(np.quantile(off[str(place)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return Interval(low=float(low), high=float(high))


def ends(found: np.ndarray, interval: Interval) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper end of the range around foretold prices, (n,)."""
    low, high = ((found + 1) * factor - 1 for factor in (interval.low, interval.high))
    return positive(low), positive(high)


@stage(phase="Deployment")
def foretell(derived: pd.DataFrame, model: "Pipeline", interval: Interval) -> pd.DataFrame:
    """Foretell the price of listings that have none.

    Returns:
        `id, name, price` (foretold, a typical price), `low` and `high` (of the range), a row per listing.
    """
    if derived.empty:
        return pd.DataFrame({"id": [], "name": [], "price": [], "low": [], "high": []})
    found = positive(model.predict(derived[list(FEATURES)]))
    low, high = ends(found, interval)
    return derived[["id", "name"]].assign(price=found, low=low, high=high).round(2).reset_index(drop=True)
