"""The price of a flat: the same preparation and models on pandas and on Spark, honestly measured."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.cases.rentals.evaluation.errors import (
    absolute_errors,
    compare_engines,
    score_models,
    summarise_prices,
    worst_errors,
)
from tasks.cases.rentals.evaluation.explanations import compare_losses, measure_importances
from tasks.cases.rentals.evaluation.scaling import measure_scaling
from tasks.cases.rentals.features.with_pandas import find_centre, split_rentals
from tasks.cases.rentals.ingestion import read_rentals
from tasks.cases.rentals.report.compose import describe_rentals
from tasks.cases.rentals.training.engines import PANDAS, SPARK
from tasks.cases.rentals.training.search import choose_model
from tasks.cases.rentals.validation import rentals_contract
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def rentals(
    source: str = "sample",
    engine: Literal["pandas", "spark", "both"] = "pandas",
    folds: Annotated[int, Field(ge=2, le=20)] = 5,
    search: Annotated[int, Field(ge=1, le=20)] = 2,
    centre: Annotated[str, Field(pattern=r"^(auto|[+-]?\d{1,2}(\.\d+)?,[+-]?\d{1,3}(\.\d+)?)$")] = "auto",
    scaling_rows: Annotated[int, Field(ge=10_000, le=100_000_000)] = 100_000,
    max_quarantined: Quarantined = 0.05,
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
    """
    # Data understanding
    data = read_rentals(source)
    listings = check(data, rentals_contract(max_quarantined)).frame

    # Data preparation
    split = split_rentals(listings)
    parts = (listings, split.members, find_centre(listings, centre).load(list[float]))
    used = SPARK if engine == "spark" else PANDAS
    prepared = used.prepare(*parts)

    # Modelling
    ours = used.model(prepared, folds, search)
    other = SPARK.model(SPARK.prepare(*parts), folds, search) if engine == "both" else None
    chosen = choose_model(ours.search, used.name)

    # Evaluation: against the median price and the champion; why, and on which engine
    predictions = ours.fitted.predictions
    scores = score_models(predictions)
    cases = absolute_errors(predictions, chosen)

    def rescore(config: dict[str, Any]) -> Stored:
        return used.refit(prepared.train, prepared.test, config)

    held = contest(
        f"rentals-{used.name}-{data.name}",
        chosen.load(dict),
        cases,
        on=prepared.test,
        metric="mae",
        better="lower",
        rescore=rescore,
    )
    metrics = summarise_prices(scores, chosen, cases.scores, held.rival)
    losses, importance, engines, growth = None, None, None, None
    if used is PANDAS:
        losses = score_models(compare_losses(prepared.train, prepared.test))
        importance = measure_importances(ours.fitted.best, prepared.test)
    if other:
        theirs = score_models(other.fitted.predictions)
        engines = compare_engines(scores, ours.fitted.costs, theirs, other.fitted.costs)
        growth = measure_scaling(listings, scaling_rows)

    # Deployment
    worst = worst_errors(predictions, chosen)
    findings = describe_rentals(
        source, chosen, prepared.derived, split.table, ours.search, scores, predictions, worst, metrics,
        losses, importance, engines, growth,
    )  # fmt: skip
    tables = {"predictions": predictions, "search": ours.search, "scores": scores}
    return publish(findings, held, model=ours.artifacts, tables=tables)


if __name__ == "__main__":
    main(rentals)
