"""Which kinds of vendors are there? k-means on scaled features, k by the silhouette; on raw ones too, to compare."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

SEED = 17
CHOSEN_ON = 3_000  # vendors that k is chosen on: the silhouette compares all pairs
STARTS = 5


class Segments(NamedTuple):
    """The segments of m vendors.

    `labels`: (m,) of k-means on scaled features, 0 the segment that is paid most. `naive`: (m,) of k-means on raw
    features, k chosen in the same way. `scores`: `features` (scaled, raw), `k`, `silhouette` in their own space.
    `config`: the choices that make the model again.
    """

    model: "KMeans"
    labels: np.ndarray
    naive: np.ndarray
    scores: pd.DataFrame
    config: dict[str, Any]


@stage(phase="Modelling")
def segment_vendors(vendors: pd.DataFrame, scaled: np.ndarray, raw: np.ndarray, most_segments: int) -> Segments:
    """Part vendors into 2 to `most_segments` segments.

    Args:
        vendors: m rows with `cents`.
        scaled: features of mean 0 and standard deviation 1, (m, d).
        raw: the same features as they are, (m, d).
        most_segments: the largest number of segments tried.

    Raises:
        ContractError: the vendors are all alike.
    """
    spaces = {"scaled": np.array(scaled), "raw": np.array(raw)}
    scores = pd.concat([_scores(name, space, most_segments) for name, space in spaces.items()], ignore_index=True)
    best = scores.loc[scores.groupby("features")["silhouette"].idxmax()].set_index("features")["k"]
    if "scaled" not in best:
        raise ContractError("The vendors are all alike, so there are no kinds of them; give an export of more vendors.")
    models = {name: fitted(spaces[name], int(best[name])) for name in spaces if name in best}
    model = models["scaled"]
    naive = models["raw"].labels_ if "raw" in models else np.zeros(len(vendors), np.int32)
    money = np.bincount(model.labels_, vendors["cents"].to_numpy(float), minlength=model.n_clusters)
    order = np.argsort(-money, kind="stable")
    model.cluster_centers_ = model.cluster_centers_[order]
    model.labels_ = np.argsort(order)[model.labels_].astype(np.int32)
    return Segments(model, model.labels_, naive, scores, {"features": "scaled", "k": int(best["scaled"])})


def fitted(space: np.ndarray, k: int, seed: int = SEED) -> "KMeans":
    """Fit k-means with `STARTS` starts by k-means++ (D. Arthur and S. Vassilvitskii, SODA 2007)."""
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=STARTS, random_state=seed).fit(space)


def _scores(name: str, space: np.ndarray, most: int) -> pd.DataFrame:
    """Return the mean silhouette of 2 to `most` segments, on the same sample of vendors for each.

    There are no more segments than different vendors, or than half the vendors.
    """
    from sklearn.metrics import silhouette_score

    chance = np.random.default_rng(SEED)
    part = space[np.sort(chance.permutation(len(space))[:CHOSEN_ON])]
    most = min(most, len(np.unique(part, axis=0)), len(part) // 2)
    rows = [(name, k, float(silhouette_score(part, fitted(part, k).labels_))) for k in range(2, most + 1)]
    return pd.DataFrame(rows, columns=["features", "k", "silhouette"]).astype({"k": "int64", "silhouette": "float64"})
