"""Which pictures must stay on one side of the split? Copies, near-duplicates, and all pictures of one person."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.masks.features.names import persons, styles
from tasks.features.pictures.likeness import Alike, Looks, find_alike
from tasks.platform.stage import stage

FLOOR = 0.9  # correlation below which no pair is looked at
LEAST = 0.93  # correlation from which two pictures are taken for one
MOST = 0.995
CHANCE = 0.001  # share of the pictures that may find one of another class as alike, before the bound is raised
SMALL_SOURCE = 0.05  # of a class; sources with fewer pictures are put together
LINKED = 0.1  # of a source's pictures that are alike with another's: then both are one source
KINDS = ("hash", "pixels", "face")


class Grouped(NamedTuple):
    """What belongs together."""

    groups: np.ndarray  # (n,) int64, from 0
    sources: np.ndarray  # (n,) int64, from 0, of how a file is named; no source has two classes
    evidence: pd.DataFrame  # kind, pairs, pictures
    facts: dict[str, float]  # groups, largest, bound, persons, of_persons, copies


@stage(phase="Data preparation")
def group_faces(manifest: pd.DataFrame, looks: np.ndarray, wholes: np.ndarray, table: pd.DataFrame) -> Grouped:
    """Group pictures that are the same picture or show the same person.

    Two pictures are taken for one from a correlation on that next to no pair of different classes reaches: pairs that
    cannot be the same picture say what chance does.

    Args:
        manifest: `path`, `id`, `label`, n rows.
        looks: aligned faces with what is around them, uint8 (n, side, side, 3).
        wholes: uint8 (n, side, side, 3).
        table: `found`, the score of each face.
    """
    names = persons(manifest["path"].tolist())
    mine = Looks(wholes, looks, table["found"].to_numpy() > 0)
    pairs = find_alike(mine, mine, FLOOR, same=True)
    labels = manifest["label"].to_numpy(str)
    bounds = {kind: _bound(pairs, kind, labels) for kind in (1, 2)}
    kept = (pairs.kind == 0) | np.isin(pairs.kind, [1, 2]) & (
        pairs.likeness >= np.where(pairs.kind == 2, bounds[2], bounds[1])
    )
    edges = [np.column_stack([pairs.first[kept], pairs.second[kept]])]
    for values in (manifest["id"].to_numpy(str), np.array(names, dtype=str)):
        edges.append(_together(values))
    groups = connected(np.concatenate(edges), len(manifest))
    sources = _sources(manifest, names, groups)
    return Grouped(groups, sources, _evidence(pairs, kept, edges), _facts(manifest, groups, names, bounds))


def _bound(pairs: Alike, kind: int, labels: np.ndarray) -> float:
    """Return the correlation above which hardly a picture finds one of another class."""
    across = (pairs.kind == kind) & (labels[pairs.first] != labels[pairs.second])
    values = np.sort(pairs.likeness[across])[::-1]
    spared = int(CHANCE * len(labels))
    highest = float(values[spared]) if len(values) > spared else 0.0
    return min(MOST, max(LEAST, highest + 0.005))


def _together(values: np.ndarray) -> np.ndarray:
    """Return the edges (e, 2) that join rows of one value, none for the empty one."""
    table = pd.DataFrame({"value": values, "row": np.arange(len(values))})
    table = table[table["value"] != ""]
    first = table.groupby("value")["row"].transform("min")
    return table.assign(first=first).loc[first != table["row"], ["first", "row"]].to_numpy(np.int64)


def connected(edges: np.ndarray, count: int) -> np.ndarray:
    """Return the number of the group of each of `count` rows under edges (e, 2), int64."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(edges), np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _evidence(pairs: Alike, kept: np.ndarray, edges: list[np.ndarray]) -> pd.DataFrame:
    rows = []
    for kind, what in enumerate(("perceptual hash under turns and mirroring", "pixels, turned", "aligned face")):
        mine = kept & (pairs.kind == kind)
        joined = np.unique(np.column_stack([pairs.first[mine], pairs.second[mine]]), axis=0)
        rows.append((what, len(joined), len(np.unique(joined))))
    for what, part in zip(("same bytes", "name in the file's name"), edges[1:], strict=True):
        rows.append((what, len(part), len(np.unique(part))))
    return pd.DataFrame(rows, columns=["evidence", "pairs", "pictures"])


def _facts(manifest: pd.DataFrame, groups: np.ndarray, names: list[str], bounds: dict[int, float]) -> dict[str, float]:
    sizes = np.bincount(groups)
    return {
        "groups": float(len(sizes)),
        "largest": float(sizes.max()),
        "bound": bounds[1],
        "bound_faces": bounds[2],
        "persons": float(len(set(names) - {""})),
        "of_persons": float(sum(name != "" for name in names)),
        "copies": float(manifest["id"].duplicated().sum()),
    }


def _sources(manifest: pd.DataFrame, names: list[str], groups: np.ndarray) -> np.ndarray:
    """Tell sources apart by how files are named; those that share pictures are one."""
    style = pd.Series(styles(manifest["path"].tolist(), names))
    result = np.zeros(len(manifest), np.int64)
    following = 0
    for label in sorted(set(manifest["label"])):
        rows = np.flatnonzero(manifest["label"] == label)
        mine = style.iloc[rows]
        often = mine.map(mine.value_counts()).to_numpy(np.float64)
        mine = mine.where(often >= SMALL_SOURCE * len(mine), "")
        codes = _merged(pd.factorize(mine, sort=True)[0], groups[rows])
        result[rows] = codes + following
        following += int(codes.max()) + 1
    return result


def _merged(codes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Put sources together that have groups in common."""
    count = int(codes.max()) + 1
    edges = []
    for one in range(count):
        for other in range(one + 1, count):
            shared = [
                float(np.isin(groups[codes == source], groups[codes == rest]).mean())
                for source, rest in ((one, other), (other, one))
            ]
            if max(shared) >= LINKED:
                edges.append((one, other))
    return connected(np.array(edges, np.int64).reshape(-1, 2), count)[codes]
