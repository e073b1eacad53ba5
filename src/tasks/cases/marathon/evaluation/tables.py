"""Which patterns are in these runners? The search as a stage, and what was known beforehand, as tables."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.marathon.evaluation.records import (
    ALL,
    PAIRS,
    RELATIONS,
    STRATA,
    Population,
    Row,
    Rule,
    known,
    population,
    structural,
)
from tasks.cases.marathon.evaluation.relations import Relations, correlate, overall
from tasks.cases.marathon.evaluation.search import search
from tasks.cases.marathon.evaluation.subgroups import bounds_of, contrasts, describe, distances
from tasks.cases.marathon.evaluation.words import number, sentence
from tasks.cases.marathon.features import MEASURES, derive
from tasks.platform.stage import stage

HALF = 1.959964
DESCRIBED = ("mean", "rest_mean", "sd", "rest_sd", "away", "rest_away", "cliffs_delta")
EXPECTED: dict[tuple[str, str], int] = {
    ("sex", "height"): -1,
    ("sex", "weight"): -1,
    ("sex", "final"): 1,
    ("sex", "split"): 1,
    ("age", "final"): 1,
    ("age", "split"): 1,
    ("final", "split"): 1,
    ("height", "weight"): 1,
}
"""Which way everybody expects a relation to go: women against men, or one measure with the other."""


class Patterns(NamedTuple):
    """What the search has found, and what it leaves out because it is known."""

    tests: pd.DataFrame
    known: pd.DataFrame
    comparisons: int


@stage(phase="Evaluation")
def find_patterns(frame: pd.DataFrame, level: float, smallest: float) -> Patterns:
    """Search runners for hidden patterns.

    Args:
        frame: the measured runners.
        level: chance of any false finding.
        smallest: effect of interest, as Cohen's d.

    Returns:
        All comparisons with `state` (finding; echo, which only mirrors a finding; consequence of findings; none), their
        effect with its 95 % interval, p, corrected p, means, standard deviations, mean distances from the median of
        the own group, Cliff's delta and a sentence. Where `state` is none there is no sentence, and the numbers are
        those of the search, after what it had found before was taken out; all others are those of the data as they are.
        Relations that are known beforehand. And the number of comparisons that the correction allows for.
    """
    people = population(frame)
    found = search(people, Rule(level, smallest))
    stand_out = [row for row in found.rows if row.state in {"finding", "consequence"}]
    table = pd.DataFrame(found.rows, columns=list(Row._fields))
    extra = pd.DataFrame([_details(frame, row, stand_out) for row in found.rows])
    tests = pd.concat([table, extra], axis=1)
    said = [sentence(row, stand_out) if row.state != "none" else "" for row in found.rows]
    tests["sentence"] = [text + _distances(item) for text, item in zip(said, tests.itertuples(), strict=True)]
    return Patterns(tests, known_relations(people), found.comparisons)


def _distances(item: Any) -> str:
    """Say which values the ratio of two spreads is made of."""
    if item.kind != "spread" or not np.isfinite(item.away):
        return ""
    measure = MEASURES[item.measure]
    digits = max(measure.decimals, -int(np.floor(np.log10(min(item.away, item.rest_away) * measure.scale))) + 1)
    one, other = (number(value * measure.scale, digits) for value in (item.away, item.rest_away))
    return f" (mean distance from the median {one} against {other} {measure.unit})"


def cliffs_delta(one: np.ndarray, other: np.ndarray) -> float:
    """Return how much oftener a value of `one` is larger than one of `other` than smaller (N. Cliff, 1993)."""
    from scipy import stats

    ranks = stats.rankdata(np.concatenate([one, other]))[: len(one)].sum()
    return float(2 * (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other)) - 1)


def _details(frame: pd.DataFrame, row: Row, stand_out: list[Row]) -> dict[str, float]:
    """Return the interval of the effect, and what describes the group and the rest in the data as they are."""
    low, high = _effect_interval(row)
    details = {"effect_low": low, "effect_high": high}
    if row.kind not in {"location", "spread"} or row.stratum == "all" or row.state == "none":
        return details | dict.fromkeys(DESCRIBED, np.nan)
    groups = frame["nationality" if row.factor == "nationality" else "age_band"].to_numpy(str)
    same = [item for item in stand_out if item.state == row.state and item[:3] == row[:3]]
    out = [item.group for item in same if item.measure == row.measure]
    of_sex, own = frame["sex"].to_numpy(str) == row.stratum, groups == row.group
    values = frame[row.measure].to_numpy(np.float64)
    rest = of_sex & ~own & ~np.isin(groups, out)
    one, other = values[of_sex & own], values[rest]
    order, bounds = bounds_of(np.unique(groups[rest], return_inverse=True)[1], len(np.unique(groups[rest])))
    return details | {
        "away": distances(one, np.array([0, len(one)])).mean(),
        "rest_away": distances(other[order], bounds).mean(),
        "mean": one.mean(),
        "rest_mean": other.mean(),
        "sd": one.std(ddof=1),
        "rest_sd": other.std(ddof=1),
        "cliffs_delta": cliffs_delta(one, other),
    }


def _effect_interval(row: Row) -> tuple[float, float]:
    """Return the 95 % interval of an effect (L. Hedges and I. Olkin, "Statistical Methods for Meta-Analysis", 1985)."""
    if row.kind == "spread":
        return float(np.log(max(row.low, 1e-300))), float(np.log(max(row.high, 1e-300)))
    if row.kind in RELATIONS:
        return row.low, row.high
    n = row.n + row.n_rest
    half = HALF * np.sqrt(n / max(row.n * row.n_rest, 1) + row.effect**2 / (2 * max(n, 1)))
    return float(row.effect - half), float(row.effect + half)


def known_relations(people: Population) -> pd.DataFrame:
    """Return what the search leaves out: women against men, and measures that go together as everybody knows.

    Returns:
        relation, among, kind (Cohen's d, ratio of spreads, Spearman), value, low, high, why, and `state`: whether it
        goes the way that everybody expects.
    """
    complete = people.values | derive(people.values)
    rows = [row for name in ALL for row in _women_against_men(people, complete[name], name)]
    for sex, among in enumerate(STRATA):
        rows += _pairs(people, complete, sex, among)
    columns = ["relation", "among", "kind", "value", "low", "high", "why", "state"]
    return pd.DataFrame(rows, columns=columns)


def _state(pair: tuple[str, str], low: float, high: float, smallest: float = 0.1) -> str:
    """Say how a relation compares with what is expected of it."""
    expected = EXPECTED.get(pair)
    if expected is None:
        return "no expectation"
    near, far = sorted((low * expected, high * expected))
    return "as expected" if near > 0 and far > smallest else "reversed" if far < 0 and near < -smallest else "absent"


def _women_against_men(people: Population, values: np.ndarray, name: str) -> list[tuple[object, ...]]:
    order, bounds = bounds_of(people.sex, 2)
    if min(np.diff(bounds)) < 2:
        return []
    ordered, both, women = values[order], np.arange(2), np.array([0])
    level = contrasts(describe(ordered, bounds), both, women, False, lambda effect, p: False)[0]
    away = contrasts(describe(distances(ordered, bounds), bounds), both, women, True, lambda effect, p: False)[0]
    n = level.n + level.n_rest
    half = HALF * np.sqrt(n / (level.n * level.n_rest) + level.effect**2 / (2 * n))
    low, high = level.effect - half, level.effect + half
    why = "women and men are searched apart"
    return [
        (f"sex and {name}", "all", "Cohen's d", level.effect, low, high, why, _state(("sex", name), low, high)),
        (
            f"sex and spread of {name}",
            "all",
            "ratio of spreads",
            away.value,
            away.low,
            away.high,
            why,
            "no expectation",
        ),
    ]


def _pairs(people: Population, values: dict[str, np.ndarray], sex: int, among: str) -> list[tuple[object, ...]]:
    """Return the relations of measures that are known or made by construction, in one sex."""
    pairs = [pair for pair in combinations(ALL, 2) if pair not in PAIRS or known(*pair)]
    own = people.sex == sex
    order, bounds = bounds_of(people.nationality[own], len(people.nationalities))
    rows = np.flatnonzero(own)[order]
    numbers = [(ALL.index(a), ALL.index(b)) for a, b in pairs]
    relations: Relations = correlate(np.stack([values[name][rows] for name in ALL]), bounds, numbers)
    found = overall(relations, lambda effect, p: False)
    return [
        (
            f"{one} and {other}",
            among,
            "Spearman",
            item.value,
            item.low,
            item.high,
            "by construction" if structural(one, other) else "everybody knows it",
            _state((one, other), item.low, item.high),
        )
        for (one, other), item in zip(pairs, found, strict=False)
    ]
