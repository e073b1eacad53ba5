"""Did a yearly figure change its level for good, or does it only wander? A test with a stated rate of false alarms.

The statistic is that of J. Bai and P. Perron ("Estimating and testing linear models with multiple structural
changes", Econometrica 66, 1998): the largest F over all ways to put one change, or two, into the series (UDmax). A
series that remembers its past makes large F without any change. So the null distribution is simulated for just this
length and for autocorrelated series, and the p-value is the mean over the autocorrelations that fit what was
estimated: the doubt about the autocorrelation is part of the p-value. After a change has been accepted, its parts are
tested again at half the rate, so that the whole search for one figure errs at the stated rate.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.platform.stage import stage
from tasks.training.series.segmentation import autocorrelated, levels, one_change, two_changes

DRAWS = 2000
GRID = np.round(np.arange(-0.3, 0.96, 0.1), 2)  # autocorrelations of the null
LEAST_YEARS = 15  # with fewer nothing is tested
SEED = 1998
INFLATION_LAGS = 3  # years that the memory of inflation is looked for; what is left of a spread has hardly any


class Fits(NamedTuple):
    """The best one and the best two changes of R series of n years; each field (R,)."""

    f1: np.ndarray
    f2: np.ndarray
    one: np.ndarray  # number of the first year after the change
    first: np.ndarray
    second: np.ndarray
    memory: np.ndarray  # autocorrelation at lag 1 of what two changes leave


class Null(NamedTuple):
    """What series of one length without a change give, for each autocorrelation of `GRID`."""

    critical: np.ndarray  # (grid, 2): the 95 % quantiles of f1 and f2
    largest: np.ndarray  # (grid, draws): UDmax, sorted
    memory: np.ndarray  # (grid, 2): mean and standard deviation of the estimated autocorrelation


class Tested(NamedTuple):
    """Verdicts on R series; each field (R,)."""

    p: np.ndarray
    memory: np.ndarray  # the autocorrelation, without the bias of its estimate
    two: np.ndarray  # whether two changes fit better than one, each against its own critical value
    fits: Fits


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
    memory: float = 0.0
    ratio: bool = Field(description="whether changes are ratios")
    changes: list[Change] = []
    candidates: list[int] = Field([], description="the years of the best two changes, accepted or not")


def least_part(years: int) -> int:
    """Return how many years a level lasts at least."""
    return max(4, round(years / 10))


def best_changes(series: np.ndarray, least: int, lags: int = 1) -> Fits:
    """Fit one change and two changes of the mean by least squares, all places tried.

    Args:
        series: (R, n).
        least: years between two changes, and from a change to either end.
        lags: how far back the memory is looked for; see `_memory`.
    """
    n = series.shape[1]
    centred = series - series.mean(axis=1, keepdims=True)
    total = (centred**2).sum(axis=1)
    one, two = one_change(series, least), two_changes(series, least)
    rest = centred - levels(centred, two.places)
    memory = _memory(rest, lags)
    f1 = one.gain / np.maximum(total - one.gain, 1e-300) * (n - 2)
    f2 = two.gain / np.maximum(total - two.gain, 1e-300) * (n - 3) / 2
    return Fits(f1, f2, one.places[:, 0], two.places[:, 0], two.places[:, 1], memory)


def _memory(rest: np.ndarray, lags: int) -> np.ndarray:
    """Return the autocorrelation of `rest` (R, n) from one year to the next, (R,).

    The noise of single years hides a slow wandering at lag 1 more than at longer lags. With several `lags` it is the
    largest of the k-th roots of the autocorrelations at lag k, which would be the same at all lags for an AR(1) series.
    """
    total = np.maximum((rest**2).sum(axis=1), 1e-300)
    by_lag = [(rest[:, lag:] * rest[:, :-lag]).sum(axis=1) / total for lag in range(1, lags + 1)]
    return np.max([np.sign(value) * np.abs(value) ** (1 / lag) for lag, value in enumerate(by_lag, 1)], axis=0)


@lru_cache(maxsize=64)
def null_of(years: int, draws: int = DRAWS, lags: int = 1) -> Null:
    """Simulate series of `years` without a change."""
    chance = np.random.default_rng(SEED)
    critical, largest, memory = [], [], []
    for rho in GRID:
        fits = best_changes(autocorrelated(float(rho), (draws, years), chance), least_part(years), lags)
        quantiles = np.quantile(fits.f1, 0.95), np.quantile(fits.f2, 0.95)
        critical.append(quantiles)
        largest.append(np.sort(np.maximum(fits.f1 / quantiles[0], fits.f2 / quantiles[1])))
        memory.append((fits.memory.mean(), fits.memory.std()))
    return Null(np.array(critical), np.array(largest), np.array(memory))


def no_change_test(series: np.ndarray, draws: int = DRAWS, lags: int = 1) -> Tested:
    """Test each of `series` (R, n) for changes of its level; with more `lags`, wary of a slow wandering."""
    null = null_of(series.shape[1], draws, lags)
    fits = best_changes(series, least_part(series.shape[1]), lags)
    weights = np.exp(-0.5 * ((fits.memory[:, None] - null.memory[:, 0]) / null.memory[:, 1]) ** 2) / null.memory[:, 1]
    weights = (weights + 1e-300) / (weights + 1e-300).sum(axis=1, keepdims=True)
    ones, twos = fits.f1[:, None] / null.critical[:, 0], fits.f2[:, None] / null.critical[:, 1]
    above = [
        draws - np.searchsorted(row, value, side="left")
        for row, value in zip(null.largest, np.maximum(ones, twos).T, strict=True)
    ]
    p = ((1 + np.array(above).T) / (1 + draws) * weights).sum(axis=1)
    return Tested(p, (weights * GRID).sum(axis=1), (twos * weights).sum(axis=1) > (ones * weights).sum(axis=1), fits)


class Found(NamedTuple):
    """A place of a change and the p-value of the test that found it."""

    place: int
    p: float


def search(series: np.ndarray, rate: float, lags: int = 1, start: int = 0) -> list[Found]:
    """Find the changes of `series` (n,) in rising order, at the given rate of false alarms."""
    if len(series) < LEAST_YEARS or np.ptp(series) == 0:
        return []
    tested = no_change_test(series[None, :], lags=lags)
    p = float(tested.p[0])
    if p > rate:
        return []
    fits = tested.fits
    places = [int(fits.first[0]), int(fits.second[0])] if tested.two[0] else [int(fits.one[0])]
    found = [Found(start + place, p) for place in places]
    edges = [0, *places, len(series)]
    parts = len(edges) - 1
    for left, right in pairwise(edges):
        found += search(series[left:right], rate / 2 / parts, lags, start + left)
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


def judge(name: str, label: str, years: np.ndarray, values: np.ndarray, rate: float, ratio: bool) -> Verdict:
    """Search one yearly figure for changes.

    Args:
        name: column.
        label: what to call it.
        years: (n,).
        values: (n,), positive when `ratio`.
        rate: of false alarms.
        ratio: compare logarithms, as befits a spread.
    """
    series = np.log(values) if ratio else values
    verdict = Verdict(name=name, label=label, years=len(years), threshold=rate, ratio=ratio)
    if len(years) < LEAST_YEARS or np.ptp(series) == 0:
        return verdict
    lags = 1 if ratio else INFLATION_LAGS
    tested = no_change_test(series[None, :], lags=lags)
    found = search(series, rate, lags)
    memory = float(np.clip(tested.memory[0], 0, 0.95))
    candidates = [int(years[tested.fits.first[0]]), int(years[tested.fits.second[0]])]
    changes = _described(years, series, found, memory, ratio)
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
                year=int(years[item.place]), low=int(years[low]), high=int(years[min(high, len(years) - 1)]),
                before=float(shown(left.mean())), after=float(shown(right.mean())), difference=float(shown(gap)),
                difference_low=float(shown(gap - error)), difference_high=float(shown(gap + error)), p=item.p,
            )
        )  # fmt: skip
    return changes


@stage(phase="Evaluation")
def find_changes(yearly: pd.DataFrame, false_alarms: float) -> list[Verdict]:
    """Search inflation, its unsteadiness, and its unsteadiness without the seasonal pattern for changes.

    Args:
        yearly: `year`, `inflation`, `spread`, `irregular`.
        false_alarms: how often any change at all is to be reported where there is none; the three figures share it.
    """
    years, rate = yearly["year"].to_numpy(), false_alarms / 3
    return [
        judge("inflation", "inflation", years, yearly["inflation"].to_numpy(), rate, False),
        judge("spread", "spread of the increments", years, yearly["spread"].to_numpy(), rate, True),
        judge("irregular", "spread without the season", years, yearly["irregular"].to_numpy(), rate, True),
    ]
