"""The split and the inputs: no test product reaches what is learned, and what gives the result away is out."""

import numpy as np
import pandas as pd
import pytest
from quality_products import prepared, process, roles_of

from tasks.cases.quality.features.inputs import Recipe, choose_inputs, gives_away, parts_of, prepare
from tasks.cases.quality.features.split import split_products
from tasks.cases.quality.training import derive
from tasks.cases.quality.training.derive import derive_inputs, pairs
from tasks.cases.quality.training.models import build, predict
from tasks.cases.quality.training.rules import find_rules
from tasks.platform.errors import ContractError


def test_later_products_and_whole_groups_are_kept_aside() -> None:
    frame = process(400)
    frame["when"] = np.random.default_rng(1).permutation(400).astype(float)
    frame["batch"] = [f"b{row // 20}" for row in range(400)]
    later = split_products.fn(frame, roles_of(frame, time="when"), 0.25, 0)
    assert later.train["when"].max() < later.test["when"].min()
    assert len(later.test) == 100
    grouped = split_products.fn(frame, roles_of(frame, group="batch"), 0.25, 0)
    assert not set(grouped.train["batch"]) & set(grouped.test["batch"])
    for batch in set(grouped.train["batch"]):  # nor is one on both sides within cross-validation
        assert len(set(grouped.folds[(grouped.train["batch"] == batch).to_numpy()])) == 1
    assert len(set(grouped.groups_test)) == grouped.test["batch"].nunique()


def test_dates_order_products_and_other_words_are_refused() -> None:
    frame = process(200)
    frame["day"] = pd.date_range("2026-01-01", periods=200).strftime("%Y-%m-%d")[::-1]
    split = split_products.fn(frame, roles_of(frame, time="day"), 0.25, 0)
    assert split.train["day"].max() < split.test["day"].min()
    frame["day"] = ["soon"] * 200
    with pytest.raises(ContractError, match="'soon' is no date"):
        split_products.fn(frame, roles_of(frame, time="day"), 0.25, 0)


@pytest.mark.parametrize("faulty", [0.0, 1.0])
def test_a_single_class_is_refused(faulty: float) -> None:
    with pytest.raises(ContractError, match="too few"):
        prepared(process(200).assign(failure=faulty))


def test_what_gives_the_result_away_is_found_and_may_be_kept() -> None:
    frame = process(600)
    frame["repair [min]"] = frame["failure"] * 10 + np.random.default_rng(0).uniform(0, 5, 600)
    frame["flag"] = frame["failure"] * (np.arange(600) % 2)
    roles = roles_of(frame)
    split = split_products.fn(frame, roles, 0.25, 1)
    chosen = choose_inputs.fn(split.train, split.y_train, roles, split.folds, "")
    why = dict(zip(chosen.aside["column"], chosen.aside["why"], strict=True))
    assert "gives the result away: alone it reaches 1.00" in why["repair [min]"]
    assert "a flag: 100 % of the products with it are faulty" in why["flag"]
    assert set(chosen.recipe.raw) == {"force [N]", "speed [m/s]", "heat [K]", "line"}
    kept = choose_inputs.fn(split.train, split.y_train, roles, split.folds, "flag")
    assert "flag" in kept.recipe.raw


def test_a_number_that_is_the_target_in_another_unit_is_found() -> None:
    y = np.random.default_rng(0).normal(size=300)
    folds = np.arange(300) % 5
    assert gives_away(y * 3 + 1, y, "number", folds)
    assert not gives_away(np.random.default_rng(1).normal(size=300), y, "number", folds)


def test_changed_test_products_change_nothing_that_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derive, "TRIED_FIRST", 2)
    frame = process(300)
    roles, split, _ = prepared(frame)
    learned = []
    for scale in (1.0, 1000.0):
        again = split_products.fn(frame, roles, 0.25, 1)
        changed = frame.copy()
        mine = pd.Series(range(300)).isin(_rows_of(frame, again.test))
        changed.loc[mine, "heat [K]"] *= scale
        changed.loc[mine, "line"] = "Z" if scale > 1 else changed.loc[mine, "line"]
        parts = split_products.fn(changed, roles, 0.25, 1)
        recipe = choose_inputs.fn(parts.train, parts.y_train, roles, parts.folds, "").recipe
        recipe = derive_inputs.fn(parts.train, parts.y_train, recipe, "faulty", parts.folds).recipe
        rules = find_rules.fn(parts.train, parts.y_train, recipe, ["sound", "faulty"])
        model = build("boosting", "faulty", 0).fit(prepare(parts.train, recipe).to_numpy(), parts.y_train)
        told = predict(model, prepare(split.train, recipe).to_numpy(), "faulty", 2)
        learned.append((recipe, rules, told.tolist(), parts.folds.tolist()))
    assert learned[0] == learned[1]


def _rows_of(frame: pd.DataFrame, part: pd.DataFrame) -> list[int]:
    known = {value: place for place, value in enumerate(frame["heat [K]"])}
    return [known[value] for value in part["heat [K]"]]


def test_pairs_have_names_units_and_no_ratio_to_nothing() -> None:
    frame = pd.DataFrame(
        {
            "Torque [Nm]": [1.0, 2.0],
            "Rotational speed [rpm]": [60.0, 0.0],
            "Heat [K]": [1.0, 2.0],
            "Cold [K]": [0.5, 0.5],
        }
    )
    found = {item.name: item for item in pairs(list(frame), frame)}
    power = found["Torque × Rotational speed [W]"]
    table = prepare(frame, Recipe(numbers=list(frame), texts={}, derived=[power]))
    assert table[power.name].iloc[0] == pytest.approx(2 * np.pi)  # 1 Nm at a turn a second
    assert "Heat − Cold [K]" in found
    assert not [name for name in found if name.startswith("Torque / Rotational")]
    assert parts_of("plain") == ("plain", "")


def test_the_planted_product_is_derived_and_noise_is_not() -> None:
    _, split, recipe = prepared(process(900, seed=3))
    found = derive_inputs.fn(split.train, split.y_train, recipe, "faulty", split.folds)
    assert "force × speed [N·m/s]" in [item.name for item in found.recipe.derived]
    shuffled = np.random.default_rng(0).permutation(split.y_train)
    assert not derive_inputs.fn(split.train, shuffled, recipe, "faulty", split.folds).recipe.derived
