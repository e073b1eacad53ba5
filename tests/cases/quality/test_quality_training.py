"""Models are calibrated, rules are found and tested, on data whose truth is known."""

import re

import numpy as np
import pandas as pd
import pytest
from quality_products import prepared, process

from tasks.cases.quality.evaluation.null import shuffled
from tasks.cases.quality.evaluation.scores import threshold_of
from tasks.cases.quality.evaluation.statistics import average_precision, calibration_error
from tasks.cases.quality.training.derive import derive_inputs
from tasks.cases.quality.training.models import (
    calibrated,
    choose_calibration,
    compare_models,
    fit_calibration,
    fit_model,
    predict_products,
)
from tasks.cases.quality.training.rules import Condition, find_rules, in_words, number
from tasks.cases.quality.training.rules import test_rules as hold_rules


def test_the_planted_rules_are_recovered_and_hold_on_other_products() -> None:
    _, split, recipe = prepared(process(1100, seed=5))
    recipe = derive_inputs.fn(split.train, split.y_train, recipe, "faulty", split.folds).recipe
    names = ["sound", "faulty"]
    tested = hold_rules.fn(
        find_rules.fn(split.train, split.y_train, recipe, names), split.test, split.y_test, recipe, names
    )
    told = tested.table[tested.table["told"]]
    words = " | ".join(told["rule"])
    assert "force × speed above 1.3 N·m/s" in words or "force × speed above 1.29" in words
    assert re.search(r"heat above 1\.[12]\S* K and line is (B|not A)", words)
    assert (told["low"] > told["base"]).all()
    assert len(tested.rows) == len(split.test)
    assert tested.rows["chance"].sub(tested.rows["contribution"]).nunique() == 1 or np.ptp(
        tested.rows["chance"] - tested.rows["contribution"]
    ) == pytest.approx(0, abs=1e-9)


def test_no_rule_is_told_of_shuffled_results() -> None:
    _, split, recipe = prepared(process(900, seed=6))
    names, told = ["sound", "faulty"], 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y, other = rng.permutation(split.y_train), rng.permutation(split.y_test)
        told += (
            hold_rules.fn(find_rules.fn(split.train, y, recipe, names), split.test, other, recipe, names)
            .table["told"]
            .sum()
        )
    assert told <= 1  # 5 % of a run at most, by the shared level


def test_rules_are_told_in_words() -> None:
    conditions = [
        Condition(input="Type = L", above=True, bound=0.5),
        Condition(input="Wear [min]", above=True, bound=11000),
    ]
    assert in_words(conditions) == "Wear above 11,000 min and Type is L"
    assert number(8.6) == "8.6"
    assert number(0) == "0"
    assert number(-12345.6) == "-12,346"


def test_average_precision_and_calibration_error_are_those_of_the_books() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    score, y = rng.integers(0, 20, 400) / 20, (rng.random(400) < 0.2).astype(float)
    rows = rng.integers(0, 400, (3, 400))
    found = average_precision(score, y)(rows)
    assert found == pytest.approx([average_precision_score(y[row], score[row]) for row in rows])
    assert calibration_error(y, y)(np.arange(400)) == 0
    assert calibration_error(np.full(400, 0.5), np.ones(400))(np.arange(400)) == pytest.approx(0.5)
    assert threshold_of(20, 1) == pytest.approx(1 / 21)


def test_calibration_mends_what_is_bent_and_leaves_what_is_right() -> None:
    rng = np.random.default_rng(0)
    true = rng.random(4000) ** 3
    y = (rng.random(4000) < true).astype(float)
    folds = np.arange(4000) % 5
    bent = true**0.3
    mended = calibrated(bent, choose_calibration(bent, y, folds))
    assert np.abs(mended - true).mean() < 0.03 < np.abs(bent - true).mean()
    assert np.abs(calibrated(true, choose_calibration(true, y, folds)) - true).mean() < 0.02
    assert fit_calibration(bent, np.zeros(4000), "sigmoid").way == "none"


@pytest.mark.parametrize("kind", ["faulty", "classes", "number"])
def test_each_kind_of_result_beats_its_simple_baseline(kind: str) -> None:
    frame = process(700, seed=2)
    if kind == "classes":
        frame["failure"] = np.where(frame["failure"] == 1, "split", np.where(frame["heat [K]"] > 0.8, "warped", "ok"))
    if kind == "number":
        noise = np.random.default_rng(0).normal(0, 0.05, 700)
        frame["failure"] = frame["force [N]"] * frame["speed [m/s]"] * 2 + np.abs(frame["heat [K]"]) + noise
    roles, split, recipe = prepared(frame, target="failure")
    assert roles.kind == kind
    compared = compare_models.fn(split.train, split.y_train, recipe, roles.kind, split.folds, 0)
    best = compared.table["model"].iloc[0]
    assert best in {"boosting", "forest", "blend"}
    fit = fit_model.fn(split.train, split.y_train, recipe, roles.kind, compared.out_of_fold, best, split.folds, 0)
    told = predict_products.fn(
        split.test, fit.model, fit.calibration, recipe, roles.kind, best, len(roles.classes) or 2
    )
    null = shuffled(told, split.y_test, roles.kind, np.arange(len(told)), False, 0)
    assert null["p"] < 0.01
    if kind == "number":
        assert 0.8 < ((told["low"] <= split.y_test) & (split.y_test <= told["high"])).mean() < 0.98


def test_the_null_has_the_size_that_it_promises_in_drifting_series_too() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(40):
        walk, other = (np.cumsum(rng.normal(size=300)) for _ in range(2))
        y = (walk > np.quantile(walk, 0.85)).astype(float)  # runs of failures that have nothing to do with the score
        score = 1 / (1 + np.exp(-other))
        found += shuffled(pd.DataFrame({"score": score}), y, "faulty", np.arange(300), True, 0)["p"] <= 0.05
    assert found <= 6
