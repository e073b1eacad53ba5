"""The figures say what the data say, whichever way they go."""

import pandas as pd
import pytest

from tasks.cases.recommendations.figures import error_bands, list_quality, list_spread, search_figure, star_errors
from tasks.figures.style import figure_to_svg


def _text(figure: object) -> str:
    svg = figure_to_svg(figure)  # type: ignore[arg-type]
    return " ".join(part.split("<")[0] for part in svg.split(">"))


@pytest.mark.parametrize(
    ("gain", "told"),
    [((0.1, 0.05, 0.15), "2.0 times"), ((0.1, -0.05, 0.15), "not certainly"), ((-0.1, -0.2, -0.05), "make better")],
)
def test_the_headline_follows_the_interval(gain: tuple[float, float, float], told: str):
    lists = pd.DataFrame({"method": ["ease", "popularity", "explicit", "item_mean"], "ndcg": [0.2, 0.1, 0.02, 0.0]})
    lists["low"], lists["high"] = lists["ndcg"] - 0.01, lists["ndcg"] + 0.01
    assert told in _text(list_quality(lists, "ease", gain, 50, 4.0))


@pytest.mark.parametrize(("als", "told"), [(0.7, "take 12.5"), (0.81, "do not lower")])
def test_the_headline_of_stars(als: float, told: str):
    stars = pd.DataFrame({"method": ["item_mean", "biases", "als"], "rmse": [0.9, 0.8, als]})
    stars = stars.assign(low=stars["rmse"] - 0.1, high=stars["rmse"] + 0.1)
    assert told in _text(star_errors(stars, 100, "als", "biases"))
    assert "Nothing predicts stars better" in _text(star_errors(stars, 100, "biases", "biases"))


def test_bands_search_and_spread():
    bands = pd.DataFrame({"band": ["none", "1 to 2"], "ratings": [3, 4], "item_mean": [1.2, 1.0]})
    bands = bands.assign(mean=1.3, biases=[1.0, 0.95], als=[1.0, 0.9])
    assert "films with no training ratings" in _text(error_bands(bands))
    assert "Nothing is gained" in _text(error_bands(bands.assign(als=2.0)))
    assert "about as many" in _text(error_bands(bands.head(1)))
    tried = pd.DataFrame({"rank": [4, 8], "regularisation": 0.1, "alpha": [1, 2], "others": 0.0, "ndcg": [0.1, 0.2]})
    assert "rank 8 does best among 2" in _text(search_figure(tried, "ndcg"))
    assert "rank 4 does best" in _text(search_figure(tried.rename(columns={"ndcg": "rmse"}), "rmse"))
    assert "no settings" in _text(search_figure(tried.head(0), "ndcg"))
    shown = pd.DataFrame({"watched": [5, 3, 0], "ease": [2, 1, 0], "popularity": [3, 0, 0]})
    assert "show 2 different films" in _text(list_spread(shown, "ease"))
