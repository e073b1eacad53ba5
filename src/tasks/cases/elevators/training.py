"""How reliable is a lift that is only looked at now and then? A two-state Markov process, learned from all lifts.

A lift is up or down. Its availability p is the long-run share of time up, r the mean duration of an outage; the memory
of its state fades at the rate v = 1 / (r p). Over a gap of d days

    P(up | up) = p + (1 - p) exp(-v d),    P(up | down) = p - p exp(-v d)

(D. Cox and H. Miller, "The Theory of Stochastic Processes", 1965, 4.2), exactly, for any gap. So the likelihood of the
readings knows that two nights in a row tell less than two nights a month apart: there is no need to take readings for
independent, nor equally far apart.

One lift fails a few times a year, which tells little about r. All lifts together tell how r is distributed, and how p
is: the parameters of a log-normal and of a beta distribution are those that make the readings of all lifts most likely
(empirical Bayes: B. Efron, "Large-Scale Inference", 2010). Of each lift we then report

- the interval of p that its own readings give, with no opinion about p (the beta distribution (1/2, 1/2)), and with
  what is known of r from all lifts;
- the shrunk availability: the mean of p when it is also known how p is distributed. It is what to rank by, because the
  worst raw share of many is mostly bad luck.

Outages that are short or endless vary more than the exponential durations of the model allow. By the central limit
theorem of renewal processes, the variance of the time down grows by (1 + c^2) / 2 with c the coefficient of variation
of the durations; the likelihood is tempered by that factor, estimated from the outages seen, when it is above one.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

EDGES = 1 / (1 + np.exp(-np.concatenate([[-np.inf], np.linspace(-4, 9, 140), [np.inf]])))
SHARES = 1 / (
    1 + np.exp(-np.concatenate([[-4.2], (np.linspace(-4, 9, 140)[1:] + np.linspace(-4, 9, 140)[:-1]) / 2, [9.5]]))
)
"""Cells of availability, and a point of each: fine where lifts are, near one."""
REPAIRS = np.exp(np.linspace(np.log(0.08), np.log(250), 28))  # days
LIFTS_FOR_NETWORK = 500  # the four parameters of the network are settled by far fewer
TOO_FEW = 20  # outages below which their spread is not estimated
LARGEST_DISPERSION = 10.0


class Network(BaseModel):
    """What all lifts have in common."""

    up: float  # parameters of the beta distribution of availability
    down: float
    repair_log_mean: float  # of the mean duration of an outage, in log days
    repair_log_sd: float
    dispersion: float = 1.0  # how much more the time down varies than with exponential durations
    lifts: int = 0

    @property
    def availability(self) -> float:
        """The mean availability of the lifts."""
        return self.up / (self.up + self.down)

    @property
    def repair_days(self) -> float:
        """The median over the lifts of the mean duration of an outage."""
        return float(np.exp(self.repair_log_mean))


class Likelihoods(NamedTuple):
    """How likely each lift's readings are, on the grid."""

    equipment: np.ndarray  # (lifts,)
    log: np.ndarray  # (lifts, shares, repairs), largest of each lift 0


def _rates() -> np.ndarray:
    return 1 / (REPAIRS[None, :] * SHARES[:, None])


def _log_steps(gaps: np.ndarray) -> np.ndarray:
    """Return the log probabilities of the four steps over each gap, (4, gaps, cells); step = 2 before + after."""
    memory = np.exp(-_rates().ravel()[None, :] * gaps[:, None])
    share = np.repeat(SHARES, len(REPAIRS))[None, :]
    fails, mends = (1 - share) * (1 - memory), share * (1 - memory)
    return np.log(np.maximum(np.stack([1 - mends, mends, fails, 1 - fails]), 1e-300))


def likelihoods(counts: pd.DataFrame, lifts: pd.DataFrame, dispersion: float = 1.0) -> Likelihoods:
    """Return the log-likelihood of each lift's readings on the grid of availability and repair time.

    Args:
        counts: columns equipment, gap, before, after, n.
        lifts: columns equipment and first; a lift without a reading is left out.
        dispersion: the likelihood is raised to the power of one over this.
    """
    kept = lifts[lifts["first"].notna()]
    equipment = kept["equipment"].to_numpy()
    place = pd.Series(np.arange(len(equipment)), equipment)
    mine = counts[counts["equipment"].isin(equipment)]
    gaps, gap = np.unique(mine["gap"].to_numpy(), return_inverse=True)
    step = (2 * mine["before"] + mine["after"]).to_numpy()
    tally = np.zeros((len(equipment), 4 * len(gaps)))
    np.add.at(tally, (place[mine["equipment"]].to_numpy(), step * len(gaps) + gap), mine["n"].to_numpy())
    cells = len(SHARES) * len(REPAIRS)
    log = tally @ _log_steps(gaps).reshape(4 * len(gaps), cells) if len(gaps) else np.zeros((len(equipment), cells))
    share = np.repeat(SHARES, len(REPAIRS))
    log += np.where(kept["first"].to_numpy()[:, None] == 1, np.log(share), np.log(1 - share))
    log = (log / dispersion).reshape(len(equipment), len(SHARES), len(REPAIRS))
    return Likelihoods(equipment, log - log.max(axis=(1, 2), keepdims=True))


def share_weights(up: float, down: float) -> np.ndarray:
    """Return the mass of the beta distribution in each cell of availability."""
    from scipy.special import betainc

    return np.maximum(np.diff(betainc(up, down, EDGES)), 1e-300)


def repair_weights(log_mean: float, log_sd: float) -> np.ndarray:
    """Return the mass of the log-normal distribution at each repair time."""
    weights = np.exp(-0.5 * ((np.log(REPAIRS) - log_mean) / log_sd) ** 2)
    return weights / max(weights.sum(), 1e-300)


def _fit(likely: np.ndarray) -> np.ndarray:
    """Return log up, log down, log mean, log log-sd that make the readings of all lifts most likely."""
    from scipy.optimize import minimize

    def penalty(x: np.ndarray) -> float:  # weak opinions, for a handful of lifts: 20 to 1, two days, a spread of e^0.5
        centre, width = np.array([3.0, 0.0, np.log(2), np.log(0.5)]), np.array([1.5, 1.0, 1.5, 0.5])
        return float(0.5 * (((x - centre) / width) ** 2).sum())

    def loss(x: np.ndarray) -> float:
        x = np.clip(x, -8, 8)
        each = (likely @ repair_weights(x[2], np.exp(x[3]))) @ share_weights(np.exp(x[0]), np.exp(x[1]))
        return penalty(x) - float(np.log(np.maximum(each, 1e-300)).sum())

    start = np.array([3.0, 0.0, np.log(2), np.log(0.5)])
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-3, "maxiter": 600})
    return np.clip(found.x, -8, 8)


def dispersion(outages: pd.DataFrame) -> float:
    """Return how much more the durations of outages vary than geometric ones do, (1 + c^2) / 2; at least 1.

    A duration is counted in readings; only outages whose both ends were seen count. For exponential outages the count
    is geometric, E[k^2] = (2 - q) / q^2 with q = 1 / E[k], to which the observed mean of squares is compared.
    """
    closed = outages.loc[outages["at_most"].notna(), "readings"].to_numpy(float)
    if len(closed) < TOO_FEW:
        return 1.0
    q = 1 / closed.mean()
    return float(np.clip((closed**2).mean() * q**2 / (2 - q), 1.0, LARGEST_DISPERSION))


@stage(phase="Modelling")
def fit_network(counts: pd.DataFrame, lifts: pd.DataFrame, outages: pd.DataFrame) -> Network:
    """Learn from all lifts how availability and repair times are distributed.

    Args:
        counts: as `tasks.cases.elevators.features.count_changes` returns them.
        lifts: the same.
        outages: as `find_outages` returns them.

    Raises:
        ContractError: no lift whose state was ever told.
    """
    known = lifts[lifts["first"].notna()]
    if known.empty:
        raise ContractError("The state of no lift was ever told, so nothing can be learned; take further snapshots.")
    chosen = known.iloc[np.unique(np.linspace(0, len(known) - 1, LIFTS_FOR_NETWORK).astype(int))]
    factor = dispersion(outages)
    likely = np.exp(likelihoods(counts, chosen, factor).log)
    up, down, mean, spread = _fit(likely)
    return Network(
        up=float(np.exp(up)),
        down=float(np.exp(down)),
        repair_log_mean=float(mean),
        repair_log_sd=float(np.exp(spread)),
        dispersion=factor,
        lifts=len(chosen),
    )


@stage(phase="Modelling")
def estimate_lifts(counts: pd.DataFrame, lifts: pd.DataFrame, network: Network) -> pd.DataFrame:
    """Estimate the availability of each lift, with its 95 % interval.

    Returns:
        `lifts` with `low` and `high` (95 % interval of availability from the lift's own readings), `shrunk` (its mean
        given also all other lifts), `repair_days` (mean duration of an outage, the same way) and `worth` (how many
        independent readings its readings are worth). NaN where no state was told.
    """
    found = []
    for start in range(0, len(lifts), 250):
        likely = likelihoods(counts, lifts.iloc[start : start + 250], network.dispersion)
        found.append(_estimated(likely, network))
    table = lifts.merge(pd.concat(found, ignore_index=True), on="equipment", how="left")
    table["worth"] = table["readings"] * _worth(counts, table)
    return table


def _estimated(likely: Likelihoods, network: Network) -> pd.DataFrame:
    if not len(likely.equipment):
        return pd.DataFrame(columns=["equipment", "low", "high", "shrunk", "repair_days"]).astype(float)
    grid = np.exp(likely.log)
    repairs = repair_weights(network.repair_log_mean, network.repair_log_sd)
    own = (grid @ repairs) * share_weights(0.5, 0.5)
    joint = grid * (share_weights(network.up, network.down)[:, None] * repairs[None, :])
    joint /= joint.sum(axis=(1, 2), keepdims=True)
    low, high = interval(own)
    return pd.DataFrame(
        {
            "equipment": likely.equipment,
            "low": low,
            "high": high,
            "shrunk": joint.sum(axis=2) @ SHARES,
            "repair_days": np.exp(joint.sum(axis=1) @ np.log(REPAIRS)),
        }
    )


def interval(weights: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the central interval of each row of weights over the cells of availability.

    An end at which the readings allow everything (no outage seen, or none but outages) is moved to one, or zero.
    """
    mass = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    mass = np.hstack([np.zeros((len(mass), 1)), mass])
    tail = (1 - level) / 2
    low = np.array([np.interp(tail, row, EDGES) for row in mass])
    high = np.array([np.interp(1 - tail, row, EDGES) for row in mass])
    return np.where(low < 0.002, 0.0, low), np.where(high > 0.9985, 1.0, high)


def _worth(counts: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Return the share of its readings that a lift's readings are worth as independent ones.

    With neighbours correlated by a, n readings are worth about n (1 - a) / (1 + a) (G. Bartlett, 1946).
    """
    merged = counts.merge(table[["equipment", "shrunk", "repair_days"]], on="equipment")
    merged["a"] = np.exp(-merged["gap"] / (merged["shrunk"] * merged["repair_days"])) * merged["n"]
    sums = merged.groupby("equipment")[["a", "n"]].sum().reindex(table["equipment"])
    a = (sums["a"] / sums["n"]).to_numpy(float)
    return np.where(np.isfinite(a), (1 - a) / (1 + a), 1.0)
