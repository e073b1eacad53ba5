"""What does a picture show, told from pretrained features? A linear head, trained in seconds.

The features are those of a network that somebody has trained on a million photographs; only the last layer is new. Ten
pictures of each class are enough for a usable one (J. Donahue and others, "DeCAF", ICML 2014).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from tasks.features.splits import grouped_folds
from tasks.features.whitening import Whitening, fit_whitening
from tasks.platform.errors import IntegrityError
from tasks.platform.progress import progress

DIMENSIONS = 512
STRENGTH = 0.25
USUAL, LOOSER = 10.0, 50.0  # C of the logistic regression, inverse to its penalty
FEW_ROWS = 3_000  # up to which both are tried; with more the usual one was never worse
FOLDS = 5
ITERATIONS = 100
BLOCK = 4096


class LinearHead:
    """Whitening and a linear map from raw features to one logit per class.

    Attributes:
        whitening: of the raw features (D to d).
        weights: (d, k) float32.
        bias: (k,) float32.
    """

    def __init__(self, whitening: Whitening, weights: np.ndarray, bias: np.ndarray) -> None:
        if weights.shape != (whitening.dimensions, len(bias)):
            raise ValueError(
                f"weights {weights.shape}, bias {bias.shape} and {whitening.dimensions} features do not fit"
            )
        self.whitening = whitening
        self.weights, self.bias = np.asarray(weights, np.float32), np.asarray(bias, np.float32)

    def logits(self, raw: np.ndarray) -> np.ndarray:
        """Return float32 (n, k) for raw features (n, D)."""
        parts = [
            self.whitening.apply(raw[start : start + BLOCK]).astype(np.float32) @ self.weights + self.bias
            for start in range(0, len(raw), BLOCK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.bias)), np.float32)

    def save(self, folder: Path) -> None:
        """Write whitening, weights and bias as .npy into `folder`."""
        self.whitening.save(folder / "whitening")
        for name in ("weights", "bias"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        shape = {"dimensions": self.weights.shape[0], "classes": self.weights.shape[1]}
        (folder / "head.json").write_text(json.dumps(shape), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: the folder holds something else, or values that are no finite numbers.
        """
        try:
            weights, bias = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("weights", "bias"))
            if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
                raise ValueError("finite values are wanted")
            return cls(Whitening.load(folder / "whitening"), weights, bias)
        except (OSError, ValueError, EOFError) as error:
            raise IntegrityError(f"{folder} holds no head that can be used ({error}); run again.") from error


class Headed(NamedTuple):
    """A head, and its answers for the cases that it was made from, each by a head that has not seen it."""

    head: LinearHead
    out_of_fold: np.ndarray  # float32 (n, k)
    strength: float  # C that was chosen


def fit_head(
    raw: np.ndarray, labels: np.ndarray, classes: int, groups: np.ndarray | None = None, seed: int = 0
) -> Headed:
    """Fit a head: multinomial logistic regression on whitened features, its penalty chosen in cross-validation.

    Args:
        raw: (n, D) features of the training cases.
        labels: (n,) int, below `classes`; a class without a case is never told.
        classes: k.
        groups: (n,) cases that belong together stand in one fold.
        seed: of the folds.
    """
    whitening = fit_whitening.fn(raw, DIMENSIONS, STRENGTH)
    white = whitening.apply(raw).astype(np.float32)
    folds = grouped_folds(labels, np.arange(len(labels)) if groups is None else groups, FOLDS, seed)
    found: dict[float, np.ndarray] = {}
    tried = (USUAL, LOOSER) if len(labels) <= FEW_ROWS else (USUAL,)
    work = [(strength, fold) for strength in tried for fold in range(FOLDS)]
    for strength, fold in progress(work, "Fitting heads", unit="fits"):
        held = folds == fold
        answers = found.setdefault(strength, np.zeros((len(labels), classes), np.float32))
        if held.any() and not held.all():
            weights, bias = fit_linear(white[~held], labels[~held], classes, strength)
            answers[held] = white[held] @ weights + bias
    best = min(found, key=lambda strength: _loss(found[strength], labels))
    return Headed(LinearHead(whitening, *fit_linear(white, labels, classes, best)), found[best], best)


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    high = logits.max(axis=1)
    sums = np.log(np.exp(logits - high[:, None]).sum(axis=1)) + high
    return float((sums - logits[np.arange(len(labels)), labels]).mean())


def fit_linear(rows: np.ndarray, labels: np.ndarray, classes: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit a multinomial logistic regression.

    Args:
        rows: (n, d).
        labels: (n,) int.
        classes: k; those that do not occur get a logit far below all others.
        strength: C, inverse to the penalty.

    Returns:
        weights (d, k) and bias (k,).
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights, bias = np.zeros((rows.shape[1], classes)), np.full(classes, -30.0)
    there = np.unique(labels)
    if len(there) == 1:
        bias[there[0]] = 0.0
        return weights, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is left to gain is below what the folds can tell
        model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-3).fit(rows, labels)
    coefficients, intercept = model.coef_, model.intercept_
    if len(there) == 2:  # scikit-learn gives the second class only
        coefficients, intercept = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.array([-intercept[0], intercept[0]]) / 2,
        )
    weights[:, there], bias[there] = coefficients.T, intercept
    return weights, bias


def leave_classes_out(
    white: np.ndarray, labels: np.ndarray, classes: int, strength: float, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each fifth of the classes, the rows of these and their answers by a head that never saw them."""
    order = np.random.default_rng([seed, 6]).permutation(classes)
    for part in np.array_split(order, min(FOLDS, classes // 2)):
        unknown = np.isin(labels, part)
        if unknown.any() and not unknown.all():
            weights, bias = fit_linear(white[~unknown], labels[~unknown], classes, strength)
            yield np.flatnonzero(unknown), white[unknown] @ weights + bias
