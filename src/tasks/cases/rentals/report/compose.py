"""What does a flat cost, and how surely can it be told? What the rentals case has to say of one run."""

from typing import Any

import pandas as pd

from tasks.cases.rentals.evaluation.scaling import Scaling
from tasks.cases.rentals.figures.listings import price_map
from tasks.cases.rentals.figures.models import MODEL_NAMES, foretold
from tasks.cases.rentals.report.sections import (
    certainty_section,
    data_section,
    engines_section,
    models_section,
    reasons_section,
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
    losses: pd.DataFrame | None = None,
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
        losses: errors of boosting by loss; None on Spark alone.
        importance: of each column; None on Spark alone.
        engines: quality, time and memory on both engines; None for one engine.
        growth: time by rows on both engines; None for one engine.
    """
    kind = str(model["kind"])
    sections = [
        certainty_section(scores, kind, predictions, worst),
        data_section(derived, split),
        *([] if importance is None else [reasons_section(importance)]),
        models_section(search, losses),
        *([] if engines is None or growth is None else [engines_section(engines, growth)]),
    ]
    map_of_prices = figure_block(
        price_map(derived), "Map of the listings, each a dot coloured by its price", map_caption(source)
    )
    prices = figure_block(
        foretold(predictions, kind),
        "Foretold against true prices of the test listings",
        f"{MODEL_NAMES[kind].capitalize()} on listings that it has never seen.",
    )
    return Findings(
        answer=_answer(metrics, kind, model["engine"]),
        verdict=judge(metrics),
        hero=[map_of_prices, prices],
        sections=sections,
        metrics=metrics,
        limits=_limits(scores, kind, model["engine"]),
    )


def map_caption(source: str) -> str:
    """Say where the coordinates come from; the publisher's are moved, the sample's are not."""
    moved = "" if source == "sample" else " Coordinates are those of the publisher, moved by up to 150 m."
    return f"Source: {source}.{moved}"


def _answer(metrics: list[Metric], kind: str, engine: str) -> str:
    by_name = {metric.name: metric for metric in metrics}
    median, mae, rmse = by_name["median_ae"], by_name["mae"], by_name["rmse"]
    on = " on Spark" if engine == "spark" else ""
    return (
        f"A {MODEL_NAMES[kind]}{on} foretells the price of a flat to within {median.value:.0f} € a night in half of the"
        f" cases and {mae.value:.0f} € on average; its RMSE is {rmse.value:.1f} €, the mean price's"
        f" {rmse.baseline:.1f} €."
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


def _limits(scores: pd.DataFrame, kind: str, engine: str) -> list[str]:
    row = scores.set_index("model").loc[kind]
    limits = [
        "A price is what the host asks, on the day of the scrape; whether anyone pays it is not in the data, and"
        " prices in the thousands are often set to keep guests away.",
        "What was really for rent (size, equipment, photographs) is known only where the name tells it.",
        "The intervals tell how the error varies with the listings drawn, not how prices change from year to year.",
    ]
    if row["n_new"]:
        limits.append(
            f"Some test listings are of hosts who are in training too. For new hosts the mean absolute error is"
            f" {row['mae_new']:.1f} €, overall {row['mae']:.1f} €."
        )
    if engine == "spark":
        limits.append("Spark's boosting has no Poisson deviance; it learns with the squared error.")
    return limits
