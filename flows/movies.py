"""Films: the revenue that is missing, predicted with a range that holds, and how much of it can be known at all."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.movies.evaluation.missingness import compare_missing
from tasks.cases.movies.evaluation.scores import evaluate_films, predict_as_published, score_films, squared_errors
from tasks.cases.movies.features import describe_films, split_films
from tasks.cases.movies.ingestion import locate_movies, read_movies
from tasks.cases.movies.report import compose_movies, fill_revenue
from tasks.cases.movies.training import (
    MODELS,
    choose_model,
    compare_models,
    fit_intervals,
    fit_model,
    predict_revenue,
    score_model,
)
from tasks.cases.movies.validation import REMEDY, movies_contract
from tasks.evaluation.champion import ChampionRecord, decide_promotion
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table

PRIMARY = "squared_error"


@case
def movies(
    source: str = "sample",
    train_share: Annotated[float, Field(ge=0.05, le=0.95)] = 0.8,
    level: Annotated[float, Field(ge=0.5, le=0.99)] = 0.8,
    model: Literal["auto", "ridge", "forest", "boosting", "blend"] = "auto",
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 42,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.05,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """What did the films earn whose revenue is missing?

    The answer serves whoever needs a complete table of revenues, and has to know how far its filled values can be
    trusted. It is good when the model explains at least half of the variation of revenue (R² of 0.5 against the mean,
    on films that it has not seen) and the 80 % intervals cover 78 to 82 % of them (as near to another level; with few
    films as near as chance allows).

    Args:
        source: sample, public (the 10,000 most voted films of IMDb), or a movies.csv of your own
        train_share: share of the films with revenue to learn from; a published analysis takes 0.1
        level: share of films that the intervals are to cover
        model: auto (the best in cross-validation), ridge, forest, boosting, or blend (of the last two)
        seed: of split, folds and models; 42 in the published analysis
        max_quarantined: stop when a larger share of the films cannot be read or breaks the contract
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_movies(source).load(Source)
    films = read_movies(where.file, where.file.name)
    contract = movies_contract(max_quarantined)
    checked = validate_table(films.frame, contract, REMEDY, films.quarantine)
    docs = publish_table_docs(films.frame, contract) if data_docs else None

    # Data preparation
    split = split_films(checked.frame, train_share, seed)
    train = describe_films(split.train, checked.frame)
    test = describe_films(split.test, checked.frame)
    missing = describe_films(split.missing, checked.frame)

    # Modelling
    compared = compare_models(train, split.train, seed)
    name = choose_model(compared.table, model).load(str)
    fitted = fit_model(train, split.train, compared.out_of_fold, name, seed)
    ends = fit_intervals(train, split.train, compared.out_of_fold, fitted.back, name, level, seed)
    trained = (fitted.model, fitted.back, ends.low, ends.high, ends.calibration)
    predictions = predict_revenue(test, *trained)
    filled = fill_revenue(split.missing, predict_revenue(missing, *trained))

    # Evaluation: on films never seen, against the mean, a published tree, and the champion
    scores = score_films(split.test, predictions, split.train)
    published = squared_errors(split.test, predict_as_published(split.train, train, test, seed))
    config = {"model": name, "seed": seed}
    registered, test_data = f"movies-{where.name}", split.test.digest
    champion = read_champion(registered, config, test_data, scores.model)
    record, rival = evaluate_champion(champion, train, split.train, test, split.test)
    decision = decide_promotion(
        scores.model, scores.groups, scores.mean, record, rival, PRIMARY, test_data, higher_is_better=False
    )
    evaluation = evaluate_films(
        split.test, predictions, split.train, scores.model, scores.mean, published, rival, level
    )
    lacking = compare_missing(split.test, split.missing, test, missing, predictions, seed)

    # Deployment
    settings = {"source": source, "train_share": train_share, "level": level, "model": name, "seed": seed}
    artifacts = {"model": fitted.model, "low": ends.low, "high": ends.high, "calibration": ends.calibration}
    tracked = track_run(
        "movies", registered, config, settings, evaluation.metrics, decision,
        scores.model, test_data, artifacts, champion.registry,
    )  # fmt: skip
    report = compose_movies(
        where=where,
        films=checked.frame,
        unreadable=films.quarantine,
        broken=checked.quarantine,
        contract=checked.report,
        test=split.test,
        bands=split.bands,
        candidates=compared.table,
        chosen=name,
        predictions=predictions,
        filled=filled,
        metrics=evaluation.metrics,
        coverage=evaluation.coverage,
        concentration=evaluation.concentration,
        lacking=lacking.record,
        medians=lacking.table,
        level=level,
        champion=tracked.load(TrackedRun).reason,
    )
    links = {"data docs": docs.load()} if docs else {}
    return Path(publish_report(report, [filled.digest, fitted.model.digest], {"filled": filled}, links).load())


def evaluate_champion(
    champion: Stored, train: Stored, films: Stored, test: Stored, tested: Stored
) -> tuple[Stored | ChampionRecord, Stored]:
    """Score the champion on the present test films: refitted by its record when it was measured on others."""
    record = champion.champion.load(ChampionRecord | None)
    name, seed = (record.config.get(key) for key in ("model", "seed")) if record else (None, None)
    if record is None or record.test_data == tested.digest or name not in MODELS or not isinstance(seed, int):
        return champion.champion, champion.scores
    scores = squared_errors(tested, score_model(train, films, test, seed, name))
    return record.model_copy(update={"test_data": tested.digest, "primary": PRIMARY}), scores


if __name__ == "__main__":
    main(movies)
