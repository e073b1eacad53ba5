"""Which pictures are for learning and which for testing? Stratified by class, with near-duplicates together."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.features.pictures.pixels import fitting_side
from tasks.features.splits import LEARN, TEST, UNUSED, VALIDATE, stratified_parts
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

VALIDATION_SHARE = 0.1  # of what is not for testing, at most 2,000 pictures
FEWEST_TESTED = 10  # pictures, below which no figure means anything
MOST_TESTED, STEP = 0.5, 0.05  # share of each class that is tested on where there are few pictures; by what it grows


class SplitPictures(NamedTuple):
    """The part, the class and the group of each picture of the manifest."""

    part: np.ndarray  # int8 (n,): LEARN, VALIDATE, TEST or UNUSED
    labels: np.ndarray  # int64 (n,): number of the class
    groups: np.ndarray  # int64 (n,): near-duplicates share one
    classes: list[str]  # names by number
    leaks: pd.DataFrame  # test, training: pictures of the two that are the same; several rows per picture


@stage(phase="Data preparation")
def choose_side(manifest: pd.DataFrame, side: int) -> int:
    """Return the side in pixels that networks of one's own look at: `side`, or what fits the pictures when it is 0."""
    return side or fitting_side(manifest)


@stage(phase="Data preparation")
def split_pictures(
    manifest: pd.DataFrame, duplicates: pd.DataFrame, test_share: float, per_class: int, seed: int
) -> SplitPictures:
    """Part the pictures; those of a test collection are for testing, whatever the share.

    Args:
        manifest: `label`, `collection`, `path`.
        duplicates: `group`, `number` of near-duplicates.
        test_share: share of each class to test on, where no test pictures were given; more, up to half of it, where
            that would be less than ten pictures.
        per_class: learn from at most so many pictures of each class; 0 learns from all.
        seed: of the draws.

    Raises:
        ContractError: nothing is left to learn from, or too little to test on.
    """
    classes = sorted(set(manifest["label"]))
    labels = pd.Categorical(manifest["label"], categories=classes).codes.astype(np.int64)
    groups = np.arange(len(manifest))
    if len(duplicates):
        groups[duplicates["number"]] = duplicates.groupby("group")["number"].transform("min")
    given = manifest["collection"].to_numpy() == 1
    parts = np.full(len(manifest), TEST, np.int8)
    if given.any():
        parts[~given] = stratified_parts(labels[~given], groups[~given], 0.0, VALIDATION_SHARE, seed)
    else:
        parts = _tested_enough(labels, groups, test_share, seed)
    if per_class:
        parts = _limited(parts, labels, per_class, seed)
    tested = int((parts == TEST).sum())
    if tested < FEWEST_TESTED:
        raise ContractError(
            f"{tested} of {len(manifest):,} pictures are left to test on, and {FEWEST_TESTED} are wanted at least; give"
            " more pictures, or test pictures by --test."
        )
    if len(np.unique(labels[parts == LEARN])) < 2:
        raise ContractError("Fewer than two classes are left to learn from; give more pictures of each class.")
    return SplitPictures(parts, labels, groups.astype(np.int64), classes, _leaks(manifest, parts, groups))


def _tested_enough(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the parts with as large a share for testing as is asked for, or as ten pictures take, up to half."""
    parts = stratified_parts(labels, groups, share, VALIDATION_SHARE, seed)
    while (parts == TEST).sum() < FEWEST_TESTED and share < MOST_TESTED:
        share = min(MOST_TESTED, share + STEP)
        parts = stratified_parts(labels, groups, share, VALIDATION_SHARE, seed)
    return parts


def _limited(parts: np.ndarray, labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return the parts with at most `most` pictures of each class to learn from; all of them, validation included.

    Validation keeps its share of them, and takes more where there are too few to learn from.
    """
    order = np.random.default_rng([seed, 7]).permutation(len(parts))
    frame = pd.DataFrame({"number": order, "label": labels[order], "part": parts[order]})
    frame = frame[frame["part"].isin([LEARN, VALIDATE])]
    learned = (frame["part"] == LEARN).groupby(frame["label"]).transform("sum")
    validated = (frame["part"] == VALIDATE).groupby(frame["label"]).transform("sum")
    aside = np.minimum(validated, np.maximum(round(VALIDATION_SHARE * most), most - learned))
    place = frame.groupby(["label", "part"]).cumcount()
    kept = frame[place < np.where(frame["part"] == VALIDATE, aside, most - aside)]["number"].to_numpy()
    limited = np.where(parts == TEST, TEST, UNUSED).astype(np.int8)
    limited[kept] = parts[kept]
    return limited


def _leaks(manifest: pd.DataFrame, parts: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"path": manifest["path"], "part": parts, "group": groups})
    seen = frame[frame["part"].isin([LEARN, VALIDATE])].drop_duplicates("group")[["group", "path"]]
    both = frame[frame["part"] == TEST].merge(seen, on="group", suffixes=("_test", "_training"))
    return both.rename(columns={"path_test": "test", "path_training": "training"})[["test", "training"]]


def learned_from(parts: np.ndarray) -> np.ndarray:
    """Return which pictures are not for testing, and used, bool (n,)."""
    return (parts == LEARN) | (parts == VALIDATE)
