"""The contract of picture manifests: what stops a run, what is only said, and that the manifest stays as it is."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from tasks.platform.errors import ContractError
from tasks.validation.contract import ContractReport, check_table, enforce
from tasks.validation.data_docs import write_data_docs
from tasks.validation.pictures import REMEDY, count_labels, picture_contract


def manifest(n: int = 10, labels: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    ids = [hashlib.sha256(str(row).encode()).hexdigest()[:32] for row in range(n)]
    return pd.DataFrame(
        {
            "path": [f"{labels[row % len(labels)]}/{row:05}.jpg" for row in range(n)],
            "id": ids,
            "label": [labels[row % len(labels)] for row in range(n)],
            "bytes": np.arange(1, n + 1, dtype=np.int64),
            "format": "JPEG",
            "mode": "RGB",
            "width": np.full(n, 64, np.int32),
            "height": np.full(n, 48, np.int32),
            "orientation": np.ones(n, np.int8),
            "phash": np.arange(n, dtype=np.uint64),
        }
    )


def quarantine(**reasons: int) -> pd.DataFrame:
    names = [name for name, count in reasons.items() for _ in range(count)]
    paths = [f"bad/{row}.jpg" for row in range(len(names))]
    return pd.DataFrame({"path": paths, "reason": names, "detail": "it is broken"}, dtype=str)


NONE = quarantine()


def held(frame: pd.DataFrame, out: pd.DataFrame = NONE, share: float = 0.5) -> ContractReport:
    return check_table(count_labels.fn(frame), picture_contract(share), out).report


def stop(frame: pd.DataFrame, out: pd.DataFrame = NONE, share: float = 0.5) -> None:
    enforce(held(frame, out, share), REMEDY)


def broken(frame: pd.DataFrame, out: pd.DataFrame = NONE, share: float = 0.5) -> dict[str, str]:
    """Rule -> severity of every broken rule."""
    report = held(frame, out, share)
    return {result.rule: result.severity for result in report.results if not result.passed}


def test_good_manifest_passes_and_stays_as_it_is():
    frame = manifest()
    report = held(frame)
    pd.testing.assert_frame_equal(frame, manifest())
    assert report.passed
    assert all(result.passed for result in report.results)
    assert report.quarantined == 0


def changed(column: str, value: object, row: int = 3) -> pd.DataFrame:
    frame = manifest()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("path", None),
        ("path", "a/00000.jpg"),
        ("id", "short"),
        ("id", None),
        ("id", "0" * 32 + "\n"),
        ("id", "F" * 32),
        ("width", 7),
        ("width", 30_001),
        ("height", -1),
        ("height", None),
        ("width", float("inf")),
        ("width", "64"),
        ("bytes", 0),
        ("orientation", 0),
        ("orientation", 9),
    ],
)
def test_critical_break_stops_and_names_the_picture(column, value):
    with pytest.raises(ContractError, match=r"row 0 \(a/00000\.jpg\)|row 3 \((b/00003\.jpg|None)\)"):
        stop(changed(column, value), NONE)


@pytest.mark.parametrize("column", ["path", "id", "width", "height", "bytes", "orientation"])
def test_missing_column_stops_and_is_named(column):
    with pytest.raises(ContractError, match=f"column '{column}' is missing; there are "):
        stop(manifest().drop(columns=column), NONE)


@pytest.mark.parametrize(("rows", "passes"), [(0, False), (1, False), (2, True)])
def test_two_pictures_at_least(rows, passes):
    assert held(manifest(rows), NONE).passed == passes


@pytest.mark.parametrize(
    ("good", "bad", "share", "passes"),
    [(5, 5, 0.5, True), (5, 6, 0.5, False), (9, 1, 0.1, True), (9, 2, 0.1, False), (10, 1, 0, False), (2, 98, 1, True)],
)
def test_share_of_files_in_quarantine(good, bad, share, passes):
    report = held(manifest(good), quarantine(truncated=bad), share)
    assert report.passed == passes
    assert f"{bad} of {good + bad} pictures are in quarantine" in report.results[-1].detail


def test_too_many_in_quarantine_are_counted_by_reason():
    out = quarantine(truncated=30, empty=4, **{"not-a-picture": 7})
    with pytest.raises(ContractError) as caught:
        stop(manifest(), out)
    assert "41 of 51 pictures are in quarantine, 41 of them put aside when they were read: truncated (30)" in str(
        caught.value
    )


def test_reasons_are_bounded_and_harmless():
    out = quarantine(**{f"\x1b[31m{number}" + "x" * 500: 1 for number in range(50)})
    detail = held(manifest(), out).results[-1].detail
    assert detail.isprintable()
    assert "and 45 more reasons" in detail
    assert len(detail) < 800


def test_whole_collection_in_quarantine():
    with pytest.raises(ContractError, match="at least 2 pictures"):
        stop(manifest(0), quarantine(empty=3), share=1)


def test_exact_copies_are_said():
    frame = manifest(20)
    frame.loc[1, "id"] = frame.loc[0, "id"]
    assert broken(frame) == {}
    frame.loc[2, "id"] = frame.loc[0, "id"]
    assert broken(frame) == {"At most 10% of the pictures have an exact copy.": "warning"}


def test_small_pictures_are_said():
    frame = manifest()
    frame.loc[4, "height"] = 31
    assert broken(frame) == {"The short side has at least 32 pixels.": "warning"}


def test_single_pictures_and_rare_labels_are_said():
    frame = manifest(101, labels=("a",))
    frame.loc[7, "label"] = "lonely"
    assert broken(frame) == {
        "Every label has two pictures or more.": "warning",
        "No label has 50 times fewer pictures than the largest.": "warning",
    }


def test_pictures_without_label_are_no_label():
    frame = manifest(5, labels=("",))
    assert broken(frame) == {}
    frame["label"] = ["x", "x", "", "", ""]
    assert broken(frame) == {}


def test_data_docs_of_a_manifest(tmp_path):
    assert write_data_docs(count_labels.fn(manifest()), picture_contract(), tmp_path / "docs").is_file()
