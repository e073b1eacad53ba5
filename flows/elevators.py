"""Station lifts: their states from the FaSta API of Deutsche Bahn, night by night, from answers to reliability."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tasks.cases.elevators.evaluation.coverage import check_coverage
from tasks.cases.elevators.evaluation.forecasts import FORECASTS, score_forecasts, summarise_forecasts
from tasks.cases.elevators.features import Span, count_changes, find_outages, measure_span
from tasks.cases.elevators.ingestion.readings import locate_elevators, read_snapshots, take_snapshot
from tasks.cases.elevators.report.compose import compose_elevators, describe_lifts
from tasks.cases.elevators.training import estimate_lifts, fit_network
from tasks.cases.elevators.validation import lifts_contract, readings_contract
from tasks.evaluation.champion import ChampionRecord, case_scores, decide_promotion
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.platform.store import Stored
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table


@case
def elevators(
    source: str = "sample",
    forecast: Literal["markov", "shrunk"] = "markov",
    holdout_days: Annotated[int, Field(ge=1, le=366)] = 28,
    requests_per_minute: Annotated[int, Field(ge=1, le=6000)] = 60,
    station_lookups: Annotated[int, Field(ge=0, le=10_000)] = 100,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.05,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """Which station lifts are out of order, where, and how reliable are they?

    The answer serves whoever must know before the journey whether the lift will run, and whoever decides which lifts to
    renew first. It is good when half of the lifts' 95 % intervals of availability are narrower than 10 percentage
    points, and the forecast of the last weeks surely beats each lift's raw share of readings in order (Brier score).

    Args:
        source: sample, api (the live service: each run adds a snapshot to a history in the store; client id and key
            from CASEBOOK_DB_CLIENT_ID and CASEBOOK_DB_API_KEY or Prefect Secret blocks), the https address of a server
            that speaks the API, or a folder of saved answers (JSON, with the time in the name)
        forecast: markov (starts from the present state) or shrunk (the long-run availability)
        holdout_days: days at the end that the forecasts are tested on
        requests_per_minute: to the service, at most
        station_lookups: names of stations to ask the service for in one run, at most
        max_quarantined: stop when a larger share of an answer's facilities, or of the files, is malformed
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_elevators(source).load(Source)
    observed = (
        read_snapshots(where.files, [file.name for file in where.files], max_quarantined)
        if where.files
        else take_snapshot(source, where.name, requests_per_minute, station_lookups, max_quarantined)
    )
    checked = validate_table(observed.readings, readings_contract(), "take the answer out, and run again")
    lifts = validate_table(observed.lifts, lifts_contract())
    readings = checked.frame
    docs = publish_table_docs(readings, readings_contract()) if data_docs else None

    # Data preparation
    changes = count_changes(readings)
    outages = find_outages(readings)

    # Modelling
    network = fit_network(changes.counts, changes.lifts, outages)
    estimates = estimate_lifts(changes.counts, changes.lifts, network)

    # Evaluation: intervals on simulated lifts, forecasts on the last weeks against the raw share and the champion
    long_enough = measure_span(readings).load(Span).allows(holdout_days)
    coverage = check_coverage(readings, network) if long_enough else None
    tested = evaluate_forecast(readings, forecast, holdout_days, where, network) if long_enough else None

    # Deployment
    table = describe_lifts(readings, lifts.frame, estimates)
    report = compose_elevators(
        where=where,
        service=observed.service,
        readings=readings,
        table=table,
        outages=outages,
        network=network,
        readings_contract=checked.report,
        lifts_contract=lifts.report,
        quarantine=observed.quarantine,
        coverage=coverage,
        by_day=tested.by_day if tested else None,
        metrics=tested.metrics if tested else [],
        champion=tested.champion if tested else "No forecast was tested, so none was registered.",
        chosen=forecast,
    )
    links = {"data docs": docs.load()} if docs else {}
    tables = {"lifts": table, "outages": outages}
    return Path(publish_report(report, [table.digest, network.digest], tables, links).load())


class Tested(NamedTuple):
    """How the forecasts of the last weeks did, and what became of the one in use."""

    metrics: Stored
    by_day: Stored
    champion: str


def evaluate_forecast(readings: Stored, forecast: str, days: int, where: Source, network: Stored) -> Tested:
    """Forecast the last days from those before, hold the result against raw share and champion, and register it."""
    before, known_outages = count_changes(readings, days), find_outages(readings, days)
    learned = fit_network(before.counts, before.lifts, known_outages)
    scored = score_forecasts(readings, before.counts, before.lifts, learned, days)
    metrics = summarise_forecasts(scored.scores, forecast)
    cases, raw = case_scores(scored.scores, forecast, "station"), case_scores(scored.scores, "raw", "station")
    registered, test_data, config = f"elevators-{where.name}", f"{readings.digest}-{days}", {"forecast": forecast}
    champion = read_champion(registered, config, test_data, cases.scores)
    record, rival = evaluate_champion(champion, scored.scores, test_data)
    decision = decide_promotion(
        cases.scores, cases.groups, raw.scores, record, rival, "brier", test_data, higher_is_better=False
    )
    tracked = track_run(
        "elevators", registered, config, {"source": where.source, "holdout_days": days}, metrics, decision,
        cases.scores, test_data, {"network": network}, champion.registry,
    )  # fmt: skip
    return Tested(metrics, scored.by_day, tracked.load(TrackedRun).reason)


def evaluate_champion(champion: Stored, scores: Stored, test_data: str) -> tuple[Any, Any]:
    """Score the champion on the present last days, anew when it was measured on others."""
    record = champion.champion.load(ChampionRecord | None)
    if record is None or record.test_data == test_data or record.config.get("forecast") not in FORECASTS:
        return champion.champion, champion.scores
    same = record.model_copy(update={"test_data": test_data, "primary": "brier"})
    return same, case_scores(scores, record.config["forecast"], "station").scores


if __name__ == "__main__":
    main(elevators)
