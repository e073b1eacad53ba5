"""What is said follows from the figures: chance is called chance, and orders are told as a buyer sends them."""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.demand.evaluation.scores import evaluate_orders, pinball
from tasks.cases.demand.figures import replay_figure, short
from tasks.cases.demand.ingestion.roles import Roles
from tasks.cases.demand.report.sections import told_saving
from tasks.cases.demand.report.tables import list_orders
from tasks.evaluation.metrics import Metric
from tasks.figures.style import figure_to_svg


def saving(value: float, low: float, high: float) -> str:
    return told_saving(Metric(name="cost_saved", value=value, low=low, high=high)).replace("\u202f", " ")


def test_a_saving_that_may_be_chance_is_called_so() -> None:
    assert saving(12.0, 3.0, 20.0) == "12 % less"
    assert saving(-12.0, -20.0, -3.0) == "12 % more"
    assert saving(6.0, -12.0, 23.0) == "6 % less (which may be chance)"


def test_orders_keep_the_names_of_the_user_and_no_odd_numbers() -> None:
    keys = {"key_1": ["a", "b"], "key_2": ["x", "y"], "order_date": ["", "2026-01-05"]}
    numbers = {"quantity": [0.0, 12.0], "stock": [np.nan, 1 / 3], "order_today": [False, True]}
    orders = pd.DataFrame(keys | numbers)
    table = list_orders.fn(orders, Roles(series=["item", "quantity"], date="d", quantity="q"))
    assert table.columns.tolist()[:2] == ["item", "key_2"]  # a column of the user's may bear a name of ours
    assert table["item"].tolist() == ["b", "a"]
    assert table["quantity"].tolist() == ["12", "0"]
    assert table["stock"].tolist() == ["0.333", ""]


def test_quantities_are_told_as_a_reader_wants_them() -> None:
    assert [short(value) for value in (0.1234, 12.3, 1234.5, 663_500_000)] == ["0.123", "12", "1,234", "664 million"]


def test_the_pinball_loss_is_least_at_the_quantile() -> None:
    drawn = np.random.default_rng(0).normal(0, 1, 20_000)
    losses = {value: pinball(drawn, np.full(len(drawn), value), 0.9).mean() for value in np.linspace(0.5, 2, 31)}
    assert min(losses, key=lambda value: losses[value]) == pytest.approx(1.2816, abs=0.06)


def test_the_saving_is_that_of_the_sums() -> None:
    table = [
        (rule, n, cost, 1.0, 100.0)
        for n in range(20)
        for rule, cost in (("forecast quantiles", 8.0 + n), ("moving average", 10.0 + n), ("perfect knowledge", 1.0))
    ]
    items = pd.DataFrame(table, columns=["rule", "number", "cost", "lost", "demand"])
    saved, fill = evaluate_orders.fn(items, {"name": "moving average"})
    assert saved.value == pytest.approx(100 * 40 / 390)
    assert saved.low is not None
    assert 0 < saved.low < saved.value
    assert fill.value == pytest.approx(99.0)


def test_the_replay_is_drawn_also_where_nothing_costs() -> None:
    rules = pd.DataFrame({"rule": ["forecast quantiles", "last year"], "fill_rate": [1.0, 0.9]})
    rules[["holding", "shortage", "ordering", "waste"]] = 0.0
    assert "served" in figure_to_svg(replay_figure(rules, "last year"))
