"""Which kinds of vendors are there, if any? k-means on scaled features; on raw ones too, to compare.

The number of kinds, 1 among the candidates, is chosen on one half of the vendors and judged on the other
(`tasks.training.clusters`).
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage
from tasks.training.clusters import CHOSEN_ON, SEED, Judged, choose_clusters, fitted, silhouette

if TYPE_CHECKING:
    from sklearn.cluster import KMeans


class Segments(NamedTuple):
    """The segments of m vendors.

    `labels`: (m,) of k-means on scaled features, 0 the segment that is paid most; all 0 where no kinds stand apart.
    `naive`: (m,) of k-means on raw features, k by the silhouette alone. `scores`: `k`, `silhouette`, `one_cloud`: on
    the half of the vendors that k was chosen on. `judged`: how the choice fared on the other half. `config`: the
    choices that make the model again.
    """

    model: "KMeans"
    labels: np.ndarray
    naive: np.ndarray
    scores: pd.DataFrame
    judged: Judged
    config: dict[str, Any]


@stage(phase="Modelling")
def segment_vendors(vendors: pd.DataFrame, scaled: np.ndarray, raw: np.ndarray, most_segments: int) -> Segments:
    """Part vendors into 2 to `most_segments` segments, or leave them in one where no kinds stand apart.

    Args:
        vendors: m rows with `cents`.
        scaled: features of mean 0 and standard deviation 1, (m, d).
        raw: the same features as they are, (m, d).
        most_segments: the largest number of segments tried.

    Raises:
        ContractError: the vendors are all alike.
    """
    space = np.array(scaled)
    try:
        table, judged = choose_clusters(space, most_segments)
    except ValueError as error:
        raise ContractError(
            "The vendors are all alike, so there are no kinds of them; give an export of more vendors."
        ) from error
    model = fitted(space, judged.kinds)
    money = np.bincount(model.labels_, vendors["cents"].to_numpy(float), minlength=model.n_clusters)
    order = np.argsort(-money, kind="stable")
    model.cluster_centers_ = model.cluster_centers_[order]
    model.labels_ = np.argsort(order)[model.labels_].astype(np.int32)
    config = {"features": "scaled", "k": judged.kinds}
    return Segments(model, model.labels_, _naive(np.array(raw), most_segments), table, judged, config)


def _naive(space: np.ndarray, most: int) -> np.ndarray:
    """Return the segments by k-means, k of the best silhouette, (m,); all 0 where nothing can be parted.

    There are no more segments than different vendors, or than half the vendors.
    """
    chance = np.random.default_rng(SEED)
    part = space[np.sort(chance.permutation(len(space))[:CHOSEN_ON])]
    ks = range(2, min(most, len(np.unique(part, axis=0)), len(part) // 2) + 1)
    if not ks:
        return np.zeros(len(space), np.int32)
    best = max(ks, key=lambda k: silhouette(part, fitted(part, k).labels_))
    return np.asarray(fitted(space, best).labels_, np.int32)
