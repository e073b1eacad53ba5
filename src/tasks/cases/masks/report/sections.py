"""Sections of the report: the classes, the groups, the mistakes, the faces found, and what was seen."""

from typing import Any

import pandas as pd

from tasks.cases.masks.ingestion import WITH
from tasks.cases.masks.training.model import Recognition
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.text import shorten
from tasks.publishing.blocks import Column, Gallery, Section, Table, Text, Tile


def classes_table(classes: pd.DataFrame, judged: pd.DataFrame) -> Section:
    """Return the accuracy of each class, and what is taken for what."""
    rows = [
        (
            row["class"],
            row["source"],
            row["n"],
            row["right"],
            row["share"],
            f"{percent(row['low'], 1)} to {percent(row['high'], 1)}",
        )
        for row in classes.to_dict("records")
    ]
    columns = [
        "class",
        "pictures",
        Column(title="number", format=",.0f"),
        Column(title="right", format=",.0f"),
        Column(title="share", format=".1%"),
        "95 % interval",
    ]
    counts = pd.crosstab(judged["label"], judged["verdict"])
    taken = Table(
        columns=["in truth", *(f"judged {name}" for name in counts.columns)],
        rows=[
            (name, *(int(value) for value in row)) for name, row in zip(counts.index, counts.to_numpy(), strict=True)
        ],
        caption="Test pictures by what they show and how they were judged.",
    )
    return Section(title="Class by class", blocks=[Table(columns=columns, rows=rows), taken])


def groups_section(facts: dict[str, dict[str, float]], evidence: pd.DataFrame, metrics: dict[str, Metric]) -> Section:
    """Say what belongs together, and why a naive split is worth less."""
    groups, split = facts["groups"], facts["split"]
    main, naive = metrics["accuracy"], metrics["accuracy_naive_split"]
    side = "above" if naive.value > main.value else "below" if naive.value < main.value else "equal to"
    words = [
        "Pictures that are one picture, copied, turned, mirrored or noised, or that show one person, stand on one"
        f" side of the split: {groups['groups']:,.0f} groups, the largest of {groups['largest']:,.0f} pictures. Two"
        f" pictures count as one from a correlation of {groups['bound']:.3f} on, which next to no pair of different"
        " classes reaches.",
        f"The naive split (random, whole pictures as they came) shows {percent(naive.value, 1)}, {side} the"
        f" {percent(main.value, 1)} of the grouped split. It is worth less whatever it shows:"
        f" {percent(split['leaked'], 1)} of"
        " its test pictures belong to a group that it has learned from, so it may know them by heart, and size and"
        f" bytes of the files alone tell {percent(metrics['accuracy_metadata_files'].value, 1)} of the classes.",
    ]
    if "other" in facts:
        other = facts["other"]
        words.append(
            f"Of {other['pictures']:,.0f} pictures of the other source {other['copies']:,.0f} are copies of pictures"
            f" of the first and were dropped; {other['unknown']:,.0f} are of a class that the first does not have."
        )
    titles = {"evidence": "alike by", "pairs": "pairs", "pictures": "pictures"}
    table = Table.from_frame(evidence, titles, {"pairs": ",.0f", "pictures": ",.0f"})
    return Section(title="What belongs together", blocks=[Text(paragraphs=words), table])


def mistakes_section(judged: pd.DataFrame, tiles: list[dict[str, str]]) -> Section:
    """Show test pictures that were judged wrong."""
    wrong = int((~judged["right"]).sum())
    if not wrong:
        return Section(title="What it gets wrong", intro="No test picture was judged wrong.")
    shown = [
        Tile(
            jpeg=item["jpeg"],
            title=item["title"],
            subtitle=shorten(item["subtitle"], 60),
            accent=False,
            alt=item["title"],
        )
        for item in tiles
    ]
    return Section(
        title="What it gets wrong",
        intro=f"{wrong:,} of {len(judged):,} test pictures, the surest first, as they were cut out.",
        blocks=[Gallery(tiles=shown)],
    )


def faces_section(table: pd.DataFrame, labels: pd.DataFrame, way: str) -> Section:
    """Say in how many pictures of each class a face was found."""
    if way:
        return Section(title="Faces", intro=way)
    found = (table["found"] > 0).groupby(labels["label"].to_numpy()).agg(["sum", "size"])
    rows = [(name, int(row["size"]), int(row["sum"]), row["sum"] / row["size"]) for name, row in found.iterrows()]
    columns = [
        "class",
        Column(title="pictures", format=",.0f"),
        Column(title="face found", format=",.0f"),
        Column(title="share", format=".1%"),
    ]
    return Section(
        title="Faces",
        intro="A face that is found is turned and scaled to one place, and all outside of its box is grey, so that"
        " where a picture ends tells nothing; where none is found, the whole picture is taken. So that this difference"
        " tells nothing, every learning picture is also shown whole.",
        blocks=[Table(columns=columns, rows=rows)],
    )


def seen_section(seen: dict[str, Any], table: pd.DataFrame, tiles: list[dict[str, str]], known: Recognition) -> Section:
    """Say what was seen in what was looked at."""
    still = seen["kind"] == "pictures"
    frames = f"{seen['frames']:,} {'picture' if still else 'frame'}{'s' * (seen['frames'] != 1)}"
    words = [f"{seen['name']}: {frames}, {len(table):,} judgements of faces."]
    if not still:
        words.append(
            f"{seen['frames_per_second']:.1f} frames a second end to end: read, searched for faces, judged, drawn and"
            f" written, with at most {seen['most']} faces in a frame. The annotated film is"
            f" {seen['file'] or 'not written'}."
        )
    if seen.get("window"):
        words.append(str(seen["window"]))
    if not len(table):
        words.append("No face was found in it.")
    keys = ["frame", "face"] if still else ["face"]
    rows = []
    for key, part in table.groupby(keys, sort=False):
        last = part.iloc[-1]
        proper = float((part["verdict"] == WITH).mean())
        name = str(key[0]) if still else f"face {key[0]}"
        rows.append((name, len(part), float(part["time"].min()), float(part["time"].max()), last["verdict"], proper))
    columns = [
        "face",
        Column(title="times seen", format=",.0f"),
        Column(title="from [s]", format=".1f"),
        Column(title="to [s]", format=".1f"),
        "last verdict",
        Column(title="share with mask", format=".0%"),
    ]
    blocks: list[Any] = [Text(paragraphs=words)]
    if tiles:
        blocks.append(
            Gallery(
                tiles=[Tile(jpeg=item["jpeg"], title=item["title"], alt=item["title"]) for item in tiles], whole=True
            )
        )
    if rows:
        blocks.append(Table(columns=columns, rows=rows, whole="Every judgement is in looked_at.csv."))
    return Section(title="What was seen", blocks=blocks)
