"""The metrics of the quality case as functions of drawn rows, so that a bootstrap can draw the products again.

PR-AUC is the average precision: among products ranked by their chance, the share that is faulty, averaged over the
places of the faulty ones. With rare faults it says what the area under the ROC curve hides (T. Saito and M. Rehmsmeier,
PLOS ONE, 2015). The expected calibration error is the mean gap, over ten equal parts of the products, between the
chance that was told and the share that was faulty (M. Naeini and others, AAAI 2015).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tasks.cases.quality.ingestion.roles import Kind
from tasks.cases.quality.training.models import losses
from tasks.evaluation.calibration import equal_bins

BINS = 10


def matrix(predictions: pd.DataFrame, kind: Kind, column: str = "chance") -> np.ndarray:
    """Return predictions as `tasks.cases.quality.training.models.losses` takes them, (n, k)."""
    if kind == "classes":
        return predictions.to_numpy(np.float64)
    return predictions[["value" if kind == "number" else column]].to_numpy(np.float64)


def average_precision(score: np.ndarray, y: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives their average precision; equal scores count together."""
    order = np.argsort(-score, kind="stable")
    place = np.empty(len(y), np.int64)
    place[order] = np.arange(len(y))
    hit, rank = y[order], np.unique(-score[order], return_inverse=True)[1]

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = np.sort(place[rows.astype(np.int64)], axis=-1)
        right = np.cumsum(hit[drawn], axis=-1)
        end = np.ones(drawn.shape, bool)
        end[..., :-1] = rank[drawn][..., :-1] != rank[drawn][..., 1:]
        upto = np.maximum.accumulate(np.where(end, right, 0), axis=-1)
        before = np.concatenate([np.zeros((*drawn.shape[:-1], 1)), upto[..., :-1]], axis=-1)
        precision = right / np.arange(1, drawn.shape[-1] + 1)
        return np.where(end, (right - before) * precision, 0).sum(axis=-1) / np.maximum(right[..., -1], 1)

    return statistic


def calibration_error(chance: np.ndarray, y: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives their expected calibration error, over fixed equal parts."""
    parts = equal_bins(chance, BINS)

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = rows.astype(np.int64)
        gap = (chance - y)[drawn]
        return (
            sum(np.abs(np.where(parts[drawn] == part, gap, 0).sum(axis=-1)) for part in np.unique(parts))
            / (drawn.shape[-1])
        )

    return statistic


def macro_f1(guess: np.ndarray, y: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives the mean over classes of their F1."""

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = rows.astype(np.int64)
        given, true = guess[drawn], y[drawn]
        parts = []
        for label in np.unique(y):
            both = ((given == label) & (true == label)).sum(axis=-1)
            parts.append(2 * both / np.maximum((given == label).sum(axis=-1) + (true == label).sum(axis=-1), 1))
        return np.mean(parts, axis=0)

    return statistic


def root_mean(squared: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives the root of their mean squared error."""
    return lambda rows, axis=-1: np.sqrt(squared[rows.astype(np.int64)].mean(axis=-1))


def statistic_of(predictions: pd.DataFrame, y: np.ndarray, kind: Kind) -> Callable[..., Any]:
    """Return the function of drawn rows that gives the metric that decides."""
    if kind == "faulty":
        return average_precision(predictions["score"].to_numpy(np.float64), y)
    if kind == "classes":
        return macro_f1(predictions.to_numpy().argmax(axis=1), y)
    return root_mean(losses(matrix(predictions, kind), y, kind))
