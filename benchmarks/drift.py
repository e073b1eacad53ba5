"""How often does the rule for drift cry wolf, and how soon does it see a drift? Seeded months of 30 nights.

    python benchmarks/drift.py [months]

Each month has 20 cases with 6 watched figures each. Without drift, the nights of a figure are independent and normal,
or they are not: heavy tails (t with 5 degrees of freedom), skew (lognormal, sigma 0.5), or each night hangs together
with the night before (AR(1), 0.5). With drift, one figure of each month shifts in night 20 and stays there.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

from tasks.evaluation.drift import FEWEST, IN_A_ROW, MARGIN, NIGHTS, WINDOW, alpha_of, judge, limit  # noqa: E402

SERIES = 20 * 6
DRIFT_NIGHT = 20


def nights(kind: str, random: np.random.Generator, count: int) -> np.ndarray:
    shape = (count, NIGHTS)
    if kind == "heavy tails":
        return random.standard_t(5, shape)
    if kind == "skew":
        return random.lognormal(0, 0.5, shape)
    values = random.standard_normal(shape)
    if kind == "as the night before":
        for night in range(1, NIGHTS):
            values[:, night] = 0.5 * values[:, night - 1] + np.sqrt(0.75) * values[:, night]
    return values


def first_alarms(values: np.ndarray, alpha: float) -> np.ndarray:
    """Return the night (from 1) of the first alarm of each figure, 0 for none: `judge` for many figures at once."""
    first = np.zeros(len(values), dtype=int)
    for night in range(FEWEST + IN_A_ROW, NIGHTS + 1):
        before = values[:, max(0, night - IN_A_ROW - WINDOW) : night - IN_A_ROW]
        away = (values[:, night - IN_A_ROW : night] - before.mean(1)[:, None]) / before.std(1, ddof=1)[:, None]
        c = MARGIN * limit(before.shape[1], alpha)
        alarm = (away > c).all(1) | (away < -c).all(1)
        first[alarm & (first == 0)] = night
    return first


def check(random: np.random.Generator, alpha: float) -> None:
    """Hold the many against the one: both have to say the same."""
    values = random.standard_normal((200, NIGHTS))
    values[:, DRIFT_NIGHT - 1 :] += random.uniform(0, 12, (200, 1))
    for row, night in zip(values, first_alarms(values, alpha), strict=True):
        said = [n for n in range(1, NIGHTS + 1) if (judged := judge(row[:n], alpha)) and judged.drifted]
        assert (said[:1] or [0]) == [night]


def false_alarms(kind: str, months: int, seed: int) -> int:
    """Return in how many months without drift there is any alarm."""
    random, alpha = np.random.default_rng(seed), alpha_of(SERIES)
    return sum(first_alarms(nights(kind, random, SERIES), alpha).any() for _ in range(months))


def found(size: float, months: int, seed: int) -> np.ndarray:
    """Return the night of the first alarm in each month with a drift of `size` deviations in night 20."""
    random, alpha = np.random.default_rng(seed), alpha_of(SERIES)
    values = nights("normal", random, months)
    values[:, DRIFT_NIGHT - 1 :] += size
    return first_alarms(values, alpha)


def main() -> None:
    months = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    check(np.random.default_rng(1), alpha_of(SERIES))
    print(f"{months} months of {NIGHTS} nights, {SERIES} figures; level 5 %\n")
    print("| nights | months with a false alarm |\n|---|---|")
    for number, kind in enumerate(("normal", "heavy tails", "skew", "as the night before")):
        print(f"| {kind} | {false_alarms(kind, months, 1000 + number)} |", flush=True)
    print("\n| drift in night 20, deviations | alarm in night 20 to 22 | before | later or never |\n|---|---|---|---|")
    for size in (4, 6, 8, 10):
        first = found(size, months, 100 + size)
        soon = int(((first >= DRIFT_NIGHT) & (first <= DRIFT_NIGHT + 2)).sum())
        early = int(((first > 0) & (first < DRIFT_NIGHT)).sum())
        print(f"| {size} | {soon} | {early} | {months - soon - early} |", flush=True)


if __name__ == "__main__":
    main()
