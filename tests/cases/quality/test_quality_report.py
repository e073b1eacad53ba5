"""The words of the quality report hold for the data that they stand beside, and its figures draw odd data too."""

import numpy as np
import pandas as pd
import pytest
from quality_products import process, roles_of

from tasks.cases.quality import figures
from tasks.cases.quality.report.compose import _answer, _verdict
from tasks.cases.quality.report.sections import charts_section, rules_section, what_if_section
from tasks.cases.quality.report.tables import drawn_inputs, list_predictions
from tasks.evaluation.metrics import Metric
from tasks.figures.style import figure_to_svg

ROLES = roles_of(process(100))
RULES = pd.DataFrame(
    {
        "rule": ["heat above 2 K", "wear $x$ & <b>"],
        "of": "faulty",
        "train_n": 9,
        "train_hits": 8,
        "n": [10, 4],
        "hits": [9, 1],
        "precision": [0.9, 0.25],
        "low": [0.5, 0.01],
        "high": [1.0, 0.8],
        "base": 0.1,
        "recall": 0.5,
        "told": [True, False],
    }
)
METRICS = {
    "recall_at_cost": Metric(name="recall_at_cost", value=0.8, n=10),
    "precision_at_cost": Metric(name="precision_at_cost", value=0.5, n=16),
    "pr_auc": Metric(name="pr_auc", value=0.95, baseline=0.4),
    "ece": Metric(name="ece", value=0.03),
}


def test_the_first_sentence_tells_what_was_found_or_that_nothing_was() -> None:
    y = np.repeat([1.0, 0.0], [10, 90])
    told = _answer(METRICS, RULES, ROLES, True, {"p": 0.001}, y)
    assert told.startswith("8 of 10 faulty products among 100 that were kept aside are recognised")
    assert "heat above 2 K (9 of 10 such products were faulty)" in told
    assert "No simple rule" in _answer(METRICS, RULES.assign(told=False), ROLES, True, {"p": 0.001}, y)
    nothing = _answer(METRICS, RULES, ROLES, False, {"p": 0.4}, y)
    assert nothing.startswith("Nothing found")
    assert "rule" not in nothing
    assert _verdict(METRICS, ROLES, False, {"p": 0.4}).met is False
    assert "more than 0.02" in _verdict(METRICS, ROLES, True, {"p": 0.001}).sentence


def test_only_rules_that_hold_are_told() -> None:
    told = rules_section(RULES, ROLES, 0.1).model_dump_json()
    assert "heat above 2 K: 9 of 10" in told
    assert "wear" not in told
    assert "1 more was found in training and did not hold up" in told
    assert "No rule holds" in rules_section(RULES.assign(told=False), ROLES, 0.1).intro


def test_what_lies_outside_is_warned_of_and_no_cause_is_claimed() -> None:
    asked = pd.DataFrame(
        {
            "change": ["nothing", "heat [K] = 40"],
            "before": 0.1,
            "after": [0.1, 0.9],
            "low": 0.05,
            "high": 0.95,
            "distance": [0.1, 9.0],
            "limit": 1.0,
            "outside": [False, True],
            "why": ["", "heat [K] was never like that"],
        }
    )
    empty = pd.DataFrame({"input": [], "value": [], "product": [], "answer": []})
    search: dict[str, float | str | bool] = {"before": 0.9, "goal": 0.05, "reached": False}
    told = what_if_section(asked, pd.DataFrame(), search, empty, ROLES).model_dump_json()
    assert "heat [K] = 40 lies outside of the data (heat [K] was never like that" in told
    assert "not the proof of a cause" in told
    assert "by no change of one or two of the allowed inputs" in told


def test_a_chart_is_told_to_announce_failures_only_when_it_does() -> None:
    row = {
        "input": "heat [K]",
        "alarms": 0.5,
        "expected": 0.02,
        "autocorrelation": 0.9,
        "before": 0.5,
        "by_chance": 0.4,
        "lead": 3.0,
        "p": 0.3,
    }
    points = pd.DataFrame({"row": [1, 2], "value": [1.0, np.nan], "alarm": [False, True], "faulty": [True, False]})
    limits: dict[str, float | str] = {"input": "heat [K]", "centre": 1.0, "low": 0.0, "high": 2.0}
    assert charts_section(pd.DataFrame([row]), points, limits, ROLES).intro.startswith(
        "No chart alarms before failures"
    )
    assert (
        "1 of 1 charts alarm more than three times" in charts_section(pd.DataFrame([row]), points, limits, ROLES).intro
    )
    sure = charts_section(pd.DataFrame([row | {"p": 0.01}]), points, limits, ROLES)
    assert "The charts of heat [K] alarm before failures more often" in sure.intro
    assert "There is no input" in charts_section(pd.DataFrame(columns=list(row)), points, None, ROLES).intro


@pytest.mark.parametrize("count", [0, 1, 5])
def test_figures_draw_any_number_of_rules(count: int) -> None:
    rules = pd.concat([RULES] * 3).head(count)
    assert "<svg" in figure_to_svg(figures.rules_figure(rules))


def test_figures_of_classes_and_values_draw_odd_names() -> None:
    y = np.array([0.0, 1.0, 1.0])
    assert "ok $a$" in figure_to_svg(figures.confusion_figure(y, np.array([0, 1, 0]), ["ok $a$", "b"]))
    told = pd.DataFrame({"value": y, "low": y - 1, "high": y + 1})
    assert "<svg" in figure_to_svg(figures.values_figure(y, told, 1.0, 2.0, "strength [MPa]"))


def test_tables_name_each_product_and_its_rule() -> None:
    test = process(4).assign(rule="mine")
    rows = pd.DataFrame({"row": range(4), "rule": "no rule holds", "chance": 0.1, "contribution": 0.0})
    table = list_predictions.fn(
        test, np.zeros(4), pd.DataFrame({"score": [1, 2, 3, 4], "chance": [1, 2, 3, 4]}), ROLES, rows
    )
    assert table["chance"].tolist() == [4, 3, 2, 1]
    assert table["rule"].tolist() == ["no rule holds"] * 4
    importance = pd.DataFrame({"input": ["a", "b", "c"]})
    assert drawn_inputs.fn(importance, []) == ["a", "b"]
    assert drawn_inputs.fn(importance, [{"c": "1"}]) == ["c", "a"]
