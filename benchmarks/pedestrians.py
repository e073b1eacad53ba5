"""The interval of the drop covers the planted one in 95 of 100 series, and 5 of 100 without a drop raise a false alarm.

    python benchmarks/pedestrians.py [series]            both
    python benchmarks/pedestrians.py [series] alarms     only what is no change of level: seasons, slow noise, holidays

Each series is daily counts of the sample's generator (expected week, holidays, Advent, trend, AR(1) noise, Poisson
pedestrians), 190 days, the drop 25 days before the end. A series in which no change is found counts as a miss. The last
rows break the model's assumptions: noise that is not AR(1), and noise with heavy tails. The false alarms are those of
series with a season of 25 %, with slow noise, with school holidays of 15 % more or fewer people, and with all three.
"""

import sys
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from tasks.cases.pedestrians.sample import Level, expected_counts, simulate_days
from tasks.features.calendars import break_effects, calendar_columns, independent
from tasks.training.series.change_dates import find_steps

START, DAYS, AFTER = date(2019, 9, 30), 190, 25
CHANGE = START + timedelta(days=DAYS - AFTER)


def outcome(days: pd.DataFrame, share: float, seed: int) -> tuple[bool, bool, float, int]:
    """Return whether a change was found, whether its interval covers the truth, its width, and the days it is off."""
    index = pd.DatetimeIndex(days["day"])
    design = calendar_columns(index, "BW", True, index[0]).to_numpy()
    design = design[:, independent(design)]
    logs, unrest = np.log(days["count"].to_numpy()), partial(break_effects, index)
    steps, _, _ = find_steps(logs, design, np.ones(len(days) - 1), most=1, seed=seed, unrest=unrest)
    if not steps:
        return False, False, float("nan"), 999
    effect = np.expm1(steps[0].effect)
    off = abs((index[steps[0].row].date() - CHANGE).days)
    return True, bool(effect[1] <= share - 1 <= effect[2]), float(effect[2] - effect[1]), off


def odd_days(seed: int, share: float, kind: str) -> pd.DataFrame:
    """Return days whose noise the model does not expect: AR(2) with a slow wave, or Student's t with 3 degrees."""
    chance = np.random.default_rng(seed)
    index = pd.date_range(START, periods=DAYS, freq="D")
    wave = np.zeros(DAYS + 50)
    shocks = (
        stats.t.rvs(3, size=len(wave), random_state=chance) / np.sqrt(3)
        if kind == "t"
        else chance.normal(size=len(wave))
    )
    first, second = (0.4, 0.0) if kind == "t" else (0.3, 0.3)
    for number in range(2, len(wave)):
        wave[number] = first * wave[number - 1] + second * wave[number - 2] + shocks[number]
    wave = 0.12 * wave[50:] / wave.std()
    shares = np.where(index >= pd.Timestamp(CHANGE), share, 1.0)
    return pd.DataFrame({"day": index, "count": chance.poisson(expected_counts(index, 12_000) * shares * np.exp(wave))})


BREAKS = (
    ("2019-10-28", 4),
    ("2019-12-23", 14),
    ("2020-02-24", 5),
    ("2020-04-06", 13),
    ("2020-06-02", 12),
    ("2020-07-30", 45),
    ("2020-10-26", 5),
)
"""First day and length of the school holidays of Baden-Württemberg."""


def course(days: int, season: float, holidays: float, phase: float) -> np.ndarray:
    """Return what shifts the logarithm of each day's count without being a change of level, (days,)."""
    index = pd.date_range(START, periods=days, freq="D")
    wave = season * np.sin(2 * np.pi * (np.arange(days) / 365.25 + phase))
    for start, length in BREAKS:
        inside = (index >= pd.Timestamp(start)) & (index < pd.Timestamp(start) + pd.Timedelta(days=length))
        wave[inside] += holidays
    return wave


def alarms(series: int) -> None:
    """Print how often a change is found where there is none."""
    print("| no change of level | days | series | change found | 95 % interval |\n|---|---|---|---|---|")
    kinds = [
        ("season 25 %", 180, 0.25, 0.0, 0.4),
        ("season 25 %", 365, 0.25, 0.0, 0.4),
        ("AR(1), 0.9", 180, 0.0, 0.0, 0.9),
        ("school holidays ±15 %", 180, 0.0, 0.15, 0.4),
        ("the same, ending in them", 200, 0.0, 0.15, 0.4),
        ("season, AR(1) 0.7, holidays", 200, 0.25, 0.15, 0.7),
        ("season, holidays", 365, 0.25, 0.15, 0.4),
    ]
    for name, days, season, holidays, correlation in kinds:
        found = 0
        for seed in range(series):
            shape = course(days, season, holidays * (-1) ** seed, seed / series)
            table = simulate_days(START, days, 5_000 + seed, correlation=correlation, course=shape)
            found += outcome(table, 1.0, seed)[0]
        low, high = stats.binomtest(found, series).proportion_ci(method="exact")
        print(f"| {name} | {days} | {series} | {found / series:.1%} | {low:.1%} to {high:.1%} |", flush=True)


def row(name: str, share: float, results: list[tuple[bool, bool, float, int]]) -> str:
    n = len(results)
    found, covered = sum(item[0] for item in results), sum(item[1] for item in results)
    within = sum(item[3] <= 3 for item in results)
    low, high = stats.binomtest(covered if share < 1 else found, n).proportion_ci(method="exact")
    width = np.nanmedian([item[2] for item in results]) if found else float("nan")
    told = f"{covered / n:.1%}" if share < 1 else "–"
    shares = f"{found / n:.1%} | {told} | {low:.1%} to {high:.1%} | {within / n:.1%}"
    return f"| {name} | {share - 1:.0%} | {n} | {shares} | {width:.3f} |"


def main(series: int, only_alarms: bool) -> None:
    alarms(series)
    if only_alarms:
        return
    columns = ["noise", "drop", "series", "change found", "interval covers", "95 % interval of that share"]
    print(f"| {' | '.join([*columns, 'date within 3 days', 'median width'])} |")
    print("|---|---|---|---|---|---|---|---|")
    for correlation in (0.0, 0.4, 0.7):
        for share in (1.0, 0.7, 0.4):
            levels = [Level(CHANGE, share)] if share < 1 else []
            runs = [
                outcome(simulate_days(START, DAYS, seed, levels=levels, correlation=correlation), share, seed)
                for seed in range(series)
            ]
            print(row(f"AR(1), {correlation}", share, runs), flush=True)
    for kind, name in (("ar2", "AR(2), 0.3 and 0.3"), ("t", "AR(1), 0.4, Student's t, 3 degrees")):
        for share in (1.0, 0.4):
            runs = [outcome(odd_days(seed, share, kind), share, seed) for seed in range(series)]
            print(row(name, share, runs), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, "alarms" in sys.argv[2:])
