"""How much could be had without looking at a face? Models that see only files, colours, or leaked pictures.

The files' control sees width, height, bytes and format as the files came. The crops' control sees the same of the
crops, each encoded alike: what is left of such traces after normalisation. The colours' control is the simple
baseline: a face as 8 x 8 colours. The naive split leaves whole pictures as they are and draws the test side at
random, copies or not.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.masks.training.heads import fit_head, logits_of
from tasks.platform.stage import stage

QUALITY = 90  # of the JPEG that says how much there is in a crop
COLOURS = 8  # side of the baseline's picture
PIXELS = 24  # side of a whole picture in the naive split, where there are no pretrained features


class Controls(NamedTuple):
    """What each control tells, class by class number."""

    files: np.ndarray  # int64 (m,), of the test rows
    crops: np.ndarray  # int64 (m,)
    colours: np.ndarray  # float32 (m, classes), logits
    naive: np.ndarray  # bool (t,), whether each picture of the naive test side is told right


@stage(phase="Evaluation")
def run_controls(
    manifest: pd.DataFrame,
    faces: np.ndarray,
    plain: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    naive: np.ndarray,
    classes: int,
    seed: int,
) -> Controls:
    """Fit the controls on the learning side and ask them about the test side.

    Args:
        manifest: `width`, `height`, `bytes`, `format`, `mode`, `orientation`, n rows.
        faces: uint8 (n, side, side, 3).
        plain: the whole pictures for the naive split: their features (n, d), or pixels (n, side, side, 3).
        y: (n,) classes.
        train: rows to learn from.
        test: rows to test on.
        naive: (n,) whether a row is on the test side of the naive split.
        classes: how many.
        seed: of the models.
    """
    of_files = _told(_of_files(manifest), y, train, test, seed)
    of_crops = _told(_of_crops(faces), y, train, test, seed)
    head = fit_head(_colours(faces[train]), y[train], classes)
    seen = np.asarray(plain) if plain.ndim == 2 else _colours(plain, PIXELS)
    leaked = fit_head(seen[~naive], y[~naive], classes)
    right = logits_of(leaked, seen[naive]).argmax(axis=1) == y[naive]
    return Controls(of_files, of_crops, logits_of(head, _colours(faces[test])), right)


def _told(table: pd.DataFrame, y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    rows = table.to_numpy(np.float64)
    model = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    with threadpool_limits(limits=1):  # a table this small: threads that wait for each other take longer
        return model.fit(rows[train], y[train]).predict(rows[test]).astype(np.int64)


def _of_files(manifest: pd.DataFrame) -> pd.DataFrame:
    table = manifest[["width", "height", "bytes", "orientation"]].astype(np.float64)
    table["aspect"] = table["width"] / table["height"]
    table["bytes_per_pixel"] = table["bytes"] / (table["width"] * table["height"])
    for name in ("format", "mode"):
        table[name] = pd.factorize(manifest[name])[0]
    return table


def _of_crops(faces: np.ndarray) -> pd.DataFrame:
    import cv2

    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    sizes = [len(cv2.imencode(".jpg", face, quality)[1]) for face in faces]
    return pd.DataFrame({"width": faces.shape[2], "height": faces.shape[1], "bytes": sizes})


def _colours(faces: np.ndarray, side: int = COLOURS) -> np.ndarray:
    import cv2

    rows = [cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA).ravel() for face in faces]
    return np.stack(rows).astype(np.float32) / 64 - 2
