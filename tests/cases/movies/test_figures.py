"""Titles of the movies figures tell what the data say, on any data."""

import numpy as np
import pandas as pd

from tasks.cases.movies.figures import (
    bands_figure,
    coverage_figure,
    error_curve,
    interval_examples,
    missing_by_votes,
    predicted_against_actual,
)
from tasks.figures.style import figure_to_svg


def test_titles_state_what_the_data_say() -> None:
    predictions = pd.DataFrame({"predicted": [1.0, 20, 300], "inside": [True, False, True]})
    svg = figure_to_svg(predicted_against_actual(np.array([0.0, 90, 280]), predictions, 0.64, 0.8))
    assert "64\u202f% of the variation in revenue can be predicted" in svg
    assert "outside of the 80 % interval (1)" in svg
    assert "cannot be predicted" in figure_to_svg(predicted_against_actual(np.ones(3), predictions, -0.1, 0.8))
    assert "no films" in figure_to_svg(predicted_against_actual(np.empty(0), predictions.head(0), 0.0, 0.8))


def test_a_broken_promise_is_not_called_kept() -> None:
    rows = pd.DataFrame(
        {
            "by": ["predicted revenue"] * 2,
            "group": ["0 to 7 M$", "7 to 99 M$"],
            "films": [500, 500],
            "coverage": [0.8, 0.6],
            "low": [0.76, 0.55],
            "high": [0.84, 0.65],
        }
    )
    assert "do not hold" in figure_to_svg(coverage_figure(rows, 0.8)).replace("\n", " ")
    assert "hold for films" in figure_to_svg(coverage_figure(rows.head(1), 0.8))
    assert "no intervals" in figure_to_svg(coverage_figure(rows.head(0), 0.8))


def test_hostile_titles_and_empty_tables() -> None:
    films = pd.DataFrame(
        {"title": ["<b>$x$</b> & " + "y" * 90], "year": [1999], "predicted": [3.0], "low": [0.0], "high": [9.0]}
    )
    svg = figure_to_svg(interval_examples(films, 0.8))
    assert "<b>" not in svg
    assert "3 million dollars" in svg
    assert "no film lacks" in figure_to_svg(interval_examples(films.head(0), 0.8))


def test_shares() -> None:
    curve = pd.DataFrame({"films": [0, 0.01, 1], "error": [0, 0.4, 1.0]})
    assert "1\u202f% of the films carry 40\u202f% of the squared error" in figure_to_svg(error_curve(curve, 0.01, 0.4))
    votes = np.arange(1000.0)
    svg = figure_to_svg(missing_by_votes(votes, votes < 50))
    assert "50\u202f% of the least voted tenth" in svg
    bands = pd.DataFrame(
        {"band": ["0 to 100", "100 or more"], "all": [0.9, 0.1], "train": [0.9, 0.1], "test": [0.88, 0.12]}
    )
    assert "at most 2.0 points" in figure_to_svg(bands_figure(bands))
