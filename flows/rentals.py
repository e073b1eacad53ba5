"""The price of a flat: the same preparation and models on pandas and on Spark, honestly measured."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.rentals.evaluation.errors import (
    compare_engines,
    relative_errors,
    score_models,
    summarise_prices,
    worst_errors,
)
from tasks.cases.rentals.evaluation.explanations import measure_importances
from tasks.cases.rentals.evaluation.scaling import measure_scaling
from tasks.cases.rentals.features.priced import part_priced
from tasks.cases.rentals.features.with_pandas import derive_rentals, find_centre, split_rentals
from tasks.cases.rentals.ingestion.currency import tell_currency
from tasks.cases.rentals.ingestion.listings import read_rentals
from tasks.cases.rentals.report.compose import describe_rentals
from tasks.cases.rentals.training.engines import PANDAS, SPARK
from tasks.cases.rentals.training.ranges import foretell
from tasks.cases.rentals.training.search import choose_model
from tasks.cases.rentals.validation import REMEDY, rentals_contract
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def rentals(
    source: str = "sample",
    engine: Literal["pandas", "spark", "both"] = "pandas",
    folds: Annotated[int, Field(ge=2, le=20)] = 3,
    search: Annotated[int, Field(ge=1, le=20)] = 2,
    centre: Annotated[str, Field(pattern=r"^(auto|[+-]?\d{1,2}(\.\d+)?,[+-]?\d{1,3}(\.\d+)?)$")] = "auto",
    currency: Annotated[str, Field(pattern=r"^(auto|none|[A-Z]{3})$")] = "auto",
    decimal: Literal["auto", "comma", "point"] = "auto",
    scaling_rows: Annotated[int, Field(ge=10_000, le=100_000_000)] = 100_000,
    columns: Columns = "",
    max_quarantined: Quarantined = 0.05,
) -> Path:
    """What should a flat cost a night?

    The answer serves a host who sets a price, and a guest who wonders whether one is fair. It is good when both the
    RMSE and the mean absolute error are at least 30 % below those of the best constant price. Listings without a price
    get one foretold.

    Args:
        source: sample, public (Airbnb Berlin), or a listings.csv or listings.csv.gz as Inside Airbnb publishes it, as
            path or address; only price, room_type, latitude and longitude have to be there
        engine: pandas (with scikit-learn), spark, or both side by side
        folds: of the cross-validation with scikit-learn; Spark's has three
        search: settings of each kind of model that are tried
        centre: latitude,longitude of the city's centre in degrees; auto: Alexanderplatz for Berlin, else the middle of
            the listings
        currency: of the prices, a code as JPY, or none; auto: as the columns, the file's name or the place tell
        decimal: mark of the prices; auto decides it by the column
        scaling_rows: with both engines, the most rows to which the listings are grown to compare the time
    """
    # Data understanding
    data = read_rentals(source, decimal, columns)
    checked = check(data, rentals_contract(max_quarantined), REMEDY).frame
    named = tell_currency(data.frame, data.parts.currency, source, currency)
    money = named.load(str)

    # Data preparation
    priced = part_priced(checked)
    listings, unpriced = priced.listings, priced.unpriced
    split = split_rentals(listings)
    found = find_centre(listings, centre)
    middle = found.load(list[float])
    parts = (listings, split.members, middle)
    used = SPARK if engine == "spark" else PANDAS
    prepared = used.prepare(*parts)

    # Modelling
    ours = used.model(prepared, folds, search)
    other = SPARK.model(SPARK.prepare(*parts), folds, search) if engine == "both" else None
    chosen = choose_model(ours.search, used.name)
    if used is PANDAS:
        unpriced = foretell(derive_rentals(unpriced, *middle), ours.fitted.best, ours.fitted.interval)
        ours.artifacts.update(learned=prepared.train, centre=found, currency=named)  # what a new flat is asked with

    # Evaluation: against the median price and the champion; why, and on which engine
    predictions = ours.fitted.predictions
    scores = score_models(predictions)
    held = contest(
        f"rentals-{used.name}-{data.name}",
        chosen.load(dict),
        relative_errors(predictions, chosen),
        on=prepared.test,
        metric="mae_log",
        better="lower",
        rescore=lambda config: used.refit(prepared.train, prepared.test, config),
    )
    metrics = summarise_prices(scores, chosen, predictions, money, held.rival)
    importance, engines, growth = None, None, None
    if used is PANDAS:
        importance = measure_importances(ours.fitted.best, prepared.test)
    if other:
        theirs = score_models(other.fitted.predictions)
        engines = compare_engines(scores, ours.fitted.costs, theirs, other.fitted.costs)
        growth = measure_scaling(listings, scaling_rows)

    # Deployment
    worst = worst_errors(predictions, chosen)
    findings = describe_rentals(
        source,
        chosen,
        prepared.derived,
        split.table,
        ours.search,
        scores,
        predictions,
        worst,
        metrics,
        money,
        unpriced,
        importance,
        engines,
        growth,
    )
    tables = {"predictions": predictions, "search": ours.search, "scores": scores, "unpriced": unpriced}
    return publish(findings, held, model=ours.artifacts, tables=tables)


if __name__ == "__main__":
    main(rentals)
