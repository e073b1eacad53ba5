"""Which models compete, and what does each say of pictures that it has not learned from?

A candidate's answers for training pictures are out of sample too: those of a network for the pictures kept aside for
validation, those of a head in cross-validation for all. They decide which candidate is used, the test pictures do not.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.image_classes.features import learned_from
from tasks.cases.image_classes.training.budget import Schedule, network_of
from tasks.features.pictures.embedders import EmbedderChoice, load_embedder
from tasks.features.pictures.embedding import embed_pictures
from tasks.features.splits import LEARN, TEST, VALIDATE
from tasks.platform.errors import UsageError
from tasks.platform.run import current_run
from tasks.platform.stage import stage
from tasks.platform.store import Stored
from tasks.training.networks.heads import LinearHead
from tasks.training.networks.plan import ARCHITECTURES

NAMES = (*ARCHITECTURES, "transfer", "finetune")
PHOTOGRAPH = 64  # pixels of the short side from which on pretrained features see something
FEW = 50  # pictures of a class, below which a network of one's own learns too little
SMALLEST, MOST = 16, 1024  # pixels a side of what is fine-tuned
LARGEST = 2 * 2**30  # bytes of pixels that are held at once
# Pictures to learn from, from which on airbench is worth its time: of 900 of CIFAR-10, 40 epochs each, it was right in
# 64.4 % and classic in 52.8 %.
MANY = 500


class Candidate(NamedTuple):
    """A trained model and its answers."""

    model: Any  # a Keras model, or a linear head
    rows: np.ndarray  # int64 (m,): which pictures the answers are for: out-of-sample training pictures, test pictures
    logits: np.ndarray  # float32 (m, k)
    augmented: np.ndarray  # float32 (t, k): of the test pictures by test-time augmentation; (0, k) without
    history: pd.DataFrame  # a row per epoch; empty for a head
    facts: dict[str, Any]  # seconds, pictures_per_second, epochs, …


@stage(phase="Modelling")
def choose_names(asked: str, manifest: pd.DataFrame, parts: np.ndarray, features: EmbedderChoice) -> list[str]:
    """Return the architectures to train; `auto` takes the one that suits the pictures.

    Args:
        asked: auto, or names separated by commas.
        manifest: `width`, `height`, `label` of the pictures.
        parts: (n,) of the split.
        features: that a head would see.

    Raises:
        UsageError: there is no such architecture, or nothing that could go on learning.
    """
    names = list(dict.fromkeys(part.strip().lower() for part in asked.split(",") if part.strip()))
    if unknown := [name for name in names if name not in {*NAMES, "auto"}] or (["an empty name"] if not names else []):
        raise UsageError(f"architecture: there is no {unknown[0]}; choose auto, or some of {', '.join(NAMES)}.")
    if "finetune" in names:  # told before anything is trained
        if not features.kind.startswith("keras"):
            raise UsageError(
                f"architecture: finetune goes on with a Keras model, and features are {features.name}; name one by"
                " --features, such as EfficientNetV2B0 of keras.applications, or the path of a .keras file."
            )
        side_of.fn(features, manifest)
    if names != ["auto"]:
        return [name for name in names if name != "auto"]
    learned = manifest[learned_from(parts)]
    short = float(learned[["width", "height"]].min(axis=1).median())
    if short >= PHOTOGRAPH or learned["label"].value_counts().median() < FEW:
        return ["transfer"]
    return ["airbench" if len(learned) >= MANY else "classic"]


@stage(phase="Modelling")
def train_network(
    pixels: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
    scheduled: Schedule,
    features: EmbedderChoice | None = None,
    head: LinearHead | None = None,
) -> Candidate:
    """Train a network, and let it answer for the pictures that it has not learned from.

    A run that is killed goes on after the last whole epoch. Learning curves also go to the run's folder, for
    TensorBoard.

    Args:
        pixels: uint8 (n, side, side, 3).
        labels: (n,).
        parts: (n,) of the split.
        scheduled: the schedule.
        features: of the network that goes on learning; without them its weights are drawn.
        head: that it begins with.
    """
    from tasks.training.networks.checkpoints import checkpoint_folder
    from tasks.training.networks.curves import curve_writer
    from tasks.training.networks.loop import predict, predict_views, train

    plan = scheduled.plan
    learn, validate, test = (np.flatnonzero(parts == part) for part in (LEARN, VALIDATE, TEST))
    shown, known = np.asarray(pixels[learn]), labels[learn]
    run = current_run()
    folder = None
    if run:
        folder = run.folder / "tensorboard" / plan.architecture
        run.links[f"learning curves of {plan.architecture}, for TensorBoard"] = f"tensorboard/{plan.architecture}"
    with curve_writer(folder) as tell:
        trained = train(
            shown,
            known,
            plan,
            (np.asarray(pixels[validate]), labels[validate]),
            checkpoint_folder(plan, shown, known, *([head.weights, head.bias] if head else [])),
            tell,
            network_of(features, head),
        )
    rows = np.concatenate([validate, test])
    history = pd.DataFrame(trained.history)
    seconds = float(history["seconds"].sum())
    facts = {
        "seconds": seconds,
        "pictures_per_second": plan.steps * plan.batch / max(seconds, 1e-9),
        "epochs": plan.epochs,
        "batch": plan.batch,
        "parameters": int(trained.model.count_params()),
        "expected": scheduled.expected,
        "mirror": plan.mirror,
    }
    return Candidate(
        trained.model,
        rows,
        predict(trained.model, pixels[rows]),
        predict_views(trained.model, pixels[test], plan.mirror),
        history,
        facts,
    )


@stage(phase="Modelling")
def train_head(vectors: np.ndarray, labels: np.ndarray, parts: np.ndarray, groups: np.ndarray, seed: int) -> Candidate:
    """Fit a linear head on pretrained features, and let it answer, for training pictures in cross-validation.

    Args:
        vectors: (n, D) features.
        labels: (n,).
        parts: (n,) of the split.
        groups: (n,) of near-duplicates.
        seed: of the folds.
    """
    import time

    from tasks.training.networks.heads import fit_head

    clock = time.perf_counter()
    classes = int(labels.max()) + 1
    learn, test = np.flatnonzero(learned_from(parts)), np.flatnonzero(parts == TEST)
    headed = fit_head(np.asarray(vectors[learn]), labels[learn], classes, groups[learn], seed)
    seconds = time.perf_counter() - clock
    facts = {
        "seconds": seconds,
        "pictures_per_second": len(learn) / seconds,
        "epochs": None,
        "expected": None,
        "parameters": headed.head.weights.size + headed.head.bias.size,
        "penalty": headed.strength,
    }
    # A class that one fold alone holds has no out-of-fold answer.
    told = np.isfinite(headed.out_of_fold).all(axis=1) & (headed.out_of_fold != 0).any(axis=1)
    return Candidate(
        headed.head,
        np.concatenate([learn[told], test]),
        np.concatenate([headed.out_of_fold[told], headed.head.logits(np.asarray(vectors[test]))]),
        np.zeros((0, classes), np.float32),
        pd.DataFrame(),
        facts,
    )


@stage(phase="Modelling")
def begin_head(vectors: np.ndarray, labels: np.ndarray, parts: np.ndarray, groups: np.ndarray, seed: int) -> LinearHead:
    """Fit the head that fine-tuning begins with; pictures kept for validation are not learned from.

    The arguments are those of `train_head`.
    """
    from tasks.training.networks.heads import fit_head

    learn = np.flatnonzero(parts == LEARN)
    return fit_head(np.asarray(vectors[learn]), labels[learn], int(labels.max()) + 1, groups[learn], seed).head


@stage(phase="Modelling")
def side_of(features: EmbedderChoice, manifest: pd.DataFrame) -> int:
    """Return the side in pixels of the squares that a network takes.

    Args:
        features: of the network.
        manifest: a row for each picture.

    Raises:
        UsageError: it takes no squares, or so many of its size do not fit into memory.
    """
    width, height = load_embedder(features).size
    if width != height or not SMALLEST <= width <= MOST:
        raise UsageError(
            f"{features.name} takes pictures of {width} x {height}; only squares of {SMALLEST} to {MOST} pixels are"
            " fine-tuned: use --architecture transfer, or another model."
        )
    needed = len(manifest) * width * height * 3
    if needed > LARGEST:
        raise UsageError(
            f"Fine-tuning {features.name} holds all pictures at {width} x {height}, {needed / 2**30:.1f} GiB, and at"
            f" most {LARGEST / 2**30:.0f} GiB are held; learn from fewer by --limit, or take --architecture transfer."
        )
    return width


@stage(phase="Data preparation")
def pictures_of(manifest: pd.DataFrame, collection: int) -> pd.DataFrame:
    """Return the pictures of one collection under the paths that they have there: `path` and `id`."""
    rows = manifest[manifest["collection"] == collection]
    return pd.DataFrame({"path": rows["file"], "id": rows["id"]}).reset_index(drop=True)


@stage(phase="Data preparation")
def stacked(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rows of two arrays, one below the other."""
    return np.concatenate([first, second])


def embed_collections(manifest: Stored, choice: EmbedderChoice, collections: list[str]) -> Stored:
    """Embed the pictures of all collections of a manifest, in its order; float16 (n, D)."""
    told = choice.model_copy(update={"why": ""})
    parts = [embed_pictures(pictures_of(manifest, number), told, place) for number, place in enumerate(collections)]
    return parts[0] if len(parts) == 1 else stacked(*parts)
