"""The report of the recommendations case: its verdict can fail, and new users and films are counted."""

import pandas as pd
import pytest

from tasks.cases.recommendations.report.compose import judge
from tasks.cases.recommendations.report.sections import cold_section, next_section, similar_section
from tasks.cases.recommendations.training.stars import StarChoice
from tasks.evaluation.metrics import Metric


def _metrics(gain_low: float, rmse: float, saved_low: float) -> dict[str, Metric]:
    return {
        "ndcg@10_gain": Metric(name="ndcg@10_gain", value=0.1, low=gain_low, high=0.2),
        "rmse": Metric(name="rmse", value=rmse),
        "mse_gain": Metric(name="mse_gain", value=0.1, low=saved_low, high=0.2),
    }


@pytest.mark.parametrize(
    ("best", "gain_low", "saved_low", "met"),
    [
        ("als", 0.01, 0.1, True),
        ("als", 0.01, -0.1, False),
        ("als", -0.01, 0.1, False),
        ("biases", 0.01, 0.0, False),
    ],
)
def test_the_criterion_can_be_missed(best: str, gain_low: float, saved_low: float, met: bool):
    choice = StarChoice(best=best, simple="biases", rmse={})
    verdict = judge(_metrics(gain_low, 0.85, saved_low), choice)
    assert verdict.met is met
    claimed = "stars are predicted better than by the best simple way, the user and film biases" in verdict.sentence
    assert claimed is (best == "als" and saved_low > 0)


def test_new_users_and_films_are_counted_each_with_its_error():
    predicted = pd.DataFrame(
        {
            "user": [0, 1, 2, 2],
            "rating": 4.0,
            "als": [4.0, 3.0, 2.0, 4.0],
            "new_user": [False, False, True, True],
            "new_film": [False, True, False, False],
        }
    )
    section = cold_section(predicted, "als")
    rows = section.blocks[0].rows  # type: ignore[union-attr]
    assert [row[1] for row in rows] == [1, 1, 2, 0]
    assert rows[1][4] == 1
    assert rows[2][4] == pytest.approx(2**0.5)
    assert rows[3][4] is None
    assert "3 of 4" in section.intro
    assert "1 tested user " in section.intro


def test_examples_show_what_was_liked_and_what_comes_next():
    ratings = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 1], "rating": [5.0, 2.0, 4.0]})
    films = pd.DataFrame({"film": [10, 20], "title": ["<b>Signal</b>", "Mirror"]})
    lists = pd.DataFrame({"user": [7, 9], "rank": 1, "film": 20, "title": ["Mirror", "<b>Signal</b>"], "score": 0.5})
    section = next_section(ratings, pd.DataFrame({"user": [7, 9]}), films, lists, 4.0)
    shown = {row[0]: row[2:] for row in section.blocks[0].rows}  # type: ignore[union-attr]
    assert shown["User 9"] == ["Mirror", "<b>Signal</b>"]
    nothing = pd.DataFrame({"film": [], "title": [], "similar_title": [], "cosine": []})
    assert similar_section(nothing).blocks[0].rows == []  # type: ignore[union-attr]
