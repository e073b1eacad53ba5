"""How does the mean weight run over the mother's age, as it is and with what else is known held equal?"""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from tasks.cases.births.regression import FEWEST_GROUPS, Fit, Z, indicators, least_squares, within
from tasks.evaluation.intervals import exact_binomial
from tasks.platform.stage import stage

APART = 0.975  # level of the interval of each of two slopes
CENTRE = 28.0  # years; the parabola is fitted around it
SUMS = ["records", "births", "squares", "pounds", "pounds_squared", "low", "dated", "early"]
STEPS = {
    "as it is": [],
    "and the decade held equal": ["decade"],
    "and sex and twins": ["decade", "sex", "plural"],
    "and birth order": ["decade", "sex", "plural", "birth_order"],
    "and smoking": ["decade", "sex", "plural", "birth_order", "smoker"],
}
KNOWN = STEPS["and smoking"]
YOUNG, BEST, OLD = "under 20", "30 to 34", "40 and over"
Word = Literal["inverted U", "rise", "fall", "U", "rise to a level", "fall from a level", "none"]


class Shape(BaseModel):
    """How the mean weight runs over age, years held equal."""

    word: Word
    peak: float | None = Field(description="years at which the parabola is highest; None where it has no such age")
    peak_low: float | None
    peak_high: float | None
    held: list[float] | None = Field(None, description="the peak with what else is known held equal: value, low, high")
    before: list[float] = Field(description="pounds a year up to the turn: value, low, high (97.5 %)")
    after: list[float] = Field(description="pounds a year beyond the turn: value, low, high (97.5 %)")
    turn: float = Field(description="years")
    held_out: bool = Field(description="whether the turn was looked for in other years than the slopes")
    clustered: bool = Field(description="whether the intervals are by years")


class Curves(NamedTuple):
    """The mean weight by age and by group of ages."""

    by_age: pd.DataFrame  # age, births, effective, mean, low, high, sd, low_share, early_share, adjusted, from, to
    contrasts: pd.DataFrame  # step, group, value, low, high: pounds against mothers of `BEST`
    shape: Shape


@stage(phase="Modelling")
def fit_curves(by_age: pd.DataFrame, by_cell: pd.DataFrame) -> Curves:
    """Describe how weight runs over age.

    Args:
        by_age: sums by `birth_year` and `age`.
        by_cell: sums by `decade`, `age` and what else is known.
    """
    raw = means_by(by_age, ["age"])
    shape = shape_of(by_age).model_copy(update={"held": held_peak(by_cell)})
    return Curves(raw.merge(adjusted_by_age(by_cell), on="age", how="left"), contrasts_by_step(by_cell), shape)


def means_by(cells: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean, spread and shares of births by some columns; intervals are those of independent births.

    Records that stand for more births than one tell no more than one: they count by Kish's effective number.
    """
    sums = cells.groupby(by, as_index=False, observed=True)[SUMS].sum()
    births = sums["births"]
    mean = sums["pounds"] / births
    variance = (sums["pounds_squared"] / births - mean**2).clip(lower=0)
    effective = births**2 / sums["squares"]
    half = Z * np.sqrt(variance / effective)
    return sums[[*by, "births"]].assign(
        effective=effective,
        mean=mean,
        low=mean - half,
        high=mean + half,
        sd=np.sqrt(variance),
        low_share=sums["low"] / births,
        early_share=(sums["early"] / sums["dated"].where(sums["dated"] > 0)),
    )


def share_interval(share: float, effective: float) -> tuple[float, float]:
    """Return the exact interval of a share of so many births."""
    count = max(1, round(effective))
    return exact_binomial(min(count, round(share * count)), count)


def _commonest(cells: pd.DataFrame, name: str) -> object:
    return cells.groupby(name)["births"].sum().idxmax()


def _adjusting(cells: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the columns that hold `names` equal, centred, so that the rest speaks of births as they are mixed."""
    parts = [indicators(cells[name], _commonest(cells, name))[0] for name in names]
    columns = np.hstack([np.zeros((len(cells), 0)), *parts])
    weights = cells["births"].to_numpy(float)
    return np.asarray(columns - (weights @ columns) / weights.sum()) if columns.shape[1] else columns


def adjusted_by_age(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the mean weight by age if each had the decades, sexes, twins, orders and smokers of all births."""
    ages = np.sort(cells["age"].unique())
    own = (cells["age"].to_numpy()[:, None] == ages[None, :]).astype(float)
    design = np.hstack([own, _adjusting(cells, KNOWN)])
    fit = least_squares(design, cells)
    found = [fit.interval(np.eye(design.shape[1])[number]) for number in range(len(ages))]
    return pd.DataFrame(found, columns=["adjusted", "from", "to"]).assign(age=ages)


def group_of(age: pd.Series) -> pd.Series:
    """Return the group of ages of each mother, as a contrast speaks of them."""
    return pd.cut(
        age, [-np.inf, 19, 24, 29, 34, 39, np.inf], labels=[YOUNG, "20 to 24", "25 to 29", BEST, "35 to 39", OLD]
    ).astype(str)


def contrasts_by_step(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the difference of each group of ages from `BEST`, with more and more held equal."""
    groups = group_of(cells["age"])
    if BEST not in set(groups):
        return pd.DataFrame(columns=["step", "group", "value", "low", "high"])
    of_age, names = indicators(groups, BEST)
    rows = []
    for step, held in STEPS.items():
        design = np.hstack([np.ones((len(cells), 1)), of_age, _adjusting(cells, held)])
        fit = least_squares(design, cells)
        for number, name in enumerate(names, start=1):
            rows.append((step, name, *fit.interval(np.eye(design.shape[1])[number])))
    return pd.DataFrame(rows, columns=["step", "group", "value", "low", "high"])


def shape_of(cells: pd.DataFrame) -> Shape:
    """Tell the shape by a parabola, and by a line on each side of its turn (U. Simonsohn, "Two lines", 2018).

    The turn is looked for in every second year and the lines are fitted to the others, where there are enough years.
    """
    years = np.sort(cells["birth_year"].unique())
    apart = len(years) >= 4
    seek = cells[cells["birth_year"].isin(years[::2])] if apart else cells
    test = cells[cells["birth_year"].isin(years[1::2])] if apart else cells
    peak = _parabola(cells)
    sought = _parabola(seek)
    inner = sought[0] if sought[0] is not None else CENTRE
    turn = float(np.clip(inner, *_tenths(seek)))
    before, after = _two_lines(test, turn)
    return Shape(
        word=word_of(before, after),
        peak=peak[0],
        peak_low=peak[1],
        peak_high=peak[2],
        before=list(before),
        after=list(after),
        turn=turn,
        held_out=apart,
        clustered=test["birth_year"].nunique() >= FEWEST_GROUPS,
    )


def _tenths(cells: pd.DataFrame) -> tuple[float, float]:
    """Return the ages below and above which a tenth of the mothers are."""
    by_age = cells.groupby("age")["births"].sum().sort_index()
    share = by_age.cumsum() / by_age.sum()
    return float(share.index[np.searchsorted(share, 0.1)]), float(share.index[np.searchsorted(share, 0.9)])


def word_of(before: tuple[float, float, float], after: tuple[float, float, float]) -> Word:
    """Name the shape whose slopes before and beyond the turn have these values and intervals."""
    up, down = before[1] > 0, before[2] < 0
    then_up, then_down = after[1] > 0, after[2] < 0
    words: dict[tuple[bool, bool, bool, bool], Word] = {
        (True, False, False, True): "inverted U",
        (False, True, True, False): "U",
        (True, False, True, False): "rise",
        (False, True, False, True): "fall",
        (True, False, False, False): "rise to a level",
        (False, False, False, True): "fall from a level",
        (False, False, True, False): "rise",
        (False, True, False, False): "fall",
    }
    return words.get((up, down, then_up, then_down), "none")


def _parabola(cells: pd.DataFrame) -> tuple[float | None, float | None, float | None]:
    """Return the age at which a parabola is highest, years held equal, with its interval; None where it has no top."""
    age, years = cells["age"].to_numpy(float) - CENTRE, cells["birth_year"].to_numpy()
    design = within(np.column_stack([age, age**2]), cells["births"].to_numpy(float), years)
    return _top(least_squares(design, cells, years), cells) or (None, None, None)


def held_peak(cells: pd.DataFrame) -> list[float] | None:
    """Return the age at which a parabola is highest, what else is known held equal, with its interval."""
    age = cells["age"].to_numpy(float) - CENTRE
    design = np.column_stack([age, age**2, np.ones(len(age)), _adjusting(cells, KNOWN)])
    found = _top(least_squares(design, cells), cells)
    return list(found) if found else None


def _top(fit: Fit, cells: pd.DataFrame) -> tuple[float, float, float] | None:
    """Return where the parabola of the first two coefficients is highest, with its interval (delta method)."""
    one = np.eye(len(fit.coefficients))
    slope, bend = fit.coefficients[:2]
    if fit.interval(one[1])[2] >= 0:
        return None
    top = CENTRE - slope / (2 * bend)
    if not cells["age"].min() < top < cells["age"].max():
        return None
    _, low, high = fit.interval(-one[0] / (2 * bend) + one[1] * slope / (2 * bend**2))
    return float(top), float(top - (high - low) / 2), float(top + (high - low) / 2)


def _two_lines(cells: pd.DataFrame, turn: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the slopes before and beyond a turn, in pounds a year.

    Their intervals have 97.5 % each, so that both hold in 95 of 100 tables: where age does nothing, a shape is found in
    at most one table of twenty.
    """
    age, years = cells["age"].to_numpy(float) - turn, cells["birth_year"].to_numpy()
    design = within(np.column_stack([np.minimum(age, 0), np.maximum(age, 0)]), cells["births"].to_numpy(float), years)
    fit = least_squares(design, cells, years)
    return fit.interval(np.array([1.0, 0.0]), APART), fit.interval(np.array([0.0, 1.0]), APART)
