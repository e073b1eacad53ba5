"""Which products are for learning and which for testing? Later ones, other groups, or a stratified draw."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.quality.ingestion.roles import Kind, Roles, encode_target
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

FEWEST_OF_EACH = 5  # faulty products, or products of a class, in training; FOLDS of them at least can be parted
FOLDS = 5


class SplitProducts(NamedTuple):
    """The rows for learning and for testing, in the order of time, or of the file."""

    train: pd.DataFrame
    test: pd.DataFrame
    y_train: np.ndarray  # (n,) as `encode_target` gives it
    y_test: np.ndarray
    folds: np.ndarray  # (n,) int64: in which fold of cross-validation each training row is held out
    groups_test: np.ndarray  # (m,) int64: rows that belong together


def order_of(frame: pd.DataFrame, roles: Roles) -> np.ndarray:
    """Return the rows in order of time, (n,) positions; in that of the file without one.

    Raises:
        ContractError: a time that is neither a number nor a date.
    """
    if not roles.time:
        return np.arange(len(frame))
    values = frame[roles.time]
    if not pd.api.types.is_numeric_dtype(values):
        values = pd.to_datetime(values, errors="coerce", utc=True, format="mixed")
        if values.isna().any():
            odd = frame[roles.time][values.isna()].iloc[0]
            raise ContractError(f"{roles.time} is to order the rows, and {odd!r} is no date; give another --time.")
    return np.argsort(values.to_numpy(), kind="stable")


@stage(phase="Data preparation")
def split_products(frame: pd.DataFrame, roles: Roles, test_share: float, seed: int) -> SplitProducts:
    """Part the products: the last in time, whole groups, or a draw stratified by the result.

    Args:
        frame: a row per product.
        roles: of its columns.
        test_share: share of the products to test on.
        seed: of the draws.

    Raises:
        ContractError: one of the parts has too few products of a kind to learn or to test anything.
    """
    ordered = frame.iloc[order_of(frame, roles)].reset_index(drop=True)
    y = encode_target(ordered, roles)
    groups = pd.factorize(ordered[roles.group])[0] if roles.group else np.arange(len(ordered))
    test = _test_rows(y, groups, roles, test_share, seed)
    train = ~test
    if roles.group:
        test &= ~np.isin(groups, groups[train])  # no group stands on both sides
    _enough(y[train], y[test], roles)
    folds = make_folds(y[train], groups[train] if roles.group else None, bool(roles.time), roles.kind, seed)
    return SplitProducts(
        ordered[train].reset_index(drop=True),
        ordered[test].reset_index(drop=True),
        y[train],
        y[test],
        folds,
        groups[test].astype(np.int64),
    )


def _test_rows(y: np.ndarray, groups: np.ndarray, roles: Roles, share: float, seed: int) -> np.ndarray:
    """Return which rows are for testing, (n,) bool."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    chosen = np.zeros(len(y), bool)
    if roles.time:
        chosen[len(y) - max(1, round(share * len(y))) :] = True
        # A group that has begun before is for learning with all its rows, so that it is not lost altogether.
        return chosen & ~np.isin(groups, groups[~chosen]) if roles.group else chosen
    if roles.group:
        if len(np.unique(groups)) < FOLDS:
            raise ContractError(f"{roles.group} has fewer than {FOLDS} groups to part; give a finer --group.")
        splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
        chosen[next(splitter.split(y, groups=groups))[1]] = True
        return chosen
    counts = np.unique(_strata(y, roles.kind), return_counts=True)[1]
    strata = _strata(y, roles.kind) if counts.min() > 1 else None
    chosen[train_test_split(np.arange(len(y)), test_size=share, stratify=strata, random_state=seed)[1]] = True
    return chosen


def _strata(y: np.ndarray, kind: Kind) -> np.ndarray:
    if kind != "number":
        return y.astype(int)
    return np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), y)


def _enough(train: np.ndarray, test: np.ndarray, roles: Roles) -> None:
    if roles.kind == "number":
        if np.ptp(train) == 0 or len(test) < FEWEST_OF_EACH:
            raise ContractError(f"All training values of {roles.target} are the same, so there is nothing to predict.")
        return
    names = ["sound", "faulty"] if roles.kind == "faulty" else roles.classes
    for number, name in enumerate(names):
        count, tested = int((train == number).sum()), int((test == number).sum())
        if count < FEWEST_OF_EACH or not tested:
            raise ContractError(
                f"{roles.target}: {count:,} {name} products to learn from and {tested:,} to test on are too few (at"
                f" least {FEWEST_OF_EACH} and 1); give more products, another --target or --faulty, or another split."
            )


def make_folds(y: np.ndarray, groups: np.ndarray | None, timed: bool, kind: Kind, seed: int) -> np.ndarray:
    """Return the fold of each training row, (n,): blocks of time, whole groups, or a stratified draw."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    splitter = (
        GroupKFold(FOLDS)
        if groups is not None
        else KFold(FOLDS)
        if timed
        else StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    )
    folds = np.zeros(len(y), np.int64)
    for number, (_, held) in enumerate(splitter.split(y, _strata(y, kind), groups)):
        folds[held] = number
    return folds
