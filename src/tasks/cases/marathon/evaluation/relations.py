"""Do two measures go together within groups, and in one group more than in the others?

Spearman's correlation is taken within each group and put together on Fisher's scale, so that two measures which merely
differ between the same groups are not taken for related. Its variance is that of D. Bonett and T. Wright
(Psychometrika, 2000).
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tasks.cases.marathon.evaluation.subgroups import FEWEST, Contrast, Passes

LARGEST = 0.999_999  # of a correlation, so that Fisher's scale stays finite
HALF = 1.959964  # half the width of a 95 % interval, in standard errors


class Relations(NamedTuple):
    """Correlations of pairs of measures in groups: r, and z on Fisher's scale with its variance, (groups, pairs)."""

    n: np.ndarray  # (groups,)
    r: np.ndarray
    z: np.ndarray
    variance: np.ndarray


def correlate(measures: np.ndarray, bounds: np.ndarray, pairs: list[tuple[int, int]]) -> Relations:
    """Return Spearman's correlation of pairs of measures in each group; 0 in one that is too small.

    Args:
        measures: (measures, n), group after group.
        bounds: where groups begin in them, and the end, (groups + 1,).
        pairs: numbers of two measures each.
    """
    from scipy import stats

    first, second = (list(side) for side in zip(*pairs, strict=True)) if pairs else ([], [])
    groups = len(bounds) - 1
    r, n = np.zeros((groups, len(pairs))), np.zeros(groups)
    for group, (start, end) in enumerate(pairwise(bounds.tolist())):
        if end - start < FEWEST:
            continue
        n[group] = end - start
        ranks = stats.rankdata(measures[:, start:end], axis=1)
        ranks -= (end - start + 1) / 2
        norm = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
        ranks /= np.where(norm > 0, norm, 1.0)
        r[group] = np.einsum("ik,jk->ij", ranks, ranks)[first, second]  # a BLAS waits for its threads
    r = np.clip(r, -LARGEST, LARGEST)
    return Relations(n, r, np.arctanh(r), (1 + r**2 / 2) / np.maximum(n - 3, 1)[:, None])


def _pooled(relations: Relations, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return z and its variance over `groups`, weighted by their size, each (pairs,)."""
    weights = np.maximum(relations.n[groups] - 3, 0)[:, None]
    total = np.maximum(weights.sum(axis=0), 1e-300)
    z = (weights * relations.z[groups]).sum(axis=0) / total
    return z, (weights**2 * relations.variance[groups]).sum(axis=0) / total**2


def overall(relations: Relations, passes: Passes) -> list[Contrast]:
    """Return the relation of each pair over all groups."""
    from scipy import special

    able = np.flatnonzero(relations.n >= FEWEST)
    if not len(able):
        return []
    z, variance = _pooled(relations, able)
    half = HALF * np.sqrt(variance)
    p = 2 * special.ndtr(-np.abs(z) / np.sqrt(variance))
    r, low, high = np.tanh(z), np.tanh(z - half), np.tanh(z + half)
    n = int(relations.n[able].sum())
    return [
        Contrast(
            -1,
            n,
            0,
            float(r[i]),
            float(low[i]),
            float(high[i]),
            float(r[i]),
            float(p[i]),
            passes(float(r[i]), float(p[i])),
        )
        for i in range(len(z))
    ]


def differences(relations: Relations, pair: int, active: np.ndarray, passes: Passes) -> list[Contrast]:
    """Compare the relation of one pair in each group of `active` with that in the others of them."""
    from scipy import special

    made = []
    candidates = active if len(active) > 2 else active[np.argsort(relations.n[active], kind="stable")][:1]
    for group in candidates:
        rest = active[active != group]
        z_rest, variance_rest = (part[pair] for part in _pooled(relations, rest))
        z, variance = relations.z[group, pair], relations.variance[group, pair]
        q, r, r_rest = float(z - z_rest), float(relations.r[group, pair]), float(np.tanh(z_rest))
        p = float(2 * special.ndtr(-abs(q) / np.sqrt(variance + variance_rest)))
        half = HALF * float(np.sqrt(variance * (1 - r**2) ** 2 + variance_rest * (1 - r_rest**2) ** 2))
        size = int(relations.n[group]), int(relations.n[rest].sum())
        made.append(Contrast(int(group), *size, r - r_rest, r - r_rest - half, r - r_rest + half, q, p, passes(q, p)))
    return made


def peel_differences(relations: Relations, pair: int, passes: Passes) -> tuple[list[Contrast], list[Contrast]]:
    """Find the groups in which a pair is related otherwise than in the rest, one after the other.

    Returns:
        All first comparisons, and the groups that stand out, each against those that do not.
    """
    active = np.flatnonzero(relations.n >= FEWEST)
    first: list[Contrast] | None = None
    out: list[int] = []
    while len(active) > 1:
        made = differences(relations, pair, active, passes)
        first = made if first is None else first
        standing = [item for item in made if item.found]
        if not standing:
            break
        out.append(max(standing, key=lambda item: (abs(item.effect), -item.group)).group)
        active = active[active != out[-1]]
    found = []
    for group in out:
        both = differences(relations, pair, np.append(active, group), lambda effect, p: True)
        found += [item for item in both if item.group == group] or [turned(item, group) for item in both]
    return first or [], found


def turned(item: Contrast, group: int) -> Contrast:
    """Return the same comparison seen from the other of its two groups."""
    return item._replace(
        group=group,
        n=item.n_rest,
        n_rest=item.n,
        value=-item.value,
        low=-item.high,
        high=-item.low,
        effect=-item.effect,
    )
