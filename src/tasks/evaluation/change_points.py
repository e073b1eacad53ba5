"""Did a yearly figure change its level for good, or does it only wander? A test with a stated rate of false alarms.

A figure that remembers its past, up to the random walk, wanders off without any change. One step and two steps are
therefore held against the best wandering (`tasks.training.series.wandering`), and the larger of the two likelihood
ratios, each over its critical value, is the statistic (UDmax, as J. Bai and P. Perron, "Estimating and testing linear
models with multiple structural changes", Econometrica 66, 1998, have it). Its null distribution is simulated for just
this length and for the wanderings of `NULLS`; the p-value is that of the worst of them, so that the stated rate holds
however slow the wandering is. After a change has been accepted, its parts are tested again at half the rate, so that
the whole search for one figure errs at the stated rate.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.platform.stage import stage
from tasks.training.series.segmentation import autocorrelated, levels, one_change
from tasks.training.series.wandering import Ratios, likelihood_ratios, persistence, wanderings

DRAWS = 1000
NULLS = ((0.7, 0.0), (0.85, 1.0), (0.95, 1.0), (1.0, 0.0), (1.0, 1.0), (1.0, 3.0))
"""Wanderings of the null: autocorrelation, and noise beside it in standard deviations of the innovations. Others give
smaller ratios (`benchmarks/prices.py`)."""
FLOORED = ((0.2, 0.6, 0.21), (0.35, 0.6, 0.21), (0.35, 1.5, 0.21), (0.3, 0.6, 0.42))
"""Spreads that wander beside something constant, such as a season: innovations of the logarithm of what wanders (a
random walk), what is constant, in units of where that starts, and the sampling error of the logarithm: of 12 months, of
4 quarters. A spread that has sunk below the constant lies level, and its rise looks like a step."""
SHARES = 4  # of the rate of false alarms: one for each of three figures, one for wanderings that no null has
LEAST_YEARS = 15  # with fewer nothing is tested
SEED = 1998
MOST_MEMORY = 0.95  # for the interval of a change: errors about its levels do not wander off


class Null(NamedTuple):
    """What series of one length without a change give."""

    critical: np.ndarray  # (2,): the largest 95 % quantiles of the ratios of one step and of two
    largest: np.ndarray  # (nulls, draws): UDmax, sorted


class Tested(NamedTuple):
    """Verdicts on R series; each field (R,)."""

    p: np.ndarray
    two: np.ndarray  # whether two changes fit better than one, each against its own critical value
    ratios: Ratios


class Change(BaseModel):
    """A year from which a figure is another."""

    year: int = Field(description="first year of the new level")
    low: int = Field(description="95 % interval of that year")
    high: int
    before: float
    after: float
    difference: float = Field(
        description="after less before; the ratio of after to before where the figure is a spread"
    )
    difference_low: float
    difference_high: float
    p: float = Field(description="of the test that found it")


class Verdict(BaseModel):
    """What the test says about one figure."""

    name: str
    label: str
    years: int
    p: float | None = Field(None, description="of no change at all; None when there are too few years")
    threshold: float = Field(description="p at or below which a change is accepted")
    memory: float = Field(0.0, description="autocorrelation from year to year about its levels, the bias taken off")
    ratio: bool = Field(description="whether changes are ratios")
    changes: list[Change] = []
    candidates: list[int] = Field([], description="the years of the best two changes, accepted or not")


def least_part(years: int) -> int:
    """Return how many years a level lasts at least."""
    return max(4, round(years / 10))


def _floored(
    step: float, constant: float, error: float, shape: tuple[int, int], chance: np.random.Generator
) -> np.ndarray:
    """Draw (R, n) logarithms of spreads, part of which wanders and part of which is constant."""
    moving = step * wanderings(1.0, 0.0, shape, chance)
    return 0.5 * np.log(constant**2 + np.exp(2 * moving)) + error * chance.normal(size=shape)


@lru_cache(maxsize=64)
def null_of(years: int, floored: bool = False, draws: int = DRAWS) -> Null:
    """Simulate series of `years` without a change; when `floored`, also of spreads with a constant part."""
    chance = np.random.default_rng(SEED)
    series = [wanderings(*null, (draws, years), chance) for null in NULLS]
    series += [_floored(*null, (draws, years), chance) for null in FLOORED] if floored else []
    ratios = [likelihood_ratios(drawn, least_part(years)) for drawn in series]
    critical = np.array([max(np.quantile(item[place], 0.95) for item in ratios) for place in (0, 1)])
    largest = [np.sort(np.maximum(item.one / critical[0], item.two / critical[1])) for item in ratios]
    return Null(critical, np.array(largest))


def no_change_test(series: np.ndarray, floored: bool = False, draws: int = DRAWS) -> Tested:
    """Test each of `series` (R, n) for changes of its level; when `floored`, of spreads with a constant part."""
    null = null_of(series.shape[1], floored, draws)
    ratios = likelihood_ratios(series, least_part(series.shape[1]))
    one, two = ratios.one / null.critical[0], ratios.two / null.critical[1]
    above = [draws - np.searchsorted(row, np.maximum(one, two), side="left") for row in null.largest]
    return Tested((1 + np.max(above, axis=0)) / (1 + draws), two > one, ratios)


class Found(NamedTuple):
    """A place of a change and the p-value of the test that found it."""

    place: int
    p: float


def search(series: np.ndarray, rate: float, floored: bool = False, start: int = 0) -> list[Found]:
    """Find the changes of `series` (n,) in rising order, at the given rate of false alarms."""
    if len(series) < LEAST_YEARS or np.ptp(series) == 0:
        return []
    tested = no_change_test(series[None, :], floored)
    p = float(tested.p[0])
    if p > rate:
        return []
    ratios = tested.ratios
    places = [int(place) for place in ratios.places[0]] if tested.two[0] else [int(ratios.place[0])]
    found = [Found(start + place, p) for place in places]
    edges = [0, *places, len(series)]
    parts = len(edges) - 1
    for left, right in pairwise(edges):
        found += search(series[left:right], rate / 2 / parts, floored, start + left)
    return sorted(found)


def _place_intervals(series: np.ndarray, places: list[int], memory: float) -> list[tuple[int, int]]:
    """Return the 95 % interval of each change's place, by simulating the fit with autocorrelated errors."""
    chance = np.random.default_rng(SEED + 1)
    fitted = levels(series[None, :], np.array([places]))[0]
    deviation = float(np.sqrt(((series - fitted) ** 2).sum() / max(1, len(series) - len(places) - 1)))
    edges, intervals = [0, *places, len(series)], []
    for number, place in enumerate(places):
        left, right = edges[number], edges[number + 2]
        noise = autocorrelated(memory, (1000, right - left), chance) * deviation
        again = left + one_change(noise + fitted[left:right], 1).places
        low, high = np.quantile(again, [0.025, 0.975])
        intervals.append((min(round(low), place), max(round(high), place)))
    return intervals


def judge(
    name: str, label: str, years: np.ndarray, values: np.ndarray, rate: float, ratio: bool, floored: bool = False
) -> Verdict:
    """Search one yearly figure for changes.

    Args:
        name: column.
        label: what to call it.
        years: (n,).
        values: (n,), positive when `ratio`.
        rate: of false alarms.
        ratio: compare logarithms, as befits a spread.
        floored: the spread has a part that is the same in all years, such as a season.
    """
    series = np.log(values) if ratio else values
    verdict = Verdict(name=name, label=label, years=len(years), threshold=rate, ratio=ratio)
    if len(years) < LEAST_YEARS or np.ptp(series) == 0:
        return verdict
    tested = no_change_test(series[None, :], floored)
    found = search(series, rate, floored)
    rest = series - levels(series[None, :], np.array([[item.place for item in found]], dtype=np.int64))[0]
    memory = persistence(rest)
    candidates = [int(years[place]) for place in tested.ratios.places[0]]
    changes = _described(years, series, found, float(np.clip(memory, 0, MOST_MEMORY)), ratio)
    return verdict.model_copy(
        update={"p": float(tested.p[0]), "memory": memory, "changes": changes, "candidates": candidates}
    )


def _described(years: np.ndarray, series: np.ndarray, found: list[Found], memory: float, ratio: bool) -> list[Change]:
    places = [item.place for item in found]
    if not places:
        return []
    rest = series - levels(series[None, :], np.array([places]))[0]
    variance = float((rest**2).sum() / max(1, len(series) - len(places) - 1)) * (1 + memory) / (1 - memory)
    edges, changes = [0, *places, len(series)], []
    for number, (item, (low, high)) in enumerate(zip(found, _place_intervals(series, places, memory), strict=True)):
        left, right = series[edges[number] : item.place], series[item.place : edges[number + 2]]
        gap = float(right.mean() - left.mean())
        error = 1.96 * float(np.sqrt(variance / len(left) + variance / len(right)))
        shown = np.exp if ratio else float
        changes.append(
            Change(
                year=int(years[item.place]),
                low=int(years[low]),
                high=int(years[min(high, len(years) - 1)]),
                before=float(shown(left.mean())),
                after=float(shown(right.mean())),
                difference=float(shown(gap)),
                difference_low=float(shown(gap - error)),
                difference_high=float(shown(gap + error)),
                p=item.p,
            )
        )
    return changes


@stage(phase="Evaluation")
def find_changes(yearly: pd.DataFrame, false_alarms: float) -> list[Verdict]:
    """Search inflation, its unsteadiness, and its unsteadiness without the seasonal pattern for changes.

    Args:
        yearly: `year`, `inflation`, `spread`, `irregular`.
        false_alarms: how often any change at all is to be reported where there is none; the three figures share it.
    """
    years, rate = yearly["year"].to_numpy(), false_alarms / SHARES
    return [
        judge("inflation", "inflation", years, yearly["inflation"].to_numpy(), rate, False),
        judge("spread", "spread of the increments", years, yearly["spread"].to_numpy(), rate, True, floored=True),
        judge("irregular", "spread without the season", years, yearly["irregular"].to_numpy(), rate, True),
    ]
