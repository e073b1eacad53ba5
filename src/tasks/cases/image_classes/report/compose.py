"""What is to be said about the classes of these pictures? Everything of one run, put into its report."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.image_classes.evaluation.classify import Card, Classified
from tasks.cases.image_classes.evaluation.scores import Evaluation
from tasks.cases.image_classes.features import SplitPictures
from tasks.cases.image_classes.figures import MOST_CELLS, classes_figure, confusion_figure
from tasks.cases.image_classes.ingestion.collection import Place
from tasks.cases.image_classes.report.album import Album
from tasks.cases.image_classes.report.sections import (
    answers_sections,
    calibration_section,
    classes_section,
    duplicates_section,
    mistakes_section,
    suspects_section,
    training_section,
    unknown_section,
)
from tasks.cases.image_classes.training.simple import Simple
from tasks.evaluation.intervals import exact_binomial
from tasks.evaluation.metrics import Metric
from tasks.features.splits import LEARN, TEST, VALIDATE
from tasks.figures.style import percent
from tasks.platform.stage import Unkeyed, stage
from tasks.publishing.blocks import Block
from tasks.publishing.report import Findings, QuarantineRow, Verdict, quarantine_rows
from tasks.publishing.tables import figure_block

ROUGH = 30  # test pictures, of which even all told right leave an accuracy of 88 % possible
GOOD, CLOSE = 0.9, 0.03  # accuracy, and calibration error, that count as good


class Curves(NamedTuple):
    """What is told of how a candidate learned (`tasks.cases.image_classes.training.candidates.Candidate`)."""

    history: pd.DataFrame


@stage(phase="Deployment")
def describe_classes(
    manifest: pd.DataFrame,
    split: SplitPictures,
    counts: pd.DataFrame,
    scored: list[dict[str, Any]],
    candidates: dict[str, Curves],
    notes: list[str],
    simple: Simple,
    found: Evaluation,
    duplicates: pd.DataFrame,
    card: Card,
    asked: Classified | None,
    place: Annotated[Place, Unkeyed],
    embedder: str,
) -> Findings:
    """Say what was found.

    Args:
        manifest: pictures, n rows.
        split: of the pictures.
        counts: class, pictures, unusable.
        scored: how each architecture did.
        candidates: learning curves of each architecture.
        notes: on schedules.
        simple: the simple models.
        found: figures of the test pictures, and labels that look wrong.
        duplicates: groups of near-duplicates.
        card: of the model that is used.
        asked: answers for the pictures asked about; None without any.
        place: where the pictures lie, and those asked about.
        embedder: which features a head looks at.
    """
    by_name = {metric.name: metric for metric in found.metrics}
    classes, name = split.classes, card.architecture
    told = asked.table if asked else None
    unseen = next(int(row["judged_n"]) for row in scored if row["name"] == name)
    histories = {key: trained.history for key, trained in candidates.items() if key != "transfer"}
    with Album(manifest, place.collections, place.picture) as album:
        answers = answers_sections(told, album) if told is not None else []
        sections = [
            *answers[1:],
            training_section(scored, histories, simple.table, name, embedder, notes),
            classes_section(found.per_class, found.confusion, classes, counts),
            calibration_section(found.reliability, by_name["ece"], card.temperature, unseen),
            unknown_section(card.refusal),
            mistakes_section(found.mistakes, album),
            suspects_section(found.suspects, album),
            duplicates_section(split.leaks, duplicates, split.part, manifest, album),
        ]
    return Findings(
        answer=_answer(by_name, classes, told),
        verdict=_verdict(by_name),
        hero=answers[0].blocks if answers else _hero(found.per_class, found.confusion, classes),
        sections=[section for section in sections if section is not None],
        metrics=found.metrics,
        quarantine=_aside(asked.quarantine) if asked else [],
        limits=_limits(split.part, counts, name, by_name, scored),
    )


def _aside(files: pd.DataFrame) -> list[QuarantineRow]:
    return quarantine_rows(files.assign(path="asked: " + files["path"]))


def _answer(metrics: dict[str, Metric], classes: list[str], asked: pd.DataFrame | None) -> str:
    accuracy = metrics["accuracy"]
    told = ""
    if asked is not None and len(asked):
        first = asked[asked["picture"] == 0].iloc[0]
        file = Path(str(first["path"])).name
        told = (
            f"{file} is none of the classes that were learned. "
            if first["refused"]
            else f"{file} is most likely “{first['class']}” ({percent(float(first['chance']))}). "
        )
    return (
        f"{told}Of {accuracy.n:,} pictures that were kept for testing, {percent(accuracy.value, 1)} get the right one"
        f" of {len(classes):,} classes; the best simple model is right for {percent(accuracy.baseline or 0, 1)}."
    )


def _verdict(metrics: dict[str, Metric]) -> Verdict:
    accuracy, error = metrics["accuracy"].value, metrics["ece"].value
    good, close = accuracy >= GOOD, error <= CLOSE
    return Verdict(
        met=good and close,
        sentence=f"Accuracy is {percent(accuracy, 1)}, {'at least' if good else 'less than'} {percent(GOOD)}, and told"
        f" chances are off by {percent(error, 1)}, {'at most' if close else 'more than'} {percent(CLOSE)}.",
    )


def _hero(per_class: pd.DataFrame, confusion: np.ndarray, classes: list[str]) -> list[Block]:
    if len(classes) > MOST_CELLS:
        return [figure_block(classes_figure(per_class), "Share told right of each class, with its interval.")]
    return [figure_block(confusion_figure(confusion, classes), "Which class is told for which.")]


def _limits(
    parts: np.ndarray, counts: pd.DataFrame, name: str, metrics: dict[str, Metric], scored: list[dict[str, Any]]
) -> list[str]:
    learned, validated, tested = (int((parts == part).sum()) for part in (LEARN, VALIDATE, TEST))
    limits = [
        f"Learned from {learned:,} pictures, {validated:,} more for validation, tested on {tested:,}: what other"
        " cameras, places or years show, no figure here tells.",
        "A class is what its folder holds; a label that is wrong counts as a mistake of the model.",
    ]
    if tested < ROUGH:
        limits.append(
            f"{tested} test pictures are few: were all of them told right, an accuracy of"
            f" {percent(exact_binomial(tested, tested)[0])} would still be possible."
        )
    none = counts[counts["pictures"] == 0]
    if len(none):
        limits.append(f"Without a usable picture, so not learned: {_listed(none['class'])}.")
    few = counts[(counts["pictures"] > 0) & (counts["pictures"] < 5)]
    if len(few):
        limits.append(
            f"Fewer than five pictures, so that little can be said: {_listed(few['class'])}"
            f" ({int(few['pictures'].sum())} pictures in all)."
        )
    if name != "transfer":
        limits.append(
            "A network's schedule depends on the measured speed of the machine; --epochs with the number above makes"
            " the same schedule anywhere. Results on another kind of processor differ in the last digits."
        )
    if len(scored) > 1 and any(row["judged_n"] for row in scored):
        limits.append("Which architecture is used was decided on training pictures; the test pictures decided nothing.")
    return limits


def _listed(names: pd.Series, most: int = 8) -> str:
    shown = ", ".join(f"“{name}”" for name in names.head(most))
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
