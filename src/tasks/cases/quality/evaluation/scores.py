"""How well are faulty products told from sound ones, is a chance what it says, and what do mistakes cost?

PR-AUC is the average precision: among products ranked by their chance, the share that is faulty, averaged over the
places of the faulty ones. With rare faults it says what the area under the ROC curve hides (T. Saito and M. Rehmsmeier,
PLOS ONE, 2015). The expected calibration error is the mean gap, over ten equal parts of the products, between the
chance that was told and the share that was faulty (M. Naeini and others, AAAI 2015).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.features.inputs import Recipe
from tasks.cases.quality.ingestion.roles import Kind
from tasks.cases.quality.training.models import LEVEL, Calibration, losses, predict_products
from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap, exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage

BINS = 10
DRAWS = 500  # of labels that are shuffled, for the null
FOUND = 0.01  # the chance below which a shuffled result does as well


class Evaluation(NamedTuple):
    """What was found on the test products."""

    metrics: list[Metric]
    curve: pd.DataFrame  # recall, precision, baseline (precision of the baseline at that recall)
    reliability: pd.DataFrame  # told, happened, low, high, n: a row per part
    null: dict[str, float]  # value, mean, high, p: the metric under shuffled results


def matrix(predictions: pd.DataFrame, kind: Kind, column: str = "chance") -> np.ndarray:
    """Return predictions as `tasks.cases.quality.training.models.losses` takes them, (n, k)."""
    if kind == "classes":
        return predictions.to_numpy(np.float64)
    return predictions[["value" if kind == "number" else column]].to_numpy(np.float64)


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


def average_precision(score: np.ndarray, y: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives their average precision; equal scores count together."""
    order = np.argsort(-score, kind="stable")
    place = np.empty(len(y), np.int64)
    place[order] = np.arange(len(y))
    hit, rank = y[order], np.unique(-score[order], return_inverse=True)[1]

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = np.sort(place[rows.astype(np.int64)], axis=-1)
        right = np.cumsum(hit[drawn], axis=-1)
        end = np.ones(drawn.shape, bool)
        end[..., :-1] = rank[drawn][..., :-1] != rank[drawn][..., 1:]
        upto = np.maximum.accumulate(np.where(end, right, 0), axis=-1)
        before = np.concatenate([np.zeros((*drawn.shape[:-1], 1)), upto[..., :-1]], axis=-1)
        precision = right / np.arange(1, drawn.shape[-1] + 1)
        return np.where(end, (right - before) * precision, 0).sum(axis=-1) / np.maximum(right[..., -1], 1)

    return statistic


def calibration_error(chance: np.ndarray, y: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives their expected calibration error, over fixed equal parts."""
    parts = parts_of_chance(chance)

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = rows.astype(np.int64)
        gap = (chance - y)[drawn]
        return (
            sum(np.abs(np.where(parts[drawn] == part, gap, 0).sum(axis=-1)) for part in np.unique(parts))
            / (drawn.shape[-1])
        )

    return statistic


def parts_of_chance(chance: np.ndarray) -> np.ndarray:
    """Return the tenth of the products that each belongs to by its chance, (n,)."""
    place = np.argsort(np.argsort(chance, kind="stable"), kind="stable")
    return place * BINS // len(chance)


def macro_f1(guess: np.ndarray, y: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives the mean over classes of their F1."""

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = rows.astype(np.int64)
        given, true = guess[drawn], y[drawn]
        parts = []
        for label in np.unique(y):
            both = ((given == label) & (true == label)).sum(axis=-1)
            parts.append(2 * both / np.maximum((given == label).sum(axis=-1) + (true == label).sum(axis=-1), 1))
        return np.mean(parts, axis=0)

    return statistic


def root_mean(squared: np.ndarray) -> Callable[..., Any]:
    """Return a function of drawn rows (…, n) that gives the root of their mean squared error."""
    return lambda rows, axis=-1: np.sqrt(squared[rows.astype(np.int64)].mean(axis=-1))


def statistic_of(predictions: pd.DataFrame, y: np.ndarray, kind: Kind) -> Callable[..., Any]:
    """Return the function of drawn rows that gives the metric that decides."""
    if kind == "faulty":
        return average_precision(predictions["score"].to_numpy(np.float64), y)
    if kind == "classes":
        return macro_f1(predictions.to_numpy().argmax(axis=1), y)
    return root_mean(losses(matrix(predictions, kind), y, kind))


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
    kind: Kind,
    ordered: bool,
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
        kind: of the result.
        ordered: whether the split is by time or by groups, so that neighbouring products may be alike.
        miss_cost: of a faulty product that is not found.
        alarm_cost: of a sound product that is taken for a faulty one.
        name: of the baseline.
        seed: of the shuffles.
    """
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
        curve, reliability = _curve(y, predictions, baseline), _reliability(y, predictions["chance"].to_numpy())
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


def _reliability(y: np.ndarray, chance: np.ndarray) -> pd.DataFrame:
    rows = []
    parts = np.minimum((chance * BINS).astype(int), BINS - 1)  # equal widths, so that rare high chances are seen
    for part in np.unique(parts):
        mine = parts == part
        low, high = exact_binomial(int(y[mine].sum()), int(mine.sum()))
        rows.append(
            {
                "told": float(chance[mine].mean()),
                "happened": float(y[mine].mean()),
                "low": low,
                "high": high,
                "n": int(mine.sum()),
            }
        )
    return pd.DataFrame(rows)


def shuffled(
    predictions: pd.DataFrame, y: np.ndarray, kind: Kind, groups: np.ndarray, ordered: bool, seed: int
) -> dict[str, float]:
    """Return what the metric would be if predictions and results had nothing to do with each other.

    Independent products are shuffled. Where neighbours in time or in a group may be alike, results are shifted round
    instead, which keeps what neighbours have in common.

    Returns:
        `value`, `mean`, `best` (95 of 100 do worse) and `p`, the chance that a shuffled result does as well.
    """
    rng, n = np.random.default_rng(seed), len(y)
    order = np.argsort(groups, kind="stable") if ordered else np.arange(n)
    y, predictions = y[order], predictions.iloc[order].reset_index(drop=True)
    shifts = rng.permutation(np.arange(1, n))[:DRAWS] if ordered else np.arange(DRAWS)
    rows, sign = np.arange(n), -1.0 if kind == "number" else 1.0
    value = float(statistic_of(predictions, y, kind)(rows))
    drawn = np.array(
        [
            statistic_of(predictions, np.roll(y, shift) if ordered else rng.permutation(y), kind)(rows)
            for shift in shifts
        ]
    )
    as_good = float(((sign * drawn >= sign * value - 1e-12).sum() + 1) / (len(drawn) + 1))
    best = float(np.quantile(drawn, 0.05 if kind == "number" else 0.95))
    return {"value": value, "mean": float(drawn.mean()), "best": best, "p": as_good}


@stage(phase="Evaluation")
def measure_importance(
    test: pd.DataFrame, y: np.ndarray, model: Any, recipe: Recipe, kind: Kind, name: str, classes: int, seed: int
) -> pd.DataFrame:
    """Measure how much worse the model does on the test products when one input is shuffled (L. Breiman, 2001).

    Args:
        test: the test products.
        y: their results.
        model: fitted.
        recipe: of its inputs.
        kind: of the result.
        name: of the model.
        classes: how many there are.
        seed: of the shuffles.

    Returns:
        `input`, `loss` (how much the metric falls, or the error grows) and `spread` (standard deviation over shuffles),
        the largest first; what is derived from an input is shuffled with it.
    """
    from threadpoolctl import threadpool_limits

    rng, rows, sign = np.random.default_rng(seed), np.arange(len(y)), -1.0 if kind == "number" else 1.0

    def value(products: pd.DataFrame) -> float:
        found = predict_products.fn(products, model, Calibration(), recipe, kind, name, classes)
        return float(statistic_of(found, y, kind)(rows))

    lines = []
    with threadpool_limits(1):
        whole = value(test)
        for column in recipe.raw:
            falls = [
                sign * (whole - value(test.assign(**{column: test[column].to_numpy()[rng.permutation(len(test))]})))
                for _ in range(5)
            ]
            lines.append({"input": column, "loss": float(np.mean(falls)), "spread": float(np.std(falls, ddof=1))})
    return pd.DataFrame(lines).sort_values("loss", ascending=False, kind="stable").reset_index(drop=True)
