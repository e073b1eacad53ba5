"""Which class is this picture? A published model asked: its best classes with their chances, or none of these."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import BaseModel, Field

from tasks.cases.image_classes.evaluation.open_set import OpenSet, sureness
from tasks.evaluation.calibration import softmax
from tasks.features.pictures.embedders import EmbedderChoice, load_embedder
from tasks.features.pictures.queries import contents
from tasks.features.pictures.resizing import squash
from tasks.ingestion.pictures.decoding import decode
from tasks.ingestion.pictures.entries import PictureError
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage
from tasks.training.networks.heads import LinearHead

TOLD = 8  # classes told for each picture
MOST_PICTURES = 10_000
BATCH = 64


class Card(BaseModel):
    """All that a stored model needs beside itself to answer."""

    architecture: str
    kind: Literal["network", "head"]
    classes: list[str]
    temperature: float
    refusal: OpenSet
    side: int = Field(description="pixels of the pictures that a network looks at")
    features: EmbedderChoice | None = Field(None, description="what a head looks at")


class Classified(NamedTuple):
    """The answers, and the pictures that could not be read."""

    table: pd.DataFrame  # picture (its number), path, rank, class, chance, refused
    quarantine: pd.DataFrame  # path, reason, detail


@stage(phase="Evaluation")
def make_card(
    architecture: str, classes: list[str], temperature: float, refusal: OpenSet, side: int, features: EmbedderChoice
) -> Card:
    """Put together what a stored model needs to answer; a network that was fine-tuned looks at its own size."""
    head = architecture == "transfer"
    side = load_embedder(features).size[0] if architecture == "finetune" else side
    return Card(
        architecture=architecture,
        kind="head" if head else "network",
        classes=classes,
        temperature=temperature,
        refusal=refusal,
        side=side,
        features=features if head else None,
    )


@stage(phase="Deployment")
def classify_by_network(picture: Path, title: str, model: Any, card: Card) -> Classified:
    """Classify a picture, or every picture of a folder or archive, by a network.

    Args:
        picture: the picture or folder.
        title: what the report calls a single picture.
        model: the network.
        card: that belongs to it.
    """
    from tasks.training.networks.loop import predict

    size = (card.side, card.side)

    def logits(images: list[Image.Image]) -> np.ndarray:
        return predict(model, np.stack([np.asarray(squash(image, size)) for image in images]))

    return classified(picture, title, card, logits, card.side)


@stage(phase="Deployment")
def classify_by_head(picture: Path, title: str, model: LinearHead, card: Card) -> Classified:
    """Classify a picture, or every picture of a folder or archive, by a head; see `classify_by_network`."""
    if card.features is None:
        raise UsageError("the model is a head without features; train it anew.")
    embedder = load_embedder(card.features)
    return classified(picture, title, card, lambda images: model.logits(embedder.embed(images)), max(embedder.size))


def classified(picture: Path, title: str, card: Card, logits: Any, side: int) -> Classified:
    """Return the answers of a model for the pictures at a path.

    Args:
        picture: a picture, folder or archive.
        title: what a single picture is called.
        card: of the model.
        logits: gives (n, k) for a list of RGB pictures.
        side: pixels that the model looks at; pictures are decoded as they were for its training.

    Raises:
        UsageError: there is no picture that can be read.
    """
    paths: list[str] = []
    problems: list[tuple[str, str, str]] = []
    answers: list[np.ndarray] = []
    batch: list[Image.Image] = []

    def flush() -> None:
        if batch:
            answers.append(logits(batch))
            batch.clear()

    for path, content in contents(picture, title, problems):
        if len(paths) == MOST_PICTURES:
            problems.append((path, "too-many", f"at most {MOST_PICTURES:,} pictures are classified at once"))
            continue
        try:
            batch.append(decode(content, side))
        except PictureError as error:
            problems.append((path, error.reason, error.detail))
            continue
        paths.append(path)
        if len(batch) == BATCH:
            flush()
    flush()
    if not paths:
        reasons = "; ".join(f"{path}: {detail}" for path, _, detail in problems[:3]) or "the folder is empty"
        raise UsageError(f"No picture to classify in {picture} ({reasons}); give another picture.")
    aside = pd.DataFrame(problems, columns=["path", "reason", "detail"]).astype(str)
    return Classified(_table(paths, np.concatenate(answers), card), aside)


def _table(paths: list[str], logits: np.ndarray, card: Card) -> pd.DataFrame:
    chances = softmax(logits, card.temperature)
    refused = np.zeros(len(paths), bool)
    if card.refusal.threshold is not None:
        refused = sureness(logits, card.temperature, card.refusal.score) < card.refusal.threshold
    best = np.argsort(-chances, axis=1, kind="stable")[:, :TOLD]
    count = best.shape[1]
    return pd.DataFrame(
        {
            "picture": np.repeat(np.arange(len(paths)), count),
            "path": np.repeat(paths, count),
            "rank": np.tile(np.arange(1, count + 1), len(paths)),
            "class": np.array(card.classes, dtype=object)[best.ravel()],
            "chance": np.take_along_axis(chances, best, axis=1).ravel(),
            "refused": np.repeat(refused, count),
        }
    )
