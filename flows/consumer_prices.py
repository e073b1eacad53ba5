"""Consumer prices: from a statistical office's export to the trend, its changes, and a forecast with intervals."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.consumer_prices.evaluation.alarms import measure_alarms
from tasks.cases.consumer_prices.evaluation.backtest import (
    BASELINE,
    Choice,
    check_memory,
    choose_model,
    coverage_by_step,
    interval_coverage,
    origin_scores,
    price_metrics,
    rival_model,
)
from tasks.cases.consumer_prices.evaluation.regimes import season_by_regime, spread_by_regime
from tasks.cases.consumer_prices.features import regular_series, with_jumps, yearly_spread
from tasks.cases.consumer_prices.ingestion.genesis import GenesisTable, read_genesis
from tasks.cases.consumer_prices.ingestion.source import locate_prices
from tasks.cases.consumer_prices.report.compose import compose_prices
from tasks.cases.consumer_prices.training.forecasts import backtest, forecast_ahead
from tasks.cases.consumer_prices.training.trend import fit_trend
from tasks.cases.consumer_prices.validation import REMEDY, price_contract
from tasks.evaluation.champion import case_scores, decide_promotion
from tasks.evaluation.change_points import find_changes
from tasks.ingestion.files import Source
from tasks.platform.case import case, main
from tasks.publishing.champions import read_champion
from tasks.publishing.publish import publish_report
from tasks.publishing.tracking import TrackedRun, track_run
from tasks.validation.tables import publish_table_docs, validate_table

PRIMARY = "mape"


@case
def consumer_prices(
    source: str = "sample",
    series: str = "",
    horizon: Annotated[int, Field(ge=1, le=60)] = 24,
    model: Literal["auto", "combination", "autoregression", "theta", "seasonal_drift", "drift"] = "auto",
    test_years: Annotated[int, Field(ge=1, le=60)] = 22,
    every: Annotated[int, Field(ge=1, le=12)] = 3,
    memory: Annotated[int, Field(ge=2, le=60)] = 15,
    false_alarms: Annotated[float, Field(ge=0.003, le=0.3)] = 0.05,
    max_gap: Annotated[int, Field(ge=0, le=12)] = 2,
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.02,
    data_docs: bool = False,
    output: str = "",
) -> Path:
    """How do prices rise, and how unsteady has it become?

    The answer serves whoever plans with prices (rents, wages, contracts): how far to trust the pace of the last years,
    and how wide to plan. It is good when the forecasts are off less than seasonal naive ones, beyond chance, and when
    their 95 % intervals held 92 to 98 % of what came.

    Args:
        source: sample (USA, quarterly), public (Bavaria, monthly), or the path or https address of a GENESIS export
        series: heading of the column to read, or a part of it; the first column by default
        horizon: months to forecast
        model: auto takes the one that was off least on earlier forecasts; else the one to use
        test_years: how many years of forecasts measure the model; the earlier ones choose it
        every: months between two forecasts of the backtest
        memory: how many years of past errors make the intervals
        false_alarms: how often a change may be reported where there is none
        max_gap: longest run of missing months to fill
        max_quarantined: stop when a larger share of the rows breaks the contract
        data_docs: write the Data Docs of Great Expectations beside the report
        output: folder of the reports; the setting CASEBOOK_OUTPUT by default
    """
    # Data understanding
    where = locate_prices(source).load(Source)
    export = read_genesis(where.files, series)
    table = export.table.load(GenesisTable)
    check_memory(every, memory, table.per_year)
    contract = price_contract(table.per_year, max_quarantined)
    examined = with_jumps(export.prices)
    checked = validate_table(examined, contract, REMEDY)
    docs = publish_table_docs(examined, contract) if data_docs else None

    # Data preparation
    regular = regular_series(checked.frame, table.per_year, max_gap)
    prices = regular.series
    yearly = yearly_spread(prices, table.per_year, table.decimals)

    # Modelling
    fitted = fit_trend(prices, table.per_year)
    errors = backtest(prices, table.per_year, horizon, every)

    # Evaluation: changes with the errors of their test, forecasts against naive ones and the champion
    tests = find_changes(yearly, false_alarms)
    alarms = measure_alarms(yearly, table.per_year, false_alarms)
    chosen = choose_model(errors, table.per_year, test_years, model)
    choice = chosen.load(Choice)
    scores = origin_scores(errors, chosen)
    intervals = interval_coverage(errors, chosen, table.per_year, memory)
    ahead = forecast_ahead(prices, table.per_year, horizon, choice.model, intervals.half_widths)
    cases = case_scores(scores, choice.model, "group")
    baseline = case_scores(scores, BASELINE, "group")
    config = {"model": choice.model, "memory": memory}
    registered = f"consumer-prices-{where.name}"
    test_data = f"{prices.digest}-{horizon}-{every}-{test_years}"
    champion = read_champion(registered, config, test_data, cases.scores)
    rival = rival_model(champion.champion, champion.scores, scores, test_data, PRIMARY)
    decision = decide_promotion(
        cases.scores, cases.groups, baseline.scores, rival.record, rival.scores, PRIMARY, test_data,
        higher_is_better=False,
    )  # fmt: skip
    metrics = price_metrics(scores, intervals.covered, chosen, tests, alarms, rival.record)

    # Deployment
    settings = {"source": source, "series": series, "horizon": horizon, "model": model, "every": every}
    tracked = track_run(
        "consumer_prices", registered, config, settings, metrics, decision,
        cases.scores, test_data, {"forecast": ahead, "half_widths": intervals.half_widths}, champion.registry,
    )  # fmt: skip
    report = compose_prices(
        source=where, table=table, unread=export.quarantine, broken=checked.quarantine, contract=checked.report,
        series=prices, line=fitted.line, trend=fitted.trend, yearly=yearly, tests=tests,
        regimes=spread_by_regime(prices, yearly, tests, table.per_year),
        season=season_by_regime(prices, yearly, tests, table.per_year),
        alarms=alarms, errors=errors, choice=choice, coverage=coverage_by_step(intervals.covered), ahead=ahead,
        metrics=metrics, champion=tracked.load(TrackedRun).reason,
    )  # fmt: skip
    links = {"data docs": docs.load()} if docs else {}
    tables = {"forecast": ahead, "prices": prices, "years": yearly}
    return Path(publish_report(report, [ahead.digest, intervals.half_widths.digest], tables, links).load())


if __name__ == "__main__":
    main(consumer_prices)
