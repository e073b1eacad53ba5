"""The sections of the recommendations report: lists, similar films, their quality, new users, and what was tried."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.cases.recommendations.figures import (
    LIST_NAMES,
    STAR_NAMES,
    error_bands,
    list_spread,
    search_figure,
    star_errors,
)
from tasks.cases.recommendations.training.stars import StarChoice
from tasks.figures.style import percent
from tasks.publishing.blocks import Section, Table, Text
from tasks.publishing.tables import figure_block

EXAMPLES = 4  # users whose list is shown
LIKED_SHOWN = 5  # films that they liked
FAMOUS = 8  # films whose similar ones are shown


def _titles(films: pd.DataFrame, items: np.ndarray) -> str:
    return "; ".join(films["title"].to_numpy(object)[items])


def next_section(
    ratings: pd.DataFrame, users: pd.DataFrame, films: pd.DataFrame, recommended: pd.DataFrame, relevant: float
) -> Section:
    """Show some users, spread over how much they have rated: what they liked, and what they should watch."""
    counts = ratings.groupby("user").size().sort_values(kind="stable")
    places = np.linspace(0, len(counts) - 1, EXAMPLES + 2).astype(int)[1:-1]
    popular = np.bincount(ratings["item"].to_numpy(), minlength=len(films))
    rows = []
    for user in dict.fromkeys(counts.index[places]):
        own = ratings[(ratings["user"] == user) & (ratings["rating"] >= relevant)]
        own = own.assign(known=popular[own["item"].to_numpy()])
        own = own.sort_values(["rating", "known"], ascending=False, kind="stable").head(LIKED_SHOWN)
        name = users["user"].iloc[user]
        mine = recommended.loc[recommended["user"] == name, "title"]
        rows.append([f"User {name}", int(counts[user]), _titles(films, own["item"].to_numpy()), "; ".join(mine)])
    table = Table(
        columns=[
            {"title": "Whose list"},
            {"title": "Rated", "format": ",.0f"},
            {"title": "Liked among others"},
            {"title": "Should watch next"},
        ],
        rows=rows,
        caption="All lists are in recommendations.csv.",
    )
    intro = (
        "The lists that are published rest on all ratings, the test part included, with the settings that were chosen"
        " before. Some users, from those who rated little to those who rated much:"
    )
    return Section(title="What to watch next", intro=intro, blocks=[table])


def similar_section(similar: pd.DataFrame) -> Section:
    """Show films that are liked by the same people as well-known ones."""
    rows = []
    for _, part in list(similar.groupby("film", sort=False))[:FAMOUS]:
        like = "; ".join(
            f"{title} ({cosine:.2f})" for title, cosine in zip(part["similar_title"], part["cosine"], strict=True)
        )
        rows.append([part["title"].iloc[0], like])
    return Section(
        title="Films liked by the same people",
        intro="Two films are similar when their factors (of EASE) point the same way: the cosine, in brackets, is 1"
        " then. The factors know nothing of titles, genres or years: only who watched and liked what. Films that few"
        " users have rated are left out, for they are similar by chance.",
        blocks=[
            Table(
                columns=[{"title": "Film"}, {"title": "Most like it"}],
                rows=rows,
                caption="The most rated films, each with those most like it; more films are in similar.csv.",
            )
        ],
    )


def lists_section(lists: pd.DataFrame, shown: pd.DataFrame, made: str, relevant: float) -> Section:
    """Compare the lists of every method."""
    table = lists.assign(name=lists["method"].map(LIST_NAMES)).sort_values("ndcg", ascending=False, kind="stable")
    titles = {
        "name": "Lists by",
        "ndcg": "NDCG@10",
        "low": "from",
        "high": "to",
        "recall": "Recall@10",
        "coverage": "Coverage",
    }
    formats = {"ndcg": ".3f", "low": ".3f", "high": ".3f", "recall": ".3f", "coverage": ".1%"}
    by = lists.set_index("method")["ndcg"]
    poor = by["explicit"] < by["popularity"]
    contrast = (
        "The highest predicted stars make worse lists than the most liked films: high stars may belong to films that"
        " hardly anyone watches. Predicting stars and choosing films are two problems, so there are two models."
        if poor
        else "Even the highest predicted stars make better lists here than the most liked films; elsewhere they seldom"
        " do, for high stars often belong to films that hardly anyone watches."
    )
    return Section(
        title="How good are the lists?",
        intro=f"A film counts as a hit when the user rated it {relevant:g} stars or more in the test part. NDCG rewards"
        " hits near the top; recall is the share of a user's liked films that is on the list; coverage is the share of"
        " the films that is on any list.",
        blocks=[
            Table.from_frame(table, titles, formats, highlight=list(table["method"]).index(made)),
            figure_block(list_spread(shown, made), "Share of places on lists taken by the most watched films."),
            Text(paragraphs=[contrast]),
        ],
    )


def stars_section(stars: pd.DataFrame, bands: pd.DataFrame, tested: int, choice: StarChoice) -> Section:
    """Compare the predicted stars of every method."""
    table = stars.assign(name=stars["method"].map(STAR_NAMES)).sort_values("rmse")
    titles = {"name": "Predicted by", "rmse": "RMSE (stars)", "low": "from", "high": "to", "mae": "MAE (stars)"}
    formats = dict.fromkeys(("rmse", "low", "high", "mae"), ".3f")
    return Section(
        title="How well are stars predicted?",
        intro="The mean, how generous the user is and how good the film is are taken out first; ALS factorises what is"
        f" left. Predictions stay between 0.5 and 5 stars. Used is what does best on the validation ratings, the"
        f" {STAR_NAMES[choice.best]} (RMSE there {choice.rmse[choice.best]:.3f}); it is held against the best simple"
        f" way, the {STAR_NAMES[choice.simple]} ({choice.rmse[choice.simple]:.3f}).",
        blocks=[
            figure_block(
                star_errors(stars, tested, choice.best, choice.simple),
                "RMSE of four ways to predict stars, with 95 % intervals.",
            ),
            figure_block(error_bands(bands), "RMSE by how often the film was rated in training, for four methods."),
            Table.from_frame(table, titles, formats),
        ],
    )


def cold_section(predicted: pd.DataFrame, best: str) -> Section:
    """Count the test ratings of new users and films, and say how they were predicted."""
    new_user, new_film = predicted["new_user"].to_numpy(bool), predicted["new_film"].to_numpy(bool)
    groups = (
        ("known user, known film", ~new_user & ~new_film, STAR_NAMES[best]),
        ("known user, new film", ~new_user & new_film, "mean and the user's bias"),
        ("new user, known film", new_user & ~new_film, "the film's bias"),
        ("new user, new film", new_user & new_film, "the mean of all ratings"),
    )
    rows = []
    for name, mask, known in groups:
        how = STAR_NAMES[best] if best in ("mean", "item_mean") else known
        error = (predicted[best] - predicted["rating"])[mask]
        rmse = float(np.sqrt((error**2).mean())) if mask.any() else None
        rows.append([name, int(mask.sum()), float(mask.mean()), how, rmse])
    columns = [
        {"title": "Test ratings of a"},
        {"title": "Number", "format": ",.0f"},
        {"title": "Share", "format": ".1%"},
        {"title": "Predicted by"},
        {"title": "RMSE (stars)", "format": ".3f"},
    ]
    cold = int((new_user | new_film).sum())
    users = int(predicted.loc[new_user, "user"].nunique())
    return Section(
        title="New users and new films",
        intro=f"{cold:,} of {len(predicted):,} test ratings ({percent(cold / max(1, len(predicted)), 1)}) are of a film"
        " or by a user that training had never seen. They count in all figures. The list of a new user"
        f" ({users:,} tested user{'s are' if users != 1 else ' is'} new) is that of the most liked films. A film that"
        " nobody has rated is on no list, and counts as missed.",
        blocks=[Table(columns=columns, rows=rows)],
    )


def settings_section(biases: pd.DataFrame, stars: pd.DataFrame, lists: pd.DataFrame, items: pd.DataFrame) -> Section:
    """Show the settings that were tried."""
    blocks: list[Any] = []
    for table, score, what in ((stars, "rmse", "stars"), (lists, "ndcg", "lists")):
        alt = f"Validation score of the settings for {what}, by rank."
        if len(table) > 1:
            blocks.append(figure_block(search_figure(table, score), alt))
        titles = {"rank": "Rank", "regularisation": "Regularisation"}
        titles |= {} if score == "rmse" else {"alpha": "Confidence", "others": "Weight of films not liked"}
        best = int(table[score].argmin() if score == "rmse" else table[score].argmax())
        blocks.append(
            Table.from_frame(
                table.astype({"rank": str}),
                {**titles, score: "RMSE (stars)" if score == "rmse" else "NDCG@10"},
                {score: ".4f"},
                caption=f"Settings of ALS for {what}, on the validation ratings.",
                highlight=best,
            )
        )
    blocks.append(_others_tried(items))
    best_bias = biases.loc[biases["rmse"].idxmin()]
    blocks.append(
        Text(
            paragraphs=[
                f"Biases alone were tried in {len(biases)} settings; the best shrinks a user's as though"
                f" {best_bias['user_pull']:g} ratings of no deviation had been given on top, a film's as though"
                f" {best_bias['item_pull']:g} had (RMSE {best_bias['rmse']:.4f} on the validation ratings)."
            ]
        )
    )
    return Section(
        title="The settings that were tried",
        intro="Each was fitted without the validation ratings, which are split off the training part in the way in"
        " which the test part was. The best was then fitted to all training ratings.",
        blocks=blocks,
    )


def _others_tried(items: pd.DataFrame) -> Table:
    """Show the best settings of the methods that run on one machine."""
    table = items.sort_values("ndcg", ascending=False, kind="stable").groupby("method", sort=False).head(4)
    titles = {
        "method": "Method",
        "regularisation": "Lambda of EASE",
        "others": "Weight of films not liked",
        "half_life": "Half-life of popularity, days",
        "popular": "Weight of popularity",
        "ndcg": "NDCG@10",
    }
    shown = table.assign(
        method=table["method"].map(LIST_NAMES),
        regularisation=table["regularisation"].map("{:g}".format).where(table["method"] == "ease", ""),
        half_life=[f"{value:,.0f}" if value else "all count alike" for value in table["half_life"]],
    )
    formats = {"others": ".1f", "popular": ".2f", "ndcg": ".4f"}
    return Table.from_frame(
        shown, titles, formats, caption=f"The best of {len(items)} settings of the other methods, on the same ratings."
    )
