"""Is what is said true of skewed, heavy-tailed and tiny groups? Tables that know the truth of a sentence.

Heights and weights of a group come from one of `FORMS`, brought to a known mean and spread. Effects are planted in a
few groups, each of which may also have another form than the rest. What a sentence names, a difference of means or
shares or a ratio of mean distances from the median, follows from the numbers that the runners were drawn with.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.marathon.evaluation.records import Row
from tasks.cases.marathon.features import derive, measure_runners

FORMS = ("normal", "gamma", "lognormal", "left", "heavy")
SIZES = (700, 500, 300, 120, 60, 34)  # runners of each nationality; the last ones have few of a sex
NATIONS = ("AU", "CH", "DE", "FR", "IT", "PL")
MEANS = {"women": (166.0, 61.0), "men": (179.0, 77.0)}  # cm, kg
DEVIATIONS = (6.0, 8.0)
REFERENCE = 40_000
BODY = ("height", "weight", "bmi", "height_per_weight")


class Group(NamedTuple):
    """How the bodies of one sex and nationality were drawn: mean, spread and form of height and of weight."""

    mean: tuple[float, float]
    deviation: tuple[float, float]
    form: tuple[str, str]


class Table(NamedTuple):
    """Runners, measured, and what they were drawn with."""

    frame: pd.DataFrame
    groups: dict[tuple[str, str], Group]
    shares: dict[str, float]


def standard(form: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw (count,) values of mean 0 and variance 1."""
    if form == "gamma":
        return (rng.gamma(2.0, 1.0, count) - 2) / np.sqrt(2)
    if form == "lognormal":
        square = 0.5  # of the logarithm: a skewness of 2.9
        values = rng.lognormal(0, np.sqrt(square), count) - np.exp(square / 2)
        return values / np.sqrt(np.expm1(square) * np.exp(square))
    if form == "left":
        return -standard("gamma", count, rng)
    if form == "heavy":
        return rng.standard_t(3, count) / np.sqrt(3)
    return rng.normal(size=count)


def bodies(group: Group, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw heights and weights, each (count,), in cm and kg; none beyond what the contract takes for a runner."""
    both = (
        mean + deviation * standard(form, count, rng)
        for mean, deviation, form in zip(group.mean, group.deviation, group.form, strict=True)
    )
    height, weight = both
    return np.clip(height, 101, 229), np.clip(weight, 26, 249)


def table(seed: int, effects: int = 3) -> Table:
    """Draw a table with so many effects; without any, all groups of a sex have one form, mean and spread."""
    rng = np.random.default_rng(seed)
    usual = {sex: Group(MEANS[sex], DEVIATIONS, tuple(rng.choice(FORMS, 2).tolist())) for sex in MEANS}
    groups = {(sex, nation): usual[sex] for sex in MEANS for nation in NATIONS}
    shares = dict.fromkeys(NATIONS, float(rng.choice([0.08, 0.36])))
    for _ in range(effects):
        _plant(rng, groups, shares)
    nation = np.repeat(NATIONS, SIZES)
    sex = np.where(rng.random(len(nation)) < [shares[name] for name in nation], "women", "men")
    height, weight = np.zeros(len(nation)), np.zeros(len(nation))
    for (one, name), group in groups.items():
        own = (sex == one) & (nation == name)
        height[own], weight[own] = bodies(group, int(own.sum()), rng)
    final = 15_000 * np.exp(rng.normal(0.05, 0.2, len(nation)))
    split = final * (1 - np.clip(rng.normal(0.12, 0.04, len(nation)), -0.1, 0.4)) / 2
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 70, len(nation)),
            "gender": np.where(sex == "women", "W", "M"),
            "split": split,
            "final": final,
            "nationality": nation,
            "size": height,
            "weight": weight,
        }
    )
    return Table(measure_runners.fn(frame), groups, shares)


def _plant(rng: np.random.Generator, groups: dict[tuple[str, str], Group], shares: dict[str, float]) -> None:
    nation, sex, place = str(rng.choice(NATIONS)), str(rng.choice(list(MEANS))), int(rng.integers(2))
    kind = str(rng.choice(["location", "spread", "form", "share"]))
    if kind == "share":
        shares[nation] = float(rng.choice([0.2, 0.55]))
        return
    group = groups[sex, nation]
    mean, deviation, form = list(group.mean), list(group.deviation), list(group.form)
    if kind == "location":
        mean[place] += float(rng.choice([-1.2, -0.6, 0.6, 1.2])) * deviation[place]
    if kind == "spread":
        deviation[place] *= float(rng.choice([0.4, 0.6, 1.6]))
    if kind == "form":
        form[place] = str(rng.choice(FORMS))
    groups[sex, nation] = Group((mean[0], mean[1]), (deviation[0], deviation[1]), (form[0], form[1]))


def truth(row: Row, rows: list[Row], drawn: Table) -> float | None:
    """Return what a comparison would come to in endlessly many runners; nothing where that is not known.

    Args:
        row: the comparison, told as a finding.
        rows: all findings. Groups that stand out in the same question are no part of the rest.
        drawn: the runners.
    """
    if row.kind in {"relation", "relation difference"}:
        return 0.0
    alike = {item.group for item in rows if item[:3] == row[:3] and item[4:6] == row[4:6]} - {row.group}
    frame = drawn.frame[~drawn.frame["nationality" if row.factor == "nationality" else "age_band"].isin(alike)]
    if row.kind == "share":
        of_group = frame["nationality"] == row.group
        return drawn.shares[row.group] - float(frame.loc[~of_group, "nationality"].map(drawn.shares).mean())
    if row.measure not in BODY:
        return float(row.kind == "spread")
    if row.factor == "age band":
        return None
    sexes = MEANS if row.stratum == "all" else (row.stratum,)
    parts = [_of_sex(row, frame[frame["sex"] == sex], sex, drawn) for sex in sexes]
    values, weights = (np.array(side) for side in zip(*parts, strict=True))
    return (
        float(np.exp(np.average(np.log(values), weights=weights)))
        if row.kind == "spread"
        else float(np.average(values, weights=weights))
    )


def _of_sex(row: Row, frame: pd.DataFrame, sex: str, drawn: Table) -> tuple[float, float]:
    """Return the truth among women or men, and the weight of these where both are put together."""
    expected = {name: _expected(row, drawn.groups[sex, name]) for name in NATIONS}
    own = frame["nationality"] == row.group
    one, rest = expected[row.group], float(frame.loc[~own, "nationality"].map(expected).mean())
    weight = own.sum() * (~own).sum() / max(len(frame), 1)
    return (one / rest if row.kind == "spread" else one - rest), float(weight)


def _expected(row: Row, group: Group) -> float:
    """Return the mean of a measure, or its mean distance from the median, in a group as it was drawn."""
    height, weight = bodies(group, REFERENCE * 5, np.random.default_rng(0))
    nothing = np.zeros(len(height))
    values = {"height": height, "weight": weight, "final": nothing, "split_fraction": nothing}
    drawn = (values | derive(values))[row.measure]
    return float(np.abs(drawn - np.median(drawn)).mean() if row.kind == "spread" else drawn.mean())


def judged(row: Row, rows: list[Row], drawn: Table) -> tuple[bool, bool] | None:
    """Tell of a finding whether its sign is right, and whether the truth lies in its interval."""
    true = truth(row, rows, drawn)
    if true is None:
        return None
    none = float(row.kind == "spread")
    return (row.value - none) * (true - none) > 0, row.low <= true <= row.high
