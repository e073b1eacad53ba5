"""What the demand case has to say: what will be sold, what to order, how good both are."""

import numpy as np
import pandas as pd

from tasks.cases.demand.evaluation.replay import Replay
from tasks.cases.demand.evaluation.scores import Evaluated, scored_rows
from tasks.cases.demand.features.clock import Clock
from tasks.cases.demand.features.panel import Prepared
from tasks.cases.demand.figures import forecast_figure, short
from tasks.cases.demand.ingestion.roles import Roles
from tasks.cases.demand.report.sections import (
    accuracy_section,
    choices_section,
    intervals_section,
    orders_section,
    replay_section,
    stock_section,
    told_saving,
)
from tasks.cases.demand.report.tables import dated
from tasks.cases.demand.training.choose import Chosen
from tasks.cases.demand.training.reconcile import Adding
from tasks.cases.demand.training.rolling import Plan
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.publishing.blocks import Figure
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block

CLOSE = 3.0  # points that the coverage of 90 % intervals may be off


@stage(phase="Deployment")
def describe_demand(
    roles: Roles,
    prepared: Prepared,
    chosen: Chosen,
    adding: Adding,
    test: pd.DataFrame,
    future: pd.DataFrame,
    found: Evaluated,
    played: Replay,
    saved: list[Metric],
    orders: pd.DataFrame,
    plan: Plan,
) -> Findings:
    """Say what will be sold and what to order.

    Args:
        roles: of the columns.
        prepared: the grid, its series and its clock.
        chosen: models, and what was tried.
        adding: how forecasts add up.
        test: forecasts of the test with quantiles.
        future: forecasts of what is to come with quantiles.
        found: the figures of the test.
        played: the replay.
        saved: metrics of the replay.
        orders: of today.
        plan: which items were played.
    """
    panel, series, clock, counts = prepared
    metrics = {metric.name: metric for metric in [*found.metrics, *saved]}
    baseline = chosen.baseline["name"]
    own = series["level"] == "series"
    mine = panel[panel["number"].isin(series.loc[own, "number"]) & (panel["t"] < clock.periods)]
    sold = float(mine["sold"].sum()) or 1.0
    known = bool(orders["stock"].notna().any())
    sections = [
        orders_section(orders, roles, clock, known),
        replay_section(played.rules, played.naive["name"], len(plan.drawn), int(own.sum()), clock, metrics),
        accuracy_section(found.models, found.levels, found.gains, baseline, clock, roles),
        intervals_section(found.coverage, metrics),
        stock_section(
            counts, float(mine["demand"].sum()) / sold - 1, int(mine["demand"].notna().sum()), bool(roles.stock)
        ),
        choices_section(chosen.ways, chosen.models, chosen.weights, adding, clock),
    ]
    return Findings(
        answer=_answer(clock, series, future, orders, metrics, roles, known),
        verdict=_verdict(metrics, found.gains, baseline),
        hero=[_hero(panel, series, test, future, clock, roles)],
        sections=sections,
        metrics=[*found.metrics, *saved],
        limits=_limits(clock, roles, len(scored_rows(test, series))),
    )


def _answer(
    clock: Clock,
    series: pd.DataFrame,
    future: pd.DataFrame,
    orders: pd.DataFrame,
    metrics: dict[str, Metric],
    roles: Roles,
    known: bool,
) -> str:
    own = series.loc[series["level"] == "series", "number"]
    total = float(future.loc[future["number"].isin(own), "value"].sum())
    now = orders[orders["order_today"]]
    wape, saved = metrics["wape"], metrics["cost_saved"]
    bought = (
        f"{len(now):,} of {len(orders):,} items are to be ordered today, {short(float(now['quantity'].sum()))} in all"
        if len(now)
        else "nothing is to be ordered today"
    )
    empty = "" if known else " (to fill empty shelves, for what is in stock was not given)"
    return (
        f"In the next {clock.horizon} {clock.unit}s customers will ask for about {short(total)} ({roles.quantity}), and"
        f" {bought}{empty}. Forecasts of the {len(own):,} series were off by {wape.value:.1f}\u202f% of demand in"
        f" {clock.horizon} {clock.unit}s that they had not seen, the best simple ones by"
        f" {wape.baseline or 0:.1f}\u202f%; orders by them would have cost {told_saving(saved)} there than by a usual"
        " rule."
    )


def _verdict(metrics: dict[str, Metric], gains: pd.DataFrame, baseline: str) -> Verdict:
    inside, saved, fill = metrics["coverage_90"], metrics["cost_saved"], metrics["fill_rate"]
    mine = gains[gains["against"] == baseline]
    better = bool(len(mine) and (mine["low"] > 0).all())
    close = abs(inside.value - 90) <= CLOSE
    cheaper = (saved.low or 0.0) > 0 and fill.value >= (fill.baseline or 0.0) - 1e-9
    return Verdict(
        met=better and close and cheaper,
        sentence=f"The gain over {baseline} is {'beyond' if better else 'not beyond'} chance, 90\u202f% intervals cover"
        f" {inside.value:.1f}\u202f% ({'within' if close else 'not within'} {CLOSE:g} points), and the orders cost"
        f" {'less' if (saved.low or 0.0) > 0 else 'not surely less'} than the naive rule's and serve"
        f" {'no less' if fill.value >= (fill.baseline or 0.0) - 1e-9 else 'less'} of demand.",
    )


def _hero(
    panel: pd.DataFrame, series: pd.DataFrame, test: pd.DataFrame, future: pd.DataFrame, clock: Clock, roles: Roles
) -> Figure:
    whole = series[series["level"] == "all"]
    number = int((whole if len(whole) else series)["number"].iloc[0])
    name = "all series together" if len(whole) else str(series["series"].iloc[0])
    past = panel[(panel["number"] == number) & (panel["t"] < clock.periods)]
    tables = [table[table["number"] == number].sort_values("t") for table in (test, future)]
    early, late = (table.assign(date=dated(table, clock)) for table in tables)
    history = pd.DataFrame({"date": dated(past, clock), "demand": past["demand"]}).replace(np.nan, 0.0)
    return figure_block(
        forecast_figure(history, early, late, name, clock.unit, f"{roles.quantity} a {clock.unit}"),
        "Demand of the past, and the forecast with its interval.",
    )


def _limits(clock: Clock, roles: Roles, cases: int) -> list[str]:
    given = [name for name in (roles.promotion, roles.price, roles.holiday) if name]
    planned = (
        f"{', '.join(given)} of the test {clock.unit}s were taken as planned beforehand; for the time to come they are"
        " those of rows without a quantity, else no promotion, the last price and last year's holidays."
        if given
        else "Promotions, prices and holidays were not given; what they do is noise here."
    )
    return [
        f"The test is one stretch of {clock.horizon} {clock.unit}s ({cases:,} cases); another one may be harder.",
        planned,
        "The replay meets the demand of the table, filled where a shelf was empty; it knows no late delivery, no"
        " substitute, and no customer who comes back.",
        "Unless costs are given, running out costs what makes the service level asked for the best one; the saving is"
        " in units of these costs.",
    ]
