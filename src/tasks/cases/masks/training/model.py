"""Which model is published, how sure is it rightly, and from which chance on does a person pass?

A chance is the softmax of the logits divided by a temperature (C. Guo and others, "On Calibration of Modern Neural
Networks", ICML 2017), fitted on learning pictures that the model of their fold had not seen. A person passes from the
chance on at which stopping costs more than letting pass: that follows from the two costs.
"""

from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from tasks.cases.masks.training.heads import keras_head, logits_of
from tasks.cases.masks.training.network import EPOCHS, VIEWS, learn, predict_logits, shown, small
from tasks.cases.masks.training.recipes import Recipe, fit_recipe
from tasks.evaluation.calibration import fit_temperature, softmax
from tasks.platform.stage import stage


class Recognition(BaseModel):
    """All that is needed, beside the weights, to judge a face."""

    classes: list[str]
    own: bool = Field(description="whether the model sees pixels; else the features of MobileNetV2")
    recipe: str
    detect: bool = Field(description="whether faces were cut out by the detector")
    alone: bool = Field(
        False, description="whether all outside of a face's box was grey; not so in models stored before"
    )
    temperature: float
    threshold: float = Field(description="chance of a mask that is worn properly from which a person passes")
    side: int = Field(description="pixels that the model looks at")


class Model(NamedTuple):
    """A model in the forms in which it is published."""

    model: Any  # keras.Model: features or pixels in, logits out
    lite: bytes  # the same as LiteRT, float
    lite8: bytes  # the same as LiteRT with 8 bits
    unseen: np.ndarray  # float32 (k, classes), logits of learning rows by models that had not seen them; NaN for none


@stage(phase="Modelling")
def fit_transfer(
    features: dict[str, np.ndarray],
    y: np.ndarray,
    sources: np.ndarray,
    train: np.ndarray,
    folds: np.ndarray,
    recipe: Recipe,
    classes: int,
) -> Model:
    """Fit the chosen recipe on all learning rows, and in folds for calibration.

    Args:
        features: see `compare_recipes`.
        y: (n,) classes.
        sources: (n,).
        train: (k,) rows to learn from.
        folds: (k,) fold of each, by groups.
        recipe: the chosen one.
        classes: how many.
    """
    from tasks.training.networks.litert import convert

    unseen = np.full((len(train), classes), np.nan, np.float32)
    for fold in np.unique(folds):
        mine = folds == fold
        head = fit_recipe(features, recipe, y, sources, train[~mine], classes)
        unseen[mine] = logits_of(head, features[f"{recipe.crop}0"][train[mine]])
    model = keras_head(fit_recipe(features, recipe, y, sources, train, classes))
    examples = np.asarray(features[f"{recipe.crop}0"][train], np.float32)
    return Model(model, convert(model), convert(model, examples), unseen)


@stage(phase="Modelling")
def fit_network(
    faces: np.ndarray, wholes: np.ndarray, y: np.ndarray, train: np.ndarray, folds: np.ndarray, classes: int, seed: int
) -> Model:
    """Train the small network on all learning rows, and on all but one fold for calibration.

    Args:
        faces: uint8 (n, side, side, 3).
        wholes: uint8 (n, side, side, 3).
        y: (n,) classes.
        train: (k,) rows to learn from.
        folds: (k,) fold of each, by groups.
        classes: how many.
        seed: of everything random.
    """
    from tasks.training.networks.litert import convert

    unseen = np.full((len(train), classes), np.nan, np.float32)
    mine = folds == 0
    for last in (False, True):
        rows = train if last else train[~mine]
        pictures = shown(faces, wholes, rows, seed)
        model, _ = learn(pictures, np.tile(y[rows], 1 + VIEWS), classes, EPOCHS, seed)
        if not last:
            unseen[mine] = predict_logits(model, faces[train[mine]])
    examples = small(np.asarray(faces[train])).astype(np.float32)
    return Model(model, convert(model), convert(model, examples), unseen)


@stage(phase="Modelling")
def calibrate(
    unseen: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    classes: list[str],
    recipe: Recipe,
    detect: bool,
    miss_cost: float,
    alarm_cost: float,
) -> Recognition:
    """Fit the temperature, and work out from which chance on a person passes.

    Args:
        unseen: (k, classes) logits of learning rows by models that had not seen them; rows of NaN are left out.
        y: (n,) classes.
        train: (k,) rows to learn from.
        classes: their names.
        recipe: the chosen one.
        detect: whether faces are cut out.
        miss_cost: of letting somebody pass who wears none, or wears it wrongly.
        alarm_cost: of stopping somebody who wears one.
    """
    from tasks.cases.masks.features.crops import SIDE
    from tasks.cases.masks.training.network import SIDE as OWN_SIDE

    there = np.isfinite(unseen).all(axis=1)
    return Recognition(
        classes=classes,
        own=recipe.own,
        recipe=recipe.name,
        detect=detect and recipe.crop == "face",
        alone=detect and recipe.crop == "face",
        temperature=fit_temperature(np.asarray(unseen)[there], y[train[there]]),
        threshold=miss_cost / (miss_cost + alarm_cost),
        side=OWN_SIDE if recipe.own else SIDE,
    )


def verdicts(logits: np.ndarray, known: Recognition) -> tuple[np.ndarray, np.ndarray]:
    """Return the verdict, int (n,), and the chances, (n, classes), of logits (n, classes).

    A face passes from the threshold on; else the likeliest of the other classes is told.
    """
    from tasks.cases.masks.ingestion import WITH

    chances = softmax(logits, known.temperature)
    proper = known.classes.index(WITH)
    others = chances.copy()
    others[:, proper] = -1
    return np.where(chances[:, proper] >= known.threshold, proper, others.argmax(axis=1)), chances
