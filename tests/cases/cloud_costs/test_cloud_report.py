"""Each sentence of the answer stands only where the figures say it, and figures draw odd names and few days."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.cases.cloud_costs import figures
from tasks.cases.cloud_costs.evaluation.anomalies import COLUMNS
from tasks.cases.cloud_costs.evaluation.change import Change
from tasks.cases.cloud_costs.features.currency import Currency
from tasks.cases.cloud_costs.report import sections
from tasks.cases.cloud_costs.report.compose import answer, metrics, verdict
from tasks.cases.cloud_costs.training import Forecast
from tasks.cases.cloud_costs.words import money
from tasks.figures.style import figure_to_svg

DAYS = pd.DataFrame({"day": pd.date_range("2026-09-01", "2026-09-30"), "billed": 1.0, "effective": 0.9, "usage": 1.0})
WHOLE = Change(month="2026-09", days=30, whole=True, billed=1234.0, effective=1100.0)
NO_EVENTS = pd.DataFrame(columns=COLUMNS)
NO_BUDGET = pd.DataFrame({"scope": [], "alert": []})
NO_CHOICE = pd.DataFrame({"size": []})
HALF = Forecast(
    month="2026-09", so_far=50, days_left=15, method="m", total=100, low=80, high=120, run_rate=90, daily=[3.0] * 15
)
ODD = "=cmd|$a$ <b>& “x” " * 3


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def told(change: Change, **more: Any) -> str:
    given: dict[str, Any] = {
        "forecast": None,
        "anomalies": NO_EVENTS,
        "budgets": NO_BUDGET,
        "summary": NO_CHOICE,
    } | more
    return plain(answer(change, DAYS, given["forecast"], given["anomalies"], given["budgets"], given["summary"], "EUR"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "In September 2026 the cloud cost 1,234 € (effective 1,100 €)."),
        ({"before": 1101.8, "before_month": "2026-08"}, "(effective 1,100 €), 12 % more than in August."),
        (
            {"before": 1101.8, "before_month": "2026-08", "culprit": "orders-db", "service": "Azure SQL", "share": 0.8},
            "12 % more than in August; most of the rise is the database `orders-db`.",
        ),
        (
            {"before": 2468.0, "before_month": "2026-08", "culprit": "x", "service": "Odd", "share": 1.2},
            "50 % less than in August; more than all of the fall is `x`.",
        ),
        ({"before": 1234.5, "before_month": "2026-08"}, ", as much as in August."),
        ({"before": 0.0, "before_month": "2026-08"}, "(effective 1,100 €)."),
        (
            {"whole": False, "days": 24, "before": 617.0, "before_month": "2026-08"},
            "From 7 to 30 September 2026 the cloud cost 1,234 € (effective 1,100 €), "
            "100 % more than on the same days of August",
        ),
        ({"whole": False, "days": 1}, "On 30 September 2026 the cloud cost"),
    ],
)
def test_the_first_sentence_says_what_the_figures_say(more: dict[str, Any], words: str) -> None:
    assert words in told(WHOLE.model_copy(update=more))


def test_further_sentences_stand_only_where_there_is_something_to_say() -> None:
    assert told(WHOLE).count(".") == 1
    assert "about 100.00 € (95 % interval 80.00 € to 120.00 €)" in told(WHOLE, forecast=HALF)
    budgets = pd.DataFrame(
        [
            {"scope": "everything", "budget": 90.0, "alert": "will be exceeded"},
            {"scope": "Storage", "budget": 1.0, "alert": "exceeded"},
        ]
    )
    budgets = budgets.assign(day_80="", day_100="")
    assert "The budget of 90.00 € will be exceeded." in told(WHOLE, budgets=budgets)
    assert "budget" not in told(WHOLE, budgets=budgets.assign(alert="kept so far"))
    event = dict.fromkeys(COLUMNS, "x") | {
        "usual": 2.0,
        "cost": 5.0,
        "excess": 9.0,
        "a_month": 91.3,
        "goes_on": True,
        "first": pd.Timestamp("2026-09-12"),
        "last": pd.Timestamp("2026-09-14"),
    }
    going = told(WHOLE, anomalies=pd.DataFrame([event]))
    assert "`x` costs 5.00 € a day since 12 September, 2.00 € before: 91.30 € more a month if it goes on." in going
    ended = told(WHOLE, anomalies=pd.DataFrame([event | {"goes_on": False}]))
    assert "`x` cost 9.00 € more than usual from 12 September to 14 September." in ended
    need = {
        "need": "n",
        "size": "S",
        "model": "reserved, 1 year",
        "monthly": 5.0,
        "payg": 7.0,
        "payg_size": "T",
        "currency": "EUR",
    }
    assert "For n the cheapest is S, reserved, 1 year: 5.00 € a month, instead of 7.00 € for T by the hour." in told(
        WHOLE, summary=pd.DataFrame([need])
    )


def test_amounts_have_the_digits_that_they_need() -> None:
    assert [plain(money(amount, "EUR")) for amount in (1234.5, 20.52, 0.0031, 0, -3)] == [
        "1,234 €",
        "20.52 €",
        "0.0031 €",
        "0.00 €",
        "-3.00 €",
    ]
    assert plain(money(5, "CHF")) == "5.00 CHF"


def test_the_verdict_is_that_of_the_backtest() -> None:
    assert verdict(None, "EUR").met is None
    assert verdict(HALF.model_copy(update={"error": 2.0, "baseline_error": 3.0}), "EUR").met is True
    assert verdict(HALF.model_copy(update={"error": 4.0, "baseline_error": 3.0}), "EUR").met is False


def test_each_currency_has_a_total_of_its_own() -> None:
    totals = pd.DataFrame(
        {"currency": ["EUR", "USD"], "billed": [30.0, 5.0], "effective": [27.0, 4.0], "note": ["", ""]}
    )
    nothing = pd.DataFrame({"currency": [], "together": [], "note": []})
    found = metrics(DAYS, Currency(code="EUR", others=["USD"]), totals, HALF, NO_EVENTS, {"series": 3.0}, nothing)
    values = {item.name: (item.value, item.unit) for item in found}
    assert values["billed_cost"] == (30.0, "EUR")
    assert values["billed_cost_usd"] == (5.0, "USD")
    assert values["anomalies"] == (0.0, "spells")
    assert values["forecast_month_end"] == (100.0, "EUR")


@pytest.mark.parametrize("days", [1, 2, 30])
def test_figures_draw_few_days_and_odd_names(days: int) -> None:
    few = DAYS.head(days)
    daily = pd.DataFrame({"day": few["day"], "service": ODD, "effective": -1.0})
    groups = pd.DataFrame({"name": [ODD, "b"], "billed": [0.0, -1.0], "effective": [0.0, 0.0]})
    parts = pd.DataFrame({"resource": [ODD], "change": [-3.0]})
    event = {
        "resource": ODD,
        "first": few["day"].iloc[0],
        "last": few["day"].iloc[-1],
        "usual": 0.0,
        "cost": 2.0,
        "goes_on": False,
    }
    drawn = [
        figures.cumulated_figure(few, HALF, 20.0, "EUR"),
        figures.cumulated_figure(few, None, 0.0, "EUR"),
        figures.daily_figure(daily, "EUR"),
        figures.groups_figure(groups, "EUR"),
        figures.change_figure(parts, "2026-08", "2026-09", "EUR"),
        figures.change_figure(parts.head(0), "2026-08", "2026-09", "EUR"),
        figures.anomaly_figure(few.assign(cost=1.0, usual=0.0), event, "EUR"),
    ]
    assert all("<svg" in figure_to_svg(drawing) for drawing in drawn)


def test_sections_say_that_nothing_was_found() -> None:
    assert sections.change_section(WHOLE, pd.DataFrame(), "EUR") is None
    assert sections.budget_section(pd.DataFrame(), "EUR") is None
    assert (
        "Nothing stands out" in sections.anomalies_section(NO_EVENTS, DAYS, {"days": 30.0, "series": 4.0}, "EUR").intro
    )
    assert "Too few days" in sections.anomalies_section(NO_EVENTS, DAYS, {"days": 3.0, "series": 0.0}, "EUR").intro
    assert "No rule finds" in sections.unused_section(pd.DataFrame(), "EUR").intro
    assert sections.choice_section(pd.DataFrame(), pd.DataFrame(), 0, "") is None
    files = pd.DataFrame(
        {"file": ["a"], "kind": ["FOCUS 1.0"], "rows": [10], "counted": [7], "first": [""], "last": [""]}
    )
    totals = pd.DataFrame({"currency": ["EUR"], "charges": [7], "billed": [1.0], "effective": [np.nan], "note": [""]})
    intro = sections.sources_section(totals, files, Currency(code="EUR", others=["CHF"])).intro
    assert "Charges in CHF are not in them" in intro
    assert "3 rows" in intro
