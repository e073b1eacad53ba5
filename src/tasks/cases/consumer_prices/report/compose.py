"""How do prices rise, and how unsteady has it become? Everything of one run, put into its report."""

import numpy as np
import pandas as pd

from tasks.cases.consumer_prices.evaluation.backtest import BASELINE, Choice
from tasks.cases.consumer_prices.figures import (
    Step,
    backtest_errors,
    coverage_figure,
    price_forecast,
    price_increments,
    price_level,
    seasonal_pattern,
    yearly_levels,
)
from tasks.cases.consumer_prices.ingestion.genesis import GenesisTable
from tasks.cases.consumer_prices.report.words import (
    alarms_here,
    answer,
    missed,
    named,
    p_value,
    pace,
    unsteadiness,
    verdict,
)
from tasks.cases.consumer_prices.training.trend import Trend
from tasks.evaluation.change_points import Verdict as Test
from tasks.evaluation.metrics import Metric
from tasks.platform.stage import stage
from tasks.platform.text import capital, shorten
from tasks.publishing.blocks import Block, Section, Table, Text
from tasks.publishing.report import Findings
from tasks.publishing.tables import figure_block

MODEL_NAMES = {
    "naive": "naive: prices stay",
    "seasonal_naive": "seasonal naive: the same month of last year",
    "drift": "drift of five years",
    "seasonal_drift": "last year's pace, with the season",
    "autoregression": "autoregression with the season",
    "theta": "theta",
    "combination": "mean of autoregression, theta and last year's pace",
}


@stage(phase="Deployment")
def describe_prices(
    table: GenesisTable,
    series: pd.DataFrame,
    line: pd.DataFrame,
    trend: Trend,
    yearly: pd.DataFrame,
    tests: list[Test],
    regimes: pd.DataFrame,
    season: pd.DataFrame,
    alarms: pd.DataFrame,
    errors: pd.DataFrame,
    choice: Choice,
    coverage: pd.DataFrame,
    ahead: pd.DataFrame,
    metrics: list[Metric],
) -> Findings:
    """Say what was found.

    Args:
        table: what the export says about itself.
        series: the index without gaps, with its increments.
        line: the regression line.
        trend: what the line says.
        yearly: a row per calendar year.
        tests: what the test of changes says about inflation, spread, and spread without the season.
        regimes: the spread of each regime, taken apart.
        season: the mean step of each month.
        alarms: how often the test errs.
        errors: of the backtest.
        choice: the model in use.
        coverage: of the intervals, by step.
        ahead: the forecast.
        metrics: the run's figures.
    """
    unit = _unit(table)
    last = ahead.iloc[-1]
    forecast = f"{last['period']:%B %Y} is forecast at {last['forecast']:.1f} ({last['low']:.1f} to {last['high']:.1f})"
    return Findings(
        answer=answer(trend, tests, forecast),
        verdict=verdict(metrics),
        hero=[_spread_figure(yearly, tests), _forecast_figure(series, ahead, unit, forecast)],
        sections=[
            _rise(series, line, trend, yearly, tests, unit),
            _unsteady(series, season, regimes, yearly, tests, table.per_year),
            _alarms(alarms),
            _forecasts(errors, choice, coverage, ahead, table.per_year),
            _reading(table, series),
        ],
        metrics=metrics,
        limits=_limits(series, table, tests),
    )


def _unit(table: GenesisTable) -> str:
    """Return the base of the index, the last part of the column's heading that has a number."""
    return next((part for part in reversed(table.series.split(", ")) if "=" in part), "").replace("=", " = ")


def _steps(yearly: pd.DataFrame, test: Test, column: str) -> list[Step]:
    """Return the levels that the test found; for spreads the geometric mean."""
    starts = [int(yearly["year"].iloc[0]), *(change.year for change in test.changes)]
    ends = [*(start - 1 for start in starts[1:]), int(yearly["year"].iloc[-1])]
    bounds = [(starts[0], starts[0]), *((change.low, change.high) for change in test.changes)]
    steps = []
    for first, end, (low, high) in zip(starts, ends, bounds, strict=True):
        values = yearly.loc[(yearly["year"] >= first) & (yearly["year"] <= end), column]
        level = float(np.exp(np.log(values).mean())) if test.ratio else float(values.mean())
        steps.append(Step(first, end, level, low, high))
    return steps


def _detail(test: Test) -> str:
    return "too few years for a test" if test.p is None else f"test of no change: {p_value(test.p)}, {test.years} years"


def _spread_figure(yearly: pd.DataFrame, tests: list[Test]) -> Block:
    test = named(tests, "spread")
    if test.changes:
        change = test.changes[-1]
        finding = (
            f"Steps became {'more' if change.difference > 1 else 'less'} unsteady in {change.year}:"
            f" {change.before:.2f} % before, {change.after:.2f} % after"
        )
    else:
        known = test.p is not None
        finding = "No lasting change in how unsteady the steps are" if known else "Spread of each year's steps"
    drawing = yearly_levels(yearly, "spread", _steps(yearly, test, "spread"), finding, "spread, %", _detail(test))
    caption = (
        "Standard deviation of the relative steps within each calendar year. An unchanging season adds the same to"
        " every year."
    )
    return figure_block(drawing, f"Line of the yearly spread of price steps. {finding}.", caption)


def _forecast_figure(series: pd.DataFrame, ahead: pd.DataFrame, unit: str, words: str) -> Block:
    drawing = price_forecast(series, ahead, capital(words), unit)
    caption = f"Forecast from {series['period'].iloc[-1]:%B %Y} on; the interval is made of the model's past errors."
    return figure_block(drawing, f"The last years of the index and the forecast. {capital(words)}.", caption)


def _rise(
    series: pd.DataFrame, line: pd.DataFrame, trend: Trend, yearly: pd.DataFrame, tests: list[Test], unit: str
) -> Section:
    test = named(tests, "inflation")
    if test.changes:
        finding = "Inflation changed for good in " + ", ".join(str(change.year) for change in test.changes)
    else:
        finding = "Inflation wanders from year to year; no lasting change of its level is certain"
    level = capital(pace(trend))
    size = series["absolute"].abs()
    half = len(series) // 2
    grown = size.iloc[half:].mean() / max(size.iloc[:half].mean(), 1e-12)
    points = f"In index points, steps of the second half are {grown:.1f} times as large as those of the first"
    blocks: list[Block] = [
        figure_block(
            price_level(series, line, level, unit),
            f"The price index with its regression line. {level}.",
            f"The {trend.shape} line is closer to the index (off by {trend.rmse:.1f} points, the other shape by"
            f" {trend.other_rmse:.1f}). Its errors cling together (autocorrelation {trend.memory:.2f}); the band allows"
            " for that up to four years (Newey-West), and is a description of the past, not a forecast.",
        ),
        figure_block(
            yearly_levels(yearly, "inflation", _steps(yearly, test, "inflation"), finding, "% a year", _detail(test)),
            f"Inflation of each calendar year. {finding}.",
            "Sum of the relative steps of each calendar year (logarithms).",
        ),
        figure_block(
            price_increments(series, "absolute", points, "step, index points"),
            f"Bars of the absolute steps. {points}.",
            "Steps in index points grow with the index itself, so they say nothing about how unsteady prices are.",
        ),
        figure_block(
            price_increments(series, "relative", _relative_finding(series), "step, %"),
            f"Bars of the relative steps. {_relative_finding(series)}.",
            "100 times the difference of logarithms.",
        ),
    ]
    return Section(title="How prices rise", blocks=blocks)


def _relative_finding(series: pd.DataFrame) -> str:
    steps = series["relative"].dropna()
    return f"Relative steps: {steps.mean():.2f} % on average, and {(steps < 0).mean():.0%} of them downwards"


def _unsteady(
    series: pd.DataFrame,
    season: pd.DataFrame,
    regimes: pd.DataFrame,
    yearly: pd.DataFrame,
    tests: list[Test],
    per_year: int,
) -> Section:
    rest = named(tests, "irregular")
    year = rest.changes[-1].year if rest.changes else None
    finding = f"Without the season, the spread changed in {year}" if year else "Without the season, no change is found"
    swing = season.groupby("regime", sort=False)["mean"].agg(np.ptp)
    words = (
        f"{swing.iloc[0]:.2f} %" if len(swing) == 1 else f"{swing.iloc[0]:.2f} % before, {swing.iloc[-1]:.2f} % after"
    )
    pattern = f"The season swings by {words}"
    table = Table.from_frame(
        regimes,
        {
            "years": "years",
            "inflation": "inflation, % a year",
            "spread": "spread, %",
            "season": "season, %",
            "rest": "rest, %",
            "rounding": "rounding alone, %",
        },
        dict.fromkeys(("inflation", "spread", "season", "rest", "rounding"), ".2f"),
        caption="The squares of season and rest add up to that of the spread. The published index is rounded, which"
        " makes steps of its own.",
    )
    return Section(
        title="How unsteady it is, and why",
        intro=f"{capital(unsteadiness(tests))}.",
        blocks=[
            table,
            figure_block(
                seasonal_pattern(season, pattern),
                f"Mean step of each month. {pattern}.",
                "The first and the last regime; each regime's mean is taken off.",
            ),
            figure_block(
                yearly_levels(
                    yearly, "irregular", _steps(yearly, rest, "irregular"), finding, "spread, %", _detail(rest)
                ),
                f"Spread of each year's steps without the season. {finding}.",
                "Of each step, the mean step of the same month in the six nearest other years is taken off.",
            ),
        ],
    )


def _alarms(alarms: pd.DataFrame) -> Section:
    wide = alarms.pivot_table(index="scenario", columns="figure", values="share", sort=False).reset_index()
    still = alarms[(alarms["planted"] == "") & (alarms["figure"] == "any")]
    worst = still.loc[still["share"].idxmax()]
    table = Table.from_frame(
        wide,
        {
            "scenario": "simulated prices",
            "any": "any change",
            "inflation": "inflation",
            "spread": "spread",
            "irregular": "without the season",
        },
        dict.fromkeys(("any", "inflation", "spread", "irregular"), ".1%"),
        caption=f"Share of {int(worst['n'])} simulated indices of the same length in which the test reports a change.",
    )
    return Section(
        title="How far the test can be trusted",
        intro=f"Where nothing was planted, it reports some change in {still['share'].min():.1%} to {worst['share']:.1%}"
        f" of the simulated indices (worst case {worst['low']:.1%} to {worst['high']:.1%}: {worst['scenario']})."
        f" {alarms_here(alarms)} {missed(alarms)}",
        blocks=[table],
    )


def _forecasts(
    errors: pd.DataFrame, choice: Choice, coverage: pd.DataFrame, ahead: pd.DataFrame, per_year: int
) -> Section:
    tested = errors[errors["origin"] >= choice.first_test]
    means = tested.groupby("model")["off"].mean().sort_values()
    by_step = tested.pivot_table(index="step", columns="model", values="off").reset_index()
    label = f"{'months' if per_year == 12 else 'quarters'} ahead"
    finding = f"Off by {means[choice.model]:.2f} % on average, against {means[BASELINE]:.2f} % of the seasonal naive"
    held = f"The 95 % intervals held {np.average(coverage['coverage'], weights=coverage['n']):.1%} of what came"
    models = pd.DataFrame({"model": [MODEL_NAMES[str(name)] for name in means.index], "off": means.to_numpy()})
    highlight = [str(name) for name in means.index].index(choice.model)
    shown = ahead.assign(when=ahead["period"].dt.strftime("%Y-%m"))
    blocks: list[Block] = [
        Text(paragraphs=[choice.why]),
        figure_block(
            backtest_errors(by_step, choice.model, finding, label),
            f"Error by step. {finding}.",
            f"{tested['origin'].nunique()} forecasts, each from what was known then.",
        ),
        Table.from_frame(
            models,
            {"model": "model", "off": "mean absolute error, %"},
            {"off": ".2f"},
            highlight=highlight,
            caption="The same forecasts, which took no part in choosing the model.",
        ),
        figure_block(
            coverage_figure(coverage, held, label),
            f"Coverage by step. {held}.",
            "Each interval was made from errors that were known when its forecast was made.",
        ),
        Table.from_frame(
            shown,
            {"when": "month", "forecast": "forecast", "low": "low", "high": "high"},
            dict.fromkeys(("forecast", "low", "high"), ".1f"),
            caption="Forecast with 95 % interval.",
        ),
    ]
    return Section(title="How good the forecast is", blocks=blocks)


def _reading(table: GenesisTable, series: pd.DataFrame) -> Section:
    """Say what was read, and what was not there."""
    signs = ", ".join(f"{count} × {shorten(sign, 10)}" for sign, count in table.placeholders.items())
    lines = [
        f"{table.code} {table.title}".strip(),
        f"Column “{table.series}” of {len(table.columns)}; {series['period'].iloc[0]:%Y-%m} to"
        f" {series['period'].iloc[-1]:%Y-%m}, {table.language} export.",
        f"Missing numbers by their sign: {signs}." if signs else "No number is missing.",
        f"{int(series['filled'].sum())} months inside the series were filled;"
        f" {table.skipped} rows of whole years left out.",
        *table.notes,
    ]
    return Section(title="What was read", blocks=[Text(paragraphs=[line for line in lines if line])])


def _limits(series: pd.DataFrame, table: GenesisTable, tests: list[Test]) -> list[str]:
    limits = [
        "A change is dated to a year, not to a month: the season makes single months no evidence.",
        "The test tells that a figure changed, not why; a new basket or way of recording changes it as well.",
        "Intervals are made from errors of the past years; a shock without a like in them is not in the intervals.",
    ]
    if table.decimals <= 1:
        limits.append("An index with one decimal makes steps by rounding alone, larger ones where the index is low.")
    if series["filled"].any():
        limits.append(f"{int(series['filled'].sum())} missing months were filled with even steps, which look too calm.")
    if named(tests, "spread").p is None:
        limits.append("There are too few complete calendar years to test for changes.")
    return limits
