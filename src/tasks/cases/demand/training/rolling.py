"""Which items are forecast anew at each review, in the test for the replay, and before it to learn how far orders miss?

An order rests on the demand of a few periods, forecast from where it is given. How far such sums are off is learned
from a rehearsal: forecasts from every period of the stretch before the test, as the replay makes them in it.
"""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.demand.features.clock import Clock
from tasks.platform.stage import stage

MOST_ITEMS = 400  # that are forecast at each review; of more a draw is


class Plan(BaseModel):
    """What is played again, and rehearsed."""

    drawn: list[int]  # numbers of the series
    forecast: list[int]  # numbers that are forecast for it: those drawn; empty for all, sums too
    early: list[int]  # origins of the rehearsal
    origins: list[int]  # of the replay
    steps: int


@stage(phase="Modelling")
def plan_rolling(terms: pd.DataFrame, clock: Clock, seed: int) -> Plan:
    """Plan rehearsal and replay: all items, or a draw of `MOST_ITEMS`.

    Args:
        terms: of the orders.
        clock: of the grid.
        seed: of the draw.
    """
    numbers = terms["number"].to_numpy()
    whole = len(numbers) <= MOST_ITEMS
    drawn = numbers if whole else np.sort(np.random.default_rng(seed).choice(numbers, MOST_ITEMS, replace=False))
    mine = terms[terms["number"].isin(drawn)]
    every = int(np.gcd.reduce(mine["review"].to_numpy(int)))
    return Plan(
        drawn=drawn.tolist(),
        forecast=[] if whole else drawn.tolist(),
        early=list(range(clock.origins[0], clock.test, max(1, clock.horizon // 13))),
        origins=list(range(clock.test, clock.periods, every)),
        steps=int((mine["lead_time"] + mine["review"]).max()),
    )
