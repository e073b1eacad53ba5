"""In how many calm months is an anomaly told, how many planted rises are found, and do month-end intervals hold?

    python benchmarks/cloud_costs.py [months]                                    200 of each kind by default

Each month is 30 days of 8 resources in 3 services, with a weekly pattern of its own, log-normal noise of 3 to 25 % and
a persistence of 0, 0.5 or 0.75 from day to day (AR(1)). In the second kind a gamma factor (shape 1.5) makes it more
skewed, in the third the days of three months are looked at. A rise is planted into one resource of a calm month: its
cost times 2, 3 or 5 from day 15 on, or on that day alone; it is found when the first event told is of that resource and
begins there or a day beside. The forecasts are made on day 16 of the third month.
"""

import sys

import numpy as np
import pandas as pd
from scipy import stats

from tasks.cases.cloud_costs.evaluation.anomalies import find_anomalies
from tasks.cases.cloud_costs.sample import noise
from tasks.cases.cloud_costs.training import forecast_month

RESOURCES, SERVICES, RISE = 8, 3, 14
PERSISTENCE = (0.0, 0.5, 0.75)


def simulate(seed: int, days: int, skewed: bool) -> np.ndarray:
    """Return the costs of a cloud in which nothing happens, (RESOURCES, days); the first day is a Monday."""
    rng = np.random.default_rng(seed)
    weekend = np.arange(days) % 7 >= 5
    rows = []
    for _ in range(RESOURCES):
        wave = noise(rng, days, rng.uniform(0.03, 0.25), PERSISTENCE[seed % len(PERSISTENCE)])
        if skewed:
            wave = wave * (0.8 + rng.gamma(1.5, 0.15, days))
        rows.append(rng.lognormal(1.5, 1.0) * np.where(weekend, rng.uniform(0.2, 1.1), 1.0) * wave)
    return np.array(rows)


def ledger(costs: np.ndarray) -> pd.DataFrame:
    """Return costs as the ledger that `find_anomalies` takes."""
    days = pd.date_range("2026-06-01", periods=costs.shape[1], freq="D")
    number = np.repeat(np.arange(len(costs)), costs.shape[1])
    return pd.DataFrame(
        {
            "day": np.tile(days, len(costs)),
            "BilledCost": costs.ravel(),
            "EffectiveCost": costs.ravel(),
            "ServiceName": [f"S{n % SERVICES}" for n in number],
            "ResourceName": [f"r{n}" for n in number],
            "ResourceId": "",
            "x_ResourceGroup": "g",
            "ChargeCategory": "Usage",
            "x_Amortised": False,
            "CommitmentDiscountName": "",
            "ChargeDescription": "",
        }
    )


def shares(name: str, hits: int, n: int) -> None:
    low, high = stats.binomtest(hits, n).proportion_ci(method="exact")
    print(f"| {name} | {n} | {hits / n:.1%} | {low:.1%} to {high:.1%} |", flush=True)


def found(seed: int, factor: float, one_day: bool) -> bool:
    costs = simulate(seed, 30, False)
    resource = seed % RESOURCES
    costs[resource, RISE : RISE + 1 if one_day else None] *= factor
    events = find_anomalies.fn(ledger(costs)).frame
    if events.empty or events["resource"].iloc[0] != f"r{resource}":
        return False
    return abs((events["first"].iloc[0] - pd.Timestamp("2026-06-15")).days) <= 1


def holds(seed: int) -> tuple[bool, float, float]:
    """Return whether the interval holds August's cost, and how far forecast and run rate are off, as shares of it."""
    daily = simulate(seed, 92, True).sum(axis=0)
    days = pd.DataFrame({"day": pd.date_range("2026-06-01", periods=77), "billed": daily[:77], "usage": daily[:77]})
    nothing = pd.DataFrame({"paid_on": pd.to_datetime([]), "paid": [], "frequency": []})
    told = forecast_month.fn(days, nothing, pd.DataFrame({"day": pd.to_datetime([])}))
    truth = float(daily[61:].sum())
    if told is None:
        raise RuntimeError("77 days are enough for a forecast")
    return told.low <= truth <= told.high, abs(told.total / truth - 1), abs(told.run_rate / truth - 1)


def main(months: int) -> None:
    print("| what | months | share | 95 % interval |\n|---|---|---|---|")
    for name, days, skewed in (
        ("calm, log-normal", 30, False),
        ("calm, more skewed", 30, True),
        ("calm, 90 days", 90, True),
    ):
        told = sum(len(find_anomalies.fn(ledger(simulate(seed, days, skewed))).frame) > 0 for seed in range(months))
        shares(f"{name}: an anomaly is told", told, months)
    for one_day in (False, True):
        for factor in (2.0, 3.0, 5.0):
            when = "on one day" if one_day else "from day 15 on"
            hits = sum(found(10_000 + seed, factor, one_day) for seed in range(months))
            shares(f"one resource costs {factor:g} times as much {when}: found", hits, months)
    results = [holds(20_000 + seed) for seed in range(months)]
    shares("month-end intervals (95 %) hold", sum(result[0] for result in results), months)
    ours, rate = (float(np.mean([result[place] for result in results])) for place in (1, 2))
    print(f"\nMonth-end forecast of day 16 off by {ours:.2%} on average, the run rate by {rate:.2%}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
