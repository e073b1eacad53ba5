"""Recommendations: EASE, ALS, neighbours and popularity on ratings, the best on validation, to ten films a user."""

from pathlib import Path
from typing import Annotated, Literal

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
from tasks.cases.recommendations.ingestion.read import read_ratings
from tasks.cases.recommendations.report.compose import describe_recommendations
from tasks.cases.recommendations.training.choice import Choice
from tasks.cases.recommendations.training.fit import choose_list_maker, fit_model, learn_stars
from tasks.cases.recommendations.training.recommend import recommend_films, similar_films
from tasks.cases.recommendations.validation import REMEDY, ratings_contract
from tasks.evaluation.champion import case_scores
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined, Seed
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def recommendations(
    source: str = "sample",
    split: Literal["time", "date", "random"] = "time",
    test_share: Annotated[float, Field(ge=0.02, le=0.5)] = 0.1,
    relevant: Annotated[float, Field(ge=0.5, le=5)] = 4.0,
    scale: Annotated[float, Field(ge=1, le=100)] = 5.0,
    search: Literal["one", "small", "wide"] = "small",
    columns: Columns = "",
    max_quarantined: Quarantined = 0.02,
    seed: Seed = 42,
) -> Path:
    """What should each user watch next?

    The answer serves whoever fills a list of ten films for every user. It is good when the lists hold more of what the
    user went on to watch and like than the most popular films do (NDCG@10, user by user, the interval of the difference
    above 0), and stars are predicted better than by the best simple method (mean, film means or biases; the same).

    Args:
        source: sample, public (MovieLens latest-small), or a folder, zip or file of ratings as MovieLens (all sizes,
            also Kaggle's), Goodbooks or the like publish them: user, film, rating, and mostly a time; perhaps titles
        split: test on each user's last ratings (time), on all ratings after a date (date), or at random (random)
        test_share: share of the ratings that test; of the rest, the same share chooses the settings
        relevant: stars from which a film counts as liked, of 5 whatever the scale
        scale: the highest rating of the scale; ratings of 1 to 10 are halved at 10
        search: settings to try: one of each kind, 4 of each (small), or 16 and 24 (wide)
        max_quarantined: stop when a larger share of the ratings cannot be read or breaks the contract
        seed: of the random split and of the first factors of ALS
    """
    # Data understanding
    data = read_ratings(source, scale, columns)
    checked = check(data, ratings_contract(max_quarantined), REMEDY)

    # Data preparation
    indexed = index_ratings(checked.frame, data.parts.films)
    ratings, users, films = indexed.ratings, indexed.users, indexed.items
    parts = split_ratings(ratings, split, test_share, seed)
    train, test = parts.train, parts.test
    shape = int(users.summary["rows"]), int(films.summary["rows"])

    # Modelling: stars from means, biases and what they leave; lists from who watched what
    stars = learn_stars(train, shape, search, seed)
    lists = choose_list_maker(train, shape, search, relevant, seed)

    def fitted(to: Stored, choice: Choice) -> Stored:
        return fit_model(to, shape, choice, relevant, seed)

    models = {name: fitted(train, choice) for name, choice in lists.best.items()}
    final = fitted(ratings, lists.choice)  # what is published knows all ratings
    next_films = recommend_films(ratings, users, films, final)
    similar = similar_films(ratings, films, fitted(ratings, lists.best["ease"]))

    # Evaluation: on ratings held out, against popularity, the best simple prediction, and the champion
    known = stars.biases.user, stars.biases.item, stars.taste.users, stars.taste.items
    predicted = score_stars(train, test, *known)
    ranked = score_lists(train, test, *known[1:], **models, relevant=relevant)
    held = contest(
        f"recommendations-{data.name}",
        {**lists.choice.model_dump(), "relevant": relevant, "seed": seed},
        case_scores(ranked.table, f"ndcg_{lists.choice.method}", "ndcg_popularity"),
        on=f"{test.digest}-{relevant:g}",
        metric="ndcg@10",
        rescore=lambda theirs: ndcg_of_lists(train, test, shape[0], fitted(train, Choice.model_validate(theirs))),
    )
    by_stars, by_lists = compare_stars(predicted), compare_lists(ranked.table, ranked.shown)
    metrics = summarise_recommendations(
        predicted, by_stars, ranked.table, by_lists, lists.choice, stars.choice, held.rival
    )
    bands = errors_by_popularity(predicted)

    # Deployment
    findings = describe_recommendations(
        ratings,
        users,
        films,
        predicted,
        by_stars,
        by_lists,
        bands,
        ranked.shown,
        stars.tried_biases,
        stars.tried_als,
        lists.tried_als,
        lists.tried_items,
        next_films,
        similar,
        metrics,
        lists.choice,
        stars.choice,
        data.parts.replaced,
        split,
        relevant,
    )
    answers = {"lists": final, "films": films, "recommendations": next_films}
    answers |= {f"stars_{name}": part for name, part in stars.model.parts.items()}
    return publish(findings, held, model=answers, tables={"recommendations": next_films, "similar": similar})


if __name__ == "__main__":
    main(recommendations)
