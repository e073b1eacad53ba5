"""How far may demand be from its forecast? Quantiles from the errors in validation, and none from a formula.

Split conformal prediction (V. Vovk and others, 2005) on signed errors: the error of a forecast, in units of what its
series usually misses, is ranked among those of all series of its kind at the same distance. Orders need the demand of
several periods together, so the errors of sums over the first k periods are ranked for themselves: they are neither k
times those of one period nor independent of each other.
"""

import numpy as np
import pandas as pd

from tasks.platform.stage import stage

LEVELS = np.round(np.concatenate([[0.005], np.arange(0.01, 1.0, 0.01), [0.995]]), 3)
TOLD = (0.05, 0.25, 0.5, 0.75, 0.95)
SHRINK = 8.0  # periods of validation that the usual error of the kind counts as
LEAST = 4  # periods of validation from which a series has an error of its own
FEWEST = 120  # errors from which a distance, or a length, is ranked for itself


def usual_errors(centre: pd.DataFrame, series: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return what each series usually misses, number -> its mean absolute error, drawn towards its kind's.

    NaN for a series that had hardly any demand in validation; then what its kind misses as a share of its forecast,
    kind -> share, is the second answer.

    Args:
        centre: validation forecasts: `number`, `actual`, `known`, `value`.
        series: `number`, `kind`.
    """
    good = centre[centre["known"]]
    error = (good["value"] - good["actual"]).abs()
    table = pd.DataFrame(
        {
            "error": error.groupby(good["number"]).sum(),
            "n": error.groupby(good["number"]).size(),
            "level": good["value"].groupby(good["number"]).mean(),
        }
    )
    table = table.reindex(series["number"])
    kind = series.set_index("number")["kind"].astype(str)
    level = centre["value"].groupby(centre["number"]).mean().reindex(table.index).fillna(0.0)
    ratio = table["error"].groupby(kind).sum() / (table["level"] * table["n"]).groupby(kind).sum().clip(lower=1e-12)
    prior = kind.map(ratio).fillna(ratio.mean() if len(ratio) else 1.0) * level
    own = (table["error"].fillna(0.0) + SHRINK * prior) / (table["n"].fillna(0) + SHRINK)
    return own.where((table["n"].fillna(0) >= LEAST) & (own > 0)), ratio.fillna(1.0)


@stage(phase="Modelling")
def fit_intervals(
    centre: pd.DataFrame, series: pd.DataFrame, rehearsed: pd.DataFrame | None = None, test: int = 0
) -> pd.DataFrame:
    """Rank the errors in validation.

    Args:
        centre: the chosen forecasts of the validation origins.
        series: `number`, `level`, `kind`.
        rehearsed: a few steps from each period before the test, which sums of as many are ranked by; None for none.
        test: the first test period; rehearsed forecasts from there on do not count.

    Returns:
        `of` (`step`: one period, that of number `k`; `sum`: the first `k` periods; `usual`: what series number `k`
        usually misses), `kind`, `k`, `level`, `value`.
    """
    usual, ratio = usual_errors(centre, series)
    kind = series.set_index("number")["kind"].astype(str)
    step, sums = _errors(centre, usual)
    if rehearsed is not None:
        few = _errors(rehearsed[rehearsed["t"] < test], usual)[1]
        sums = pd.concat(
            [few, sums[~sums["step"].isin(few["step"]) | ~sums["number"].map(kind).isin(few["number"].map(kind))]]
        )
    steps = int(centre["step"].max()) + 1
    rows = [
        pd.DataFrame({"of": "usual", "kind": "", "k": usual.index, "level": 0.0, "value": usual.to_numpy()}),
        pd.DataFrame({"of": "share", "kind": ratio.index, "k": 0, "level": 0.0, "value": ratio.to_numpy()}),
    ]
    for what, errors in (("step", step), ("sum", sums)):
        for name in sorted(kind.unique()):
            mine = errors[errors["number"].map(kind) == name]
            rows.append(_ranked(what, name, mine["step"].to_numpy(), mine["miss"].to_numpy(), steps))
    return pd.concat(rows, ignore_index=True).astype({"of": str, "kind": str})


def _errors(centre: pd.DataFrame, usual: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the errors of single periods, and of the first periods together, in units of what is usual.

    Each has `number`, `step`, `miss`; a sum with a period in it whose demand is not known is left out.
    """
    table = centre.sort_values(["number", "origin", "step"], kind="stable")
    miss = (table["actual"] - table["value"]) / table["number"].map(usual)
    keys = [table["number"], table["origin"]]
    whole = table["known"].astype(int).groupby(keys).cumprod().astype(bool)
    single = table[["number", "step"]].assign(miss=miss)[table["known"].astype(bool)]
    together = table[["number", "step"]].assign(miss=miss.groupby(keys).cumsum())[whole]
    return single.dropna(), together.dropna()


def _ranked(what: str, kind: str, step: np.ndarray, miss: np.ndarray, steps: int) -> pd.DataFrame:
    """Return the quantiles of errors at each distance; where there are few, those of distances nearby count too."""
    parts = []
    for k in range(1, steps + 1):
        reach, own = 0, miss[step == k - 1]
        while len(own) < FEWEST and reach < steps:
            reach += 1
            near = np.abs(step - (k - 1)) <= reach
            growth = np.sqrt(k / (step[near] + 1.0)) if what == "sum" else 1.0
            own = miss[near] * growth
        own = own if len(own) else np.zeros(1)
        n = len(own)
        # The conformal rank is ceil((n + 1) q) above the middle, and its mirror image below it.
        rank = np.where(LEVELS >= 0.5, np.ceil((n + 1) * LEVELS), np.floor((n + 1) * LEVELS))
        value = np.sort(own)[np.clip(rank.astype(int), 1, n) - 1]
        parts.append(pd.DataFrame({"of": what, "kind": kind, "k": k, "level": LEVELS, "value": value}))
    return pd.concat(parts, ignore_index=True)


class Widths:
    """The fitted intervals, to be asked."""

    def __init__(self, table: pd.DataFrame, series: pd.DataFrame) -> None:
        usual = table[table["of"] == "usual"]
        self.usual = dict(zip(usual["k"].astype(int), usual["value"], strict=True))
        self.kind = dict(zip(series["number"].astype(int), series["kind"].astype(str), strict=True))
        share = table[table["of"] == "share"]
        self.share = dict(zip(share["kind"].astype(str), share["value"], strict=True))
        ranked = table[table["of"].isin(["step", "sum"])]
        self.ranks = {
            (str(of), str(kind), int(str(k))): part["value"].to_numpy()
            for (of, kind, k), part in ranked.groupby(["of", "kind", "k"])
        }
        self.steps = int(ranked["k"].max())

    def offsets(self, of: str, numbers: np.ndarray, k: np.ndarray, level: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Return what is to be added to forecasts for their quantiles, (n,).

        Args:
            of: `step`, or `sum`.
            numbers: of the series, (n,).
            k: which period, or how many, from 1, (n,); beyond what was validated the last counts, grown by its root.
            level: of the quantile, (n,).
            value: forecast of a period, (n,): what series without errors of their own are measured by.
        """
        kinds = np.array([self.kind[int(number)] for number in numbers], dtype=object)
        unit = np.array([self.usual[int(number)] for number in numbers])
        share = np.array([self.share.get(kind, 1.0) for kind in kinds], float)
        unit = np.where(np.isfinite(unit), unit, share * np.maximum(value, 0.0))
        inside = np.clip(k, 1, self.steps)
        out = np.zeros(len(numbers))
        for kind in set(kinds):
            for length in np.unique(inside[kinds == kind]):
                rows = (kinds == kind) & (inside == length)
                out[rows] = np.interp(level[rows], LEVELS, self.ranks[of, kind, int(length)])
        return out * unit * (np.sqrt(np.maximum(k, 1) / inside) if of == "sum" else 1.0)


@stage(phase="Modelling")
def tell_quantiles(centre: pd.DataFrame, intervals: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return forecasts with a column per quantile of `TOLD`, `q05` …, in order and never below zero."""
    widths = Widths(intervals, series)
    numbers, k = centre["number"].to_numpy(), centre["step"].to_numpy() + 1
    told = {
        f"q{round(100 * level):02d}": np.maximum(
            centre["value"].to_numpy()
            + widths.offsets("step", numbers, k, np.full(len(centre), level), centre["value"].to_numpy()),
            0.0,
        )
        for level in TOLD
    }
    return centre.assign(**told)


@stage(phase="Modelling")
def simple_quantiles(
    validation: pd.DataFrame, test: pd.DataFrame, series: pd.DataFrame, baseline: dict[str, str]
) -> pd.DataFrame:
    """Return the simple forecast of the test with quantiles from its own errors in validation."""
    keys = ["number", "origin", "step", "t", "actual", "known"]
    name = baseline["name"]
    early, late = (table[keys].assign(value=table[name]) for table in (validation, test))
    return tell_quantiles.fn(late, fit_intervals.fn(early, series), series)
