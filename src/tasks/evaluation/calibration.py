"""Does a chance of 80 % come true 8 times in 10? Temperature, calibration error, reliability.

A network's largest probability is too large more often than not; one number, the temperature that its logits are
divided by, mends most of it and changes no decision (C. Guo and others, "On Calibration of Modern Neural Networks",
ICML 2017). It is fitted on pictures that were not learned from.
"""

from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.intervals import exact_binomial

BINS = 15
LOWEST, HIGHEST = 0.02, 50.0  # of the temperature


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the probabilities of logits (n, k), float64, rows that add up to 1."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_loss(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Return the mean negative log likelihood of `labels` (n,) under logits (n, k), in nats."""
    scaled = np.asarray(logits, np.float64) / temperature
    high = scaled.max(axis=1)
    return float(
        (np.log(np.exp(scaled - high[:, None]).sum(axis=1)) + high - scaled[np.arange(len(labels)), labels]).mean()
    )


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature under which `labels` (n,) are likeliest; 1 where there is nothing to fit on.

    Args:
        logits: (n, k) of pictures that were not learned from.
        labels: (n,) int.
    """
    from scipy.optimize import minimize_scalar

    if not len(labels):
        return 1.0
    found = minimize_scalar(
        lambda power: log_loss(logits, labels, float(np.exp(power))),
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
    )
    return float(np.exp(found.x))


def equal_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each case, (n,): bins of equal numbers of cases, so that none rests on a few."""
    place = np.argsort(np.argsort(confidence, kind="stable"), kind="stable")
    return place * bins // max(1, len(confidence))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Return the expected calibration error: the mean gap between told chance and share that was right.

    Over bins of equal size (M. Naeini and others, AAAI 2015; K. Nguyen and B. O'Connor, EMNLP 2015). It is above 0 for
    a perfectly calibrated model too, by chance; see `calibration_null`.

    Args:
        confidence: (n,) told chance of the answer.
        right: (n,) whether it was right.
        bins: how many; fewer where there are fewer than 20 cases for each.
    """
    if not len(confidence):
        return float("nan")
    parts = equal_bins(confidence, _fitting(len(confidence), bins))
    gaps = np.bincount(parts, confidence - right)
    return float(np.abs(gaps).sum() / len(confidence))


def calibration_null(confidence: np.ndarray, seed: int = 0, draws: int = 200) -> float:
    """Return the calibration error that a perfectly calibrated model would show by chance on so many cases (mean)."""
    rng = np.random.default_rng(seed)
    drawn = [calibration_error(confidence, rng.random(len(confidence)) < confidence) for _ in range(draws)]
    return float(np.mean(drawn))


def _fitting(count: int, bins: int) -> int:
    return max(1, min(bins, count // 20))


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Return a row per bin of equal size: `told` (mean chance), `happened` (share) with `low` and `high`, and `n`."""
    return _reliability(confidence, right, equal_bins(confidence, _fitting(len(confidence), bins)))


def reliability_by_width(chance: np.ndarray, happened: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Return what `reliability` does over bins of equal width, so that rare high chances are seen; none is empty."""
    return _reliability(chance, happened, np.minimum((chance * bins).astype(int), bins - 1))


def _reliability(confidence: np.ndarray, right: np.ndarray, parts: np.ndarray) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for part in np.unique(parts):
        inside = parts == part
        low, high = exact_binomial(int(right[inside].sum()), int(inside.sum()))
        rows.append(
            {
                "told": confidence[inside].mean(),
                "happened": right[inside].mean(),
                "low": low,
                "high": high,
                "n": int(inside.sum()),
            }
        )
    return pd.DataFrame(rows, columns=["told", "happened", "low", "high", "n"])
