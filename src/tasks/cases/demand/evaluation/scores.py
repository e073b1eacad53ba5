"""How good are the forecasts on the test periods, which nothing was chosen on? By series, step, and quantile."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.demand.training.intervals import TOLD
from tasks.cases.demand.training.simple import SIMPLE
from tasks.evaluation.champion import MINIMUM_CASES, Cases
from tasks.evaluation.intervals import bootstrap, paired_difference
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage


class Evaluated(NamedTuple):
    """The figures of the test."""

    metrics: list[Metric]
    models: pd.DataFrame  # model, wape, bias, chosen
    levels: pd.DataFrame  # level of aggregation, n, wape, baseline
    coverage: pd.DataFrame  # quantile, told, below, low, high
    gains: pd.DataFrame  # against, drawn, gain, low, high


def scored_rows(test: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the test that count: of series and not of sums, where the demand is known."""
    own = series.loc[series["level"] == "series", "number"]
    return test[test["number"].isin(own) & test["known"]]


@stage(phase="Evaluation")
def score_forecasts(test: pd.DataFrame, raw: pd.DataFrame, series: pd.DataFrame, baseline: dict[str, str]) -> Cases:
    """Score each series and step: the absolute error, as a share of the mean demand, so that the mean is the WAPE.

    Args:
        test: the chosen forecasts of the test.
        raw: those of each model, the same rows.
        series: the series and their sums.
        baseline: name of the strongest simple forecast.
    """
    mine = scored_rows(_beside(test, raw), series)
    mean = float(mine["actual"].mean()) or 1.0
    ours, simple = ((mine[name] - mine["actual"]).abs() / mean for name in ("value", baseline["name"]))
    return Cases(ours.to_numpy(), mine["number"].to_numpy(np.int64), simple.to_numpy())


def _beside(test: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    keys = ["number", "origin", "step"]
    models = [name for name in raw.columns if name not in test.columns]
    return test.merge(raw[[*keys, *models]], on=keys, validate="one_to_one")


def pinball(actual: np.ndarray, quantile: np.ndarray, level: float) -> np.ndarray:
    """Return the pinball loss of a quantile forecast (R. Koenker and G. Bassett, Econometrica, 1978)."""
    miss = actual - quantile
    return np.maximum(level * miss, (level - 1) * miss)


@stage(phase="Evaluation")
def evaluate_forecasts(
    test: pd.DataFrame,
    raw: pd.DataFrame,
    simple: pd.DataFrame,
    series: pd.DataFrame,
    baseline: dict[str, str],
    champion: np.ndarray | None,
) -> Evaluated:
    """Measure the forecasts of the test.

    Args:
        test: the chosen forecasts with their quantiles.
        raw: those of each model.
        simple: quantiles of the simple forecast, from its own errors in validation.
        series: the series and their sums.
        baseline: name of the strongest simple forecast.
        champion: its score of each case; None without one.
    """
    both = _beside(test, raw)
    mine = scored_rows(both, series)
    mean = float(mine["actual"].mean()) or 1.0
    ours = (mine["value"] - mine["actual"]).abs().to_numpy() / mean
    theirs = (mine[baseline["name"]] - mine["actual"]).abs().to_numpy() / mean
    inside, others = _inside(mine), _inside(scored_rows(simple, series))
    losses, simple_losses = _pinballs(mine) / mean, _pinballs(scored_rows(simple, series)) / mean
    metrics = [
        _metric("wape", ours, mine, theirs, f"baseline: {baseline['name']}, the best simple forecast in validation"),
        _metric("coverage_90", inside, mine, others, "of 90 % intervals; 90 is right"),
        _metric("pinball", losses, mine, simple_losses, "mean over five quantiles, of the mean demand"),
    ]
    if champion is not None:
        metrics[0].champion = 100 * float(np.mean(champion))
    return Evaluated(
        metrics, _models(mine, raw), _levels(both, series, baseline["name"]), _coverage(mine), _gains(mine, ours, mean)
    )


def _metric(name: str, values: np.ndarray, mine: pd.DataFrame, baseline: np.ndarray, note: str) -> Metric:
    """Return a mean over the cases in percent."""
    low, high = _interval(values, mine)
    return Metric(
        name=name,
        value=100 * float(values.mean()),
        unit="%",
        low=_end(low),
        high=_end(high),
        n=len(values),
        baseline=100 * float(baseline.mean()),
        note=note,
    )


def _end(value: float) -> float | None:
    """Return the end of an interval in percent; None where a single case tells nothing of how cases vary."""
    return 100 * float(value) if np.isfinite(value) else None


def _inside(mine: pd.DataFrame) -> np.ndarray:
    """Return whether each demand lies in its 90 % interval, as 1 and 0."""
    return ((mine["actual"] >= mine["q05"]) & (mine["actual"] <= mine["q95"])).to_numpy(float)


def _interval(values: np.ndarray, mine: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of two 95 % intervals together: other series, or other periods, might have been drawn."""
    drawn = [mine[name].to_numpy() for name in ("number", "t") if mine[name].nunique() > 1]
    ends = [bootstrap(values, groups=groups) for groups in drawn] or [(float("nan"), float("nan"))]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _pinballs(mine: pd.DataFrame) -> np.ndarray:
    actual = mine["actual"].to_numpy()
    parts = [pinball(actual, mine[f"q{round(100 * level):02d}"].to_numpy(), level) for level in TOLD]
    return np.asarray(np.mean(parts, axis=0))


def _models(mine: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    keys = {"number", "origin", "step", "t", "actual", "known"}
    rows = []
    for name in ["value", *(str(column) for column in raw.columns if column not in keys)]:
        there = mine[mine[name].notna()]
        if len(there) == 0:
            continue
        total = float(there["actual"].sum()) or 1.0
        miss = there[name] - there["actual"]
        rows.append(
            {
                "model": "chosen" if name == "value" else name,
                "wape": float(miss.abs().sum() / total),
                "bias": float(miss.sum() / total),
                "n": len(there),
            }
        )
    return pd.DataFrame(rows)


def _levels(both: pd.DataFrame, series: pd.DataFrame, baseline: str) -> pd.DataFrame:
    level = both["number"].map(series.set_index("number")["level"].astype(str))
    rows = []
    for name, part in both[both["known"]].groupby(level, sort=False):
        total = float(part["actual"].sum()) or 1.0
        rows.append(
            {
                "level": str(name),
                "n": int(part["number"].nunique()),
                "wape": float((part["value"] - part["actual"]).abs().sum() / total),
                "baseline": float((part[baseline] - part["actual"]).abs().sum() / total),
            }
        )
    return pd.DataFrame(rows)


def _coverage(mine: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for level in TOLD:
        below = (mine["actual"] <= mine[f"q{round(100 * level):02d}"]).to_numpy(float)
        low, high = _interval(below, mine)
        rows.append({"told": level, "below": float(below.mean()), "low": low, "high": high})
    return pd.DataFrame(rows)


def _gains(mine: pd.DataFrame, ours: np.ndarray, mean: float) -> pd.DataFrame:
    """Return the gain in WAPE over each simple forecast, with intervals over series and over periods."""
    rows = []
    for name in SIMPLE:
        theirs = (mine[name] - mine["actual"]).abs().to_numpy() / mean
        for drawn, groups in (("series", mine["number"]), ("periods", mine["t"])):
            if groups.nunique() > 1:
                gain = paired_difference(theirs, ours, groups=groups.to_numpy())
                rows.append({"against": name, "drawn": drawn, "gain": gain.value, "low": gain.low, "high": gain.high})
    return pd.DataFrame(rows, columns=["against", "drawn", "gain", "low", "high"])


@stage(phase="Evaluation")
def evaluate_orders(items: pd.DataFrame, naive: dict[str, str]) -> list[Metric]:
    """Measure what the orders would have saved against the naive rule, with an interval over items.

    Args:
        items: of the replay.
        naive: name of the naive rule.
    """
    wide = items.pivot(index="number", columns="rule", values="cost")
    ours, theirs, best = (wide[name].to_numpy() for name in ("forecast quantiles", naive["name"], "perfect knowledge"))
    total = float(theirs.sum()) or 1.0
    rng = np.random.default_rng(0)
    draws = rng.integers(len(ours), size=(2_000, len(ours)))
    saved = 1 - ours[draws].sum(axis=1) / np.maximum(theirs[draws].sum(axis=1), 1e-12)
    low, high = np.quantile(saved, [0.025, 0.975]) if len(ours) >= MINIMUM_CASES else (np.nan, np.nan)
    served = items.groupby("rule")[["lost", "demand"]].sum()
    fill = 1 - served["lost"] / served["demand"].clip(lower=1e-12)
    saving, most = (100 * (1 - float(rule.sum()) / total) if theirs.sum() > 0 else 0.0 for rule in (ours, best))
    note = f"against {naive['name']}; perfect knowledge would save {most:.0f} %; interval over items"
    return [
        Metric(
            name="cost_saved",
            value=saving,
            unit="%",
            low=_end(low),
            high=_end(high),
            n=len(ours),
            baseline=0.0,
            note=note,
        ),
        Metric(
            name="fill_rate",
            value=100 * float(fill["forecast quantiles"]),
            unit="%",
            n=len(ours),
            baseline=100 * float(fill[naive["name"]]),
            note="demand that is served in the replay",
        ),
    ]
