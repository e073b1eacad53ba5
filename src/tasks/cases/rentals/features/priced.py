"""From which listings can a price be learned, and for which is it to be foretold?"""

from typing import NamedTuple

import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

FEWEST_PRICED = 200


class Priced(NamedTuple):
    """The listings with a price, from which it is learned, and those without, for which it is foretold."""

    listings: pd.DataFrame
    unpriced: pd.DataFrame


@stage(phase="Data preparation")
def part_priced(frame: pd.DataFrame) -> Priced:
    """Part the listings that have a price from those that have none.

    Raises:
        ContractError: fewer than `FEWEST_PRICED` have one.
    """
    known = frame["price"].notna()
    if known.sum() < FEWEST_PRICED:
        raise ContractError(
            f"Only {known.sum():,} of {len(frame):,} listings have a price, and at least {FEWEST_PRICED} are wanted to"
            " learn from; give a table in which the column price is filled, such as that of another month."
        )
    return Priced(frame[known].reset_index(drop=True), frame[~known].reset_index(drop=True))
