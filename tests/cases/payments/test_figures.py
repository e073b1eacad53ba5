"""Do the figures say what the data say, and stand when there is little to see?"""

import numpy as np
import pandas as pd
import pytest

from tasks.cases.payments.figures import (
    dollars,
    segment_maps,
    silhouette_by_k,
    spending_by_department,
    spending_by_quarter,
    unusual_payments,
)
from tasks.figures.style import figure_to_svg


def cells(amounts: list[tuple[int, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(amounts, columns=["quarter", "department", "cents"])


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0"), (950, "$950"), (12_345, "$12.3 thousand"), (-2.5e6, "\u2212$2.5 million"), (1.2e9, "$1.2 billion")],
)
def test_dollars_are_said_as_a_reader_says_them(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_the_titles_state_the_findings() -> None:
    table = cells([(8060, "Health", 300_000_000), (8061, "Health", 100_000_000), (8061, "Labor <b>", 100_000_000)])
    svg = figure_to_svg(spending_by_department(table))
    assert "Health pays most: $4.0 million of $5.0 million" in svg
    assert "<b>" not in svg
    assert "2015 Q1" in figure_to_svg(spending_by_quarter(table))
    scores = pd.DataFrame({"k": [2, 3], "silhouette": [0.5, 0.6], "one_cloud": [0.4, 0.2]})
    assert "At 3 kinds the silhouette is 0.40 above" in figure_to_svg(silhouette_by_k(scores, 3))
    assert "No kinds stand apart: the best gap to one cloud is 0.40" in figure_to_svg(silhouette_by_k(scores, 1))
    unusual = pd.DataFrame({"dollars": [5e5, 1e3], "usual": [100.0, 10.0]})
    assert "7 payments" in figure_to_svg(unusual_payments(unusual, 7))
    assert "5,000 times the median" in figure_to_svg(unusual_payments(unusual.head(1), 1))


def test_nothing_to_see_is_said() -> None:
    assert "no payments" in figure_to_svg(spending_by_department(cells([])))
    assert "no payments" in figure_to_svg(spending_by_quarter(cells([])))
    assert "no payment is" in figure_to_svg(unusual_payments(pd.DataFrame({"dollars": [], "usual": []}), 0))


def test_more_segments_than_colours_and_money_that_flows_back_are_drawn() -> None:
    vendors = pd.DataFrame({"payments": np.arange(1, 25), "median": np.linspace(-2, 6, 24)})
    labels = np.arange(24) % 12
    assert "12 kinds" in figure_to_svg(segment_maps(vendors, labels, np.zeros(24, int)))
    svg = figure_to_svg(spending_by_department(cells([(8060, "Health", -5_000)])))
    assert "\u2212$50" in svg
    assert figure_to_svg(spending_by_quarter(cells([(8060, "Health", -5_000)])))
