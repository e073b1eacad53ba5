"""The sections of the rentals report: how sure a price is, the listings, what was tried, and both engines."""

import math
from typing import Any

import numpy as np
import pandas as pd

from tasks.cases.rentals.evaluation.scaling import Scaling
from tasks.cases.rentals.figures.listings import correlations, price_tail, scatter_matrix
from tasks.cases.rentals.figures.models import MODEL_NAMES, importances, model_errors, scaling, scaling_finding
from tasks.cases.rentals.figures.money import label, money
from tasks.figures.style import percent
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.tables import figure_block

MEASURED = {"rmse": "RMSE", "mae": "MAE", "median_ae": "median error", "rmsle": "RMSE of log"}
FORMATS = {"rmse": ",.1f", "mae": ",.1f", "median_ae": ",.1f", "rmsle": ".3f"}


def score_table(scores: pd.DataFrame, caption: str, currency: str) -> Table:
    """Return the errors of models as a table, each with its 95 % interval."""
    rows = []
    for row in scores.to_dict("records"):
        cells = [MODEL_NAMES.get(row["model"], row["model"])]
        for name in MEASURED:
            value, low, high = (f"{row[key]:{FORMATS[name]}}" for key in (name, f"{name}_low", f"{name}_high"))
            known = math.isfinite(row[f"{name}_low"]) and math.isfinite(row[f"{name}_high"])
            cells.append(f"{value} ({low} to {high})" if known else f"{value} (no interval)")
        rows.append(cells)
    titles = [title if name == "rmsle" else label(title, currency) for name, title in MEASURED.items()]
    columns: list[Any] = ["model", *({"title": title, "align": "right"} for title in titles)]
    return Table(columns=columns, rows=rows, caption=caption)


def known_hosts(predictions: pd.DataFrame, kind: str, currency: str) -> str:
    """Say whether the flats of hosts with other listings in training are easier; "" where there is only one sort.

    The difference of the mean absolute errors is told as one when it is more than two standard errors from nothing.

    Args:
        predictions: `price`, a column named `kind` with the price foretold, and `seen`, a row per test listing.
        kind: the model.
        currency: of the prices; empty when it is not known.
    """
    errors = (predictions["price"] - predictions[kind]).abs()
    seen = predictions["seen"].astype(bool)
    known, new = errors[seen], errors[~seen]
    if min(len(known), len(new)) < 2:
        return ""
    sure = 2 * float(np.sqrt(known.var() / len(known) + new.var() / len(new)))
    gap = float(known.mean() - new.mean())
    told = f"a mean absolute error of {money(known.mean(), currency, 1)} against {money(new.mean(), currency, 1)}"
    if abs(gap) <= sure:
        return f"That a host has other listings in the training data makes no sure difference ({told} for other hosts)."
    word = "easier" if gap < 0 else "harder"
    return f"Flats of hosts who have other listings in the training data are {word} ({told} for other hosts)."


def certainty_section(
    scores: pd.DataFrame, kind: str, mean: str, predictions: pd.DataFrame, worst: pd.DataFrame, currency: str
) -> Section:
    """Return how far off the models are, and which listings carry the error."""
    row, new = (scores.set_index("model").loc[name] for name in (kind, mean))
    few = worst["cumulative"].iloc[min(4, len(worst) - 1)]
    paragraphs = [
        "The RMSE of raw prices is the usual measure, and a fragile one: it squares the error, so a few flats in the"
        f" thousands decide it. Five of the {len(predictions):,} test listings carry {percent(few)} of the squared"
        " error that is left. The mean and the median absolute error, and the RMSE of log(1 + price), tell how far off"
        " the price of an ordinary flat is.",
    ]
    if mean != kind:
        paragraphs.append(
            f"So two models are stated, each chosen by cross-validation for its measure: {MODEL_NAMES[kind]} for the"
            f" price of an ordinary flat (least mean absolute error), {MODEL_NAMES[mean]} for the mean price (least"
            " RMSE), which the few highest prices pull up."
        )
    if row["n_new"]:
        paragraphs.append(
            f"{known_hosts(predictions, kind, currency)} For the {int(row['n_new']):,} test listings of hosts never"
            f" seen, the RMSE is {money(float(new['rmse_new']), currency, 1)} and the mean absolute error"
            f" {money(float(row['mae_new']), currency, 1)}; expect these for a newcomer."
        )
    shown = worst.assign(seen=worst["seen"].map({True: "yes", False: "no"}))
    titles = {
        "name": "listing",
        "price": label("price", currency),
        "foretold": label("foretold", currency),
        "seen": "host known",
        "share": "share of the squared error",
        "cumulative": "all so far",
    }
    formats = {"price": ",.0f", "foretold": ",.0f", "share": ".1%", "cumulative": ".1%"}
    blocks: list[Block] = [
        figure_block(
            model_errors(scores, kind, mean, currency),
            "RMSE and mean absolute error of every model, with 95 % intervals",
            "The baselines are the mean price, which has the least RMSE of all constants, and the median price, which"
            " has the least mean absolute error.",
        ),
        score_table(
            scores,
            "Errors on the test listings with 95 % intervals (bootstrap; whole hosts are drawn, for the"
            " median error single listings).",
            currency,
        ),
        Text(paragraphs=paragraphs),
        Table.from_frame(shown, titles, formats, caption="The test listings with the largest squared errors."),
    ]
    return Section(title="How sure is that?", blocks=blocks)


def unpriced_section(unpriced: pd.DataFrame, currency: str) -> Section:
    """Show the prices that were foretold for listings without one."""
    titles = {"id": "id", "name": "listing", "price": label("foretold", currency), "low": "from", "high": "to"}
    formats = {"id": "d", **dict.fromkeys(("price", "low", "high"), ",.0f")}
    caption = "A typical price for each; 8 of 10 prices lie in such a range, as held-out listings showed."
    table = Table.from_frame(unpriced, titles, formats, limit=20, whole="unpriced.csv", caption=caption)
    return Section(title=f"{len(unpriced):,} listings without a price", blocks=[table])


def data_section(derived: pd.DataFrame, split: pd.DataFrame, currency: str) -> Section:
    """Show the listings, and why the split is stratified."""
    titles = {
        "band": label("price", currency, "a night"),
        "overall": "all",
        "stratified": "stratified",
        "random": "random",
        "stratified_error": "error, stratified (%)",
        "random_error": "error, random (%)",
    }
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
            figure_block(price_tail(derived["price"], currency), "Share of the listings that ask for at least a price"),
            Table.from_frame(split, titles, formats, caption=caption),
            figure_block(correlations(derived), "Correlation of each number with the price, of ranks and of values"),
            figure_block(scatter_matrix(derived), "Scatter matrix of the price and four other columns"),
        ],
    )


def reasons_section(importance: pd.DataFrame, currency: str) -> Section:
    """Show which columns the price hangs on."""
    return Section(
        title="What the price hangs on",
        intro="The price level of a host or a neighbourhood is its mean price among the training listings; for a"
        " training listing without its own fifth of the data, so that no price helps to foretell itself.",
        blocks=[figure_block(importances(importance, currency), "Growth of the error when a column is shuffled")],
    )


def models_section(search: pd.DataFrame, currency: str) -> Section:
    """Show what was tried, and what each loss aims at."""
    shown = search.assign(
        model=search["model"].map(MODEL_NAMES),
        chosen=search["chosen"].map({True: "chosen", False: ""}),
        parameters=search["parameters"].str.strip("{}").str.replace('"', ""),
    )
    titles = {
        "model": "model",
        "parameters": "parameters",
        "rmse": label("RMSE", currency),
        "rmse_sd": "± between folds",
        "mae": label("MAE", currency),
        "mae_sd": "± between folds",
        "seconds": "seconds a fit",
        "chosen": "",
    }
    formats = {"rmse": ",.1f", "rmse_sd": ",.1f", "mae": ",.2f", "mae_sd": ",.2f", "seconds": ",.2f"}
    blocks: list[Block] = [
        Table.from_frame(
            shown,
            titles,
            formats,
            limit=60,
            caption="Cross-validation on the training listings. Within a kind of model the mean absolute error chooses:"
            " the RMSE of a fold depends on which of the few highest prices lie in it, as its spread shows.",
        ),
        Text(
            paragraphs=[
                "With a heavy tail of prices it matters what a loss aims at. The squared error aims at the mean, and"
                " gives the few highest prices the largest weight. The squared error of logarithms aims at the"
                " geometric mean, the price of an ordinary flat, which lies below the mean where prices are skewed."
                " The Poisson deviance aims at the mean, and weighs an error by the level of the price."
            ]
        ),
    ]
    return Section(title="Which models were tried", blocks=blocks)


def engines_section(engines: pd.DataFrame, growth: Scaling, currency: str) -> Section:
    """Hold the engines against each other: quality, time and memory."""
    shown = engines.assign(model=engines["model"].map(MODEL_NAMES))
    titles = {
        "model": "model",
        "engine": "engine",
        "rmse": label("RMSE", currency),
        "mae": label("MAE", currency),
        "median_ae": label("median error", currency),
        "seconds": "seconds",
        "megabytes": "memory (MB)",
    }
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
                shown,
                titles,
                formats,
                caption="The same listings on both engines: errors on the test set, time of fitting and foretelling,"
                " and the memory that it took: with pandas what came on top, with Spark the whole of both processes."
                " The seconds do not compare like with like: with pandas they contain the preparation of the columns"
                " (medians, categories, encodings), while Spark fits on vectors that were prepared before."
                f" {_agreement(engines)}, trees differ in how they look for a split.",
            ),
        ],
    )


def _agreement(engines: pd.DataFrame) -> str:
    """Say how closely the least squares of both engines agree in their mean absolute error."""
    errors = engines.loc[engines["model"] == "linear", "mae"]
    apart = float((errors.max() - errors.min()) / errors.max()) if errors.max() > 0 else 0.0
    return f"The mean absolute errors of least squares differ by {apart:.1g} of their size"
