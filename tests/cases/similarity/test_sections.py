"""The sections of the search for similar pictures: all of what there is, nothing of what there is not."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.cases.similarity.figures.pictures import collection_map
from tasks.cases.similarity.report.sections import (
    MOST_GROUPS,
    Answered,
    DuplicateGroup,
    Shown,
    SimilarityFindings,
    similarity_hero,
    similarity_sections,
)
from tasks.figures.style import figure_to_svg
from tasks.publishing.blocks import Figure, Gallery, Section, Table
from tasks.publishing.page import render
from tasks.publishing.report import Report


def jpeg(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def answered(name: str, label: str = "cup", neighbours: int = 3, scores: bool = True) -> Answered:
    near = [Shown(f"{label}/{i}.jpg", label if i % 2 == 0 else "dog", 0.9 - i / 100, jpeg()) for i in range(neighbours)]
    return Answered(Shown(name, label, None, jpeg("blue")), near, [("cup", 0.8), ("plate", 0.1)] if scores else ())


INDEX = pd.DataFrame(
    {"index": ["exact", "codes"], "recall@10": [1.0, 0.99], "ms_per_query": [2.6, 0.5], "bytes_per_vector": [512, 64]}
)
FEATURES = pd.DataFrame(
    [
        {"features": name, "near_duplicates": kept, "metric": metric, "value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
        for name in ("imagenet", "random")
        for kept in ("kept", "left out")
        for metric in ("precision@1", "precision@5")
    ]
)
LABELS = pd.DataFrame({"label": ["cup", "dog"], "value": [0.9, 0.4], "n": [10, 12]})


def titles(sections: list[Section]) -> list[str]:
    return [section.title for section in sections]


def full() -> SimilarityFindings:
    figure = collection_map(np.random.default_rng(0).normal(size=(9, 2)), ["cup", "dog", ""] * 3)
    return SimilarityFindings(
        answered=[answered("a.jpg"), answered("b.jpg", scores=False)],
        duplicates=[
            DuplicateGroup([Shown("x/1.jpg", "x", 1.0, jpeg(), what="keep"), Shown("y/2.jpg", "y", 0.99, jpeg())], 2)
        ],
        map_svg=figure_to_svg(figure),
        index=INDEX,
        chosen_index="codes",
        features=FEATURES,
        by_label=LABELS,
    )


def test_everything_has_its_section_in_order() -> None:
    sections = similarity_sections(full())
    assert titles(sections) == [
        "The other queries",
        "What ImageNet calls it",
        "The collection as a map",
        "Quality of the features",
        "Quality of the index",
        "What is there more than once",
    ]
    page = render(Report(flow="f", question="q", answer="a", hero=similarity_hero(full()), sections=sections))
    assert page.count('<figure class="gallery with-lead">') == 2
    assert "cosine 0.900" in page


def test_neighbours_are_marked_against_the_label_of_the_query() -> None:
    hero = similarity_hero(full())[0]
    assert isinstance(hero, Gallery)
    assert [tile.accent for tile in hero.tiles] == [True, False, True]
    assert [tile.title for tile in hero.tiles] == ["1. cup", "2. dog", "3. cup"]
    unlabelled = similarity_hero(SimilarityFindings(answered=[answered("a.jpg", label="")]))[0]
    assert isinstance(unlabelled, Gallery)
    assert {tile.accent for tile in unlabelled.tiles} == {None}
    assert unlabelled.tiles[0].title == "1. 0.jpg"


def test_a_negative_cosine_has_a_true_minus_sign() -> None:
    found = Answered(Shown("q.jpg"), [Shown("a.jpg", similarity=-0.0234)])
    hero = similarity_hero(SimilarityFindings(answered=[found]))[0]
    assert isinstance(hero, Gallery)
    assert hero.tiles[0].subtitle == "cosine −0.023"


def test_nothing_found_says_so() -> None:
    empty = SimilarityFindings()
    assert similarity_hero(empty) == []
    assert titles(similarity_sections(empty)) == ["No pictures"]


@pytest.mark.parametrize("frame", [None, INDEX.head(0)])
def test_what_is_missing_leaves_its_section_out(frame: pd.DataFrame | None) -> None:
    sections = similarity_sections(SimilarityFindings(answered=[answered("a.jpg", scores=False)], index=frame))
    assert sections == []


def test_many_queries_are_cut_with_the_number_named() -> None:
    found = SimilarityFindings(answered=[answered(f"{i}.jpg", neighbours=60) for i in range(500)])
    first, scores = similarity_sections(found)
    assert len(first.blocks) == 7
    assert "8 of 500 queries are shown; neighbours.csv lists all." in first.intro
    assert isinstance(first.blocks[0], Gallery)
    assert len(first.blocks[0].tiles) == 24
    assert "The first 24 of 60 neighbours" in first.blocks[0].caption
    assert len(scores.blocks) == 8


def test_many_duplicates_are_cut_with_the_number_named() -> None:
    group = DuplicateGroup([Shown(f"{i}.jpg", "", 1.0) for i in range(50)], 700)
    section = similarity_sections(
        SimilarityFindings(map_svg="", index=INDEX, duplicates=[group] * 40, duplicate_groups=90)
    )[-1]
    assert len(section.blocks) == MOST_GROUPS
    assert "90 groups" in section.intro
    assert "The 12 largest are shown." in section.intro
    gallery = section.blocks[0]
    assert isinstance(gallery, Gallery)
    assert gallery.caption == "Group 1: 700 pictures, 692 not shown"


def test_labels_of_a_mixed_group_are_named() -> None:
    gallery = similarity_sections(full())[-1].blocks[0]
    assert isinstance(gallery, Gallery)
    assert [tile.subtitle for tile in gallery.tiles] == ["x · keep", "y"]


def test_the_index_in_use_is_set_off() -> None:
    figure, table = next(s for s in similarity_sections(full()) if s.title == "Quality of the index").blocks
    assert isinstance(table, Table)
    assert table.highlight == 1
    assert isinstance(figure, Figure)
    assert "codes: 0.990 at 0.5 ms" in figure.alt


def test_features_are_compared_in_one_row_each() -> None:
    blocks = next(s for s in similarity_sections(full()) if s.title == "Quality of the features").blocks
    table = next(block for block in blocks if isinstance(block, Table))
    assert [column.title for column in table.columns] == ["Features", "Near-duplicates", "precision@1", "precision@5"]
    assert [row[:2] for row in table.rows] == [
        ["imagenet", "kept"],
        ["imagenet", "left out"],
        ["random", "kept"],
        ["random", "left out"],
    ]
    assert table.rows[0][2] == "0.500 (0.400–0.600)"


def test_features_without_treatment_of_duplicates_and_intervals() -> None:
    frame = pd.DataFrame({"features": ["a"], "metric": ["precision@1"], "value": [0.25]})
    section = similarity_sections(SimilarityFindings(index=INDEX, features=frame))[0]
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert table.rows == [["a", "0.250"]]


def test_hostile_names_reach_the_page_as_text() -> None:
    evil = "<img src=x onerror=alert(1)>/\u202egpj.\x07$x$"
    found = SimilarityFindings(
        answered=[Answered(Shown(evil, evil, None, jpeg()), [Shown(evil, evil, 0.5, b"not a jpeg")], [(evil, 0.4)])],
        duplicates=[DuplicateGroup([Shown(evil, evil, 1.0)], 1)],
        index=INDEX.assign(index=[evil, "codes"]),
        features=FEATURES.assign(features=evil),
        by_label=LABELS.assign(label=evil),
        map_svg=figure_to_svg(collection_map(np.zeros((2, 2)), [evil, evil])),
    )
    page = render(
        Report(flow="f", question="q", answer="a", hero=similarity_hero(found), sections=similarity_sections(found))
    )
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "\x07" not in page
