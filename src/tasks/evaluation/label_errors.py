"""Which labels are probably wrong? Confident learning, on answers for cases that were not learned from.

A case is suspect where the model tells another class at least as surely as it usually tells that class to its own
members (C. Northcutt, L. Jiang and I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR
2021). Whether the label is wrong only a person who looks can tell.
"""

import numpy as np
import pandas as pd


def suspect_labels(probabilities: np.ndarray, labels: np.ndarray, fewest: int = 5) -> pd.DataFrame:
    """List the suspects, the surest first.

    Args:
        probabilities: (n, k), of cases that were not learned from, calibrated.
        labels: (n,) int, as given.
        fewest: members that a class needs for its usual sureness to be known; suspects are looked for among these.

    Returns:
        `case` (row), `given`, `told`, `chance` (of the told class), `chance_given`; ordered by the gap of the two.
    """
    count = np.bincount(labels, minlength=probabilities.shape[1])
    own = np.bincount(labels, probabilities[np.arange(len(labels)), labels], minlength=len(count))
    usual = np.where(count >= fewest, own / np.maximum(count, 1), np.inf)
    sure = probabilities >= usual  # (n, k): as sure as for the members of that class
    told = np.where(sure, probabilities, -1.0).argmax(axis=1)
    suspects = np.flatnonzero(sure.any(axis=1) & (told != labels))
    frame = pd.DataFrame(
        {
            "case": suspects,
            "given": labels[suspects],
            "told": told[suspects],
            "chance": probabilities[suspects, told[suspects]],
            "chance_given": probabilities[suspects, labels[suspects]],
        }
    )
    order = np.argsort(-(frame["chance"] - frame["chance_given"]).to_numpy(), kind="stable")
    return frame.iloc[order].reset_index(drop=True)
