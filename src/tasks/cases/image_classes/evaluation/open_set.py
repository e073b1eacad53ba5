"""When does the model say “none of these”? Where its surest answer is less sure than nearly all its right classes are.

The threshold is set so that one in twenty pictures of a known class is refused wrongly (the false alarms), on pictures
of training that were not learned from; the rate is then measured on the test pictures. How many pictures of unknown
classes are found is measured by leaving out a fifth of the classes in turn, where that is quick: for heads.
"""

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from tasks.cases.image_classes.features import learned_from
from tasks.evaluation.calibration import softmax
from tasks.evaluation.intervals import exact_binomial
from tasks.features.splits import TEST
from tasks.platform.stage import stage
from tasks.training.networks.heads import LinearHead, leave_classes_out

FALSE_ALARMS = 0.05  # aimed at
FEWEST = 40  # known pictures that a threshold needs
MOST_LEFT_OUT = 3_000  # pictures that unknown classes are imitated with

Score = Literal["chance", "logit"]


class OpenSet(BaseModel):
    """The rule for “none of these”."""

    score: Score = Field(description="what is held against the threshold: the largest chance, or the largest logit")
    threshold: float | None = Field(description="below it the answer is none of these; None refuses nothing")
    false_alarms: float | None = Field(None, description="share of test pictures of known classes that are refused")
    low: float | None = None
    high: float | None = None
    n: int = 0
    found: float | None = Field(None, description="share of pictures of left-out classes that are refused")
    found_n: int = 0


def sureness(logits: np.ndarray, temperature: float, score: Score) -> np.ndarray:
    """Return how sure the surest answer for each picture is, (n,)."""
    return softmax(logits, temperature).max(axis=1) if score == "chance" else logits.max(axis=1).astype(np.float64)


@stage(phase="Evaluation")
def refuse_by_network(rows: np.ndarray, logits: np.ndarray, parts: np.ndarray, temperature: float) -> OpenSet:
    """Set the threshold of a network; how many unknown ones it finds is not known.

    Args:
        rows: (m,) which pictures the answers are for.
        logits: (m, k).
        parts: (n,) of the split.
        temperature: of the logits.
    """
    return _rule("chance", rows, logits, parts, temperature, None)


@stage(phase="Evaluation")
def refuse_by_head(
    head: LinearHead,
    vectors: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    logits: np.ndarray,
    parts: np.ndarray,
    temperature: float,
    facts: dict[str, Any],
    seed: int,
) -> OpenSet:
    """Set the threshold of a head, by whichever score finds more pictures of classes that were left out.

    Args:
        head: on features.
        vectors: (n, D) features.
        labels: (n,).
        rows: (m,) which pictures the answers are for.
        logits: (m, k).
        parts: (n,) of the split.
        temperature: of the logits.
        facts: of the training, with its `penalty`.
        seed: of the draw of classes.
    """
    learn = np.flatnonzero(learned_from(parts))
    learn = np.sort(np.random.default_rng([seed, 10]).permutation(learn)[:MOST_LEFT_OUT])
    classes = logits.shape[1]
    if classes < 4:
        return _rule("chance", rows, logits, parts, temperature, None)
    white = head.whitening.apply(np.asarray(vectors[learn])).astype(np.float32)
    parts_left_out = leave_classes_out(white, labels[learn], classes, float(facts["penalty"]), seed)
    unknown = np.concatenate([np.zeros((0, classes)), *(answers for _, answers in parts_left_out)])
    if not len(unknown):
        return _rule("chance", rows, logits, parts, temperature, None)
    scores: tuple[Score, Score] = ("chance", "logit")
    rules = [_rule(score, rows, logits, parts, temperature, unknown) for score in scores]
    return max(rules, key=lambda rule: rule.found or 0.0)


def _rule(
    score: Score,
    rows: np.ndarray,
    logits: np.ndarray,
    parts: np.ndarray,
    temperature: float,
    unknown: np.ndarray | None,
) -> OpenSet:
    sure, test = sureness(logits, temperature, score), parts[rows] == TEST
    if (~test).sum() < FEWEST:
        return OpenSet(score=score, threshold=None)
    threshold = float(np.quantile(sure[~test], FALSE_ALARMS))
    refused = sure[test] < threshold
    low, high = exact_binomial(int(refused.sum()), len(refused))
    found = None if unknown is None else float((sureness(unknown, temperature, score) < threshold).mean())
    return OpenSet(
        score=score,
        threshold=threshold,
        false_alarms=float(refused.mean()),
        low=low,
        high=high,
        n=len(refused),
        found=found,
        found_n=0 if unknown is None else len(unknown),
    )
