"""What does a flat cost, and how surely can it be told? Everything of one run of the rentals case, in its report."""

import math
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from tasks.cases.rentals.evaluation.scaling import Scaling
from tasks.cases.rentals.figures.listings import correlations, price_map, price_tail, scatter_matrix
from tasks.cases.rentals.figures.models import (
    MODEL_NAMES,
    foretold,
    importances,
    model_errors,
    scaling,
    scaling_finding,
)
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.ingestion.files import Source
from tasks.platform.stage import stage
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.report import Report, Verdict, quarantine_rows
from tasks.publishing.tables import broken_rows, data_record, figure_block
from tasks.validation.contract import ContractReport

GAIN = 0.3  # both errors at least this share below that of the best constant


@stage(phase="Deployment")
def compose_rentals(
    where: Source,
    model: dict[str, Any],
    derived: pd.DataFrame,
    split: pd.DataFrame,
    contract: ContractReport,
    unreadable: pd.DataFrame,
    quarantine: pd.DataFrame,
    search: pd.DataFrame,
    scores: pd.DataFrame,
    predictions: pd.DataFrame,
    worst: pd.DataFrame,
    metrics: list[Metric],
    champion: str,
    losses: pd.DataFrame | None = None,
    importance: pd.DataFrame | None = None,
    engines: pd.DataFrame | None = None,
    growth: Scaling | None = None,
) -> Report:
    """Put a run's findings into a report; name, time and stages of the run are filled in when it is published.

    Args:
        where: the data.
        model: configuration of the chosen model.
        derived: listings with derived columns.
        split: shares of the bands of price.
        contract: how each rule fared.
        unreadable: rows that could not be read.
        quarantine: rows that break the contract.
        search: cross-validated settings.
        scores: errors of every model on the test set.
        predictions: the test set with the price that each model foretells.
        worst: the listings with the largest squared errors.
        metrics: of the chosen model, complete with baseline and champion.
        champion: the sentence about champion and challenger.
        losses: errors of boosting by loss; None on Spark alone.
        importance: of each column; None on Spark alone.
        engines: quality, time and memory on both engines; None for one engine.
        growth: time by rows on both engines; None for one engine.
    """
    kind = str(model["kind"])
    sections = [
        _certainty(scores, kind, predictions, worst),
        _data_section(derived, split),
        _models(search, losses),
    ]
    if importance is not None:
        sections.insert(2, _reasons(importance))
    if engines is not None and growth is not None:
        sections.append(_engines(engines, growth))
    return Report(
        flow="rentals",
        run="",
        started=datetime(1970, 1, 1, tzinfo=UTC),
        question="",
        answer=_answer(metrics, kind, model["engine"]),
        verdict=_verdict(metrics),
        hero=[
            figure_block(
                price_map(derived),
                "Map of the listings, each a dot coloured by its price",
                _map_caption(where.source),
            ),
            figure_block(
                foretold(predictions, kind),
                "Foretold against true prices of the test listings",
                f"{MODEL_NAMES[kind].capitalize()} on listings that it has never seen.",
            ),
        ],
        sections=sections,
        metrics=metrics,
        champion=champion,
        data=[data_record(where, len(derived) + len(quarantine) + len(unreadable))],
        contract=[rule.model_dump() for rule in contract.results],
        quarantine=[*quarantine_rows(unreadable), *broken_rows(quarantine, "id")],
        limits=_limits(scores, kind, model["engine"]),
    )


def _map_caption(source: str) -> str:
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


def _verdict(metrics: list[Metric]) -> Verdict:
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


MEASURED = {"rmse": "RMSE (€)", "mae": "MAE (€)", "median_ae": "median error (€)", "rmsle": "RMSE of log"}
FORMATS = {"rmse": ",.1f", "mae": ",.1f", "median_ae": ",.1f", "rmsle": ".3f"}


def score_table(scores: pd.DataFrame, caption: str, first: str = "model") -> Table:
    """Return the errors of models as a table, each with its 95 % interval."""
    rows = []
    for row in scores.to_dict("records"):
        cells = [MODEL_NAMES.get(row["model"], row["model"])]
        for name in MEASURED:
            value, low, high = (f"{row[key]:{FORMATS[name]}}" for key in (name, f"{name}_low", f"{name}_high"))
            known = math.isfinite(row[f"{name}_low"]) and math.isfinite(row[f"{name}_high"])
            cells.append(f"{value} ({low} to {high})" if known else f"{value} (no interval)")
        rows.append(cells)
    columns: list[Any] = [first, *({"title": title, "align": "right"} for title in MEASURED.values())]
    return Table(columns=columns, rows=rows, caption=caption)


def _certainty(scores: pd.DataFrame, kind: str, predictions: pd.DataFrame, worst: pd.DataFrame) -> Section:
    """Return how far off the models are, and which listings carry the error."""
    row = scores.set_index("model").loc[kind]
    few = worst["cumulative"].iloc[min(4, len(worst) - 1)]
    paragraphs = [
        "The RMSE of raw prices is the usual measure, and a fragile one: it squares the error, so a few flats in the"
        f" thousands decide it. Five of the {len(predictions):,} test listings carry {percent(few)} of the squared"
        " error that is left. The mean and the median absolute error, and the RMSE of log(1 + price), tell how far off"
        " the price of an ordinary flat is.",
    ]
    if row["n_new"]:
        paragraphs.append(
            f"A host who has other listings in the training data is easier: what that host charges is known. For the"
            f" {int(row['n_new']):,} test listings of hosts never seen, the RMSE is {row['rmse_new']:.1f} € and the"
            f" mean absolute error {row['mae_new']:.1f} €; expect these for a newcomer."
        )
    shown = worst.assign(seen=worst["seen"].map({True: "yes", False: "no"}))
    titles = {"name": "listing", "price": "price (€)", "foretold": "foretold (€)", "seen": "host known",
              "share": "share of the squared error", "cumulative": "all so far"}  # fmt: skip
    formats = {"price": ",.0f", "foretold": ",.0f", "share": ".1%", "cumulative": ".1%"}
    blocks: list[Block] = [
        figure_block(
            model_errors(scores, kind), "RMSE and mean absolute error of every model, with 95 % intervals",
            "The baselines are the mean price, which has the least RMSE of all constants, and the median price, which"
            " has the least mean absolute error.",
        ),
        score_table(scores, "Errors on the test listings with 95 % intervals (bootstrap; whole hosts are drawn, for the"
                    " median error single listings)."),
        Text(paragraphs=paragraphs),
        Table.from_frame(shown, titles, formats, caption="The test listings with the largest squared errors."),
    ]  # fmt: skip
    return Section(title="How sure is that?", blocks=blocks)


def _data_section(derived: pd.DataFrame, split: pd.DataFrame) -> Section:
    titles = {"band": "price (€ a night)", "overall": "all", "stratified": "stratified", "random": "random",
              "stratified_error": "error, stratified (%)", "random_error": "error, random (%)"}  # fmt: skip
    formats = dict.fromkeys(("overall", "stratified", "random"), ".2%")
    formats |= dict.fromkeys(("stratified_error", "random_error"), "+.2f")
    worst = split[["stratified_error", "random_error"]].abs().max()
    caption = (
        "Share of each band of price in all listings and in the test set. Drawn at random, the share of a band is off"
        f" by up to {worst['random_error']:.1f} %; stratified, by {worst['stratified_error']:.1f} %. With so few dear"
        " flats, a test set that holds too many or too few of them measures something else."
    )
    return Section(
        title="The listings",
        intro="The test set is a fifth of the listings, set aside before anything is learned.",
        blocks=[
            figure_block(price_tail(derived["price"]), "Share of the listings that ask for at least a price"),
            Table.from_frame(split, titles, formats, caption=caption),
            figure_block(correlations(derived), "Correlation of each number with the price, of ranks and of values"),
            figure_block(scatter_matrix(derived), "Scatter matrix of the price and four other columns"),
        ],
    )


def _reasons(importance: pd.DataFrame) -> Section:
    return Section(
        title="What the price hangs on",
        intro="The price level of a host or a neighbourhood is its mean price among the training listings; for a"
        " training listing without its own fifth of the data, so that no price helps to foretell itself.",
        blocks=[figure_block(importances(importance), "Growth of the error when a column is shuffled")],
    )


def _models(search: pd.DataFrame, losses: pd.DataFrame | None) -> Section:
    shown = search.assign(
        model=search["model"].map(MODEL_NAMES), chosen=search["chosen"].map({True: "chosen", False: ""}),
        parameters=search["parameters"].str.strip("{}").str.replace('"', ""),
    )  # fmt: skip
    titles = {"model": "model", "parameters": "parameters", "rmse": "RMSE (€)", "rmse_sd": "± between folds",
              "mae": "MAE (€)", "mae_sd": "± between folds", "seconds": "seconds a fit", "chosen": ""}  # fmt: skip
    formats = {"rmse": ",.1f", "rmse_sd": ",.1f", "mae": ",.2f", "mae_sd": ",.2f", "seconds": ",.2f"}
    blocks: list[Block] = [
        Table.from_frame(
            shown, titles, formats, limit=60,
            caption="Cross-validation on the training listings. The mean absolute error chooses: the RMSE of a fold"
            " depends on which of the few highest prices lie in it, as its spread shows.",
        )
    ]  # fmt: skip
    if losses is not None:
        blocks += [
            Text(
                paragraphs=[
                    "With a heavy tail of prices it matters what a loss aims at. The squared error aims at the mean,"
                    " and gives the few highest prices the largest weight. The absolute error aims at the median, and"
                    " the squared error of logarithms at the geometric mean, the price of an ordinary flat; in a skewed"
                    " distribution both lie below the mean. The Poisson deviance aims at the mean, and weighs an error"
                    " by the level of the price. What came of it on these listings, the table tells."
                ]
            ),
            score_table(
                losses,
                "The same gradient boosting with four losses. They were compared on the test listings, for"
                " illustration only: this table did not choose the model.",
                "loss",
            ),
        ]
    return Section(title="Which models were tried", blocks=blocks)


def _engines(engines: pd.DataFrame, growth: Scaling) -> Section:
    shown = engines.assign(model=engines["model"].map(MODEL_NAMES))
    titles = {"model": "model", "engine": "engine", "rmse": "RMSE (€)", "mae": "MAE (€)",
              "median_ae": "median error (€)", "seconds": "seconds", "megabytes": "memory (MB)"}  # fmt: skip
    formats = {"rmse": ",.1f", "mae": ",.1f", "median_ae": ",.1f", "seconds": ",.2f", "megabytes": ",.0f"}
    return Section(
        title="Small data or big data?",
        intro=f"{scaling_finding(growth.rows, growth.wins_at, growth.would_win_at)}.",
        blocks=[
            figure_block(
                scaling(growth.rows, growth.pandas, growth.spark, growth.wins_at, growth.would_win_at),
                "Seconds of the preparation by rows, pandas and Spark",
                "The listings are repeated under new ids. Both engines read one Parquet file, derive all columns, and"
                " add up each; their sums agree to nine digits.",
            ),
            Table.from_frame(
                shown, titles, formats,
                caption="The same listings on both engines: errors on the test set, time of fitting and foretelling,"
                " and the memory that it took: with pandas what came on top, with Spark the whole of both processes."
                " The seconds do not compare like with like: with pandas they contain the preparation of the columns"
                " (medians, categories, encodings), while Spark fits on vectors that were prepared before."
                f" {_agreement(engines)}, trees differ in how they look for a split.",
            ),
        ],
    )  # fmt: skip


def _agreement(engines: pd.DataFrame) -> str:
    """Say how closely the least squares of both engines agree in their mean absolute error."""
    errors = engines.loc[engines["model"] == "linear", "mae"]
    apart = float((errors.max() - errors.min()) / errors.max()) if errors.max() > 0 else 0.0
    return f"The mean absolute errors of least squares differ by {apart:.1g} of their size"


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
            f"Test listings of hosts in training make the errors lower than they are for new hosts"
            f" (mean absolute error {row['mae_new']:.1f} € there, {row['mae']:.1f} € overall)."
        )
    if engine == "spark":
        limits.append("Spark's boosting has no Poisson deviance; it learns with the squared error.")
    return limits
