"""Recommendations: alternating least squares on ratings, for stars and for lists, from files to ten films a user."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.cases.recommendations.evaluation import (
    compare_lists,
    compare_stars,
    errors_by_popularity,
    ndcg_of_lists,
    score_lists,
    score_stars,
    summarise_recommendations,
)
from tasks.cases.recommendations.features import index_ratings, split_ratings
from tasks.cases.recommendations.ingestion import read_ratings
from tasks.cases.recommendations.report.compose import describe_recommendations
from tasks.cases.recommendations.training.als import GRIDS, Choice, fit_lists, fit_stars, search_lists, search_stars
from tasks.cases.recommendations.training.biases import centre_ratings, fit_biases, search_biases
from tasks.cases.recommendations.training.recommend import recommend_films, similar_films
from tasks.cases.recommendations.validation import REMEDY, ratings_contract
from tasks.evaluation.champion import case_scores
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined, Seed
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def recommendations(
    source: str = "sample",
    split: Literal["time", "date", "random"] = "time",
    test_share: Annotated[float, Field(ge=0.02, le=0.5)] = 0.1,
    relevant: Annotated[float, Field(ge=0.5, le=5)] = 4.0,
    search: Literal["one", "small", "wide"] = "small",
    max_quarantined: Quarantined = 0.02,
    seed: Seed = 42,
) -> Path:
    """What should each user watch next?

    The answer serves whoever fills a list of ten films for every user. It is good when the lists hold more of what the
    user went on to watch and like than the most popular films do (NDCG@10, user by user, the interval of the difference
    above 0), and when stars are predicted with an RMSE of at most 0.88 (random split) or better than by film means.

    Args:
        source: sample, public (MovieLens latest-small), a folder or zip with ratings.csv and perhaps movies.csv, or a
            CSV file of userId, movieId, rating, timestamp
        split: test on each user's last ratings (time), on all ratings after a date (date), or at random (random)
        test_share: share of the ratings that test; of the rest, the same share chooses the settings
        relevant: stars from which a film counts as liked
        search: settings to try: one of each kind, 4 of each (small), or 16 and 24 (wide)
        max_quarantined: stop when a larger share of the ratings cannot be read or breaks the contract
        seed: of the random split and of the first factors
    """
    # Data understanding
    data = read_ratings(source)
    checked = check(data, ratings_contract(max_quarantined), REMEDY)

    # Data preparation
    indexed = index_ratings(checked.frame, data.parts.films)
    ratings, users, films = indexed.ratings, indexed.users, indexed.items
    parts = split_ratings(ratings, split, test_share, seed)
    train, test = parts.train, parts.test
    shape = int(users.summary["rows"]), int(films.summary["rows"])

    # Modelling: stars from biases and what they leave, lists from who watched what
    of_stars, of_lists = GRIDS[search]
    biases_tried = search_biases(train, *shape)
    biases = fit_biases(train, *shape, biases_tried.pulls)
    centred = centre_ratings(train, *shape, biases_tried.pulls)
    stars_tried = search_stars(centred, centred, *shape, of_stars, seed)
    stars = fit_stars(centred, *shape, stars_tried.best, seed)
    lists_tried = search_lists(train, train, *shape, of_lists, relevant, seed)
    lists = fit_lists(train, *shape, lists_tried.best, relevant, seed)
    final = fit_lists(ratings, *shape, lists_tried.best, relevant, seed)  # what is published knows all ratings
    next_films = recommend_films(ratings, users, films, final.users, final.items, relevant)
    similar = similar_films(ratings, films, final.items)

    # Evaluation: on ratings held out, against popularity, film means, and the champion
    predicted = score_stars(train, test, biases.user, biases.item, stars.users, stars.items)
    ranked = score_lists(train, test, biases.item, lists.users, lists.items, stars.users, stars.items, relevant)

    def rescore(config: dict[str, Any]) -> Stored:
        theirs = fit_lists(train, *shape, Choice.model_validate(config), relevant, int(config["seed"]))
        return ndcg_of_lists(train, test, theirs.users, theirs.items, relevant)

    held = contest(
        f"recommendations-{data.name}",
        {**lists_tried.best.load(Choice).model_dump(), "relevant": relevant, "seed": seed},
        case_scores(ranked.table, "ndcg_implicit", "ndcg_popularity"),
        on=f"{test.digest}-{relevant:g}",
        metric="ndcg@10",
        rescore=rescore,
    )
    stars_table, lists_table = compare_stars(predicted), compare_lists(ranked.table, ranked.shown)
    metrics = summarise_recommendations(predicted, stars_table, ranked.table, lists_table, held.rival)
    bands = errors_by_popularity(predicted)

    # Deployment
    findings = describe_recommendations(
        ratings, users, films, predicted, stars_table, lists_table, bands, ranked.shown,
        biases_tried.table, stars_tried.table, lists_tried.table, next_films, similar, metrics, split, relevant,
    )  # fmt: skip
    answers = {"lists": final.model, "stars": stars.model}
    return publish(findings, held, model=answers, tables={"recommendations": next_films, "similar": similar})


if __name__ == "__main__":
    main(recommendations)
