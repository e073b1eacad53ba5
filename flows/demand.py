"""Demand: what every item will sell, and what to order of it today, on pandas or on Spark."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.demand.evaluation.replay import replay_orders
from tasks.cases.demand.evaluation.scores import evaluate_forecasts, evaluate_orders
from tasks.cases.demand.features.panel import prepare_panel
from tasks.cases.demand.features.terms import item_terms
from tasks.cases.demand.forecaster import Forecaster
from tasks.cases.demand.ingestion.items import Usual, read_items
from tasks.cases.demand.ingestion.roles import Asked
from tasks.cases.demand.ingestion.table import read_sales
from tasks.cases.demand.report.compose import describe_demand
from tasks.cases.demand.report.tables import list_forecasts, list_orders
from tasks.cases.demand.training.intervals import fit_intervals, simple_quantiles, tell_quantiles
from tasks.cases.demand.training.ordering import make_orders
from tasks.cases.demand.training.rolling import Plan, plan_rolling
from tasks.cases.demand.validation import REMEDY, demand_contract
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined, Seed
from tasks.publishing.publish import publish
from tasks.validation.tables import check

Periods = Annotated[int, Field(ge=0, le=60)]
Amount = Annotated[float, Field(ge=0, le=1e9)]


@case
def demand(
    source: str = "sample",
    series: str = "",
    date: str = "",
    quantity: str = "",
    price: str = "",
    promotion: str = "",
    holiday: str = "",
    stock: str = "",
    date_order: Literal["auto", "day", "month"] = "auto",
    gaps: Literal["auto", "zero", "missing"] = "auto",
    country: Annotated[str, Field(pattern=r"^([A-Za-z]{2}(-[A-Za-z0-9]{1,4})?)?$")] = "",
    horizon: Annotated[int, Field(ge=0, le=400)] = 0,
    items: str = "",
    lead_time: Periods = 1,
    review: Annotated[int, Field(ge=1, le=60)] = 1,
    pack: Amount = 1.0,
    minimum: Amount = 0.0,
    shelf_life: Annotated[int, Field(ge=0, le=400)] = 0,
    service: Annotated[float, Field(ge=0.5, le=0.995)] = 0.95,
    engine: Literal["pandas", "spark"] = "pandas",
    seed: Seed = 42,
    max_quarantined: Quarantined = 0.05,
) -> Path:
    """What will we sell, and what should we order today?

    The answer serves who buys for a shop: how much of each item to order, when, and how sure that is. It is good when
    forecasts of periods never seen beat the best simple one beyond chance, 90 % intervals cover 87 to 93 %, and the
    orders, played again, cost less than a usual rule's at no less service.

    Args:
        source: sample, or a CSV with a row per series and day, as path or address
        series: columns that tell series apart (item, store), separated by commas; found where plain; none for one
        date: the column of days, weeks or months; found where it is plain
        quantity: the column of what was sold; found where it is plain
        price: column of prices; none to leave it out
        promotion: column that marks promotions, 1 or 0; none to leave it out
        holiday: column that marks holidays, 1 or 0; none to leave it out
        stock: column of the stock at the end of a period; where it is 0, sales are less than the demand
        date_order: whether dates with the year last have day or month first; auto sees it from the column, or asks
        gaps: what a period without a row means, no sale (zero) or nothing known (missing)
        country: whose public holidays count, such as DE or DE-BY
        horizon: periods to forecast and to test on; 0 for 13 weeks, 28 days or 6 months
        items: CSV by item, the columns of the series and any of stock, on_order, lead_time, review, pack, minimum,
            shelf_life, service, unit_cost, price, holding_cost, shortage_cost, order_cost; the rest as follows
        lead_time: periods from order to arrival
        review: periods between orders
        pack: units that are ordered together; 0 for any quantity
        minimum: least order
        shelf_life: periods until a unit spoils; 0 for never
        service: chance not to run out until the delivery after next; costs in items decide instead
        engine: pandas (this machine's cores) or spark
        seed: of draws and models
        max_quarantined: stop when a larger share of the rows cannot be read
    """
    # Data understanding
    asked = Asked(series, date, quantity, price, promotion, holiday, stock)
    data = read_sales(source, asked, date_order)
    frame, roles = check(data, demand_contract(max_quarantined), REMEDY).frame, data.parts.roles

    # Data preparation: a grid of series, their sums and periods, with the demand behind stock-outs
    prepared = prepare_panel(frame, horizon, gaps, country)
    panel, names, clock = prepared.panel, prepared.series, prepared.clock
    usual = Usual(lead_time, review, pack, minimum, shelf_life, service)
    terms = item_terms(read_items(items, roles, usual._asdict()), names, frame, clock)

    # Modelling: every choice is made at origins whose targets lie before the test
    models = Forecaster(prepared, engine, seed)
    ours, time = models.choose({}), models.time
    chosen = ours.chosen
    planned = plan_rolling(terms, clock, seed)
    plan = planned.load(Plan)
    rehearsed = ours.forecast(plan.early, plan.steps, plan.forecast)
    intervals = fit_intervals(ours.validation, names, rehearsed, time.test)
    test = tell_quantiles(ours.test, intervals, names)
    ahead = ours.forecast([time.periods], time.horizon)
    future = tell_quantiles(ahead, intervals, names)
    orders = make_orders(ahead, terms, intervals, names, clock)

    # Evaluation: the test periods against the best simple forecast and the champion, and the orders played again
    held = contest(
        f"demand-{engine}-{data.name}",
        {"ways": chosen.ways_used.load(dict[str, str]), "seed": seed},
        ours.scored,
        on=models.test,
        metric="wape",
        better="lower",
        rescore=models.rescore,
    )
    simple = simple_quantiles(models.validation, models.test, names, chosen.baseline)
    found = evaluate_forecasts(test, models.test, simple, names, chosen.baseline, held.rival)
    rolled = ours.forecast(plan.origins, plan.steps, plan.forecast)
    played = replay_orders(panel, rolled, terms, intervals, names, clock, planned)
    saved = evaluate_orders(played.items, played.naive)

    # Deployment
    findings = describe_demand(
        roles, prepared, chosen, ours.adding, test, future, found, played, saved, orders, planned
    )
    tables = {
        "orders": list_orders(orders, roles),
        "forecasts": list_forecasts(future, names, clock, roles),
        "test": list_forecasts(test, names, clock, roles),
        "replay": played.items,
    }
    model = {"weights": chosen.weights, "intervals": intervals, "boosting": models.boosted[time.periods]}
    return publish(findings, held, model=model, tables=tables)


if __name__ == "__main__":
    main(demand)
