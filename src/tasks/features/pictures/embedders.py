"""Which network, or which recipe, turns a picture into numbers? Choosing an embedder, and loading the chosen one.

A choice is a record without places: the same weights give the same choice on every machine, so that results computed
with it can be shared. `load_embedder` finds the weights again.
"""

import difflib
import hashlib
import shutil
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from tasks.features.pictures import handcrafted, keras_models, litert, own
from tasks.platform.downloads import available, fetch, out_of_reach
from tasks.platform.errors import CasebookError, IntegrityError, UsageError
from tasks.platform.settings import settings
from tasks.platform.stage import stage

DOWNLOADS = ("mobilenet_v2", "imagenet_labels")

Kind = Literal["imagenet", "own", "handcrafted", "keras-application", "keras-file"]
# The digest of each kind in this release, by the name of the embedder; that of a file is that of its content.
DIGESTS: dict[str, Callable[[str], str]] = {
    "imagenet": lambda _: litert.DIGEST,
    "own": lambda _: own.digest(),
    "handcrafted": lambda _: handcrafted.Handcrafted.digest,
    "keras-application": keras_models.application_digest,
}


class Embedder(Protocol):
    """Turns pictures into rows of numbers of which near ones mean similar pictures."""

    name: str
    digest: str  # of the weights and of everything else that the numbers depend on
    dimensions: int
    size: tuple[int, int]  # width and height that a picture is brought to

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, dimensions) for n RGB pictures of any size."""
        ...

    def classify(self, image: Image.Image) -> list[tuple[str, float]] | None:
        """Return labels with scores (0 to 1), best first, or None for an embedder that knows no classes."""
        ...


class EmbedderChoice(BaseModel):
    """Which embedder a run uses, and why; says nothing of where the weights lie."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="as a report calls it")
    kind: Kind
    digest: str = Field(pattern=r"^[0-9a-f]{8,64}$", description="of weights and preprocessing")
    dimensions: int = Field(description="features per picture, before whitening")
    strength: float = Field(0.25, ge=0, le=1, description="of the whitening that suits these features")
    why: str = Field(description="one sentence: which, and why this one")


@stage(live=True, phase="Data preparation")
def choose_embedder(model: str = "auto", spare: Literal["own", "handcrafted"] = "own") -> EmbedderChoice:
    """Choose the embedder that `model` names.

    Args:
        model: `auto` (the best to be had), `imagenet`, `own`, `handcrafted`, the name of a model of keras.applications
            (`EfficientNetV2B0` or `keras:EfficientNetV2B0`), or the path of a .keras file.
        spare: what `auto` takes where MobileNetV2 cannot be had.

    Raises:
        UsageError: there is no such model or file, or the file cannot be used.
        IntegrityError: weights in the mirror or in the cache are not the registered ones.
        CasebookError: the weights cannot be had.
    """
    wanted = model.strip()
    if wanted.lower() == "auto":
        return _best(spare)
    if wanted.lower() == "imagenet":
        for name in DOWNLOADS:
            fetch(name)
        return _imagenet("MobileNetV2, trained on ImageNet, because it was asked for.")
    if wanted.lower() == "own":
        return _own("The small network that comes with the package, because it was asked for.")
    if wanted.lower() == "handcrafted":
        return _handcrafted("Handcrafted features (colour and gradients), because they were asked for.")
    if wanted.lower().endswith((".keras", ".h5", ".hdf5", ".tflite", ".pb", ".onnx", ".pt", ".pth", ".pkl")):
        return _own_file(Path(wanted).expanduser())
    return _application(wanted.removeprefix("keras:"))


def load_embedder(choice: EmbedderChoice) -> Embedder:
    """Load the embedder of a choice; one that this process has loaded already is used again.

    Raises:
        IntegrityError: the weights are not those of the choice.
        CasebookError: the weights cannot be had.
    """
    embedder = loaded(choice.kind, choice.name, choice.digest)
    if embedder.digest != choice.digest:
        raise IntegrityError(
            f"{choice.name} of this release is another ({embedder.digest[:8]}) than the one that was chosen"
            f" ({choice.digest[:8]}): choose anew"
        )
    return embedder


def outdated(choice: dict[str, Any] | None) -> str:
    """Say why what was made with an embedder cannot be used any more; nothing where it can, or where no choice is told.

    Args:
        choice: fields of the `EmbedderChoice` that was recorded.
    """
    made = choice if isinstance(choice, dict) else {}
    kind, name, digest = str(made.get("kind")), str(made.get("name")), made.get("digest")
    if kind not in DIGESTS or DIGESTS[kind](name) == digest:
        return ""
    return f"{name} gives other numbers in this release than when it was made"


@lru_cache(maxsize=2)
def loaded(kind: Kind, name: str, digest: str) -> Embedder:
    """Load an embedder once for all stages of this process; `digest` is that of the choice."""
    if kind == "handcrafted":
        return handcrafted.Handcrafted()
    if kind == "own":
        return own.OwnNetwork(settings().threads)
    if kind == "imagenet":
        return litert.MobileNet(fetch("mobilenet_v2"), fetch("imagenet_labels"), settings().threads)
    if kind == "keras-application":
        return keras_models.load_application(name)
    return keras_models.load_file(_kept(digest), name, digest)


def _best(spare: Literal["own", "handcrafted"]) -> EmbedderChoice:
    """Choose MobileNetV2 when its weights are at hand or come quickly, else what needs none."""
    if all(available(name) for name in DOWNLOADS):
        return _imagenet("MobileNetV2, trained on ImageNet: the best choice, and its weights are at hand.")
    reason = out_of_reach(*DOWNLOADS)
    if not reason:
        return _imagenet("MobileNetV2, trained on ImageNet: the best choice; its weights were downloaded.")
    because = f"because the weights of MobileNetV2 are neither in the mirror folder nor in the cache, and {reason}."
    if spare == "own":
        return _own(f"The small network that comes with the package, {because}")
    return _handcrafted(f"Handcrafted features (colour and gradients), {because}")


def _imagenet(why: str) -> EmbedderChoice:
    name = "MobileNetV2 (ImageNet)"
    digest = DIGESTS["imagenet"](name)
    return EmbedderChoice(name=name, kind="imagenet", digest=digest, dimensions=litert.DIMENSIONS, why=why)


def _own(why: str) -> EmbedderChoice:
    network = own.OwnNetwork
    digest = DIGESTS["own"](network.name)
    return EmbedderChoice(name=network.name, kind="own", digest=digest, dimensions=network.dimensions, why=why)


def _handcrafted(why: str) -> EmbedderChoice:
    recipe = handcrafted.Handcrafted
    return EmbedderChoice(
        name=recipe.name,
        kind="handcrafted",
        digest=DIGESTS["handcrafted"](recipe.name),
        dimensions=recipe.dimensions,
        why=why,
    )


def _application(name: str) -> EmbedderChoice:
    """Choose a model of keras.applications by its name, whatever its case."""
    known = keras_models.applications()
    exact = {item.lower(): item for item in known}.get(name.lower())
    if exact is None:
        close = difflib.get_close_matches(name.lower(), [item.lower() for item in known], n=3, cutoff=0.5)
        names = [item for low in close for item in known if item.lower() == low] or sorted(known)[:3]
        raise UsageError(
            f"no model is called {name!r}; there are auto, imagenet, own, handcrafted, the path of a .keras file, and "
            f"the models of keras.applications, such as {', '.join(names)}."
        )
    return EmbedderChoice(
        name=exact,
        kind="keras-application",
        digest=DIGESTS["keras-application"](exact),
        dimensions=keras_models.application_dimensions(exact),
        why=f"{exact} of keras.applications, trained on ImageNet, because it was asked for.",
    )


def _own_file(path: Path) -> EmbedderChoice:
    """Choose a model file of the user's own, and keep a copy by its content, so that every stage sees the same file."""
    keras_models.check_file(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    kept = _kept_path(sha256)
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        scratch = kept.with_name(f".{uuid.uuid4().hex}.part")
        try:
            shutil.copyfile(path, scratch)
            scratch.replace(kept)
        finally:
            scratch.unlink(missing_ok=True)
    return EmbedderChoice(
        name=path.name,
        kind="keras-file",
        digest=sha256,
        dimensions=keras_models.file_dimensions(_kept(sha256), path.name, sha256),
        why=f"{path.name}, a Keras model of your own, because it was asked for.",
    )


def _kept_path(sha256: str) -> Path:
    return settings().cache_folder / "models" / f"{sha256}.keras"


def _kept(sha256: str) -> Path:
    """Return the kept copy of a user's model, checked.

    Raises:
        CasebookError: this machine has no copy, or the copy is damaged.
    """
    path = _kept_path(sha256)
    if not path.is_file():
        raise CasebookError(f"the model file with SHA-256 {sha256} is not on this machine: run again with its path.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        path.unlink(missing_ok=True)
        raise IntegrityError(f"{path} has SHA-256 {found} instead of {sha256} and was removed: run again.")
    return path
