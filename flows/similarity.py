"""Similar pictures: deep features and locality-sensitive hashing, from files to an answer and its quality."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.similarity.evaluation import compare_features, picture_cases, summarise
from tasks.cases.similarity.features import index_of, represent
from tasks.cases.similarity.ingestion import Place, locate_pictures, read_collection
from tasks.cases.similarity.report.compose import Searched, describe_similarity
from tasks.cases.similarity.report.duplicates import list_duplicates
from tasks.cases.similarity.scoring import Scoring
from tasks.evaluation.contest import contest
from tasks.evaluation.edited import find_versions
from tasks.evaluation.retrieval import evaluate_index, evaluate_retrieval
from tasks.features.pictures.embedders import EmbedderChoice, choose_embedder, outdated
from tasks.features.pictures.queries import embed_queries, own_queries
from tasks.features.projection import map_coordinates, place_on_map
from tasks.ingestion.pictures.manifest import keep_small
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined
from tasks.publishing.publish import publish
from tasks.training.nearest.neighbours import find_neighbours
from tasks.validation.pictures import REMEDY, count_labels, picture_contract
from tasks.validation.tables import check


@case
def similarity(
    source: str = "sample",
    query: str = "",
    neighbours: Annotated[int, Field(ge=1, le=100)] = 12,
    each_once: bool = True,
    keep: str = "largest",
    model: str = "auto",
    index: Literal["lsh", "exact"] = "lsh",
    engine: Literal["local", "spark"] = "local",
    labels: Literal["auto", "folders", "none"] = "auto",
    exclude: list[str] = [],  # noqa: B006 - never changed; a list makes the form in the Prefect UI
    merge: list[str] = [],  # noqa: B006
    dimensions: Annotated[int, Field(ge=2, le=1024)] = 256,
    limit: Annotated[int, Field(ge=0, le=100_000_000)] = 0,
    max_quarantined: Quarantined = 0.5,
) -> Path:
    """Which pictures in my collection look like this one?

    The answer serves whoever looks for more of the same, or for what is there twice. It is good when the index finds at
    least 95 % of the ten nearest pictures (recall@10) and, where the pictures have labels, at least four of the first
    five neighbours have the right one (precision@5 of 0.8, near-duplicates left out).

    Args:
        source: sample, public (Caltech-101), or a folder, zip, tar, https address or folder of object storage
            (s3://bucket/pictures) of your own; sub-folders are labels
        query: a picture, or a folder of pictures, to look for; by default the sample's coffee cup, or some of your own
        neighbours: how many similar pictures to show
        each_once: show a picture that is there several times (copies, edited versions) once, with how often it is there
        keep: which of several versions duplicates.csv keeps: largest, oldest, or a folder of the collection
        model: auto, imagenet (MobileNetV2), own (small, in the package), handcrafted, a keras.applications name, or the
            path of a .keras file
        index: lsh (512-bit hashing, exactly re-ranked) or exact
        engine: local, or spark, whose workers read, embed, index and search the collection side by side
        labels: read the top sub-folders as labels if there are two or more (auto), always (folders) or never (none)
        exclude: labels to leave out, as names or patterns such as BACKGROUND_*
        merge: labels to put together, such as Faces=Faces,Faces_easy
        dimensions: of the whitened vectors
        limit: read at most this many files, spread over the collection; 0 reads all
        max_quarantined: stop when a larger share of the files is unusable
    """
    # Data understanding
    place = locate_pictures(source, query).load(Place)
    listing, data = read_collection(place, labels, exclude, merge, limit, engine)
    manifest = data.frame
    check(data._replace(frame=count_labels(manifest)), picture_contract(max_quarantined), REMEDY)

    # Data preparation
    choice = choose_embedder(model).load(EmbedderChoice)
    ours = represent(manifest, choice, place, dimensions, engine)

    # Modelling
    built = index_of(ours, index)
    asked = Path(place.query)
    queries = (
        embed_queries(asked, asked.name, choice, ours.whitening) if place.query else own_queries(manifest, ours.vectors)
    )
    duplicates = find_versions(manifest, ours.vectors, place.collection)
    found = find_neighbours(built, queries.table, queries.vectors, manifest, neighbours, duplicates, each_once, engine)

    # Evaluation: against exact search, chance, handcrafted features, and the champion
    twice = list_duplicates(manifest, duplicates, listing, keep, place.collection)
    scoring = Scoring(manifest, duplicates, place, engine)
    scored = scoring.scores(choice, dimensions)
    simple = scoring.scores(choose_embedder("handcrafted").load(EmbedderChoice), dimensions)
    quality, retrieval = evaluate_index(built, ours.vectors), evaluate_retrieval(scored)
    held = contest(
        f"similarity-{data.name}",
        {"embedder": choice.model_dump(exclude={"why"}), "dimensions": dimensions, "index": index},
        picture_cases(scored),
        on=f"{manifest.digest}-{duplicates.digest}",  # near-duplicates are left out, so they decide about the cases
        metric="precision@5_no_duplicates",
        rescore=scoring.rescore,
        outdated=lambda config: outdated(config.get("embedder")),
    )
    metrics = summarise(retrieval, quality, evaluate_retrieval(held.rescored.per_query) if held.rescored else None)

    # Deployment
    searched = Searched(place=place, choice=choice, index=index, keep=keep)
    compared = compare_features({choice.name: retrieval, "handcrafted": evaluate_retrieval(simple)})
    coordinates = map_coordinates(ours.vectors)
    placed = place_on_map(coordinates, ours.vectors, queries.vectors)
    findings = describe_similarity(
        searched, manifest, ours.vectors, queries, found, twice, coordinates, placed, quality, compared, scored, metrics
    )
    answers = {"index": built, "whitening": ours.whitening, "manifest": manifest, "duplicates": duplicates}
    if held.promoted:
        answers["small"] = keep_small(manifest, place.collection)
    return publish(findings, held, model=answers, tables={"neighbours": found, "duplicates": twice})


if __name__ == "__main__":
    main(similarity)
