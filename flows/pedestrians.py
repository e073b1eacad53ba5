"""Pedestrians: overlapping counts of public places, from exports to the day that emptied them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.cases.pedestrians.evaluation.backtest import (
    PRIMARY,
    backtest_week,
    choose_place,
    held_out_days,
    measure_pedestrians,
)
from tasks.cases.pedestrians.evaluation.weekdays import monthly_means, weekday_means
from tasks.cases.pedestrians.features import merge_exports
from tasks.cases.pedestrians.ingestion import read_pedestrians
from tasks.cases.pedestrians.report import describe_pedestrians
from tasks.cases.pedestrians.training import find_changes
from tasks.cases.pedestrians.validation import pedestrian_contract
from tasks.evaluation.champion import case_scores
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.tables import check

ZONE = "Europe/Berlin"


@case
def pedestrians(
    source: str = "sample",
    place: str = "",
    state: Literal[
        "BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"
    ] = "BW",
    trend: bool = True,
    false_alarms: Annotated[float, Field(ge=0.005, le=0.5)] = 0.05,
    margin: Annotated[int, Field(ge=3, le=90)] = 7,
    most_changes: Annotated[int, Field(ge=1, le=10)] = 3,
    recent_days: Annotated[int, Field(ge=7, le=90)] = 14,
    weeks: Annotated[int, Field(ge=1, le=104)] = 12,
    columns: Columns = "",
    max_quarantined: Quarantined = 0.01,
) -> Path:
    """When did the lockdown empty the square, by how much, and has it recovered?

    The answer serves a city that plans opening hours, markets and help for its shops. It is good when the date is sure
    to 3 days either way and the interval of the drop is no wider than 20 percentage points.

    Args:
        source: sample, public (Münsterplatz in Ulm, 2019/20), or a hystreet export of your own, or a folder of them
        place: which the answer is about; by default the one with the largest drop
        state: of Germany, for the public holidays
        trend: whether the expected week has a linear trend and a yearly course
        false_alarms: accepted probability of finding a change where there is none, for each place
        margin: days between two changes, and from a change to either end of the series
        most_changes: changes of level to look for in each place
        recent_days: days at the end that tell whether a place has recovered
        weeks: weeks before the change that are forecast to measure the expected week
    """
    # Data understanding
    data = read_pedestrians(source, ZONE, columns)
    checked = check(data, pedestrian_contract(max_quarantined))

    # Data preparation
    merged = merge_exports(checked.frame, ZONE)

    # Modelling
    found = find_changes(merged.days, state, trend, false_alarms, margin, most_changes, recent_days)

    # Evaluation: forecasts of calm weeks against the same weekday a week earlier, and against the champion
    cases = held_out_days(merged.days, found.changes, weeks)

    def scores(config: dict[str, Any]) -> Stored:
        table = backtest_week(merged.days, cases, str(config["state"]), bool(config["trend"]))
        return case_scores(table, "error", "naive_error", "week")

    config = {"state": state, "trend": trend}
    scored = backtest_week(merged.days, cases, state, trend)
    held = contest(
        f"pedestrians-{data.name}", config, scores(config), on=cases, metric=PRIMARY, better="lower", rescore=scores
    )
    chosen = choose_place(found.places, found.changes, place)
    metrics = measure_pedestrians(scored, held.rival, found.changes, found.places, chosen)

    # Deployment
    findings = describe_pedestrians(
        merged.report,
        merged.hours,
        merged.days,
        found.changes,
        found.places,
        found.expected,
        weekday_means(merged.days, found.changes),
        monthly_means(found.expected),
        scored,
        metrics,
        chosen,
        false_alarms,
    )
    tables = {"changes": found.changes, "places": found.places, "days": found.expected}
    return publish(findings, held, model={"expected": found.expected, "changes": found.changes}, tables=tables)


if __name__ == "__main__":
    main(pedestrians)
