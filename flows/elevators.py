"""Station lifts: their states from the FaSta API of Deutsche Bahn, night by night, from answers to reliability."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tasks.cases.elevators.evaluation.coverage import check_coverage
from tasks.cases.elevators.evaluation.forecasts import FORECASTS, score_forecasts, summarise_forecasts
from tasks.cases.elevators.features import Span, count_changes, find_outages, measure_span
from tasks.cases.elevators.ingestion.readings import read_elevators
from tasks.cases.elevators.report.compose import describe_elevators, describe_lifts
from tasks.cases.elevators.training import estimate_lifts, fit_network
from tasks.cases.elevators.validation import lifts_contract, readings_contract
from tasks.evaluation.champion import case_scores
from tasks.evaluation.contest import Held, contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def elevators(
    source: str = "sample",
    forecast: Literal["markov", "shrunk"] = "markov",
    holdout_days: Annotated[int, Field(ge=1, le=366)] = 28,
    requests_per_minute: Annotated[int, Field(ge=1, le=6000)] = 60,
    station_lookups: Annotated[int, Field(ge=0, le=10_000)] = 100,
    max_quarantined: Quarantined = 0.05,
    columns: Columns = "",
) -> Path:
    """Which station lifts are out of order, where, and how reliable are they?

    The answer serves whoever must know before the journey whether the lift will run, and whoever decides which lifts to
    renew first. It is good when half of the lifts' 95 % intervals of availability are narrower than 10 percentage
    points, and the forecast of the last weeks surely beats each lift's raw share of readings in order (Brier score).

    Args:
        source: sample, api (the live service: each run adds a snapshot to a history in the store; client id and key
            from CASEBOOK_DB_CLIENT_ID and CASEBOOK_DB_API_KEY or Prefect Secret blocks), the https address of a server
            that speaks the API, a folder of saved answers (JSON, with the time in the name), or a table with a row per
            lift and time: observed, equipmentnumber, stationnumber, state
        forecast: markov (starts from the present state) or shrunk (the long-run availability)
        holdout_days: days at the end that the forecasts are tested on
        requests_per_minute: to the service, at most
        station_lookups: names of stations to ask the service for in one run, at most
        max_quarantined: stop when a larger share of an answer's facilities, or of the files, is malformed
    """
    # Data understanding
    data = read_elevators(source, requests_per_minute, station_lookups, max_quarantined, columns)
    readings = check(data.frame, readings_contract(), "take the answer out, and run again").frame
    lifts = check(data.parts.lifts, lifts_contract())

    # Data preparation
    changes = count_changes(readings)
    outages = find_outages(readings)

    # Modelling
    network = fit_network(changes.counts, changes.lifts, outages)
    estimates = estimate_lifts(changes.counts, changes.lifts, network)

    # Evaluation: intervals on simulated lifts, forecasts on the last weeks against the raw share and the champion
    long_enough = measure_span(readings).load(Span).allows(holdout_days)
    coverage = check_coverage(readings, network) if long_enough else None
    tested = examine_forecast(f"elevators-{data.name}", readings, forecast, holdout_days) if long_enough else None

    # Deployment
    table = describe_lifts(readings, lifts.frame, estimates)
    findings = describe_elevators(
        source,
        data.parts.service,
        readings,
        table,
        outages,
        network,
        coverage,
        tested.by_day if tested else None,
        tested.metrics if tested else [],
        forecast,
    )
    model, held = ({"network": network}, tested.held) if tested else (None, None)
    return publish(findings, held, model=model, tables={"lifts": table, "outages": outages})


class Tested(NamedTuple):
    """How the forecasts of the last weeks did, and how the one in use stands."""

    metrics: Stored
    by_day: Stored
    held: Held


def examine_forecast(name: str, readings: Stored, forecast: str, days: int) -> Tested:
    """Forecast the last days from those before, and hold the result against the raw share and the champion."""
    before, known_outages = count_changes(readings, days), find_outages(readings, days)
    learned = fit_network(before.counts, before.lifts, known_outages)
    scored = score_forecasts(readings, before.counts, before.lifts, learned, days)

    def cases(config: dict[str, Any]) -> Stored:
        if config["forecast"] not in FORECASTS:
            raise ValueError(f"{config['forecast']!r} is no forecast")
        return case_scores(scored.scores, config["forecast"], "raw", "station")

    config = {"forecast": forecast}
    held = contest(
        name, config, cases(config), on=f"{readings.digest}-{days}", metric="brier", better="lower", rescore=cases
    )
    return Tested(summarise_forecasts(scored.scores, forecast), scored.by_day, held)


if __name__ == "__main__":
    main(elevators)
