"""The price of a flat: the same preparation and models on pandas and on Spark, honestly measured."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tasks.cases.rentals.evaluation.errors import (
    absolute_errors,
    compare_engines,
    score_models,
    summarise_prices,
    worst_errors,
)
from tasks.cases.rentals.evaluation.scaling import measure_scaling
from tasks.cases.rentals.features.with_pandas import derive_rentals, find_centre, part_rentals, split_rentals
from tasks.cases.rentals.features.with_spark import derive_on_spark, prepare_on_spark
from tasks.cases.rentals.ingestion import locate_rentals, read_rentals
from tasks.cases.rentals.report import compose_rentals
from tasks.cases.rentals.training.with_sklearn import (
    choose_model,
    compare_losses,
    fit_models,
    measure_importances,
    refit_champion,
    search_models,
)
from tasks.cases.rentals.training.with_spark import fit_on_spark, refit_champion_on_spark, search_on_spark
from tasks.cases.rentals.validation import rentals_contract
from tasks.evaluation.champion import ChampionRecord, decide_promotion
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table


class Engine(NamedTuple):
    """What one engine made of the listings."""

    derived: Stored
    train: Stored
    test: Stored
    search: Stored
    fitted: Any
    scores: Stored
    artifacts: dict[str, Stored]  # what a price is foretold with


def with_pandas(frame: Stored, parts: Stored, centre: tuple[float, float], folds: int, search: int) -> Engine:
    """Derive, search and fit with pandas and scikit-learn."""
    derived = derive_rentals(frame, *centre)
    part = part_rentals(derived, parts)
    found = search_models(part.train, folds, search)
    fitted = fit_models(part.train, part.test, found)
    scores = score_models(fitted.predictions)
    return Engine(derived, part.train, part.test, found, fitted, scores, {"model": fitted.best})


def with_spark(frame: Stored, parts: Stored, centre: tuple[float, float], folds: int, search: int) -> Engine:
    """Derive, search and fit on Spark; its search has three folds whatever is asked for."""
    derived = derive_on_spark(frame, *centre)
    part = prepare_on_spark(derived, parts)
    found = search_on_spark(part.train, search)
    fitted = fit_on_spark(part.train, part.test, found, frame)
    artifacts = {"model": fitted.best, "preparation": part.pipeline, "encodings": part.encodings}
    return Engine(derived, part.train, part.test, found, fitted, score_models(fitted.predictions), artifacts)


@case
def rentals(
    source: str = "sample",
    engine: Literal["pandas", "spark", "both"] = "pandas",
    folds: Annotated[int, Field(ge=2, le=20)] = 5,
    search: Annotated[int, Field(ge=1, le=20)] = 2,
    centre: Annotated[str, Field(pattern=r"^(auto|[+-]?\d{1,2}(\.\d+)?,[+-]?\d{1,3}(\.\d+)?)$")] = "auto",
    scaling_rows: Annotated[int, Field(ge=10_000, le=100_000_000)] = 100_000,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.05,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """What should a flat cost a night?

    The answer serves a host who sets a price, and a guest who wonders whether one is fair. It is good when both the
    RMSE and the mean absolute error are at least 30 % below those of the best constant price.

    Args:
        source: sample, public (Airbnb Berlin), or a listings.csv as Inside Airbnb publishes it, as path or address
        engine: pandas (with scikit-learn), spark, or both side by side
        folds: of the cross-validation with scikit-learn; Spark's has three
        search: settings of each kind of model that are tried
        centre: latitude,longitude of the city's centre in degrees; auto: Alexanderplatz for Berlin, else the middle of
            the listings
        scaling_rows: with both engines, the most rows to which the listings are grown to compare the time
        max_quarantined: stop when a larger share of the rows cannot be read or breaks the contract
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_rentals(source).load(Source)
    listings = read_rentals(where.file, where.file.name)
    contract = rentals_contract(max_quarantined)
    checked = validate_table(listings.frame, contract, unreadable=listings.quarantine)
    docs = publish_table_docs(listings.frame, contract) if data_docs else None

    # Data preparation and modelling, on each engine
    split = split_rentals(checked.frame)
    place = find_centre(checked.frame, centre).load(list[float])
    asked = (checked.frame, split.members, (place[0], place[1]), folds, search)
    ours = with_spark(*asked) if engine == "spark" else with_pandas(*asked)
    other = with_spark(*asked) if engine == "both" else None
    chosen = choose_model(ours.search, "spark" if engine == "spark" else "pandas")
    model = chosen.load(dict)

    # Evaluation
    predictions = ours.fitted.predictions
    errors = absolute_errors(predictions, chosen)
    on_pandas = engine != "spark"
    losses = score_models(compare_losses(ours.train, ours.test)) if on_pandas else None
    importance = measure_importances(ours.fitted.best, ours.test) if on_pandas else None
    engines = compare_engines(ours.scores, ours.fitted.costs, other.scores, other.fitted.costs) if other else None
    growth = measure_scaling(checked.frame, scaling_rows) if other else None
    registered = f"rentals-{model['engine']}-{where.name}"
    test_data = ours.test.digest
    champion = read_champion(registered, model, test_data, errors.ours)
    record, rival = evaluate_champion(champion, ours, test_data)
    decision = decide_promotion(
        errors.ours, errors.groups, errors.baseline, record, rival, "mae", test_data, higher_is_better=False
    )
    metrics = summarise_prices(ours.scores, chosen, len(errors.ours.load()), rival)

    # Deployment
    settings = {"source": source, "engine": engine, "folds": folds, "search": search}
    tracked = track_run(
        "rentals",
        registered,
        model,
        settings,
        metrics,
        decision,
        errors.ours,
        test_data,
        ours.artifacts,
        champion.registry,
    )
    report = compose_rentals(
        where=where,
        model=chosen,
        derived=ours.derived,
        split=split.table,
        contract=checked.report,
        unreadable=listings.quarantine,
        quarantine=checked.quarantine,
        search=ours.search,
        scores=ours.scores,
        predictions=predictions,
        worst=worst_errors(predictions, chosen),
        metrics=metrics,
        champion=tracked.load(TrackedRun).reason,
        losses=losses,
        importance=importance,
        engines=engines,
        growth=growth,
    )
    links = {"data docs": docs.load()} if docs else {}
    tables = {"predictions": predictions, "search": ours.search, "scores": ours.scores}
    return Path(publish_report(report, [predictions.digest, ours.fitted.best.digest], tables, links).load())


def evaluate_champion(champion: Any, ours: Engine, test_data: str) -> tuple[Any, Any]:
    """Return the champion's record and its errors on the present listings, fitted anew when measured on others."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == test_data:
        return champion.champion, champion.scores
    refit = refit_champion_on_spark if record.config.get("engine") == "spark" else refit_champion
    try:
        errors = refit(ours.train, ours.test, record.config)
    except (KeyError, TypeError, ValueError):  # its record is odd: it stays, and the decision says so
        return champion.champion, champion.scores
    return record.model_copy(update={"test_data": test_data, "primary": "mae"}), errors


if __name__ == "__main__":
    main(rentals)
