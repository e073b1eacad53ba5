"""The figures of retrieval quality: they tell what the data say, and bear data that are missing or hostile."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cases.similarity.figures.retrieval import (
    index_quality,
    plain_number,
    precision_by_label,
    precision_compared,
    similarity_distribution,
)
from tasks.figures.labels import overlap
from tasks.figures.style import casebook_style, figure_to_svg

EVIL = "$\\frac{</text><script>alert(1)</script>\u202e\x00 🙂" + "x" * 300


def texts(figure: Any) -> list[str]:
    root = ElementTree.fromstring(figure_to_svg(figure))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


def index_frame(*rows: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["index", "recall@10", "ms_per_query"])


def test_index_quality_tells_gain_and_loss() -> None:
    frame = index_frame(("exact", 1.0, 2.6), ("codes", 0.992, 0.52), ("classic", 0.1, 0.2))
    words = " ".join(texts(index_quality(frame, "codes")))
    assert "codes: 99.2\u202f% of the true neighbours found, 5.0 times faster than exact" in words
    slow = " ".join(texts(index_quality(index_frame(("exact", 1.0, 1.0), ("codes", 0.9, 3.0)), "codes")))
    assert "3.0 times slower than exact" in slow
    assert "in the time of exact" in " ".join(texts(index_quality(index_frame(("exact", 1, 1), ("b", 1, 1.01)), "b")))
    assert "What each index finds" in " ".join(texts(index_quality(frame, "no such index")))


@pytest.mark.parametrize(
    "frame",
    [
        index_frame(),
        index_frame(("a", float("nan"), 1.0)),
        index_frame(("a", 0.5, 0.0)),
        index_frame(("a", 0.5, -1.0)),
    ],
)
def test_index_quality_without_measurements_says_so(frame: pd.DataFrame) -> None:
    assert texts(index_quality(frame)) == ["no index was measured"]


def test_index_quality_bears_one_point_extremes_and_hostile_names() -> None:
    assert texts(index_quality(index_frame(("a", 1.0, 1.0)), "a"))
    assert texts(index_quality(index_frame(("a", 0.0, 1e-6), ("b", 1.0, 1e6)), "a"))
    assert texts(index_quality(index_frame((EVIL, 0.5, 1.0), ("exact", 1, 2)), EVIL))


def boxes_of(figure: Any) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with casebook_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        axes = figure.axes[0]
        found = [text.get_window_extent(canvas.get_renderer()).extents for text in axes.texts]
    return np.array(found).reshape(-1, 4)


@given(st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.1, 10)), min_size=2, max_size=6))
@settings(max_examples=6, deadline=None)
def test_labels_of_indexes_do_not_cover_each_other(points: list[tuple[float, float]]) -> None:
    frame = index_frame(*[(f"index {i}", recall, ms) for i, (recall, ms) in enumerate(points)])
    boxes = boxes_of(index_quality(frame, "index 0"))
    shared = overlap(boxes, boxes)
    np.fill_diagonal(shared, 0)
    assert len(boxes) == len(points)
    assert shared.max() < 25, "a few pixels of the ascenders at most"


def features(*rows: tuple[str, str, float, float | None, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["features", "metric", "value", "low", "high"])


def test_precision_compared_names_the_order() -> None:
    frame = features(("random", "precision@1", 0.05, None, None), ("imagenet", "precision@1", 0.95, 0.9, 0.97))
    words = texts(precision_compared(frame))
    assert "Precision at 1: imagenet 0.950, random 0.050" in words
    assert words.index("random") < words.index("imagenet"), "the order of the frame is kept"
    assert "my words" in texts(precision_compared(frame, finding="my words"))


def test_precision_compared_bears_gaps() -> None:
    assert texts(precision_compared(features())) == ["no features were compared"]
    words = texts(precision_compared(features(("a", "m", float("nan"), None, None))))
    assert "M: not measured" in words
    plain = pd.DataFrame({"features": [EVIL], "metric": [EVIL], "value": [0.5]})
    assert texts(precision_compared(plain))


def test_similarity_distribution_tells_which_is_closer() -> None:
    rng = np.random.default_rng(0)
    words = " ".join(texts(similarity_distribution(np.linspace(0.6, 0.8, 501), np.linspace(-0.5, 0.4, 901))))
    assert "Pictures of one label are closer: median similarity 0.70 against −0.05" in words
    same = rng.normal(0, 0.1, 400)
    assert any("no closer" in word for word in texts(similarity_distribution(same, same + 0.1)))


@pytest.mark.parametrize(
    ("same", "different", "words"),
    [
        ([], [], "no pairs to compare"),
        ([np.nan, np.inf], [], "no pairs to compare"),
        ([0.5], [], "Median similarity of pairs with same label: 0.50"),
        ([], [-0.004], "Median similarity of pairs with different labels: 0.00"),
        ([1.0] * 5, [1.0] * 5, "Pictures of one label are no closer: median similarity 1.00 against 1.00"),
    ],
)
def test_similarity_distribution_bears_few_pairs(same: list[float], different: list[float], words: str) -> None:
    assert words in " ".join(texts(similarity_distribution(np.array(same), np.array(different))))


def labels(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"label": [f"l{i:03d}" for i in range(count)], "value": np.linspace(1, 0, count), "n": range(count)}
    )


def test_of_many_labels_the_best_and_the_worst_are_drawn() -> None:
    words = texts(precision_by_label(labels(101), limit=10))
    assert "… 91 labels between" in words
    drawn = [word.split()[0] for word in words if word.startswith("l")]
    assert {"l000", "l004", "l096", "l100"} <= set(drawn)
    assert "l050" not in drawn
    assert "l000 is found best (1.00), l100 worst (0.00)" in words


def test_few_labels_are_all_drawn() -> None:
    assert not any("between" in word for word in texts(precision_by_label(labels(10), limit=10)))
    assert texts(precision_by_label(labels(0))) == ["no labels to compare"]
    assert "l000: 1.00" in texts(precision_by_label(labels(1)))
    assert texts(precision_by_label(labels(3).assign(label=[EVIL, "", "$"], value=[0.5, np.nan, 0.1])))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.05, "0.05"),
        (0.1, "0.1"),
        (1, "1"),
        (2.6, "2.6"),
        (10, "10"),
        (12000, "12,000"),
        (0, "0"),
        (1e-7, "0.0000001"),
    ],
)
def test_ticks_are_plain_numbers(value: float, words: str) -> None:
    assert plain_number(value) == words
