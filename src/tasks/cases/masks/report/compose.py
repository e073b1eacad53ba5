"""What the masks case has to say: how many faces are judged right, how far that can be trusted, and what was seen."""

from typing import Any

import pandas as pd

from tasks.cases.masks.detection.look import Seen
from tasks.cases.masks.evaluation.scores import Judged, Measured
from tasks.cases.masks.features.crops import Way
from tasks.cases.masks.figures import recipes_figure, scores_figure
from tasks.cases.masks.report.sections import (
    classes_table,
    faces_section,
    groups_section,
    mistakes_section,
    seen_section,
)
from tasks.cases.masks.training.model import Recognition
from tasks.cases.masks.training.recipes import Choice, Chosen
from tasks.evaluation.metrics import Metric
from tasks.figures.reliability import reliability_figure
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.blocks import Figure, Section, Text
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

ENOUGH, ELSEWHERE, CHANCE = 0.98, 0.95, 0.60  # accuracies that count as good, and as near chance for the control


@stage(phase="Deployment")
def describe_masks(
    found: Measured,
    chosen: Chosen,
    known: Recognition,
    facts: dict[str, dict[str, float]],
    evidence: pd.DataFrame,
    judged: Judged,
    tiles: list[dict[str, str]],
    way: Way,
    table: pd.DataFrame,
    labels: pd.DataFrame,
    speed: dict[str, Any] | None,
    seen: Seen | None,
) -> Findings:
    """Say what was found.

    Args:
        found: figures of the model and its controls.
        chosen: the recipe taken, and how each did on left out sources.
        known: the published model.
        facts: `groups`, `split` and, where there is another source, `other`.
        evidence: by which pictures were grouped.
        judged: the test pictures.
        tiles: some of those that were judged wrong.
        way: whether faces were looked for, and why not.
        table: of the faces that were found.
        labels: manifest with the class of each picture.
        speed: of a short film in memory; None where no faces are looked for.
        seen: what was looked at; None where nothing was.
    """
    by_name = {metric.name: metric for metric in found.metrics}
    looked = seen.facts if seen else None
    sections = [seen_section(seen.facts, seen.table, seen.tiles, known)] if seen else []
    sections += [
        classes_table(found.classes, judged.table),
        _elsewhere(by_name, chosen.table, chosen.choice, bool(facts["split"]["by_source"])),
        groups_section(facts, evidence, by_name),
        _chances(found.reliability, by_name, known),
        mistakes_section(judged.table, tiles),
        faces_section(table, labels, way.why),
    ]
    return Findings(
        answer=_answer(by_name, looked),
        verdict=_verdict(by_name),
        hero=[_hero(by_name, facts)],
        metrics=[*found.metrics, *_speed(speed, looked)],
        sections=sections,
        limits=_limits(by_name, facts, known, way.why),
    )


def _speed(speed: dict[str, Any] | None, seen: dict[str, Any] | None) -> list[Metric]:
    film = seen if seen is not None and seen["kind"] != "pictures" else speed
    if film is None:
        return []
    note = f"{film['name']}, end to end, at most {film['most']} face{'s' * (film['most'] != 1)} in a frame"
    return [Metric(name="frames_per_second", value=float(film["frames_per_second"]), n=int(film["frames"]), note=note)]


def _answer(metrics: dict[str, Metric], seen: dict[str, Any] | None) -> str:
    main = metrics["accuracy"]
    right = round(main.value * (main.n or 0))
    told = "with mask, without, or worn wrongly" if "recall_worn_wrongly" in metrics else "with mask, or without"
    words = (
        f"Of {main.n:,} pictures of people and scenes that the model had never seen, it judged {right:,} rightly"
        f" ({percent(main.value, 1)}): {told}."
    )
    if "accuracy_test" in metrics:
        other = metrics["accuracy_test"]
        words += f" On pictures of another source it was right for {percent(other.value, 1)} of {other.n:,}."
    if seen is not None:
        words += f" In {seen['name']} it followed {seen['faces']:,} face{'s' * (seen['faces'] != 1)}."
    return words


def _verdict(metrics: dict[str, Metric]) -> Verdict:
    main, control = metrics["accuracy"], metrics["accuracy_metadata_only"]
    other = metrics.get("accuracy_test")
    good, blind = main.value >= ENOUGH, control.value <= CHANCE
    parts = [f"Accuracy is {percent(main.value, 1)}, {'at least' if good else 'less than'} {percent(ENOUGH)}"]
    if other is not None:
        held = other.value >= ELSEWHERE
        parts.append(
            f"on the other source {percent(other.value, 1)}, {'at least' if held else 'less than'} {percent(ELSEWHERE)}"
        )
    parts.append(
        f"files alone tell {percent(control.value, 1)} after normalisation, {'at most' if blind else 'more than'}"
        f" {percent(CHANCE)}"
    )
    met = good and blind and (other is None or other.value >= ELSEWHERE)
    return Verdict(met=met, sentence="; ".join(parts) + ".")


def _hero(metrics: dict[str, Metric], facts: dict[str, dict[str, float]]) -> Figure:
    rows: list[tuple[Any, ...]] = []
    for name in ("accuracy", "accuracy_test", "accuracy_left_out", "accuracy_8bit", "accuracy_naive_split"):
        if name in metrics:
            item = metrics[name]
            rows.append((name, item.value, item.low, item.high, name == "accuracy_naive_split"))
    main = metrics["accuracy"]
    rows.append(("baseline", main.baseline, float("nan"), float("nan"), True))
    for name in ("accuracy_metadata_files", "accuracy_metadata_only"):
        rows.append((name, metrics[name].value, metrics[name].low, metrics[name].high, True))
    rows.append(("majority", metrics["accuracy_metadata_only"].baseline, float("nan"), float("nan"), True))
    frame = pd.DataFrame(rows, columns=["name", "value", "low", "high", "control"])
    files, crops = metrics["accuracy_metadata_files"].value, metrics["accuracy_metadata_only"].value
    told = f"files alone tell {percent(files, 1)}, alike ones {percent(crops, 1)}"
    title = f"{percent(main.value, 1)} of faces are judged right; {told}"
    leaked = percent(facts["split"]["leaked"])
    return figure_block(
        scores_figure(frame, title),
        "Accuracies of the model on several test sides, and of the controls.",
        f"Blue: the model. Diamonds: what the naive way shows, with {leaked} of its test pictures belonging to a group"
        " that it has learned from, and what can be had without looking at a face.",
    )


def _elsewhere(metrics: dict[str, Metric], recipes: pd.DataFrame, choice: Choice, by_source: bool) -> Section:
    item = metrics["accuracy_left_out"]
    how = (
        "In each round one source of every class, as file names tell them, was left out of learning"
        if by_source
        else "File names tell no two sources of each class apart, so groups were left out, which asks less"
    )
    return Section(
        title="What makes it hold elsewhere",
        intro=f"{how}; only learning pictures took part. Taken: {choice.recipe.name} ({choice.why}). It judged"
        f" {choice.correct:,} of {choice.n:,} left out pictures rightly ({percent(item.value, 1)}).",
        blocks=[
            figure_block(
                recipes_figure(recipes, choice.recipe.name, by_source), "Accuracy of each recipe on left out pictures."
            )
        ],
    )


def _chances(reliability: pd.DataFrame, metrics: dict[str, Metric], known: Recognition) -> Section:
    error, cost = metrics["ece"].value, metrics["cost"]
    changed = "softened" if known.temperature > 1 else "sharpened"
    words = (
        f"A person passes from a chance of {percent(known.threshold, 1)} on: that follows from the costs of letting"
        f" pass wrongly and of stopping wrongly. On the test pictures that costs {cost.value:.3g} a face. Chances are"
        f" {changed} by a temperature of {known.temperature:.2f}, fitted on learning pictures."
    )
    return Section(
        title="How sure it is",
        blocks=[
            Text(paragraphs=[words]),
            figure_block(
                reliability_figure(reliability, error, "told chance of a mask worn properly", "share that wears one"),
                "Told chance and share.",
            ),
        ],
    )


def _limits(metrics: dict[str, Metric], facts: dict[str, dict[str, float]], known: Recognition, way: str) -> list[str]:
    limits = [
        "Who is in a picture is known only where the file name tells, or where two pictures are alike: one person in"
        " two scenes without a name may be on both sides of the split.",
        "Pictures in which the detector finds no face are judged as a whole; in a film such a face is not judged at"
        " all.",
        "Whether a mask protects, and whether it is of the right kind, is not seen.",
    ]
    if "accuracy_test" not in metrics:
        limits.append("No other source was given (--test): how it does elsewhere is told by left out sources only.")
    if not facts["split"]["by_source"]:
        limits.append("Left out groups are of the same making as those learned from: another camera may do worse.")
    if len(known.classes) == 2:
        limits.append(
            "A mask below the nose is judged as one of the two classes: no pictures of it were given (--wrong)."
        )
    if way:
        limits.append(f"{way} How a face is placed in its picture may then tell what it wears.")
    return limits
