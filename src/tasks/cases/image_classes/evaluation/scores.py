"""How often is the answer right, how sure may one be of it, where is it wrong, and which labels look wrong?"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.image_classes.features import SplitPictures
from tasks.evaluation.calibration import calibration_error, calibration_null, fit_temperature, reliability, softmax
from tasks.evaluation.intervals import exact_binomial, mean_metric
from tasks.evaluation.label_errors import suspect_labels
from tasks.evaluation.metrics import Metric
from tasks.features.splits import TEST, VALIDATE
from tasks.platform.stage import stage

MOST_MISTAKES = 200


class Answers(NamedTuple):
    """What is judged of a candidate (`tasks.cases.image_classes.training.candidates.Candidate`)."""

    rows: np.ndarray  # int64 (m,): which pictures the answers are for; the test pictures come last
    logits: np.ndarray  # (m, k)
    augmented: np.ndarray  # (t, k) of the test pictures; (0, k) without
    facts: dict[str, Any]  # of the training


class Evaluation(NamedTuple):
    """All figures about the test pictures, and the labels that look wrong."""

    metrics: list[Metric]
    per_class: pd.DataFrame  # class, n, recall, low, high, precision, f1
    confusion: np.ndarray  # int64 (k, k): rows are the classes as given, columns as told
    reliability: pd.DataFrame
    mistakes: pd.DataFrame  # path, number (row of the manifest), given, told, chance; the surest first
    suspects: pd.DataFrame  # path, number, given, told, chance, chance_given, part


class Right(NamedTuple):
    """Whether each test picture was told right, as a contest wants it."""

    scores: np.ndarray
    groups: np.ndarray
    baseline: np.ndarray


@stage(phase="Evaluation")
def score_candidate(
    name: str,
    rows: np.ndarray,
    logits: np.ndarray,
    augmented: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Return how a candidate did: `judged` on pictures of training that it has not seen, and on the test pictures.

    Args:
        name: of the architecture.
        rows: (m,) which pictures the answers are for.
        logits: (m, k).
        augmented: (t, k), or (0, k).
        labels: (n,).
        parts: (n,) of the split.
        facts: of its training.
    """
    right, test = logits.argmax(axis=1) == labels[rows], parts[rows] == TEST
    tta = float((augmented.argmax(axis=1) == labels[rows[test]]).mean()) if len(augmented) else None
    aside = parts[rows] == VALIDATE  # the same pictures for all candidates, where there are any
    judged = aside if aside.any() else ~test
    return {
        "name": name,
        "judged": float(right[judged].mean()) if judged.any() else None,
        "judged_n": int(judged.sum()),
        "accuracy": float(right[test].mean()),
        "accuracy_tta": tta,
        **{key: facts.get(key) for key in ("seconds", "pictures_per_second", "epochs", "parameters", "expected")},
    }


@stage(phase="Evaluation")
def choose_candidate(scored: list[dict[str, Any]]) -> str:
    """Return the name of the candidate that did best on unseen pictures of training; of the first in a tie."""
    return max(scored, key=lambda row: row["judged"] if row["judged"] is not None else -1.0)["name"]


@stage(phase="Evaluation")
def right_answers(
    rows: np.ndarray, logits: np.ndarray, labels: np.ndarray, parts: np.ndarray, groups: np.ndarray, simple: np.ndarray
) -> Right:
    """Return whether each test picture was told right: by the candidate, and by the simple model."""
    test = parts[rows] == TEST
    numbers = rows[test]
    right = (logits[test].argmax(axis=1) == labels[numbers]).astype(np.float64)
    return Right(right, pd.factorize(groups[numbers])[0].astype(np.int64), np.asarray(simple, np.float64))


@stage(phase="Evaluation")
def temperature_of(rows: np.ndarray, logits: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> float:
    """Fit the temperature on pictures of training that the candidate has not seen."""
    judged = parts[rows] != TEST
    return fit_temperature(logits[judged], labels[rows[judged]])


@stage(phase="Evaluation")
def evaluate_answers(
    manifest: pd.DataFrame,
    answers: Answers,
    split: SplitPictures,
    simple: np.ndarray,
    rival: np.ndarray | None,
    temperature: float,
    seed: int,
) -> Evaluation:
    """Measure the answers for the test pictures, and look for wrong labels in all that were not learned from.

    Args:
        manifest: `path`, n rows.
        answers: of the candidate.
        split: of the pictures.
        simple: (t,) whether the simple model is right.
        rival: (t,) whether the champion is right; None without one.
        temperature: of the logits.
        seed: of the null of the calibration error.
    """
    rows, logits, augmented, facts = answers
    parts, labels, groups, classes, leaks = split
    probabilities = softmax(logits, temperature)
    test = parts[rows] == TEST
    numbers, chances = rows[test], probabilities[test]
    truth, told, confidence = labels[numbers], chances.argmax(axis=1), chances.max(axis=1)
    right = told == truth
    together = groups[numbers]
    metrics = [
        mean_metric("accuracy", right.astype(float), together, baseline=simple, champion=rival),
        *_augmented(augmented, truth, together, simple),
        _calibration(confidence, right, logits[test], seed),
        *_without_leaks(manifest, numbers, leaks, right, simple),
        _macro_f1(truth, told, len(classes)),
        Metric(name="training_images_per_second", value=float(facts["pictures_per_second"]), unit="1/s"),
    ]
    confusion = np.zeros((len(classes),) * 2, np.int64)
    np.add.at(confusion, (truth, told), 1)
    wrong = pd.DataFrame({"number": numbers, "given": truth, "told": told, "chance": confidence})[~right]
    wrong = wrong.sort_values("chance", ascending=False, kind="stable", ignore_index=True).head(MOST_MISTAKES)
    suspects = suspect_labels(probabilities, labels[rows])
    suspects = suspects.assign(number=rows[suspects["case"]], part=parts[rows[suspects["case"]]]).drop(columns="case")
    named = {name: np.array(classes, dtype=object) for name in ("given", "told")}
    for frame in (wrong, suspects):
        for column, names in named.items():
            frame[column] = names[frame[column].to_numpy(int)]
        frame.insert(0, "path", manifest["path"].to_numpy()[frame["number"].to_numpy(int)])
    return Evaluation(
        metrics, _per_class(confusion, classes), confusion, reliability(confidence, right), wrong, suspects
    )


def _augmented(augmented: np.ndarray, truth: np.ndarray, groups: np.ndarray, simple: np.ndarray) -> list[Metric]:
    if not len(augmented):
        return []
    right = (augmented.argmax(axis=1) == truth).astype(float)
    metric = mean_metric("accuracy_tta", right, groups, baseline=simple)
    return [metric.model_copy(update={"note": "averaged over moved and mirrored views of each test picture"})]


def _calibration(confidence: np.ndarray, right: np.ndarray, logits: np.ndarray, seed: int) -> Metric:
    raw = softmax(logits).max(axis=1)
    null = calibration_null(confidence, seed)
    note = f"without temperature {calibration_error(raw, right):.3f}; by chance alone about {null:.3f}"
    return Metric(name="ece", value=calibration_error(confidence, right), n=len(right), note=note)


def _without_leaks(
    manifest: pd.DataFrame, numbers: np.ndarray, leaks: pd.DataFrame, right: np.ndarray, simple: np.ndarray
) -> list[Metric]:
    """Return the accuracy without test pictures that training holds as well; nothing where there are none."""
    kept = ~manifest["path"].iloc[numbers].isin(set(leaks["test"])).to_numpy()
    if kept.all() or not kept.any():
        return []
    low, high = exact_binomial(int(right[kept].sum()), int(kept.sum()))
    note = f"{int((~kept).sum()):,} test pictures left out: training holds near-duplicates of them"
    return [
        Metric(
            name="accuracy_no_duplicates",
            value=float(right[kept].mean()),
            low=low,
            high=high,
            n=int(kept.sum()),
            baseline=float(simple[kept].mean()),
            note=note,
        )
    ]


def _macro_f1(truth: np.ndarray, told: np.ndarray, classes: int) -> Metric:
    true, said = np.bincount(truth, minlength=classes), np.bincount(told, minlength=classes)
    both = np.bincount(truth[truth == told], minlength=classes)
    there = true > 0
    scores = 2 * both[there] / np.maximum(true[there] + said[there], 1)
    return Metric(name="macro_f1", value=float(scores.mean()), n=int(there.sum()), note="mean over the tested classes")


def _per_class(confusion: np.ndarray, classes: list[str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(classes):
        n, told, right = int(confusion[number].sum()), int(confusion[:, number].sum()), int(confusion[number, number])
        low, high = exact_binomial(right, n) if n else (np.nan, np.nan)
        rows.append(
            {
                "class": name,
                "n": n,
                "recall": right / n if n else np.nan,
                "low": low,
                "high": high,
                "precision": right / told if told else np.nan,
                "f1": 2 * right / (n + told) if n + told else np.nan,
            }
        )
    return pd.DataFrame(rows).astype({"recall": float, "low": float, "high": float, "precision": float, "f1": float})


@stage(phase="Evaluation")
def list_predictions(
    manifest: pd.DataFrame, answers: Answers, split: SplitPictures, temperature: float
) -> pd.DataFrame:
    """Return a row per test picture: `path`, `given`, `told`, `chance`."""
    rows, labels = answers.rows, split.labels
    test = split.part[rows] == TEST
    chances, names = softmax(answers.logits[test], temperature), np.array(split.classes, dtype=object)
    return pd.DataFrame(
        {
            "path": manifest["path"].to_numpy()[rows[test]],
            "given": names[labels[rows[test]]],
            "told": names[chances.argmax(axis=1)],
            "chance": chances.max(axis=1),
        }
    )
