"""How does a run compare: with chance, with simpler features, with the champion, on the same pictures?"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.evaluation.metrics import Metric
from tasks.evaluation.retrieval import SUFFIXES, IndexReport, random_ranking
from tasks.platform.stage import stage

COMPARED = ("precision@1", "precision@5", "map@10")


class PictureCases(NamedTuple):
    """The precision@5 of each scored picture, near-duplicates left out; all (n,) but the table it was taken from."""

    scores: np.ndarray
    groups: np.ndarray  # near-duplicates are one case
    baseline: np.ndarray  # of a random ranking
    per_query: pd.DataFrame


@stage(phase="Evaluation")
def picture_cases(per_query: pd.DataFrame) -> PictureCases:
    """Take the test cases out of the leave-one-out scores of the labelled pictures."""
    kept = per_query[per_query["p5_no_duplicates"].notna()]
    chance = random_ranking(kept["relevant_no_duplicates"].to_numpy(), kept["others_no_duplicates"].to_numpy()).p5
    groups = pd.factorize(kept["group"])[0].astype(np.int64)
    return PictureCases(kept["p5_no_duplicates"].to_numpy(np.float64), groups, chance, per_query)


@stage(phase="Evaluation")
def compare_features(named: dict[str, list[Metric]]) -> pd.DataFrame:
    """Put the figures of several kinds of features side by side, and those of a random ranking.

    Args:
        named: the metrics of `evaluate_retrieval` by the name of the features; all of the same pictures.

    Returns:
        `features`, `metric`, `value`, `low`, `high`, `n`, `near_duplicates` ("kept" or "left out").
    """
    rows: list[dict[str, Any]] = []
    for suffix, treated in zip(SUFFIXES, ("kept", "left out"), strict=True):
        chance: list[dict[str, Any]] = []
        for features, metrics in named.items():
            found = {metric.name: metric for metric in metrics}
            for name in COMPARED:
                if metric := found.get(name + suffix):
                    facts = {"metric": name, "n": metric.n, "near_duplicates": treated}
                    rows.append(
                        {"features": features, "value": metric.value, "low": metric.low, "high": metric.high, **facts}
                    )
                    if len(chance) < len(COMPARED):
                        chance.append(
                            {"features": "random", "value": metric.baseline, "low": None, "high": None, **facts}
                        )
        rows += chance
    columns = ["features", "metric", "value", "low", "high", "n", "near_duplicates"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float, "low": float, "high": float})


@stage(phase="Evaluation")
def summarise(retrieval: list[Metric], index: IndexReport, champion: list[Metric] | None = None) -> list[Metric]:
    """Return the metrics of a run: those of the features with the champion's beside them, then those of the index."""
    theirs = {metric.name: metric.value for metric in champion or []}
    return [metric.model_copy(update={"champion": theirs.get(metric.name)}) for metric in retrieval] + index.metrics
