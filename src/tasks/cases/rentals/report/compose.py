"""What does a flat cost, and how surely can it be told? What the rentals case has to say of one run."""

from typing import Any

import pandas as pd

from tasks.cases.rentals.evaluation.scaling import Scaling
from tasks.cases.rentals.figures.listings import price_map
from tasks.cases.rentals.figures.models import MODEL_NAMES, foretold
from tasks.cases.rentals.figures.money import money
from tasks.cases.rentals.report.sections import (
    certainty_section,
    data_section,
    engines_section,
    models_section,
    reasons_section,
    unpriced_section,
)
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

GAIN = 0.3  # both errors at least this share below that of the best constant


@stage(phase="Deployment")
def describe_rentals(
    source: str,
    model: dict[str, Any],
    derived: pd.DataFrame,
    split: pd.DataFrame,
    search: pd.DataFrame,
    scores: pd.DataFrame,
    predictions: pd.DataFrame,
    worst: pd.DataFrame,
    metrics: list[Metric],
    currency: str,
    unpriced: pd.DataFrame | None = None,
    importance: pd.DataFrame | None = None,
    engines: pd.DataFrame | None = None,
    growth: Scaling | None = None,
) -> Findings:
    """Say what was found.

    Args:
        source: what the user asked for.
        model: configuration of the chosen model.
        derived: listings with derived columns.
        split: shares of the bands of price.
        search: cross-validated settings.
        scores: errors of every model on the test set.
        predictions: the test set with the price that each model foretells.
        worst: the listings with the largest squared errors.
        metrics: of the chosen model, complete with baseline and champion.
        currency: of the prices; empty when it is not known.
        unpriced: listings without a price, with `price` foretold, `low` and `high` (or without, on Spark alone); None
            where there are none.
        importance: of each column; None on Spark alone.
        engines: quality, time and memory on both engines; None for one engine.
        growth: time by rows on both engines; None for one engine.
    """
    kind, mean = str(model["kind"]), str(model["mean"])
    missing = unpriced if unpriced is not None and len(unpriced) else None
    sections = [
        certainty_section(scores, kind, mean, predictions, worst, currency),
        *([] if missing is None or "low" not in missing else [unpriced_section(missing, currency)]),
        data_section(derived, split, currency),
        *([] if importance is None else [reasons_section(importance, currency)]),
        models_section(search, currency),
        *([] if engines is None or growth is None else [engines_section(engines, growth, currency)]),
    ]
    map_of_prices = figure_block(
        price_map(derived, currency), "Map of the listings, each a dot coloured by its price", map_caption(source)
    )
    prices = figure_block(
        foretold(predictions, kind, currency),
        "Foretold against true prices of the test listings",
        f"{MODEL_NAMES[kind].capitalize()} on listings that it has never seen.",
    )
    return Findings(
        answer=_answer(metrics, model, currency, missing),
        verdict=judge(metrics),
        hero=[map_of_prices, prices],
        sections=sections,
        metrics=metrics,
        limits=_limits(scores, model, currency, missing),
    )


def map_caption(source: str) -> str:
    """Say where the coordinates come from; the publisher's are moved, the sample's are not."""
    moved = "" if source == "sample" else " Coordinates are those of the publisher, moved by up to 150 m."
    return f"Source: {source}.{moved}"


def _answer(metrics: list[Metric], model: dict[str, Any], currency: str, missing: pd.DataFrame | None) -> str:
    by_name = {metric.name: metric for metric in metrics}
    median, mae, rmse = by_name["median_ae"], by_name["mae"], by_name["rmse"]
    kind, mean = MODEL_NAMES[str(model["kind"])], MODEL_NAMES[str(model["mean"])]
    on = " on Spark" if model["engine"] == "spark" else ""
    whose = "Its RMSE" if kind == mean else f"The RMSE of the mean price ({mean})"
    filled = "" if missing is None or "low" not in missing else f" {len(missing):,} listings without a price got one."
    digits = 0 if median.value >= 10 else 2
    return (
        f"A {kind}{on} foretells the price of a flat to within {money(median.value, currency, digits)} a night in half"
        f" of the cases and {money(mae.value, currency, digits)} on average. {whose} is"
        f" {money(rmse.value, currency, 1)}, that of the best constant"
        f" {money(rmse.baseline or 0, currency, 1)}.{filled}"
    )


def judge(metrics: list[Metric]) -> Verdict:
    """Hold the run against the success criterion of its question."""
    gains = {}
    for metric in metrics:
        if metric.name in ("rmse", "mae") and metric.baseline:
            gains[metric.name] = 1 - metric.value / metric.baseline
    good = f"(good: both {GAIN:.0%} below)"
    if not gains:
        return Verdict(met=False, sentence=f"The best constant price makes no error, so none can be below it {good}.")
    met = len(gains) == 2 and all(gain >= GAIN for gain in gains.values())
    said = " and ".join(
        f"its {'RMSE' if name == 'rmse' else 'mean absolute error'} is {percent(abs(gain))}"
        f" {'below' if gain >= 0 else 'above'}"
        for name, gain in gains.items()
    )
    return Verdict(met=met, sentence=f"{said[0].upper()}{said[1:]} that of the best constant price {good}.")


def _limits(scores: pd.DataFrame, model: dict[str, Any], currency: str, missing: pd.DataFrame | None) -> list[str]:
    row = scores.set_index("model").loc[str(model["kind"])]
    limits = [
        "A price is what the host asks, on the day of the scrape; whether anyone pays it is not in the data, and"
        " prices in the thousands are often set to keep guests away.",
        "What was really for rent (size, equipment, photographs) is known only where the name tells it.",
        "The intervals tell how the error varies with the listings drawn, not how prices change from year to year.",
    ]
    if row["n_new"]:
        limits.append(
            f"Some test listings are of hosts who are in training too. For new hosts the mean absolute error is"
            f" {money(float(row['mae_new']), currency, 1)}, overall {money(float(row['mae']), currency, 1)}."
        )
    if not currency:
        limits.append(
            "The currency of the prices is not known, so none is named: the table does not say it, and neither name nor"
            " place of the listings is one that is known. Say it with `currency`."
        )
    if missing is not None and "low" not in missing:
        limits.append(f"{len(missing):,} listings without a price were left out; the engine pandas foretells theirs.")
    if model["engine"] == "spark":
        limits.append(
            "Spark's boosting has no Poisson deviance; it learns with the squared error, of prices and of logarithms."
        )
    return limits
