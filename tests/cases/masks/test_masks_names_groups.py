"""Groups: no copy, turned copy or person on both sides; sources by file names; a bound set by impossible pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.cases.masks.features.groups import connected, group_faces
from tasks.cases.masks.features.names import persons, stem_of, styles
from tasks.cases.masks.features.split import drop_known, split_faces
from tasks.cases.masks.ingestion import WITH, WITHOUT
from tasks.cases.masks.sample.drawing import draw_face, draw_person
from tasks.features.pictures.likeness import FACE, Looks, find_alike, turned
from tasks.platform.errors import ContractError

SIDE = 96


def scene(number: int) -> np.ndarray:
    """A picture unlike those of other numbers."""
    rng = np.random.default_rng(number)
    rough = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(rough)


def turned_by(picture: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).rotate(degrees, Image.Resampling.BICUBIC))


def looks(pictures: list[np.ndarray]) -> Looks:
    stacked = np.stack(pictures)
    return Looks(stacked, stacked, np.zeros(len(stacked), bool))


@pytest.mark.parametrize("degrees", [0, 4, -13, 22, 28, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_turned_mirrored_and_noised_copy_is_found_and_others_are_not(degrees: int, mirror: bool) -> None:
    rng = np.random.default_rng(1)
    others = [scene(number) for number in range(30)]
    copy = turned_by(others[7], degrees)
    copy = np.clip(copy[:, ::-1] if mirror else copy, 10, 245) + rng.integers(-10, 11, copy.shape)
    pairs = find_alike(looks([copy.astype(np.uint8)]), looks(others), 0.93)
    assert set(pairs.second) == {7}


def test_aligned_faces_are_compared_only_where_they_are_faces() -> None:
    faces = np.stack([scene(1), scene(1), scene(2)])
    wholes = np.stack([scene(11), scene(12), scene(13)])
    for found, expected in ((np.array([True, True, True]), {(0, 1)}), (np.array([True, False, True]), set())):
        pairs = find_alike(Looks(wholes, faces, found), Looks(wholes, faces, found), 0.93, same=True)
        assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected
    assert FACE < SIDE


def test_eight_turns_are_all_different() -> None:
    picture = scene(3)[None]
    assert len({turned(picture, number).tobytes() for number in range(8)}) == 8


def test_persons_are_words_before_numbers_that_are_no_kind_of_file() -> None:
    paths = [
        "a/0_0_anhu_0162_jpg.jpg",
        "a/1_0_anhu_0004_jpg.jpg",
        "a/augmented_image_12_jpg.jpg",
        "b/augmented_image_13.jpg",
        "b/with_mask_1157_jpg.jpg",
        "b/with_mask_12_jpg.jpg",
        "b/0_0_0 copy 10_jpg.jpg",
        "b/0_0_0 copy 11.png",
        "b/person12_3.jpg",
        "b/Person_12-4.jpg",
        "c/lonely_0001.jpg",
        *[f"c/{n}.jpg" for n in range(9)],
    ]
    assert persons(paths) == ["anhu", "anhu", *[""] * 6, "person 12", "person 12", *[""] * 10]
    assert persons([f"series_{n:03d}.jpg" for n in range(50)]) == [""] * 50  # a word in every name is no person


def test_styles_forget_numbers_persons_and_copies() -> None:
    paths = [
        "0_0_anhu_0162_jpg.jpg",
        "1_0_lizi_0004_jpg.jpg",
        "0_0_0 copy 10_jpg.jpg",
        "0_0_13_jpg.jpg",
        "with_mask12_jpg.jpg",
        "12_jpg.jpg",
        "0_0_0066ichXly3gbb630i4w6j30u00tzjtk_jpg.jpg",
    ]
    found = styles(paths, ["anhu", "lizi", *[""] * 5])
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert len({found[0], found[2], found[4], found[5]}) == 4
    assert stem_of("x/12_jpg.jpg") == "12"


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
def test_groups_are_the_connected_ones(edges: list[tuple[int, int]]) -> None:
    groups = connected(np.array(edges, np.int64).reshape(-1, 2), 12)
    reach = np.eye(12, dtype=bool)
    for a, b in edges:
        reach[a, b] = reach[b, a] = True
    for _ in range(12):
        reach |= (reach.astype(int) @ reach.astype(int)) > 0
    assert ((groups[:, None] == groups[None]) == reach).all()


def manifest_of(count: int) -> pd.DataFrame:
    labels = [WITH if number % 2 else WITHOUT for number in range(count)]
    paths = [f"{label}/{number}.jpg" for number, label in enumerate(labels)]
    return pd.DataFrame({"path": paths, "id": [f"{number:032x}" for number in range(count)], "label": labels})


def test_copies_and_people_are_grouped_and_nothing_else() -> None:
    manifest = manifest_of(40)
    manifest.loc[[2, 4, 6], "path"] = ["x/mona_0001.jpg", "x/mona_0002.jpg", "x/mona_0017.jpg"]
    manifest.loc[10, "id"] = manifest.loc[12, "id"]
    pictures = np.stack([scene(number) for number in range(40)])
    pictures[20] = turned_by(pictures[22], 12)
    grouped = group_faces.fn(manifest, pictures, pictures, pd.DataFrame({"found": np.zeros(40)}))
    together = {tuple(np.flatnonzero(grouped.groups == group)) for group in np.unique(grouped.groups)}
    assert {part for part in together if len(part) > 1} == {(2, 4, 6), (10, 12), (20, 22)}
    assert grouped.facts["of_persons"] == 3


def test_the_bound_rises_where_pictures_of_other_classes_are_as_alike() -> None:
    rng = np.random.default_rng(2)
    base = scene(1).astype(int)
    pictures = np.stack([np.clip(base + rng.normal(0, 9, base.shape), 0, 255).astype(np.uint8) for _ in range(40)])
    pictures[3] = pictures[1]
    grouped = group_faces.fn(manifest_of(40), pictures, pictures, pd.DataFrame({"found": np.zeros(40)}))
    assert grouped.facts["bound"] > 0.99


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([0.1, 0.2, 0.34, 0.5]))
def test_no_group_is_on_both_sides_nor_in_two_folds(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    groups = np.sort(rng.integers(0, 60, 200))
    manifest = manifest_of(200).assign(label=np.where(groups % 2, WITH, WITHOUT))
    sources = np.array([int(group % 2) * 10 + int(group % 4 < 2) for group in groups])
    split = split_faces.fn(manifest, groups, sources, share, seed)
    assert sorted([*split.train, *split.test]) == list(range(200))
    assert not set(groups[split.train]) & set(groups[split.test])
    for parts in (split.folds, split.left_out):
        pairs = pd.DataFrame({"group": groups[split.train], "part": parts}).drop_duplicates()
        assert pairs["group"].is_unique
    assert split.classes == [WITHOUT, WITH]
    assert split.facts["by_source"]
    for turn in np.unique(split.left_out):  # a source that is left out is left out whole, and each class stays
        out = split.train[split.left_out == turn]
        assert not set(sources[out]) & set(sources[np.setdiff1d(split.train, out)])
        assert set(split.y[out]) == {0, 1}


def test_too_few_groups_are_refused() -> None:
    manifest = manifest_of(60)
    groups = np.where(np.arange(60) % 2, 1, np.arange(60) + 10)
    with pytest.raises(ContractError, match="pictures with mask fall into 1 groups"):
        split_faces.fn(manifest, groups, np.zeros(60, int), 0.2, 0)


def test_copies_of_learning_pictures_are_dropped_from_another_source() -> None:
    known = np.stack([scene(number) for number in range(10)])
    theirs = np.stack([scene(100), turned_by(known[4], -8), scene(101), known[2][:, ::-1]])
    none, bound = pd.DataFrame({"found": np.zeros(10)}), {"bound": 0.93, "bound_faces": 0.93}
    manifest = manifest_of(4).assign(id=[f"f{n:031x}" for n in range(4)])
    kept = drop_known.fn(
        manifest, np.arange(4), theirs, theirs, none[:4], manifest_of(10), known, known, none, [WITHOUT, WITH], bound
    )
    assert kept.rows.tolist() == [0, 2]
    assert kept.facts["copies"] == 2
    with pytest.raises(ContractError, match="Nothing to test on is left of the 2"):
        drop_known.fn(
            manifest[:2],
            np.arange(2),
            known[:2],
            known[:2],
            none[:2],
            manifest_of(10),
            known,
            known,
            none,
            [WITHOUT, WITH],
            bound,
        )


def test_one_drawn_person_turned_is_one_picture_and_two_people_are_two() -> None:
    rng = np.random.default_rng(5)
    people = [np.asarray(draw_face(draw_person(rng), "none", "", SIDE, rng)) for _ in range(8)]
    pairs = find_alike(looks([turned_by(people[0], 9)]), looks(people), 0.93)
    assert set(pairs.second) <= {0}
