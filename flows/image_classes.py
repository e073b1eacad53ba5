"""Image classes: from pictures in class folders to a model that tells them, and that says when it does not know."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.cases.image_classes.evaluation.classify import classify_by_head, classify_by_network, make_card
from tasks.cases.image_classes.evaluation.scores import choose_candidate, evaluate_answers, list_predictions
from tasks.cases.image_classes.features import choose_side, split_pictures
from tasks.cases.image_classes.ingestion.collection import Place, locate_classes, read_classes
from tasks.cases.image_classes.report.compose import describe_classes
from tasks.cases.image_classes.training.budget import budget_of
from tasks.cases.image_classes.training.candidates import choose_names
from tasks.cases.image_classes.training.lesson import Lesson
from tasks.cases.image_classes.training.simple import compare_simple
from tasks.evaluation.contest import contest
from tasks.evaluation.duplicates import find_duplicates
from tasks.features.pictures.embedders import EmbedderChoice, choose_embedder, outdated
from tasks.features.pictures.pixels import pixel_vectors, read_pixels
from tasks.features.whitening import apply_whitening, fit_whitening
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined, Seed
from tasks.publishing.publish import publish
from tasks.validation.pictures import REMEDY, count_labels, picture_contract
from tasks.validation.tables import check


@case
def image_classes(
    source: str = "sample",
    test: str = "",
    picture: str = "",
    architecture: str = "auto",
    minutes: Annotated[float, Field(ge=0, le=10_000)] = 0.0,
    epochs: Annotated[float, Field(ge=0, le=1000)] = 0.0,
    features: str = "auto",
    per_class: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
    test_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.2,
    exclude: list[str] = [],  # noqa: B006 - never changed; a list makes the form in the Prefect UI
    merge: list[str] = [],  # noqa: B006
    side: Annotated[int, Field(ge=0, le=128, multiple_of=8)] = 0,
    limit: Annotated[int, Field(ge=0, le=10_000_000)] = 0,
    seed: Seed = 42,
    max_quarantined: Quarantined = 0.5,
) -> Path:
    """Which class is this picture?

    The answer serves whoever sorts pictures by hand today: which class a new one belongs to, how sure that is, and when
    it is none of those that were learned. It is good when at least 90 % of the pictures that were kept aside get the
    right class (accuracy) and told chances are off by at most 3 % (expected calibration error).

    Args:
        source: sample, public (CIFAR-10), cifar100, or a folder, zip, tar or https address with a sub-folder per class
        test: a folder or archive of the same classes that is only scored; without one a share of the source is
        picture: a picture, or a folder or archive of pictures, to classify
        architecture: auto (what suits the pictures and the budget), airbench, wide (the same wider and deeper: four
            times the work, for a long budget or a GPU), classic, transfer (a head on features) or finetune (the Keras
            model that features names learns on); several, separated by commas, are compared
        minutes: budget for the training of each network, which its schedule fits into; 0 takes 20, half of one for the
            sample
        epochs: passes over the pictures; 0 takes what fits into the budget
        features: what transfer looks at: auto, imagenet, own, handcrafted, a model of keras.applications or a .keras
            file; finetune goes on with one of the last two
        per_class: learn from at most so many pictures of each class; 0 learns from all
        test_share: share of each class to test on, near-duplicates kept together; more, up to half, where that would be
            less than ten pictures
        exclude: classes to leave out, as names or patterns such as BACKGROUND_*
        merge: classes to put together, such as Faces=Faces,Faces_easy
        side: pixels of the squares that a network of one's own looks at; 0 takes what fits the pictures
        limit: read at most this many files; 0 reads all
        seed: of split, schedules and networks
        max_quarantined: stop when a larger share of the files is unusable
    """
    # Data understanding
    place = locate_classes(source, test, picture).load(Place)
    data = read_classes(place, exclude, merge, limit)
    check(data._replace(frame=count_labels(data.frame)), picture_contract(max_quarantined), REMEDY)
    manifest = data.frame

    # Data preparation: near-duplicates stay on one side of the split
    chosen_side = choose_side(manifest, side).load(int)
    pixels = read_pixels(manifest, chosen_side, place.collections)
    small = pixel_vectors(pixels)
    duplicates = find_duplicates(manifest, apply_whitening(small, fit_whitening(small)))
    split = split_pictures(manifest, duplicates, test_share, per_class, seed)
    choice = choose_embedder(features, "handcrafted").load(EmbedderChoice)

    # Modelling: simple models, then each architecture within its budget
    names = choose_names(architecture, manifest, split.part, choice).load(list[str])
    simple = compare_simple(pixels, split.labels, split.part, seed)
    lesson = Lesson(manifest, place.collections, pixels, split, simple, minutes or budget_of(source))
    names = lesson.fill(names, architecture, epochs, seed)
    learned = {name: lesson.learn(name, epochs, choice, seed) for name in names}
    scored = [lesson.score(name, trained.candidate) for name, trained in learned.items()]
    name = choose_candidate(scored).load(str)
    ours = learned[name].candidate

    # Evaluation: on test pictures, against the simple model and the champion
    held = contest(
        f"image-classes-{data.name}",
        learned[name].config,
        lesson.right(ours),
        on=f"{split.part.digest}-{split.labels.digest}",
        metric="accuracy",
        rescore=lambda config: lesson.relearn(config, choice),
        outdated=lambda config: outdated(config.get("features")),
    )
    temperature = lesson.temper(ours)
    refusal = lesson.refuse(name, ours, temperature, choice, seed)
    found = evaluate_answers(manifest, ours, split, simple.right, held.rival, temperature, seed)
    card = make_card(name, split.classes, temperature, refusal, chosen_side, choice)
    classify = classify_by_head if name == "transfer" else classify_by_network
    asked = classify(Path(place.picture), Path(place.picture).name, ours.model, card) if place.picture else None

    # Deployment
    counts, candidates = data.parts.classes, {key: trained.candidate for key, trained in learned.items()}
    notes = [trained.told for trained in learned.values() if trained.told]
    findings = describe_classes(
        manifest, split, counts, scored, candidates, notes, simple, found, duplicates, card, asked, place, choice.name
    )
    tables = {
        "predictions": list_predictions(manifest, ours, split, temperature),
        "per_class": found.per_class,
        "mistakes": found.mistakes,
        "suspects": found.suspects,
        "leaks": split.leaks,
        "classes": counts,
        **({"asked": asked.table} if asked else {}),
    }
    return publish(findings, held, model={"model": ours.model, "card": card}, tables=tables)


if __name__ == "__main__":
    main(image_classes)
