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
from tasks.cases.pedestrians.ingestion import locate_pedestrians, read_hystreet
from tasks.cases.pedestrians.report import compose_pedestrians
from tasks.cases.pedestrians.training import find_changes
from tasks.cases.pedestrians.validation import describe_records, pedestrian_contract
from tasks.evaluation.champion import ChampionRecord, case_scores, decide_promotion
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table

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
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.01,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """When did the lockdown empty the square, by how much, and has it recovered?

    The answer serves a city that plans opening hours, markets and help for its shops. It is good when the date is sure
    to 3 days either way and the interval of the drop is no wider than 20 percentage points.

    Args:
        source: sample, public (Münsterplatz in Ulm, 2019/20), or a hystreet export of your own, or a folder of them
        place: which the answer is about; by default the one with the largest drop
        state: of Germany, for the public holidays
        trend: whether the expected week has a linear trend
        false_alarms: accepted probability of finding a change where there is none, for each place
        margin: days between two changes, and from a change to either end of the series
        most_changes: changes of level to look for in each place
        recent_days: days at the end that tell whether a place has recovered
        weeks: weeks before the change that are forecast to measure the expected week
        max_quarantined: stop when a larger share of the rows cannot be read
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_pedestrians(source).load(Source)
    read = read_hystreet(where.files, max_quarantined)
    records = describe_records(read.frame, ZONE)
    contract = pedestrian_contract()
    checked = validate_table(records, contract)
    docs = publish_table_docs(records, contract) if data_docs else None

    # Data preparation
    merged = merge_exports(checked.frame, ZONE)

    # Modelling
    found = find_changes(merged.days, state, trend, false_alarms, margin, most_changes, recent_days)

    # Evaluation: forecasts of calm weeks against the same weekday a week earlier, and against the champion
    cases = held_out_days(merged.days, found.changes, weeks)
    scored = backtest_week(merged.days, cases, state, trend)
    ours, naive = case_scores(scored, "error", "week"), case_scores(scored, "naive_error", "week")
    config = {"state": state, "trend": trend}
    registered = f"pedestrians-{where.name}"
    champion = read_champion(registered, config, cases.digest, ours.scores)
    record, rival = evaluate_champion(champion, merged.days, cases)
    decision = decide_promotion(
        ours.scores, ours.groups, naive.scores, record, rival, PRIMARY, cases.digest, higher_is_better=False
    )
    chosen = choose_place(found.places, found.changes, place)
    metrics = measure_pedestrians(scored, rival, found.changes, found.places, chosen)
    weekdays = weekday_means(merged.days, found.changes)

    # Deployment
    settings = {"source": source, "place": place, "false_alarms": false_alarms, **config}
    artifacts = {"expected": found.expected, "changes": found.changes}
    tracked = track_run(
        "pedestrians", registered, config, settings, metrics, decision,
        ours.scores, cases.digest, artifacts, champion.registry,
    )  # fmt: skip
    report = compose_pedestrians(
        where=where.model_copy(update={"files": []}),
        records=records,
        unreadable=read.quarantine,
        broken=checked.quarantine,
        contract=checked.report,
        merged=merged.report,
        hours=merged.hours,
        days=merged.days,
        changes=found.changes,
        places=found.places,
        expected=found.expected,
        weekdays=weekdays,
        months=monthly_means(found.expected),
        scored=scored,
        metrics=metrics,
        champion=tracked.load(TrackedRun).reason,
        place=chosen,
        false_alarms=false_alarms,
    )
    tables = {"changes": found.changes, "places": found.places, "days": found.expected}
    links = {"data docs": docs.load()} if docs else {}
    return Path(publish_report(report, [found.changes.digest], tables, links).load())


def evaluate_champion(champion: Stored, days: Stored, cases: Stored) -> tuple[Any, Any]:
    """Return the champion's record and its scores, anew when it was measured on other days."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == cases.digest:
        return champion.champion, champion.scores
    state, trend = record.config.get("state"), record.config.get("trend")
    if not (isinstance(state, str) and isinstance(trend, bool)):  # its record is odd: it stays
        return champion.champion, champion.scores
    scores = case_scores(backtest_week(days, cases, state, trend), "error", "week").scores
    return record.model_copy(update={"test_data": cases.digest, "primary": PRIMARY}), scores


if __name__ == "__main__":
    main(pedestrians)
