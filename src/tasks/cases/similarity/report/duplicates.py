"""Which of several versions of a picture to keep? Every group, with what each of its files is, and a stated rule.

A file with several names (hard or symbolic links) is one file: removing a name frees nothing, and removing the file
takes all of its names, so its names are called the same file and never extra.
"""

from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from tasks.ingestion.pictures.entries import escape
from tasks.platform.errors import UsageError
from tasks.platform.stage import stage

COLUMNS = ["group", "kind", "path", "what_to_do", "width", "height", "bytes", "modified"]
KEEP, EXTRA, SAME = "keep", "extra", "same file"


@stage(phase="Evaluation")
def list_duplicates(
    manifest: pd.DataFrame, duplicates: pd.DataFrame, listing: pd.DataFrame, keep: str = "largest", collection: str = ""
) -> pd.DataFrame:
    """List every group of pictures that are there more than once.

    Args:
        manifest: of the collection.
        duplicates: `group`, `number`, `kind`, as `find_edited` has it.
        listing: `path`, `file`, `modified`, as `scan_pictures` has it.
        keep: which of a group to keep: `largest` (most pixels, then most bytes), `oldest` (changed longest ago), or a
            folder of the collection (what lies in it; the largest of several, and of groups that have none there).
        collection: path of the collection, which a folder may be given with.

    Returns:
        `group` (from 1), `kind` (copy: the same bytes; near-copy: edited, or compressed anew; same file: another name
        of a file that is listed too), `path`, `what_to_do` (keep, extra or same file), `width` and `height` in pixels,
        `bytes`, `modified` (UTC; empty for an archive).

    Raises:
        UsageError: `keep` is a folder in which no picture of the collection lies.
    """
    folder = _folder(keep, collection, manifest["path"])
    rows = manifest.iloc[duplicates["number"].to_numpy()].reset_index(drop=True)
    known = listing.drop_duplicates("path").set_index("path")
    rows["file"] = known["file"].reindex(rows["path"]).fillna("").to_numpy()
    rows["changed"] = known["modified"].reindex(rows["path"]).fillna(0).to_numpy(np.int64)
    rows["group"] = duplicates["group"].to_numpy() + 1
    linked = (rows["file"] != "") & rows.duplicated(["group", "file"], keep=False)
    copied = duplicates["kind"].to_numpy() == "copy"
    rows["kind"] = np.where(linked, SAME, np.where(copied, "copy", "near-copy"))
    rows = rows.iloc[_order(rows, keep, folder)]
    rows["what_to_do"] = np.where(~rows.duplicated("group"), KEEP, np.where(linked[rows.index], SAME, EXTRA))
    moments = pd.to_datetime(rows["changed"].where(rows["changed"] > 0), unit="ns").dt.strftime("%Y-%m-%d %H:%M:%S")
    return rows.assign(modified=moments.fillna(""))[COLUMNS].reset_index(drop=True)


def rule_of(keep: str) -> str:
    """Say in words which picture of a group is kept."""
    if keep == "largest":
        return "the one with most pixels, of equal ones the largest file"
    if keep == "oldest":
        return "the file that was changed longest ago, the largest one where no times are known"
    return f"the one in {keep}, else the one with most pixels"


def _folder(keep: str, collection: str, paths: pd.Series) -> str:
    """Return the folder whose pictures are kept, as paths of the collection begin; "" for the other rules."""
    if keep in ("largest", "oldest"):
        return ""
    named = PurePosixPath(keep.rstrip("/") or "/")
    inside = named.relative_to(collection) if collection and named.is_relative_to(collection) else named
    folder = f"{escape(str(inside))}/"
    if not paths.str.startswith(folder).any():
        raise UsageError(
            f"--keep {keep}: no picture of the collection lies there; give largest, oldest or a folder of it."
        )
    return folder


def _order(rows: pd.DataFrame, keep: str, folder: str) -> np.ndarray:
    """Return the order of the rows: group by group, what is to be kept first."""
    pixels = rows["width"].to_numpy(np.int64) * rows["height"].to_numpy(np.int64)
    size, path = rows["bytes"].to_numpy(np.int64), rows["path"].to_numpy(str)
    changed = rows["changed"].to_numpy(np.int64) if keep == "oldest" else np.zeros(len(rows), np.int64)
    changed = np.where((keep == "oldest") & (changed <= 0), np.iinfo(np.int64).max, changed)
    outside = ~rows["path"].str.startswith(folder).to_numpy() if folder else np.zeros(len(rows), bool)
    return np.lexsort((path, -size, -pixels, changed, outside, rows["group"].to_numpy()))
