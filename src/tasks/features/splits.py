"""Which cases are for learning and which for testing? By time, or a stratified draw that keeps groups together."""

from typing import NamedTuple

import numpy as np
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


LEARN, VALIDATE, TEST, UNUSED = 0, 1, 2, 3
"""What a case is for, in the parts that `stratified_parts` gives."""


def stratified_parts(
    labels: np.ndarray,
    groups: np.ndarray,
    test_share: float,
    validation_share: float,
    seed: int,
    most_validation: int = 2_000,
) -> np.ndarray:
    """Part cases so that each class has its share in each part, and no group (near-duplicates, one person) is parted.

    A class of two groups or more has at least one in the test part and one to learn from; validation comes last. Where
    all classes are too small for a share of their own, classes give one group each to it, as far as the share goes.

    Args:
        labels: (n,) int.
        groups: (n,) int; a group counts with the class of its first case.
        test_share: of each class.
        validation_share: of what is left of each class.
        seed: of the draw.
        most_validation: cases for validation.

    Returns:
        int8 (n,): LEARN, VALIDATE or TEST.
    """
    frame = pd.DataFrame({"group": groups, "label": labels})
    table = frame.groupby("group").agg(label=("label", "first"), size=("label", "size"))
    table = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    left = len(labels) * (1 - test_share)
    validation_share = min(validation_share, most_validation / max(1.0, left))
    part = pd.Series(LEARN, index=table.index, dtype="int8")
    for _, members in table.groupby("label", sort=True):
        # A group is taken while its middle lies inside the share, so that large groups do not overshoot it.
        middle = members["size"].cumsum() - members["size"] / 2
        total = members["size"].sum()
        tested = (middle <= test_share * total).to_numpy()
        if test_share and len(members) > 1:
            tested[0] |= not tested.any()
        tested[-1] = False  # something is left to learn from
        rest = members[~tested]
        seen = rest["size"].cumsum() - rest["size"] / 2
        validated = (seen <= validation_share * rest["size"].sum()).to_numpy()
        if len(rest):
            validated[-1] = False
        part[members.index[tested]] = TEST
        part[rest.index[validated]] = VALIDATE
    if validation_share and not (part == VALIDATE).any():
        rest = table.loc[part.index[part == LEARN]]
        groups_left = rest.groupby("label")["size"].transform("size")
        one_each = rest[groups_left > 1].drop_duplicates("label")
        one_each = one_each.loc[groups_left[one_each.index].sort_values(ascending=False, kind="stable").index]
        few = (one_each["size"].cumsum() <= validation_share * rest["size"].sum()).to_numpy()
        part[one_each.index[few]] = VALIDATE
    return part.reindex(groups).to_numpy(np.int8)


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold in which each case is held out, int64 (n,): each class spread over the folds, groups whole."""
    frame = pd.DataFrame({"group": groups, "label": labels})
    table = frame.groupby("group").agg(label=("label", "first"))
    table = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    start = table["label"].to_numpy() % folds  # so that the rare classes do not all begin with the first fold
    table["fold"] = (table.groupby("label").cumcount().to_numpy() + start) % folds
    return table["fold"].reindex(groups).to_numpy(np.int64)
