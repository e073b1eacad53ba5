"""How often does the test of changes err where prices only wander, and what does it find of changes that are there?

    python benchmarks/prices.py                 50 years of months, 200 draws each
    python benchmarks/prices.py --per-year 4    of quarters

Printed: for autocorrelations from year to year from 0 to the random walk, of inflation and of the unrest of the steps,
the share of indices in which any change is reported; and the same for changes that were planted.
"""

import argparse
import sys

import numpy as np

from tasks.cases.consumer_prices.evaluation.alarms import SCENARIOS, Scenario, alarms, simulate
from tasks.evaluation.change_points import SHARES

MEMORIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)


def scenarios() -> list[Scenario]:
    """Return prices that wander, and those with a planted change."""
    found = []
    for memory in MEMORIES:
        name = "random walk" if memory == 1 else f"autocorrelation {memory:g}"
        for wander in (0.5, 1.0) if memory == 1 else (1.5, 3.0):
            found.append(Scenario(f"inflation, {name}, {wander:g} %", "", level_memory=memory, wander=wander))
        for unrest in (0.1, 0.2) if memory == 1 else (0.3, 0.6):
            found.append(Scenario(f"unrest, {name}, {unrest:g}", "", unrest=unrest, spread_memory=memory))
    return [*found, *(scenario for scenario in SCENARIOS if scenario.planted)]


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description="False alarms and power of the test of changes.")
    parser.add_argument("--years", type=int, default=50)
    parser.add_argument("--per-year", type=int, choices=(4, 12), default=12)
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    worst = 0.0
    for number, scenario in enumerate(scenarios()):
        said = alarms(simulate(scenario, options.draws, options.years, options.per_year, 90 + number), 0.05 / SHARES)
        share = float(np.any(list(said.values()), axis=0).mean())
        worst = worst if scenario.planted else max(worst, share)
        parts = ", ".join(f"{name} {hits.mean():.1%}" for name, hits in said.items())
        print(f"{scenario.name:45} {share:6.1%}  ({parts})", flush=True)
    print(f"\nworst without a change: {worst:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
