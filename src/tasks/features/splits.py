"""Which rows are for learning and which for testing? The earliest and the later ones, where rows have a time."""

from typing import NamedTuple

import pandas as pd

from tasks.platform.stage import stage


class Split(NamedTuple):
    """The rows to learn from, and those to test on; each numbered anew."""

    train: pd.DataFrame
    test: pd.DataFrame


@stage(phase="Data preparation")
def split_in_time(rows: pd.DataFrame, column: str, share: float) -> Split:
    """Part rows (n, columns) so that nothing learned from comes after what is tested on.

    Args:
        rows: the table.
        column: its times; rows of one time stay together.
        share: of the rows to learn from, between 0 and 1, the earliest.
    """
    ordered = rows.sort_values(column, kind="stable", ignore_index=True)
    first = ordered[column].iloc[min(round(share * len(rows)), len(rows) - 1)]  # of the rows to test on
    cut = int(ordered[column].searchsorted(first))
    return Split(ordered.iloc[:cut].reset_index(drop=True), ordered.iloc[cut:].reset_index(drop=True))
