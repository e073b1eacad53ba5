"""Are there kinds at all, or one cloud that k-means cuts up? A number of clusters, 1 among the candidates.

k-means parts anything: half of a long cloud agrees with the whole where to cut it, and the halves have a silhouette. So
the number is chosen on one half of the cases by the gap to what a single cloud of the same shape gives (after R.
Tibshirani, G. Walther and T. Hastie, "Estimating the number of clusters in a data set via the gap statistic", 2001),
and judged on the other half, which had no part in the choice. Kinds stand apart there only when both hold:

- the silhouette is larger than in all of `DRAWS` single clouds that went the same way. Such a cloud has each column's
  values and the columns' rank correlations, joined by a normal copula: so long, skewed, heavy-tailed and counted single
  clouds are null too;
- fewer cases lie between each kind and its nearest than around either centre. No cloud with one peak along that line
  has such a valley, whatever its shape: curved ones and tails that several columns share are null by this.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

SEED = 17
STARTS = 5
CHOSEN_ON = 3_000  # cases: the silhouette compares all pairs
REFERENCES, DRAWS = 8, 39  # single clouds that k is chosen against; that the choice has to beat: 1 in 40 by chance
LARGEST_P = 0.05  # of the valley
WINDOW = 0.25  # half the width of the windows around two centres and between them, in distances of the centres


class Judged(BaseModel):
    """Whether k-means found kinds or cut up one cloud."""

    kinds: int = Field(ge=1, description="1: no kinds stand apart")
    candidate: int = Field(ge=2, description="the number that the first half of the cases preferred")
    cases: int = Field(description="the second half, which judged")
    silhouette: float = Field(description="mean, of the second half in the kinds that the first half found")
    one_cloud: float | None = Field(None, description="mean silhouette of single clouds that went the same way")
    beaten: float | None = Field(None, description="share of these clouds whose silhouette is smaller")
    stability: float | None = Field(None, description="adjusted Rand index, a half's kinds with all: of single clouds")
    between: int = Field(description="cases half way between the two kinds that are least apart")
    beside: int = Field(description="cases around the less crowded centre of the two")
    p_between: float = Field(description="of so few between, if the line had one peak")


class Chosen(NamedTuple):
    """The numbers of clusters that were tried, `k`, `silhouette`, `one_cloud`, and what became of the best."""

    table: pd.DataFrame
    judged: Judged


def fitted(space: np.ndarray, k: int, seed: int = SEED, starts: int = STARTS) -> "KMeans":
    """Fit k-means with starts by k-means++ (D. Arthur and S. Vassilvitskii, SODA 2007)."""
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=starts, random_state=seed).fit(space)


def silhouette(space: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean silhouette; -1 where there is a single cluster, or nothing but such of one case."""
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(space, labels)) if 2 <= len(np.unique(labels)) < len(labels) else -1.0


def choose_clusters(space: np.ndarray, most: int, thorough: bool = True) -> Chosen:
    """Choose a number of clusters from 1 to `most`.

    Args:
        space: standardised columns, (n, d); of many cases a random part is used.
        most: the largest number tried; no more than a half has different cases, or pairs of them.
        thorough: go on for the figures when the answer is known already.

    Raises:
        ValueError: a half of the cases is alike, so that nothing can be parted.
    """
    from threadpoolctl import threadpool_limits

    chance = np.random.default_rng(SEED)
    with threadpool_limits(1):  # such small fits wait for each other on more
        part = np.asarray(space, np.float64)[chance.permutation(len(space))[:CHOSEN_ON]]
        first, second = part[::2], part[1::2]
        ks = range(2, min(most, len(np.unique(first, axis=0)), len(first) // 2) + 1)
        if not ks:
            raise ValueError("the cases are all alike")
        ours = [silhouette(first, fitted(first, k).labels_) for k in ks]
        clouds = [_scores(one_cloud(first, chance), ks) for _ in range(REFERENCES)]
        table = pd.DataFrame({"k": list(ks), "silhouette": ours, "one_cloud": np.mean(clouds, axis=0)})
        k = int(table["k"].iloc[int((table["silhouette"] - table["one_cloud"]).argmax())])
        return Chosen(table, _judge(first, second, k, chance, thorough))


def _scores(space: np.ndarray, ks: range) -> list[float]:
    return [silhouette(space, fitted(space, k, starts=1).labels_) for k in ks]


def _judge(first: np.ndarray, second: np.ndarray, k: int, chance: np.random.Generator, thorough: bool) -> Judged:
    """Hold the kinds of the first half against the second half, and against single clouds."""
    found = fitted(first, k)
    ours, beside = silhouette(second, found.predict(second)), valley(second, found.cluster_centers_)
    apart, theirs = beside[2] <= LARGEST_P, []
    if apart or thorough:
        for score in _of_clouds(np.concatenate([first, second]), k, chance):
            theirs.append(score)
            if score[0] >= ours and not thorough:
                break
    smaller = [score[0] < ours for score in theirs]
    told = dict(zip(("one_cloud", "stability"), np.mean(theirs, axis=0).tolist(), strict=True)) if theirs else {}
    return Judged(
        kinds=k if apart and all(smaller) else 1,
        candidate=k,
        cases=len(second),
        silhouette=ours,
        **told,
        beaten=float(np.mean(smaller)) if theirs else None,
        between=beside[0],
        beside=beside[1],
        p_between=beside[2],
    )


def _of_clouds(space: np.ndarray, k: int, chance: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Yield silhouette and stability of single clouds that are parted and judged as the cases were."""
    from sklearn.metrics import adjusted_rand_score

    for _ in range(DRAWS):
        cloud = one_cloud(space, chance)
        first, second = cloud[::2], cloud[1::2]
        if len(np.unique(first, axis=0)) < k:
            yield -1.0, 0.0
            continue
        found = fitted(first, k)
        again = fitted(second, k, starts=1) if len(np.unique(second, axis=0)) >= k else found
        yield (
            silhouette(second, found.predict(second)),
            float(adjusted_rand_score(found.predict(cloud), again.predict(cloud))),
        )


def one_cloud(space: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Draw a single cloud of the same size with the values and rank correlations of the columns, standardised.

    The columns are joined by a normal copula (R. Nelsen, "An Introduction to Copulas", 2006): the correlation of the
    normal scores of their ranks, equal values sharing one.
    """
    from scipy import stats

    n = len(space)
    scores = stats.norm.ppf((stats.rankdata(space, axis=0) - 0.5) / n)
    spread = scores.std(axis=0)
    scores = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    weights, axes = np.linalg.eigh(scores.T @ scores / n + np.diag(np.where(spread > 0, 0.0, 1.0)))
    drawn = chance.standard_normal(space.shape) @ (axes * np.sqrt(np.maximum(weights, 0))).T
    places = np.argsort(np.argsort(drawn, axis=0), axis=0)
    return standardised(np.take_along_axis(np.sort(space, axis=0), places, axis=0))


def standardised(table: np.ndarray) -> np.ndarray:
    """Return every column with mean 0 and standard deviation 1; a constant one with 0."""
    spread = table.std(axis=0)
    return np.asarray((table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def valley(space: np.ndarray, centres: np.ndarray) -> tuple[int, int, float]:
    """Look for cases between each cluster and its nearest; return the pair that is least apart.

    On the line through two centres, cases of the two clusters are counted in windows of one width: around each centre,
    and half way. Where their density has one peak, the middle holds at least as many as the emptier of the others, so
    the chance of so few there is at most binomial with one half.

    Returns:
        Cases half way, cases around the less crowded centre, and the larger of the two chances.
    """
    from scipy.stats import binom

    away = np.linalg.norm(space[:, None] - centres, axis=2)
    labels = away.argmin(axis=1)
    apart = np.linalg.norm(centres[:, None] - centres, axis=2)
    np.fill_diagonal(apart, np.inf)
    worst = (0, 0, 0.0)
    for one, other in {tuple(sorted((number, int(row.argmin())))) for number, row in enumerate(apart)}:
        line = centres[other] - centres[one]
        pair = space[(labels == one) | (labels == other)]
        along = (pair - centres[one]) @ line / max(float(line @ line), 1e-300)
        left, middle, right = (int((np.abs(along - at) <= WINDOW).sum()) for at in (0.0, 0.5, 1.0))
        beside = min(left, right)
        p = float(binom.cdf(middle, middle + beside, 0.5))
        worst = max(worst, (middle, beside, p), key=lambda found: found[2])
    return worst
