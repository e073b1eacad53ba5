"""Do the runners as they were recorded show what the search says of them?

The search takes findings out of the data before it goes on, so that a comparison may hold only of data that nobody has
recorded. What is told is therefore measured again on the untouched data, against the same rest, and has to point the
same way and pass the same rule there. Two more things can make a small p of nothing:

- A small group from a skewed distribution (J. Cressie and H. Whitford, Biometrical Journal, 1986, on Welch's test). Its
  ranks, or the ranks of its distances from the median, have to stand out as well (H. Mann and D. Whitney, Annals of
  Mathematical Statistics, 1947): where groups come from one distribution that test holds whatever its form.
- A small group that has no variance by chance, such as one without women. Shares have to pass Fisher's exact test;
  their interval is R. Newcombe's (Statistics in Medicine, 1998, method 10).
"""

from collections.abc import Callable, Iterable

import numpy as np

from tasks.cases.marathon.evaluation.records import ALL, PAIRS, STRATA, Population, Row
from tasks.cases.marathon.evaluation.relations import Relations, correlate, differences, overall, turned
from tasks.cases.marathon.evaluation.subgroups import (
    ROUNDING,
    Contrast,
    Passes,
    bounds_of,
    contrasts,
    describe,
    distances,
)
from tasks.cases.marathon.features import AGE_BANDS, derive

HALF = 1.959964
_SCALES = {"spread": (np.log, np.exp), "relation": (np.arctanh, np.tanh)}
TOLD = ("finding", "consequence")  # measured against a rest without their like; echoes against all others


def _always(effect: float, p: float) -> bool:
    return True


class Recorded:
    """The untouched data, and what they say of one comparison."""

    def __init__(self, people: Population) -> None:
        self.people = people
        self.values = people.values | derive(people.values)
        self._relations: dict[int, Relations] = {}

    def contrast(self, row: Row, out: Iterable[str]) -> Contrast | None:
        """Measure a comparison anew.

        Args:
            row: what is compared.
            out: groups that are no part of the rest.

        Returns:
            The group against the rest, p being the largest of the tests; nothing where there is nothing to compare.
        """
        names = list(AGE_BANDS if row.factor == "age band" else self.people.nationalities)
        left = {names.index(name) for name in out if name and name != row.group}
        group = names.index(row.group) if row.group else -1
        if row.kind in {"relation", "relation difference"}:
            return self._related(row, group, left)
        if row.kind == "share":
            return self._share(group, left)
        if row.stratum == "all":
            return self._in_both_sexes(row, group, left)
        return self._in_sex(row, STRATA.index(row.stratum), group, left)

    def _codes(self, row: Row) -> tuple[np.ndarray, int]:
        if row.factor == "age band":
            return self.people.band, len(AGE_BANDS)
        return self.people.nationality, len(self.people.nationalities)

    def _in_sex(self, row: Row, sex: int, group: int, out: set[int]) -> Contrast | None:
        codes, groups = self._codes(row)
        own = np.flatnonzero(self.people.sex == sex)
        order, bounds = bounds_of(codes[own], groups)
        values, spread = self.values[row.measure][own][order], row.kind == "spread"
        values = distances(values, bounds) if spread else values
        active = np.array([number for number in np.flatnonzero(np.diff(bounds)) if number not in out])
        if group not in active or len(active) < 2 or bounds[group + 1] - bounds[group] < 2:
            return None
        found = contrasts(describe(values, bounds), active, np.array([group]), spread, _always)[0]
        rest = np.concatenate([values[bounds[number] : bounds[number + 1]] for number in active if number != group])
        return found._replace(p=max(found.p, _ranks(values[bounds[group] : bounds[group + 1]], rest, found.effect)))

    def _in_both_sexes(self, row: Row, group: int, out: set[int]) -> Contrast | None:
        """Put the comparisons in women and in men together, weighted as if they had one variance."""
        from scipy import special

        both = [self._in_sex(row, sex, group, out) for sex in range(len(STRATA))]
        parts = [item for item in both if item is not None]
        if len(parts) < len(both) or len({np.sign(item.effect) for item in parts}) > 1:
            return None
        weights = np.array([item.n * item.n_rest / (item.n + item.n_rest) for item in parts])
        weights /= weights.sum()
        spread = row.kind == "spread"
        ends = np.array([[item.value, item.low, item.high] for item in parts])
        ends = np.log(np.maximum(ends, 1e-300)) if spread else ends
        middle = float(weights @ ends[:, 0])
        half = float(np.sqrt((weights**2) @ ((ends[:, 2] - ends[:, 1]) / 2) ** 2))
        # Stouffer's way of putting tests together (R. Rosenthal, Psychological Bulletin, 1978).
        z = -special.ndtri(np.maximum([item.p for item in parts], 1e-300) / 2)
        p = float(2 * special.ndtr(-(np.sqrt(weights) @ z) / np.sqrt(weights.sum())))
        value, low, high = middle, middle - half, middle + half
        if spread:
            value, low, high = (float(np.exp(item)) for item in (value, low, high))
        effect = float(weights @ [item.effect for item in parts])
        n, n_rest = (sum(sizes) for sizes in zip(*((item.n, item.n_rest) for item in parts), strict=True))
        return Contrast(group, n, n_rest, value, low, high, effect, p, True)

    def _share(self, group: int, out: set[int]) -> Contrast | None:
        """Compare shares of women; the effect is Cohen's d of a value that is 1 for a woman."""
        from scipy import stats

        of_group = self.people.nationality == group
        of_rest = ~of_group & ~np.isin(self.people.nationality, list(out))
        women, n = [], []
        for chosen in (of_group, of_rest):
            women.append(int((self.people.sex[chosen] == 0).sum()))
            n.append(int(chosen.sum()))
        if min(n) < 2:
            return None
        one, other = women[0] / n[0], women[1] / n[1]
        (low, high), (low_rest, high_rest) = (_wilson(*pair) for pair in zip(women, n, strict=True))
        p = stats.fisher_exact([[women[0], n[0] - women[0]], [women[1], n[1] - women[1]]]).pvalue
        squares = n[0] * one * (1 - one) + n[1] * other * (1 - other)
        deviation = np.sqrt(squares / max(sum(n) - 2, 1))
        below, above = np.hypot(one - low, high_rest - other), np.hypot(high - one, other - low_rest)
        value = one - other
        effect = value / deviation if deviation else 0.0
        return Contrast(group, n[0], n[1], value, value - below, value + above, float(effect), float(p), True)

    def _related(self, row: Row, group: int, out: set[int]) -> Contrast | None:
        sex = STRATA.index(row.stratum)
        relations = self._relations.setdefault(sex, self._correlate(sex))
        pair = PAIRS.index((row.measure, row.other))
        if group < 0:
            return next(iter(overall(relations, _always)[pair : pair + 1]), None)
        able = np.flatnonzero(relations.n > 0)
        able = np.array([number for number in able if number not in out and self._varies(row, sex, int(number))])
        if group not in able or len(able) < 2:
            return None
        made = differences(relations, pair, able, _always)
        return next((item for item in made if item.group == group), None) or turned(made[0], group)

    def _varies(self, row: Row, sex: int, group: int) -> bool:
        """Tell whether both measures of a pair have more than one value in a group; else they have no correlation."""
        own = (self.people.sex == sex) & (self.people.nationality == group)
        both = (self.values[name][own] for name in (row.measure, row.other))
        return all(np.ptp(values) > ROUNDING * np.abs(values).max() for values in both)

    def _correlate(self, sex: int) -> Relations:
        own = np.flatnonzero(self.people.sex == sex)
        order, bounds = bounds_of(self.people.nationality[own], len(self.people.nationalities))
        numbers = [(ALL.index(a), ALL.index(b)) for a, b in PAIRS]
        return correlate(np.stack([self.values[name][own[order]] for name in ALL]), bounds, numbers)


def _ranks(one: np.ndarray, other: np.ndarray, effect: float) -> float:
    """Return p of the rank sum test; 1 where ranks point the other way, or all values are the same."""
    from scipy import stats

    test = stats.mannwhitneyu(one, other, method="asymptotic")
    same_way = (test.statistic - len(one) * len(other) / 2) * effect > 0
    return float(test.pvalue) if same_way and np.isfinite(test.pvalue) else 1.0


def _wilson(count: int, n: int) -> tuple[float, float]:
    share, square = count / n, HALF**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = HALF * np.sqrt(share * (1 - share) / n + square / (4 * n**2)) / (1 + square / n)
    return float(middle - half), float(middle + half)


def question(row: Row) -> tuple[str, ...]:
    """Return what is asked of a group: comparisons of one question share their rest."""
    return row.kind, row.stratum, row.factor, row.measure, row.other


def confirm(rows: list[Row], people: Population, total: int, passes: Callable[[Row], Passes]) -> list[Row]:
    """Measure what is told on the untouched data, and take back what these do not show.

    Args:
        rows: all comparisons.
        people: the runners as recorded.
        total: how many comparisons the correction allows for.
        passes: the rule for a comparison.

    Returns:
        The same comparisons; those with another state than `none` with the numbers of the untouched data.
    """
    raw, now = Recorded(people), list(rows)
    while True:
        checked = [_checked(row, now, raw, total, passes(row)) for row in now]
        if [row.state for row in checked] == [row.state for row in now]:
            return _widened(checked)
        now = checked  # a rest may have got a group back


def _widened(rows: list[Row]) -> list[Row]:
    """Return comparisons with intervals that allow for the choice of what is told."""
    from scipy import special

    told = sum(row.state != "none" for row in rows)
    factor = float(special.ndtri(1 - 0.025 * told / len(rows))) / HALF if told else 1.0
    return [row if row.state == "none" else _wider(row, factor) for row in rows]


def _wider(row: Row, factor: float) -> Row:
    """Widen an interval on the scale on which it was made."""
    there, back = _SCALES.get(row.kind, (float, float))
    middle, low, high = (there(value) for value in (row.value, row.low, row.high))
    low, high = middle + factor * (low - middle), middle + factor * (high - middle)
    most = 1.0 if row.kind == "share" else 2.0 if row.kind == "relation difference" else np.inf
    return row._replace(low=max(float(back(low)), -most), high=min(float(back(high)), most))


def _checked(row: Row, rows: list[Row], raw: Recorded, total: int, passes: Passes) -> Row:
    if row.state == "none":
        return row
    alike = [item for item in rows if item.state in TOLD and question(item) == question(row)]
    if row.state == "echo":
        found = raw.contrast(row, []) if alike or row.kind.startswith("relation") else None
    else:
        found = raw.contrast(row, [item.group for item in alike if item.state == row.state])
    if found is None or not passes(found.effect, found.p) or _sign(found.value, row) != _sign(row.value, row):
        return row._replace(state="none")
    return row._replace(
        n=found.n,
        n_rest=found.n_rest,
        value=found.value,
        low=found.low,
        high=found.high,
        effect=found.effect,
        p=found.p,
        adjusted=min(1.0, found.p * total),
    )


def _sign(value: float, row: Row) -> float:
    return float(np.sign(value - (row.kind == "spread")))
