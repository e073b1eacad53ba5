"""Where do the training products lie, and what does the model, learned from other draws of them, say of a product?

A product is held against the training products: where its distance to the nearest of them is larger than that of 99 of
100 training products to theirs, the model has seen nothing like it. The interval around an answer is the spread of the
model when it learns from other draws of the training products (bootstrap).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.features.inputs import Recipe, prepare
from tasks.cases.quality.ingestion.roles import Kind
from tasks.cases.quality.training.models import NEVER, Calibration, build, calibrated, predict, recipe_of

NEIGHBOURS = 5
FARTHEST = 0.99  # of the training products lie nearer to their neighbours: the border of what was seen
MOST_COMPARED = 4_000  # training products that neighbours are looked for among
REFITS = 8
Z = 1.96


class Support(NamedTuple):
    """Where the training products lie."""

    centre: np.ndarray
    scale: np.ndarray
    tree: Any
    limit: float


def support_of(train: pd.DataFrame, recipe: Recipe, seed: int) -> Support:
    """Learn where the training products lie: standardised numbers, and 1 for a different text."""
    from sklearn.neighbors import NearestNeighbors

    given = prepare(train, recipe.model_copy(update={"derived": []})).to_numpy()
    texts = np.arange(given.shape[1]) >= len(recipe.numbers)
    centre = np.nanmean(given, axis=0)
    scale = np.where(texts, np.sqrt(2), np.nanstd(given, axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    placed = np.nan_to_num((given - centre) / scale)
    if len(placed) > MOST_COMPARED:
        placed = placed[np.random.default_rng(seed).permutation(len(placed))[:MOST_COMPARED]]
    tree = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(placed))).fit(placed)
    own = tree.kneighbors(placed)[0][:, 1:].mean(axis=1)
    return Support(centre, scale, tree, float(np.quantile(own, FARTHEST)))


def distances(rows: pd.DataFrame, recipe: Recipe, support: Support) -> np.ndarray:
    """Return the mean distance of products to their nearest training products, (n,), in standard deviations."""
    given = prepare(rows, recipe.model_copy(update={"derived": []})).to_numpy()
    placed = np.nan_to_num((given - support.centre) / support.scale)
    return support.tree.kneighbors(placed, n_neighbors=min(NEIGHBOURS, support.tree.n_samples_fit_))[0].mean(axis=1)


class Answers:
    """The model and its refits, asked for one number of a product: its chance to be faulty, or its value."""

    def __init__(
        self,
        train: pd.DataFrame,
        y: np.ndarray,
        model: Any,
        calibration: Calibration,
        recipe: Recipe,
        kind: Kind,
        name: str,
        seed: int,
    ) -> None:
        self.model, self.calibration, self.kind = model, calibration, kind
        self.recipe = recipe_of(name, recipe)
        self.classes = int(y.max()) + 1 if kind == "classes" else 2
        self.commonest = int(np.bincount(y.astype(int)).argmax()) if kind == "classes" else 0
        rng, given = np.random.default_rng(seed), prepare(train, self.recipe).to_numpy()
        draws = (rng.integers(0, len(y), len(y)) for _ in range(REFITS))
        self.refits = [build(name, kind, seed).fit(given[rows], y[rows]) for rows in draws]

    def of(self, rows: pd.DataFrame, model: Any = None) -> np.ndarray:
        """Return the answer for each product, (n,): of classes, the chance not to be of the commonest."""
        found = predict(model or self.model, prepare(rows, self.recipe).to_numpy(), self.kind, self.classes)
        if self.kind == "classes":
            return 1 - found[:, self.commonest]
        return calibrated(found[:, 0], self.calibration) if self.kind == "faulty" else found[:, 0]

    def interval(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the interval around each answer, both (n,): of chances, on the scale of their odds."""
        answer, refitted = self.of(rows), np.array([self.of(rows, model) for model in self.refits])
        if self.kind == "number":
            wide = Z * refitted.std(axis=0, ddof=1) + self.calibration.width
            return answer - wide, answer + wide
        odds = [np.log(kept / (1 - kept)) for part in (answer, refitted) for kept in [np.clip(part, NEVER, 1 - NEVER)]]
        wide = Z * np.sqrt(((odds[1] - odds[0]) ** 2).mean(axis=0))
        return tuple(1 / (1 + np.exp(-(odds[0] + sign * wide))) for sign in (-1, 1))  # type: ignore[return-value]
