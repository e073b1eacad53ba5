"""Will the lift run when I come? Forecasts of the last weeks, made from what was known before them.

Four forecasts of each lift's chance to be in order, at the same readings: the raw share of its readings so far (the
baseline), its state at the last reading (as now), its shrunk availability, and the Markov forecast, which starts from
the state now and forgets it at the pace at which lifts are repaired. A forecast's score is the mean squared difference
to what was read (G. Brier, 1950); 0 is best, and 0.25 is what a forecast of one half always gets.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.cases.elevators.features import to_matrix
from tasks.cases.elevators.training import REPAIRS, SHARES, Network, likelihoods, repair_weights, share_weights
from tasks.evaluation.intervals import bootstrap, paired_difference
from tasks.evaluation.metrics import Metric
from tasks.platform.errors import ContractError
from tasks.platform.stage import stage

FORECASTS = ("markov", "shrunk", "raw", "as_now")
HOUR = 24.0  # horizons are rounded to the hour: one set of weights serves all lifts of a snapshot


class Forecasts(NamedTuple):
    """How each forecast did."""

    scores: pd.DataFrame  # equipment, station, n, and the Brier score of each forecast
    by_day: pd.DataFrame  # horizon (whole days), n, the Brier score of each forecast, and share up


@stage(phase="Evaluation")
def score_forecasts(
    readings: pd.DataFrame, counts: pd.DataFrame, lifts: pd.DataFrame, network: Network, days: float
) -> Forecasts:
    """Score the forecasts of the last `days` days, lift by lift.

    Args:
        readings: all of them; columns observed, equipment, station, state.
        counts: without the last `days` days, as `count_changes` returns them.
        lifts: the same.
        network: learned from the same.
        days: that are left out.
    """
    held = readings[readings["observed"] > readings["observed"].max() - pd.Timedelta(days=days)]
    start = readings["observed"].min()
    matrix = to_matrix(held)
    known = lifts[lifts["first"].notna() & lifts["equipment"].isin(matrix.equipment)].reset_index(drop=True)
    up = matrix.states[:, np.searchsorted(matrix.equipment, known["equipment"])]
    when = (matrix.times - np.datetime64(start, "us")) / np.timedelta64(1, "D")
    horizon = when[:, None] - known["last_day"].to_numpy()[None, :]
    shares = {
        "markov": _markov(known, counts, network, horizon),
        "shrunk": np.tile(_posterior(known, counts, network).sum(axis=2) @ SHARES, (len(when), 1)),
        "raw": np.tile(known["up"].to_numpy(), (len(when), 1)),
        "as_now": np.tile(known["last"].to_numpy(), (len(when), 1)),
    }
    errors = {name: (share - up) ** 2 for name, share in shares.items()}
    told = np.isfinite(up)
    if not told.any():
        raise ContractError("The last weeks hold no reading that tells a state; leave out more days for the test.")
    n = told.sum(axis=0)
    scores = pd.DataFrame({"equipment": known["equipment"], "n": n})
    stations = readings.drop_duplicates("equipment", keep="last").set_index("equipment")["station"]
    scores["station"] = stations.reindex(scores["equipment"]).to_numpy()
    for name, error in errors.items():
        scores[name] = np.where(n > 0, np.nansum(error, axis=0) / np.maximum(n, 1), np.nan)
    return Forecasts(scores[scores["n"] > 0].reset_index(drop=True), _by_day(errors, horizon, up))


def _by_day(errors: dict[str, np.ndarray], horizon: np.ndarray, up: np.ndarray) -> pd.DataFrame:
    told = np.isfinite(up)
    table = pd.DataFrame({name: error[told] for name, error in errors.items()})
    table["up"] = up[told]
    table["horizon"] = np.maximum(np.round(horizon[told]), 1).astype("int64")
    grouped = table.groupby("horizon")
    return grouped.mean().assign(n=grouped.size()).reset_index()


def _posterior(lifts: pd.DataFrame, counts: pd.DataFrame, network: Network) -> np.ndarray:
    """Return the weight of each cell of the grid for each lift, (lifts, shares, repairs)."""
    likely = np.exp(likelihoods(counts, lifts, network.dispersion).log)
    repairs = repair_weights(network.repair_log_mean, network.repair_log_sd)
    joint = likely * (share_weights(network.up, network.down)[:, None] * repairs[None, :])
    return joint / joint.sum(axis=(1, 2), keepdims=True)


def _markov(lifts: pd.DataFrame, counts: pd.DataFrame, network: Network, horizon: np.ndarray) -> np.ndarray:
    """Return the chance of each lift to be in order, (times, lifts), from its last state before."""
    rates = 1 / (REPAIRS[None, :] * SHARES[:, None])
    rounded, last = np.round(horizon * HOUR) / HOUR, lifts["last"].to_numpy()
    chance = np.empty(horizon.shape)
    for start in range(0, len(lifts), 250):
        part = slice(start, start + 250)
        weights = _posterior(lifts.iloc[part], counts, network)
        for gap in np.unique(rounded[:, part]):
            memory = np.exp(-rates * gap)
            long_run = np.tensordot(weights, SHARES[:, None] * (1 - memory), axes=2)
            forecast = long_run + last[part] * np.tensordot(weights, memory, axes=2)
            times, places = np.nonzero(rounded[:, part] == gap)
            chance[times, start + places] = forecast[places]
    return chance


@stage(phase="Evaluation")
def summarise_forecasts(scores: pd.DataFrame, chosen: str) -> list[Metric]:
    """Return the mean Brier score of each forecast, and the gain of the chosen one over the raw share.

    Whole stations are drawn in the bootstrap: their lifts fail together when the power does.
    """
    groups, baseline = scores["station"].to_numpy(), float(scores["raw"].mean())
    metrics = []
    for name in (chosen, *(other for other in FORECASTS if other != chosen)):
        low, high = bootstrap(scores[name].to_numpy(), groups=groups)
        label = "brier" if name == chosen else f"brier_{name}"
        metrics.append(
            Metric(
                name=label,
                value=float(scores[name].mean()),
                low=low,
                high=high,
                n=len(scores),
                baseline=baseline if name == chosen else None,
                note=f"forecast: {name.replace('_', ' ')}; lower is better",
            )
        )
    gain = paired_difference(scores["raw"], scores[chosen], groups=groups)
    metrics.append(
        Metric(
            name="brier_gain",
            value=gain.value,
            low=gain.low,
            high=gain.high,
            n=len(scores),
            note="over the raw share",
        )
    )
    return metrics
