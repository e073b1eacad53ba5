"""Are the segments there, or only drawn? Silhouette, stability, and the known truth where there is one."""

import math
from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.training.clusters import SEED, Judged, fitted

HALVES, RESAMPLES = 10, 200
MEASURED_ON = 3_000  # vendors


@stage(phase="Evaluation")
def score_segments(scaled: np.ndarray, labels: np.ndarray, naive: np.ndarray) -> Cases:
    """Measure for each of p vendors how much nearer its own segment lies than the next.

    The score is the silhouette of P. J. Rousseeuw (J. Comput. Appl. Math. 20, 1987), from -1 to 1; 0 for all where
    there is one segment only. The baseline is k-means on raw features with its own best k, in the same scaled space.

    Args:
        scaled: (m, d).
        labels: segment of each vendor, (m,).
        naive: segment of each vendor by k-means on raw features, (m,).
    """
    part = _measured(len(scaled))
    space = np.array(scaled)[part]
    return Cases(_silhouettes(space, labels[part]), part, _silhouettes(space, naive[part]))


@stage(phase="Evaluation")
def score_champion_segments(scaled: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Return the silhouettes, (p,), of the same vendors in segments that the champion's choices make of them.

    Raises:
        KeyError, TypeError, ValueError: the choices are not those of a segmentation of this version.
    """
    space = np.array(scaled)
    if config["features"] != "scaled" or not 2 <= int(config["k"]) <= len(np.unique(space, axis=0)):
        raise ValueError(f"no segmentation is made by {config}")
    part = _measured(len(space))
    return _silhouettes(space[part], fitted(space, int(config["k"])).labels_[part])


def _measured(vendors: int) -> np.ndarray:
    """Return which vendors are measured: all, or a random sample of many, as the silhouette compares all pairs."""
    return np.sort(np.random.default_rng(SEED).permutation(vendors)[:MEASURED_ON])


def _silhouettes(space: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.metrics import silhouette_samples

    if not 2 <= len(np.unique(labels)) < len(labels):
        return np.zeros(len(labels))
    return np.asarray(silhouette_samples(space, labels), np.float64)


@stage(phase="Evaluation")
def evaluate_segments(
    scaled: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    baseline: np.ndarray,
    judged: Judged,
    champion: np.ndarray | None = None,
) -> list[Metric]:
    """Say whether kinds stand apart, how far, and whether half the vendors give the same ones.

    Args:
        scaled: (m, d).
        labels: segment of each vendor, (m,).
        scores: silhouettes as `score_segments` gives them, (p,).
        baseline: those of k-means on raw features, (p,); all 0 where it finds a single segment.
        judged: what the second half of the vendors said of the kinds of the first.
        champion: those of the champion, (p,); None without one.
    """
    found = [
        Metric(name="kinds", value=judged.kinds, baseline=1.0, note="1: the vendors form one group"),
        Metric(
            name="silhouette_held_out",
            value=judged.silhouette,
            n=judged.cases,
            baseline=judged.one_cloud,
            note=f"of {judged.candidate} kinds found on one half of the vendors and judged on the other; baseline:"
            " single clouds of the same shape",
        ),
        Metric(
            name="p_between",
            value=judged.p_between,
            n=judged.between + judged.beside,
            note="chance of so few vendors between the two kinds least apart, if they were one group",
        ),
    ]
    if judged.kinds == 1:
        return found
    low, high = bootstrap(scores)
    theirs = float(champion.mean()) if champion is not None and len(champion) == len(scores) else None
    silhouette = Metric(
        name="silhouette",
        value=float(scores.mean()),
        low=low,
        high=high,
        n=len(scores),
        baseline=float(baseline.mean()) if baseline.any() else None,
        champion=theirs,
        note="baseline: k-means on raw features, seen in the scaled space",
    )
    return [silhouette, _stability(np.array(scaled), labels, judged.stability), *found]


def _stability(space: np.ndarray, labels: np.ndarray, of_clouds: float | None) -> Metric:
    """Return the mean agreement (adjusted Rand index) of segments fitted on random halves with those of all."""
    from sklearn.metrics import adjusted_rand_score

    chance = np.random.default_rng(SEED)
    k = len(np.unique(labels))
    scores = []
    for seed in range(HALVES):
        half = chance.permutation(len(space))[: len(space) // 2]
        scores.append(float(adjusted_rand_score(labels, fitted(space[half], k, seed).predict(space))))
    return Metric(
        name="stability",
        value=float(np.mean(scores)),
        low=min(scores),
        high=max(scores),
        n=HALVES,
        baseline=of_clouds,
        note="adjusted Rand index of segments fitted on random halves, range of all halves; baseline: single clouds,"
        " which k-means cuts up",
    )


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

    from tasks.cases.payments.sample.payments import FIRST_YEAR, account_names, planted
    from tasks.cases.payments.sample.payments import vendors as sample_vendors

    people = sample_vendors(rows)
    truth = pd.factorize(people.set_index("number")["segment"].reindex(vendors["vendor"]))[0]
    labels, naive = np.asarray(labels), np.asarray(naive)
    low, high = _rand_interval(truth, labels)
    metrics = [
        Metric(
            name="adjusted_rand",
            value=float(adjusted_rand_score(truth, labels)),
            low=low,
            high=high,
            n=len(truth),
            baseline=float(adjusted_rand_score(truth, naive)),
            note="baseline: k-means on raw features",
        )
    ]
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
