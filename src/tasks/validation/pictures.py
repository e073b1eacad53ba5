"""Can a collection of pictures be learned from? The contract of a picture manifest.

Broken files never get this far: reading the collection has put them into quarantine, file by file. What is held against
the contract here is the manifest of the usable ones, and the share that quarantine has taken. The manifest goes on as
it came, because a row's number is its picture's number everywhere after this.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.platform.errors import UsageError
from tasks.platform.run import current_run
from tasks.platform.stage import stage
from tasks.platform.text import shorten
from tasks.validation.contract import Contract, ContractReport, Rule, check_table, enforce
from tasks.validation.rules import between

SMALLEST_SIDE, LARGEST_SIDE = 8, 30_000  # pixels
SMALL_SIDE = 32  # pixels; below this little is left to compare
COPIES_SHARE = 0.1  # of pictures that are exact copies of another one
RARE_LABEL = 50  # times fewer pictures than the largest label
REASONS_NAMED = 8


class Validated(NamedTuple):
    """A manifest that keeps its contract, unchanged, and how each rule fared."""

    manifest: pd.DataFrame
    report: ContractReport


def picture_contract(files: int, max_quarantined: float) -> Contract:
    """Return the contract for the manifest of a collection of `files` files, usable or not."""
    wanted = math.ceil(files * (1 - max_quarantined) - 1e-9)
    path, digest = {"column": "path"}, {"column": "id"}
    sides = f"between {SMALLEST_SIDE} and {LARGEST_SIDE:,} pixels"
    copies = {**digest, "mostly": 1 - COPIES_SHARE}
    return Contract(
        name="the collection",
        unit="pictures",
        key="path",
        min_rows=2,
        rules=[
            Rule(
                rule=f"At most {max_quarantined:.0%} of the files are in quarantine.",
                expectation="ExpectTableRowCountToBeBetween",
                arguments={"min_value": wanted},
            ),
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


def with_counts(manifest: pd.DataFrame) -> pd.DataFrame:
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


def _reasons(quarantine: pd.DataFrame) -> str:
    """Count the files in quarantine by reason, the most frequent first."""
    counts = quarantine["reason"].astype(str).value_counts()
    named = [f"{shorten(str(reason), 40)} {count:,}" for reason, count in counts.head(REASONS_NAMED).items()]
    return ", ".join(named) + (
        f" and {len(counts) - REASONS_NAMED} more reasons" if len(counts) > REASONS_NAMED else ""
    )


def check_pictures(manifest: pd.DataFrame, quarantine: pd.DataFrame, max_quarantined: float = 0.5) -> ContractReport:
    """Hold a manifest against its contract; like `validate_pictures`, but a critical break raises nothing."""
    files = len(manifest) + len(quarantine)
    report = check_table(with_counts(manifest), picture_contract(files, max_quarantined)).report
    enough, share = report.results[:2]
    if len(quarantine):
        share.detail = f"{len(quarantine):,} of {files:,} files are in quarantine: {_reasons(quarantine)}"
        enough.detail = enough.detail and f"{enough.detail}; {share.detail}"
    return report.model_copy(update={"quarantined": len(quarantine)})


def pictures_data_docs(
    manifest: pd.DataFrame, quarantine: pd.DataFrame, folder: Path, max_quarantined: float = 0.5
) -> Path:
    """Write Great Expectations' Data Docs of the manifest to `folder`; return their first page."""
    from tasks.validation.data_docs import write_data_docs

    contract = picture_contract(len(manifest) + len(quarantine), max_quarantined)
    return write_data_docs(with_counts(manifest), contract, folder)


@stage(phase="Data understanding")
def validate_pictures(manifest: pd.DataFrame, quarantine: pd.DataFrame, max_quarantined: float = 0.5) -> Validated:
    """Check that a collection of pictures can be learned from.

    Args:
        manifest: one row per usable picture.
        quarantine: one row per file that is none, with its `reason`.
        max_quarantined: share of all files that may be in quarantine, 0 to 1.

    Returns:
        The manifest as it came, and how each rule fared.

    Raises:
        ContractError: a critical rule is broken; with the rule, the first pictures that break it, and what to do.
        UsageError: `max_quarantined` is no share.
    """
    if not 0 <= max_quarantined <= 1:
        raise UsageError(f"max_quarantined is {max_quarantined}; give a share between 0 and 1.")
    report = check_pictures(manifest, quarantine, max_quarantined)
    enforce(report, "mend or remove these files, or name another source, and run again")
    return Validated(manifest, report)


@stage(phase="Data understanding", live=True)
def publish_data_docs(manifest: pd.DataFrame, quarantine: pd.DataFrame, max_quarantined: float = 0.5) -> str:
    """Write Great Expectations' Data Docs into the folder of the run; return their first page, relative to it."""
    run = current_run()
    if run is None:
        raise RuntimeError("publish_data_docs belongs into a flow made with @case")
    page = pictures_data_docs(manifest, quarantine, run.folder / "data_docs", max_quarantined)
    return page.relative_to(run.folder).as_posix()
