"""What does the search for similar pictures have to show? The sections of its report, from plain inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from tasks.cases.similarity.figures.pictures import class_scores
from tasks.cases.similarity.figures.retrieval import index_quality, precision_by_label, precision_compared
from tasks.figures.style import figure_to_svg
from tasks.platform.text import shorten
from tasks.publishing.blocks import Block, Column, Figure, Gallery, Section, Table, Text, Tile

MOST_QUERIES = 8
MOST_NEIGHBOURS = 24
MOST_GROUPS = 12
MOST_IN_GROUP = 8


@dataclass(frozen=True)
class Shown:
    """A picture of the collection as the report shows it."""

    path: str
    label: str = ""
    similarity: float | None = None  # cosine to the query
    jpeg: bytes = field(default=b"", repr=False)
    times: int = 1  # how often the collection holds it
    what: str = ""  # what to do with one of several versions


@dataclass(frozen=True)
class Answered:
    """A query and its neighbours, the most similar first."""

    query: Shown
    neighbours: Sequence[Shown]
    scores: Sequence[tuple[str, float]] = ()  # what ImageNet calls the query: (name, 0 to 1)
    itself: str = ""  # where the collection holds the query
    itself_times: int = 0


@dataclass(frozen=True)
class DuplicateGroup:
    """Pictures that are all but the same."""

    pictures: Sequence[Shown]
    size: int  # of the whole group; not all of it need be among `pictures`


@dataclass(frozen=True)
class SimilarityFindings:
    """All that the sections show; what is empty or None leaves its section out.

    Attributes:
        answered: the queries; the first one is the page's hero.
        duplicates: the groups, the largest first.
        duplicate_groups: how many there are in all, when `duplicates` holds only some.
        to_act_on: every file of every group, as `list_duplicates` has it.
        keep: which one of a group is kept, in words.
        map_svg: the collection's map, as `collection_map` draws it.
        distribution_svg: as `similarity_distribution` draws it.
        index: columns `index`, `recall@10`, `ms_per_query`, `bytes_per_vector`.
        chosen_index: the row of `index` that the run uses.
        features: columns `features`, `metric`, `value`, `low`, `high`, `n`, and `near_duplicates` (`kept`, `left out`).
        by_label: columns `label`, `value`, `n`, `low`, `high`: precision@5 of each label.
        neighbours_file: where every query's neighbours are listed.
    """

    answered: Sequence[Answered] = ()
    duplicates: Sequence[DuplicateGroup] = ()
    duplicate_groups: int | None = None
    to_act_on: pd.DataFrame | None = None
    keep: str = ""
    map_svg: str = ""
    map_note: str = ""
    distribution_svg: str = ""
    index: pd.DataFrame | None = None
    chosen_index: str = ""
    features: pd.DataFrame | None = None
    by_label: pd.DataFrame | None = None
    neighbours_file: str = "neighbours.csv"


def _name(picture: Shown) -> str:
    return picture.path.rsplit("/", 1)[-1]


def _cosine(picture: Shown) -> str:
    return "" if picture.similarity is None else f"cosine {picture.similarity:.3f}".replace("-", "\u2212")


def _neighbour_tile(rank: int, picture: Shown, wanted: str) -> Tile:
    accent = picture.label == wanted if wanted and picture.label else None
    often = f"there {picture.times:,} times" if picture.times > 1 else ""
    return Tile(
        jpeg=picture.jpeg,
        title=f"{rank}. {picture.label or _name(picture)}",
        subtitle=" · ".join(filter(None, [_cosine(picture), often])),
        accent=accent,
        alt=f"neighbour {rank}: {picture.label}, {picture.path}"
        if picture.label
        else f"neighbour {rank}: {picture.path}",
    )


def _answer_gallery(answer: Answered, file: str) -> Gallery:
    query, shown = answer.query, list(answer.neighbours[:MOST_NEIGHBOURS])
    lead = Tile(
        jpeg=query.jpeg, title=f"Query: {_name(query)}", subtitle=query.label, alt=f"the query picture {query.path}"
    )
    caption = f"The {len(answer.neighbours)} most similar pictures, by cosine similarity of their features."
    if len(shown) < len(answer.neighbours):
        caption = f"The first {len(shown)} of {len(answer.neighbours)} neighbours; all of them in {file}."
    if answer.itself:
        often = f", {answer.itself_times:,} times in all" if answer.itself_times > 1 else ""
        caption += f" The query itself is in the collection as {answer.itself}{often}; it is left out here."
    if query.label:
        caption += " ✓ has the query's label, ✕ has another."
    tiles = [_neighbour_tile(rank, picture, query.label) for rank, picture in enumerate(shown, 1)]
    return Gallery(tiles=tiles, lead=lead, caption=caption)


def similarity_hero(findings: SimilarityFindings) -> list[Block]:
    """Return what stands at the top of the page: the first query with its neighbours."""
    return [_answer_gallery(findings.answered[0], findings.neighbours_file)] if findings.answered else []


def _queries(findings: SimilarityFindings) -> list[Section]:
    others = findings.answered[1:MOST_QUERIES]
    if not others:
        return []
    cut = len(findings.answered) > MOST_QUERIES
    intro = (
        f"{MOST_QUERIES} of {len(findings.answered):,} queries are shown; {findings.neighbours_file} lists all."
        if cut
        else ""
    )
    blocks: list[Block] = [_answer_gallery(answer, findings.neighbours_file) for answer in others]
    return [Section(title="The other queries", intro=intro, blocks=blocks)]


def _scores(findings: SimilarityFindings) -> list[Section]:
    blocks: list[Block] = []
    for answer in findings.answered[:MOST_QUERIES]:
        if answer.scores:
            best = sorted(answer.scores, key=lambda pair: -pair[1])[:3]
            words = ", ".join(f"{name} {score:.0%}" for name, score in best)
            svg = figure_to_svg(class_scores(answer.scores))
            blocks.append(
                Figure(
                    svg=svg,
                    alt=f"Bar chart of class scores of {_name(answer.query)}: {words}",
                    caption=_name(answer.query),
                )
            )
    intro = (
        "The scores of the classifier behind the features, over the 1,000 classes of ImageNet. "
        "They say what the features attend to."
    )
    return [Section(title="What ImageNet calls it", intro=intro, blocks=blocks)] if blocks else []


def _map(findings: SimilarityFindings) -> list[Section]:
    if not findings.map_svg:
        return []
    caption = (
        "t-SNE of the features: pictures that stand together are alike; the distance between far groups means nothing."
        " A small picture stands beside its point."
    )
    figure = Figure(
        svg=findings.map_svg,
        alt="Map of the collection in two dimensions, one dot per picture, similar pictures near to each other",
        caption=f"{caption} {findings.map_note}".strip(),
    )
    return [Section(title="The collection as a map", blocks=[figure])]


def _group_gallery(number: int, group: DuplicateGroup) -> Gallery:
    shown = group.pictures[:MOST_IN_GROUP]
    more = f", {group.size - len(shown):,} not shown" if group.size > len(shown) else ""
    mixed = len({picture.label for picture in shown}) > 1
    tiles = []
    for picture in shown:
        words = [picture.label if mixed else "", picture.what]
        tiles.append(
            Tile(jpeg=picture.jpeg, title=_name(picture), subtitle=" · ".join(filter(None, words)), alt=picture.path)
        )
    return Gallery(tiles=tiles, caption=f"Group {number}: {group.size:,} pictures{more}")


def _duplicates(findings: SimilarityFindings) -> list[Section]:
    if not findings.duplicates:
        return []
    total = max(findings.duplicate_groups or 0, len(findings.duplicates))
    shown = findings.duplicates[:MOST_GROUPS]
    groups = f"{total:,} group{'' if total == 1 else 's'}"
    intro = f"{groups} of pictures that are the same, or edited: compressed anew, turned, mirrored, cut, framed."
    if len(shown) < total:
        intro += f" The {len(shown)} largest are shown."
    blocks: list[Block] = [_group_gallery(number, group) for number, group in enumerate(shown, 1)]
    if findings.to_act_on is not None and len(findings.to_act_on):
        intro += f" {_to_act_on(findings.to_act_on, findings.keep)}"
        blocks.append(_duplicate_table(findings.to_act_on))
    return [Section(title="What is there more than once", intro=intro, blocks=blocks)]


def _to_act_on(table: pd.DataFrame, keep: str) -> str:
    extra = table[table["what_to_do"] == "extra"]
    words = f"Kept is {keep}; {len(extra):,} files with {extra['bytes'].sum() / 1e6:,.1f} MB are extra."
    if (table["kind"] == "same file").any():
        words += " Files that are the same file under several names are no copies: nothing is won by removing a name."
    return f"{words} All of them are in duplicates.csv. Look before you remove anything."


def _duplicate_table(table: pd.DataFrame) -> Table:
    shown = table.assign(pixels=[f"{row.width} × {row.height}" for row in table.itertuples()])
    titles = {
        "group": "Group",
        "kind": "Kind",
        "path": "File",
        "what_to_do": "What to do",
        "pixels": "Pixels",
        "bytes": "Bytes",
    }
    caption = "Each file of each group, the one to keep first"
    return Table.from_frame(shown, titles, {"bytes": ",.0f"}, caption=caption, limit=40, whole="duplicates.csv")


def _index(findings: SimilarityFindings) -> list[Section]:
    frame = findings.index
    if frame is None or frame.empty:
        return []
    titles = {
        "index": "Index",
        "recall@10": "recall at 10",
        "ms_per_query": "ms per query",
        "bytes_per_vector": "bytes per vector",
    }
    titles = {name: title for name, title in titles.items() if name in frame}
    formats = {"recall@10": ".3f", "ms_per_query": ".3f", "bytes_per_vector": ",.0f"}
    chosen = [place for place, name in enumerate(frame["index"]) if name == findings.chosen_index]
    table = Table.from_frame(frame, titles, formats, highlight=chosen[0] if chosen else None)
    words = "; ".join(
        f"{row['index']}: {row['recall@10']:.3f} at {row['ms_per_query']:.3g} ms" for _, row in frame.head(8).iterrows()
    )
    figure = Figure(
        svg=figure_to_svg(index_quality(frame, findings.chosen_index)),
        alt=f"recall@10 against milliseconds per query: {words}",
        caption="An index that skips most of the collection saves time and may miss neighbours.",
    )
    intro = (
        "Exact search compares the query with every picture. The other indexes look at few, and are measured by how "
        "many of the ten true nearest they find."
    )
    return [Section(title="Quality of the index", intro=intro, blocks=[figure, table])]


def _with_interval(row: pd.Series) -> str:
    value = f"{row['value']:.3f}" if pd.notna(row["value"]) else "–"
    known = pd.notna(row.get("low")) and pd.notna(row.get("high"))
    return f"{value} ({row['low']:.3f}–{row['high']:.3f})" if known else value


def _feature_table(frame: pd.DataFrame) -> Table:
    """Return one row for each kind of features (and treatment of near-duplicates), one column for each metric."""
    metrics = list(dict.fromkeys(frame["metric"]))
    keys = ["features"] + (["near_duplicates"] if "near_duplicates" in frame else [])
    rows = []
    for names, part in frame.groupby(keys, sort=False):
        found = {row["metric"]: _with_interval(row) for _, row in part.iterrows()}
        rows.append([*names, *(found.get(metric) for metric in metrics)])
    columns = [Column(title=name) for name in ["Features", "Near-duplicates"][: len(keys)]]
    columns += [Column(title=str(metric), align="right") for metric in metrics]
    return Table(columns=columns, rows=rows, caption="With 95 % intervals in brackets")


def _features(findings: SimilarityFindings) -> list[Section]:
    blocks: list[Block] = []
    if findings.features is not None and not findings.features.empty:
        frame = findings.features
        # The honest reading: a near-duplicate of the query is no proof that the features understand it.
        fair = frame[frame["near_duplicates"] == "left out"] if "near_duplicates" in frame else frame
        drawn = frame if fair.empty else fair
        svg = figure_to_svg(precision_compared(drawn))
        caption = "Near-duplicates of each picture left out." if len(drawn) < len(frame) else ""
        blocks.append(
            Figure(svg=svg, alt="Precision of the features compared; the numbers are in the table", caption=caption)
        )
        blocks.append(_feature_table(frame))
    if findings.distribution_svg:
        blocks.append(
            Figure(
                svg=findings.distribution_svg, alt="Similarity of pairs with the same label and with different labels"
            )
        )
    if findings.by_label is not None and not findings.by_label.empty:
        worst = findings.by_label.sort_values("value").head(3)
        words = ", ".join(f"{shorten(str(row['label']), 40)} {row['value']:.2f}" for _, row in worst.iterrows())
        svg = figure_to_svg(precision_by_label(findings.by_label))
        blocks.append(Figure(svg=svg, alt=f"precision@5 of the labels; the lowest: {words}"))
    intro = "Each picture is searched for among all others; a neighbour is right when it has the same label."
    return [Section(title="Quality of the features", intro=intro, blocks=blocks)] if blocks else []


def similarity_sections(findings: SimilarityFindings) -> list[Section]:
    """Return the case's sections, in the order of the page; what there is nothing to show of is left out."""
    if not findings.answered and not findings.map_svg and findings.index is None:
        return [
            Section(
                title="No pictures", blocks=[Text(paragraphs=["The collection holds no picture that can be searched."])]
            )
        ]
    parts = (_queries, _scores, _map, _features, _index, _duplicates)
    return [section for part in parts for section in part(findings)]
