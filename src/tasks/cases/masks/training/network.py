"""How is a mask told without pretrained features? By a small network, trained from nothing on views of faces.

Each face is shown as it is and in a few views; where faces were found, one of the views is of the whole picture, so
that a picture without a found face, which more often shows a mask, is not told by its cut. A training that was
interrupted goes on after the last whole epoch (`tasks.training.networks`).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.features.pictures.views import views
from tasks.platform.stage import stage

SIDE = 48  # pixels that the network looks at
VIEWS = 3  # of each face beside the face itself, the last one of the whole picture
EPOCHS, FEW_EPOCHS = 8, 4  # of the final training, and of one that only compares


class Network(NamedTuple):
    """A trained network and how it came about."""

    model: Any  # keras.Model
    history: pd.DataFrame


def small(pictures: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return crops, uint8 (n, 96, 96, 3), at the size that the network looks at."""
    import cv2

    rows = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(rows) if rows else np.zeros((0, side, side, 3), np.uint8)


def shown(faces: np.ndarray, wholes: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return what a network learns from: the faces of `rows`, then each set of views, uint8 ((1 + VIEWS) * k, …)."""
    mine, around = np.asarray(faces[rows]), np.asarray(wholes[rows])
    sets = [small(mine)]
    for number in range(1, VIEWS + 1):
        sets.append(small(views(around if number == VIEWS else mine, number, seed)))
    return np.concatenate(sets)


def learn(
    pictures: np.ndarray, y: np.ndarray, classes: int, epochs: float, seed: int
) -> tuple[Any, list[dict[str, Any]]]:
    """Train on pictures (n, side, side, 3) with classes (n,), each class shown as often as the largest."""
    from tasks.training.networks.checkpoints import checkpoint_folder
    from tasks.training.networks.loop import train
    from tasks.training.networks.plan import make_plan

    rng = np.random.default_rng([seed, 11])
    most = np.bincount(y, minlength=classes).max()
    rows = np.concatenate([_repeated(np.flatnonzero(y == number), most, rng) for number in range(classes)])
    rows.sort()
    plan = make_plan("small", SIDE, classes, len(rows), epochs, seed=seed)
    trained = train(pictures[rows], y[rows], plan, folder=checkpoint_folder(plan, pictures[rows], y[rows]))
    return trained.model, trained.history


def _repeated(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rows, rng.choice(rows, count - len(rows))]) if len(rows) else rows


def predict_logits(model: Any, pictures: np.ndarray) -> np.ndarray:
    """Return the logits, float32 (n, classes), of crops of any size."""
    from tasks.training.networks.loop import predict

    return predict(model, small(np.asarray(pictures)))


@stage(phase="Modelling")
def train_network(
    faces: np.ndarray, wholes: np.ndarray, y: np.ndarray, rows: np.ndarray, classes: int, epochs: float, seed: int
) -> Network:
    """Train a network on some rows.

    Args:
        faces: uint8 (n, side, side, 3).
        wholes: uint8 (n, side, side, 3).
        y: (n,) classes.
        rows: (k,) to learn from.
        classes: how many.
        epochs: passes over all views.
        seed: of weights, order and views.
    """
    pictures = shown(faces, wholes, rows, seed)
    model, history = learn(pictures, np.tile(np.asarray(y)[rows], 1 + VIEWS), classes, epochs, seed)
    return Network(model, pd.DataFrame(history))


@stage(phase="Modelling")
def network_logits(model: Any, faces: np.ndarray) -> np.ndarray:
    """Return the logits of all faces, float32 (n, classes)."""
    return predict_logits(model, faces)
