"""What does the report on cloud costs say? The answer, how far it can be trusted, and all figures."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.cases.cloud_costs.evaluation.change import Change
from tasks.cases.cloud_costs.features.currency import Currency
from tasks.cases.cloud_costs.features.groups import noun
from tasks.cases.cloud_costs.figures import cumulated_figure
from tasks.cases.cloud_costs.report import sections
from tasks.cases.cloud_costs.training import Forecast
from tasks.cases.cloud_costs.words import money, month_name
from tasks.evaluation.metrics import Metric
from tasks.figures.style import percent
from tasks.platform.stage import stage
from tasks.publishing.blocks import Section
from tasks.publishing.report import Findings, Verdict
from tasks.publishing.tables import figure_block


@stage(phase="Deployment")
def describe_costs(
    totals: pd.DataFrame,
    currency: Currency,
    files: pd.DataFrame,
    expected: pd.DataFrame,
    days: pd.DataFrame,
    daily: pd.DataFrame,
    groups: pd.DataFrame,
    tag: str,
    commitments: pd.DataFrame,
    change: Change,
    parts: pd.DataFrame,
    forecast: Forecast | None,
    budgets: pd.DataFrame,
    anomalies: pd.DataFrame,
    series: pd.DataFrame,
    looked: dict[str, float],
    unused: pd.DataFrame,
    chosen: pd.DataFrame,
    summary: pd.DataFrame,
    unknown: int,
    prices: str,
) -> Findings:
    """Say what was found; each table is what its stage returns."""
    code = currency.code
    whole = budgets[budgets["scope"] == "everything"]
    budget = float(whole["budget"].iloc[0]) if len(whole) else 0.0
    hero = figure_block(cumulated_figure(days, forecast, budget, code), "The cost of the month, added up day by day")
    parts_of_report: list[Section | None] = [
        sections.spending_section(groups, daily, tag, code),
        sections.change_section(change, parts, code),
        sections.anomalies_section(anomalies, series, looked, code),
        sections.budget_section(budgets, code),
        sections.forecast_section(forecast, code),
        sections.unused_section(unused, code),
        sections.choice_section(chosen, summary, unknown, prices),
        sections.commitments_section(commitments, code),
        sections.expected_section(expected),
        sections.sources_section(totals, files, currency),
    ]
    return Findings(
        answer=answer(change, days, forecast, anomalies, budgets, summary, code),
        verdict=verdict(forecast, code),
        hero=[hero],
        metrics=metrics(days, currency, totals, forecast, anomalies, looked, expected),
        sections=[section for section in parts_of_report if section],
        limits=_limits(files, currency),
    )


def answer(
    change: Change,
    days: pd.DataFrame,
    forecast: Forecast | None,
    anomalies: pd.DataFrame,
    budgets: pd.DataFrame,
    summary: pd.DataFrame,
    code: str,
) -> str:
    """Return the answer in sentences for people, each only where the figures say it."""
    told = [
        f"{_when(change, days)} the cloud cost {money(change.billed, code)} (effective {money(change.effective, code)})"
        f"{_compared(change)}."
    ]
    if forecast and forecast.days_left:
        told.append(
            f"At the end of the month it will have cost about {money(forecast.total, code)} (95 % interval"
            f" {money(forecast.low, code)} to {money(forecast.high, code)})."
        )
    for row in budgets[(budgets["alert"] != "kept so far") & (budgets["scope"] == "everything")].to_dict("records"):
        told.append(f"The budget of {money(row['budget'], code)} {_alerted(row)}.")
    for row in anomalies.head(1).to_dict("records"):
        told.append(_stands_out(row, code))
    for row in summary[summary["size"].notna()].head(1).to_dict("records") if len(summary) else []:
        told.append(
            f"For {row['need']} the cheapest is {row['size']}, {row['model']}:"
            f" {money(row['monthly'], row['currency'])} a month{_instead(row)}."
        )
    return " ".join(told)


def _instead(row: dict[Any, Any]) -> str:
    """Return what the best pay-as-you-go costs where something else is recommended."""
    if row["model"] == "pay-as-you-go" or pd.isna(row["payg"]):
        return ""
    return f", instead of {money(row['payg'], row['currency'])} for {row['payg_size']} by the hour"


def _when(change: Change, days: pd.DataFrame) -> str:
    last = days["day"].iloc[-1]
    if change.whole:
        return f"In {month_name(change.month)}"
    first = last - pd.Timedelta(days=change.days - 1)
    return f"On {last.day} {last:%B %Y}" if change.days == 1 else f"From {first.day} to {last.day} {last:%B %Y}"


def _compared(change: Change) -> str:
    if change.before is None or change.before <= 0:
        return ""
    share = change.billed / change.before - 1
    than = f"in {pd.Timestamp(change.before_month):%B}"
    than = than if change.whole else f"on the same days of {pd.Timestamp(change.before_month):%B}"
    if abs(share) < 0.005:
        return f", as much as {than}"
    text = f", {percent(abs(share))} {'more' if share > 0 else 'less'} than {than}"
    if not change.culprit:
        return text
    most = "more than all" if change.share > 1.005 else "all" if change.share > 0.995 else "most"
    what = f"{noun(change.service)} `{change.culprit}`".strip()
    return f"{text}; {most} of the {'rise' if share > 0 else 'fall'} is {what}"


def _alerted(row: dict[Any, Any]) -> str:
    alert = str(row["alert"])
    return {"exceeded": f"was exceeded on {row['day_100']}", "80 % spent": f"was spent to 80 % on {row['day_80']}"}.get(
        alert, alert
    )


def _stands_out(row: dict[Any, Any], code: str) -> str:
    usual, cost, excess, a_month = (float(str(row[name])) for name in ("usual", "cost", "excess", "a_month"))
    first, last = (pd.Timestamp(str(row[name])) for name in ("first", "last"))
    if row["goes_on"]:
        return (
            f"`{row['resource']}` costs {money(cost, code)} a day since {first.day} {first:%B}, {money(usual, code)}"
            f" before: {money(a_month, code)} more a month if it goes on."
        )
    when = f"on {first.day} {first:%B}" if first == last else f"from {first.day} {first:%B} to {last.day} {last:%B}"
    return f"`{row['resource']}` cost {money(excess, code)} more than usual {when}."


def verdict(forecast: Forecast | None, code: str) -> Verdict:
    """Return whether the forecast is at least as good as the plain run rate, on earlier days."""
    if forecast is None or forecast.error is None or forecast.baseline_error is None:
        return Verdict(met=None, sentence="Whether the forecast holds cannot be told: the month is over, or too short.")
    told = (
        f"From {forecast.origins} earlier days the forecast was off by {money(forecast.error, code)} on average, the"
        f" mean of the month so far by {money(forecast.baseline_error, code)}."
    )
    return Verdict(met=forecast.error <= forecast.baseline_error, sentence=told)


def metrics(
    days: pd.DataFrame,
    currency: Currency,
    totals: pd.DataFrame,
    forecast: Forecast | None,
    anomalies: pd.DataFrame,
    looked: dict[str, float],
    expected: pd.DataFrame,
) -> list[Metric]:
    """Return the figures of the run, the totals of each currency apart."""
    code = currency.code
    found = [
        Metric(name="billed_cost", value=float(days["billed"].sum()), unit=code),
        Metric(name="effective_cost", value=float(days["effective"].sum()), unit=code),
        Metric(name="anomalies", value=float(len(anomalies)), unit="spells", n=int(looked["series"])),
    ]
    if forecast:
        month_end = Metric(
            name="forecast_month_end",
            value=forecast.total,
            unit=code,
            low=forecast.low,
            high=forecast.high,
            baseline=forecast.run_rate,
        )
        found.insert(2, month_end)
    for row in totals[totals["currency"] != code].to_dict("records"):
        found.append(
            Metric(
                name=f"billed_cost_{row['currency'].lower()}",
                value=row["billed"],
                unit=row["currency"],
                note=row["note"],
            )
        )
        found.append(
            Metric(
                name=f"effective_cost_{row['currency'].lower()}",
                value=row["effective"],
                unit=row["currency"],
                note=row["note"],
            )
        )
    for row in expected.to_dict("records"):
        found.append(
            Metric(
                name=f"export_forecast_{row['currency'].lower()}",
                value=row["together"],
                unit=row["currency"],
                note=row["note"],
            )
        )
    return [item for item in found if np.isfinite(item.value)]


def _limits(files: pd.DataFrame, currency: Currency) -> list[str]:
    told = [
        "A bill tells what was charged and not what was done: look at what seems unused.",
        "The last day of an export may not be charged in full yet; the forecast takes it as it is.",
        "The forecast expects the days to come to be as recent ones were; what is planned it cannot know.",
    ]
    kinds = set(files["kind"])
    if "Azure actual" in kinds and "Azure amortised" not in kinds:
        told.append("Commitments that were paid before the first day of the data are in no effective cost.")
    if "Azure amortised" in kinds and "Azure actual" not in kinds:
        told.append(
            "An amortised export holds no purchases: what was billed for commitments is not in the billed cost."
        )
    if currency.converted:
        told.append("The amounts in dollars are those that the export gives, at its exchange rate.")
    return told
