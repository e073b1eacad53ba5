"""What-ifs know where the data end, the smallest change is small, and control charts are held against chance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from quality_products import prepared, process

from tasks.cases.quality.evaluation.charts import alarms_of, before_failures, chart_inputs, holm
from tasks.cases.quality.evaluation.what_if import ask_what_if, read_changes, read_what_if
from tasks.cases.quality.features.inputs import Recipe
from tasks.cases.quality.training.models import Calibration, Fitted, build, recipe_of
from tasks.platform.errors import UsageError

RECIPE = Recipe(numbers=["a, b", "x=y [K]"], texts={"line": ["A", "B"]})


def test_changes_are_read_whatever_their_columns_are_called() -> None:
    assert read_changes("a, b=1, x=y [K]=2,line=B", RECIPE) == [{"a, b": "1", "x=y [K]": "2", "line": "B"}]
    assert read_changes("", RECIPE) == []
    with pytest.raises(UsageError, match="the inputs are a, b"):
        read_changes("c=1", RECIPE)


@pytest.mark.parametrize(("text", "words"), [("a, b=much", "give a number"), ("line=Z", "it was one of A, B")])
def test_a_value_that_cannot_be_is_refused_before_anything_is_learned(text: str, words: str) -> None:
    train = pd.DataFrame({"a, b": [1.0, 2.0], "x=y [K]": [1.0, 2.0], "line": ["A", "B"]})
    with pytest.raises(UsageError, match=words):
        read_what_if.fn(text, train, RECIPE)


def test_changes_come_from_a_file_too(tmp_path: Path) -> None:
    train = pd.DataFrame({"a, b": [1.0, 2.0], "x=y [K]": [1.0, 2.0], "line": ["A", "B"]})
    file = tmp_path / "changes.csv"
    file.write_text('"a, b",line\n5,\n,B\n')
    assert read_what_if.fn(str(file), train, RECIPE) == [{"a, b": "5"}, {"line": "B"}]
    file.write_text("c\n5\n")
    with pytest.raises(UsageError, match="c is not taken"):
        read_what_if.fn(str(file), train, RECIPE)
    with pytest.raises(UsageError, match="no such file"):
        read_what_if.fn(str(tmp_path / "none.csv"), train, RECIPE)


def test_what_lies_outside_of_the_data_is_flagged_and_the_smallest_change_reaches_its_goal() -> None:
    roles, split, recipe = prepared(process(800, seed=4))
    from tasks.cases.quality.features.inputs import prepare

    model = build("boosting", "faulty", 0).fit(
        prepare(split.train, recipe_of("boosting", recipe)).to_numpy(), split.y_train
    )
    changes = [{"force [N]": "1.9", "speed [m/s]": "0.95"}, {"force [N]": "0.5"}, {"heat [K]": "40"}]
    found = ask_what_if.fn(
        split,
        recipe,
        roles.kind,
        Fitted(model, Calibration()),
        "boosting",
        changes,
        "",
        0.1,
        ["force [N]"],
        0,
    )
    table = found.table
    assert table["outside"].tolist() == [False, False, False, True]
    assert "heat [K] was never like that" in table["why"].iloc[3]
    assert table["after"].iloc[1] > 0.8 > 0.1 > table["after"].iloc[2]
    assert ((table["low"] <= table["after"]) & (table["after"] <= table["high"])).all()
    assert found.search["reached"]
    assert float(found.search["after"]) <= 0.1 < float(found.search["before"])
    assert not found.search["outside"]
    assert float(found.search["deviations"]) == pytest.approx(np.linalg.norm(found.smallest["deviations"]))
    assert set(found.curves["input"]) == {"force [N]"}


def test_run_rules_alarm_where_they_should() -> None:
    calm = np.tile([0.5, -0.5], 20)
    assert not alarms_of(calm, 0, 1).any()
    for run in ([4.0], [2.5, 0, 2.5], [1.5] * 4, [0.3, 0.4] * 4, [-0.9, -0.5, -0.1, 0.2, 0.5, 0.8]):
        assert alarms_of(np.array([*calm, *run]), 0, 1)[-1], run
    assert not alarms_of(np.full(9, 5.0), 5, 0).any()


def test_alarms_before_failures_are_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    alarm, failed = rng.random(2000) < 0.02, rng.random(2000) < 0.03
    shifts = rng.integers(40, 1960, 300)
    assert before_failures(alarm, failed, shifts)["p"] > 0.05
    announced = before_failures(alarm, np.roll(alarm, 3), shifts)
    assert announced["p"] < 0.01
    assert announced["lead"] >= 3
    assert before_failures(alarm, np.zeros(2000, bool), shifts)["p"] == 1.0
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_charts_of_a_process_in_control_find_nothing() -> None:
    _, split, recipe = prepared(process(900, seed=8))
    charts = chart_inputs.fn(split.train, split.y_train, recipe, "faulty", 0)
    assert (charts.table["p"] > 0.05).all()
    assert charts.table["alarms"].max() < 0.06
