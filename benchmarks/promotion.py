"""How often does a model become the champion that is no better? `python benchmarks/promotion.py [draws]`.

Pairs of scores with a mean difference of nothing, of four kinds: skewed (a challenger that is mostly a little better
and seldom much worse, the kind that deceives), strongly skewed, heavy tails, groups of unequal sizes. Each is told to
the rule that decides, `tasks.evaluation.champion.decide`; beside it the interval that was used before (BCa at 95 %).
"""

import sys
from collections.abc import Callable

import numpy as np

from tasks.evaluation.champion import decide
from tasks.evaluation.intervals import paired_difference

Draw = tuple[np.ndarray, np.ndarray | None]
SIZES = (10, 20, 50, 200)


def skewed(rng: np.random.Generator, n: int) -> Draw:
    return 1 - rng.exponential(size=n), None


def strongly_skewed(rng: np.random.Generator, n: int) -> Draw:
    return np.exp(0.5) - rng.lognormal(0, 1, n), None


def heavy(rng: np.random.Generator, n: int) -> Draw:
    return rng.standard_t(2.5, n), None


def unequal_groups(rng: np.random.Generator, n: int) -> Draw:
    sizes = np.ceil(rng.lognormal(2, 1.2, n)).astype(int)
    groups = np.repeat(np.arange(n), sizes)
    return np.repeat(rng.normal(size=n), sizes) + rng.normal(size=len(groups)), groups


KINDS: dict[str, Callable[[np.random.Generator, int], Draw]] = {
    "skewed": skewed,
    "strongly skewed": strongly_skewed,
    "heavy tails": heavy,
    "unequal groups": unequal_groups,
}


def shares(kind: str, n: int, draws: int) -> tuple[float, float, float]:
    """Return how often the rule promotes, how often the former one did, and how often it finds a gain of 0.5."""
    rng = np.random.default_rng(n)
    now = former = found = 0
    for _ in range(draws):
        gain, groups = KINDS[kind](rng, n)
        nothing = np.zeros(len(gain))
        now += decide(gain, nothing, "x", version=1, groups=groups).promoted
        former += paired_difference(gain, nothing, groups=groups).low > 0
        found += decide(gain + 0.5, nothing, "x", version=1, groups=groups).promoted
    return now / draws, former / draws, found / draws


def main(draws: int) -> None:
    print(f"{draws} draws each\n\n| differences | cases or groups | promoted | with BCa at 95 % | gain of 0.5 found |")
    print("|---|---|---|---|---|")
    for kind in KINDS:
        for n in SIZES:
            now, former, found = shares(kind, n, draws)
            print(f"| {kind} | {n} | {now:.1%} | {former:.1%} | {found:.0%} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
