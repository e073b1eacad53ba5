"""Are the segments there, or only drawn? Silhouette, stability, and the known truth where there is one."""

import math

import numpy as np
import pandas as pd

from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.training.vendor_segments import SEED, fitted

HALVES, RESAMPLES = 10, 200
MEASURED_ON = 3_000  # vendors


@stage(phase="Evaluation")
def evaluate_segments(scaled: np.ndarray, labels: np.ndarray, naive: np.ndarray) -> list[Metric]:
    """Measure how well apart the segments lie, and whether half the vendors give the same ones.

    The baseline is k-means on raw features with its own best k, in the same scaled space and on the same vendors.

    Args:
        scaled: (m, d).
        labels: segment of each vendor, (m,).
        naive: segment of each vendor by k-means on raw features, (m,).
    """
    from sklearn.metrics import silhouette_samples

    chance = np.random.default_rng(SEED)
    part = np.sort(chance.permutation(len(scaled))[:MEASURED_ON])
    space = np.array(scaled)
    apart = silhouette_samples(space[part], labels[part])
    low, high = bootstrap(apart)
    known = len(np.unique(naive[part])) > 1
    baseline = float(silhouette_samples(space[part], naive[part]).mean()) if known else None
    silhouette = Metric(
        name="silhouette", value=float(apart.mean()), low=low, high=high, n=len(part), baseline=baseline,
        note="baseline: k-means on raw features, seen in the scaled space",
    )  # fmt: skip
    return [silhouette, _stability(space, labels)]


def _stability(space: np.ndarray, labels: np.ndarray) -> Metric:
    """Return the mean agreement (adjusted Rand index) of segments fitted on random halves with those of all."""
    from sklearn.metrics import adjusted_rand_score

    chance = np.random.default_rng(SEED)
    k = len(np.unique(labels))
    scores = []
    for seed in range(HALVES):
        half = chance.permutation(len(space))[: len(space) // 2]
        scores.append(float(adjusted_rand_score(labels, fitted(space[half], k, seed).predict(space))))
    return Metric(
        name="stability", value=float(np.mean(scores)), low=min(scores), high=max(scores), n=HALVES, baseline=0.0,
        note="adjusted Rand index of segments fitted on random halves; the range is that of all halves, chance gives 0",
    )  # fmt: skip


@stage(phase="Evaluation")
def evaluate_truth(
    vendors: pd.DataFrame,
    labels: np.ndarray,
    naive: np.ndarray,
    unusual: pd.DataFrame,
    repeated: pd.DataFrame,
    rows: int,
) -> list[Metric]:
    """Hold the results against the truth of the sample: segments recovered, planted payments found.

    Args:
        vendors: m vendors with `vendor`.
        labels: segment of each vendor, (m,).
        naive: segment of each by k-means on raw features, (m,).
        unusual: as in `Summary`.
        repeated: as in `Summary`.
        rows: size of the sample.
    """
    from sklearn.metrics import adjusted_rand_score

    from tasks.samples.payments import FIRST_YEAR, account_names, planted
    from tasks.samples.payments import vendors as sample_vendors

    people = sample_vendors(rows)
    truth = pd.factorize(people.set_index("number")["segment"].reindex(vendors["vendor"]))[0]
    labels, naive = np.asarray(labels), np.asarray(naive)
    low, high = _rand_interval(truth, labels)
    metrics = [
        Metric(
            name="adjusted_rand", value=float(adjusted_rand_score(truth, labels)), low=low, high=high, n=len(truth),
            baseline=float(adjusted_rand_score(truth, naive)), note="baseline: k-means on raw features",
        )
    ]  # fmt: skip
    extra = planted(rows)
    extra["quarter"] += FIRST_YEAR * 4
    extra["account"] = account_names(extra["account"].to_numpy())
    extra["vendor"] = people["number"].to_numpy()[extra["vendor"]]
    found = {"duplicate": repeated, "unusual": unusual}
    return metrics + [_recall(what, extra[extra["what"] == what], table) for what, table in found.items()]


def _rand_interval(truth: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the bootstrap interval of the adjusted Rand index over vendors."""
    from sklearn.metrics import adjusted_rand_score

    chance = np.random.default_rng(SEED)
    draws = (chance.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES))
    low, high = np.quantile([adjusted_rand_score(truth[draw], labels[draw]) for draw in draws], [0.025, 0.975])
    return float(low), float(high)


def _recall(what: str, extra: pd.DataFrame, found: pd.DataFrame) -> Metric:
    """Return the share of planted payments that are listed."""
    keys = ["vendor", "account", "quarter", "cents"]
    listed = set(found[keys].itertuples(index=False, name=None))
    hits = sum(row in listed for row in extra[keys].itertuples(index=False, name=None))
    low, high = exact_binomial(hits, len(extra))
    value = hits / len(extra) if len(extra) else math.nan
    return Metric(name=f"{what}_recall", value=value, low=low, high=high, n=len(extra), note="planted payments listed")
