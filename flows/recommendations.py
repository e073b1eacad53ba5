"""Recommendations: alternating least squares on ratings, for stars and for lists, from files to ten films a user."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from tasks.cases.recommendations.evaluation import (
    compare_lists,
    compare_stars,
    errors_by_popularity,
    ndcg_of_lists,
    per_user_scores,
    score_lists,
    score_stars,
    summarise_recommendations,
)
from tasks.cases.recommendations.features import index_ratings, split_ratings
from tasks.cases.recommendations.ingestion import locate_ratings, read_ratings
from tasks.cases.recommendations.report.compose import compose_recommendations
from tasks.cases.recommendations.training.als import GRIDS, Choice, fit_lists, fit_stars, search_lists, search_stars
from tasks.cases.recommendations.training.biases import centre_ratings, fit_biases, search_biases
from tasks.cases.recommendations.training.recommend import recommend_films, similar_films
from tasks.cases.recommendations.validation import REMEDY, ratings_contract
from tasks.evaluation.champion import ChampionRecord, decide_promotion
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table

PRIMARY = "ndcg@10"


@case
def recommendations(
    source: str = "sample",
    split: Literal["time", "date", "random"] = "time",
    test_share: Annotated[float, Field(ge=0.02, le=0.5)] = 0.1,
    relevant: Annotated[float, Field(ge=0.5, le=5)] = 4.0,
    search: Literal["one", "small", "wide"] = "small",
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.02,
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 42,
    data_docs: bool = False,
    output: str = "",
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
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_ratings(source).load(Source)
    read = read_ratings(where.files, [file.name for file in where.files])
    contract = ratings_contract(max_quarantined)
    checked = validate_table(read.ratings, contract, REMEDY, read.quarantine)
    docs = publish_table_docs(read.ratings, contract) if data_docs else None

    # Data preparation
    indexed = index_ratings(checked.frame, read.films)
    parts = split_ratings(indexed.ratings, split, test_share, seed)
    train, test = parts.train, parts.test
    users, items = int(indexed.users.summary["rows"]), int(indexed.items.summary["rows"])
    shape = (users, items)

    # Modelling: stars from biases and what they leave, lists from who watched what
    of_stars, of_lists = GRIDS[search]
    biases_tried = search_biases(train, *shape)
    biases = fit_biases(train, *shape, biases_tried.pulls)
    centred = centre_ratings(train, *shape, biases_tried.pulls)
    stars_tried = search_stars(centred, centred, *shape, of_stars, seed)
    stars = fit_stars(centred, *shape, stars_tried.best, seed)
    lists_tried = search_lists(train, train, *shape, of_lists, relevant, seed)
    lists = fit_lists(train, *shape, lists_tried.best, relevant, seed)
    final = fit_lists(indexed.ratings, *shape, lists_tried.best, relevant, seed)  # what is published knows all ratings
    next_films = recommend_films(indexed.ratings, indexed.users, indexed.items, final.users, final.items, relevant)
    similar = similar_films(indexed.ratings, indexed.items, final.items)

    # Evaluation: on ratings held out, against popularity, film means, and the champion
    predicted = score_stars(train, test, biases.user, biases.item, stars.users, stars.items)
    ranked = score_lists(train, test, biases.item, lists.users, lists.items, stars.users, stars.items, relevant)
    per_user = per_user_scores(ranked.table)
    config = {**lists_tried.best.load(Choice).model_dump(), "relevant": relevant, "seed": seed}
    registered, test_data = f"recommendations-{where.name}", f"{test.digest}-{relevant:g}"
    champion = read_champion(registered, config, test_data, per_user.scores)
    record, rival = evaluate_champion(champion, train, test, shape, relevant, test_data)
    decision = decide_promotion(per_user.scores, per_user.groups, per_user.baseline, record, rival, PRIMARY, test_data)
    stars_table, lists_table = compare_stars(predicted), compare_lists(ranked.table, ranked.shown)
    metrics = summarise_recommendations(predicted, stars_table, ranked.table, lists_table, rival)

    # Deployment
    settings = {"source": source, "split": split, "test_share": test_share, "relevant": relevant, "search": search}
    artifacts = {"lists": final.model, "stars": stars.model}
    tracked = track_run(
        "recommendations", registered, config, settings, metrics, decision,
        per_user.scores, test_data, artifacts, champion.registry,
    )  # fmt: skip
    report = compose_recommendations(
        where=where,
        unreadable=read.quarantine,
        broken=checked.quarantine,
        contract=checked.report,
        ratings=indexed.ratings,
        users=indexed.users,
        films=indexed.items,
        predicted=predicted,
        stars=stars_table,
        lists=lists_table,
        bands=errors_by_popularity(predicted),
        shown=ranked.shown,
        tried_biases=biases_tried.table,
        tried_stars=stars_tried.table,
        tried_lists=lists_tried.table,
        recommended=next_films,
        similar=similar,
        metrics=metrics,
        split=split,
        relevant=relevant,
        champion=tracked.load(TrackedRun).reason,
    )
    results = {"recommendations": next_films, "similar": similar}
    links = {"data docs": docs.load()} if docs else {}
    return Path(publish_report(report, [next_films.digest, final.model.digest], results, links).load())


def evaluate_champion(
    champion: Stored, train: Stored, test: Stored, shape: tuple[int, int], relevant: float, test_data: str
) -> tuple[Any, Any]:
    """Score the champion's settings on the present test users: refitted when it was measured on others."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == test_data:
        return champion.champion, champion.scores
    try:
        choice, seed = Choice.model_validate(record.config), int(record.config["seed"])
    except (ValidationError, KeyError, TypeError, ValueError):  # its record is odd: it stays
        return champion.champion, champion.scores
    fitted = fit_lists(train, *shape, choice, relevant, seed)
    scores = ndcg_of_lists(train, test, fitted.users, fitted.items, relevant)
    return record.model_copy(update={"test_data": test_data, "primary": PRIMARY}), scores


if __name__ == "__main__":
    main(recommendations)
