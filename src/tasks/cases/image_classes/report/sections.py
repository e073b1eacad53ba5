"""The parts of the report: answers, training, classes, calibration, the unknown, mistakes, labels, near-duplicates."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.cases.image_classes.evaluation.open_set import OpenSet
from tasks.cases.image_classes.figures import (
    classes_figure,
    compared_figure,
    confused_pairs,
    confusion_figure,
    curves_figure,
    scores_figure,
)
from tasks.cases.image_classes.report.album import Album
from tasks.evaluation.metrics import Metric
from tasks.features.splits import TEST
from tasks.figures.reliability import reliability_figure
from tasks.figures.style import percent
from tasks.publishing.blocks import Block, Gallery, Section, Table, Tile
from tasks.publishing.tables import figure_block

MOST_ASKED, MOST_SHOWN = 6, 12
HOW = (
    "Accuracy on training pictures that were not learned from (unseen), on the test pictures, and there averaged over"
    " moved and mirrored views; expected: told before the training."
)
UNDECIDED = "the first that was named, as there are too few pictures to keep any aside for the choice"


def _records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples of plain values."""
    return list(frame.itertuples())


def answers_sections(asked: pd.DataFrame, album: Album) -> list[Section]:
    """Show each picture asked about with the chances of its likeliest classes."""
    sections: list[Section] = []
    for _, rows in asked.groupby("picture", sort=True):
        if len(sections) == MOST_ASKED:
            break
        path = str(rows["path"].iloc[0])
        name = path.rpartition("/")[2]
        first = rows.iloc[0]
        told = "none of these" if first["refused"] else str(first["class"])
        figure = figure_block(scores_figure(rows, name), f"Chances of the likeliest classes of {name}: {told}.")
        lead = Tile(jpeg=album.asked(path), title=name, subtitle=told, alt=f"the picture asked about, {name}")
        title = f"{name}: {told}"
        sections.append(Section(title=title, blocks=[Gallery(tiles=[lead]), figure]))
    return sections


def training_section(
    scored: list[dict[str, Any]],
    histories: dict[str, pd.DataFrame],
    simple: pd.DataFrame,
    name: str,
    embedder: str,
    notes: list[str],
) -> Section:
    """Compare the architectures: accuracy against time, and how the networks learned."""
    best = float(simple["accuracy"].max())
    rows = [
        [
            row["name"],
            row["judged"],
            row["accuracy"],
            row["accuracy_tta"],
            row["expected"],
            row["seconds"],
            row["pictures_per_second"],
            row["epochs"],
        ]
        for row in scored
    ]
    columns = [
        {"title": "architecture"},
        {"title": "unseen", "format": ".1%"},
        {"title": "test", "format": ".1%"},
        {"title": "views", "format": ".1%"},
        {"title": "expected", "format": ".1%"},
        {"title": "training s", "format": ",.1f"},
        {"title": "pictures/s", "format": ",.0f"},
        {"title": "epochs", "format": ".2f"},
    ]
    used = next(number for number, row in enumerate(scored) if row["name"] == name)
    blocks: list[Block] = [Table(columns=columns, rows=rows, highlight=used, caption=HOW)]
    if len(scored) > 1:
        blocks.append(figure_block(compared_figure(scored, best), "Accuracy against time of training."))
    if any(len(rows) for rows in histories.values()):
        blocks.append(figure_block(curves_figure(histories), "Accuracy after each epoch."))
    models = ", ".join(f"{row.model} {percent(row.accuracy, 1)}" for row in _records(simple))
    there = {row["name"] for row in scored}
    looked = f" The head looks at {embedder}." if "transfer" in there else ""
    looked += f" Fine-tuning goes on with {embedder} and a head on it." if "finetune" in there else ""
    intro = f"{name} is used{_why(scored)}.{looked} Simple models on such pictures: {models}. {' '.join(notes)}"
    return Section(title="How it learned", intro=intro.strip(), blocks=blocks)


def _why(scored: list[dict[str, Any]]) -> str:
    """Say why the architecture that is used is used."""
    if len(scored) < 2:
        return ""
    untried = [str(row["name"]) for row in scored if not row["judged_n"]]
    if len(untried) == len(scored):
        return f", {UNDECIDED}"
    if untried:
        none = "too few pictures to keep any aside, so that nothing of the kind is known"
        return f", for its answers in cross-validation on training pictures; there are {none} of {', '.join(untried)}"
    return ", being right most often on training pictures that it had not seen"


def classes_section(
    per_class: pd.DataFrame, confusion: np.ndarray, classes: list[str], counts: pd.DataFrame
) -> Section:
    """Tell which classes are told well, and which are taken for which."""
    pairs = confused_pairs(confusion, classes)
    blocks: list[Block] = [
        figure_block(classes_figure(per_class), "Share told right of each class, with its interval."),
        figure_block(confusion_figure(confusion, classes), "Which class is told for which."),
    ]
    if len(pairs):
        blocks.append(
            Table.from_frame(
                pairs,
                {"given": "given", "told": "told", "count": "pictures", "share": "of the class"},
                {"count": ",.0f", "share": ".1%"},
                limit=10,
                caption="Pairs that are mixed up most often.",
            )
        )
    unusable = counts[counts["unusable"] > 0]
    intro = f"{len(classes):,} classes; per_class.csv lists all."
    if len(unusable):
        intro += (
            f" {int(unusable['unusable'].sum()):,} files of {len(unusable):,} folders could not be used (quarantine)."
        )
    return Section(title="Which classes are told well?", intro=intro, blocks=blocks)


def calibration_section(rows: pd.DataFrame, error: Metric, temperature: float, unseen: int) -> Section:
    """Tell whether chances are what they say; `unseen` pictures of training were there to fit the temperature on."""
    fitted = (
        f"Logits are divided by a temperature of {temperature:.2f}, fitted on training pictures that were not learned"
        " from; told chances are then"
        if unseen
        else "There are too few pictures to keep any aside for a temperature; told chances are"
    )
    intro = f"{fitted} off by {percent(error.value, 1)} on average ({error.note})."
    drawing = reliability_figure(
        rows,
        error.value,
        "told chance of the answer",
        "share that was right",
        "test pictures in equal parts; bars: 95 %",
        zoomed=True,
    )
    block = figure_block(drawing, "Told chance against share that was right.")
    return Section(title="Are the chances what they say?", intro=intro, blocks=[block])


def unknown_section(refusal: OpenSet) -> Section:
    """Tell when the answer is none of these."""
    if refusal.threshold is None or refusal.false_alarms is None:
        intro = "Too few pictures to set a threshold: every picture gets one of the classes."
        return Section(title="None of these", intro=intro)
    what = "chance" if refusal.score == "chance" else "logit"
    intro = (
        f"A picture whose largest {what} lies below {refusal.threshold:.3f} is none of these. That refuses"
        f" {percent(refusal.false_alarms, 1)} of {refusal.n:,} test pictures of known classes wrongly (false alarms;"
        f" {percent(refusal.low or 0, 1)} to {percent(refusal.high or 0, 1)})"
    )
    if refusal.found is not None:
        intro += (
            f", and it finds {percent(refusal.found, 1)} of {refusal.found_n:,} pictures of classes that were left out"
            " of the training in turn: how well it does on wholly different pictures is not measured."
        )
    else:
        intro += ". How many pictures of unknown classes it finds was not measured."
    return Section(title="None of these", intro=intro)


def mistakes_section(mistakes: pd.DataFrame, album: Album) -> Section | None:
    """Show the surest wrong answers."""
    if mistakes.empty:
        return None
    tiles = [
        Tile(
            jpeg=album.thumbnail(int(row.number)),
            title=f"told {row.told}",
            subtitle=f"{percent(row.chance)}, is {row.given}",
            accent=False,
            alt=album.path(int(row.number)),
        )
        for row in _records(mistakes.head(MOST_SHOWN))
    ]
    return Section(
        title="The surest mistakes", intro="Test pictures; mistakes.csv lists more.", blocks=[Gallery(tiles=tiles)]
    )


def suspects_section(suspects: pd.DataFrame, album: Album) -> Section:
    """Show labels that are probably wrong."""
    intro = (
        f"{len(suspects):,} labels look wrong among the pictures that the model has not learned from: it tells another"
        " class as surely as it usually tells that class to its own members (confident learning). Whether the label or"
        " the model is wrong only a look tells; suspects.csv lists all."
    )
    tiles = [
        Tile(
            jpeg=album.thumbnail(int(row.number)),
            title=f"{row.given}?",
            subtitle=f"rather {row.told} ({percent(row.chance)})",
            alt=album.path(int(row.number)),
        )
        for row in _records(suspects.head(MOST_SHOWN))
    ]
    blocks: list[Block] = [Gallery(tiles=tiles)] if tiles else []
    return Section(
        title="Labels that may be wrong", intro=intro if len(suspects) else "No label looks wrong.", blocks=blocks
    )


def duplicates_section(
    leaks: pd.DataFrame, duplicates: pd.DataFrame, parts: np.ndarray, manifest: pd.DataFrame, album: Album
) -> Section:
    """Count near-duplicates, and those between training and test."""
    tested = int((parts == TEST).sum())
    groups = int(duplicates["group"].nunique()) if len(duplicates) else 0
    leaking = int(leaks["test"].nunique())
    intro = (
        f"{len(duplicates):,} pictures lie in {groups:,} groups of near-duplicates. {leaking:,} of {tested:,} test"
        f" pictures ({percent(leaking / max(1, tested), 1)}) are near-duplicates of training pictures"
        + (", which make the accuracy look better than it is." if leaking else ": no group is parted.")
    )
    numbers = dict(zip(manifest["path"], range(len(manifest)), strict=True))
    tiles = [
        Tile(jpeg=album.thumbnail(numbers[path]), title=kind, alt=path)
        for row in leaks.drop_duplicates("test").head(MOST_SHOWN // 2).itertuples()
        for kind, path in (("test", row.test), ("training", row.training))
    ]
    blocks: list[Block] = [Gallery(tiles=tiles, caption="Pairs of a test and a training picture.")] if tiles else []
    return Section(title="Pictures that are there twice", intro=intro, blocks=blocks)
