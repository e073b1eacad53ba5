"""Which patterns are hidden in a population, and which only follow from others or are known to everybody?

Every measure is compared between nationalities and age bands, women and men apart, in level and in spread, and every
pair of measures is looked at in every group. That makes hundreds of tests, of which one in twenty would be called
significant in pure noise, and with tens of thousands of cases even a difference too small to matter is. So a finding

- holds after Bonferroni's correction over all comparisons that the search can make. It needs no assumption on how the
  tests depend on each other. Where nothing is hidden this bounds the chance of any finding; what is found after a first
  finding was taken out rests on that one being right;
- is at least as large as the smallest effect of interest: Cohen's d, the logarithm of a ratio of spreads, or for a
  correlation the r that belongs to this d;
- is no echo: the groups that stand out are taken out one by one, and what has been found is then removed from the data
  before the search goes on. What is left of it in other measures is listed as its consequence;
- is not known beforehand: women and men are compared apart, and age, times and bodies go together as they do;
- is there in the data as they were recorded, before anything was taken out of them: see `check.py`.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from tasks.cases.marathon.evaluation.check import confirm
from tasks.cases.marathon.evaluation.records import (
    ALL,
    PAIRS,
    RELATIONS,
    ROUNDS,
    STRATA,
    WITH_AGE,
    Population,
    Row,
    Rule,
    Search,
    Values,
    count_comparisons,
    known,
)
from tasks.cases.marathon.evaluation.relations import Relations, correlate, overall, peel_differences
from tasks.cases.marathon.evaluation.subgroups import ROUNDING, Contrast, Passes, bounds_of, describe, distances, peel
from tasks.cases.marathon.features import AGE_BANDS, DERIVED, PRIMARY, derive

BODY = tuple(name for name in WITH_AGE if name in PRIMARY)


class _Book:
    """Collects comparisons."""

    def __init__(self, rule: Rule, total: int) -> None:
        self.rule, self.total, self.rows = rule, total, list[Row]()
        small_r = rule.smallest / np.sqrt(rule.smallest**2 + 4)  # the r that belongs to this d (Cohen, 1988)
        self.passes = self._passing(rule.smallest)
        self.passes_relation = self._passing(float(small_r))

    def _passing(self, smallest: float) -> Callable[[float, float], bool]:
        limit = self.rule.level / self.total
        return lambda effect, p: p <= limit and abs(effect) >= smallest

    def rule_of(self, row: Row) -> Passes:
        """Return what makes a comparison count."""
        return self.passes_relation if row.kind in RELATIONS else self.passes

    def findings(self) -> int:
        """Return how many there are so far."""
        return sum(row.state == "finding" for row in self.rows)

    def enter(self, made: Iterable[Contrast], found: Iterable[Contrast], names: tuple[str, ...], *what: str) -> None:
        """Write down comparisons; `what`: kind, stratum, factor, measure and other measure."""
        kind, stratum, factor, measure, other = what
        final = {item.group: item for item in found}
        for first in made:
            item = final.get(first.group, first)
            state = "finding" if first.group in final else "echo" if first.found else "none"
            group = names[item.group] if item.group >= 0 else ""
            adjusted = min(1.0, first.p * self.total)
            self.rows.append(
                Row(
                    kind,
                    stratum,
                    factor,
                    group,
                    measure,
                    other,
                    item.n,
                    item.n_rest,
                    item.value,
                    item.low,
                    item.high,
                    item.effect,
                    first.p,
                    adjusted,
                    state,
                )
            )


def _settle(
    book: _Book, values: np.ndarray, bounds: np.ndarray, names: tuple[str, ...], stratum: str, factor: str, measure: str
) -> np.ndarray:
    """Compare level and spread of groups, one after the other in `values`; return these without what was found."""
    values = values.copy()
    level = peel(describe(values, bounds), False, book.passes)
    book.enter(level.tests, level.found, names, "location", stratum, factor, measure, "")
    for item in level.found:
        values[bounds[item.group] : bounds[item.group + 1]] -= item.value
    spread = peel(describe(distances(values, bounds), bounds), True, book.passes)
    book.enter(spread.tests, spread.found, names, "spread", stratum, factor, measure, "")
    for item in spread.found:
        part = slice(bounds[item.group], bounds[item.group + 1])
        middle = values[part].mean()  # about the median, the mean of a skewed group would move
        values[part] = middle + (values[part] - middle) / item.value
    return values


def _detrended(x: np.ndarray, y: np.ndarray, codes: np.ndarray, groups: int) -> np.ndarray:
    """Return `y` without its linear dependence on `x` within groups."""
    n = np.maximum(np.bincount(codes, minlength=groups), 1)
    centred_x = x - (np.bincount(codes, x, groups) / n)[codes]
    centred_y = y - (np.bincount(codes, y, groups) / n)[codes]
    square = float(centred_x @ centred_x)
    return y - centred_x * (float(centred_x @ centred_y) / square if square else 0.0)


class _Pairs(NamedTuple):
    """What a round says of one pair of measures: in all groups together, and in each against the others."""

    pair: tuple[str, str]
    together: list[Contrast]
    tests: list[Contrast]
    found: list[Contrast]

    def strength(self) -> tuple[bool, float]:
        """Return how much it stands out; a group of its own before all together."""
        apart = max((abs(item.effect) for item in self.found), default=0.0)
        alike = max((abs(item.effect) for item in self.together if item.found), default=0.0)
        return bool(self.found), apart or alike


def _round(book: _Book, relations: Relations, pairs: list[tuple[str, str]]) -> list[_Pairs]:
    """Look at each pair once."""
    together = overall(relations, book.passes_relation)
    places = [PAIRS.index(pair) for pair in pairs]
    return [
        _Pairs(
            pair,
            [] if known(*pair) else together[place : place + 1],
            *peel_differences(relations, place, book.passes_relation),
        )
        for pair, place in zip(pairs, places, strict=True)
    ]


def _relate(
    book: _Book,
    people: Population,
    values: Values,
    sex: int,
    relations: Relations,
    pairs: list[tuple[str, str]],
    rounds: int = ROUNDS,
) -> None:
    """Look at pairs of measures in one sex, and take what is found out of `values`, in place, the strongest first."""
    own = np.flatnonzero(people.sex == sex)
    names, stratum = people.nationalities, STRATA[sex]
    first = _round(book, relations, pairs)
    said: dict[tuple[str, ...], Contrast] = {}
    now = first
    for _ in range(rounds):
        best = max(now, key=_Pairs.strength)
        if not best.strength()[1]:
            break
        one, other = best.pair
        parts = [(names[item.group], item, own[people.nationality[own] == item.group]) for item in best.found]
        for group, item, rows in parts or [("", best.together[0], own)]:
            said[one, other, group] = item
            codes = people.nationality[rows]
            values[other][rows] = _detrended(values[one][rows], values[other][rows], codes, len(names))
        now = _round(book, _correlations(people, _complete(values), sex), pairs)
    for each in first:
        apart = [found for (one, other, group), found in said.items() if group and (one, other) == each.pair]
        alike = [found for (one, other, group), found in said.items() if not group and (one, other) == each.pair]
        book.enter(each.tests, apart, names, "relation difference", stratum, "nationality", *each.pair)
        book.enter(each.together, alike, names, "relation", stratum, "", *each.pair)


def _complete(values: Values) -> Values:
    """Return all measures: those that follow from others computed, unless they are there already."""
    return derive(values) | values


def _correlations(people: Population, values: Values, sex: int) -> Relations:
    own = people.sex == sex
    order, bounds = bounds_of(people.nationality[own], len(people.nationalities))
    rows = np.flatnonzero(own)[order]
    numbers = [(ALL.index(a), ALL.index(b)) for a, b in PAIRS]
    return correlate(np.stack([values[name][rows] for name in ALL]), bounds, numbers)


def _without_sex(values: np.ndarray, sex: np.ndarray) -> np.ndarray:
    """Return values with the same mean and the same spread for women and men."""
    plain, shares = values.copy(), []
    for number in range(2):
        own = values[sex == number]
        deviation = float(own.std()) if len(own) else 0.0
        deviation = deviation if deviation > ROUNDING * float(np.abs(own).max(initial=0.0)) else 0.0
        plain[sex == number] = (own - own.mean()) / (deviation or 1.0) if len(own) else own
        shares.append(len(own) / len(values) * deviation**2)
    return plain * float(np.sqrt(sum(shares)))


def _compare_groups(book: _Book, people: Population, values: Values, measures: tuple[str, ...], factor: str) -> None:
    """Compare the groups of a factor in each sex; take what was found out of `values`."""
    codes, names = (people.nationality, people.nationalities) if factor == "nationality" else (people.band, AGE_BANDS)
    for sex, stratum in enumerate(STRATA):
        own = np.flatnonzero(people.sex == sex)
        order, bounds = bounds_of(codes[own], len(names))
        own = own[order]
        for measure in measures if len(own) else ():
            values[measure][own] = _settle(book, values[measure][own], bounds, names, stratum, factor, measure)


def _compare_all(book: _Book, people: Population, values: Values, measures: tuple[str, ...]) -> None:
    """Compare nationalities in both sexes together, the difference of the sexes taken out."""
    order, bounds = bounds_of(people.nationality, len(people.nationalities))
    for measure in measures:
        plain = _without_sex(values[measure], people.sex)[order]
        settled = _settle(book, plain, bounds, people.nationalities, "all", "nationality", measure)
        values[measure][order] += settled - plain


def _compare_shares(book: _Book, people: Population) -> None:
    """Compare the share of women between nationalities."""
    order, bounds = bounds_of(people.nationality, len(people.nationalities))
    share = peel(describe((people.sex == 0).astype(np.float64)[order], bounds), False, book.passes)
    book.enter(share.tests, share.found, people.nationalities, "share", "all", "nationality", "women", "")


def _derived_patterns(
    book: _Book, people: Population, values: Values, relations: list[Relations], rounds: int = ROUNDS
) -> None:
    """Search in the measures that follow from others."""
    _compare_groups(book, people, values, DERIVED, "nationality")
    _compare_groups(book, people, values, tuple(name for name in DERIVED if name in WITH_AGE), "age band")
    _compare_all(book, people, values, DERIVED)
    for sex in range(len(STRATA)):
        pairs = [pair for pair in PAIRS if set(pair) & set(DERIVED)]
        _relate(book, people, values, sex, relations[sex], pairs, rounds)


def _primary_patterns(
    people: Population, rule: Rule, total: int, bands_first: bool
) -> tuple[_Book, Values, list[Relations]]:
    """Search in the primary measures; return also these without what was found, and the correlations before."""
    book, values = _Book(rule, total), {name: people.values[name].copy() for name in PRIMARY}
    _compare_groups(book, people, values, PRIMARY, "nationality")
    relations = [_correlations(people, _complete(values), sex) for sex in range(2)]
    if bands_first:
        _compare_groups(book, people, values, BODY, "age band")
    pairs = [pair for pair in PAIRS if not set(pair) & set(DERIVED)]
    for sex in range(len(STRATA)):
        now = _correlations(people, _complete(values), sex) if bands_first else relations[sex]
        _relate(book, people, values, sex, now, pairs)
    if not bands_first:
        _compare_groups(book, people, values, BODY, "age band")
    _compare_all(book, people, values, PRIMARY)
    _compare_shares(book, people)
    return book, values, relations


def search(people: Population, rule: Rule, consequences: bool = True) -> Search:
    """Search a population for patterns.

    Args:
        people: the runners; they are not changed.
        rule: what counts as a finding.
        consequences: whether to look also at what the findings do to the measures that follow from others.
    """
    total = count_comparisons(people)
    book, values, relations = _primary_patterns(people, rule, total, bands_first=False)
    if any(row.state == "finding" and (row.factor == "age band" or row.measure == "age") for row in book.rows):
        # A step between age bands looks like a trend, and a trend like several steps: what takes fewer findings is it.
        other = _primary_patterns(people, rule, total, bands_first=True)
        if other[0].findings() < book.findings():
            book, values, relations = other
    changed = book.findings() > 0
    values |= derive(values)
    if changed:
        relations = [_correlations(people, values, sex) for sex in range(2)]
    _derived_patterns(book, people, values, relations)
    rows = confirm(book.rows, people, total, book.rule_of)
    if changed and consequences:
        rows = confirm(_with_consequences(rows, people, rule, total), people, total, book.rule_of)
    return Search(rows, total)


def _with_consequences(rows: list[Row], people: Population, rule: Rule, total: int) -> list[Row]:
    """Mark the comparisons that hold only as long as the findings are in the data."""
    raw = {name: people.values[name].copy() for name in PRIMARY}
    raw |= derive(raw)
    book = _Book(rule, total)
    _derived_patterns(book, people, raw, [_correlations(people, raw, sex) for sex in range(2)], rounds=0)
    holding = [row for row in book.rows if row.state == "finding" or (row.kind in RELATIONS and row.state == "echo")]
    shown = {row[:6]: row for row in holding}
    return [
        shown[row[:6]]._replace(state="consequence") if row.state != "finding" and row[:6] in shown else row
        for row in rows
    ]
