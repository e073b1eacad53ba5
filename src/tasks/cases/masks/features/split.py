"""Which pictures are for learning, which for testing, and which make the folds in between? Whole groups only."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.masks.ingestion import CLASSES
from tasks.features.pictures.likeness import Looks, find_alike
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

FOLDS = 4  # of cross-validation by groups
FEWEST_GROUPS = 5  # of a class
MOST_SOURCES = 3  # rounds of leaving sources out
LARGE_SOURCE = 0.1  # of a class: smaller sources make no round of their own


class Split(NamedTuple):
    """Rows of the manifest on both sides, and how the learning side is folded."""

    y: np.ndarray  # (n,) int64, class of every picture
    train: np.ndarray  # (k,) int64, rows to learn from
    test: np.ndarray  # (m,) int64, rows to test on
    folds: np.ndarray  # (k,) int64, fold by groups of each learning row
    left_out: np.ndarray  # (k,) int64, round in which a learning row's source is left out
    naive: np.ndarray  # (n,) bool, the test side of a random split of the same size, for comparison
    classes: list[str]
    facts: dict[str, float | bool]  # leaked: share of the naive test side whose group is on both sides; by_source


@stage(phase="Data preparation")
def split_faces(manifest: pd.DataFrame, groups: np.ndarray, sources: np.ndarray, share: float, seed: int) -> Split:
    """Part pictures by groups, both classes in the same proportion.

    Args:
        manifest: `label`, n rows.
        groups: (n,) of pictures that belong together.
        sources: (n,) of where a picture comes from, as far as names tell.
        share: of the pictures to test on.
        seed: of the draws.

    Raises:
        ContractError: a class has too few groups.
    """
    classes = [label for label in CLASSES if (manifest["label"] == label).any()]
    y = manifest["label"].map({label: number for number, label in enumerate(classes)}).to_numpy(np.int64)
    for number, label in enumerate(classes):
        count = len(np.unique(groups[y == number]))
        if count < FEWEST_GROUPS:
            raise ContractError(
                f"The pictures {label} fall into {count} groups of one person or one scene, and at least"
                f" {FEWEST_GROUPS} are needed to learn from some and to test on others; add pictures of other people."
            )
    test = _parts(y, groups, max(2, round(1 / share)), seed) == 0
    train = np.flatnonzero(~test)
    folds = _parts(y[train], groups[train], FOLDS, seed + 1)
    left_out, by_source = _rounds(y[train], sources[train], folds)
    naive = np.zeros(len(y), bool)
    naive[np.random.default_rng(seed).permutation(len(y))[: int(test.sum())]] = True
    leaked = float(np.isin(groups[naive], groups[~naive]).mean())
    facts: dict[str, float | bool] = {"leaked": leaked, "by_source": by_source, "rounds": float(left_out.max() + 1)}
    return Split(y, train, np.flatnonzero(test), folds, left_out, naive, classes, facts)


def _parts(y: np.ndarray, groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the part, 0 to count - 1, of each row: whole groups, classes in proportion."""
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(len(np.unique(groups[y == number])) for number in np.unique(y))
    parts = np.zeros(len(y), np.int64)
    cutter = StratifiedGroupKFold(max(2, min(count, fewest)), shuffle=True, random_state=seed)
    for number, (_, rows) in enumerate(cutter.split(np.zeros((len(y), 1)), y, groups)):
        parts[rows] = number
    return parts


def _rounds(y: np.ndarray, sources: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the round in which each row is left out: whole sources of every class; the folds where there are none."""
    counts = {number: pd.Series(sources[y == number]).value_counts(normalize=True) for number in np.unique(y)}
    names = {number: found.index.tolist() for number, found in counts.items()}
    count = min(MOST_SOURCES, *(int((counts[number] >= LARGE_SOURCE).sum()) for number in (0, 1)))
    if count < 2:
        return folds % 2, False
    rounds = {source: place % count for found in names.values() for place, source in enumerate(found)}
    return np.array([rounds[source] for source in sources], np.int64), True


class Other(NamedTuple):
    """What is left of another source when its copies of learning pictures are dropped."""

    rows: np.ndarray  # (m,) int64, kept rows of its manifest
    y: np.ndarray  # (m,) int64
    groups: np.ndarray  # (m,) int64
    facts: dict[str, float]  # pictures, copies, unknown


@stage(phase="Data preparation")
def drop_known(
    manifest: pd.DataFrame,
    groups: np.ndarray,
    looks: np.ndarray,
    wholes: np.ndarray,
    table: pd.DataFrame,
    known: pd.DataFrame,
    known_looks: np.ndarray,
    known_wholes: np.ndarray,
    known_table: pd.DataFrame,
    classes: list[str],
    bound: dict[str, float],
) -> Other:
    """Drop the pictures of another source that are, turned or not, pictures of the first source.

    Args:
        manifest: of the other source.
        groups: of its pictures.
        looks: of its pictures, aligned faces with what is around them.
        wholes: of its pictures.
        table: of its faces.
        known: manifest of the first source.
        known_looks: of the first source.
        known_wholes: of the first source.
        known_table: of the first source.
        classes: that are told apart.
        bound: `bound` and `bound_faces`, from which two pictures are one.

    Raises:
        ContractError: nothing is left.
    """
    theirs = Looks(wholes, looks, table["found"].to_numpy() > 0)
    ours = Looks(known_wholes, known_looks, known_table["found"].to_numpy() > 0)
    pairs = find_alike(theirs, ours, min(bound["bound"], bound["bound_faces"]))
    least = np.array([0.0, bound["bound"], bound["bound_faces"]])[pairs.kind]
    copies = np.isin(np.arange(len(manifest)), pairs.first[pairs.likeness >= least])
    copies |= manifest["id"].isin(known["id"]).to_numpy()
    told = manifest["label"].isin(classes).to_numpy()
    rows = np.flatnonzero(~copies & told)
    if not len(rows):
        raise ContractError(
            f"Nothing to test on is left of the {len(manifest)} pictures of --test: {int(copies.sum())} are copies of"
            f" pictures of --source, and {int((~told).sum())} are of a class that --source does not have."
        )
    y = manifest["label"].iloc[rows].map({label: number for number, label in enumerate(classes)}).to_numpy(np.int64)
    facts = {"pictures": float(len(manifest)), "copies": float(copies.sum()), "unknown": float((~told).sum())}
    return Other(rows, y, groups[rows], facts)


@stage(phase="Data preparation")
def select(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows of an array."""
    return np.asarray(values)[rows]
