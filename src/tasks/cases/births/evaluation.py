"""How much does age tell of a weight, does it tell it of later births too, and what has changed over the years?"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.births.regression import Z
from tasks.cases.births.training import BEST, OLD, SUMS, YOUNG, group_of, means_by, share_interval
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage

HELD_OUT = 0.2  # of the years, the last ones
FEWEST_YEARS = 5  # for a test on later years, and to speak of a change
MOST_TOGETHER = 5  # years at each end that a change is measured between
DRAWS, SEED = 1_000, 137
CRITICAL_AGES = (18, 40)  # years: every age between has to be known well


class Weighed(NamedTuple):
    """What age tells of weight."""

    metrics: list[Metric]
    told: dict[str, float | None]  # explained, gain, gain_low, gain_high, rmse, baseline, widest, spread


class Changed(NamedTuple):
    """What has changed over the years."""

    by_year: pd.DataFrame  # birth_year, births, mean, low, high, age, expected
    gaps: pd.DataFrame  # decade, group, value, low, high: pounds against mothers of `BEST`
    split: dict[str, float]  # see `split_change`; empty where there are too few years


@stage(phase="Evaluation")
def weigh_age(by_age: pd.DataFrame) -> Weighed:
    """Measure what the mother's age tells of the weight of a birth.

    Args:
        by_age: sums by `birth_year` and `age`.
    """
    whole = means_by(by_age.assign(all=0), ["all"]).iloc[0]
    curve = means_by(by_age, ["age"])
    n = round(float(whole["effective"]))
    total = float((curve["births"] * (curve["mean"] - whole["mean"]) ** 2).sum() / whole["births"])
    explained = total / float(whole["sd"]) ** 2 if whole["sd"] else 0.0
    low_share = float(whole["low_share"])
    low, high = share_interval(low_share, n)
    shown = curve[curve["age"].between(*CRITICAL_AGES)]
    later = foresee(by_age)
    metrics = [
        Metric(
            name="mean_weight_pounds",
            value=float(whole["mean"]),
            unit="pounds",
            low=float(whole["low"]),
            high=float(whole["high"]),
            n=n,
        ),
        Metric(name="low_weight_share", value=low_share, low=low, high=high, n=n, note="below 2,500 g"),
        Metric(name="explained_share", value=explained, n=n, note="of the variance of weights, by the mother's age"),
    ]
    if later["rmse"] is not None:
        metrics.append(
            Metric(
                name="rmse",
                value=float(later["rmse"] or 0),
                unit="pounds",
                baseline=later["baseline"],
                note="weights of later births foretold by age; baseline: the mean of the years before",
            )
        )
    widest = float((shown["high"] - shown["low"]).max() / 2) if len(shown) else None
    return Weighed(metrics, {"explained": explained, "widest": widest, "spread": float(whole["sd"]), **later})


def foresee(cells: pd.DataFrame) -> dict[str, float | None]:
    """Foretell the weights of the last years: the mean of the years just before, by age and for all mothers alike.

    Age adds to that mean by how births of its mothers differed from others in all years before.

    Returns:
        `rmse` and `baseline` (one mean for all) in pounds; `gain`, the share of the baseline's mean squared error that
        age takes away, with the ends of its interval. All None where there are too few years.
    """
    years = np.sort(cells["birth_year"].unique())
    if len(years) < FEWEST_YEARS:
        return dict.fromkeys(("rmse", "baseline", "gain", "gain_low", "gain_high"))
    since = years[-max(1, round(HELD_OUT * len(years)))]
    train, test = cells[cells["birth_year"] < since], cells[cells["birth_year"] >= since]
    recent = train[train["birth_year"].isin(np.sort(train["birth_year"].unique())[-MOST_TOGETHER:])]
    mean = float(recent["pounds"].sum() / recent["births"].sum())
    by_age = means_by(train, ["age"]).set_index("age")["mean"]
    level = float((recent["age"].map(by_age) * recent["births"]).sum() / recent["births"].sum())
    told = (mean + test["age"].map(by_age) - level).fillna(mean).to_numpy(float)
    births, pounds, squares = (test[name].to_numpy(float) for name in ("births", "pounds", "pounds_squared"))
    total = births.sum()
    ours = float((squares - 2 * told * pounds + births * told**2).sum() / total)
    simple = float((squares - 2 * mean * pounds + births * mean**2).sum() / total)
    # The difference of the squared errors of a birth is linear in its weight, so its variance is known from the sums.
    factor, shift = 2 * (told - mean), mean**2 - told**2
    first = factor * pounds + births * shift
    second = factor**2 * squares + 2 * factor * shift * pounds + births * shift**2
    effective = total**2 / float(test["squares"].sum())
    gain = float(first.sum() / total)
    half = Z * float(np.sqrt(max(second.sum() / total - gain**2, 0.0) / effective))
    return {
        "rmse": ours**0.5,
        "baseline": simple**0.5,
        "gain": gain / simple,
        "gain_low": (gain - half) / simple,
        "gain_high": (gain + half) / simple,
    }


@stage(phase="Evaluation")
def measure_change(by_age: pd.DataFrame) -> Changed:
    """Follow weight, age and their relation over the years.

    Args:
        by_age: sums by `birth_year` and `age`.
    """
    years = means_by(by_age, ["birth_year"])[["birth_year", "births", "mean", "low", "high"]]
    mothers = by_age["births"] * by_age["age"]
    age = mothers.groupby(by_age["birth_year"]).sum() / by_age.groupby("birth_year")["births"].sum()
    years = years.assign(age=years["birth_year"].map(age), expected=years["birth_year"].map(_at_the_first_ages(by_age)))
    return Changed(years, gaps_by_decade(by_age), split_change(by_age))


def _ends(cells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last years, between which a change is measured."""
    years = np.sort(cells["birth_year"].unique())
    together = min(MOST_TOGETHER, max(1, len(years) // 3))
    return years[:together], years[-together:]


def _at_the_first_ages(cells: pd.DataFrame) -> pd.Series:
    """Return the mean weight of each year if its mothers were as old as those of the first years."""
    first = cells[cells["birth_year"].isin(_ends(cells)[0])].groupby("age")["births"].sum()
    means = means_by(cells, ["birth_year", "age"]).assign(weight=lambda table: table["age"].map(first).fillna(0.0))
    sums = (means["weight"] * means["mean"]).groupby(means["birth_year"]).sum()
    return sums / means.groupby("birth_year")["weight"].sum().where(lambda total: total > 0)


def gaps_by_decade(cells: pd.DataFrame) -> pd.DataFrame:
    """Return by how much the youngest and the oldest mothers' births differ from those of `BEST`, by decade."""
    named = cells.assign(decade=cells["birth_year"] // 10 * 10, group=group_of(cells["age"]))
    means = means_by(named, ["decade", "group"]).assign(error=lambda table: (table["high"] - table["low"]) / 2 / Z)
    best = means[means["group"] == BEST].set_index("decade")
    rows = means[means["group"].isin([YOUNG, OLD]) & means["decade"].isin(best.index)]
    value = rows["mean"] - rows["decade"].map(best["mean"])
    half = Z * np.hypot(rows["error"], rows["decade"].map(best["error"]))
    found = rows[["decade", "group"]].assign(value=value, low=value - half, high=value + half)
    return found.reset_index(drop=True)


def split_change(cells: pd.DataFrame) -> dict[str, float]:
    """Split the change of the mean weight between the first and the last years into two parts (E. Kitagawa, 1955).

    Returns:
        `total`, `ages` (mothers are of other ages) and `weights` (births weigh more or less at the same age), in
        pounds, with the ends of their intervals (`total_low`, ...; parametric bootstrap); the mean ages `age_first` and
        `age_last`, and the years. Empty where there are too few years.
    """
    if cells["birth_year"].nunique() < FEWEST_YEARS:
        return {}
    parts = []
    for years in _ends(cells):
        sums = cells[cells["birth_year"].isin(years)].groupby("age")[SUMS].sum()
        parts.append((years, sums))
    ages = parts[0][1].index.union(parts[1][1].index)
    tables = [means_by(sums.reset_index(), ["age"]).set_index("age").reindex(ages) for _, sums in parts]
    births = [table["births"].fillna(0.0).to_numpy() for table in tables]
    other = [tables[1]["mean"].to_numpy(), tables[0]["mean"].to_numpy()]
    means = [np.where(np.isnan(own := table["mean"].to_numpy()), other[at], own) for at, table in enumerate(tables)]
    errors = [((table["high"] - table["low"]) / 2 / Z).fillna(0.0).to_numpy() for table in tables]
    effective = [float(table["effective"].sum()) for table in tables]
    found = _kitagawa([count / count.sum() for count in births], means)
    rng = np.random.default_rng(SEED)
    sizes = [max(1, round(n)) for n in effective]
    shares = [rng.multinomial(n, own / own.sum(), DRAWS) / n for n, own in zip(sizes, births, strict=True)]
    drawn = [rng.normal(mean, error, (DRAWS, len(ages))) for mean, error in zip(means, errors, strict=True)]
    low, high = np.quantile(np.array(_kitagawa(shares, drawn)), [0.025, 0.975], axis=1)
    record: dict[str, float] = {}
    for at, name in enumerate(("total", "ages", "weights")):
        record |= {name: float(found[at]), f"{name}_low": float(low[at]), f"{name}_high": float(high[at])}
    for name, count, (years, _) in zip(("first", "last"), births, parts, strict=True):
        record |= {
            f"age_{name}": float(count @ ages.to_numpy(float) / count.sum()),
            f"{name}_from": float(years[0]),
            f"{name}_to": float(years[-1]),
        }
    return record


def _kitagawa(shares: list[np.ndarray], means: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the change of a mean and its two parts; shares and means of both times are (..., ages)."""
    ages = ((shares[1] - shares[0]) * (means[0] + means[1]) / 2).sum(axis=-1)
    weights = ((means[1] - means[0]) * (shares[0] + shares[1]) / 2).sum(axis=-1)
    return ages + weights, ages, weights
