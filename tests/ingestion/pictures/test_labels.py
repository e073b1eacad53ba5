"""Labels from folders: wrapping folders, patterns, merging, and typing errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingestion.pictures.labels import excluded, folder_labels, merged
from tasks.platform.errors import UsageError

LABELS = ["BACKGROUND_Google", "Faces", "Faces_easy", "ant", "bee", ""]


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["cats/1.jpg", "dogs/1.jpg"], ["cats", "dogs"]),
        (["cats/deep/er/1.jpg", "dogs/1.jpg"], ["cats", "dogs"]),
        (["images/cats/1.jpg", "images/dogs/1.jpg"], ["cats", "dogs"]),
        (["a/b/cats/1.jpg", "a/b/dogs/1.jpg", "a/b/2.jpg"], ["cats", "dogs", ""]),
        (["images/cats/1.jpg", "images/dogs/1.jpg", "README.txt"], ["cats", "dogs", ""]),
        (["images/cats/1.jpg", "images/dogs/1.jpg", "docs/a.txt"], ["cats", "dogs", "docs"]),
        (["photos/1.jpg", "photos/2.jpg"], ["", ""]),
        (["1.jpg", "2.jpg"], ["", ""]),
        (["1.jpg", "cats/2.jpg"], ["", "cats"]),
        (["cats/no-suffix", "dogs/no-suffix"], ["cats", "dogs"]),
        (["cat/1.jpg", "cats/1.jpg"], ["cat", "cats"]),
        ([], []),
    ],
)
def test_the_top_folder_below_what_all_share_is_the_label(paths: list[str], labels: list[str]) -> None:
    assert folder_labels(paths) == labels


@given(
    st.lists(st.sampled_from(["a", "b", "a/c", "b/c", "d"]), min_size=2, max_size=12).filter(
        lambda folders: len({folder[0] for folder in folders}) > 1
    ),
    st.sampled_from(["x/", "x/y/", "data/images/all/"]),
)
def test_wrapping_a_collection_changes_no_label(folders: list[str], wrapping: str) -> None:
    paths = [f"{folder}/{n}.jpg" for n, folder in enumerate(folders)]
    assert folder_labels(paths) == [folder[0] for folder in folders]
    assert folder_labels([wrapping + path for path in paths]) == folder_labels(paths)


def test_patterns_choose_labels() -> None:
    assert excluded(LABELS, []) == set()
    assert excluded(LABELS, ["BACKGROUND_*", "ant"]) == {"BACKGROUND_Google", "ant"}
    assert excluded(["a[1]", "b"], ["a[1]"]) == {"a[1]"}
    with pytest.raises(UsageError, match=r"'background_\*' matches no label; .*Faces_easy"):
        excluded(LABELS, ["background_*"])
    with pytest.raises(UsageError, match="did you mean Faces_easy"):
        excluded(LABELS, ["Faces_esy"])
    with pytest.raises(UsageError, match="no picture lies in a folder"):
        excluded(["", ""], ["x"])


def test_merging_renames_members() -> None:
    assert merged(LABELS, ["Faces=Faces_easy,Faces"]) == {"Faces_easy": "Faces", "Faces": "Faces"}
    assert merged(LABELS, [" insect = ant , b* "]) == {"ant": "insect", "bee": "insect"}
    for rule in ("Faces", "=a", "Faces=", "Faces= , "):
        with pytest.raises(UsageError, match="not of the form"):
            merged(LABELS, [rule])
    with pytest.raises(UsageError, match="'Face' in 'X=Face' matches no label"):
        merged(LABELS, ["X=Face"])
    with pytest.raises(UsageError, match="'ant' is claimed by 'a' and by 'b'"):
        merged(LABELS, ["a=ant", "b=ant"])


def test_a_long_list_of_labels_is_shortened() -> None:
    with pytest.raises(UsageError, match="and 80 more"):
        excluded([f"label{n:03d}" for n in range(100)], ["zzz"])
