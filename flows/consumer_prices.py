"""Consumer prices: from a statistical office's export to the trend, its changes, and a forecast with intervals."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.consumer_prices.evaluation.alarms import measure_alarms
from tasks.cases.consumer_prices.evaluation.backtest import (
    Choice,
    check_memory,
    choose_model,
    coverage_by_step,
    interval_coverage,
    origin_cases,
    origin_scores,
    price_metrics,
)
from tasks.cases.consumer_prices.evaluation.regimes import season_by_regime, spread_by_regime
from tasks.cases.consumer_prices.features import regular_series, yearly_spread
from tasks.cases.consumer_prices.ingestion.genesis import GenesisTable
from tasks.cases.consumer_prices.ingestion.source import read_prices
from tasks.cases.consumer_prices.report.compose import describe_prices
from tasks.cases.consumer_prices.training.forecasts import backtest, forecast_ahead
from tasks.cases.consumer_prices.training.trend import fit_trend
from tasks.cases.consumer_prices.validation import REMEDY, price_contract
from tasks.evaluation.change_points import find_changes
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Columns, Quarantined
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def consumer_prices(
    source: str = "sample",
    series: str = "",
    decimal: Literal["auto", "comma", "point"] = "auto",
    columns: Columns = "",
    horizon: Annotated[int, Field(ge=1, le=60)] = 24,
    model: Literal["auto", "combination", "autoregression", "theta", "seasonal_drift", "drift"] = "auto",
    test_years: Annotated[int, Field(ge=1, le=60)] = 22,
    every: Annotated[int, Field(ge=1, le=12)] = 3,
    memory: Annotated[int, Field(ge=2, le=60)] = 15,
    false_alarms: Annotated[float, Field(ge=0.003, le=0.3)] = 0.05,
    max_gap: Annotated[int, Field(ge=0, le=12)] = 2,
    max_quarantined: Quarantined = 0.02,
) -> Path:
    """How do prices rise, and how unsteady has it become?

    The answer serves whoever plans with prices (rents, wages, contracts): how far to trust the pace of the last years,
    and how wide to plan. It is good when the forecasts are off less than seasonal naive ones, beyond chance, and when
    their 95 % intervals held 92 to 98 % of what came.

    Args:
        source: sample (USA, quarterly), public (Bavaria, monthly), or the path or https address of a GENESIS export or
            of a table with a column of months (or quarters) and one of values
        series: heading of the column to read, or a part of it; the first column by default
        decimal: the decimal mark; auto finds it in the column, and asks where nothing tells
        horizon: months to forecast
        model: auto takes the one that was off least on earlier forecasts; else the one to use
        test_years: how many years of forecasts measure the model; the earlier ones choose it
        every: months between two forecasts of the backtest
        memory: how many years of past errors make the intervals
        false_alarms: how often a change may be reported where there is none
        max_gap: longest run of missing months to fill
    """
    # Data understanding
    data = read_prices(source, series, decimal, columns)
    table = data.parts.table.load(GenesisTable)
    check_memory(every, memory, table.per_year)
    checked = check(data, price_contract(table.per_year, max_quarantined), REMEDY)

    # Data preparation
    regular = regular_series(checked.frame, table.per_year, max_gap)
    prices = regular.series
    yearly = yearly_spread(prices, table.per_year, table.decimals)

    # Modelling
    fitted = fit_trend(prices, table.per_year)
    errors = backtest(prices, table.per_year, horizon, every)

    # Evaluation: changes with the errors of their test, forecasts against naive ones and the champion
    tests = find_changes(yearly, false_alarms)
    alarms = measure_alarms(yearly, table.per_year, false_alarms, tests)
    chosen = choose_model(errors, table.per_year, test_years, model)
    choice = chosen.load(Choice)
    scores = origin_scores(errors, chosen)
    intervals = interval_coverage(errors, chosen, table.per_year, memory)
    ahead = forecast_ahead(prices, table.per_year, horizon, choice.model, intervals.half_widths)
    held = contest(
        f"consumer-prices-{data.name}",
        {"model": choice.model, "memory": memory},
        origin_cases(scores, choice.model),
        on=f"{prices.digest}-{horizon}-{every}-{test_years}",
        metric="mape",
        better="lower",
        rescore=lambda config: origin_cases(scores, str(config["model"])),
    )
    metrics = price_metrics(scores, intervals.covered, chosen, tests, alarms, held.rival)

    # Deployment
    regimes = spread_by_regime(prices, yearly, tests, table.per_year)
    season = season_by_regime(prices, yearly, tests, table.per_year)
    findings = describe_prices(
        table,
        prices,
        fitted.line,
        fitted.trend,
        yearly,
        tests,
        regimes,
        season,
        alarms,
        errors,
        choice,
        coverage_by_step(intervals.covered),
        ahead,
        metrics,
    )
    answers = {"forecast": ahead, "half_widths": intervals.half_widths}
    return publish(findings, held, model=answers, tables={"forecast": ahead, "prices": prices, "years": yearly})


if __name__ == "__main__":
    main(consumer_prices)
