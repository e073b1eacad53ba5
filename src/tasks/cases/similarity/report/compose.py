"""What has a search for similar pictures found, and how good is it? Everything of one run, put into its report."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.cases.similarity.figures.pictures import collection_map
from tasks.cases.similarity.figures.retrieval import similarity_distribution
from tasks.cases.similarity.ingestion import Place
from tasks.cases.similarity.report.duplicates import EXTRA, rule_of
from tasks.cases.similarity.report.sections import (
    MOST_GROUPS,
    MOST_IN_GROUP,
    MOST_NEIGHBOURS,
    MOST_QUERIES,
    Answered,
    DuplicateGroup,
    Shown,
    SimilarityFindings,
    similarity_hero,
    similarity_sections,
)
from tasks.evaluation.metrics import Metric
from tasks.evaluation.retrieval import IndexReport
from tasks.features.pictures.embedders import EmbedderChoice
from tasks.figures.style import figure_to_svg
from tasks.ingestion.pictures.entries import PictureError
from tasks.ingestion.pictures.manifest import thumbnail
from tasks.ingestion.pictures.sources import open_source
from tasks.platform.stage import stage
from tasks.publishing.report import Findings, Verdict, quarantine_rows

GOOD_PRECISION = 0.8  # four of the first five neighbours show the same thing
GOOD_RECALL = 0.95  # of the ten nearest pictures, found by the index
MAP_THUMBNAILS = 48
PAIRS = 20_000
SEED = 11
INDEX_NAMES = {
    "lsh": "hashing, 512 bits",
    "shards": "hashing, 512 bits",
    "exact": "exact",
    "classic": "textbook LSH, 10 bits × 5",
}


class Searched(BaseModel):
    """Where the pictures of a run lie."""

    place: Place
    choice: EmbedderChoice
    index: str
    keep: str = "largest"


class Asked(NamedTuple):
    """What is told of `tasks.features.pictures.queries.Queries`."""

    table: pd.DataFrame  # query, path, number, jpeg
    scores: pd.DataFrame  # what the classifier calls the queries; may be empty
    quarantine: pd.DataFrame  # query files left out


@stage(phase="Deployment")
def describe_similarity(
    searched: Searched,
    manifest: pd.DataFrame,
    vectors: np.ndarray,
    queries: Asked,
    found: pd.DataFrame,
    duplicates: pd.DataFrame,
    coordinates: np.ndarray,
    query_coordinates: np.ndarray,
    index_report: IndexReport,
    features: pd.DataFrame,
    per_query: pd.DataFrame,
    metrics: list[Metric],
) -> Findings:
    """Say what was found.

    Args:
        searched: what was asked for.
        manifest: usable pictures, n rows.
        vectors: float16 (n, d).
        queries: the pictures that were asked about, and those among them that could not be used.
        found: neighbours of each query.
        duplicates: what is there more than once, as `list_duplicates` has it.
        coordinates: (n, 2) map.
        query_coordinates: (q, 2) of the queries on the map.
        index_report: quality of the index.
        features: `features`, `metric`, `value`, `low`, `high`, `n`, `near_duplicates`: kinds of features compared.
        per_query: leave-one-out scores of the labelled pictures.
        metrics: of the run, complete with baseline and champion.
    """
    with Album(searched.place.collection) as album:
        sample = searched.place.name == "sample"
        shown_queries = queries.table.head(MOST_QUERIES).itertuples()
        answered = [_answered(album, row, found, queries.scores, manifest, sample) for row in shown_queries]
        groups = list(_groups(album, duplicates, manifest))
        drawing = _map(album, manifest, coordinates, query_coordinates, found)
    shown = SimilarityFindings(
        answered=answered,
        duplicates=groups,
        duplicate_groups=int(duplicates["group"].nunique()) if len(duplicates) else 0,
        to_act_on=duplicates,
        keep=rule_of(searched.keep),
        map_svg=drawing,
        distribution_svg=_distribution(manifest, vectors),
        index=_index_table(index_report),
        chosen_index=INDEX_NAMES[searched.index],
        features=features,
        by_label=_by_label(per_query),
    )
    return Findings(
        answer=_answer(queries.table, found, duplicates),
        verdict=_verdict(metrics),
        hero=similarity_hero(shown),
        sections=similarity_sections(shown),
        metrics=metrics,
        quarantine=quarantine_rows(queries.quarantine.assign(path="query: " + queries.quarantine["path"])),
        limits=_limits(searched, manifest, per_query),
    )


class Album:
    """Thumbnails of the collection; a picture that is gone since it was read is left blank."""

    def __init__(self, collection: str) -> None:
        self.source = open_source(collection)

    def __enter__(self) -> "Album":
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def picture(self, path: str, side: int = 200) -> bytes:
        """Return a picture of the collection as JPEG."""
        try:
            return thumbnail(self.source, path, side)
        except PictureError:
            return b""


def _answered(
    album: Album, row: Any, found: pd.DataFrame, scores: pd.DataFrame, manifest: pd.DataFrame, sample: bool
) -> Answered:
    """Return one query with its neighbours, as the report shows them."""
    own = int(row.number) >= 0
    mine = found[found["query"] == row.query]
    itself, mine = mine[mine["rank"] == 0], mine[mine["rank"] > 0]
    neighbours = [
        Shown(
            path=near.path,
            label=near.label,
            similarity=float(near.similarity),
            times=int(near.times),
            jpeg=album.picture(near.path) if near.rank <= MOST_NEIGHBOURS else b"",
        )
        for near in mine.itertuples()
    ]
    if own:
        label = str(manifest["label"].iloc[row.number])
    else:
        label = str(itself["label"].iloc[0]) if len(itself) else _known_label(sample, row.path, manifest)
    called = scores[scores["query"] == row.query]
    return Answered(
        query=Shown(path=row.path, label=label, jpeg=album.picture(row.path, 320) if own else bytes(row.jpeg)),
        neighbours=neighbours,
        itself=str(itself["path"].iloc[0]) if len(itself) else "",
        itself_times=int(itself["times"].iloc[0]) if len(itself) else 0,
        scores=list(zip(called["label"], called["score"], strict=True)),
    )


def _known_label(sample: bool, path: str, manifest: pd.DataFrame) -> str:
    """Return the scene of a query of the sample, which is its file name; of any other query nothing is known."""
    stem = Path(path).stem
    return stem if sample and stem in set(manifest["label"]) else ""


def _groups(album: Album, duplicates: pd.DataFrame, manifest: pd.DataFrame) -> Iterable[DuplicateGroup]:
    """Yield the largest groups of pictures that are there more than once."""
    if duplicates.empty:
        return
    labels = manifest.set_index("path")["label"]
    sizes = (
        duplicates["group"]
        .value_counts(sort=True)
        .sort_index(kind="stable")
        .sort_values(ascending=False, kind="stable")
    )
    for group, size in sizes.head(MOST_GROUPS).items():
        rows = duplicates[duplicates["group"] == group].head(MOST_IN_GROUP)
        shown = [
            Shown(path=path, label=str(labels[path]), jpeg=album.picture(path, 140), what=what)
            for path, what in zip(rows["path"].tolist(), rows["what_to_do"].tolist(), strict=True)
        ]
        yield DuplicateGroup(shown, int(size))


def _map(
    album: Album, manifest: pd.DataFrame, coordinates: np.ndarray, queries: np.ndarray, found: pd.DataFrame
) -> str:
    """Draw the map with the first query, its neighbours, and some pictures as thumbnails."""
    from PIL import Image

    first = found[(found["query"] == 0) & (found["rank"] > 0)]
    numbers = first["number"].astype(int).tolist()
    usable = np.flatnonzero(np.isfinite(coordinates).all(axis=1))
    few = len(manifest) <= 1500
    chosen = np.random.default_rng(SEED).permutation(usable)[: 3 * MAP_THUMBNAILS if few else 0]
    pictures = {
        int(number): np.asarray(Image.open(io.BytesIO(content)))
        for number in chosen
        if (content := album.picture(manifest["path"].iloc[number], 64))
    }
    labels = manifest["label"].astype(str).tolist()
    return figure_to_svg(
        collection_map(coordinates, labels, np.asarray(queries[:1]), numbers, pictures, most_thumbnails=MAP_THUMBNAILS)
    )


def _distribution(manifest: pd.DataFrame, vectors: np.ndarray) -> str:
    """Draw how similar pairs of pictures are, from a seeded sample of pairs."""
    labels = manifest["label"].astype(str).to_numpy()
    if (labels != "").sum() < 2 or len(set(labels)) < 2:
        return ""
    chance = np.random.default_rng(SEED)
    left = chance.integers(0, len(labels), PAIRS)
    by_label = {label: np.flatnonzero(labels == label) for label in set(labels) if label}
    partner = np.array([chance.choice(by_label[labels[i]]) if labels[i] else i for i in left])
    other = chance.integers(0, len(labels), PAIRS)

    def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", vectors[a].astype(np.float32), vectors[b].astype(np.float32))

    same = left != partner
    different = (labels[left] != labels[other]) & (labels[left] != "") & (labels[other] != "")
    return figure_to_svg(
        similarity_distribution(cosine(left[same], partner[same]), cosine(left[different], other[different]))
    )


def _index_table(report: IndexReport) -> pd.DataFrame:
    """Return the rows of the index report under the names that the report shows."""
    return pd.DataFrame(
        [
            {
                "index": INDEX_NAMES[row.index],
                "recall@10": row.recall,
                "low": row.low,
                "high": row.high,
                "ms_per_query": row.ms_per_query,
                "bytes_per_vector": row.bytes_per_vector,
            }
            for row in report.rows
        ]
    ).drop_duplicates("index", ignore_index=True)


def _by_label(per_query: pd.DataFrame) -> pd.DataFrame | None:
    """Return precision@5 of each label, near-duplicates left out."""
    kept = per_query[per_query["relevant_no_duplicates"] > 0] if len(per_query) else per_query
    if kept.empty:
        return None
    grouped = kept.groupby("label")["p5_no_duplicates"]
    table = pd.DataFrame({"value": grouped.mean(), "n": grouped.size()}).reset_index()
    spread = 1.96 * grouped.std(ddof=1).to_numpy() / np.sqrt(table["n"].to_numpy())
    table["low"] = (table["value"] - spread).clip(0, 1)
    table["high"] = (table["value"] + spread).clip(0, 1)
    return table


def _answer(queries: pd.DataFrame, found: pd.DataFrame, duplicates: pd.DataFrame) -> str:
    """Return the answer for the first query in words, and what is there twice."""
    mine = found[found["query"] == 0]
    first, itself = mine[mine["rank"] > 0], mine[mine["rank"] == 0]
    name = Path(queries["path"].iloc[0]).name
    parts = []
    if len(itself):
        times = int(itself["times"].iloc[0])
        often = f"{times} times, once as" if times > 1 else "as"
        parts.append(f"{name} is in the collection {often} {itself['path'].iloc[0]}.")
    parts.append(_nearest_in_words(name, first))
    if len(queries) > 1:
        parts.append(f"{len(queries):,} queries were answered in all.")
    if groups := duplicates["group"].nunique():
        extra = int((duplicates["what_to_do"] == EXTRA).sum())
        what = "picture is" if groups == 1 else "pictures are"
        parts.append(f"{groups:,} {what} there more than once, with {extra:,} files more than needed.")
    return " ".join(parts)


def _nearest_in_words(name: str, first: pd.DataFrame) -> str:
    if first.empty:
        return f"The collection holds no other picture that could be compared with {name}."
    labels = first["label"].astype(str)
    nearest = f"the nearest is {first['path'].iloc[0]} (cosine {first['similarity'].iloc[0]:.2f}, where 1 is the same)"
    if labels.iloc[0]:
        common = labels.value_counts()
        return f"Of the {len(first)} pictures most like {name}, {common.iloc[0]} show “{common.index[0]}”; {nearest}."
    others = ", ".join(first["path"].iloc[1:3])
    return f"Of the pictures most like {name} {nearest}{f', then {others}' if others else ''}."


def _verdict(metrics: list[Metric]) -> Verdict:
    """Hold the run against the success criterion of its question."""
    by_name = {metric.name: metric for metric in metrics}
    recall = next((metric for metric in metrics if metric.name.startswith("recall@")), None)
    precision = by_name.get("precision@5_no_duplicates") or by_name.get("precision@5")
    if recall is None:
        return Verdict(met=None, sentence="Too few pictures to measure anything.")
    parts = [f"the index finds {recall.value:.1%} of the nearest pictures (good: {GOOD_RECALL:.0%})"]
    met = recall.value >= GOOD_RECALL
    if precision is None:
        parts.append("whether they are the right ones cannot be told without labels")
        return Verdict(met=None if met else False, sentence=_sentence(parts))
    parts.append(
        f"{precision.value:.1%} of the first five neighbours have the right label, near-duplicates left out"
        f" (good: {GOOD_PRECISION:.0%})"
    )
    return Verdict(met=met and precision.value >= GOOD_PRECISION, sentence=_sentence(parts))


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _limits(searched: Searched, manifest: pd.DataFrame, per_query: pd.DataFrame) -> list[str]:
    """Say what the figures do not tell."""
    limits = [searched.choice.why]
    if per_query.empty:
        limits.append("The collection has no labels, so precision cannot be measured; sub-folders are read as labels.")
    else:
        limits.append(
            "A neighbour counts as right when it lies in the same folder; what else two pictures may share is not seen."
        )
    if len(manifest) < 1000:
        limits.append(
            f"The whitening was fitted on {len(manifest):,} pictures only; exact search is as quick as hashing on a"
            " collection this small."
        )
    limits.append(
        "Mean and whitening are fitted on the collection itself, without its labels; a query is never part of it."
    )
    return limits
