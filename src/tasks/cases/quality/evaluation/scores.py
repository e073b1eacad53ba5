"""How well are faulty products told from sound ones, is a chance what it says, and what do mistakes cost?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.evaluation.null import shuffled
from tasks.cases.quality.evaluation.statistics import calibration_error, matrix, statistic_of
from tasks.cases.quality.ingestion.roles import Kind, Roles
from tasks.cases.quality.training.models import LEVEL, losses
from tasks.evaluation.calibration import reliability_by_width
from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage

FOUND = 0.01  # the chance below which a shuffled result does as well


class Evaluation(NamedTuple):
    """What was found on the test products."""

    metrics: list[Metric]
    curve: pd.DataFrame  # recall, precision, baseline (precision of the baseline at that recall)
    reliability: pd.DataFrame  # told, happened, low, high, n: a row per part
    null: dict[str, float]  # value, mean, high, p: the metric under shuffled results


@stage(phase="Evaluation")
def score_products(
    y: np.ndarray, groups: np.ndarray, predictions: pd.DataFrame, baseline: pd.DataFrame, kind: Kind
) -> Cases:
    """Take the loss of each test product: Brier's score of its chance, or the squared error of its value.

    Args:
        y: results, (n,).
        groups: products that belong together, (n,).
        predictions: of the model.
        baseline: of the strongest simple model.
        kind: of the result.
    """
    return Cases(losses(matrix(predictions, kind), y, kind), groups, losses(matrix(baseline, kind), y, kind))


@stage(phase="Evaluation")
def loss_of(y: np.ndarray, predictions: pd.DataFrame, kind: Kind) -> np.ndarray:
    """Return the loss of each test product, (n,)."""
    return losses(matrix(predictions, kind), y, kind)


def threshold_of(miss_cost: float, alarm_cost: float) -> float:
    """Return the chance from which an alarm costs less than none (C. Elkan, IJCAI 2001)."""
    return alarm_cost / (alarm_cost + miss_cost)


@stage(phase="Evaluation")
def evaluate_products(
    y: np.ndarray,
    groups: np.ndarray,
    predictions: pd.DataFrame,
    baseline: pd.DataFrame,
    champion: np.ndarray | None,
    roles: Roles,
    miss_cost: float,
    alarm_cost: float,
    name: str,
    seed: int,
) -> Evaluation:
    """Measure the model on the test products, against the strongest simple baseline and against shuffled results.

    Args:
        y: results, (n,).
        groups: products that belong together, (n,).
        predictions: of the model.
        baseline: of the simple model.
        champion: the champion's loss of each product; None without one.
        roles: of the columns; where the split is by time or by groups, neighbouring products may be alike.
        miss_cost: of a faulty product that is not found.
        alarm_cost: of a sound product that is taken for a faulty one.
        name: of the baseline.
        seed: of the shuffles.
    """
    kind, ordered = roles.kind, bool(roles.time or roles.group)
    rows, drawn_by = np.arange(len(y)), groups if len(np.unique(groups)) < len(y) else None

    def measured(
        what: str, of: Callable[..., Any], simple: Callable[..., Any] | None, note: str, unit: str = ""
    ) -> Metric:
        low, high = bootstrap(rows, of, groups=drawn_by)
        return Metric(
            name=what,
            value=float(of(rows)),
            unit=unit,
            low=low,
            high=high,
            n=len(y),
            note=note,
            baseline=None if simple is None else float(simple(rows)),
        )

    of, simple = statistic_of(predictions, y, kind), statistic_of(baseline, y, kind)
    main = {"faulty": "pr_auc", "classes": "macro_f1", "number": "rmse"}[kind]
    metrics = [measured(main, of, simple, f"against {name}, the strongest simple baseline")]
    ours = losses(matrix(predictions, kind), y, kind)
    theirs = losses(matrix(baseline, kind), y, kind)
    whose = None if champion is None or len(champion) != len(y) else float(champion.mean())
    low, high = bootstrap(ours, groups=drawn_by)
    metrics.append(
        Metric(
            name="squared_error" if kind == "number" else "brier",
            value=float(ours.mean()),
            low=low,
            high=high,
            n=len(y),
            baseline=float(theirs.mean()),
            champion=whose,
            note="decides between models",
        )
    )
    if kind == "faulty":
        metrics += _of_chances(y, predictions, baseline, measured, miss_cost, alarm_cost)
    if kind == "number":
        inside = int(((predictions["low"] <= y) & (y <= predictions["high"])).sum())
        low, high = exact_binomial(inside, len(y))
        metrics.append(
            Metric(
                name="coverage",
                value=inside / len(y),
                low=low,
                high=high,
                n=len(y),
                note=f"products inside their {LEVEL * 100:.0f} % interval",
            )
        )
    curve, reliability = pd.DataFrame(), pd.DataFrame()
    if kind == "faulty":
        curve, reliability = _curve(y, predictions, baseline), reliability_by_width(predictions["chance"].to_numpy(), y)
    return Evaluation(metrics, curve, reliability, shuffled(predictions, y, kind, groups, ordered, seed))


def _of_chances(
    y: np.ndarray,
    predictions: pd.DataFrame,
    baseline: pd.DataFrame,
    measured: Callable[..., Metric],
    miss_cost: float,
    alarm_cost: float,
) -> list[Metric]:
    """Return the calibration error, and what the alarms find and cost."""
    chance, simple = (part["chance"].to_numpy(np.float64) for part in (predictions, baseline))
    limit = threshold_of(miss_cost, alarm_cost)
    faulty = y == 1
    found, sure = int((faulty & (chance >= limit)).sum()), chance >= limit
    low, high = exact_binomial(found, int(faulty.sum()))
    cost = miss_cost * (faulty & ~sure) + alarm_cost * (~faulty & sure)
    other = miss_cost * (faulty & (simple < limit)) + alarm_cost * (~faulty & (simple >= limit))
    ends = bootstrap(cost)
    metrics = [
        measured("ece", calibration_error(chance, y), calibration_error(simple, y), "expected calibration error"),
        Metric(
            name="recall_at_cost",
            value=found / int(faulty.sum()),
            low=low,
            high=high,
            n=int(faulty.sum()),
            baseline=float((simple[faulty] >= limit).mean()),
            note=f"faulty products found at a chance of {limit:.3f} or more",
        ),
        Metric(
            name="cost",
            value=float(cost.mean()),
            low=ends[0],
            high=ends[1],
            n=len(y),
            baseline=float(other.mean()),
            note=f"per product; without any check {miss_cost * faulty.mean():.3g}",
        ),
    ]
    if sure.any():
        right = exact_binomial(found, int(sure.sum()))
        metrics.append(
            Metric(
                name="precision_at_cost",
                value=found / int(sure.sum()),
                low=right[0],
                high=right[1],
                n=int(sure.sum()),
                note="alarms that are right",
            )
        )
    return metrics


def _curve(y: np.ndarray, predictions: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
    from sklearn.metrics import precision_recall_curve

    recall = np.linspace(0.005, 1, 200)
    table = {"recall": recall}
    for name, part in (("precision", predictions), ("baseline", baseline)):
        right, found, _ = precision_recall_curve(y, part["score"])
        table[name] = np.interp(recall, found[::-1], right[::-1])
    return pd.DataFrame(table)
