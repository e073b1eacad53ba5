"""Can the intervals be believed? Lifts with a known availability, seen at the very times of the snapshots at hand.

Lifts are drawn from what was learned of all lifts and simulated; from their readings alone the whole analysis is run
again, and it is counted how many 95 % intervals hold the truth. It is done twice: with outages as the model assumes
them (exponential), and with outages that vary far more, most short and some very long (log-normal, c = 1.8), because
real ones do. Beside it stands the interval for independent readings, which is what one would use without a model.
"""

import numpy as np
import pandas as pd

from tasks.cases.elevators.features import count_changes, find_outages
from tasks.cases.elevators.training import Network, estimate_lifts, fit_network
from tasks.evaluation.intervals import exact_binomial
from tasks.platform.stage import stage

SEED = 20_260_101
LIFTS = 300
SPREAD = 1.2  # standard deviation of the log of an irregular outage's duration: c = 1.8
BEFORE = 40.0  # times the mean repair that a simulated lift runs before it is first read


@stage(phase="Evaluation")
def check_coverage(readings: pd.DataFrame, network: Network, lifts: int = LIFTS) -> pd.DataFrame:
    """Measure how many intervals hold the truth.

    Args:
        readings: of which only the times and the share of UNKNOWN are used.
        network: the lifts to draw.
        lifts: how many to draw of either kind.

    Returns:
        Two rows: `outages` (exponential, irregular), `n`, `coverage` with `low` and `high`, `width` (median of the
        intervals) and `independent` (coverage of the Clopper-Pearson interval for independent readings).
    """
    times = np.unique(readings["observed"].to_numpy("datetime64[us]"))
    unknown = float((readings["state"] == "UNKNOWN").mean())
    chance = np.random.default_rng(SEED)
    rows = [_covered(kind, times, unknown, network, lifts, chance) for kind in ("exponential", "irregular")]
    return pd.DataFrame(rows)


def _covered(
    kind: str, times: np.ndarray, unknown: float, network: Network, lifts: int, chance: np.random.Generator
) -> dict[str, object]:
    share = np.clip(chance.beta(network.up, network.down, lifts), 0.05, 0.9998)
    repair = np.exp(chance.normal(network.repair_log_mean, network.repair_log_sd, lifts))
    days = (times - times[0]) / np.timedelta64(1, "D")
    up = np.column_stack(
        [simulate(days, float(p), float(r), kind == "irregular", chance) for p, r in zip(share, repair, strict=True)]
    )
    states = np.where(chance.random(up.shape) < unknown, "UNKNOWN", np.where(up, "ACTIVE", "INACTIVE"))
    frame = pd.DataFrame(
        {
            "observed": np.repeat(times, lifts),
            "equipment": np.tile(np.arange(lifts), len(times)),
            "state": states.ravel(),
        }
    )
    changes, outages = count_changes.fn(frame), find_outages.fn(frame)
    learned = fit_network.fn(changes.counts, changes.lifts, outages)
    found = estimate_lifts.fn(changes.counts, changes.lifts, learned)
    known = (found["readings"] > 0).to_numpy()
    truth, found = share[known], found[known]
    held = int(((found["low"] <= truth) & (truth <= found["high"])).sum())
    naive = [exact_binomial(round(u * n), n) for u, n in zip(found["up"], found["readings"].astype(int), strict=True)]
    low, high = exact_binomial(held, len(found))
    return {
        "outages": kind,
        "n": len(found),
        "coverage": held / len(found),
        "low": low,
        "high": high,
        "width": float((found["high"] - found["low"]).median()),
        "independent": float(np.mean([a <= p <= b for (a, b), p in zip(naive, truth, strict=True)])),
    }


def simulate(days: np.ndarray, share: float, repair: float, irregular: bool, chance: np.random.Generator) -> np.ndarray:
    """Draw whether a lift is in order at the given days, (n,) bool; it has been running for long by then."""
    mean_up = repair * share / (1 - share)
    start = -BEFORE * (repair + min(mean_up, 20.0))
    cycles = int((days[-1] - start) / (repair + mean_up) * 1.3 + 12)
    while True:
        down = (
            repair * chance.lognormal(-(SPREAD**2) / 2, SPREAD, cycles)
            if irregular
            else chance.exponential(repair, cycles)
        )
        ends = start + np.cumsum(np.column_stack([chance.exponential(mean_up, cycles), down]).ravel())
        if ends[-1] > days[-1]:
            return np.asarray(np.searchsorted(ends, days, side="right") % 2 == 0)
        cycles *= 2
