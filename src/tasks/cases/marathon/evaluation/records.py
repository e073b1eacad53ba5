"""What does a search for patterns work on, what does it compare, and how many comparisons can that be?"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.marathon.evaluation.subgroups import FEWEST, comparisons
from tasks.cases.marathon.features import AGE_BANDS, DERIVED, MEASURES, PRIMARY

WITH_AGE = ("height", "weight", "bmi", "height_per_weight")  # measures of which nobody knows that they go with age
ALL = (*PRIMARY, *DERIVED)
KNOWN_PARTS = [{"age", "split"}, {"age", "final"}, {"split", "final"}, {"height", "weight"}]
STRATA = ("women", "men")
RELATIONS = ("relation", "relation difference")
ROUNDS = 6  # relations that are found in one sex at most, primary and derived measures apart

Values = dict[str, np.ndarray]


class Rule(NamedTuple):
    """When a comparison counts as a finding."""

    level: float = 0.05  # chance of any false finding
    smallest: float = 0.2  # Cohen's d


class Population(NamedTuple):
    """Runners as arrays, each (n,): measures, and the numbers of sex, nationality and age band."""

    values: Values
    sex: np.ndarray
    nationality: np.ndarray
    band: np.ndarray
    nationalities: tuple[str, ...]


class Row(NamedTuple):
    """One comparison and what became of it."""

    kind: str  # location, spread, relation, relation difference, share
    stratum: str  # women, men, all
    factor: str  # nationality, age band, or empty
    group: str
    measure: str
    other: str
    n: int
    n_rest: int
    value: float
    low: float
    high: float
    effect: float
    p: float
    adjusted: float
    state: str  # finding, echo, consequence, none


class Search(NamedTuple):
    """All comparisons, and how many the correction allows for."""

    rows: list[Row]
    comparisons: int


def population(frame: pd.DataFrame) -> Population:
    """Return runners, as `measure_runners` makes them, as arrays."""
    names, nationality = np.unique(frame["nationality"].to_numpy(str), return_inverse=True)
    return Population(
        values={name: frame[name].to_numpy(np.float64, copy=True) for name in PRIMARY},
        sex=(frame["sex"].to_numpy(str) == "men").astype(np.int64),
        nationality=nationality.astype(np.int64),
        band=pd.Categorical(frame["age_band"], categories=list(AGE_BANDS)).codes.astype(np.int64),
        nationalities=tuple(names.tolist()),
    )


def structural(one: str, other: str) -> bool:
    """Tell whether two measures go together by construction: they share a part, or one contains the other."""
    return bool(set(MEASURES[one].parts) & set(MEASURES[other].parts)) or {one, other} == {"split", "final"}


def known(one: str, other: str) -> bool:
    """Tell whether everybody expects two measures to go together."""
    parts = [{a, b} for a in MEASURES[one].parts for b in MEASURES[other].parts]
    return all(pair in KNOWN_PARTS for pair in parts)


PAIRS = [(a, b) for a, b in combinations(ALL, 2) if not structural(a, b)]
"""Pairs of measures whose relation may differ between groups."""


def _candidates(codes: np.ndarray, groups: int) -> int:
    return int((np.bincount(codes, minlength=groups) >= FEWEST).sum())


def count_comparisons(people: Population) -> int:
    """Return how many comparisons the search can make at most."""
    nations, tested = len(people.nationalities), sum(not known(a, b) for a, b in PAIRS)
    total = comparisons(_candidates(people.nationality, nations), nations) * (2 * len(ALL) + 1)
    for sex in range(len(STRATA)):
        own = people.sex == sex
        by_nation = comparisons(_candidates(people.nationality[own], nations), nations)
        by_age = comparisons(_candidates(people.band[own], len(AGE_BANDS)), len(AGE_BANDS))
        total += (
            by_nation * 2 * len(ALL) + by_age * 2 * len(WITH_AGE) + (ROUNDS + 1) * (by_nation * len(PAIRS) + tested)
        )
    return max(total, 1)
