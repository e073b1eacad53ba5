"""The map of a collection and the class scores: every label readable, every size bearable."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tasks.cases.similarity.figures.pictures import class_scores, collection_map
from tasks.figures.labels import overlap
from tasks.figures.style import casebook_style, figure_to_svg
from tasks.publishing.svg import inline_svg

EVIL = "$\\frac{</text><script>alert(1)</script>\u202e\x00 🙂" + "x" * 300


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def groups(count: int, each: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-1, 1, (count, 2))
    xy = np.repeat(centres, each, axis=0) + rng.normal(scale=0.02, size=(count * each, 2))
    return xy, [f"label {i // each}" for i in range(count * each)]


def label_boxes(figure: Any) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with casebook_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        found = [text.get_window_extent(canvas.get_renderer()).extents for text in figure.axes[0].texts]
    return np.array(found).reshape(-1, 4)


def test_scores_are_sorted_and_cut() -> None:
    svg = figure_to_svg(class_scores([(f"class {i}", i / 100) for i in range(40)], top=3))
    words = texts(svg)
    assert [word for word in words if word.startswith("class")] == ["class 39", "class 38", "class 37"]
    assert "ImageNet’s best guess: class 39 (39\u202f%)" in words


@pytest.mark.parametrize(
    "scores",
    [
        [("a", 0.0)],
        [("a", 1.0)],
        [("a", 1e-9), ("b", 0.0)],
        [("a", float("nan")), ("b", 0.5)],
        [(EVIL, 0.5), ("", 0.1)],
    ],
)
def test_odd_scores_are_borne(scores: list[tuple[str, float]]) -> None:
    inline_svg(figure_to_svg(class_scores(scores)), "f", "x")


def test_no_scores_say_so() -> None:
    assert texts(figure_to_svg(class_scores([]))) == ["no scores"]
    assert texts(figure_to_svg(class_scores([("a", float("inf"))]))) == ["no scores"]


def test_few_labels_are_all_written() -> None:
    xy, labels = groups(8, 12)
    words = texts(figure_to_svg(collection_map(xy, labels)))
    assert {f"label {i}" for i in range(8)} <= set(words)


@pytest.mark.parametrize(("count", "each", "seed"), [(5, 4, 0), (12, 20, 1), (20, 15, 2), (101, 12, 3), (300, 3, 4)])
def test_labels_never_cover_each_other(count: int, each: int, seed: int) -> None:
    xy, labels = groups(count, each, seed)
    figure = collection_map(xy, labels, query_xy=xy[:1], neighbours=range(min(10, len(xy))))
    boxes = label_boxes(figure)
    shared = overlap(boxes, boxes)
    np.fill_diagonal(shared, 0)
    assert len(boxes) >= min(count, 4)
    assert shared.max() < 1
    frame = figure.axes[0].get_window_extent().extents
    assert (boxes[:, :2] >= frame[:2] - 2).all()
    assert (boxes[:, 2:] <= frame[2:] + 2).all()


def test_the_finding_counts_the_labels_of_the_neighbours() -> None:
    xy, labels = groups(2, 10)
    all_same = texts(figure_to_svg(collection_map(xy, labels, xy[:1], [1, 2, 3])))
    assert "All 3 neighbours of the query are “label 0”" in all_same
    mixed = texts(figure_to_svg(collection_map(xy, labels, xy[:1], [1, 2, 15])))
    assert "2 of 3 neighbours of the query are “label 0”" in mixed
    one = texts(figure_to_svg(collection_map(xy, labels, xy[:1], [1])))
    assert "The neighbour of the query is “label 0”" in one
    none = texts(figure_to_svg(collection_map(xy, [""] * 20, xy[:1], [1])))
    assert "20 pictures; near to each other means alike" in none


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_tiny_collections_are_borne(count: int) -> None:
    svg = figure_to_svg(collection_map(np.zeros((count, 2)), ["a"] * count, np.zeros((1, 2)), range(count)))
    assert texts(svg)


def test_coordinates_that_are_not_finite_are_left_out() -> None:
    xy = np.array([[0, 0], [np.nan, 1], [np.inf, 0], [1, 1.0]])
    svg = figure_to_svg(collection_map(xy, list("abcd"), np.array([[np.nan, 0]]), [0, 1, 2]))
    assert {"a", "d"} <= set(texts(svg))
    assert not {"b", "c"} & set(texts(svg))
    gone = figure_to_svg(collection_map(np.full((2, 2), np.nan), ["a", "b"]))
    assert texts(gone) == ["the collection has no pictures to map"]


def test_labels_and_pictures_must_match() -> None:
    with pytest.raises(ValueError, match="3 labels for 2 pictures"):
        collection_map(np.zeros((2, 2)), ["a"] * 3)


def test_a_large_collection_stays_small_in_bytes() -> None:
    xy, labels = groups(200, 500)
    svg = figure_to_svg(collection_map(xy, labels, xy[:1], range(12)))
    assert len(svg) < 1_000_000
    assert "data:image/png" in svg
    inline_svg(svg, "f", "x")


def test_small_collections_are_drawn_as_vectors() -> None:
    xy, labels = groups(20, 15)
    assert "<image" not in figure_to_svg(collection_map(xy, labels))


def test_thumbnails_stand_beside_each_other_and_are_limited() -> None:
    xy, labels = groups(30, 2)
    picture = np.full((20, 30, 3), 200, np.uint8)
    svg = figure_to_svg(collection_map(xy, labels, thumbnails=dict.fromkeys(range(60), picture), most_thumbnails=5))
    assert svg.count("<image") == 5
    same = figure_to_svg(collection_map(np.zeros((9, 2)), ["a"] * 9, thumbnails=dict.fromkeys(range(9), picture)))
    assert same.count("<image") == 2, "on either side of the point, and none upon it"
    crowded = np.stack(np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 30)), -1).reshape(-1, 2)
    full = figure_to_svg(collection_map(crowded, [""] * 900, thumbnails=dict.fromkeys(range(900), picture)))
    assert "<image" not in full, "no thumbnail lies over a point"


def test_the_same_map_is_the_same_bytes() -> None:
    xy, labels = groups(20, 100)
    assert figure_to_svg(collection_map(xy, labels)) == figure_to_svg(collection_map(xy.copy(), list(labels)))


def test_inputs_may_be_read_only_and_are_not_changed() -> None:
    xy, labels = groups(3, 5)
    xy.setflags(write=False)
    before = xy.copy()
    collection_map(xy, labels, xy[:1], [0])
    assert (xy == before).all()


def test_hostile_labels_are_drawn_as_text() -> None:
    xy, _ = groups(3, 4)
    svg = figure_to_svg(collection_map(xy, [EVIL] * 4 + ["$a$"] * 4 + ["\x00\n\t"] * 4, xy[:1], [0, 1]))
    page = inline_svg(svg, "f", "x")
    assert "<script" not in page
    assert "\u202e" not in page
