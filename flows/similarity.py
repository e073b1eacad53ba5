"""Similar pictures: deep features and locality-sensitive hashing, from files to an answer and its quality."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tasks.cases.similarity.evaluation import chance_scores, compare_features, summarise
from tasks.cases.similarity.ingestion import Place, locate_pictures
from tasks.cases.similarity.report.compose import Searched, compose_similarity
from tasks.evaluation.champion import ChampionRecord, case_scores, decide_promotion
from tasks.evaluation.duplicates import find_duplicates
from tasks.evaluation.retrieval import evaluate_index, evaluate_retrieval, per_query_scores
from tasks.features.pictures.embedders import EmbedderChoice, choose_embedder
from tasks.features.pictures.embedding import embed_pictures
from tasks.features.pictures.queries import embed_queries, own_queries
from tasks.features.projection import map_coordinates, place_on_map
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.ingestion.pictures.manifest import read_pictures, scan_pictures
from tasks.platform.case import case, main
from tasks.platform.errors import CasebookError
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.training.nearest.hashing import build_index
from tasks.training.nearest.neighbours import find_neighbours
from tasks.validation.pictures import publish_data_docs, validate_pictures

PRIMARY = "precision@5_no_duplicates"


class Represented(NamedTuple):
    """A collection as vectors, and what made them."""

    whitening: Stored
    vectors: Stored


def represent(manifest: Stored, choice: EmbedderChoice, place: Place, dimensions: int) -> Represented:
    """Turn pictures into whitened vectors."""
    raw = embed_pictures(manifest, choice.model_copy(update={"why": ""}), place.collection)
    whitening = fit_whitening(raw, dimensions, choice.strength)
    return Represented(whitening, apply_whitening(raw, whitening))


@case
def similarity(
    source: str = "sample",
    query: str = "",
    neighbours: Annotated[int, Field(ge=1, le=100)] = 12,
    model: str = "auto",
    index: Literal["lsh", "exact"] = "lsh",
    labels: Literal["auto", "folders", "none"] = "auto",
    exclude: list[str] = [],  # noqa: B006 - never changed; a list makes the form in the Prefect UI
    merge: list[str] = [],  # noqa: B006
    dimensions: Annotated[int, Field(ge=2, le=1024)] = 256,
    limit: Annotated[int, Field(ge=0, le=100_000_000)] = 0,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.5,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """Which pictures in my collection look like this one?

    The answer serves whoever looks for more of the same, or for what is there twice. It is good when the index finds at
    least 95 % of the ten nearest pictures (recall@10) and, where the pictures have labels, at least four of the first
    five neighbours have the right one (precision@5 of 0.8, near-duplicates left out).

    Args:
        source: sample, public (Caltech-101), or a folder, zip, tar or https address of your own; sub-folders are labels
        query: a picture, or a folder of pictures, to look for; by default the sample's coffee cup, or some of your own
        neighbours: how many similar pictures to show
        model: auto, imagenet (MobileNetV2), handcrafted, a keras.applications name, or the path of a .keras file
        index: lsh (512-bit hashing, exactly re-ranked) or exact
        labels: read the top sub-folders as labels if there are two or more (auto), always (folders) or never (none)
        exclude: labels to leave out, as names or patterns such as BACKGROUND_*
        merge: labels to put together, such as Faces=Faces,Faces_easy
        dimensions: of the whitened vectors
        limit: read at most this many files, spread over the collection; 0 reads all
        max_quarantined: stop when a larger share of the files is unusable
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    place = locate_pictures(source, query).load(Place)
    listing = scan_pictures(place.collection)
    pictures = read_pictures(listing, place.collection, labels, exclude, merge, limit or None)
    checked = validate_pictures(pictures.manifest, pictures.quarantine, max_quarantined)
    manifest = checked.manifest
    docs = publish_data_docs(manifest, pictures.quarantine, max_quarantined) if data_docs else None

    # Data preparation
    choice = choose_embedder(model).load(EmbedderChoice)
    ours = represent(manifest, choice, place, dimensions)

    # Modelling
    built = build_index(ours.vectors, index)
    asked = Path(place.query)
    queries = (
        embed_queries(asked, asked.name, choice, ours.whitening) if place.query else own_queries(manifest, ours.vectors)
    )
    found = find_neighbours(built, queries.table, queries.vectors, manifest, neighbours)

    # Evaluation: against exact search, chance, handcrafted features, and the champion
    duplicates = find_duplicates(manifest, ours.vectors)
    scores = per_query_scores(manifest, ours.vectors, duplicates)
    retrieval = evaluate_retrieval(scores)
    simple = represent(manifest, choose_embedder("handcrafted").load(EmbedderChoice), place, dimensions)
    simple_retrieval = evaluate_retrieval(per_query_scores(manifest, simple.vectors, duplicates))
    quality = evaluate_index(built, ours.vectors)
    cases = case_scores(scores, "p5_no_duplicates", "group")
    config = {"embedder": choice.model_dump(exclude={"why"}), "dimensions": dimensions, "index": index}
    registered = f"similarity-{place.name}"
    test_data = f"{manifest.digest}-{duplicates.digest}"  # near-duplicates are left out, so they decide about the cases
    champion = read_champion(registered, config, test_data, cases.scores)
    rival = evaluate_champion(champion, manifest, duplicates, test_data, place)
    decision = decide_promotion(
        cases.scores, cases.groups, chance_scores(scores), rival.record, rival.scores, PRIMARY, test_data
    )
    metrics = summarise(retrieval, quality, rival.metrics)

    # Deployment
    settings = {"source": source, "model": model, "index": index, "dimensions": dimensions}
    artifacts = {"index": built, "whitening": ours.whitening}
    tracked = track_run(
        "similarity", registered, config, settings, metrics, decision,
        cases.scores, test_data, artifacts, champion.registry,
    )  # fmt: skip
    coordinates = map_coordinates(ours.vectors)
    report = compose_similarity(
        searched=Searched(place=place, choice=choice, index=index),
        collection=place.collection,
        manifest=manifest,
        quarantine=pictures.quarantine,
        contract=checked.report,
        vectors=ours.vectors,
        queries=queries.table,
        scores=queries.scores,
        query_quarantine=queries.quarantine,
        found=found,
        duplicates=duplicates,
        coordinates=coordinates,
        query_coordinates=place_on_map(coordinates, ours.vectors, queries.vectors),
        index_report=quality,
        features=compare_features({choice.name: retrieval, "handcrafted": simple_retrieval}),
        per_query=scores,
        metrics=metrics,
        champion=tracked.load(TrackedRun).reason,
    )
    links = {"data docs": docs.load()} if docs else {}
    return Path(publish_report(report, [found.digest, built.digest], {"neighbours": found}, links).load())


class Rival(NamedTuple):
    """The champion on the present pictures."""

    record: Any
    scores: Any
    metrics: Stored | None


def evaluate_champion(champion: Stored, manifest: Stored, duplicates: Stored, test_data: str, place: Place) -> Rival:
    """Score the champion on the present pictures, anew when it was measured on others; no scores when it cannot be."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == test_data:
        return Rival(champion.champion, champion.scores, None)
    try:
        embedder = EmbedderChoice.model_validate({**record.config["embedder"], "why": "It is the champion's."})
        vectors = represent(manifest, embedder, place, int(record.config["dimensions"])).vectors
    except (CasebookError, KeyError, TypeError, ValueError):  # its weights are gone or its record is odd: it stays
        return Rival(champion.champion, champion.scores, None)
    scores = per_query_scores(manifest, vectors, duplicates)
    same = record.model_copy(update={"test_data": test_data, "primary": PRIMARY})
    return Rival(same, case_scores(scores, "p5_no_duplicates", "group").scores, evaluate_retrieval(scores))


if __name__ == "__main__":
    main(similarity)
