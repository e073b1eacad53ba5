"""How does a run compare: with chance, with simpler features, with the champion, on the same pictures?"""

from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.metrics import Metric
from tasks.evaluation.retrieval import SUFFIXES, IndexReport, random_ranking
from tasks.platform.stage import stage

COMPARED = ("precision@1", "precision@5", "map@10")


@stage(phase="Evaluation")
def chance_scores(per_query: pd.DataFrame) -> np.ndarray:
    """Return what a random ranking scores in precision@5 for each scored picture, near-duplicates left out."""
    kept = per_query[per_query["p5_no_duplicates"].notna()]
    return random_ranking(kept["relevant_no_duplicates"].to_numpy(), kept["others_no_duplicates"].to_numpy()).p5


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
