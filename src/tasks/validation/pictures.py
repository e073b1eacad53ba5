"""Can a collection of pictures be learned from? The contract of a picture manifest.

Broken files never get this far: reading the collection has put them into quarantine, file by file. What is held against
the contract here is the manifest of the usable ones, with what the rules about sizes and labels look at, and the share
that quarantine has taken. The manifest itself goes on as it came, because a row's number is its picture's number
everywhere after this.
"""

import numpy as np
import pandas as pd

from tasks.platform.stage import stage
from tasks.validation.contract import Contract, Rule
from tasks.validation.rules import between

SMALLEST_SIDE, LARGEST_SIDE = 8, 30_000  # pixels
SMALL_SIDE = 32  # pixels; below this little is left to compare
COPIES_SHARE = 0.1  # of pictures that are exact copies of another one
RARE_LABEL = 50  # times fewer pictures than the largest label
REMEDY = "mend or remove these files, or name another source, and run again"


def picture_contract(max_quarantined: float = 0.5) -> Contract:
    """Return the contract for the manifest of a collection.

    Args:
        max_quarantined: share of all files that may be in quarantine, 0 to 1.
    """
    path, digest = {"column": "path"}, {"column": "id"}
    sides = f"between {SMALLEST_SIDE} and {LARGEST_SIDE:,} pixels"
    copies = {**digest, "mostly": 1 - COPIES_SHARE}
    return Contract(
        name="the collection",
        unit="pictures",
        key="path",
        min_rows=2,
        max_quarantined=max_quarantined,
        rules=[
            Rule(rule="Every picture has a path.", expectation="ExpectColumnValuesToNotBeNull", arguments=path),
            Rule(
                rule="No two pictures have the same path.", expectation="ExpectColumnValuesToBeUnique", arguments=path
            ),
            Rule(
                rule="A picture's id is 32 hexadecimal digits of its content's SHA-256.",
                expectation="ExpectColumnValuesToMatchRegex",
                arguments={**digest, "regex": r"\A[0-9a-f]{32}\Z"},
            ),
            between(f"A picture is {sides} wide.", "width", SMALLEST_SIDE, LARGEST_SIDE),
            between(f"A picture is {sides} high.", "height", SMALLEST_SIDE, LARGEST_SIDE),
            between("A picture's file is not empty.", "bytes", 1),
            between("A picture's orientation is one of the eight of EXIF.", "orientation", 1, 8),
            Rule(
                rule=f"At most {COPIES_SHARE:.0%} of the pictures have an exact copy.",
                expectation="ExpectColumnValuesToBeUnique",
                arguments=copies,
                severity="warning",
            ),
            between(f"The short side has at least {SMALL_SIDE} pixels.", "short_side", SMALL_SIDE, severity="warning"),
            between("Every label has two pictures or more.", "of_same_label", 2, severity="warning", missing_ok=True),
            between(
                f"No label has {RARE_LABEL} times fewer pictures than the largest.",
                "times_rarer",
                None,
                RARE_LABEL,
                severity="warning",
                missing_ok=True,
            ),
        ],
    )


@stage(phase="Data understanding")
def count_labels(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the manifest with what the rules about sizes and labels look at; a column that is missing adds none."""
    frame = manifest.copy()
    if {"width", "height"} <= set(frame.columns):
        width, height = (pd.to_numeric(frame[name], errors="coerce") for name in ("width", "height"))
        frame["short_side"] = np.minimum(width, height)
    if "label" in frame.columns:
        labels = frame["label"].where(frame["label"] != "")
        frame["of_same_label"] = labels.map(labels.value_counts())
        frame["times_rarer"] = frame["of_same_label"].max() / frame["of_same_label"]
    return frame
