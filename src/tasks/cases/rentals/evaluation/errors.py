"""How far off are the foretold prices, and where? Errors of every model on the test set, with their intervals.

Two kinds of measures stand side by side. The root mean squared error (RMSE) of raw prices is the usual one, and hangs
on the few prices in the thousands. The mean and the median absolute error (MAE), and the RMSE of logarithms, tell how
far off the price of an ordinary flat is. The contest is held by the absolute error of logarithms: it counts each flat
by how far off its price is for its level, where the mean of an error in money is decided by whichever hotel is drawn.
Flats of one host are not independent cases: whole hosts are drawn.
"""

from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.champion import Cases
from tasks.evaluation.intervals import bootstrap
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage

NOT_MODELS = ("id", "name", "host_id", "seen", "price", "low", "high")
MEASURES = ("rmse", "mae", "median_ae", "rmsle", "mae_log")
WORST = 12


def measure(price: np.ndarray, found: np.ndarray, groups: np.ndarray | None = None) -> dict[str, float]:
    """Return each of `MEASURES` with `<name>_low` and `<name>_high`, its 95 % interval.

    Args:
        price: (n,), in any currency.
        found: foretold, (n,).
        groups: the host of each listing, (n,); no intervals when None. The median's interval draws listings.
    """
    error = np.abs(found - price)
    ratio = (np.log1p(found) - np.log1p(price)) ** 2
    cases = {"rmse": error**2, "mae": error, "median_ae": error, "rmsle": ratio, "mae_log": np.sqrt(ratio)}
    result: dict[str, float] = {}
    for name, values in cases.items():
        rooted = name.startswith("rms")
        median = name == "median_ae"
        value = float(np.median(values) if median else np.mean(values))
        result[name] = float(np.sqrt(value)) if rooted else value
        if groups is not None:
            ends = bootstrap(values, np.median) if median else bootstrap(values, groups=groups)
            low, high = np.sqrt(ends) if rooted else ends
            result |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


@stage(phase="Evaluation")
def score_models(predictions: pd.DataFrame) -> pd.DataFrame:
    """Measure every model on the test set.

    Args:
        predictions: `id, name, host_id, seen, price`, and a column per model; or without `name` and `seen`.

    Returns:
        A row per model: `model`, each of `MEASURES` with its interval, and, where `seen` is known, `rmse_new`,
        `mae_new` and `n_new`: the errors for hosts of whom no listing was in training (NaN without any).
    """
    price = predictions["price"].to_numpy(np.float64)
    hosts = predictions["host_id"].to_numpy()
    new = ~predictions["seen"].to_numpy(bool) if "seen" in predictions else np.zeros(len(price), bool)
    rows = []
    for name in [column for column in predictions.columns if column not in NOT_MODELS]:
        found = predictions[name].to_numpy(np.float64)
        row: dict[str, Any] = {"model": name, **measure(price, found, hosts)}
        error = found[new] - price[new]
        row["rmse_new"] = float(np.sqrt(np.mean(error**2))) if new.any() else np.nan
        row["mae_new"] = float(np.mean(np.abs(error))) if new.any() else np.nan
        rows.append(row | {"n_new": int(new.sum())})
    return pd.DataFrame(rows)


@stage(phase="Evaluation")
def relative_errors(predictions: pd.DataFrame, model: dict[str, Any]) -> Cases:
    """Return how far off each test listing is, for the chosen model and for the median price, (n,).

    Off is the absolute difference of log(1 + price): 0.1 is a tenth of the price.

    Listings of one host belong together.
    """
    columns = ("price", str(model["kind"]), "median")
    price, ours, median = (np.log1p(predictions[name].to_numpy(np.float64)) for name in columns)
    groups = pd.factorize(predictions["host_id"])[0].astype(np.int64)
    return Cases(np.abs(ours - price), groups, np.abs(median - price))


@stage(phase="Evaluation")
def worst_errors(predictions: pd.DataFrame, model: dict[str, Any]) -> pd.DataFrame:
    """Return the test listings that carry the squared error of the model of the mean price, the largest first.

    Returns:
        `name, price, seen, foretold, share, cumulative`, at most twelve rows.
    """
    kind = str(model.get("mean", model["kind"]))
    error = (predictions[kind] - predictions["price"]) ** 2
    order = error.sort_values(ascending=False, kind="stable").index
    share = error / max(float(error.sum()), 1e-12)
    table = predictions.loc[order, ["name", "price", "seen"]].assign(
        foretold=predictions.loc[order, kind], share=share.loc[order]
    )
    return table.assign(cumulative=table["share"].cumsum()).head(WORST).reset_index(drop=True)


@stage(phase="Evaluation")
def summarise_prices(
    scores: pd.DataFrame,
    model: dict[str, Any],
    predictions: pd.DataFrame,
    currency: str,
    champion: np.ndarray | None = None,
) -> list[Metric]:
    """Return the metrics; the baseline of the RMSE is the mean price, of the others the median.

    Args:
        scores: as `score_models` returns them.
        model: configuration of the chosen ones: the RMSE is that of the model of the mean price, all others of the
            typical price.
        predictions: of the test listings, with `low` and `high` where a range is told.
        currency: of the prices; empty when it is not known.
        champion: how far off the champion is for each test listing, (n,) as `relative_errors`; None without one.
    """
    table, n = scores.set_index("model"), len(predictions)
    kind, mean = str(model["kind"]), str(model["mean"])
    of_champion: dict[str, float] = {}
    if champion is not None and len(champion) == n:
        of_champion = {"rmsle": float(np.sqrt(np.mean(champion**2))), "mae_log": float(np.mean(champion))}
    notes = {
        "rmse": "raw prices; the few highest weigh most" + ("; of the model of the mean price" if mean != kind else ""),
        "rmsle": "of log(1 + price)",
        "mae_log": "of log(1 + price); 0.1 is a tenth of the price; decides the contest",
    }
    rows = {name: table.loc[mean if name == "rmse" else kind] for name in MEASURES}
    metrics = [
        Metric(
            name=name,
            value=float(rows[name][name]),
            unit="" if "log" in name or name == "rmsle" else currency,
            low=float(rows[name][f"{name}_low"]),
            high=float(rows[name][f"{name}_high"]),
            n=n,
            baseline=float(table[name]["mean" if name == "rmse" else "median"]),
            champion=of_champion.get(name),
            note=notes.get(name, ""),
        )
        for name in MEASURES
    ]
    return [*metrics, *([_coverage(predictions)] if "low" in predictions else [])]


def _coverage(predictions: pd.DataFrame) -> Metric:
    """Return the share of the test listings whose price lies in its range of 80 %."""
    held = predictions["price"].between(predictions["low"], predictions["high"])
    low, high = bootstrap(held.to_numpy(np.float64), groups=predictions["host_id"].to_numpy())
    note = "share of the prices in their range, which is to hold 0.8"
    return Metric(name="coverage@80", value=float(held.mean()), low=low, high=high, n=len(held), note=note)


@stage(phase="Evaluation")
def compare_engines(
    pandas_scores: pd.DataFrame, pandas_costs: pd.DataFrame, spark_scores: pd.DataFrame, spark_costs: pd.DataFrame
) -> pd.DataFrame:
    """Put quality, time and memory of the models on both engines side by side.

    Returns:
        `model, engine, rmse, mae, median_ae, seconds, megabytes`, models in the order of pandas.
    """
    parts = []
    for engine, scores, costs in (
        ("pandas", pandas_scores, pandas_costs),
        ("Spark", spark_scores, spark_costs),
    ):
        table = scores[["model", "rmse", "mae", "median_ae"]].merge(costs, on="model")
        parts.append(table.assign(engine=engine))
    both = pd.concat(parts, ignore_index=True)
    order = {name: place for place, name in enumerate(pandas_scores["model"])}
    both = both.assign(_order=both["model"].map(order)).sort_values(["_order", "engine"], kind="stable")
    return both[["model", "engine", "rmse", "mae", "median_ae", "seconds", "megabytes"]].reset_index(drop=True)
