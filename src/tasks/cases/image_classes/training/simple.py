"""How far does one get without a network? The strongest of three simple models, chosen on training pictures.

The commonest class, the nearest mean, and a regression, the last two on gradients and colours of small places (N. Dalal
and B. Triggs, "Histograms of Oriented Gradients", CVPR 2005). The regression is logistic; where many pictures of many
classes would make that slow, it is ridge regression on the classes, which is solved at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.features.pictures.gradients import gradient_features
from tasks.features.splits import LEARN, TEST, VALIDATE
from tasks.platform.stage import stage
from tasks.training.networks.heads import fit_linear

MOST_LEARNED = 20_000  # pictures: more of them make these models no better, and slow
WORK = 200_000  # pictures times classes up to which the regression is logistic
RIDGE = 30.0  # penalty
STRENGTH = 0.003  # C
LOST_MIRRORED = 0.05  # of the accuracy, from which on a mirrored picture counts as another thing


Answers = Callable[[np.ndarray], np.ndarray]  # from rows of features to numbers of classes


class Simple(NamedTuple):
    """The simple models, and what the best of them says of the test pictures."""

    table: pd.DataFrame  # model, accuracy on pictures of training that it has not seen
    right: np.ndarray  # float64 (t,) 1 where the best one is right, in the order of the test pictures
    answers: np.ndarray  # int64 (t,)
    mirror: bool  # whether a mirrored picture still shows the same class


@stage(phase="Modelling")
def compare_simple(pixels: np.ndarray, labels: np.ndarray, parts: np.ndarray, seed: int) -> Simple:
    """Fit the simple models, choose the best, and let it answer.

    Args:
        pixels: uint8 (n, side, side, 3).
        labels: (n,) int.
        parts: (n,) as `split_pictures` gives them.
        seed: of the draw of pictures to learn from.
    """
    classes = int(labels.max()) + 1
    learn = np.flatnonzero(parts == LEARN)
    learn = np.sort(np.random.default_rng([seed, 8]).permutation(learn)[: max(MOST_LEARNED, 20 * classes)])
    judged, test = np.flatnonzero(parts == VALIDATE), np.flatnonzero(parts == TEST)
    if not len(judged):  # so few pictures that none were kept aside: every fifth
        judged, learn = learn[::5], np.setdiff1d(learn, learn[::5])
    rows = gradient_features(pixels[learn])
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    truth = labels[learn]
    models = {
        "commonest class": _commonest(truth),
        "nearest mean": _nearest_mean((rows - mean) / spread, truth, classes),
        **_regression((rows - mean) / spread, truth, classes),
    }
    seen = (gradient_features(pixels[judged]) - mean) / spread
    table = pd.DataFrame(
        {"model": list(models), "accuracy": [float((f(seen) == labels[judged]).mean()) for f in models.values()]}
    ).sort_values("accuracy", ascending=False, kind="stable", ignore_index=True)
    best = models[str(table["model"].iloc[0])]
    answers = best((gradient_features(pixels[test]) - mean) / spread).astype(np.int64)
    turned = (gradient_features(pixels[judged][:, :, ::-1]) - mean) / spread
    lost = float((best(seen) == labels[judged]).mean() - (best(turned) == labels[judged]).mean())
    return Simple(table, (answers == labels[test]).astype(np.float64), answers, lost <= LOST_MIRRORED)


def _commonest(labels: np.ndarray) -> Answers:
    answer = int(np.bincount(labels).argmax())
    return lambda rows: np.full(len(rows), answer)


def _nearest_mean(rows: np.ndarray, labels: np.ndarray, classes: int) -> Answers:
    there = [number for number in range(classes) if (labels == number).any()]
    means = np.stack([rows[labels == number].mean(axis=0) for number in there])
    half = (means**2).sum(axis=1) / 2
    return lambda others: np.array(there)[(others @ means.T - half).argmax(axis=1)]


def _regression(rows: np.ndarray, labels: np.ndarray, classes: int) -> dict[str, Answers]:
    if len(rows) * classes > WORK:
        wanted = np.eye(classes)[labels]
        ours = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(rows.shape[1]), rows.T @ (wanted - wanted.mean(axis=0)))
        return {"ridge regression": lambda others: (others @ ours + wanted.mean(axis=0)).argmax(axis=1)}
    weights, bias = fit_linear(rows, labels, classes, STRENGTH)
    return {"logistic regression": lambda others: (others @ weights + bias).argmax(axis=1)}
